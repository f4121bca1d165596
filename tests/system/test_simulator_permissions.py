# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The appliance's permissions and roles, over the API of vSphere 9 and the older one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from simulator import DEFAULT_DOMAIN, INVENTORY, PEOPLE, WS1B_SCHEMA, Appliance
from simulator.cli import main
from simulator.client import Caller

REST = "/api/vcenter/authorization"
LEGACY = "/rest/com/vmware/cis/authz/permission"
GLOBAL = {"type": "GlobalAcl", "id": "GlobalAcl"}
MUFFIN = {"type": "USER", "name": "muffin", "domain": DEFAULT_DOMAIN}
FIRST = 3  # two global permissions and one on the inventory are there from the start


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        caller.log_in()
        yield caller


def spec(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"object": GLOBAL, "principal": MUFFIN, "role": "-1", "propagating": True}
    return {name: value for name, value in (body | changes).items() if value is not None}


def legacy_spec(name: str = f"{DEFAULT_DOMAIN}\\muffin", **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "resource_id": {"type": "PermissionFolder", "id": "global-permission"},
        "principal": {"type": "USER", "user_name": name},
        "role_id": ["-1"],
        "propagate": True,
    }
    return {"create_spec": body | changes}


def create(call: Caller, **changes: Any) -> str:
    answer = call("POST", f"{REST}/permissions", json=spec(**changes))
    assert answer.status_code == 201
    return str(answer.json())


def listed(call: Caller, **body: Any) -> dict[str, Any]:
    answer = call("POST", f"{REST}/permissions?action=list", json=body)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def one(key: str) -> str:
    return f"{REST}/permissions/{quote(key, safe='')}"


def legacy_one(key: str) -> str:
    return f"{LEGACY}/id:{quote(key, safe='')}"


# vSphere 9


def test_a_permission_from_its_creation_to_its_end(appliance: Appliance, call: Caller) -> None:
    key = create(call)
    assert call("GET", one(key)).json() == spec()
    changed = call("PATCH", one(key), json={"role": "-2", "is_propagating": False})
    assert (changed.status_code, changed.content) == (204, b"")
    assert call("GET", one(key)).json() == spec(role="-2", propagating=False)
    assert {"permission": key, "info": spec(role="-2", propagating=False)} in listed(call)["items"]
    assert call("DELETE", one(key)).status_code == 204
    gone = call("DELETE", one(key))
    assert (gone.status_code, gone.json()["error_type"]) == (404, "NOT_FOUND")
    assert [(seen.method, seen.status) for seen in appliance.writes()] == [
        ("POST", 201),
        ("PATCH", 204),
        ("DELETE", 204),
        ("DELETE", 404),
    ]


def test_the_collection_is_listed_by_an_action_only(call: Caller) -> None:
    answer = call("GET", f"{REST}/permissions")
    assert (answer.status_code, answer.json()["error_type"]) == (404, "OPERATION_NOT_FOUND")
    assert call("POST", f"{REST}/permissions?action=other").status_code == 404
    assert call("POST", f"{REST}/permissions?action=list").json() == listed(call)


@pytest.mark.parametrize("role", ["-1", "-2"])
def test_a_principal_has_one_global_permission(call: Caller, role: str) -> None:
    create(call)
    again = {**MUFFIN, "name": "MUFFIN", "domain": DEFAULT_DOMAIN.upper()}
    answer = call("POST", f"{REST}/permissions", json=spec(principal=again, role=role))
    assert (answer.status_code, answer.json()["error_type"]) == (400, "ALREADY_EXISTS")
    assert answer.json()["messages"][0]["id"].endswith(".already_exists_global")
    create(call, principal={**MUFFIN, "type": "GROUP"})
    create(call, object={"type": "Folder", "id": "group-d1"})


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "-99"},
        {"role": -1},
        {"role": None},
        {"propagating": None},
        {"object": {"type": "GlobalAcl", "id": "other"}},
        {"object": None},
        {"principal": {**MUFFIN, "type": "ROBOT"}},
        {"principal": {**MUFFIN, "name": ""}},
        {"principal": "muffin"},
    ],
)
def test_what_a_creation_refuses(appliance: Appliance, call: Caller, changes: dict[str, Any]) -> None:
    answer = call("POST", f"{REST}/permissions", json=spec(**changes))
    assert (answer.status_code, answer.json()["error_type"]) == (400, "INVALID_ARGUMENT")
    assert len(appliance.permissions.all()) == FIRST


