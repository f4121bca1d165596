# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode sends nothing that changes anything, and predicts what the run will do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault, PocketId, SddcManager
from simulator.permissions import Permission, Principal
from simulator.switches import DEFAULT_PROVIDER_ID
from system import sddc_examples
from system.homes import PROVIDER, Home
from system.playbook import COLLECTION, NAMESPACE, Json, Modules, Playbooks

# The whole list of what check mode may send besides GET.
HARMLESS = {("POST", "/api/session", ""), ("DELETE", "/api/session", "")}
SDDC_SESSION = {
    ("POST", "/v1/tokens"),
    ("PATCH", "/v1/tokens/access-token/refresh"),
    ("DELETE", "/v1/tokens/refresh-token"),
}
READING = {("POST", "/api/vcenter/authorization/permissions", "action=list")}
# Of scim_user and scim_users one is enough.
LAWFUL = ("scim_users", "scim_group")


@dataclass(frozen=True)
class Case:
    """A task that would change something, if it can at all."""

    module: str
    options: Json = field(default_factory=dict)
    changes: bool = True


def user(module: str, **options: Any) -> Case:
    """The same for one user and for many."""
    changes = options.pop("changes", True)
    if module == "scim_users":
        of_module = {
            name: options.pop(name) for name in ("inherit_permissions", "remove_permissions") if name in options
        }
        return Case(module, {"users": [options], "domain": DEFAULT_DOMAIN, **of_module}, changes)
    return Case(module, {**options, "domain": DEFAULT_DOMAIN}, changes)


CASES: dict[str, Case] = {
    "info: providers": Case("broker_provider_info", changes=False),
    "info: users": Case("scim_user_info", changes=False),
    "info: groups": Case("scim_group_info", changes=False),
    "info: permissions": Case("global_permission_info", changes=False),
    "info: diagnosis": Case("login_diagnosis_info", {"users": ["pie"]}, changes=False),
    "token: mint": Case("sync_token"),
    "token: force": Case("sync_token", {"force": True}),
}
for _module in ("scim_user", "scim_users"):
    CASES |= {
        f"{_module}: create": user(_module, username="new", external_id="id-new", given_name="New"),
        f"{_module}: create bare": user(_module, username="new", external_id="id-new", username_format="bare"),
        f"{_module}: update": user(_module, username="pie", given_name="Other", email="", active=False),
        f"{_module}: rename": user(_module, username="cake", external_id="id-pie", rename=True),
        f"{_module}: recreate": user(
            _module, username="pie", external_id="id-new", recreate=True, inherit_permissions=True
        ),
        f"{_module}: delete": user(_module, username="pie", state="absent"),
        f"{_module}: delete with permissions": user(_module, username="pie", state="absent", remove_permissions=True),
        f"{_module}: nothing": user(_module, username="pie", external_id="id-pie", changes=False),
        f"{_module}: nothing there": user(_module, username="nobody", state="absent", changes=False),
    }
CASES |= {
    f"scim_users: {name}": Case("scim_users", {"users": [{"username": "tart"}], "domain": DEFAULT_DOMAIN, **options})
    for name, options in (
        ("permission", {"permissions": [{"role": "ReadOnly"}]}),
        ("permission of a group", {"group_permissions": [{"group": "bakers", "role": "ReadOnly"}]}),
    )
}
CASES |= {
    f"scim_group: {name}": Case("scim_group", {"display_name": "bakers", **options}, changes)
    for name, options, changes in (
        ("create", {"display_name": "cooks", "members": ["pie"], "member_groups": ["bakers"]}, True),
        ("add", {"members": ["tart"]}, True),
        ("remove", {"members": ["pie"], "members_state": "absent"}, True),
        ("exact", {"members": ["tart"], "members_state": "exact"}, True),
        ("delete", {"state": "absent"}, True),
        ("nothing", {"members": ["PIE"], "members_state": "exact"}, False),
        ("nothing there", {"display_name": "cooks", "state": "absent"}, False),
    )
}
CASES |= {
    f"global_permission: {name}": Case(
        "global_permission", {"principal": "pie", "domain": DEFAULT_DOMAIN, **options}, changes
    )
    for name, options, changes in (
        ("create", {"principal": "new", "role": "Admin"}, True),
        ("another role", {"role": "Admin"}, True),
        ("not propagating", {"role": "ReadOnly", "propagate": False}, True),
        ("delete", {"state": "absent"}, True),
        ("nothing", {"role": "-2"}, False),
        ("nothing there", {"principal": "nobody", "state": "absent"}, False),
    )
}


