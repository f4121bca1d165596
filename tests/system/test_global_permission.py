# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Global permissions over real HTTPS, through both APIs: what is written, what is left alone, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance, Fault
from simulator.permissions import ROOT_FOLDER, Permission, Principal
from system.playbook import Json, Modules, Started
from system.stub import Reply, stub_server

Api = Literal["rest", "legacy"]
APIS: list[Api] = ["rest", "legacy"]
MUFFIN = {"principal": "muffin", "domain": DEFAULT_DOMAIN}
LIST = {"rest": "POST action=list", "legacy": "POST ~action=list-detail"}
CREATE = {"rest": "POST /permissions$", "legacy": "POST /permission$"}


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest, appliance: Appliance) -> Api:
    """One of the two APIs, and the other is not there."""
    api: Api = request.param
    appliance.switches.permissions_api = api
    return api


def held(appliance: Appliance) -> dict[str, tuple[str, bool]]:
    """The role and the reach of every global permission by its principal, those that were there from the start apart."""
    rows = [row for row in appliance.permissions.all() if row.is_global]
    found = {row.principal.full_name: (row.role, row.propagating) for row in rows}
    assert len(found) == len(rows)
    assert found.pop("VSPHERE.LOCAL\\Administrators", None) == ("-1", True)
    found.pop("VSPHERE.LOCAL\\Administrator", None)
    return found


def give(
    appliance: Appliance, spelling: str, role: str = "-2", *, propagating: bool = True, group: bool = False
) -> str:
    """A permission that somebody gave before."""
    principal = Principal.spelt("GROUP" if group else "USER", spelling)
    return appliance.permissions.create(Permission(principal, role, propagating)).id


def sent(appliance: Appliance) -> list[str]:
    """The methods of the writes on the wire."""
    return [seen.method for seen in appliance.writes()]


# Life


def test_a_permission_from_its_creation_to_its_end(modules: Modules, appliance: Appliance, api: Api) -> None:
    appliance.add_user(f"muffin@{DEFAULT_DOMAIN}", PEOPLE["muffin"], domain=DEFAULT_DOMAIN)
    assert not appliance.login("muffin").permitted
    give(appliance, "other\\muffin")
    key = f"username={DEFAULT_DOMAIN}\\muffin;doc=urn:acl:global:permissions"

    def thrice(operation: str, writes: list[str], **options: Any) -> Json:
        appliance.clear_requests()
        dry = modules.well("global_permission", check=True, **MUFFIN, **options)
        assert sent(appliance) == []
        real = modules.well("global_permission", **MUFFIN, **options)
        assert sent(appliance) == writes
        again = modules.well("global_permission", **MUFFIN, **options)
        assert sent(appliance) == writes
        assert (dry["changed"], real["changed"], again["changed"]) == (True, True, False)
        assert (dry["operation"], real["operation"], again["operation"]) == (operation, operation, "none")
        assert dry["diff"] == real["diff"]
        assert again["diff"]["before"] == again["diff"]["after"] == {}
        assert again["permission"] == real["permission"]
        assert {dry["backend"], real["backend"], again["backend"]} == {api}
        assert {**(dry["permission"] or {}), "id": None} == {**(real["permission"] or {}), "id": None}
        return real

    made = thrice("create", ["POST"], role="ReadOnly")
    assert made["permission"] == {
        "id": key,
        "principal": "muffin",
        "domain": DEFAULT_DOMAIN,
        "principal_type": "user",
        "role": {"id": "-2", "name": "ReadOnly"},
        "propagate": True,
        "global": True,
    }
    assert made["diff"]["before"] == {}
    assert made["diff"]["after"] == {
        f"{DEFAULT_DOMAIN}\\muffin": {"principal_type": "user", "role": "ReadOnly", "propagate": True}
    }
    assert made["warnings"] == []
    assert appliance.login("muffin").permitted

    changing = {"rest": ["PATCH"], "legacy": ["DELETE", "POST"]}[api]
    changed = thrice("update", changing, role="Administrator")
    assert changed["permission"]["role"] == {"id": "-1", "name": "Admin"}
    assert ("deleted and created anew" in " ".join(changed["warnings"])) == (api == "legacy")
    thrice("update", changing, role="-1", propagate=False)
    assert held(appliance) == {f"{DEFAULT_DOMAIN}\\muffin": ("-1", False), "other\\muffin": ("-2", True)}

    ended = thrice("delete", ["DELETE"], state="absent")
    assert ended["permission"] is None
    assert ended["diff"]["after"] == {}
    assert held(appliance) == {"other\\muffin": ("-2", True)}
    assert appliance.state.sessions == {}


