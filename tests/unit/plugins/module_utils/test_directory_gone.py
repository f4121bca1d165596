# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries that were deleted to be created anew, and were not: they are the first thing to go on with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import AttemptList
from ansible_collections.homelab.identity_broker.plugins.module_utils._directory import Situation
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import Plan, plan, plan_again
from ansible_collections.homelab.identity_broker.plugins.module_utils._recreation import Recreation
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import (
    DesiredUser,
    GroupReference,
    User,
    user_from_scim,
)
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import Login
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    EXTERNAL_IDS,
    LAB,
    NAMES,
    OTHER,
    apply,
    identity,
    in_order,
    modest_lists,
    picks,
    tidy_directories,
    user,
    wanted,
    wanted_lists,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

COOKS = GroupReference("g-1", "cooks")
Gone = tuple[Recreation, User]


def gone_entry(
    name: str = "muffin", old: str = "E-old", new: str = "E-new", key: str = "gone", domain: str = LAB
) -> Gone:
    """A record whose entry is deleted."""
    document: dict[str, Any] = {
        "id": key,
        "userName": f"{name}@{domain}",
        "externalId": old,
        "name": {"givenName": "Old"},
        "active": False,
        "groups": [{"value": "g-1", "display": "cooks"}],
    }
    found = user_from_scim(document, (LAB, OTHER))
    return Recreation("vcsa.example.org", "2026-02-04T15:05:23Z", document, (COOKS,), new), found


records = st.lists(
    picks(NAMES, [LAB, LAB, OTHER], EXTERNAL_IDS, ["N-1", *EXTERNAL_IDS]),
    max_size=2,
    unique_by=(lambda fields: (fields[0].lower(), fields[1].lower()), lambda fields: fields[3]),
).map(
    lambda found: [
        gone_entry(name, old, new, f"gone-{number}", domain) for number, (name, domain, old, new) in enumerate(found)
    ]
)
every_world = given(tidy_directories, records, wanted_lists | modest_lists)


def situation(users: Sequence[User], gone: Sequence[Gone]) -> Situation:
    return Situation(users, {"cooks": COOKS}, gone)


def made(users: Sequence[User], gone: Sequence[Gone], desired: Sequence[DesiredUser], **more: Any) -> Plan:
    try:
        return plan(situation(users, gone), desired, report_missing=True, all_or_nothing=True, **more)
    except PlanRefusedError:
        assume(False)
        raise


def carried_out(done: Plan, users: Sequence[User], gone: Sequence[Gone]) -> list[User]:
    left = apply(done, [*users, *(entry for _recreation, entry in gone)])
    return [each for each in left if not each.id.startswith("gone")]


@settings(max_examples=150)
@every_world
def test_no_external_id_is_given_to_two(users: list[User], gone: list[Gone], desired: list[DesiredUser]) -> None:
    done = made(users, gone, desired)
    after = carried_out(done, users, gone)
    held = [each.external_id.lower() for each in after if each.external_id]
    assert len(held) == len(set(held))
    there = {identity(each): each.external_id for each in after}
    asked = {(w.username.lower(), w.domain.lower()): w for w in desired}
    before, standing = {each.external_id for each in users}, {identity(each) for each in users}
    for recreation, entry in gone:
        mine = asked.get(identity(entry))  # type: ignore[arg-type]
        if mine is not None or recreation.external_id in before or identity(entry) in standing:
            continue
        # Nobody named the user, who is still to get it.
        assert recreation.external_id not in {value for key, value in there.items() if key != identity(entry)}


@settings(max_examples=150)
@every_world
def test_it_is_gone_on_with(users: list[User], gone: list[Gone], desired: list[DesiredUser]) -> None:
    done = made(users, gone, desired)
    standing = {identity(each) for each in users}
    on_record = {identity(entry): (recreation, entry) for recreation, entry in gone}
    for asked, operation in zip(desired, done.operations, strict=True):
        key = (asked.username.lower(), asked.domain.lower())
        if key in standing or key not in on_record or operation.kind == "rename":
            continue
        recreation, entry = on_record[key]  # type: ignore[index]
        if asked.state == "absent":
            assert operation.kind == "none"
            continue
        assert (operation.kind, operation.before) == ("recreate", entry)
        assert operation.after is not None
        assert operation.after.external_id == (asked.external_id or recreation.external_id)
        assert "cooks" in operation.after.groups
        if asked.given_name is None:
            assert operation.after.given_name == entry.given_name
        if asked.active is None:
            assert operation.after.active == entry.active