def prepared(appliance: Appliance) -> None:
    appliance.reset()
    pie = appliance.add_user(
        "pie@lab.example.org", "id-pie", domain=DEFAULT_DOMAIN, given_name="Pie", email="p@example.org"
    )
    appliance.add_user("tart@lab.example.org", "id-tart", domain=DEFAULT_DOMAIN)
    appliance.broker.groups.create({"displayName": "bakers", "members": [{"value": pie["id"]}]}, DEFAULT_PROVIDER_ID)
    appliance.permissions.create(Permission(Principal("USER", "pie", DEFAULT_DOMAIN), "-2", True))
    appliance.mint()


def kept(appliance: Appliance) -> tuple[list[Json], list[tuple[str, list[str]]], list[Permission]]:
    """What the broker and vCenter hold."""
    groups = [(group.name, list(group.members)) for group in appliance.broker.groups.all()]
    return appliance.broker.users, groups, appliance.permissions.all()


def only_harmless(appliance: Appliance) -> None:
    sent = {(seen.method, seen.path, seen.query) for seen in appliance.requests if seen.method != "GET"}
    assert sent - READING == HARMLESS


@pytest.mark.parametrize("name", CASES)
def test_check_mode_changes_nothing_and_tells_the_truth(modules: Modules, appliance: Appliance, name: str) -> None:
    case = CASES[name]
    prepared(appliance)
    before, token = kept(appliance), appliance.current_sync_token
    dry = modules.well(case.module, check=True, **case.options)
    only_harmless(appliance)
    assert (kept(appliance), appliance.current_sync_token) == (before, token)
    assert appliance.state.sessions == {}

    appliance.clear_requests()
    real = modules.well(case.module, **case.options)
    assert dry["changed"] == real["changed"] == case.changes
    assert dry.get("diff") == real.get("diff")
    assert dry.get("operation") == real.get("operation")
    assert dry.keys() == real.keys()
    assert appliance.state.sessions == {}
    assert bool(appliance.writes() or appliance.mintings()) == case.changes
    if not case.changes:
        only_harmless(appliance)

    again = modules.well(case.module, **case.options)
    assert again["changed"] == (case.module == "sync_token")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.module in LAWFUL])
def test_the_token_law_holds_in_check_mode(modules: Modules, appliance: Appliance, name: str) -> None:
    """Where the broker refuses the read token, check mode would rather fail than revoke another's token."""
    prepared(appliance)
    appliance.switches.read_token = "refused_401"
    case = CASES[name]
    modules.failed(case.module, check=True, **case.options)
    only_harmless(appliance)
    # Unless told that it may: then one token is minted, and that is all.
    modules.well(case.module, check=True, check_mode_mint=True, **case.options)
    assert (len(appliance.mintings()), appliance.writes()) == (1, [])


