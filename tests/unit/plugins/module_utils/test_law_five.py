# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One bad user does not stop the others: each sentence of that law, by example and over random worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import AttemptList
from ansible_collections.homelab.identity_broker.plugins.module_utils._directory import Operation, Situation
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._guards import Guards, Limit
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import Plan
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import plan as plan_of_situation
from ansible_collections.homelab.identity_broker.plugins.module_utils._purge import Purge
from ansible_collections.homelab.identity_broker.plugins.module_utils._renames import rename_batches
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, GroupReference, User
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import Login
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    EXTERNAL_IDS,
    LAB,
    OTHER,
    apply,
    directories,
    in_order,
    modest_lists,
    plan,
    user,
    wanted,
    wanted_lists,
)
from hypothesis import assume, given
from hypothesis import strategies as st

ADA, BOB, LEAVER = user("ada", "E-1"), user("bob", "E-2"), user("leaver", "E-3")
ALL = Purge(LAB)
CONTEXT = "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10"


def seen(external_id: str) -> AttemptList:
    return AttemptList((Login(CONTEXT, value=external_id, domains=(LAB,)).attempt,), complete=True)


def operation(made: Plan, name: str) -> Operation:
    """The one operation on a user of the list."""
    (found,) = [each for each in made.operations if name in (each.wanted.username, each.wanted.asked_as)]
    return found


def problem(made: Plan, name: str) -> str:
    """What fails one user of the list."""
    found = operation(made, name)
    assert found.problem is not None
    assert not found.changes
    return found.problem


def failing(username: str, external_id: str | None = None, **more: Any) -> DesiredUser:
    """A row of which is known before the broker was read that it cannot be carried out."""
    return wanted(username, external_id, problem=f"{username}: the row is incomplete.", **more)


def test_the_others_are_planned() -> None:
    """ada/E1, bob/E2 and leaver/E3 are in the broker; the provider has renamed bob to bobby."""
    made = plan([ADA, BOB, LEAVER], in_order([wanted("ada", "E-1"), wanted("bobby", "E-2")]), purge=ALL)
    assert [(op.kind, op.wanted.username) for op in made.writes] == [("delete", "leaver")]
    assert "rename: true" in problem(made, "bobby")
    assert operation(made, "ada").problem is None


CONFLICTS: dict[str, DesiredUser] = {
    "ExternalId of another": wanted("bobby", "E-2"),
    "another ExternalId": wanted("bob", "E-9"),
    "differs in case": wanted("bob", "e-2"),
    "two entries match": wanted("bob", "E-1"),
    "unknown group": wanted("bob", groups=("nowhere",)),
    "row": failing("bob"),
    "absent with another ExternalId": wanted("bob", "E-9", state="absent"),
}


@pytest.mark.parametrize("bad", CONFLICTS.values(), ids=CONFLICTS.keys())
def test_a_problem_of_one_user_fails_that_user_alone(bad: DesiredUser) -> None:
    made = plan([ADA, BOB, LEAVER], in_order([wanted("tart", "E-8", given_name="T"), bad]), purge=ALL)
    assert problem(made, bad.username)
    assert ("create", "tart") in [(op.kind, op.wanted.username) for op in made.writes]
    assert BOB.id not in [op.before.id for op in made.writes if op.before], "left alone: not purged either"


@pytest.mark.parametrize("bad", CONFLICTS.values(), ids=CONFLICTS.keys())
def test_on_error_stop_brings_back_all_or_nothing(bad: DesiredUser) -> None:
    desired = in_order([wanted("tart", "E-8"), bad, wanted("waiting")])
    with pytest.raises(PlanRefusedError) as caught:
        plan([ADA, BOB], desired, all_or_nothing=True)
    assert len(caught.value.problems) == 2
    assert str(caught.value).startswith("Nothing was changed")


def test_an_exceeded_guard_stops_all() -> None:
    with pytest.raises(PlanRefusedError, match="max_deletes"):
        plan(
            [ADA, BOB, LEAVER],
            in_order([failing("ada"), wanted("bob", given_name="B")]),
            purge=ALL,
            guards=Guards(deletes=Limit(0)),
        )


def test_duplicates_in_the_tasks_own_list_stop_all() -> None:
    with pytest.raises(PlanRefusedError, match="positions 1 and 2"):
        plan([], in_order([wanted("ada"), wanted("ADA"), wanted("bob", "E-2")]))


def test_duplicates_in_a_list_from_a_provider_are_problems_of_those_people() -> None:
    made = plan([], in_order([failing("ada", "E-1"), failing("Ada", "E-4"), wanted("bob", "E-2")]))
    assert [(op.kind, bool(op.problem)) for op in made.operations] == [
        ("none", True),
        ("none", True),
        ("create", False),
    ]


