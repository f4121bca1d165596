# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""No member is lost and nothing is guessed, however a server reads PATCH and whatever it shows of members."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import Json, Modules
from system.scenes import Request, add, add_group, held, members, person, provision, settled, watched

NAME = "bakers"
PEOPLE = ("ann", "bob", "cid")


@pytest.fixture
def ids(appliance: Appliance) -> dict[str, str]:
    """Three users, who are in the group."""
    found = {name: add(appliance, name) for name in PEOPLE}
    add_group(appliance, NAME, *found.values())
    return found


def options(appliance: Appliance, **more: Any) -> Json:
    """A task on the group, with a token of its own."""
    token = {"token": appliance.mint(), "scim_url": appliance.scim_url}
    return {"display_name": NAME, "domain": DEFAULT_DOMAIN, **token, **more}


def kept(appliance: Appliance, name: str = NAME) -> set[str]:
    """Return the ids that the simulator keeps in a group."""
    return next(set(group.members) for group in appliance.broker.groups.all() if group.name == name)


# Servers that are managed, however they read PATCH and whatever they show.
SERVERS: dict[str, Json] = {
    "as reported": {},
    "PATCH read literally": {"patch_remove": "literal"},
    "a list in PATCH is ignored": {"patch_remove": "ignored"},
    "PATCH without effect": {"patch_ignored": True},
    "filters are ignored": {"patch_filter": "ignored"},
    "filters are refused": {"patch_filter": "refused_400"},
    **{
        f"PATCH refused with {status}": {"patch_refused": True, "patch_refusal": status}
        for status in (400, 404, 405, 501)
    },
    "PATCH refused, PUT needs the id": {"patch_refused": True, "put_needs_id": True},
    "members on request": {"members_returned": "request"},
    "members and groups on request": {"members_returned": "request", "groups_returned": "request"},
    "members on request, PATCH refused": {"members_returned": "request", "patch_refused": True},
    "groups of users never shown": {"groups_returned": "never"},
    "empty members left out": {"empty_members": "left_out"},
    "empty members left out, PATCH refused": {"empty_members": "left_out", "patch_refused": True},
    "like Keycloak": {
        "members_returned": "request",
        "groups_returned": "request",
        "patch_remove": "ignored",
        "members_by_patch_only": True,
        "put_needs_id": True,
        "empty_members": "left_out",
    },
}


@pytest.mark.parametrize("server", SERVERS)
def test_the_life_of_a_group(modules: Modules, appliance: Appliance, server: str) -> None:
    ids = {name: add(appliance, name) for name in PEOPLE}
    cooks = add_group(appliance, "cooks")
    appliance.switch(SERVERS[server])

    def step(expected: set[str], **more: Any) -> None:
        dry = modules.well("scim_group", check=True, **options(appliance, **more))
        result = modules.well("scim_group", **options(appliance, **more))
        assert (dry["changed"], result["changed"], result["unverified"]) == (True, True, [])
        assert kept(appliance) == expected
        again = modules.well("scim_group", **options(appliance, **more))
        assert (again["changed"], kept(appliance)) == (False, expected)

    step(set(), members=[], members_state="exact")
    step({ids["ann"]}, members=["ann"])
    step({*ids.values()}, members=["bob", "cid"])
    step({*ids.values(), cooks}, member_groups=["cooks"])
    step({ids["ann"], ids["cid"], cooks}, members=["bob"], members_state="absent")
    step({ids["ann"], ids["cid"]}, member_groups=["cooks"], members_state="absent")
    step({ids["ann"], ids["bob"]}, members=["ann", "bob"], member_groups=[], members_state="exact")
    step(set(), members=[], members_state="exact")
    step({ids["cid"]}, members=["cid"])


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.usefixtures("ids")
def test_a_mirrored_group_loses_only_who_leaves(modules: Modules, appliance: Appliance, server: str) -> None:
    appliance.switch(SERVERS[server])
    users = [person("ann", groups=[NAME]), person("cid", groups=[NAME]), person("bob")]
    result = provision(modules, users, mirror_groups=[NAME])
    assert not result["failed"], result["msg"]
    assert members(appliance, NAME) == {"ann", "cid"}
    settled(modules, users, mirror_groups=[NAME])