@every_world
def test_a_second_run_writes_nothing(users: list[User], gone: list[Gone], desired: list[DesiredUser]) -> None:
    done = made(users, gone, desired)
    after = carried_out(done, users, gone)
    assert plan(situation(after, []), desired, report_missing=True).writes == []
    # Also where the record was not struck before the run was killed.
    ended = [each for each in gone if identity(each[1]) in {identity(user) for user in after}]
    again = plan(situation(after, ended), desired, report_missing=True)
    assert [op for op in again.writes if not op.only_joins] == []


@every_world
def test_an_entry_that_stands_is_planned_as_if_nothing_was_begun(
    users: list[User], gone: list[Gone], desired: list[DesiredUser]
) -> None:
    """The run was killed after it had written the record, and before the deletion."""
    assume(users)
    begun = list(gone[:1])
    standing = [*users, *(entry for _recreation, entry in begun)]
    assume(len({identity(each) for each in standing}) == len(standing))
    try:
        without = plan(situation(standing, []), desired, report_missing=True, all_or_nothing=True)
    except PlanRefusedError as refusal:
        with pytest.raises(PlanRefusedError) as caught:
            plan(situation(standing, begun), desired, report_missing=True, all_or_nothing=True)
        assert caught.value.problems == refusal.problems
        return
    assert plan(situation(standing, begun), desired, report_missing=True) == without


# By example


def refusal(users: list[User], gone: list[Gone], *desired: DesiredUser, **more: Any) -> str:
    with pytest.raises(PlanRefusedError) as caught:
        plan(situation(users, gone), in_order(desired), all_or_nothing=True, **more)
    return str(caught.value)


@pytest.mark.parametrize("others", [[], [wanted("muffin")]])
def test_an_external_id_on_its_way_is_refused_to_others(others: list[DesiredUser]) -> None:
    said = refusal([], [gone_entry()], wanted("scone", "E-new"), *others)
    assert f"scone@{LAB}: ExternalId E-new is on its way to muffin@{LAB}" in said
    assert "on its way" in refusal([], [gone_entry()], wanted("scone", "e-NEW"), *others)
    # The next run would refuse it, for then muffin has it.
    assert "on its way" in refusal([], [gone_entry()], wanted("scone", "E-new", state="absent"), *others)


@pytest.mark.parametrize("given_up", [wanted("muffin", "E-right"), wanted("muffin", state="absent")])
def test_who_gives_it_up_leaves_it_to_others(given_up: DesiredUser) -> None:
    done = plan(situation([], [gone_entry()]), in_order([wanted("scone", "E-new"), given_up]))
    assert done.operations[0].kind == "create"


def test_what_has_arrived_is_not_on_its_way() -> None:
    arrived = user("muffin", "E-new")
    assert plan(situation([arrived], [gone_entry()]), [wanted("muffin")]).operations[0].only_joins
    renamed = user("cake", "E-new")
    assert plan(situation([renamed], [gone_entry()]), [wanted("cake", "E-new")]).writes == []


def attempts(*external_ids: str) -> AttemptList:
    context = "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10"
    return AttemptList(
        tuple(Login(context, value=value, domains=(LAB,), reason="USER_NOT_FOUND").attempt for value in external_ids),
        complete=True,
    )


def test_the_log_binds_nothing_that_is_on_its_way() -> None:
    said = refusal([], [gone_entry()], wanted("scone"), login_attempts=attempts("E-new"))
    assert "No login refused" in said
    done = plan(situation([], [gone_entry()]), [wanted("scone")], login_attempts=attempts("E-new", "E-mine"))
    assert done.binding is not None
    assert done.binding.external_id == "E-mine"


def test_who_is_left_alone_is_not_said_to_be_there() -> None:
    desired = in_order([wanted("scone"), wanted("muffin")])
    done = plan(situation([], [gone_entry()]), desired, login_attempts=attempts("E-mine"), login_attempts_of=["scone"])
    left = done.operations[1]
    assert (left.kind, left.before, left.after) == ("none", None, None)


def test_who_was_bound_from_the_log_may_neither_rename_nor_delete() -> None:
    bold = wanted("scone", recreate=True, rename=True)
    (operation,) = plan(situation([], []), [bold], login_attempts=attempts("E-mine")).operations
    for other in (user("cake", "E-mine"), user("scone", "E-other")):
        ((now, problem),) = plan_again(situation([other], []), [operation])
        assert problem is not None
        assert not now.changes
