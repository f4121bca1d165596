# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of the plan for a group: who joins, who leaves, and what is sent for it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError, PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._group_plan import SLICE, GroupPlan, plan_group
from ansible_collections.homelab.identity_broker.plugins.module_utils._groups import (
    MEMBERS_STATES,
    DesiredGroup,
    Group,
    Principals,
    desired_group,
    group_from_scim,
    result,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from hypothesis import assume, given
from hypothesis import strategies as st

LAB = "lab.example.org"
USERS = [User(f"u{n}", f"name{n}" if n % 2 else f"name{n}@{LAB}", LAB) for n in range(8)]
MANY = [User(f"m{n}", f"many{n}", LAB) for n in range(3 * SLICE + 1)]
LISTED = [{"id": f"g{n}", "displayName": f"Group{n}"} for n in range(4)]
PRINCIPALS = Principals([*USERS, *MANY], LISTED)
STRANGERS = ["x0", "x1"]

user_numbers = st.lists(st.integers(0, len(USERS) - 1), max_size=8)
group_numbers = st.lists(st.integers(1, len(LISTED) - 1), max_size=3)
holdings = st.lists(
    st.sampled_from([*(u.id for u in USERS), *(g["id"] for g in LISTED[1:]), *STRANGERS]), unique=True, max_size=8
)
standing_groups = st.one_of(st.none(), holdings.map(lambda ids: standing(*ids)))


def standing(*ids: str) -> Group:
    return group_from_scim({**LISTED[0], "members": [{"value": key} for key in ids]}, PRINCIPALS)


def named(numbers: list[int]) -> tuple[DesiredUser, ...]:
    return tuple(DesiredUser(f"NAME{n}", LAB) for n in numbers)


@st.composite
def desires(draw: st.DrawFn, state: str | None = None) -> DesiredGroup:
    users, groups = draw(st.none() | user_numbers), draw(st.none() | group_numbers)
    return DesiredGroup(
        "group0",
        members=None if users is None else named(users),
        member_groups=None if groups is None else tuple(f"GROUP{n}" for n in groups),
        members_state=state or draw(st.sampled_from(MEMBERS_STATES)),
    )


def asked(wanted: DesiredGroup) -> set[str]:
    users = {f"u{user.username.removeprefix('NAME')}" for user in wanted.members or ()}
    return users | {f"g{name.removeprefix('GROUP')}" for name in wanted.member_groups or ()}


def planned(group: Group | None, wanted: DesiredGroup) -> GroupPlan:
    """Plans that are refused are another test's."""
    try:
        return plan_group(PRINCIPALS, group, wanted)
    except PlanRefusedError:
        assume(wanted.members_state != "exact")
        raise


def ids(group: Group | None) -> set[str]:
    return set(group.ids()) if group else set()


@given(standing_groups, desires("present"))
def test_present_never_removes(group: Group | None, wanted: DesiredGroup) -> None:
    plan = planned(group, wanted)
    assert plan.leaving == ()
    assert ids(plan.after) == ids(group) | asked(wanted)


@given(standing_groups, desires("absent"))
def test_absent_never_adds(group: Group | None, wanted: DesiredGroup) -> None:
    plan = planned(group, wanted)
    assert plan.joining == ()
    assert ids(plan.after) == ids(group) - asked(wanted)


@given(standing_groups, desires("exact"))
def test_exact_ends_with_exactly_the_wanted(group: Group | None, wanted: DesiredGroup) -> None:
    plan = planned(group, wanted)
    left_alone = set(group.ids("user")) if group and wanted.members is None else set()
    assert ids(plan.after) == asked(wanted) | left_alone


@given(standing_groups, desires("exact"))
def test_exact_never_removes_whom_the_task_cannot_name(group: Group | None, wanted: DesiredGroup) -> None:
    doubtful = group is not None and (
        group.ids("unknown") or (group.ids("group") and wanted.member_groups is None and wanted.members is not None)
    )
    nameless = group.ids("unknown") + (group.ids("group") if wanted.member_groups is None else []) if group else []
    try:
        plan_group(PRINCIPALS, group, wanted)
    except PlanRefusedError as error:
        names = {**{key: key for key in STRANGERS}, **{g["id"]: g["displayName"] for g in LISTED}}
        assert nameless
        assert all(names[key] in str(error) for key in nameless)
    else:
        assert not doubtful


@given(standing_groups, desires())
def test_a_second_plan_is_none(group: Group | None, wanted: DesiredGroup) -> None:
    plan = planned(group, wanted)
    assert plan.changes == (group is None or bool(plan.joining or plan.leaving))
    assert plan.after is not None
    again = plan_group(PRINCIPALS, replace(plan.after, id="g0"), wanted)
    assert (again.operation, again.joining, again.leaving) == ("none", (), ())
    assert again.unkept(plan.after, PRINCIPALS) == []
    assert again.diff(PRINCIPALS)["before"] == again.diff(PRINCIPALS)["after"] == {}


@given(standing_groups, desires())
def test_the_diff_is_what_changes(group: Group | None, wanted: DesiredGroup) -> None:
    plan = planned(group, wanted)
    diff = plan.diff(PRINCIPALS)
    assert (diff["before"] != diff["after"]) == plan.changes
    assert plan.unkept(plan.after or standing(), PRINCIPALS) == []


def carried_out(bodies: list[dict[str, Any]], held: list[str]) -> list[str]:
    """What a broker makes of the bodies of PATCH."""
    for body in bodies:
        operations = body["Operations"]
        assert 0 < len(operations) <= SLICE
        for operation in operations:
            if operation["op"] == "remove":
                found = re.fullmatch(r'members\[value eq ("(?:[^"\\]|\\.)*")\]', operation["path"])
                assert found
                assert "value" not in operation
                assert json.loads(found[1]) in held
                held = [key for key in held if key != json.loads(found[1])]
            else:
                assert operation["path"] == "members"
                assert 0 < len(operation["value"]) <= SLICE
                held = held + [entry["value"] for entry in operation["value"]]
    return held


@given(
    st.sampled_from([0, 1, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE, 3 * SLICE + 1]),
    st.sampled_from([None, 0, 1, SLICE, 2 * SLICE + 1]),
    st.sampled_from(MEMBERS_STATES),
)
def test_slices_cover_everybody_once(wanted_count: int, held_count: int | None, state: str) -> None:
    group = None if held_count is None else standing(*(user.id for user in MANY[-held_count:] if held_count))
    wanted = DesiredGroup(
        "group0", members=tuple(DesiredUser(u.username, LAB) for u in MANY[:wanted_count]), members_state=state
    )
    plan = planned(group, wanted)
    held = [] if group is None else group.ids()
    held = carried_out(plan.patches(), held)
    assert len(held) == len(set(held))
    assert set(held) == ids(plan.after)


@given(st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=4), st.data())
def test_a_removal_names_just_the_members_that_leave(keys: list[str], data: st.DataObject) -> None:
    """Whatever ids the server gives: none of them ends the filter."""
    users = [User(key, f"name{n}", LAB) for n, key in enumerate(keys)]
    group = group_from_scim({**LISTED[0], "members": [{"value": key} for key in keys]}, Principals(users, LISTED))
    numbers = data.draw(st.sets(st.integers(0, len(keys) - 1)))
    wanted = DesiredGroup("group0", tuple(DesiredUser(f"name{n}", LAB) for n in numbers), members_state="absent")
    plan = plan_group(Principals(users, LISTED), group, wanted)
    assert carried_out(plan.patches(), keys) == [key for n, key in enumerate(keys) if n not in numbers]


