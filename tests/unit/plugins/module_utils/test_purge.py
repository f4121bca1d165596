# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who goes because nobody named them: never from elsewhere, never more than allowed, never who is named."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError, PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._guards import Guards, Limit, limit_option
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import Plan
from ansible_collections.homelab.identity_broker.plugins.module_utils._purge import (
    PURGE_ACTIONS,
    Purge,
    purge_option,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    LAB,
    OTHER,
    apply,
    directories,
    identity,
    is_meant,
    modest_lists,
    picks,
    plan,
    user,
    wanted,
    wanted_lists,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st

purges = picks([LAB, LAB, LAB.upper(), OTHER], PURGE_ACTIONS).map(lambda fields: Purge(*fields))
limits = picks([0, 1, 2, 3, 50, 100], [False, True]).map(lambda fields: Limit(*fields))
every_purge = given(directories, wanted_lists | modest_lists, purges, limits)


def purged(users: Sequence[User], desired: Sequence[DesiredUser], purge: Purge, limit: Limit) -> Plan:
    try:
        guards = Guards(deletes=limit, recreates=limit)
        return plan(users, desired, purge=purge, guards=guards, report_missing=True, all_or_nothing=True)
    except PlanRefusedError:
        assume(False)
        raise


@every_purge
def test_nobody_goes_who_is_named_or_of_another_domain(
    users: list[User], desired: list[DesiredUser], purge: Purge, limit: Limit
) -> None:
    made = purged(users, desired, purge, limit)
    named = [op.before.id for op in made.operations if op.before and not op.purged]
    for operation in made.operations:
        if operation.purged:
            entry = operation.before
            assert entry is not None
            assert entry.domain is not None
            assert entry.domain.lower() == purge.domain.lower()
            taken = [identity(op.after) for op in made.operations if op.kind == "rename" and op.after]
            assert not is_meant(entry, desired) or identity(entry) in taken
            assert entry.id not in named
            assert operation.kind == ("delete" if purge.action == "delete" else "update")


@every_purge
def test_no_more_go_than_allowed(users: list[User], desired: list[DesiredUser], purge: Purge, limit: Limit) -> None:
    made = purged(users, desired, purge, limit)
    standing = [each for each in users if each.domain and each.domain.lower() == purge.domain.lower()]
    after = {each.id: each for each in apply(made, users)}
    purged_ids = {op.before.id for op in made.operations if op.purged and op.before}
    deactivated = {
        each.id for each in users if each.active is not False and each.id in after and after[each.id].active is False
    }
    recreated = sum(operation.kind == "recreate" for operation in made.operations)
    allowed = len(standing) * limit.number / 100 if limit.percent else limit.number
    assert max(len(purged_ids | deactivated), recreated) <= allowed


@every_purge
def test_nobody_is_surplus_afterwards(
    users: list[User], desired: list[DesiredUser], purge: Purge, limit: Limit
) -> None:
    after = apply(purged(users, desired, purge, limit), users)
    for each in after:
        if each.domain and each.domain.lower() == purge.domain.lower() and not is_meant(each, desired):
            renamed = [w for w in desired if w.rename and w.external_id and w.external_id == each.external_id]
            assert renamed or (purge.action == "deactivate" and each.active is False)


@every_purge
@example(
    users=[user("ann", "E-1"), user("cid", "E-2")],
    desired=[wanted("cid", "E-1", rename=True)],
    purge=Purge(LAB),
    limit=Limit(2),
)
def test_a_purge_makes_renames_possible_and_changes_nothing_else(
    users: list[User], desired: list[DesiredUser], purge: Purge, limit: Limit
) -> None:
    made = purged(users, desired, purge, limit)
    without = plan(users, desired, report_missing=True, guards=Guards(recreates=Limit(100)))
    renamed = [identity(op.before) for op in made.operations if op.before and op.kind == "rename"]
    purged_names = [identity(op.before) for op in made.operations if op.before and op.purged]
    for ours, theirs in zip([op for op in made.operations if not op.purged], without.operations, strict=True):
        if ours != theirs:
            assert theirs.problem
            assert not ours.problem
            assert ours.after
            # Nobody is purged so that a user can be created with another ExternalId.
            assert identity(ours.after) in {"rename": renamed + purged_names, "create": renamed}[ours.kind]
    everybody = ["ann", "bob", "cid", "dot"]
    guards = Guards(recreates=Limit(100))
    asked = plan(users, desired, purge=purge, report_missing=True, login_attempts_of=everybody, guards=guards)
    assert not asked.purges


def test_the_limit_is_a_boundary() -> None:
    users = [user(f"u{number}", f"E-{number}") for number in range(10)]
    named = [wanted(f"u{number}") for number in range(7)]
    for allowed in (Limit(3), Limit(30, percent=True), Limit(39, percent=True)):
        made = plan(users, named, purge=Purge(LAB), guards=Guards(deletes=allowed))
        assert [identity(op.before)[0] for op in made.operations if op.purged and op.before] == ["u7", "u8", "u9"]
    for refused in (Limit(2), Limit(0), Limit(29, percent=True)):
        with pytest.raises(PlanRefusedError, match="purge would delete 3 of the 10 users"):
            plan(users, named, purge=Purge(LAB), guards=Guards(deletes=refused))


def test_a_problem_elsewhere_is_told_without_the_surplus() -> None:
    with pytest.raises(PlanRefusedError) as caught:
        plan(
            [user("a", "E-1"), user("b", "E-2")],
            [wanted("a", "E-9")],
            purge=Purge(LAB),
            guards=Guards(deletes=Limit(0)),
            all_or_nothing=True,
        )
    assert "purge" not in str(caught.value)


SOMEBODY = [wanted("a")]


@pytest.mark.parametrize(
    ("text", "limit", "percent"),
    [("0", 0, False), ("5", 5, False), (" 10% ", 10, True), ("100%", 100, True), ("999999999", 999_999_999, False)],
)
def test_a_limit_is_read(text: str, limit: int, percent: bool) -> None:
    assert limit_option("max_deletes", text) == Limit(limit, percent)
    assert purge_option(LAB, text, "delete", SOMEBODY, [LAB]) == Purge(LAB)


@pytest.mark.parametrize("text", ["", "-1", "+1", "101%", "5.5", "all", "10 %", "1e3", "0x5", "9" * 5000, "\u0661"])
def test_a_limit_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="is no limit"):
        limit_option("max_deletes", text)


@given(st.text(max_size=20))
def test_no_text_is_read_as_more_than_it_says(text: str) -> None:
    try:
        read = limit_option("max_deletes", text)
    except InputError:
        return
    assert read is not None
    assert text.strip().rstrip("%") == str(read.number).zfill(len(text.strip().rstrip("%")))
    assert read.percent == text.strip().endswith("%")


@pytest.mark.parametrize("nobody", [[], [wanted("a", state="absent")]])
def test_a_purge_of_everybody_is_refused(nobody: list[DesiredUser]) -> None:
    with pytest.raises(InputError, match="names nobody who is to stay"):
        purge_option(LAB, "100%", "delete", nobody, [LAB])


@pytest.mark.parametrize("known", [None, [LAB]])
def test_what_purge_needs(known: list[str] | None) -> None:
    with pytest.raises(InputError, match=r"^domain: is not given"):
        purge_option(None, "1", "delete", SOMEBODY, known)
    with pytest.raises(InputError, match=r"^max_deletes: is not given"):
        purge_option(LAB, None, "delete", SOMEBODY, known)
    if known:
        with pytest.raises(InputError, match="is not a domain of the identity provider"):
            purge_option(OTHER, "1", "delete", SOMEBODY, known)