@pytest.mark.usefixtures("api")
def test_groups_and_users_of_one_name_are_two(modules: Modules) -> None:
    group = {"principal": f"{DEFAULT_DOMAIN}\\bakers", "principal_type": "group"}
    user = {"principal": f"{DEFAULT_DOMAIN}\\bakers"}
    assert modules.well("global_permission", role="Admin", **group)["permission"]["principal_type"] == "group"
    assert modules.well("global_permission", role="NoAccess", **user)["operation"] == "create"
    assert modules.well("global_permission", state="absent", **user)["changed"] is True
    assert modules.well("global_permission", role="Admin", **group)["changed"] is False


@pytest.mark.usefixtures("api")
def test_case_is_no_difference_and_the_spelling_that_stands_is_kept(modules: Modules, appliance: Appliance) -> None:
    give(appliance, "LAB.Example.org\\Muffin")
    assert modules.well("global_permission", role="READONLY", **MUFFIN)["changed"] is False
    result = modules.well("global_permission", role="Admin", **MUFFIN)
    assert (result["operation"], result["permission"]["principal"]) == ("update", "Muffin")
    assert held(appliance) == {"LAB.Example.org\\Muffin": ("-1", True)}


def test_a_role_of_ones_own(modules: Modules, appliance: Appliance) -> None:
    key = appliance.permissions.create_role("Baker", "Bakes", [])
    assert modules.well("global_permission", role="baker", **MUFFIN)["permission"]["role"] == {
        "id": key,
        "name": "Baker",
    }
    assert modules.well("global_permission", role=int(key), **MUFFIN)["changed"] is False
    appliance.permissions.create_role("BAKER", "Bakes too", [])
    assert "role: 'baker' may mean" in modules.failed("global_permission", role="baker", **MUFFIN)
    assert modules.well("global_permission", role="Baker", **MUFFIN)["changed"] is False
    # The older API does not tell its name.
    appliance.switches.permissions_api = "legacy"
    assert modules.well("global_permission", role=key, **MUFFIN)["permission"]["role"] == {"id": key, "name": None}
    assert "PowerCLI" in modules.failed("global_permission", role="Baker", **MUFFIN)


@pytest.mark.usefixtures("api")
def test_names_that_need_escaping(modules: Modules, appliance: Appliance) -> None:
    name = "brötchen d;e=f%g/h"
    options = {"principal": name, "domain": "küche"}
    modules.well("global_permission", role="Admin", **options)
    modules.well("global_permission", role="ReadOnly", **options)
    assert held(appliance) == {f"küche\\{name}": ("-2", True)}
    modules.well("global_permission", state="absent", **options)
    assert held(appliance) == {}


def test_vsphere_9_is_asked_first(modules: Modules, appliance: Appliance) -> None:
    assert modules.well("global_permission", role="Admin", **MUFFIN)["backend"] == "rest"
    assert not [seen for seen in appliance.requests if seen.path.startswith("/rest")]


def test_many_permissions_in_pages(modules: Modules, appliance: Appliance) -> None:
    for number in range(25):
        give(appliance, f"{DEFAULT_DOMAIN}\\baker{number:02}")
    appliance.switches.permissions_page_cap = 4
    assert (
        modules.well("global_permission", principal=f"{DEFAULT_DOMAIN}\\baker24", role="ReadOnly")["changed"] is False
    )
    assert len(modules.well("global_permission_info", domain=DEFAULT_DOMAIN)["permissions"]) == 25


# Spellings