def test_any_spelling_is_accepted(call: Caller) -> None:
    for name, domain in (("nobody", "nowhere"), (f"muffin@{DEFAULT_DOMAIN}", DEFAULT_DOMAIN), ("muffin", None)):
        key = create(call, principal={"type": "USER", "name": name} | ({"domain": domain} if domain else {}))
        assert call("GET", one(key)).json()["principal"]["domain"] == (domain or "localos")


def test_the_last_administrator_stays(call: Caller) -> None:
    administrators = [row["permission"] for row in listed(call, filter={"objects": [GLOBAL], "roles": ["-1"]})["items"]]
    assert [call("DELETE", one(key)).status_code for key in administrators] == [204, 400]
    for method, body in (("DELETE", None), ("PATCH", {"role": "-2"})):
        answer = call(method, one(administrators[-1]), json=body)
        assert (answer.status_code, answer.json()["error_type"]) == (400, "RESOURCE_BUSY")


# Listing


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"principals": [MUFFIN]}, ["muffin"]),
        ({"roles": ["-2"]}, ["bakers"]),
        ({"is_propagating": False}, ["bakers"]),
        ({"objects": [{"type": "Folder", "id": "group-d1"}]}, ["vpxd-extension"]),
        ({"roles": ["-2"], "principals": [MUFFIN]}, []),
        ({}, ["Administrator", "Administrators", "bakers", "muffin", "vpxd-extension"]),
    ],
)
def test_filters(call: Caller, wanted: dict[str, Any], names: list[str]) -> None:
    create(call)
    create(call, principal={**MUFFIN, "type": "GROUP", "name": "bakers"}, role="-2", propagating=False)
    assert sorted(row["info"]["principal"]["name"] for row in listed(call, filter=wanted)["items"]) == names


@pytest.mark.parametrize("wanted", [None, {"roles": ["-2"]}])
def test_pages(appliance: Appliance, call: Caller, wanted: dict[str, Any] | None) -> None:
    made = {create(call, principal={**MUFFIN, "name": f"baker{number}"}, role="-2") for number in range(7)}
    appliance.switches.permissions_page_cap = 3
    found: list[str] = []
    answer = listed(call, iterate={"page_size": 100}, **({"filter": wanted} if wanted else {}))
    while True:
        assert len(answer["items"]) <= 3
        found += [row["permission"] for row in answer["items"]]
        if "marker" not in answer:
            break
        answer = listed(call, iterate={"marker": answer["marker"]})
    assert found == sorted(found)
    assert set(found) & made == made
    assert len(found) == (7 if wanted else 7 + FIRST)
    assert appliance.writes() == appliance.requests[1:8]


@pytest.mark.parametrize(
    "body",
    [
        {"iterate": {"marker": "nonsense"}},
        {"iterate": {"page_size": 0}},
        {"filter": {"roles": "-1"}},
        {"filter": {"principals": [{"name": "muffin"}]}},
    ],
)
def test_what_a_list_refuses(call: Caller, body: dict[str, Any]) -> None:
    answer = call("POST", f"{REST}/permissions?action=list", json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "INVALID_ARGUMENT")


def test_a_filter_and_a_marker_exclude_each_other(call: Caller) -> None:
    marker = listed(call, iterate={"page_size": 1})["marker"]
    body = {"filter": {}, "iterate": {"marker": marker}}
    answer = call("POST", f"{REST}/permissions?action=list", json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "INVALID_ARGUMENT")


