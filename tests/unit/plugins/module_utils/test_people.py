# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A group of Pocket ID is read whole or not at all, and nobody comes out who was not asked for."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.homelab.identity_broker.plugins.module_utils._people import (
    Criteria,
    People,
    disagreement,
    selected,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._pocket_id_answers import (
    STATIC_KEY_USER,
    Person,
    UserGroup,
    read_person,
)
from hypothesis import assume, given
from hypothesis import strategies as st


@st.composite
def bakeries(draw: st.DrawFn) -> tuple[People, list[UserGroup]]:
    """People and groups whose answers agree."""
    memberships = draw(st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=6))
    everybody = [
        Person(f"id{n}", f"user{n}", "", "", "", f"user{n}@example.org", True, tuple(sorted(ids)))
        for n, ids in enumerate(memberships)
    ]
    groups = []
    for key in "abc":
        there = {person.external_id for person in everybody if key in person.group_ids}
        there |= {STATIC_KEY_USER} if draw(st.booleans()) else set()
        groups.append(UserGroup(key, f"group {key}", f"Group {key}", len(there), frozenset(there)))
    return People(everybody, {group.name: group for group in groups}), groups


@given(bakeries())
def test_what_agrees_is_taken(bakery: tuple[People, list[UserGroup]]) -> None:
    people, groups = bakery
    assert disagreement(people, groups) is None


@given(bakeries(), st.data())
def test_each_lack_is_noticed(bakery: tuple[People, list[UserGroup]], data: st.DataObject) -> None:
    people, groups = bakery
    at = data.draw(st.integers(0, len(groups) - 1))
    group = groups[at]
    real = sorted(group.member_ids - {STATIC_KEY_USER})
    assume(real)
    lost = data.draw(st.sampled_from(real))
    fewer = group.member_ids - {lost}
    for spoilt in (
        replace(group, member_ids=fewer),
        replace(group, member_ids=fewer, user_count=len(fewer)),
        replace(group, member_ids=group.member_ids | {"stranger"}, user_count=len(group.member_ids) + 1),
        replace(group, user_count=len(group.member_ids) + 1),
        replace(group, user_count=None),
    ):
        assert disagreement(people, [*groups[:at], spoilt, *groups[at + 1 :]])
    without = [person for person in people.everybody if person.external_id != lost]
    assert disagreement(replace(people, everybody=without), groups)


@given(bakeries(), st.sets(st.sampled_from(["group a", "group b"])), st.sets(st.sampled_from(["USER0", "user1", "x"])))
def test_just_who_is_asked_for_comes_out(
    bakery: tuple[People, list[UserGroup]], groups: set[str], names: set[str]
) -> None:
    people, _groups = bakery
    criteria = Criteria(usernames=tuple(names), groups=tuple(groups))
    found = {person.external_id for person in selected(people, criteria)}
    wanted = {
        person.external_id
        for person in people.everybody
        if not (groups or names)
        or person.username in {name.lower() for name in names}
        or any(person.external_id in people.groups[name].member_ids for name in groups)
    }
    assert found == wanted


def test_a_person_is_read_as_it_stands() -> None:
    person = read_person(
        {"id": "X", "username": "Muffin", "email": None, "lastName": None, "firstName": "M", "disabled": True}
    )
    assert person == Person("X", "Muffin", "M", "", "", "", False, ())
