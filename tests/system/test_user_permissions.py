# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of users who come and go: given, inherited, left behind, removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from system.module_process import Json
from system.playbook import Modules
from system.scenes import Request, add, converges, held, person, provision, settled, watched

READ_ONLY: list[Json] = [{"role": "ReadOnly"}]


def held_by(appliance: Appliance, name: str) -> list[str]:
    """The roles of a name, in whatever spelling."""
    return [
        each.role
        for each in appliance.permissions.all()
        if each.principal.domain == DEFAULT_DOMAIN and each.principal.name.partition("@")[0] == name
    ]


def give(modules: Modules, name: str, **options: Any) -> None:
    modules.well("global_permission", principal=name, domain=DEFAULT_DOMAIN, role="ReadOnly", **options)


@pytest.mark.parametrize("api", ["rest", "legacy"])
def test_who_is_let_in_sees_something(modules: Modules, appliance: Appliance, api: Any) -> None:
    appliance.switches.permissions_api = api
    users = [person("ann"), person("bob", permissions=[{"role": "Admin", "propagate": True}])]
    checked = provision(modules, users, permissions=READ_ONLY, check=True)
    assert held(appliance) == {}
    done = converges(modules, users, permissions=READ_ONLY)
    assert checked["diff"] == done["diff"]
    assert (held_by(appliance, "ann"), held_by(appliance, "bob")) == (["-2"], ["-1"])
    assert [each["operation"] for each in done["permissions"]] == ["create", "create"]
    assert any("permission given: lab.example.org\\ann ReadOnly" in line for line in done["summary"])
    assert appliance.login(sub="id-of-ann").inventory
    done = converges(modules, users, permissions=[{"role": "NoAccess"}])
    assert [each["operation"] for each in done["permissions"]] == ["update", "none"]
    assert held_by(appliance, "ann") == ["-5"]


@pytest.mark.parametrize("kept", [True, False])
def test_without_a_log_in_only_the_broker_is_asked(
    modules: Modules, appliance: Appliance, tmp_path: Path, kept: bool
) -> None:
    minted = modules.well("sync_token", token_file=str(tmp_path / "token"))
    access: Json = {"token_file": str(tmp_path / "token")} if kept else {"token": minted["token"]}
    bare: Json = {"username": None, "password": None, **access}
    appliance.clear_requests()
    assert provision(modules, [person("ann")], **bare)["changed"] is True
    assert not [seen for seen in appliance.requests if seen.path == "/api/session"]
    result = provision(modules, [person("ann")], permissions=READ_ONLY, **bare)
    assert "permissions need hostname, username and password" in result["msg"]


def test_a_group_has_a_permission(modules: Modules, appliance: Appliance) -> None:
    users = [person("ann", groups=["cooks"])]
    options: Json = {"mirror_groups": ["cooks"], "group_permissions": [{"group": "cooks", "role": "ReadOnly"}]}
    result = converges(modules, users, **options, report_permissions=True)
    assert held_by(appliance, "cooks") == ["-2"]
    assert "no permission" not in " ".join(result["summary"])
    assert appliance.login(sub="id-of-ann").inventory


def test_who_can_log_in_and_do_nothing_is_told(modules: Modules) -> None:
    users = [person("ann"), person("bob", active=False)]
    result = provision(modules, users, report_permissions=True)
    assert [line for line in result["summary"] if "no permission" in line] == [
        f"can log in, and has no permission: ann@{DEFAULT_DOMAIN}"
    ]
    give(modules, "ann")
    result = provision(modules, users, report_permissions=True)
    assert not [line for line in result["summary"] if "no permission" in line]
    settled(modules, users, report_permissions=True)


@pytest.mark.parametrize("spelt", ["ann", f"ann@{DEFAULT_DOMAIN}"])
def test_a_name_that_holds_permissions_is_given_to_nobody(modules: Modules, appliance: Appliance, spelt: str) -> None:
    give(modules, spelt)
    appliance.clear_requests()
    for check in (True, False):
        result = provision(modules, [person("ann"), person("bob")], check=check)
        assert result["failed"]
        assert "ann@lab.example.org: the name already has a permission (ReadOnly)" in result["msg"]
        assert "inherit_permissions" in result["msg"]
        assert [each["operation"] for each in result["users"]] == ["none", "create"]
    assert set(held(appliance)) == {"bob"}
    converges(modules, [person("ann"), person("bob")], inherit_permissions=True)
    assert set(held(appliance)) == {"ann", "bob"}


@pytest.mark.parametrize(
    ("wanted", "operation"),
    [
        (person("ann", external_id="id-new", recreate=True), "recreate"),
        (person("ann", external_id="id-of-bob", rename=True), "rename"),
    ],
)
def test_nor_by_another_way(modules: Modules, appliance: Appliance, wanted: Json, operation: str) -> None:
    add(appliance, "ann" if operation == "recreate" else "bob")
    give(modules, "ann")
    before = held(appliance)
    assert "already has a permission" in provision(modules, [wanted])["msg"]
    assert held(appliance) == before
    assert provision(modules, [wanted], inherit_permissions=True)["counts"][operation] == 1