@given(standing_groups, desires(), holdings)
def test_members_that_are_gone_unasked_are_found(group: Group | None, wanted: DesiredGroup, now: list[str]) -> None:
    plan = planned(group, wanted)
    lost = {member.id for member in plan.lost(standing(*now))}
    assert lost == ids(group) - {member.id for member in plan.leaving} - set(now)
    # A server may leave an empty list out.
    nobody = group_from_scim(LISTED[0], PRINCIPALS)
    assert {member.id for member in plan.lost(nobody)} == {member.id for member in plan.others}


@given(standing_groups, desires(), holdings)
def test_the_whole_list_loses_nobody(group: Group | None, wanted: DesiredGroup, now: list[str]) -> None:
    """Also of those who came since the plan was made."""
    plan = planned(group, wanted)
    members = [{"value": key, "display": f"name of {key}"} for key in now]
    fresh = {"id": "g0", "displayName": "Group0", "externalId": "E", "members": members, "meta": {"version": 1}}
    document = plan.document_for_replacement(fresh)
    keys = [entry["value"] for entry in document["members"]]
    joining, leaving = {m.id for m in plan.joining}, {m.id for m in plan.leaving}
    assert len(keys) == len(set(keys))
    assert set(keys) == set(now) - leaving | joining
    assert [entry for entry in members if entry["value"] not in leaving] == document["members"][
        : len(set(now) - leaving)
    ]
    assert {**document, "members": members, "meta": {"version": 1}} == fresh
    assert fresh["members"] is members
    assert len(members) == len(now)


@given(standing_groups, desires())
def test_absence_asks_for_nobody(group: Group | None, wanted: DesiredGroup) -> None:
    plan = plan_group(PRINCIPALS, group, replace(wanted, state="absent"))
    assert plan.operation == ("delete" if group else "none")
    assert (plan.after, plan.patches()) == (None, [])


