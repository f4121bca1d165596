# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a login attempt is bound to a person, and what is said when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import (
    AttemptList,
    Binding,
    bind,
    candidates,
    describe,
    networks,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import LoginAttempt
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import Plan
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import START, Login
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    LAB,
    OTHER,
    in_order,
    picks,
    plan,
    user,
    wanted,
)
from hypothesis import given, settings
from hypothesis import strategies as st

CONTEXT = "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10"
ATTEMPT = Login(CONTEXT, value="N-1", domains=(LAB,)).attempt
MUFFIN = wanted("muffin")


def made_with(attempts: Sequence[LoginAttempt], *desired: DesiredUser, users: Sequence[User] = (), **more: Any) -> Plan:
    """The plan that comes of a complete list of attempts."""
    complete = more.pop("complete", True)
    return plan(users, in_order(desired or [MUFFIN]), login_attempts=AttemptList(tuple(attempts), complete), **more)


def refused(attempts: Sequence[LoginAttempt], *desired: DesiredUser, users: Sequence[User] = (), **more: Any) -> str:
    """What is said when nothing is bound."""
    with pytest.raises(PlanRefusedError) as caught:
        made_with(attempts, *desired, users=users, all_or_nothing=True, **more)
    return str(caught.value)


def test_a_domain_in_another_unicode_spelling_is_the_same() -> None:
    login = Login(CONTEXT, value="N-1", domains=("zoe\u0308.example.org",)).attempt
    made = made_with([login], wanted("muffin", domain="ZO\u00cb.example.org"))
    assert [op.kind for op in made.operations] == ["create"]


def test_one_candidate_is_taken_for_the_one_person_who_waits() -> None:
    made = made_with([ATTEMPT], MUFFIN, wanted("scone", "E-2"), users=[user("bagel", "E-1")])
    assert [op.kind for op in made.operations] == ["create", "create"]
    assert made.operations[0].wanted.external_id == "N-1"
    assert made.waiting == ()
    assert made.binding is not None
    for part in ("N-1", "2026-02-04T15:00:00Z", "192.0.2.44", f"muffin@{LAB}", "whoever"):
        assert part in made.binding.announcement


def test_several_attempts_of_one_external_id_are_one_candidate_and_the_newest_is_told() -> None:
    newer = replace(ATTEMPT, timestamp=START + timedelta(hours=1), source_ip="192.0.2.99")
    for attempts in ([ATTEMPT, newer], [newer, ATTEMPT]):
        binding = made_with(attempts).binding
        assert binding is not None
        assert "T16:00:00Z" in binding.announcement
        assert "192.0.2.99" in binding.announcement


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "allowed", "reason": None},
        {"outcome": "unknown", "reason": None},
        {"outcome": "allowed"},
        {"reason": "USER_DISABLED"},
        {"reason": None},
        {"reason": "USER_DISABLED, USER_NOT_FOUND"},
        {"domains": (OTHER,)},
        {"domains": ()},
        {"malformed": True},
        {"external_id": None},
        {"external_id": "E-1"},
        {"external_id": "e-1"},
        {"external_id": "E-2"},
        {"external_id": "e-2"},
    ],
)
def test_an_attempt_that_is_no_candidate_is_never_bound(change: dict[str, Any]) -> None:
    attempt = replace(ATTEMPT, **change)
    users, other = [user("bagel", "E-1")], wanted("scone", "E-2")
    said = refused([attempt], MUFFIN, other, users=users)
    assert f"muffin@{LAB}" in said
    assert (describe(attempt) in said) == (attempt.outcome == "denied"), "what was refused is listed all the same"
    # Beside a candidate it does not count either.
    beside = replace(ATTEMPT, external_id="N-2")
    binding = made_with([attempt, beside], MUFFIN, other, users=users).binding
    assert binding is not None
    assert binding.external_id == "N-2"


def test_one_of_several_domains_is_enough() -> None:
    attempt = replace(ATTEMPT, domains=(OTHER, LAB.upper()))
    assert made_with([attempt]).binding == Binding(in_order([MUFFIN])[0], attempt)


def test_no_candidate_says_what_to_do() -> None:
    said = refused([])
    for part in (f"muffin@{LAB}", "USER_NOT_FOUND", "external_id", "log in"):
        assert part in said


