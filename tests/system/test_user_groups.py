# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users who are to be in groups: of their own, or all of a task in the same."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from system.playbook import Json, Modules
from system.scenes import (
    Request,
    add,
    add_group,
    converges,
    external_ids,
    held,
    journal,
    members,
    person,
    provision,
    settled,
    watched,
)


@pytest.fixture
def cooks(appliance: Appliance) -> str:
    """One of three groups, with somebody in it whom no task names."""
    stranger = add(appliance, "stranger")
    add_group(appliance, "bakers")
    add_group(appliance, "waiters", stranger)
    return add_group(appliance, "cooks", stranger)


@pytest.mark.parametrize(("refused", "told"), [(False, "always"), (True, "single")])
@pytest.mark.usefixtures("cooks")
def test_groups_of_a_user_and_of_everybody(modules: Modules, appliance: Appliance, refused: bool, told: Any) -> None:
    appliance.switches.update({"patch_refused": refused, "members_returned": told})
    add(appliance, "ann")
    users = [{"username": "ann"}, person("bob", groups=["Bakers", "cooks", "BAKERS"]), person("cid", groups=[])]
    dry = provision(modules, users, groups=["waiters", "ALL_USERS"], check=True)
    assert appliance.writes() == []
    result = provision(modules, users, groups=["waiters", "ALL_USERS"])
    assert not result["failed"], result["msg"]
    assert dry["diff"] == result["diff"]
    assert [user["operation"] for user in result["users"]] == ["update", "create", "create"]
    assert result["diff"]["after"][f"ann@{DEFAULT_DOMAIN}"]["groups"] == ["ALL_USERS", "waiters"]
    assert result["diff"]["before"][f"ann@{DEFAULT_DOMAIN}"]["groups"] == ["ALL_USERS"]
    assert [user["user"]["groups"] for user in result["users"]] == [
        ["ALL_USERS", "waiters"],
        ["ALL_USERS", "bakers", "cooks", "waiters"],
        ["ALL_USERS", "waiters"],
    ]
    assert members(appliance, "waiters") == {"stranger", "ann", "bob", "cid"}
    assert (members(appliance, "cooks"), members(appliance, "bakers")) == ({"stranger", "bob"}, {"bob"})
    assert not [seen for seen in appliance.writes() if seen.method == "PUT" and "/Users/" in seen.path]
    settled(modules, users, groups=["waiters", "ALL_USERS"])
    # What is no longer named stays.
    settled(modules, users)


@pytest.mark.usefixtures("cooks")
def test_a_group_that_there_is_not(modules: Modules, appliance: Appliance) -> None:
    users = [person("ann", groups=["cooks", "coks"]), person("bob", groups=["drivers"])]
    for check in (True, False):
        said = provision(modules, users, check=check)["msg"]
        assert "the broker has no group 'coks'; it has bakers, cooks, waiters." in said
        assert "no group 'drivers'" in said
        assert "create the group with scim_group" in said
    assert (appliance.writes(), appliance.mintings()) == ([], [])


def test_no_group_at_all(modules: Modules, appliance: Appliance) -> None:
    assert "it has none" in provision(modules, [person("ann")], groups=["cooks"])["msg"]
    assert not provision(modules, [person("ann")], groups=["ALL_USERS"])["failed"]
    assert [seen.method for seen in appliance.writes()] == ["POST"]


@pytest.mark.parametrize("groups", [[""], ["coo\nks"]])
def test_a_name_that_is_none(modules: Modules, appliance: Appliance, groups: list[str]) -> None:
    assert "groups: " in provision(modules, [person("ann")], groups=groups)["msg"]
    assert appliance.requests == []


@pytest.mark.usefixtures("cooks")
def test_who_leaves_needs_no_group(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "ann")
    converges(
        modules, [{"username": "ann", "state": "absent"}, {"username": "nobody", "state": "absent"}], groups=["cooks"]
    )
    assert members(appliance, "cooks") == {"stranger"}


@pytest.mark.usefixtures("cooks")
def test_who_waits_is_in_no_group_yet(modules: Modules, appliance: Appliance) -> None:
    result = provision(modules, [{"username": "ann"}], groups=["cooks"], missing_external_id="report")
    assert (result["changed"], result["waiting"]) == (False, ["ann"])
    assert appliance.writes() == []


@pytest.mark.usefixtures("cooks")
def test_many_members_go_in_slices(modules: Modules, appliance: Appliance) -> None:
    names = [f"u{number:03}" for number in range(150)]
    for name in names[:100]:
        add(appliance, name)
    users = [person(name) for name in names]
    result = provision(modules, users, groups=["cooks"])
    assert not result["failed"], result["msg"]
    assert members(appliance, "cooks") == {"stranger", *names}
    assert [seen.method for seen in appliance.writes()] == [*["POST"] * 50, "PATCH", "PATCH"]
    settled(modules, users, groups=["cooks"])