@pytest.mark.parametrize("server", SERVERS)
def test_a_user_joins_a_group_once(modules: Modules, appliance: Appliance, server: str) -> None:
    stranger = add(appliance, "stranger")
    add_group(appliance, NAME, stranger)
    appliance.switch(SERVERS[server])
    users = [person("ann", groups=[NAME])]
    result = provision(modules, users)
    assert not result["failed"], result["msg"]
    assert members(appliance, NAME) == {"ann", "stranger"}
    settled(modules, users)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.usefixtures("ids")
def test_a_recreated_user_stays_in_the_group(modules: Modules, appliance: Appliance, server: str) -> None:
    appliance.switch(SERVERS[server])
    result = provision(modules, [person("ann", external_id="new")], recreate=True)
    assert not result["failed"], result["msg"]
    assert (held(appliance)["ann"]["externalId"], members(appliance, NAME)) == ("new", set(PEOPLE))


# Servers on which something would be lost


@pytest.mark.parametrize(
    "more", [{"members": ["bob"], "members_state": "absent"}, {"members": ["ann", "cid"], "members_state": "exact"}]
)
def test_members_that_a_removal_takes_along_are_put_back(
    modules: Modules, appliance: Appliance, ids: dict[str, str], more: Json
) -> None:
    appliance.switches.patch_filter = "everybody"
    message = modules.failed("scim_group", **options(appliance, **more))
    assert kept(appliance) == {ids["ann"], ids["cid"]}
    assert f"ann@{DEFAULT_DOMAIN}" in message


def test_a_member_whom_somebody_else_removes_is_named_and_not_put_back(
    modules: Modules, appliance: Appliance, ids: dict[str, str]
) -> None:
    def act(request: Request) -> int | None:
        if request.method == "PATCH":
            appliance.broker.groups.all()[-1].members.pop(ids["cid"], None)
        return None

    with watched(appliance, act):
        message = modules.failed("scim_group", **options(appliance, members=["bob"], members_state="absent"))
    assert f"cid@{DEFAULT_DOMAIN}" in message
    assert kept(appliance) == {ids["ann"]}


@pytest.mark.parametrize("shown", ["always", "never"])
def test_a_list_that_may_be_cut_is_not_written(modules: Modules, appliance: Appliance, shown: Any) -> None:
    many = [add(appliance, f"u{number:03}") for number in range(150)]
    add_group(appliance, NAME, *many)
    appliance.switch({"members_cap": 100, "patch_refused": True, "groups_returned": shown})
    result = modules.run("scim_group", **options(appliance, members=["u000"], members_state="absent"))
    assert result["failed"] is True
    assert "The group was not changed" in result["msg"]
    assert kept(appliance) == set(many)


@pytest.mark.parametrize("state", ["absent", "exact"])
def test_unknown_members_are_not_guessed(
    modules: Modules, appliance: Appliance, ids: dict[str, str], state: str
) -> None:
    appliance.switch({"members_returned": "never", "groups_returned": "never"})
    for check in (True, False):
        modules.failed("scim_group", check=check, **options(appliance, members=["bob"], members_state=state))
    assert (kept(appliance), appliance.writes()) == (set(ids.values()), [])


def test_nobody_is_recreated_whose_memberships_would_be_lost(
    modules: Modules, appliance: Appliance, ids: dict[str, str]
) -> None:
    appliance.switch({"members_returned": "never", "groups_returned": "never"})
    for check in (True, False):
        result = provision(modules, [person("ann", external_id="new")], recreate=True, check=check)
        assert result["failed"] is True
    assert (kept(appliance), appliance.writes()) == (set(ids.values()), [])