def test_a_waiting_user_fails_alone_or_is_reported() -> None:
    desired = in_order([wanted("scone"), wanted("tart", "E-8")])
    made = plan([ADA], desired)
    assert "external_id" in problem(made, "scone")
    assert [op.kind for op in made.writes] == ["create"]
    assert [w.username for w in made.waiting] == ["scone"]
    reported = plan([ADA], desired, report_missing=True)
    assert operation(reported, "scone").problem is None
    assert [w.username for w in reported.waiting] == ["scone"]


def test_nothing_is_bound_while_a_failed_user_has_no_external_id() -> None:
    for bad in (failing("pie"), wanted("pie", groups=("nowhere",))):
        made = plan([ADA], in_order([wanted("scone"), bad]), login_attempts=seen("N-1"))
        assert made.binding is None
        assert made.writes == []
        assert "pie" in problem(made, "scone")
        one_asked = plan(
            [ADA], in_order([wanted("scone"), bad]), login_attempts=seen("N-1"), login_attempts_of=["scone"]
        )
        assert one_asked.binding is None


@pytest.mark.parametrize(
    "bad",
    [failing("ada"), failing("pie", "E-7"), wanted("bob", "E-9"), failing("pie", state="absent")],
    ids=["the broker has one", "the row has one", "both have one", "to be absent"],
)
def test_a_failed_user_with_an_external_id_is_in_nobodys_way(bad: DesiredUser) -> None:
    made = plan([ADA, BOB], in_order([wanted("scone"), bad]), login_attempts=seen("N-1"))
    assert problem(made, bad.username)
    assert made.binding is not None
    assert operation(made, "scone").kind == "create"


def test_an_external_id_that_another_entry_has_is_not_the_failed_users_unless_the_provider_says_so() -> None:
    """A misspelt ExternalId: ada's own login was refused with N-1, and scone must not get it."""
    desired = in_order([wanted("scone"), wanted("pie", "E-2")])
    made = plan([BOB], desired, login_attempts=seen("N-1"))
    assert made.binding is None
    assert "pie" in problem(made, "scone")
    assert plan([BOB], desired, login_attempts=seen("N-1"), owners={"E-2": "pie"}).binding is not None


def test_nothing_is_bound_beside_a_contradiction() -> None:
    desired = in_order([wanted("muffin", "P-1"), wanted("scone"), wanted("tart", "E-8")])
    made = plan([], desired, login_attempts=seen("N-1"), owners={"P-1": "muffin"})
    assert "the broker saw is N-1" in problem(made, "muffin")
    assert made.binding is None
    assert "muffin" in problem(made, "scone")
    assert operation(made, "tart").kind == "create"


def test_why_nothing_was_bound_is_a_problem_of_those_who_wait() -> None:
    desired = in_order([wanted("scone"), wanted("pie"), wanted("tart", "E-8")])
    made = plan([], desired, login_attempts=seen("N-1"))
    assert "2 people wait" in problem(made, "scone")
    assert problem(made, "pie") == problem(made, "scone")
    assert operation(made, "tart").kind == "create"
    reported = plan([], desired, login_attempts=seen("N-1"), report_missing=True)
    assert [w.username for w in reported.waiting] == ["scone", "pie"]
    assert [op.problem for op in reported.operations] == [None, None, None]
    assert "2 people wait" in " ".join(reported.notes)


def test_the_entry_of_a_failed_user_is_not_purged_by_name_or_by_external_id() -> None:
    for bad in (failing("bob"), failing("bobby", "E-2"), failing("BOB", "E-9", domain=LAB.upper()), failing("", "e-2")):
        made = plan([ADA, BOB, LEAVER], in_order([wanted("ada"), bad]), purge=ALL)
        assert [op.wanted.username for op in made.writes] == ["leaver"]
        assert made.unplaced == ()


def test_a_failed_row_that_can_be_tied_to_no_entry_stops_the_purge() -> None:
    for bad in (failing("pie"), failing("", "E-9"), failing("bob", domain=OTHER)):
        made = plan([ADA, BOB, LEAVER], in_order([wanted("ada"), bad]), purge=ALL)
        assert made.writes == []
        assert made.unplaced == (replace(bad, position=1),)


def test_a_waiting_user_whose_name_can_be_read_does_not_make_the_list_incomplete() -> None:
    made = plan([ADA, LEAVER], in_order([wanted("ada"), wanted("scone")]), purge=ALL)
    assert [op.wanted.username for op in made.writes] == ["leaver"]
    assert problem(made, "scone")
    assert made.unplaced == ()