@pytest.mark.usefixtures("api")
def test_spellings_of_one_person(modules: Modules, appliance: Appliance) -> None:
    qualified = f"muffin@{DEFAULT_DOMAIN}"
    give(appliance, f"{DEFAULT_DOMAIN}\\{qualified}")
    for state in ("present", "absent"):
        message = modules.failed("global_permission", role="Admin", state=state, **MUFFIN)
        assert f"under another spelling: {DEFAULT_DOMAIN}\\{qualified}" in message
    assert sent(appliance) == []
    # The override is the principal itself.
    spelt = {"principal": qualified, "domain": DEFAULT_DOMAIN}
    assert modules.well("global_permission", role="ReadOnly", **spelt)["changed"] is False
    give(appliance, f"{DEFAULT_DOMAIN}\\muffin")
    assert f"{DEFAULT_DOMAIN}\\muffin" in modules.failed("global_permission", role="Admin", **spelt)
    ended = modules.well("global_permission", state="absent", **spelt)
    assert "which stay" in " ".join(ended["warnings"])
    assert held(appliance) == {f"{DEFAULT_DOMAIN}\\muffin": ("-2", True)}
    assert modules.well("global_permission", role="ReadOnly", **MUFFIN)["changed"] is False


# Locking oneself out


@pytest.mark.usefixtures("api")
def test_nobody_locks_himself_out_unasked(modules: Modules, appliance: Appliance) -> None:
    own = {"principal": "Administrator", "domain": "vsphere.local"}
    message = modules.failed("global_permission", role="ReadOnly", **own)
    assert "force: true" in message
    assert appliance.username in message
    assert sent(appliance) == []
    assert modules.well("global_permission", role="ReadOnly", force=True, **own)["operation"] == "update"


@pytest.mark.usefixtures("api")
def test_vcenter_keeps_its_last_administrator(modules: Modules, appliance: Appliance) -> None:
    modules.well("global_permission", principal="vsphere.local\\Administrator", state="absent")
    last = {"principal": "vsphere.local\\Administrators", "principal_type": "group"}
    assert "force: true" in modules.failed("global_permission", state="absent", **last)
    appliance.clear_requests()
    result = modules.run("global_permission", state="absent", force=True, **last)
    assert (result["failed"], result["changed"]) == (True, False)
    assert "vCenter keeps its last Administrator" in result["msg"]
    assert held(appliance) == {}


# What goes wrong


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"role": "Admin"}, "domain: is not given for 'muffin'"),
        ({"role": "Admin", "domain": ""}, "domain: is empty"),
        ({"role": "Admin", "domain": "a@b"}, "is no domain"),
        ({"role": "Admin", "principal": 7}, "Quote it"),
        ({"role": "Admin", "principal": "x\\muffin", "domain": "y"}, "while principal names 'x'"),
        ({"domain": DEFAULT_DOMAIN}, "role: is not given"),
        ({"role": "", "domain": DEFAULT_DOMAIN}, "role: is empty"),
        ({"role": "Admin", "domain": DEFAULT_DOMAIN, "principal_type": "robot"}, "principal_type"),
    ],
)
def test_options_are_refused_before_anything_is_sent(
    modules: Modules, appliance: Appliance, options: Json, says: str
) -> None:
    assert says in modules.failed("global_permission", **{"principal": "muffin", **options})
    assert appliance.requests == []


def test_an_unknown_role(modules: Modules, appliance: Appliance) -> None:
    message = modules.failed("global_permission", role="Baker", **MUFFIN)
    assert "role: there is no role 'Baker'. There are Admin, NoAccess, ReadOnly." in message
    assert sent(appliance) == []


@pytest.mark.parametrize("module", ["global_permission", "global_permission_info"])
def test_where_neither_api_answers(modules: Modules, appliance: Appliance, module: str) -> None:
    appliance.switches.permissions_api = "none"
    options = {**MUFFIN, "role": "Admin"} if module == "global_permission" else {}
    message = modules.failed(module, **options)
    assert (
        "neither /api/vcenter/authorization/permissions (vSphere 9) nor /rest/com/vmware/cis/authz/permission"
        in message
    )
    assert "Global Permissions" in message
    assert "root_folder: true" in message
    assert sent(appliance) == []


def test_a_refused_password_is_tried_once(modules: Modules, appliance: Appliance) -> None:
    message = modules.failed("global_permission", role="Admin", password="no-such-password", **MUFFIN)
    assert "user name or password is wrong" in message
    assert "It was tried once" in message
    assert [seen.path for seen in appliance.requests] == ["/api/session"]


