# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SDDC Manager's settings: one table decides what is written, and the second plan is empty."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_choice import (
    embedded_provider,
    settings_of,
    standing_provider,
    syncing_provider,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_settings import (
    AD_FS_SETTINGS,
    FEDERATED_SETTINGS,
    SET,
    SET_ANEW,
    SOURCE_SETTINGS,
    Setting,
    plan_removal,
    plan_settings,
    unkept,
    unverified,
)
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, Any]
TABLES = {"AD_FS": AD_FS_SETTINGS, "FEDERATED_IDP_BROKER": FEDERATED_SETTINGS, "source": SOURCE_SETTINGS}
LISTS = {
    "directory.domains": st.lists(st.sampled_from(["a.org", "b.org", "B.org"]), min_size=1, unique=True),
    "ldap.server_endpoints": st.lists(st.sampled_from(["ldap://x", "ldap://y"]), min_size=1, unique=True),
    "ldap.cert_chain": st.lists(st.sampled_from(["one", "two"])),
    "cert_chain": st.lists(st.sampled_from(["one", "two"])),
}


def value(setting: Setting) -> st.SearchStrategy[Any]:
    if setting.option == "directory.default_domain":
        return st.just("a.org")
    return LISTS.get(setting.option, st.sampled_from(["left", "Left", "right"]))


@st.composite
def wishes(draw: st.DrawFn, table: tuple[Setting, ...], *, whole: bool) -> Json:
    """Whole ones can be created; others name some of it, and the secrets."""
    wish = {}
    for setting in table:
        if setting.secret or (whole and setting.required) or draw(st.booleans()):
            wish[setting.option] = draw(value(setting))
    if "directory.domains" in wish and "a.org" not in wish["directory.domains"]:
        wish["directory.domains"] = [*wish["directory.domains"], "a.org"]
    return wish


def at(document: Json, path: tuple[str, ...]) -> Any:
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def read_back(table: tuple[Setting, ...], document: Json) -> Json:
    """How SDDC Manager tells what was written: no secret, and nothing without a place to tell it."""
    told: Json = {"id": "the-id"}
    for setting in table:
        held = at(document, setting.write)
        if held is None or setting.secret or not setting.read:
            continue
        place = told
        for name in setting.read[:-1]:
            place = place.setdefault(name, {})
        place[setting.read[-1]] = copy.deepcopy(held)
    return told


@pytest.mark.parametrize("kind", TABLES)
@given(data=st.data())
def test_the_second_plan_is_empty_and_what_is_not_named_stays(kind: str, data: st.DataObject) -> None:
    table = TABLES[kind]
    first = data.draw(wishes(table, whole=True))
    created = plan_settings(table, None, first, constants={"type": kind}, rewrite=False)
    assert (created.operation, created.document["type"]) == ("create", kind)
    standing = read_back(table, created.document)
    assert unkept(table, first, standing) is None
    wanted = data.draw(wishes(table, whole=False))
    plan = plan_settings(table, standing, wanted, constants={"type": kind}, rewrite=False)
    if plan.changes:
        for setting in table:
            named = wanted.get(setting.option)
            stood = setting.told(standing)
            assert at(plan.document, setting.write) == (stood if named is None else named), setting
        standing = read_back(table, plan.document)
    again = plan_settings(table, standing, wanted, constants={"type": kind}, rewrite=False)
    assert (again.operation, again.diff()) == ("none", {"before": {}, "after": {}})
    rewritten = plan_settings(table, standing, wanted, constants={"type": kind}, rewrite=True)
    assert rewritten.operation == "update"
    assert plan_removal(table, standing).operation == "delete"
    assert plan_removal(table, None).operation == "none"


@pytest.mark.parametrize("kind", TABLES)
@given(data=st.data())
def test_no_secret_is_in_a_diff(kind: str, data: st.DataObject) -> None:
    table = TABLES[kind]
    secrets = {setting.option: f"secret-of-{setting.option}" for setting in table if setting.secret}
    first = {**data.draw(wishes(table, whole=True)), **secrets}
    created = plan_settings(table, None, first, constants={}, rewrite=False)
    again = plan_settings(table, read_back(table, created.document), first, constants={}, rewrite=True)
    for plan in (created, again):
        assert "secret-of-" not in str(plan.diff())
        assert str(plan.document).count("secret-of-") == len(secrets)
    assert SET_ANEW in str(again.diff()["after"])
    assert SET_ANEW not in str(again.diff()["before"])
    assert SET in str(again.diff()["before"])


