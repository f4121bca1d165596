# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ExternalId law over random directories and random lists of wanted users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import AttemptList
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import LoginAttempt
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import Plan
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import Login
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    EXTERNAL_IDS,
    LAB,
    OTHER,
    apply,
    directories,
    identity,
    is_meant,
    modest_lists,
    picks,
    plan,
    planned,
    tidy_directories,
    wanted_lists,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st


def attempt(fields: tuple[Any, ...]) -> LoginAttempt:
    value, domain, reason = fields
    return Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", value=value, domains=(domain,), reason=reason).attempt


attempts = picks(
    [*EXTERNAL_IDS, "e-1", "N-1", "N-1"],
    [LAB, LAB, LAB, OTHER],
    ["USER_NOT_FOUND", "USER_NOT_FOUND", "USER_DISABLED", None],
).map(attempt)
attempt_lists = st.none() | st.builds(
    AttemptList, attempts=st.lists(attempts, max_size=2).map(tuple), complete=st.sampled_from([True, True, False])
)
every_world = given(directories, wanted_lists | modest_lists, attempt_lists)
lively_world = given(tidy_directories, modest_lists, attempt_lists)


def ids_of(users: Sequence[User]) -> Counter[str]:
    """How often each ExternalId stands there, without case."""
    return Counter(user.external_id.lower() for user in users if user.external_id)


@settings(max_examples=100)
@lively_world
def test_a_second_run_writes_nothing(users: list[User], desired: list[DesiredUser], found: AttemptList | None) -> None:
    first = planned(users, desired, found)
    # Where no entry shows an ExternalId, those of existing entries cannot be compared until one is created that does.
    assume(not any(op.unverified for op in first.operations))
    after = apply(first, users)
    second = plan(after, desired, login_attempts=None, report_missing=True)
    assert second.writes == []
    assert second.waiting == first.waiting
    assert apply(second, after) == after


@settings(max_examples=100)
@every_world
def test_no_entry_is_touched_that_was_not_meant(
    users: list[User], desired: list[DesiredUser], found: AttemptList | None
) -> None:
    made = planned(users, desired, found)
    after = {user.id: user for user in apply(made, users)}
    renamed = {op.before.id: op.wanted for op in made.writes if op.kind == "rename" and op.before}
    for user in users:
        if is_meant(user, desired) or after.get(user.id) == user:
            continue
        if user.domain is None:
            both = [(w.username.lower(), w.external_id) for w in desired if w.external_id]
            assert (user.username.lower(), user.external_id) in both, "of an unknown domain: name and ExternalId"
            continue
        wanted = renamed[user.id]
        assert wanted.rename
        assert wanted.state == "present"
        assert wanted.external_id == user.external_id
        assert wanted.domain.lower() == (user.domain or "").lower()


@settings(max_examples=100)
@every_world
def test_an_external_id_stays_unless_recreate_is_said(
    users: list[User], desired: list[DesiredUser], found: AttemptList | None
) -> None:
    made = planned(users, desired, found)
    after = apply(made, users)
    by_id, by_identity = {user.id: user for user in after}, {identity(user): user for user in after}
    asked = {(wanted.username.lower(), wanted.domain.lower()): wanted for wanted in desired}
    for user in users:
        if user.id in by_id:
            assert by_id[user.id].external_id == user.external_id
        elif identity(user) in by_identity:
            wanted = asked[identity(user)]  # type: ignore[index]
            assert wanted.recreate
            assert by_identity[identity(user)].external_id == wanted.external_id
        else:
            assert asked[identity(user)].state == "absent"  # type: ignore[index]


@settings(max_examples=100)
@every_world
def test_no_external_id_is_given_to_two(
    users: list[User], desired: list[DesiredUser], found: AttemptList | None
) -> None:
    before, after = ids_of(users), ids_of(apply(planned(users, desired, found), users))
    for external_id, count in after.items():
        assert count <= max(1, before[external_id])


@settings(max_examples=100)
@every_world
def test_a_new_external_id_was_given_or_bound(
    users: list[User], desired: list[DesiredUser], found: AttemptList | None
) -> None:
    made = planned(users, desired, found)
    for operation in made.writes:
        if operation.kind not in ("create", "recreate"):
            continue
        assert operation.after is not None
        assert operation.after.external_id, "nobody is created without"
        asked = [w for w in desired if w.label == operation.wanted.label]
        if asked[0].external_id is None:
            assert made.binding is not None
            assert made.binding.external_id == operation.after.external_id
            assert found is not None
            assert found.complete
            waiting = [w for w in desired if w.external_id is None and w.state == "present"]
            assert asked[0] in waiting
        else:
            assert operation.after.external_id == asked[0].external_id