def test_an_operation_that_needs_what_a_failed_user_holds_fails_too() -> None:
    # The name and the ExternalId of the row, and the entry.
    for bad, other in (
        (failing("pie", "E-9"), wanted("tart", "E-9")),
        (failing("pie", "E-9"), wanted("PIE", "E-8")),
        (failing("bobby", "E-2"), wanted("bob", given_name="B")),
        (failing("bobby", "E-2"), wanted("bob", state="absent")),
    ):
        made = plan([ADA, BOB], in_order([bad, other]))
        assert bad.username in problem(made, other.username)


def test_an_entry_meant_by_two_fails_both() -> None:
    made = plan([ADA, BOB], in_order([wanted("pie", "E-1", rename=True), wanted("ada", given_name="x"), wanted("bob")]))
    assert "ada" in problem(made, "pie")
    assert "pie" in problem(made, "ada")
    assert operation(made, "bob").problem is None


def test_a_user_whose_recreation_was_broken_off_can_be_tied_to_it() -> None:
    from ansible_collections.homelab.identity_broker.plugins.module_utils._recreation import Recreation

    entry = {"id": "id-pie", "userName": "pie"}
    begun = Recreation("host", "2026-01-01T00:00:00Z", entry, (), "E-9")
    situation = Situation([ADA, LEAVER], recreations=[(begun, user("pie", "E-4"))])
    made = plan_of_situation(situation, in_order([wanted("ada"), failing("pie")]), purge=ALL)
    assert [op.wanted.username for op in made.writes] == ["leaver"]


def test_a_failed_user_joins_no_group() -> None:
    group = {"crew": GroupReference("g-1", "crew")}
    made = plan_of_situation(Situation([BOB], group), in_order([wanted("bob", "E-9", groups=("crew", "nowhere"))]))
    assert operation(made, "bob").join == ()


bad_rows = st.lists(st.booleans(), min_size=3, max_size=3)


def spoilt(desired: Sequence[DesiredUser], bad: Sequence[bool]) -> list[DesiredUser]:
    return [
        replace(each, problem=f"row {each.position} is incomplete") if is_bad else each
        for each, is_bad in zip(desired, bad, strict=False)
    ]


def continued(users: Sequence[User], desired: Sequence[DesiredUser], **more: Any) -> Plan:
    try:
        return plan(users, desired, **more)
    except PlanRefusedError:
        assume(False)
        raise


def ties(each: User, row: DesiredUser) -> bool:
    """Whether an entry has the row's ExternalId, or its name in its domain: written anew here."""
    if row.external_id and each.external_id and row.external_id.lower() == each.external_id.lower():
        return True
    bare = each.bare_name.lower() == row.username.lower() and (each.domain or "").lower() == row.domain.lower()
    label = f"{row.username}@{row.domain}".lower()
    return bare or (each.domain is None and each.username.lower() in (row.username.lower(), label))


@given(directories, wanted_lists | modest_lists, bad_rows)
def test_no_entry_of_a_failed_user_is_touched(users: list[User], desired: list[DesiredUser], bad: list[bool]) -> None:
    made = continued(users, spoilt(desired, bad), report_missing=True, purge=ALL)
    after = {each.id: each for each in apply(made, users)}
    failed = [op.wanted for op in made.operations if op.problem]
    for each in users:
        if any(ties(each, row) for row in failed):
            assert after.get(each.id) == each
    held = {row.external_id.lower() for row in failed if row.external_id}
    names = {(row.username.lower(), row.domain.lower()) for row in failed}
    for op in made.writes:
        if op.kind in ("create", "rename", "recreate"):
            assert (op.wanted.external_id or "").lower() not in held
            assert (op.wanted.username.lower(), op.wanted.domain.lower()) not in names


@given(directories, wanted_lists | modest_lists, bad_rows)
def test_nobody_is_purged_beside_a_failed_row_without_an_entry(
    users: list[User], desired: list[DesiredUser], bad: list[bool]
) -> None:
    made = continued(users, spoilt(desired, bad), report_missing=True, purge=ALL)
    failed = [op.wanted for op in made.operations if op.problem and op.kind != "wait"]
    if any(not any(ties(each, row) for each in users) for row in failed):
        assert not made.purges
        assert made.unplaced


@given(directories, wanted_lists | modest_lists, bad_rows)
def test_whoever_does_not_fail_is_planned_as_without_the_failed(
    users: list[User], desired: list[DesiredUser], bad: list[bool]
) -> None:
    made = continued(users, spoilt(desired, bad), report_missing=True)
    fine = [op for op in made.operations if not op.problem]
    alone = continued(users, [op.wanted for op in fine], report_missing=True)
    assert [(op.kind, op.before, op.after) for op in alone.operations] == [
        (op.kind, op.before, op.after) for op in fine
    ]