@given(standing_groups, desires(), holdings)
def test_what_was_read_back_is_compared(group: Group | None, wanted: DesiredGroup, now: list[str]) -> None:
    plan = planned(group, wanted)
    joining, leaving = {m.id for m in plan.joining}, {m.id for m in plan.leaving}
    asked_for = joining <= set(now) and not leaving & set(now)
    lost = ids(group) - leaving - set(now)
    said = plan.unkept(standing(*now), PRINCIPALS)
    assert bool(said) >= (not asked_for or bool(lost))
    if wanted.members_state != "exact":
        assert bool(said) == (not asked_for or bool(lost))


# Examples


def test_nobody_is_told_by_guess() -> None:
    users = [User("1", "ann", LAB), User("2", f"ann@{LAB}", LAB), User("3", "bob", None), User("4", "cid", "other.org")]
    principals = Principals(users, [*LISTED, {"id": "g9", "displayName": "GROUP1"}])
    members = tuple(DesiredUser(name, LAB) for name in ("ann", "bob", "cid", "dot"))
    wanted = DesiredGroup("group0", members=members, member_groups=("group1", "group7", "group0"))
    with pytest.raises(PlanRefusedError) as refused:
        plan_group(principals, standing(), wanted)
    text = str(refused.value)
    assert "no user cid@lab.example.org, dot@lab.example.org" in text
    assert "'ann' and 'ann@lab.example.org' side by side" in text
    assert "'bob' (id 3, ExternalId None) and does not show its domain" in text
    assert "group1: the broker holds 2 groups of this name (ids g1, g9)" in text
    assert "no group group7" in text
    assert "Group0 cannot be a member of itself" in text
    assert len(refused.value.problems) == 6


def test_two_groups_of_the_name_are_an_error() -> None:
    principals = Principals([], [{"id": "1", "displayName": "Ab"}, {"id": "2", "displayName": "aB"}])
    with pytest.raises(PlanRefusedError, match="2 groups of this name"):
        principals.group_id("AB")


@pytest.mark.parametrize("members", [None, "none", {}])
def test_members_that_are_not_returned(members: Any) -> None:
    group = group_from_scim({**LISTED[0], "members": members}, PRINCIPALS)
    assert group.members is None
    assert result(group, PRINCIPALS)["members"] == []


def test_a_member_that_cannot_be_read_is_unknown() -> None:
    entries = [{"value": "u1"}, "u2", {"$ref": "x"}, {"value": 7}, {"value": "u1"}, {"value": "g1", "type": "User"}]
    shown = result(group_from_scim({**LISTED[0], "members": entries}, PRINCIPALS), PRINCIPALS)
    assert shown["members"] == [f"name1@{LAB}", f"name2@{LAB}"]
    assert shown["member_groups"] == ["Group1"]
    assert len(shown["unknown_members"]) == 2


def test_groups_are_told_apart_on_the_wire() -> None:
    wanted = DesiredGroup("group0", members=named([1]), member_groups=("Group2",))
    (body,) = plan_group(PRINCIPALS, standing(), wanted).patches()
    assert body["Operations"] == [
        {"op": "add", "path": "members", "value": [{"value": "u1"}, {"value": "g2", "type": "Group"}]}
    ]


def test_a_group_is_created_before_its_members_join() -> None:
    plan = plan_group(PRINCIPALS, None, DesiredGroup("New", members=named([1])))
    document = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "New"}
    assert plan.document_for_creation() == document
    assert len(plan.patches()) == 1


def test_a_name_says_its_own_domain() -> None:
    options = {"display_name": "x", "members": ["ann", "bob@b.org"], "domain": "a.org"}
    first = desired_group(options, None)
    assert not first.domain_needed
    assert desired_group({**options, "domain": None}, None).domain_needed
    wanted = desired_group(options, ("a.org", "b.org"))
    assert [user.label for user in wanted.members or ()] == ["ann@a.org", "bob@b.org"]
    with pytest.raises(InputError, match=r"b\.org"):
        desired_group(options, ("a.org",))


@pytest.mark.parametrize("name", ["ALL_USERS", "all_users", "All_Users"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_the_group_of_everybody_is_never_touched(name: str, state: str) -> None:
    with pytest.raises(InputError, match="holds everybody"):
        desired_group({"display_name": name, "state": state}, None)


def test_one_id_for_a_user_and_a_group_is_refused() -> None:
    PRINCIPALS.refuse_shared_ids()
    principals = Principals([User("1", "ann", LAB)], [{"id": "1", "displayName": "bakers"}])
    with pytest.raises(PlanRefusedError, match=r"same id to a user and to a group \(1\)"):
        principals.refuse_shared_ids()
