# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""sddc_identity_provider and sddc_identity_source: made, unchanged, each field changed alone, removed, and what goes wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from simulator import Fault, SddcManager
from simulator.operations import sddc_manager as table
from system import sddc_examples as printed
from system.playbook import Json, Modules

PROVIDER, SOURCE = "sddc_identity_provider", "sddc_identity_source"
OKTA, OKTA_SENT = printed.PROVIDERS["Okta"]
TASKS = {
    **{name: (PROVIDER, task, sent) for name, (task, sent) in printed.PROVIDERS.items()},
    "source": (SOURCE, printed.SOURCE_TASK, printed.SOURCE_SENT),
}
CHAIN = ["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"]


def put(sddc: SddcManager, name: str) -> None:
    """Have it there, without a request."""
    _module, _task, sent = TASKS[name]
    if name == "source":
        sddc.add_source(copy.deepcopy(sent))
    else:
        sddc.add_provider(copy.deepcopy(sent))


def changed(task: Json, option: str, value: Any) -> Json:
    """The task with one of its options changed."""
    found = copy.deepcopy(task)
    *groups, name = option.split(".")
    place = found
    for group in groups:
        place = place[group]
    place[name] = value
    return found


# Life


@pytest.mark.parametrize("name", TASKS)
def test_made_unchanged_and_removed(managing: Modules, sddc: SddcManager, name: str) -> None:
    module, task, _sent = TASKS[name]
    shown = "identity_source" if module == SOURCE else "provider"
    dry = managing.well(module, check=True, **task)
    assert (sddc.writes(), dry["operation"], dry[shown]) == ([], "create", None)
    made = managing.well(module, **task)
    assert (made["changed"], made["operation"], made["diff"]) == (True, "create", dry["diff"])
    secrets = {"ldap.password"} & {f"ldap.{key}" for key in task.get("ldap", {})}
    secrets |= {"oidc.client_secret"} if "oidc" in task else set()
    unread = {"cert_chain", "ldap.cert_chain"} if name == "AD FS" else set()
    assert set(made["unverified"]) == secrets | unread
    sddc.clear_requests()
    again = managing.well(module, **task)
    assert (again["changed"], again["operation"], again["diff"]) == (False, "none", {"before": {}, "after": {}})
    assert (sddc.writes(), again[shown]) == ([], made[shown])
    gone = {"domain_name": task["domain_name"]} if module == SOURCE else {"name": task["name"].upper()}
    assert managing.well(module, check=True, state="absent", **gone)["changed"] is True
    removed = managing.well(module, state="absent", **gone)
    assert (removed["operation"], removed[shown], sddc.specs, sddc.kept.sources) == ("delete", None, [], {})
    assert managing.well(module, state="absent", **gone)["changed"] is False
    # No login is left behind.
    assert sddc.refresh_tokens == set()


FIELDS = [
    ("AD FS", "oidc.client_id", "other", ("oidc", "clientId")),
    ("AD FS", "oidc.discovery_endpoint", "https://other.com/x", ("oidc", "discoveryEndpoint")),
    ("AD FS", "ldap.domain_name", "other.com", ("ldap", "domainName")),
    ("AD FS", "ldap.domain_alias", "other", ("ldap", "domainAlias")),
    ("AD FS", "ldap.username", "other@x.com", ("ldap", "username")),
    ("AD FS", "ldap.users_base_dn", "other", ("ldap", "sourceDetails", "usersBaseDn")),
    ("AD FS", "ldap.groups_base_dn", "other", ("ldap", "sourceDetails", "groupsBaseDn")),
    ("AD FS", "ldap.server_endpoints", ["ldap://x.com"], ("ldap", "sourceDetails", "serverEndpoints")),
    ("Okta", "source", "PING_FEDERATE", ("fedIdpSpec", "directory", "federatedIdpSourceType")),
    ("Okta", "directory.name", "other_dir", ("fedIdpSpec", "directory", "name")),
    ("Okta", "directory.default_domain", "domain2.com", ("fedIdpSpec", "directory", "defaultDomain")),
    ("Okta", "directory.domains", ["domain1.com"], ("fedIdpSpec", "directory", "domains")),
    ("Okta", "oidc.client_id", "other", ("fedIdpSpec", "oidcSpec", "clientId")),
    ("Okta", "oidc.discovery_endpoint", "https://other.com/x", ("fedIdpSpec", "oidcSpec", "discoveryEndpoint")),
    ("source", "name", "Other", ("name",)),
    ("source", "ldap.type", "OpenLdap", ("ldap", "type")),
    ("source", "ldap.username", "other@x.com", ("ldap", "username")),
    ("source", "ldap.users_base_dn", "other", ("ldap", "sourceDetails", "usersBaseDn")),
    ("source", "ldap.groups_base_dn", "other", ("ldap", "sourceDetails", "groupsBaseDn")),
    ("source", "ldap.server_endpoints", ["ldap://x.com"], ("ldap", "sourceDetails", "serverEndpoints")),
    ("source", "ldap.cert_chain", CHAIN, ("ldap", "sourceDetails", "certChain")),
]