def test_a_secret_alone_is_no_change_and_is_needed_for_one() -> None:
    wish = {"name": "x", "oidc.client_id": "id", "oidc.discovery_endpoint": "https://x"}
    standing = {"name": "x", "oidc": {"clientId": "id", "discoveryEndpoint": "https://x"}}
    plan = plan_settings(AD_FS_SETTINGS, standing, {**wish, "oidc.client_secret": "s"}, constants={}, rewrite=False)
    assert plan.operation == "none"
    with pytest.raises(InputError, match=r"oidc\.client_secret: is not given.*whole specification"):
        plan_settings(AD_FS_SETTINGS, standing, {**wish, "oidc.client_id": "other"}, constants={}, rewrite=False)
    # Without one there is nothing that could be rewritten.
    assert plan_settings(AD_FS_SETTINGS, standing, wish, constants={}, rewrite=True).operation == "none"


def test_ldaps_needs_certificates() -> None:
    wish = {
        "domain_name": "x.org",
        "name": "x",
        "ldap.type": "OpenLdap",
        "ldap.username": "u",
        "ldap.password": "p",
        "ldap.users_base_dn": "d",
        "ldap.groups_base_dn": "d",
        "ldap.server_endpoints": ["ldap://a", "ldaps://b"],
    }
    with pytest.raises(InputError, match=r"ldap\.cert_chain"):
        plan_settings(SOURCE_SETTINGS, None, wish, constants={}, rewrite=False)
    plan_settings(SOURCE_SETTINGS, None, {**wish, "ldap.cert_chain": ["pem"]}, constants={}, rewrite=False)
    with pytest.raises(InputError, match="no LDAP address"):
        plan_settings(SOURCE_SETTINGS, None, {**wish, "ldap.server_endpoints": ["b:636"]}, constants={}, rewrite=False)


def test_domains_have_no_order_and_no_case() -> None:
    directory = {"name": "d", "defaultDomain": "A.org", "domains": ["b.org", "A.org"]}
    standing = {"fedIdp": {"name": "x", "source": "OKTA", "directoryList": [directory]}}
    wish = {"directory.domains": ["a.org", "B.org"], "directory.default_domain": "a.ORG"}
    assert plan_settings(FEDERATED_SETTINGS, standing, wish, constants={}, rewrite=False).operation == "none"
    assert unkept(FEDERATED_SETTINGS, wish, standing) is None
    assert unkept(FEDERATED_SETTINGS, {"source": "PING_FEDERATE"}, standing)
    assert unverified(FEDERATED_SETTINGS, {**wish, "cert_chain": []}, standing) == ["cert_chain"]


EMBEDDED = {"id": "e", "name": "Embedded IDP", "type": "Embedded"}
ADFS = {"id": "a", "name": "My ADFS", "type": "Microsoft ADFS"}
OKTA = {"id": "o", "name": "Okta", "type": "FEDERATED_IDP_BROKER", "fedIdp": {"name": "inner"}}


def test_which_provider_is_meant() -> None:
    providers = [EMBEDDED, ADFS, OKTA]
    assert standing_provider(providers, None, "my adfs", "AD_FS") is ADFS
    assert standing_provider(providers, None, "INNER", None) is OKTA
    assert standing_provider(providers, "o", "another", None) is OKTA
    assert standing_provider(providers, None, "Embedded IDP", None) is None
    for key, name, kind, told in (
        (None, None, None, "nor is id"),
        ("e", None, None, "embedded"),
        (None, "okta", "AD_FS", "cannot be changed"),
    ):
        with pytest.raises(InputError, match=told):
            standing_provider(providers, key, name, kind)
    with pytest.raises(InputError, match="several"):
        standing_provider([ADFS, {**ADFS, "id": "b"}], None, "My ADFS", None)
    assert syncing_provider(providers, None, None) is OKTA
    assert embedded_provider(providers) is EMBEDDED
    with pytest.raises(InputError, match="0 embedded"):
        embedded_provider([OKTA])
    assert settings_of("AD_FS", {"ldap": {}}) is AD_FS_SETTINGS