@pytest.mark.parametrize("purge", [True, False])
def test_what_stays_behind_is_told_and_removed_on_request(modules: Modules, appliance: Appliance, purge: bool) -> None:
    users = [person("bob"), *([] if purge else [{"username": "ann", "state": "absent"}])]
    options: Json = {"purge": True, "max_deletes": "1"} if purge else {}
    for name in ("ann", "bob"):
        add(appliance, name)
        give(modules, name)
    checked = provision(modules, users, check=True, **options)
    assert [(each["principal"], each["operation"]) for each in checked["permissions"]] == [
        ("lab.example.org\\ann", "left")
    ]
    assert any("left behind" in line and "remove_permissions" in line for line in checked["summary"])
    done = provision(modules, users, remove_permissions=True, **options)
    assert [each["operation"] for each in done["permissions"]] == ["delete"]
    assert (held_by(appliance, "ann"), held_by(appliance, "bob")) == ([], ["-2"])
    settled(modules, users, remove_permissions=True, **options)


def test_what_an_earlier_run_left_behind_is_removed_too(modules: Modules, appliance: Appliance) -> None:
    absent = [{"username": "ann", "state": "absent"}]
    give(modules, "ann")
    left = provision(modules, absent, report_permissions=True)
    assert not left["changed"]
    assert any("left behind" in line for line in left["summary"])
    assert [each["operation"] for each in provision(modules, absent, remove_permissions=True)["permissions"]] == [
        "delete"
    ]
    assert held_by(appliance, "ann") == []
    settled(modules, absent, remove_permissions=True)


def test_of_one_user_alone(modules: Modules, appliance: Appliance) -> None:
    give(modules, "ann")
    ann: Json = {"username": "ann", "domain": DEFAULT_DOMAIN, "external_id": "id-of-ann", "given_name": "Ann"}
    assert "already has a permission" in modules.failed("scim_user", **ann)
    modules.well("scim_user", **ann, inherit_permissions=True)
    absent: Json = {"username": "ann", "domain": DEFAULT_DOMAIN, "state": "absent"}
    left = modules.well("scim_user", **absent)["permissions"]
    assert [each["operation"] for each in left] == ["left"]
    modules.well("scim_user", **ann, inherit_permissions=True)
    modules.well("scim_user", **absent, remove_permissions=True)
    assert held_by(appliance, "ann") == []


def test_who_could_not_be_created_gets_no_permission(modules: Modules, appliance: Appliance) -> None:
    def refuse(request: Request) -> int | None:
        return 403 if request.body.get("externalId") == "id-of-ann" else None

    with watched(appliance, refuse):
        result = provision(modules, [person("ann"), person("bob")], permissions=READ_ONLY)
    assert (held_by(appliance, "ann"), held_by(appliance, "bob")) == ([], ["-2"])
    assert "the user was not" in next(each["error"] for each in result["permissions"] if "ann" in each["principal"])
    converges(modules, [person("ann"), person("bob")], permissions=READ_ONLY)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"permissions": [{"role": "ReadOnly"}, {"role": "Admin"}]}, "asks for several roles"),
        ({"permissions": [{"role": "Readonly?"}]}, "there is no role"),
        ({"permissions": [{}]}, "role"),
        ({"permissions": READ_ONLY, "hostname": None, "token": "x.y.z", "scim_url": "https://localhost:1/"}, "refused"),
    ],
)
def test_mistakes(modules: Modules, appliance: Appliance, options: Json, told: str) -> None:
    assert told in provision(modules, [person("ann")], **options)["msg"]
    assert held(appliance) == {}


def test_no_api_of_permissions(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.permissions_api = "none"
    assert "neither" in provision(modules, [person("ann")], permissions=READ_ONLY)["msg"]
    assert held(appliance) == {}
    converges(modules, [person("ann")])


def test_create_and_update_only(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "ann")
    add(appliance, "bob")
    users = [
        {"username": "ann", "state": "absent"},
        person("bob", given_name="Robert", permissions=READ_ONLY, groups=["cooks"]),
        person("carl"),
    ]
    result = provision(modules, users, create_and_update_only=True)
    assert not result["failed"], result["msg"]
    assert set(held(appliance)) == {"ann", "bob", "carl"}
    assert held(appliance)["bob"]["name"]["givenName"] == "Robert"
    assert held_by(appliance, "bob") == []


def test_the_permission_stays_where_another_entry_keeps_the_name(modules: Modules, appliance: Appliance) -> None:
    """Of two entries with one name, one is deleted by its id."""
    right = add(appliance, "ann", "E-1")
    wrong = appliance.add_user("ann", "E-2", domain=DEFAULT_DOMAIN)["id"]
    give(modules, "ann")
    absent = {"username": "ann", "domain": DEFAULT_DOMAIN, "state": "absent", "id": wrong, "remove_permissions": True}
    for operation in ("delete", "none"):
        result = modules.well("scim_user", **absent)
        assert (result["operation"], result["permissions"]) == (operation, [])
    assert [user["id"] for user in appliance.broker.users] == [right]
    assert len(held_by(appliance, "ann")) == 1


def test_the_permissions_of_a_failed_user_stay(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "bob")
    give(modules, "bob")
    absent = {"username": "bob", "external_id": "another", "state": "absent"}
    result = provision(modules, [person("ann"), absent], remove_permissions=True)
    assert "bob@lab.example.org: to be deleted with ExternalId another" in result["msg"]
    renamed = person("bobby", external_id="id-of-bob")
    admin = [{"role": "Admin"}]
    result = provision(modules, [person("ann"), renamed], permissions=admin)
    assert "bobby@lab.example.org: ExternalId id-of-bob belongs to" in result["msg"]
    wrong = person("bob", external_id="another")
    result = provision(modules, [person("ann"), wrong], permissions=admin)
    assert "recreate: true" in result["msg"]
    assert [held_by(appliance, name) for name in ("ann", "bob", "bobby")] == [["-1"], ["-2"], []]