# Roles


def test_roles(call: Caller) -> None:
    names = {row["role"]: row["info"]["name"] for row in call("GET", f"{REST}/roles").json()["items"]}
    assert names == {"-1": "Admin", "-2": "ReadOnly", "-5": "NoAccess"}
    body = {"name": "Baker", "description": "Bakes", "privileges": ["VirtualMachine.Interact.PowerOn"]}
    made = call("POST", f"{REST}/roles", json=body)
    assert made.status_code == 201
    address = f"{REST}/roles/{made.json()}"
    assert call("PATCH", address, json={"description": "Bakes bread"}).status_code == 204
    info = call("GET", address).json()
    assert (info["name"], info["description"], info["system"]) == ("Baker", "Bakes bread", False)
    assert set(info["privileges"]) == {*body["privileges"], "System.Anonymous", "System.Read", "System.View"}
    key = create(call, role=made.json())
    assert call("DELETE", address).json()["error_type"] == "RESOURCE_IN_USE"
    call("DELETE", one(key))
    assert call("DELETE", address).status_code == 204
    assert call("GET", address).status_code == 404


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Admin", "Baker", "NoAccess", "ReadOnly", "Waiter"]),
        ("names=Baker&names=Admin&names=Nobody", ["Admin", "Baker"]),
        ("is_system=false", ["Baker", "Waiter"]),
        ("is_system=true", ["Admin", "NoAccess", "ReadOnly"]),
        ("privileges=VirtualMachine.Interact.PowerOn&is_system=false", ["Baker"]),
    ],
)
@pytest.mark.parametrize(("size", "cap"), [(2, 200), (200, 2), (None, 2), (1, 1), (None, 200)])
def test_pages_of_roles(
    appliance: Appliance, call: Caller, query: str, names: list[str], size: int | None, cap: int
) -> None:
    appliance.permissions.create_role("Baker", "", ["VirtualMachine.Interact.PowerOn"])
    appliance.permissions.create_role("Waiter", "", [])
    appliance.switches.permissions_page_cap = cap
    found: list[str] = []
    sizes = f"page_size={size}" if size else ""
    asked = "&".join(part for part in (query, sizes) if part)
    while True:
        answer = call("GET", f"{REST}/roles?{asked}")
        assert answer.status_code == 200
        page = [row["info"]["name"] for row in answer.json()["items"]]
        assert len(page) <= min(size or 200, cap)
        found += page
        if "marker" not in answer.json():
            break
        asked = "&".join(part for part in (f"marker={quote(answer.json()['marker'], safe='')}", sizes) if part)
    assert sorted(found) == names


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=two", "marker=nowhere", "marker=WyItMSIsIG51bGxd", "is_system=perhaps"]
)
def test_what_a_list_of_roles_refuses(call: Caller, query: str) -> None:
    answer = call("GET", f"{REST}/roles?{query}")
    assert (answer.status_code, answer.json()["error_type"]) == (400, "INVALID_ARGUMENT")


def test_a_filter_and_a_marker_of_roles_exclude_each_other(appliance: Appliance, call: Caller) -> None:
    appliance.switches.permissions_page_cap = 1
    marker = call("GET", f"{REST}/roles").json()["marker"]
    answer = call("GET", f"{REST}/roles?marker={quote(marker, safe='')}&names=Admin")
    assert (answer.status_code, answer.json()["error_type"]) == (400, "INVALID_ARGUMENT")


def test_what_roles_refuse(call: Caller) -> None:
    def refusal(method: str, path: str, **body: Any) -> tuple[int, str]:
        answer = call(method, f"{REST}/roles{path}", json=body)
        return answer.status_code, answer.json()["error_type"]

    assert refusal("POST", "", name="Admin", description="") == (400, "ALREADY_EXISTS")
    assert refusal("POST", "", name="", description="") == (400, "INVALID_ARGUMENT")
    assert refusal("POST", "", name="Baker", description="", privileges=[1]) == (400, "INVALID_ARGUMENT")
    assert refusal("PATCH", "/-1", name="Root") == (400, "UNSUPPORTED")
    assert refusal("DELETE", "/-5") == (400, "UNSUPPORTED")


