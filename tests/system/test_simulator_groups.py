# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches for how a SCIM server shows the members of groups, and how it removes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from simulator.client import Caller
from simulator.switches import DEFAULT_PROVIDER_ID

NAMES = ("ann", "bob", "cid")


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        caller.use(appliance.mint())
        yield caller


@pytest.fixture
def ids(appliance: Appliance) -> list[str]:
    """Three users."""
    entries = [appliance.add_user(f"{name}@{DEFAULT_DOMAIN}", name, domain=DEFAULT_DOMAIN) for name in NAMES]
    return [str(entry["id"]) for entry in entries]


@pytest.fixture
def path(appliance: Appliance, ids: Sequence[str]) -> str:
    """A group with all three of them."""
    return f"/Groups/{_group(appliance, ids)}"


def _group(appliance: Appliance, members: Sequence[str]) -> str:
    body = {"displayName": f"group of {len(members)}", "members": [{"value": member} for member in members]}
    return str(appliance.broker.groups.create(body, DEFAULT_PROVIDER_ID)["id"])


def kept(appliance: Appliance, path: str) -> list[str]:
    """Return the members that the simulator keeps, whatever it shows."""
    return next(list(group.members) for group in appliance.broker.groups.all() if path.endswith(group.id))


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


def removal_by_list(*members: str) -> dict[str, Any]:
    return patch({"op": "remove", "path": "members", "value": [{"value": member} for member in members]})


def removal_by_filter(*members: str) -> dict[str, Any]:
    return patch(*({"op": "remove", "path": f'members[value eq "{member}"]'} for member in members))


@pytest.mark.parametrize(("reading", "left"), [("by_value", [1, 2]), ("literal", []), ("ignored", [0, 1, 2])])
def test_a_removal_by_a_list_of_values(
    appliance: Appliance, call: Caller, ids: list[str], path: str, reading: Any, left: list[int]
) -> None:
    appliance.switches.patch_remove = reading
    assert call.scim("PATCH", path, removal_by_list(ids[0])).ok
    assert kept(appliance, path) == [ids[number] for number in left]


@pytest.mark.parametrize("reading", ["by_value", "literal", "ignored"])
def test_a_removal_by_a_filter_does_not_depend_on_how_lists_are_read(
    appliance: Appliance, call: Caller, ids: list[str], path: str, reading: Any
) -> None:
    appliance.switches.patch_remove = reading
    assert call.scim("PATCH", path, removal_by_filter(ids[0], ids[2])).ok
    assert kept(appliance, path) == [ids[1]]


@pytest.mark.parametrize(
    ("filters", "status", "left"),
    [("ignored", 200, [0, 1, 2]), ("everybody", 200, []), ("refused_400", 400, [0, 1, 2])],
)
def test_a_filter_that_is_not_understood(
    appliance: Appliance, call: Caller, ids: list[str], path: str, filters: Any, status: int, left: list[int]
) -> None:
    appliance.switches.patch_filter = filters
    assert call.scim("PATCH", path, removal_by_filter(ids[0])).status_code == status
    assert kept(appliance, path) == [ids[number] for number in left]


def test_a_value_in_a_filter_is_quoted_as_json(appliance: Appliance, call: Caller, ids: list[str], path: str) -> None:
    for member, status in (('no"body', 400), ('no\\"body', 200), ("no\\xbody", 400)):
        assert call.scim("PATCH", path, removal_by_filter(member)).status_code == status
    assert call.scim("PATCH", path, removal_by_filter(ids[1].replace("-", "\\u002d"))).ok
    assert kept(appliance, path) == [ids[0], ids[2]]


def test_a_patch_without_effect(appliance: Appliance, call: Caller, ids: list[str], path: str) -> None:
    appliance.switches.patch_ignored = True
    empty = f"/Groups/{_group(appliance, [])}"
    assert call.scim("PATCH", path, removal_by_filter(ids[0])).ok
    assert call.scim("PATCH", empty, patch({"op": "add", "path": "members", "value": [{"value": ids[0]}]})).ok
    assert (kept(appliance, path), kept(appliance, empty)) == (ids, [])


def test_members_on_request(appliance: Appliance, call: Caller, ids: list[str], path: str) -> None:
    appliance.switches.members_returned = "request"
    wanted = [{"value": key} for key in ids]
    for asked in (path, f"{path}?attributes=displayName", "/Groups"):
        answer = call.scim("GET", asked).json()
        assert not [row for row in answer.get("Resources", [answer]) if "members" in row]
    one = call.scim("GET", f"{path}?attributes=displayName,members").json()
    assert (one["displayName"], [{"value": each["value"]} for each in one["members"]]) == ("group of 3", wanted)
    rows = call.scim("GET", "/Groups?attributes=displayName,members").json()["Resources"]
    assert [len(row["members"]) for row in rows if "members" in row] == [3]
    assert "members" not in call.scim("PATCH", path, removal_by_filter(ids[0])).json()


@pytest.mark.parametrize(
    ("returned", "plain", "asked"), [("always", True, True), ("request", False, True), ("never", False, False)]
)
def test_the_groups_of_users(
    appliance: Appliance, call: Caller, ids: list[str], path: str, returned: Any, plain: bool, asked: bool
) -> None:
    appliance.switches.groups_returned = returned
    for base in (f"/Users/{ids[0]}", "/Users"):
        for query, shown in (("", plain), ("?attributes=userName,groups", asked)):
            answer = call.scim("GET", base + query).json()
            rows = answer.get("Resources", [answer])
            assert {"groups" in row for row in rows} == {shown}
            named = {group["display"] for row in rows for group in row.get("groups", [])}
            assert named == ({"ALL_USERS", "group of 3"} if shown else set())
    assert path


def test_an_empty_list_of_members_is_left_out(appliance: Appliance, call: Caller, ids: list[str], path: str) -> None:
    empty = f"/Groups/{_group(appliance, [])}"
    assert call.scim("GET", empty).json()["members"] == []
    appliance.switches.empty_members = "left_out"
    assert "members" not in call.scim("GET", empty).json()
    assert len(call.scim("GET", path).json()["members"]) == len(ids)


def test_an_answer_that_shows_some_of_the_members(
    appliance: Appliance, call: Caller, ids: list[str], path: str
) -> None:
    appliance.switches.members_cap = 2
    assert len(call.scim("GET", path).json()["members"]) == 2
    assert kept(appliance, path) == ids


def test_members_that_only_patch_changes(appliance: Appliance, call: Caller, ids: list[str], path: str) -> None:
    appliance.switches.members_by_patch_only = True
    with_members = {"displayName": "new", "members": [{"value": ids[0]}]}
    assert call.scim("POST", "/Groups", with_members).status_code == 400
    assert call.scim("PUT", path, with_members).status_code == 400
    assert call.scim("PUT", path, {"displayName": "renamed"}).ok
    assert kept(appliance, path) == ids
    assert call.scim("PATCH", path, removal_by_filter(ids[0])).ok
    assert kept(appliance, path) == ids[1:]


def test_a_put_that_needs_the_id(appliance: Appliance, call: Caller, ids: list[str], path: str) -> None:
    appliance.switches.put_needs_id = True
    whole = {"displayName": "group of 3", "members": [{"value": ids[0]}]}
    assert call.scim("PUT", path, whole).status_code == 400
    assert call.scim("PUT", path, whole | {"id": path.rpartition("/")[2]}).ok
    assert kept(appliance, path) == ids[:1]
    assert call.scim("PATCH", path, removal_by_filter(ids[0])).ok
