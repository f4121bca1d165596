# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ExternalId law by example: what is refused and in which words, and what the operations are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import AttemptList
from ansible_collections.homelab.identity_broker.plugins.module_utils._directory import CHANGING
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import Plan, find, refuse_duplicates
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import Login
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    LAB,
    OTHER,
    in_order,
    plan,
    user,
    wanted,
)

MUFFIN, SCONE = user("muffin", "E-1"), user("scone", "E-2")


def refusal(users: list[User], *desired: DesiredUser, report_missing: bool = True) -> PlanRefusedError:
    """What the plan says no with."""
    with pytest.raises(PlanRefusedError) as caught:
        plan(users, in_order(desired), report_missing=report_missing, all_or_nothing=True)
    return caught.value


def only(users: list[User], desired: DesiredUser) -> tuple[str, User | None, User | None]:
    """The one operation."""
    (operation,) = plan(users, [desired], report_missing=True).operations
    return operation.kind, operation.before, operation.after


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("name", ["muffin", f"muffin@{LAB}"])
def test_an_external_id_of_another_is_refused_naming_both(state: str, name: str) -> None:
    holder = replace(MUFFIN, username=name)
    said = str(refusal([holder], wanted("scone", "E-1", state=state)))
    assert f"scone@{LAB}" in said
    assert f"muffin@{LAB}" in said
    assert "E-1" in said
    assert ("rename: true" in said) == (state == "present")


@pytest.mark.parametrize("more", [{}, {"state": "absent"}, {"rename": True}, {"recreate": True}])
def test_two_entries_that_match_are_refused_always(more: dict[str, Any]) -> None:
    said = str(refusal([MUFFIN, SCONE], wanted("scone", "E-1", **more)))
    assert f"scone@{LAB}" in said
    assert f"muffin@{LAB}" in said
    assert "E-1" in said
    assert "E-2" in said


@pytest.mark.parametrize(
    "more", [{}, {"state": "absent"}, {"rename": True}, {"recreate": True}, {"external_id": "E-1"}]
)
def test_name_and_qualified_name_side_by_side_are_refused(more: dict[str, Any]) -> None:
    twin = User(id="id-2", username=f"Muffin@{LAB}", domain=LAB, external_id="E-9")
    said = str(refusal([MUFFIN, twin], wanted("muffin", **more)))
    assert "'muffin'" in said
    assert f"'Muffin@{LAB}'" in said


@pytest.mark.parametrize("name", ["muffin", "scone"])
@pytest.mark.parametrize("more", [{}, {"state": "absent"}, {"rename": True}, {"recreate": True}])
def test_external_ids_that_differ_only_in_case_are_refused(name: str, more: dict[str, Any]) -> None:
    said = str(refusal([MUFFIN], wanted(name, "e-1", **more)))
    assert "E-1" in said
    assert "e-1" in said
    assert f"muffin@{LAB}" in said


@pytest.mark.parametrize("name", ["muffin", f"muffin@{LAB}", "MUFFIN"])
@pytest.mark.parametrize(
    "more", [{}, {"state": "absent"}, {"external_id": "E-8"}, {"external_id": "E-8", "recreate": True, "rename": True}]
)
def test_an_entry_of_an_unknown_domain_is_refused(name: str, more: dict[str, Any]) -> None:
    stray = User(id="id-7", username=name, domain=None, external_id="E-7")
    said = str(refusal([stray], wanted("muffin", **more)))
    assert f"muffin@{LAB}" in said
    assert repr(name) in said
    for part in ("id-7", "E-7", "external_id"):
        assert part in said


@pytest.mark.parametrize("name", ["muffin", "MUFFIN"])
def test_name_and_external_id_tell_an_entry_of_an_unknown_domain(name: str) -> None:
    stray = User(id="id-7", username=name, domain=None, external_id="E-7")
    assert only([stray], wanted("muffin", "E-7")) == ("none", stray, stray)
    assert only([stray], wanted("muffin", "E-7", state="absent")) == ("delete", stray, None)
    assert only([stray], wanted("muffin", "E-7", email="x"))[0] == "update"
    twin = User(id="id-8", username="muffin", domain=LAB, external_id="E-8")
    said = str(refusal([stray, twin], wanted("muffin", "E-7")))
    assert "E-7" in said
    assert "E-8" in said
    assert only([stray, twin], wanted("muffin", "E-8")) == ("none", twin, twin)
    said = str(refusal([stray, twin], wanted("muffin")))
    assert "external_id" in said


def test_an_external_id_of_an_unknown_domain_is_not_renamed() -> None:
    said = str(refusal([user("muffin", "E-1", domain=None)], wanted("scone", "E-1", rename=True)))
    assert "domain" in said