@given(directories, wanted_lists | modest_lists, bad_rows, st.sampled_from([*EXTERNAL_IDS, "N-1"]))
def test_nobody_is_bound_beside_a_failed_user_without_an_external_id(
    users: list[User], desired: list[DesiredUser], bad: list[bool], external_id: str
) -> None:
    made = continued(users, spoilt(desired, bad), login_attempts=seen(external_id))
    if made.binding is None:
        return
    for op in made.operations:
        if op.problem and op.wanted.state == "present":
            assert op.wanted.external_id or any(each.external_id and ties(each, op.wanted) for each in users)


# Names that change hands


def kinds(made: Plan) -> list[tuple[str, str]]:
    return [(op.kind, op.wanted.username) for op in made.writes]


P07, P08, P14, P15 = user("p07", "E-07"), user("p08", "E-08"), user("p14", "E-14"), user("p15", "E-15")


def taker(username: str, external_id: str, **more: Any) -> DesiredUser:
    return wanted(username, external_id, rename=True, **more)


def test_the_name_of_one_who_leaves_passes_on() -> None:
    made = plan([P07, P08], in_order([taker("p08", "E-07")]), purge=ALL)
    assert kinds(made) == [("delete", "p08"), ("rename", "p08")]
    assert "rename: true" in problem(plan([P07, P08], in_order([wanted("p08", "E-07")]), purge=ALL), "p08")
    without = plan([P07, P08], in_order([taker("p08", "E-07")]))
    assert "purge" in problem(without, "p08")
    # Nobody is purged beside a failed user without an entry, so the name is not free.
    made = plan([P07, P08], in_order([taker("p08", "E-07"), failing("pie")]), purge=ALL)
    assert kinds(made) == []
    assert "p07" in problem(made, "p08")


def test_nobody_is_purged_to_change_an_external_id() -> None:
    made = plan([P08, ADA], in_order([taker("p08", "E-new"), taker("ada", "E-1")]), purge=ALL)
    assert kinds(made) == []
    assert "recreate: true" in problem(made, "p08")


def test_two_users_swap_their_names() -> None:
    made = plan([P14, P15], in_order([taker("p14", "E-15"), taker("p15", "E-14")]))
    assert kinds(made) == [("rename", "p14"), ("rename", "p15")]
    made = plan(
        [P14, P15, ADA],
        in_order([taker("p14", "E-15", groups=("nowhere",)), taker("p15", "E-14"), taker("ada", "E-1")]),
    )
    assert kinds(made) == []
    assert problem(made, "p14")
    assert problem(made, "p15")
    assert operation(made, "ada").problem is None


def test_a_name_is_given_up_to_a_new_user() -> None:
    made = plan([P07], in_order([taker("p09", "E-07"), taker("p07", "E-new")]))
    assert kinds(made) == [("rename", "p09"), ("create", "p07")]


def test_a_row_without_external_id_takes_no_name() -> None:
    made = plan([P07], in_order([taker("p09", "E-07"), wanted("p07", rename=True)]))
    assert kinds(made) == []


@given(st.permutations(range(5)), st.integers(0, 5))
def test_renames_come_in_an_order_in_which_each_name_is_free(order: list[int], kept: int) -> None:
    """Any number of circles and chains, carried out one request after the other."""
    users = [user(f"p{number}", f"E-{number}") for number in range(5)]
    desired = in_order([taker(f"p{to}" if to != kept else "new", f"E-{number}") for number, to in enumerate(order)])
    made = plan(users, desired)
    assert not [op for op in made.operations if op.problem]
    there = {each.id: each.username for each in users}
    for batch in rename_batches([op for op in made.writes if op.kind == "rename"]):
        taken = [step.operation.after.username for step in batch if step.operation.after]
        assert len(set(taken)) == len(taken)
        assert not set(taken) & set(there.values())
        for step in batch:
            before, after = step.operation.before, step.operation.after
            assert before is not None
            assert after is not None
            assert there[before.id] == before.username
            there[before.id] = after.username
    assert there == {f"id-p{each.position}": each.username for each in desired}
    # However far a run came, the next one ends in the same place.
    second = plan([replace(each, username=there[each.id]) for each in users], desired)
    assert second.writes == []


@given(st.permutations(range(4)), st.integers(0, 8))
def test_an_interrupted_swap_is_completed_by_the_next_run(order: list[int], steps: int) -> None:
    users = {f"id-p{number}": user(f"p{number}", f"E-{number}") for number in range(4)}
    desired = in_order([taker(f"p{to}", f"E-{number}") for number, to in enumerate(order)])
    for limit in (steps, 99):
        made = plan(list(users.values()), desired)
        assert not [op for op in made.operations if op.problem]
        all_steps = [
            step for batch in rename_batches([op for op in made.writes if op.kind == "rename"]) for step in batch
        ]
        for step in all_steps[:limit]:
            assert step.operation.before
            assert step.operation.after
            users[step.operation.before.id] = step.operation.after
    assert {each.external_id: each.username for each in users.values()} == {
        each.external_id: each.username for each in desired
    }