# The older API


def test_the_older_api_from_creation_to_end(appliance: Appliance, call: Caller) -> None:
    made = call("POST", LEGACY, json=legacy_spec())
    key = f"username={DEFAULT_DOMAIN}\\muffin;doc=urn:acl:global:permissions"
    assert (made.status_code, made.json()) == (200, {"value": key})
    detail = {"id": key, **legacy_spec()["create_spec"]}
    assert call("GET", legacy_one(key)).json() == {"value": detail}
    assert key in call("GET", LEGACY).json()["value"]
    details = call("POST", f"{LEGACY}?~action=list-detail").json()["value"]
    assert detail in details
    assert len(details) == FIRST  # what is on the inventory does not show here
    assert len(appliance.writes()) == 1
    assert call("DELETE", legacy_one(key)).status_code == 200
    gone = call("GET", legacy_one(key))
    assert (gone.status_code, gone.json()["type"]) == (404, "com.vmware.vapi.std.errors.not_found")


@pytest.mark.parametrize("name", ["muffin", f"muffin@{DEFAULT_DOMAIN}", "a/b\\c d;e=f%g", "küche\\brötchen"])
def test_the_older_ids_are_the_spelling(call: Caller, name: str) -> None:
    key = call("POST", LEGACY, json=legacy_spec(name)).json()["value"]
    assert key == f"username={name};doc=urn:acl:global:permissions"
    assert call("GET", legacy_one(key)).json()["value"]["principal"]["user_name"] == name
    assert call("GET", one(key)).json()["role"] == "-1"
    assert call("DELETE", legacy_one(key)).status_code == 200


def test_a_group_has_its_own_field(call: Caller) -> None:
    group = {"type": "GROUP", "group_name": f"{DEFAULT_DOMAIN}\\bakers"}
    key = call("POST", LEGACY, json=legacy_spec(principal=group)).json()["value"]
    assert key.startswith("groupname=")
    assert call("GET", legacy_one(key)).json()["value"]["principal"] == group


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({}, "already_exists", "already_exists_global"),
        ({"role_id": ["-99"]}, "invalid_argument", "invalid_role"),
        ({"role_id": ["-1", "-2"]}, "invalid_argument", None),
        ({"role_id": []}, "invalid_argument", None),
        ({"principal": {"type": "USER", "group_name": "x"}}, "invalid_argument", None),
        ({"resource_id": {"type": "Folder", "id": "group-d1"}}, "unsupported", None),
    ],
)
def test_what_the_older_api_refuses(call: Caller, changes: dict[str, Any], kind: str, message: str | None) -> None:
    call("POST", LEGACY, json=legacy_spec())
    answer = call("POST", LEGACY, json=legacy_spec(**changes))
    assert answer.status_code == 400
    assert answer.json()["type"] == f"com.vmware.vapi.std.errors.{kind}"
    ids = [row["id"] for row in answer.json()["value"]["messages"]]
    assert ids == ([f"com.vmware.vcenter.authorization.permissions.{message}"] if message else [])


def test_both_apis_show_the_same_permissions(call: Caller) -> None:
    key = create(call)
    assert [key] == [value for value in call("GET", LEGACY).json()["value"] if "muffin" in value]
    assert call("DELETE", legacy_one(key)).status_code == 200
    assert call("GET", one(key)).status_code == 404


# Variants, sessions, control