@pytest.mark.parametrize("rename", [False, True])
def test_an_external_id_of_another_domain_is_refused(rename: bool) -> None:
    said = str(refusal([user("muffin", "E-1", domain=OTHER)], wanted("muffin", "E-1", rename=rename)))
    assert f"muffin@{LAB}" in said
    assert f"muffin@{OTHER}" in said


def test_an_external_id_that_two_have_is_refused() -> None:
    twin = user("scone", "E-1")
    said = str(refusal([MUFFIN, twin], wanted("bagel", "E-1", rename=True)))
    assert f"muffin@{LAB}" in said
    assert f"scone@{LAB}" in said


def test_the_same_name_in_another_domain_is_another_person() -> None:
    elsewhere = user("muffin", "E-1", domain=OTHER)
    assert only([elsewhere], wanted("muffin", "E-2"))[0] == "create"
    assert only([elsewhere], wanted("muffin", state="absent"))[0] == "none"


def test_an_external_id_changes_only_by_recreation() -> None:
    said = str(refusal([MUFFIN], wanted("muffin", "E-5")))
    assert "E-1" in said
    assert "E-5" in said
    assert "recreate: true" in said
    kind, before, after = only([MUFFIN], wanted("muffin", "E-5", recreate=True))
    assert (kind, before) == ("recreate", MUFFIN)
    assert after is not None
    assert (after.external_id, after.groups) == ("E-5", ())


def test_recreation_keeps_what_was_not_named() -> None:
    standing = user(given_name="Muffin", family_name="M", email="m@example.org", active=False, display_name="MM")
    desired = wanted("muffin", "E-5", recreate=True, family_name="", email="new@example.org")
    (operation,) = plan([standing], [desired]).operations
    after = operation.after
    assert after is not None
    assert (after.given_name, after.family_name, after.email, after.display_name, after.active) == (
        "Muffin",
        None,
        "new@example.org",
        "MM",
        False,
    )
    assert operation.wanted.given_name == "Muffin", "what is sent is what was planned"


@pytest.mark.parametrize("more", [{"recreate": True}, {"rename": True}])
def test_leave_to_recreate_or_rename_changes_nothing_by_itself(more: dict[str, Any]) -> None:
    assert only([MUFFIN], wanted("muffin", "E-1", **more)) == ("none", MUFFIN, MUFFIN)
    assert only([MUFFIN], wanted("muffin", **more)) == ("none", MUFFIN, MUFFIN)


def test_deletion_with_another_external_id_is_refused() -> None:
    said = str(refusal([MUFFIN], wanted("muffin", "E-5", state="absent")))
    assert "E-1" in said
    assert "E-5" in said
    assert only([MUFFIN], wanted("muffin", "E-1", state="absent")) == ("delete", MUFFIN, None)
    assert only([MUFFIN], wanted("muffin", state="absent")) == ("delete", MUFFIN, None)
    assert only([], wanted("muffin", "E-5", state="absent")) == ("none", None, None)


@pytest.mark.parametrize(
    ("standing", "becomes"),
    [("muffin", "scone"), (f"muffin@{LAB}", f"scone@{LAB}"), (f"MUFFIN@{LAB.upper()}", f"scone@{LAB}")],
)
def test_a_rename_keeps_the_form_of_the_name_and_the_rest(standing: str, becomes: str) -> None:
    entry = user("muffin", given_name="M", active=False, groups=("G",))
    entry = replace(entry, username=standing)
    for form in ("bare", "qualified"):
        kind, before, after = only([entry], wanted("scone", "E-1", rename=True, username_format=form))
        assert (kind, before, after) == ("rename", entry, replace(entry, username=becomes))


def test_names_and_domains_compare_without_case() -> None:
    assert only([MUFFIN], wanted("MUFFIN", "E-1", domain=LAB.upper())) == ("none", MUFFIN, MUFFIN)


def test_a_name_listed_twice_is_refused_with_both_positions() -> None:
    desired = in_order([wanted("muffin"), wanted("scone"), wanted("MUFFIN", domain=LAB.upper())])
    with pytest.raises(PlanRefusedError, match="positions 1 and 3"):
        refuse_duplicates(desired)
    with pytest.raises(PlanRefusedError, match="positions 1 and 3"):
        plan([], desired)
    refuse_duplicates(in_order([wanted("muffin"), wanted("muffin", domain=OTHER)]))


@pytest.mark.parametrize("twin", ["E-1", "e-1"])
def test_an_external_id_listed_twice_is_refused_with_both_positions(twin: str) -> None:
    desired = in_order([wanted("dot"), wanted("muffin", "E-1"), wanted("scone", twin, state="absent")])
    with pytest.raises(PlanRefusedError) as caught:
        refuse_duplicates(desired)
    said = str(caught.value)
    assert "position 2" in said
    assert "position 3" in said
    assert f"muffin@{LAB}" in said
    assert f"scone@{LAB}" in said
    assert ("differ only in case" in said) == (twin == "e-1")


