# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be concluded from the members that a group shows, and from the groups that users show."""

from __future__ import annotations

from ansible_collections.homelab.identity_broker.plugins.module_utils._membership import (
    MAX_UNCONFIRMED,
    KnownMembers,
    Memberships,
    known_members,
)
from hypothesis import given
from hypothesis import strategies as st

USERS = [f"u{number}" for number in range(6)]
NESTED = ["g1", "g2"]
members = st.lists(st.sampled_from(USERS + NESTED), unique=True)


@given(members, st.sets(st.sampled_from(USERS)))
def test_a_list_is_complete_if_the_users_confirm_it(shown: list[str], named: set[str]) -> None:
    known = known_members(shown, named, USERS)
    assert known is not None
    assert known.ids[: len(shown)] == tuple(shown)
    assert set(known.ids) == {*shown, *named}, "a list that is cut says less than the users"
    assert known.complete == (set(shown) - set(NESTED) == named)


def test_without_the_users_word_a_long_list_may_be_cut() -> None:
    short = [f"u{number}" for number in range(MAX_UNCONFIRMED - 1)]
    assert known_members(short, None, short) == KnownMembers(tuple(short), complete=True)
    long = [*short, "one more"]
    assert known_members(long, None, long) == KnownMembers(tuple(long), complete=False)


@given(st.none() | st.sets(st.sampled_from(USERS)), st.booleans())
def test_missing_members_are_none_only_on_evidence(named: set[str] | None, emptied: bool) -> None:
    known = known_members(None, named, USERS, emptied=emptied)
    if emptied or named == set():
        assert known == KnownMembers((), complete=True)
    else:
        assert known is None


groups_shown = st.dictionaries(st.sampled_from(["bakers", "cooks", "waiters"]), st.none() | members)


@given(groups_shown, st.sampled_from(USERS))
def test_a_user_is_a_member_where_a_group_says_so(shown: dict[str, list[str] | None], user: str) -> None:
    memberships = Memberships({name: known_members(ids, None, ()) for name, ids in shown.items()})
    assert set(memberships.names(user)) == {name for name, ids in shown.items() if user in (ids or ())}
    assert set(memberships.unknown(user)) == {name for name, ids in shown.items() if ids is None}


def test_a_list_that_may_be_cut_says_nothing_of_the_others() -> None:
    long = [f"u{number}" for number in range(MAX_UNCONFIRMED)]
    memberships = Memberships({"cooks": known_members(long, None, ())})
    assert (memberships.names("u7"), memberships.unknown("u7")) == (("cooks",), [])
    assert (memberships.names("x"), memberships.unknown("x")) == ((), ["cooks"])


@given(st.none() | members, st.none() | st.sets(st.sampled_from(USERS)), st.booleans())
def test_no_member_that_anything_shows_is_missing_from_a_complete_list(
    shown: list[str] | None, named: set[str] | None, emptied: bool
) -> None:
    known = known_members(shown, named, USERS, emptied=emptied and shown is None and not named)
    if known and known.complete:
        assert set(known.ids) >= {*(shown or ()), *(named or ())}