def test_the_log_is_read_in_check_mode_too(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    text, about = appliance.log_path.read_bytes(), appliance.log_path.stat()
    run = playbooks.read_log({}, arguments=["--check"]).went_well()
    assert len(run.results[0].result["attempts"]) == 1
    assert run.results[0].result["changed"] is False
    after = appliance.log_path.stat()
    assert (appliance.log_path.read_bytes(), after.st_mtime_ns, after.st_ino) == (text, about.st_mtime_ns, about.st_ino)
    assert [path.name for path in appliance.log_path.parent.iterdir()] == [appliance.log_path.name]
    assert appliance.requests == []


def test_the_role_in_check_mode(playbooks: Playbooks, appliance: Appliance) -> None:
    prepared(appliance)
    appliance.login("muffin")
    users = [
        {"username": "muffin", "given_name": "Muffin"},
        {"username": "new", "external_id": "id-new"},
        {"username": "pie", "state": "absent"},
    ]
    before = appliance.broker.users
    run = playbooks.role(users, "--check", "--diff").went_well()
    only_harmless(appliance)
    assert appliance.broker.users == before
    assert run.recap("localhost")["changed"] == 2


CLIENT = {"client_id": "vcenter", "vcenter": "vcsa.example.org"}


@pytest.mark.parametrize(
    ("module", "options", "changes"),
    [
        ("pocket_id_user_info", {}, False),
        ("pocket_id_user_info", {"group": ["bakers"], "client_id": "vcenter", "verify_sub": True}, False),
        ("pocket_id_oidc_client", {**CLIENT, "client_id": "new", "allowed_groups": ["bakers"]}, True),
        ("pocket_id_oidc_client", CLIENT, True),
        ("pocket_id_oidc_client", {"client_id": "vcenter", "allowed_groups": ["bakers"]}, True),
        ("pocket_id_oidc_client", {"client_id": "vcenter", "rotate_secret": True}, True),
        ("pocket_id_oidc_client", {"client_id": "vcenter", "state": "absent"}, True),
        ("pocket_id_oidc_client", {"client_id": "none", "state": "absent"}, False),
        ("pocket_id_oidc_client", {"client_id": "vcenter"}, False),
    ],
)
def test_pocket_id_in_check_mode(
    providing: Modules, pocket_id: PocketId, module: str, options: Json, changes: bool
) -> None:
    pocket_id.add_user("pie", email="pie@example.org")
    pocket_id.add_group("bakers", members=["pie"])
    pocket_id.add_client("vCenter", id="vcenter", callback_urls=["https://vcsa.example.org/other"])
    dry = providing.well(module, check=True, **options)
    assert {seen.method for seen in pocket_id.requests} == {"GET"}
    real = providing.well(module, **options)
    assert dry["changed"] == real["changed"] == bool(pocket_id.writes()) == changes
    assert dry.get("diff") == real.get("diff")
    assert dry.get("operation") == real.get("operation")
    assert dry.keys() == real.keys()
    if not options.get("rotate_secret"):
        assert providing.well(module, **options)["changed"] is False


OKTA = sddc_examples.federated_task(*sddc_examples.OKTA)


@pytest.mark.parametrize(
    ("module", "options", "changes"),
    [
        ("sddc_identity_provider_info", {}, False),
        ("sddc_identity_precheck_info", {"source": "OKTA"}, False),
        ("sddc_oidc_info", {}, False),
        ("sddc_identity_provider", {**OKTA, "name": "new"}, True),
        ("sddc_identity_provider", {**OKTA, "source": "PING_FEDERATE"}, True),
        ("sddc_identity_provider", {**OKTA, "update_secret": "always"}, True),
        ("sddc_identity_provider", {"name": "okta", "state": "absent"}, True),
        ("sddc_identity_provider", OKTA, False),
        ("sddc_identity_source", sddc_examples.SOURCE_TASK, True),
        ("sddc_identity_source", {"domain_name": "none.com", "state": "absent"}, False),
        ("sddc_sync_token", {"ttl": 60}, True),
        ("sddc_sync_token", {"force": True, "current_token": "opaque-but-standing"}, True),
        ("sddc_sync_token", {"current_token": "opaque-but-standing"}, False),
    ],
)
def test_sddc_manager_in_check_mode(
    managing: Modules, sddc: SddcManager, module: str, options: Json, changes: bool
) -> None:
    """Also where its login ends in the midst."""
    sddc.add_provider(sddc_examples.federated_sent(*sddc_examples.OKTA))
    sddc.switches.faults = [Fault(match="GET /v1/identity-", kind="expire_token")]
    before = sddc.specs, dict(sddc.kept.sources)
    dry = managing.well(module, check=True, **options)
    assert {(seen.method, seen.path) for seen in sddc.requests if seen.method != "GET"} == SDDC_SESSION
    assert (sddc.specs, sddc.kept.sources) == before
    sddc.clear_requests()
    real = managing.well(module, **options)
    assert dry["changed"] == real["changed"] == bool(sddc.writes()) == changes
    assert dry.get("diff") == real.get("diff")
    assert dry.get("operation") == real.get("operation")
    assert dry.keys() == real.keys()
    if module != "sddc_sync_token" and "update_secret" not in options:
        assert managing.well(module, **options)["changed"] is False


def test_a_token_is_not_rotated_in_check_mode(playbooks: Playbooks, appliance: Appliance) -> None:
    """Here or on the appliance; what it predicts is in test_rotate_token."""
    token = appliance.mint()
    command = ["sh", "-c", f"touch {playbooks.folder}/ran"]
    variables = {"rotate_token_file": "new", "rotate_token_command": command, "rotate_token_current_token": token}
    playbooks.run(f"{NAMESPACE}.rotate_token", "--check", variables={**playbooks.variables, **variables}).went_well()
    only_harmless(appliance)
    assert appliance.current_sync_token == token
    assert not [name for name in ("new", "ran") if (playbooks.folder / name).exists()]


LAB = {"name": "Lab", "domains": ["lab.example.com"]}
NEW_CLIENT = {"client_id": "new", "grant_types": ["client_credentials"], "scope": ["admin"]}


@pytest.mark.parametrize(
    ("module", "options", "changes"),
    [
        ("broker_directory", {"name": "New", "domains": ["new.example.com"]}, True),
        ("broker_directory", {"name": "Lab", "source": "OKTA"}, True),
        ("broker_directory", {"name": "Lab", "state": "absent", "force": True}, True),
        ("broker_directory", LAB, False),
        ("broker_directory_info", {"sync_client": True}, False),
        ("broker_identity_provider", {**PROVIDER, "name": "New"}, True),
        ("broker_identity_provider", {"name": "Pocket", "oidc_profile": {"client_id": "other"}}, True),
        ("broker_identity_provider", {"name": "Pocket", "state": "absent"}, True),
        ("broker_identity_provider", PROVIDER, False),
        ("broker_identity_provider_info", {"saml_metadata": True}, False),
        ("broker_oauth2_client", NEW_CLIENT, True),
        ("broker_oauth2_client", {"client_id": "old", "rule_set_names": ["TENANT_ADMIN"]}, True),
        ("broker_oauth2_client", {"client_id": "old", "secret_rotation": "started", "secondary_secret": "s" * 9}, True),
        ("broker_oauth2_client", {"client_id": "old", "state": "absent"}, True),
        ("broker_oauth2_client", {"client_id": "old", "scope": ["admin"]}, False),
        ("broker_oauth2_client_info", {}, False),
        ("sync_token", {"directory": "Lab"}, True),
        ("scim_users", {"users": [{"username": "new", "external_id": "id-new"}]}, True),
    ],
)
def test_the_brokers_own_api_in_check_mode(home: Home, module: str, options: Json, changes: bool) -> None:
    """In both homes; before the run, nothing but what reads and signs in."""
    home.services.create_directory(dict(LAB))
    directory = next(each.id for each in home.services.directories.values() if each.body["name"] == "Lab")
    home.services.create_provider(
        {
            "idp_name": "Pocket",
            "idp_type": "OIDC",
            "directory_list": [{"id": directory}],
            "oidc_profile": dict(PROVIDER["oidc_profile"]),
        }
    )
    home.services.place_client({**NEW_CLIENT, "client_id": "old"}, "secret-of-the-old-client")
    if module == "scim_users":
        where = (directory, "lab.example.com") if home.modules.workspace_one else (DEFAULT_PROVIDER_ID, DEFAULT_DOMAIN)
        options = {**options, "provider_id": where[0], "domain": where[1]}
    before = home.held()
    dry = home.well(module, check=True, **options)
    home.only_harmless()
    assert home.held() == before
    real = home.well(module, **options)
    assert dry["changed"] == real["changed"] == bool(home.server.writes() or home.server.mintings()) == changes
    assert dry.get("diff") == real.get("diff")
    assert dry.get("operation") == real.get("operation")
    assert dry.keys() == real.keys()


def test_variables_are_checked_in_check_mode_too(playbooks: Playbooks, appliance: Appliance) -> None:
    variables = {**playbooks.variables, "federated_users_users": [], "federated_users_purg": True}
    for arguments in ((), ("--check",)):
        run = playbooks.run(f"{NAMESPACE}.provision", *arguments, variables=variables)
        assert "Did you mean federated_users_purge?" in run.failure.message
    assert appliance.requests == []


HELD: dict[str, Callable[..., None]] = {
    "check_role_variables": test_variables_are_checked_in_check_mode_too,
    "externalid_fact": test_the_log_is_read_in_check_mode_too,
    "rotate_token": test_a_token_is_not_rotated_in_check_mode,
    "pocket_id_user_info": test_pocket_id_in_check_mode,
    "pocket_id_oidc_client": test_pocket_id_in_check_mode,
    "sddc_identity_precheck_info": test_sddc_manager_in_check_mode,
    "sddc_identity_provider": test_sddc_manager_in_check_mode,
    "sddc_identity_provider_info": test_sddc_manager_in_check_mode,
    "sddc_identity_source": test_sddc_manager_in_check_mode,
    "sddc_oidc_info": test_sddc_manager_in_check_mode,
    "sddc_sync_token": test_sddc_manager_in_check_mode,
    **{
        f"broker_{name}{info}": test_the_brokers_own_api_in_check_mode
        for name in ("directory", "identity_provider", "oauth2_client")
        for info in ("", "_info")
    },
}


def test_every_module_has_a_case_here() -> None:
    modules = {path.stem for path in (COLLECTION / "plugins/modules").glob("*.py")} - {"__init__"}
    actions = {path.stem for path in (COLLECTION / "plugins/action").glob("*.py")} - {"__init__"}
    assert modules | actions == {case.module for case in CASES.values()} | HELD.keys()