@pytest.mark.parametrize(
    ("variant", "rest", "legacy"), [("both", 200, 200), ("rest", 200, 404), ("legacy", 404, 200), ("none", 404, 404)]
)
def test_which_api_there_is(appliance: Appliance, call: Caller, variant: str, rest: int, legacy: int) -> None:
    appliance.switches.update({"permissions_api": variant})
    assert call("POST", f"{REST}/permissions?action=list", json={}).status_code == rest
    assert call("GET", f"{REST}/roles").status_code == rest
    answer = call("GET", LEGACY)
    assert answer.status_code == legacy
    assert "value" in answer.json()


def test_nothing_without_a_session(call: Caller) -> None:
    call.headers = {}
    answer = call("POST", f"{REST}/permissions?action=list", json={})
    assert (answer.status_code, answer.json()["error_type"]) == (401, "UNAUTHENTICATED")
    assert call("GET", f"{REST}/roles").status_code == 401
    answer = call("POST", LEGACY, json=legacy_spec())
    assert (answer.status_code, answer.json()["type"]) == (401, "com.vmware.vapi.std.errors.unauthenticated")


def test_the_control_shows_them_and_a_reset_ends_them(appliance: Appliance, call: Caller) -> None:
    key = create(call)
    rows = call("GET", f"{appliance.control_url}/permissions").json()
    assert [row["role"] for row in rows if row["id"] == key] == ["-1"]
    appliance.reset()
    assert len(call("GET", f"{appliance.control_url}/permissions").json()) == FIRST


# Who has signed in


@pytest.mark.parametrize("username", ["muffin", f"muffin@{DEFAULT_DOMAIN}"])
@pytest.mark.parametrize(
    ("spelling", "permitted"),
    [
        (f"{DEFAULT_DOMAIN}\\muffin", True),
        (f"{DEFAULT_DOMAIN.upper()}\\MUFFIN", True),
        (f"muffin@{DEFAULT_DOMAIN}", True),
        ("other.example.org\\muffin", False),
        ("muffin", False),
    ],
)
def test_a_login_tells_of_permissions(
    appliance: Appliance, call: Caller, username: str, spelling: str, permitted: bool
) -> None:
    call("POST", LEGACY, json=legacy_spec(spelling))
    denied = appliance.login("muffin")
    assert (denied.allowed, denied.permitted) == (False, False)
    appliance.add_user(username, PEOPLE["muffin"])
    login = appliance.login("muffin")
    assert (login.allowed, login.permitted) == (True, permitted)


def test_what_names_the_user_goes_before_what_names_a_group(appliance: Appliance, call: Caller) -> None:
    user = appliance.add_user("muffin", PEOPLE["muffin"])
    assert user[WS1B_SCHEMA]["domain"] == DEFAULT_DOMAIN
    call.use(appliance.mint())
    group = {"displayName": "bakers", "members": [{"value": user["id"]}]}
    assert call.scim("POST", "/Groups", group).status_code == 201
    call.log_in()
    create(call, principal={"type": "GROUP", "name": "Bakers", "domain": DEFAULT_DOMAIN}, role="-2")
    assert appliance.login("muffin").permitted
    create(call, role="-5")
    assert not appliance.login("muffin").permitted


def test_the_command_tells_it_too(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with Appliance(tmp_path, ssh=None) as appliance, Caller(appliance) as call:
        appliance.add_user("muffin", PEOPLE["muffin"])
        assert main(["login", "muffin", "--state", str(tmp_path)]) == 0
        call.log_in()
        create(call)
        assert main(["login", "muffin", "--state", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "allowed, but without any permission yet",
        f"known as {DEFAULT_DOMAIN}\\muffin, sees nothing",
        "allowed, with a permission",
        f"known as {DEFAULT_DOMAIN}\\muffin, sees {', '.join(INVENTORY)}",
    ]


def test_bodies_that_are_no_bodies(call: Caller) -> None:
    for body, status in (("{", 400), (json.dumps([]), 400)):
        headers = {**call.headers, "Content-Type": "application/json"}
        assert call("POST", f"{REST}/permissions", data=body, headers=headers).status_code == status
    assert call("POST", f"{REST}/permissions", data="x").status_code == 415