def test_a_group_that_somebody_deletes_in_the_midst(modules: Modules, appliance: Appliance, cooks: str) -> None:
    add(appliance, "bob")

    def delete(request: Request) -> None:
        if request.number == 1:
            appliance.broker.groups.delete(cooks, None)

    users = [person("ann", groups=["bakers"]), person("bob"), person("cid", state="absent")]
    with watched(appliance, before=delete):
        result = provision(modules, users, groups=["cooks"])
    assert external_ids(appliance)["ann"] == "id-of-ann"
    errors = [user["error"] for user in result["users"]]
    for name, error in zip(("ann", "bob"), errors, strict=False):
        assert f"{name}@lab.example.org is not in the group cooks" in error
        assert "Create it with scim_group" in error
    assert errors[2] is None
    assert members(appliance, "bakers") == {"ann"}
    add_group(appliance, "cooks")
    converges(modules, users, groups=["cooks"])
    assert members(appliance, "cooks") == {"ann", "bob"}


def test_nothing_was_changed_where_the_group_is_gone(modules: Modules, appliance: Appliance, cooks: str) -> None:
    """Only the membership was wanted, and nothing was sent for it."""
    add(appliance, "bob")
    listings: list[Request] = []

    def delete(request: Request) -> None:
        if request.path == "/Groups":
            listings.append(request)
            if len(listings) == 2:
                appliance.broker.groups.delete(cooks, None)

    with watched(appliance, before=delete) as traffic:
        result = provision(modules, [person("bob")], groups=["cooks"])
    assert (result["failed"], result["changed"], traffic.writes) == (True, False, [])


@pytest.mark.parametrize("kind", ["503", "reset_before", "reset_after", "truncated", "empty", "html"])
@pytest.mark.usefixtures("cooks")
def test_a_group_that_fails_once_converges(modules: Modules, appliance: Appliance, kind: Any) -> None:
    add(appliance, "bob")
    appliance.switches.faults = [Fault("PATCH /Groups/", kind)]
    users = [person("ann"), person("bob")]
    converges(modules, users, groups=["cooks"])
    assert members(appliance, "cooks") == {"stranger", "ann", "bob"}


@pytest.mark.parametrize(("status", "tries"), [(403, 1), (503, 4)])
@pytest.mark.usefixtures("cooks")
def test_a_group_that_fails_for_good_is_told(modules: Modules, appliance: Appliance, status: int, tries: int) -> None:
    add(appliance, "bob")
    users = [person("ann"), person("bob")]
    with watched(appliance, lambda request: status if request.method == "PATCH" else None) as traffic:
        result = provision(modules, users, groups=["cooks"])
    assert [bool(user["error"]) for user in result["users"]] == [True, True]
    assert [request.method for request in traffic.writes] == ["POST", *["PATCH"] * tries]
    assert members(appliance, "cooks") == {"stranger"}
    converges(modules, users, groups=["cooks"])
    assert members(appliance, "cooks") == {"stranger", "ann", "bob"}


@pytest.mark.usefixtures("cooks")
def test_a_token_that_ends_before_the_group(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault("PATCH /Groups/", "expire_token")]
    converges(modules, [person("ann")], groups=["cooks"])
    assert members(appliance, "cooks") == {"stranger", "ann"}


@pytest.mark.usefixtures("cooks")
def test_a_user_whose_creation_fails_is_in_no_group(modules: Modules, appliance: Appliance) -> None:
    def refuse(request: Request) -> int | None:
        return 403 if request.body.get("externalId") == "id-of-ann" else None

    users: list[Json] = [person("ann"), person("bob")]
    with watched(appliance, refuse):
        result = provision(modules, users, groups=["cooks"])
    assert [bool(user["error"]) for user in result["users"]] == [True, False]
    assert members(appliance, "cooks") == {"stranger", "bob"}
    assert held(appliance).keys() == {"stranger", "bob"}


def test_groups_and_recreation_at_once(modules: Modules, appliance: Appliance, cooks: str) -> None:
    key = add(appliance, "ann")
    appliance.broker.groups.patch(
        cooks, {"Operations": [{"op": "add", "path": "members", "value": [{"value": key}]}]}, None
    )
    users = [person("ann", external_id="id-new", recreate=True, groups=["bakers"]), person("bob")]
    result = provision(modules, users, groups=["waiters"])
    assert not result["failed"], result["msg"]
    for group, expected in {
        "cooks": {"ann", "stranger"},
        "bakers": {"ann"},
        "waiters": {"ann", "bob", "stranger"},
    }.items():
        assert members(appliance, group) == expected
    assert journal(modules) == []
    settled(modules, users, groups=["waiters"])


@pytest.mark.usefixtures("cooks")
def test_a_user_bound_from_the_log_gets_the_groups(modules: Modules, appliance: Appliance) -> None:
    attempt = {
        "timestamp": "2026-02-04T15:05:23.412Z",
        "external_id": "id-of-ann",
        "domains": [DEFAULT_DOMAIN],
        "outcome": "denied",
        "reason": "USER_NOT_FOUND",
        "source_ip": "192.0.2.10",
        "context_id": "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10",
        "malformed": False,
    }
    found = {"attempts": [attempt], "complete": True}
    result = provision(modules, [{"username": "ann", "groups": ["cooks"]}], login_attempts=found)
    assert not result["failed"], result["msg"]
    assert members(appliance, "cooks") == {"stranger", "ann"}