def test_several_candidates_are_listed_with_all_that_is_known() -> None:
    other = replace(ATTEMPT, external_id="N-2", source_ip=None, timestamp=START + timedelta(minutes=1))
    said = refused([ATTEMPT, other])
    for part in ("N-1", "N-2", "15:00:00Z", "15:01:00Z", LAB, "192.0.2.44", "unknown address", "login_from"):
        assert part in said


def test_two_candidates_that_differ_only_in_case_are_two() -> None:
    assert "n-1" in refused([ATTEMPT, replace(ATTEMPT, external_id="n-1")])


def test_several_people_waiting_are_named_and_nobody_gets_anything() -> None:
    said = refused([ATTEMPT], MUFFIN, wanted("scone"))
    for part in (f"muffin@{LAB}", f"scone@{LAB}", "N-1", "192.0.2.44", "wait_for_login"):
        assert part in said


def test_several_people_waiting_in_different_domains_are_several() -> None:
    assert "2 people" in refused([ATTEMPT], MUFFIN, wanted("muffin", domain=OTHER))


def test_a_list_cut_short_binds_nothing() -> None:
    said = refused([ATTEMPT], complete=False)
    for part in ("cut short", f"muffin@{LAB}", "N-1", "limit: 0", "include_rotated"):
        assert part in said


def test_what_cut_the_list_short_is_told_and_is_no_template() -> None:
    found = AttemptList((ATTEMPT,), False, ("the log was rotated", "{{ x }}\n"))
    binding, said = bind([MUFFIN], found, [])
    assert binding is None
    assert said is not None
    assert "the log was rotated" in said
    assert not set("{}") & set(said)


def test_who_does_not_wait_needs_no_attempt() -> None:
    made = made_with([ATTEMPT], wanted("muffin"), users=[user("muffin", "E-1")], complete=False)
    assert [op.kind for op in made.operations] == ["none"]
    assert made.binding is None


def test_a_problem_elsewhere_binds_nothing() -> None:
    said = refused([ATTEMPT], MUFFIN, wanted("scone", "E-1"), users=[user("bagel", "E-1")])
    assert "bagel" in said
    assert "No ExternalId is bound to muffin" in said
    assert "N-1" not in said


@pytest.mark.parametrize("only", ["muffin", "MUFFIN", f"muffin@{LAB}", f"Muffin@{LAB.upper()}"])
def test_login_attempts_of_narrows_to_one_person_while_others_wait(only: str) -> None:
    made = made_with([ATTEMPT], MUFFIN, wanted("scone"), login_attempts_of=[only])
    assert [op.kind for op in made.operations] == ["create", "wait"]
    assert [w.username for w in made.waiting] == ["scone"]


def test_login_attempts_of_writes_nothing_for_anybody_else() -> None:
    users = [user("a", "A"), user("b", "B"), user("c", "C")]
    others = [
        wanted("a", given_name="x"),
        wanted("b", state="absent"),
        wanted("c", "C-2", recreate=True),
        wanted("d", "D"),
        wanted("renamed", "C-3"),
    ]
    made = made_with([ATTEMPT], MUFFIN, *others, users=users, login_attempts_of=["muffin"])
    assert [op.wanted.username for op in made.writes] == ["muffin"]
    assert [op.kind for op in made.operations[1:]] == ["none"] * 5
    assert made.diff()["before"] == {}


def test_login_attempts_of_leaves_the_law_to_count_for_all() -> None:
    # The ExternalId is given to somebody else in the list, who is not asked to log in.
    said = refused([ATTEMPT], MUFFIN, wanted("scone", "N-1"), login_attempts_of=["muffin"])
    assert f"muffin@{LAB}" in said
    bound_to_another = wanted("scone", "E-1")
    assert "bagel" in refused(
        [ATTEMPT], MUFFIN, bound_to_another, users=[user("bagel", "E-1")], login_attempts_of=["muffin"]
    )


@pytest.mark.parametrize("names", [["bagel"], []])
def test_login_attempts_of_somebody_else_binds_nobody(names: list[str]) -> None:
    made = made_with([ATTEMPT], MUFFIN, login_attempts_of=names)
    assert [op.kind for op in made.operations] == ["wait"]
    assert made.binding is None


@pytest.mark.parametrize("names", [["muffin"], [f"muffin@{LAB}", f"muffin@{OTHER}"]])
def test_login_attempts_of_two_are_refused(names: list[str]) -> None:
    assert "2 people" in refused([ATTEMPT], MUFFIN, wanted("muffin", domain=OTHER), login_attempts_of=names)