@pytest.mark.parametrize(("name", "option", "value", "path"), FIELDS, ids=lambda value: str(value)[:40])
def test_each_field_alone(
    managing: Modules, sddc: SddcManager, name: str, option: str, value: Any, path: tuple[str, ...]
) -> None:
    """What the task leaves out is merged in: the whole specification is sent, and differs in this alone."""
    module, task, sent = TASKS[name]
    put(sddc, name)
    # AD FS keeps certificates to itself, so nothing can be merged in there.
    expected = copy.deepcopy(sent)
    if name == "AD FS":
        del expected["certChain"], expected["ldap"]["sourceDetails"]["certChain"]
    place = expected
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    given = _given(task, option, value)
    dry = managing.well(module, check=True, **given)
    assert sddc.writes() == []
    made = managing.well(module, **given)
    assert (made["operation"], made["diff"]) == ("update", dry["diff"])
    operation = table.UPDATE_SOURCE if module == SOURCE else table.UPDATE
    assert sddc.bodies(operation) == [expected]
    before, after = _flat(made["diff"]["before"]), _flat(made["diff"]["after"])
    differing = {key for key in before | after if before.get(key) != after.get(key)}
    assert differing - {"oidc.client_secret", "ldap.password"} == {option}
    assert managing.well(module, **given)["changed"] is False


def _given(task: Json, option: str, value: Any) -> Json:
    """By what it is found, the secrets, and the one change."""
    given: Json = {name: task[name] for name in ("name", "domain_name", "type") if name in task}
    for group, secret in (("oidc", "client_secret"), ("ldap", "password")):
        if group in task:
            given[group] = {secret: task[group][secret]}
    group, dot, name = option.partition(".")
    given[group] = {**given.get(group, {}), name: value} if dot else value
    return given


def _flat(document: Json) -> Json:
    found = {}
    for key, value in document.items():
        found |= {f"{key}.{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {key: value}
    return found


def test_a_name_is_changed_by_the_id(managing: Modules, sddc: SddcManager) -> None:
    for name, task, sent in (("Okta", OKTA, OKTA_SENT), ("AD FS", *printed.PROVIDERS["AD FS"])):
        key = sddc.add_provider(copy.deepcopy(sent))["id"]
        given = {**_given(task, "name", f"{name} too"), "id": key}
        result = managing.well(PROVIDER, **given)
        assert (result["operation"], result["provider"]["name"]) == ("update", f"{name} too")
        assert managing.well(PROVIDER, **given)["changed"] is False


def test_what_is_never_told_goes_with_other_changes_or_always(managing: Modules, sddc: SddcManager) -> None:
    """Certificates of AD FS, the directory's id, and the type of AD FS' directory server."""
    put(sddc, "AD FS")
    task = printed.ADFS_TASK
    chains = changed(changed(changed(task, "cert_chain", CHAIN), "ldap.cert_chain", CHAIN), "ldap.type", "OpenLdap")
    assert managing.well(PROVIDER, **chains)["changed"] is False
    written = managing.well(PROVIDER, update_secret="always", **chains)
    assert {"cert_chain", "ldap.cert_chain", "ldap.type"} < set(written["unverified"])
    (spec,) = sddc.specs
    assert (spec["certChain"], spec["ldap"]["sourceDetails"]["certChain"], spec["ldap"]["type"]) == (
        CHAIN,
        CHAIN,
        "OpenLdap",
    )
    made = managing.well(PROVIDER, **changed(changed(OKTA, "directory.id", "d-1"), "cert_chain", CHAIN))
    assert made["unverified"] == ["cert_chain", "directory.id", "oidc.client_secret"]
    assert sddc.bodies(table.ADD)[0]["fedIdpSpec"]["directory"]["directoryId"] == "d-1"


@pytest.mark.parametrize("name", ["AD FS", "Okta", "source"])
def test_secrets_are_written_on_request(managing: Modules, sddc: SddcManager, name: str) -> None:
    module, task, sent = TASKS[name]
    put(sddc, name)
    new = "another-secret"
    group, secret, path = ("ldap", "password", ("ldap", "password"))
    if name == "Okta":
        group, secret, path = ("oidc", "client_secret", ("fedIdpSpec", "oidcSpec", "clientSecret"))
    given = changed(task, f"{group}.{secret}", new)
    assert managing.well(module, **given)["changed"] is False
    result = managing.well(module, update_secret="always", **given)
    assert result["changed"] is True
    assert result["diff"]["before"][group][secret] == "(set)"
    assert result["diff"]["after"][group][secret] == "(set anew)"
    assert new not in str(result)
    (body,) = sddc.bodies(table.UPDATE_SOURCE if name == "source" else table.UPDATE)
    place = body
    for part in path:
        place = place[part]
    assert place == new
    assert body.keys() == sent.keys()


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"created": "text"}, {}),
        ({"created": "nothing"}, {}),
        ({"upper_status": True}, {"status": "active"}),
        ({"tells_token": True}, {}),
    ],
)
def test_variants_of_the_answers(managing: Modules, sddc: SddcManager, switches: Json, expected: Json) -> None:
    sddc.switch(switches)
    made = managing.well(PROVIDER, **OKTA)
    assert made["provider"]["name"] == "okta"
    assert expected.items() <= made["provider"].items()
    managing.well("sddc_sync_token", name="okta")
    assert managing.well(PROVIDER, **OKTA)["changed"] is False