@every_world
def test_each_wanted_user_has_one_operation_in_their_order(
    users: list[User], desired: list[DesiredUser], found: AttemptList | None
) -> None:
    made = planned(users, desired, found)
    assert [op.wanted.position for op in made.operations] == [wanted.position for wanted in desired]
    assert {id(op) for op in made.writes} <= {id(op) for op in made.operations}
    touched = [op.before.id for op in made.operations if op.before]
    assert len(touched) == len(set(touched)), "no entry is meant twice"
    for wanted in made.waiting:
        assert (wanted.state, wanted.external_id) == ("present", None)
        assert not [user for user in users if identity(user) == (wanted.username.lower(), wanted.domain.lower())]


@every_world
def test_what_is_wanted_is_what_will_be(
    users: list[User], desired: list[DesiredUser], found: AttemptList | None
) -> None:
    made = planned(users, desired, found)
    there = apply(made, users)
    after = {identity(user): user for user in there}
    for wanted in desired:
        entry = after.get((wanted.username.lower(), wanted.domain.lower()))
        if entry is None and wanted.external_id:
            # Where the broker shows no domain, name and ExternalId tell whose entry it is.
            spelt = (wanted.username.lower(), wanted.label.lower())
            same = [user for user in there if user.domain is None and user.username.lower() in spelt]
            entry = next((user for user in same if user.external_id == wanted.external_id), None)
        if wanted.state == "absent" or wanted in made.waiting:
            assert entry is None
            continue
        assert entry is not None
        unverified = [op.unverified for op in made.operations if op.wanted.position == wanted.position]
        assert wanted.external_id in (None, entry.external_id) or unverified == [("external_id",)]
        for name, value in wanted.named_attributes().items():
            assert getattr(entry, name) == (value if name == "active" else value or None)


@every_world
def test_what_was_not_named_stays(users: list[User], desired: list[DesiredUser], found: AttemptList | None) -> None:
    for operation in planned(users, desired, found).writes:
        before, after = operation.before, operation.after
        if before is None or after is None:
            continue
        named = operation.wanted.named_attributes() if operation.kind != "recreate" else {}
        original = next(w for w in desired if w.label == operation.wanted.label)
        for name in ("given_name", "family_name", "display_name", "email"):
            if name not in named and getattr(original, name) is None:
                assert getattr(after, name) == getattr(before, name)
        if original.active is None and before.active is not None:
            assert after.active == before.active
        if operation.kind in ("update", "rename"):
            assert after.groups == before.groups
            assert ("@" in after.username) == ("@" in before.username), "the form of the name stays"


def outcome(users: Sequence[User], desired: Sequence[DesiredUser], found: AttemptList | None) -> Plan | list[str]:
    """The plan, or why there is none."""
    try:
        return plan(users, desired, login_attempts=found, report_missing=True, all_or_nothing=True)
    except PlanRefusedError as refusal:
        return [problem for problem in refusal.problems if problem in str(refusal)]


@given(directories, wanted_lists | modest_lists, attempt_lists, st.randoms(use_true_random=False))
def test_the_order_in_which_the_broker_lists_does_not_matter(
    users: list[User], desired: list[DesiredUser], found: AttemptList | None, chance: object
) -> None:
    turned = list(users)
    chance.shuffle(turned)  # type: ignore[attr-defined]
    one, other = outcome(users, desired, found), outcome(turned, desired, found)
    if isinstance(one, Plan):
        assert isinstance(other, Plan)
        assert one.signature == other.signature
        assert one.diff() == other.diff()
    else:
        assert one
        assert not isinstance(other, Plan)
        assert len(one) == len(other)


@every_world
def test_the_diff_shows_what_changes_and_nothing_else(
    users: list[User], desired: list[DesiredUser], found: AttemptList | None
) -> None:
    made = planned(users, desired, found)
    diff = made.diff()
    assert set(diff["before"]) == {op.wanted.label for op in made.writes if op.kind != "create"}
    assert set(diff["after"]) == {op.wanted.label for op in made.writes if op.kind != "delete"}
    for operation in made.writes:
        before, after = diff["before"].get(operation.wanted.label), diff["after"].get(operation.wanted.label)
        assert before != after
        for side in (before, after):
            assert side is None or not {"id", "groups"} & set(side)
        if operation.kind == "update":
            assert operation.before is not None
            changed = {name for name in before if before[name] != after[name]}
            named = {
                name
                for name, value in operation.wanted.named_attributes().items()
                if (getattr(operation.before, name) or (None if name != "active" else getattr(operation.before, name)))
                != (value if name == "active" else value or None)
            }
            assert changed == named
        if operation.kind == "create":
            assert None not in after.values()
    if made.binding is None:
        assert diff["after_header"] == diff["before_header"]
    else:
        assert made.binding.announcement in diff["after_header"]


def test_the_random_worlds_reach_every_operation() -> None:
    """Else the laws above would hold for want of examples."""
    seen: Counter[str] = Counter()

    @settings(max_examples=250, derandomize=True)
    @given(tidy_directories, modest_lists)
    def look(users: list[User], desired: list[DesiredUser]) -> None:
        seen.update(op.kind for op in planned(users, desired).operations)

    look()
    assert {"create", "update", "rename", "recreate", "delete", "none", "wait"} <= set(seen)