def test_a_session_that_ends_in_the_midst_is_opened_anew(modules: Modules, appliance: Appliance, api: Api) -> None:
    for match in (LIST[api], CREATE[api]):
        appliance.switches.faults = [Fault(match=match, kind="expire_token")]
        modules.well("global_permission", role="Admin", **MUFFIN)
        assert held(appliance) == {f"{DEFAULT_DOMAIN}\\muffin": ("-1", True)}
        modules.well("global_permission", state="absent", **MUFFIN)


def test_a_refusal_is_no_reason_to_try_the_next_api(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault(match="* /authorization/", kind="expire_token", times=9)]
    message = modules.failed("global_permission", role="Admin", **MUFFIN)
    assert "HTTP 401" in message
    assert "Authorization.ModifyPermissions" in message
    assert not [seen for seen in appliance.requests if seen.path.startswith("/rest")]


@pytest.mark.parametrize("kind", ["503", "truncated"])
def test_reading_is_tried_again(modules: Modules, appliance: Appliance, api: Api, kind: Any) -> None:
    appliance.switches.faults = [Fault(match=LIST[api], kind=kind)]
    assert modules.well("global_permission", role="Admin", **MUFFIN)["operation"] == "create"


def test_an_unknown_shape_is_told(modules: Modules, appliance: Appliance, api: Api) -> None:
    appliance.switches.faults = [Fault(match=LIST[api], kind="wrong_json", times=9)]
    message = modules.failed("global_permission", role="Admin", **MUFFIN)
    assert "the answer has an unknown shape" in message
    assert "'unexpected'" in message


@pytest.mark.parametrize("kind", ["503", "reset_after"])
@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_a_write_without_an_answer_is_looked_for(
    modules: Modules, appliance: Appliance, api: Api, operation: str, kind: Any
) -> None:
    """Whether it was done or not, it is in the end, and never twice."""
    if operation != "create":
        give(appliance, f"{DEFAULT_DOMAIN}\\muffin")
    match = {
        "create": CREATE[api],
        "update": "PATCH permission" if api == "rest" else CREATE[api],
        "delete": "DELETE perm",
    }
    appliance.switches.faults = [Fault(match=match[operation], kind=kind)]
    options = {"state": "absent"} if operation == "delete" else {"role": "Admin"}
    result = modules.well("global_permission", **options, **MUFFIN)
    assert (result["operation"], result["changed"]) == (operation, True)
    assert held(appliance) == ({} if operation == "delete" else {f"{DEFAULT_DOMAIN}\\muffin": ("-1", True)})
    assert modules.well("global_permission", **options, **MUFFIN)["changed"] is False


def test_what_stands_is_told_where_a_write_does_not_go_through(
    modules: Modules, appliance: Appliance, api: Api
) -> None:
    appliance.switches.faults = [Fault(match=CREATE[api], kind="503", times=9)]
    result = modules.run("global_permission", role="Admin", **MUFFIN)
    assert (result["failed"], result["changed"], result["permission"]) == (True, False, None)
    assert f"Could not give the user {DEFAULT_DOMAIN}\\muffin the permission" in result["msg"]
    assert "HTTP 503" in result["msg"]
    assert "The permission was not changed." in result["msg"]
    assert held(appliance) == {}


@pytest.mark.parametrize(("times", "stands"), [(2, True), (9, False)])
def test_the_old_permission_is_put_back_where_the_new_one_cannot_be_given(
    modules: Modules, appliance: Appliance, times: int, stands: bool
) -> None:
    appliance.switches.permissions_api = "legacy"
    give(appliance, f"{DEFAULT_DOMAIN}\\Muffin", propagating=False)
    appliance.switches.faults = [Fault(match=CREATE["legacy"], kind="503", times=times)]
    result = modules.run("global_permission", role="Admin", **MUFFIN)
    assert result["failed"] is True
    assert "HTTP 503" in result["msg"]
    if stands:
        assert "The permission stands as it was before." in result["msg"]
        assert (result["changed"], result["permission"]["role"]["name"]) == (False, "ReadOnly")
        assert held(appliance) == {f"{DEFAULT_DOMAIN}\\Muffin": ("-2", False)}
    else:
        assert f"the user {DEFAULT_DOMAIN}\\muffin has no permission. Running the task again gives it." in result["msg"]
        assert (result["changed"], result["permission"]) == (True, None)
        assert held(appliance) == {}
    appliance.switches.faults = []
    assert modules.well("global_permission", role="Admin", **MUFFIN)["changed"] is True