def test_an_identity_source_that_is_added_without_a_word(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.source_created = 204
    assert managing.well(SOURCE, **printed.SOURCE_TASK)["identity_source"]["name"] == "My AD Identity Source"


def test_ldaps(managing: Modules, sddc: SddcManager) -> None:
    task = changed(printed.SOURCE_TASK, "ldap.server_endpoints", ["ldaps://dc1.example.org"])
    assert "ldap.cert_chain" in managing.failed(SOURCE, **task)
    managing.well(SOURCE, **changed(task, "ldap.cert_chain", CHAIN))
    # What stands is told, and merged in.
    given = _given(task, "ldap.users_base_dn", "other")
    assert managing.well(SOURCE, **given)["identity_source"]["ldap"]["cert_chain"] == CHAIN
    assert sddc.bodies(table.UPDATE_SOURCE)[0]["ldap"]["sourceDetails"]["certChain"] == CHAIN


# Prechecks

DETAILS = [{"type": "VCENTER_VERSION", "message": "vCenter is too old"}]


@pytest.mark.parametrize("check", [False, True])
def test_a_failed_precheck_stops(managing: Modules, sddc: SddcManager, *, check: bool) -> None:
    sddc.switches.precheck, sddc.switches.precheck_details = "FAILURE", DETAILS
    result = managing.run(PROVIDER, check=check, **OKTA)
    assert (result["failed"], result["changed"], sddc.writes()) == (True, False, [])
    assert "VCENTER_VERSION: vCenter is too old" in result["msg"]
    assert "Nothing was changed" in result["msg"]
    assert result["prechecks"] == {"status": "FAILURE", "details": DETAILS}
    if not check:
        assert managing.well(PROVIDER, prechecks=False, **OKTA)["prechecks"] is None


def test_a_precheck_warns(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.precheck, sddc.switches.precheck_details = "WARNING", DETAILS
    result = managing.well(PROVIDER, **OKTA)
    assert "vCenter is too old" in result["warnings"][0]
    assert (result["changed"], result["prechecks"]["status"]) == (True, "WARNING")
    # Once it stands, nothing is checked any more.
    assert managing.well(PROVIDER, **OKTA)["prechecks"] is None


# What goes wrong


@pytest.mark.parametrize(
    ("module", "options", "told"),
    [
        (PROVIDER, {"state": "absent"}, ("name: is not given, nor is id",)),
        (PROVIDER, {"name": "x"}, ("state is present", "type")),
        (PROVIDER, {**OKTA, "ldap": {}}, ("ldap", "does not go with type FEDERATED_IDP_BROKER")),
        (PROVIDER, {**printed.ADFS_TASK, "source": "OKTA"}, ("source", "type FEDERATED_IDP_BROKER")),
        (PROVIDER, {**OKTA, "directory": None}, ("directory.name", "needed to create")),
        (PROVIDER, changed(OKTA, "directory.default_domain", "x.com"), ("directory.default_domain", "not in")),
        (PROVIDER, changed(OKTA, "oidc.client_secret", None), ("oidc.client_secret", "needed to create")),
        (PROVIDER, changed(OKTA, "directory.name", "a/b"), ("HTTP 400", "directory.name: characters")),
        (PROVIDER, {**printed.ADFS_TASK, "name": "okta"}, ("type", "cannot be changed to AD_FS")),
        (PROVIDER, {**_given(OKTA, "directory.name", "other"), "oidc": {}}, ("oidc.client_secret", "whole spec")),
        (SOURCE, {**printed.SOURCE_TASK, "ldap": None}, ("ldap.type", "needed to create")),
        (SOURCE, {"domain_name": ""}, ("domain_name", "empty")),
        (SOURCE, {**printed.SOURCE_TASK, "domain_name": "vsphere.local"}, ("domain_name", "built in (SystemDomain)")),
        (SOURCE, {"domain_name": "localos", "state": "absent"}, ("domain_name", "built in (LocalOs)")),
        (SOURCE, changed(printed.SOURCE_TASK, "ldap.server_endpoints", ["dc1"]), ("ldap.server_endpoints", "ldaps://")),
    ],
)
def test_mistakes(managing: Modules, sddc: SddcManager, module: str, options: Json, told: tuple[str, ...]) -> None:
    put(sddc, "Okta")
    if module == PROVIDER and {"needed to create", "HTTP 400", "not in"} & set(told):
        # One that is to be made is another one.
        options = {**options, "name": "new"}
    message = managing.failed(module, **options)
    for part in told:
        assert part in message
    assert [seen for seen in sddc.writes() if seen.status < 300] == []


def test_the_embedded_provider_is_never_touched(managing: Modules, sddc: SddcManager) -> None:
    for options in ({"id": sddc.kept.embedded_id}, {"id": sddc.kept.embedded_id, "state": "absent"}):
        assert "embedded" in managing.failed(PROVIDER, **{**OKTA, **options})
    # By its name it is none of those that can be removed.
    assert managing.well(PROVIDER, name="Embedded IDP", state="absent")["changed"] is False
    assert sddc.writes() == []


def test_an_unknown_id_is_none_that_could_be_updated(managing: Modules, sddc: SddcManager) -> None:
    assert managing.well(PROVIDER, id="nobody", state="absent")["changed"] is False
    for status in (404, 500):
        sddc.switches.unknown_id = status
        assert managing.well("sddc_identity_provider_info", id="nobody")["providers"] == []


def test_domain_and_alias_are_immutable(managing: Modules, sddc: SddcManager) -> None:
    put(sddc, "source")
    message = managing.failed(SOURCE, **changed(printed.SOURCE_TASK, "ldap.domain_alias", "other"))
    assert "ldap.domain_alias" in message
    assert "cannot be changed to 'other'" in message
    assert "state: absent" in message
    message = managing.failed(SOURCE, **changed(printed.SOURCE_TASK, "domain_name", "other.com"))
    assert "domain_name" in message
    assert "cannot be changed to other.com" in message
    # Case is none of it.
    same = changed(changed(printed.SOURCE_TASK, "domain_name", "EMBEDDED-ids.com"), "ldap.domain_alias", "Embedded-IDS")
    assert managing.well(SOURCE, **same)["changed"] is False
    assert sddc.writes() == []


@pytest.mark.parametrize(
    ("name", "switches", "told"),
    [
        ("Okta", {"change": {"clientId": "changed"}}, "oidc.client_id is 'changed' instead of"),
        ("AD FS", {"change": {"usersBaseDn": "changed"}}, "ldap.users_base_dn is 'changed' instead of"),
        ("source", {"change": {"groupsBaseDn": "changed"}}, "ldap.groups_base_dn is 'changed' instead of"),
        ("Okta", {"lose_write": True}, "is not there"),
        ("source", {"lose_write": True}, "is not there"),
    ],
)
def test_what_is_not_kept_is_told(managing: Modules, sddc: SddcManager, name: str, switches: Json, told: str) -> None:
    module, task, _sent = TASKS[name]
    sddc.switch(switches)
    result = managing.run(module, **task)
    assert (result["failed"], result["changed"]) == (True, True)
    assert told in result["msg"]


def test_what_is_forgotten_is_unverified(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.forget = ["discoveryEndpoint"]
    assert "oidc.discovery_endpoint" in managing.well(PROVIDER, **OKTA)["unverified"]


@pytest.mark.parametrize("name", ["Okta", "source"])
def test_what_is_not_deleted_is_told(managing: Modules, sddc: SddcManager, name: str) -> None:
    module, task, _sent = TASKS[name]
    put(sddc, name)
    sddc.switches.lose_write = True
    key = "domain_name" if module == SOURCE else "name"
    assert "is still there" in managing.failed(module, state="absent", **{key: task[key]})


def test_a_list_that_is_cut_short_decides_nothing(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.page_total = 7
    assert "1 of 7 identity providers" in managing.failed(PROVIDER, **OKTA)
    sddc.switches.page_total = 1
    managing.well(PROVIDER, check=True, **OKTA)


def test_a_write_whose_answer_is_lost(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.faults = [Fault(match="POST /v1/identity-providers", kind="reset_after")]
    result = managing.run(PROVIDER, **OKTA)
    assert (result["failed"], result["changed"]) == (True, True)
    assert "running the task again" in result["msg"]
    assert managing.well(PROVIDER, **OKTA)["changed"] is False