def test_an_entry_meant_by_two_is_refused() -> None:
    said = str(refusal([MUFFIN], wanted("scone", "E-1", rename=True), wanted("muffin", given_name="x")))
    assert f"scone@{LAB}" in said
    assert f"muffin@{LAB}" in said


def test_all_problems_are_told_at_once() -> None:
    problems = refusal([MUFFIN, SCONE], wanted("bagel", "E-1"), wanted("scone", "E-9"), wanted("new", "E-3")).problems
    assert len(problems) == 2
    assert "bagel" in problems[0]
    assert "scone" in problems[1]


def test_who_waits_is_a_problem_or_a_result() -> None:
    made = plan([MUFFIN], [wanted("muffin"), wanted("scone"), wanted("bagel")], report_missing=True)
    assert [op.kind for op in made.operations] == ["none", "wait", "wait"]
    assert [w.username for w in made.waiting] == ["scone", "bagel"]
    assert made.writes == []
    problems = refusal([MUFFIN], wanted("muffin"), wanted("scone"), wanted("bagel"), report_missing=False).problems
    assert len(problems) == 2
    assert "external_id" in problems[0]
    assert f"scone@{LAB}" in problems[0]


def test_the_built_in_group_and_other_users_are_no_part_of_the_plan() -> None:
    assert plan([MUFFIN, SCONE], []) == Plan(())


def test_writes_come_in_an_order_that_frees_names_first() -> None:
    users = [user("a", "A"), user("b", "B"), user("c", "C"), user("d", "D")]
    desired = [
        wanted("new", "N"),
        wanted("a", given_name="x"),
        wanted("b", "B-2", recreate=True),
        wanted("renamed", "C", rename=True),
        wanted("d", state="absent"),
    ]
    kinds = [operation.kind for operation in plan(users, in_order(desired)).writes]
    assert kinds == list(CHANGING)


def test_the_signature_tells_plans_apart() -> None:
    desired = [wanted("muffin", given_name="x"), wanted("scone", state="absent")]
    first = plan([MUFFIN, SCONE], desired)
    assert first.signature == plan([SCONE, MUFFIN], desired).signature
    assert first.signature != plan([replace(MUFFIN, id="id-9"), SCONE], desired).signature
    assert first.signature != plan([MUFFIN], desired).signature
    assert first.signature != plan([replace(MUFFIN, given_name="x"), SCONE], desired).signature


def test_the_diff_of_an_update_shows_both_sides() -> None:
    diff = plan([replace(MUFFIN, given_name="Old", email="m@example.org")], [wanted(given_name="New")]).diff()
    label = f"muffin@{LAB}"
    assert diff["before"][label]["given_name"] == "Old"
    assert diff["after"] == {label: {**diff["before"][label], "given_name": "New"}}


def test_the_diff_of_a_creation_shows_what_is_asked_for_only() -> None:
    diff = plan([MUFFIN], [wanted("scone", "E-5", given_name="Scone", family_name="")]).diff()
    assert diff["before"] == {}
    assert diff["after"] == {
        f"scone@{LAB}": {
            "username": f"scone@{LAB}",
            "domain": LAB,
            "external_id": "E-5",
            "given_name": "Scone",
            "active": True,
        }
    }


def test_nothing_to_change_has_an_empty_diff() -> None:
    diff = plan([MUFFIN], [wanted("muffin")]).diff()
    assert (diff["before"], diff["after"]) == ({}, {})


def test_the_diff_tells_what_was_bound() -> None:
    attempt = Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", value="E-5", domains=(LAB,)).attempt
    diff = plan([MUFFIN], [wanted("scone")], login_attempts=AttemptList((attempt,), True)).diff()
    assert diff["after"][f"scone@{LAB}"]["external_id"] == "E-5"
    for part in ("E-5", "2026-02-04T15:00:00Z", "192.0.2.44", f"scone@{LAB}"):
        assert part in diff["after_header"]


def test_users_are_found_by_all_criteria_together() -> None:
    qualified = User(id="id-3", username=f"Scone@{LAB}", domain=LAB, external_id="E-3")
    elsewhere = user("muffin", "E-4", domain=OTHER)
    stray = user("muffin", "E-5", domain=None)
    users = [MUFFIN, qualified, elsewhere, stray]
    assert find(users, None, None, None) == users
    assert find(users, "scone", None, None) == [qualified]
    assert find(users, f"SCONE@{LAB}", None, None) == [qualified]
    assert find(users, f"muffin@{LAB}", None, None) == [MUFFIN]
    assert find(users, "muffin", None, None) == [MUFFIN, elsewhere, stray]
    assert find(users, "muffin", LAB.upper(), None) == [MUFFIN]
    assert find(users, None, OTHER, None) == [elsewhere]
    assert find(users, None, None, "E-1") == [MUFFIN]
    assert find(users, None, None, "e-1") == []
    assert find(users, "scone", None, "E-1") == []