def test_who_is_interrupted_in_between_has_not_lost_it(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.permissions_api = "legacy"
    give(appliance, f"{DEFAULT_DOMAIN}\\muffin")
    appliance.switches.faults = [Fault(match=CREATE["legacy"], kind="hang")]
    started = modules.start("global_permission", role="Admin", **MUFFIN)
    watcher = threading.Thread(target=interrupted_at_the_creation, args=(started, appliance))
    watcher.start()
    result = started.finish()
    watcher.join()
    assert "Interrupted. Some of it may have been done" in result["msg"]
    assert held(appliance) == {f"{DEFAULT_DOMAIN}\\muffin": ("-2", True)}


def interrupted_at_the_creation(started: Started, appliance: Appliance) -> None:
    deadline = time.monotonic() + 60
    while "POST" not in sent(appliance) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert started.process.pid
    os.kill(started.process.pid, signal.SIGTERM)


def test_a_role_id_that_does_not_exist_costs_nobody_his_permission(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.permissions_api = "legacy"
    give(appliance, f"{DEFAULT_DOMAIN}\\muffin")
    result = modules.run("global_permission", role="4711", **MUFFIN)
    assert "INVALID_ARGUMENT (Role 4711 does not exist.)" in result["msg"]
    assert result["changed"] is False
    assert held(appliance) == {f"{DEFAULT_DOMAIN}\\muffin": ("-2", True)}


def test_a_list_that_cannot_be_read_back(modules: Modules, appliance: Appliance, api: Api) -> None:
    appliance.switches.faults = [Fault(match=LIST[api], kind="wrong_json", after=1, times=9)]
    result = modules.run("global_permission", role="Admin", **MUFFIN)
    assert (result["failed"], result["changed"]) == (True, True)
    assert "It was written. It could not be read back: Could not list the global permissions" in result["msg"]


# Servers that are no appliance


def answering(*replies: tuple[str, int, Any]) -> Callable[[str, str, dict[str, str]], Reply]:
    """The first reply whose address is in the request's, and 404 to all else."""

    def decide(method: str, path: str, _headers: dict[str, str]) -> Reply:
        told = next(((s, json.dumps(d)) for part, s, d in replies if part in f"{method} {path}"), (404, "{}"))
        return told[0], {"Content-Type": "application/json"}, told[1]

    return decide


SESSION = ("POST /api/session", 201, "session-of-the-stub")
UNAUTHORIZED = {"error_type": "UNAUTHORIZED", "messages": []}
LEGACY_UNAUTHORIZED = {"type": "com.vmware.vapi.std.errors.unauthorized", "value": {"messages": []}}
EMPTY = {"items": []}


@pytest.mark.parametrize(
    ("replies", "says", "asked_last"),
    [
        ([], ["there is no vCenter API here"], "/api/session"),
        (
            [SESSION, ("action=list", 403, UNAUTHORIZED)],
            ["HTTP 403 UNAUTHORIZED", "Authorization.ModifyPermissions"],
            "/api/vcenter/authorization/permissions?action=list",
        ),
        (
            [SESSION, ("~action=list-detail", 403, LEGACY_UNAUTHORIZED)],
            ["HTTP 403 UNAUTHORIZED", "Authorization.ModifyPermissions"],
            "/rest/com/vmware/cis/authz/permission?~action=list-detail",
        ),
        (
            [SESSION, ("action=list", 200, {**EMPTY, "marker": "same"})],
            ["the list comes back to where it was before"],
            "/api/vcenter/authorization/permissions?action=list",
        ),
        (
            [SESSION, ("action=list", 200, EMPTY), ("/roles", 200, {**EMPTY, "marker": "same"})],
            ["Could not list the roles", "the list comes back to where it was before"],
            "/api/vcenter/authorization/roles?page_size=200&marker=same",
        ),
        (
            [SESSION, ("action=list", 200, EMPTY), ("/roles", 403, UNAUTHORIZED)],
            ["Could not list the roles", "Authorization.ModifyPermissions"],
            "/api/vcenter/authorization/roles",
        ),
    ],
)
def test_what_other_servers_say(
    modules: Modules, tmp_path: Path, replies: Any, says: list[str], asked_last: str
) -> None:
    with stub_server(tmp_path, answering(*replies)) as stub:
        options = {**MUFFIN, "port": stub.port, "ca_path": str(stub.ca_file)}
        message = modules.failed("global_permission", role="Admin", **options)
    assert not [each for each in says if each not in message], message
    assert [path for method, path in stub.requests if method != "DELETE"][-1] == asked_last


@pytest.mark.parametrize("kept", [{"name": f"muffin@{DEFAULT_DOMAIN}"}, {"name": "Muffin", "domain": "LAB"}])
def test_a_permission_that_is_listed_under_another_spelling_than_it_was_given(
    modules: Modules, tmp_path: Path, kept: Json
) -> None:
    info = {
        "object": {"type": "GlobalAcl", "id": "GlobalAcl"},
        "principal": {"type": "USER", **kept},
        "role": "-1",
        "propagating": True,
    }
    listings = iter([EMPTY, {"items": [{"permission": "k", "info": info}]}])
    given = answering(SESSION, ("/roles", 200, EMPTY), ("POST /api/vcenter/authorization/permissions", 201, "k"))

    def decide(method: str, path: str, headers: dict[str, str]) -> Reply:
        return (200, {}, json.dumps(next(listings))) if "action=list" in path else given(method, path, headers)

    with stub_server(tmp_path, decide) as stub:
        options = {**MUFFIN, "port": stub.port, "ca_path": str(stub.ca_file)}
        result = modules.run("global_permission", role="Admin", **options)
    assert (result["failed"], result["changed"], result["permission"]) == (True, True, None)
    spelling = f"{kept['domain']}\\{kept['name']}" if "domain" in kept else kept["name"]
    assert f"under another spelling: {spelling}. Give that as principal" in result["msg"]


# Reading


def test_roles_come_page_by_page(modules: Modules, appliance: Appliance) -> None:
    """A role beyond the first page is found by its name."""
    appliance.permissions.create_role("Baker", "Bakes", [])
    appliance.permissions.create_role("Waiter", "Waits", [])
    appliance.switches.permissions_page_cap = 2
    given = modules.well("global_permission", role="Waiter", **MUFFIN)
    assert given["permission"]["role"]["name"] == "Waiter"
    listed = modules.well("global_permission_info")["roles"]
    assert sorted(role["name"] for role in listed) == ["Admin", "Baker", "NoAccess", "ReadOnly", "Waiter"]


def test_permissions_are_listed(modules: Modules, appliance: Appliance, api: Api) -> None:
    key = give(appliance, f"{DEFAULT_DOMAIN}\\muffin")
    give(appliance, f"muffin@{DEFAULT_DOMAIN}", propagating=False)
    give(appliance, f"{DEFAULT_DOMAIN}\\bakers", "-1", group=True)
    appliance.permissions.create(Permission(Principal("USER", "crumpet", DEFAULT_DOMAIN), "-1", True, ROOT_FOLDER))
    listed = modules.well("global_permission_info")
    assert listed["backend"] == api
    assert [each["principal"] for each in listed["permissions"]] == [
        "bakers",
        "muffin",
        f"muffin@{DEFAULT_DOMAIN}",
        "Administrator",
        "Administrators",
    ]
    assert listed["permissions"][1] == {
        "id": key,
        "principal": "muffin",
        "domain": DEFAULT_DOMAIN,
        "principal_type": "user",
        "role": {"id": "-2", "name": "ReadOnly"},
        "propagate": True,
        "global": True,
    }
    roles = [{"id": "-1", "name": "Admin"}, {"id": "-2", "name": "ReadOnly"}, {"id": "-5", "name": "NoAccess"}]
    assert listed["roles"] == (roles if api == "rest" else [])

    def narrowed(**options: Any) -> list[str]:
        found = modules.well("global_permission_info", check=True, **options)
        return [each["principal"] for each in found["permissions"]]

    assert narrowed(principal="MUFFIN") == ["muffin", f"muffin@{DEFAULT_DOMAIN}"]
    assert narrowed(domain=DEFAULT_DOMAIN, role="Administrator") == ["bakers"]
    assert narrowed(principal_type="group") == ["bakers", "Administrators"]
    assert narrowed(principal=f"{DEFAULT_DOMAIN}\\nobody") == []
    assert "Quote it" in modules.failed("global_permission_info", principal=7)
    assert "role:" in modules.failed("global_permission_info", role="Baker")
    assert sent(appliance) == []