@pytest.mark.parametrize(
    ("login_from", "source", "fits"),
    [
        (("192.0.2.44",), "192.0.2.44", True),
        (("192.0.2.0/24",), "192.0.2.44", True),
        (("192.0.2.7/24",), "192.0.2.44", True),
        (("198.51.100.0/24", "192.0.2.44"), "192.0.2.44", True),
        (("2001:db8::/32",), "2001:db8::2c", True),
        (("192.0.2.45",), "192.0.2.44", False),
        (("198.51.100.0/24",), "192.0.2.44", False),
        (("2001:db8::/32",), "192.0.2.44", False),
        (("0.0.0.0/0",), None, False),
        (("0.0.0.0/0", "::/0"), "somewhere", False),
    ],
)
def test_login_from_narrows(login_from: tuple[str, ...], source: str | None, fits: bool) -> None:
    asked = wanted("muffin", login_from=login_from)
    attempt = replace(ATTEMPT, source_ip=source)
    assert (candidates(asked, [attempt], []) == [attempt]) == fits
    if not fits:
        assert "N-1" in refused([attempt], asked)


def test_login_from_tells_two_candidates_apart() -> None:
    other = replace(ATTEMPT, external_id="N-2", source_ip="198.51.100.1")
    binding = made_with([ATTEMPT, other], wanted("muffin", login_from=("198.51.100.0/24",))).binding
    assert binding is not None
    assert binding.external_id == "N-2"


@pytest.mark.parametrize("text", ["here", "192.0.2.0/33", "192.0.2", "", "192.0.2.1-192.0.2.9"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?s).") as caught:
        networks(["192.0.2.1", text])
    assert repr(text) in str(caught.value) or text in str(caught.value)


CASES = picks(
    ["N-1", "N-2", "n-1", "TAKEN", None],
    ["denied", "denied", "denied", "allowed", "unknown"],
    ["USER_NOT_FOUND", "USER_NOT_FOUND", "USER_NOT_FOUND", "USER_DISABLED", None],
    [(LAB,), (LAB.upper(), OTHER), (OTHER,), ()],
    ["192.0.2.44", "192.0.2.45", "198.51.100.1", None],
    [False, False, False, True],
)


@settings(max_examples=200)
@given(
    st.lists(CASES, max_size=4),
    st.sampled_from([(), (), ("192.0.2.0/24",)]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([1, 1, 1, 2]),
)
def test_exactly_one_candidate_for_exactly_one_person(
    cases: list[tuple[Any, ...]], login_from: tuple[str, ...], complete: bool, people: int
) -> None:
    attempts = [
        LoginAttempt(START, CONTEXT, external_id, domains, outcome, reason, source, malformed)
        for external_id, outcome, reason, domains, source, malformed in cases
    ]
    fitting = {
        external_id
        for external_id, outcome, reason, domains, source, malformed in cases
        if external_id in ("N-1", "N-2", "n-1")
        and outcome == "denied"
        and reason == "USER_NOT_FOUND"
        and LAB in [domain.lower() for domain in domains]
        and (not login_from or (source or "").startswith("192.0.2."))
        and not malformed
    }
    waiting = [wanted(name, login_from=login_from) for name in ("muffin", "scone")[:people]]
    binding, problem = bind(waiting, AttemptList(tuple(attempts), complete), ["taken"])
    assert (binding is None) == (problem is not None)
    if binding is not None:
        assert complete
        assert people == 1
        assert fitting == {binding.external_id}
        assert binding.wanted is waiting[0]
    else:
        assert problem is not None
        assert not complete or people != 1 or len(fitting) != 1
        for external_id in fitting:
            assert external_id in problem
        for person in waiting:
            assert person.label in problem


def test_nobody_waiting_needs_nothing() -> None:
    assert bind([], AttemptList((ATTEMPT,), False), []) == (None, None)


def test_an_attempt_is_described_on_one_line() -> None:
    assert describe(ATTEMPT) == f"2026-02-04T15:00:00Z  N-1  [{LAB}]  from 192.0.2.44 (USER_NOT_FOUND)"
    bare = replace(ATTEMPT, external_id=None, domains=(), source_ip=None, reason=None, malformed=True)
    assert describe(bare) == "2026-02-04T15:00:00Z  (no ExternalId)  []  from an unknown address (malformed)"
