# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whom of the identity provider a task means, and whether that can be trusted. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ._errors import InputError, some_of
from ._pocket_id_answers import STATIC_KEY_USER, Person, UserGroup
from ._texts import folded, same_name
from ._users import TEXT_ATTRIBUTES


@dataclass(frozen=True)
class Criteria:
    """Who is asked for: whoever fits one of these, or everybody where none is given."""

    usernames: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    mirror_groups: tuple[str, ...] = ()
    wanted_users: tuple[tuple[str, str], ...] | None = None
    """User name and ExternalId of items of a task; both are empty where an item does not give them."""

    @property
    def all_groups(self) -> tuple[str, ...]:
        """The groups that are to be read, each once."""
        return tuple(dict.fromkeys((*self.groups, *self.mirror_groups)))

    @property
    def everybody(self) -> bool:
        """Whether nobody is named."""
        return not (self.usernames or self.emails or self.groups) and self.wanted_users is None

    @cached_property
    def names(self) -> frozenset[str]:
        """The folded user names that are asked for.

        For an item of a task `name@domain` may mean the user `name` of that domain. The task decides which, and takes the
        others for nobody.
        """
        items = [folded(name) for name, _external_id in self.wanted_users or () if name]
        bare = [name.rpartition("@")[0] for name in items if "@" in name]
        return frozenset([*map(folded, self.usernames), *items, *bare])

    @cached_property
    def external_ids(self) -> frozenset[str]:
        """The ExternalIds that are asked for."""
        return frozenset(external_id for _name, external_id in self.wanted_users or () if external_id)


@dataclass(frozen=True)
class People:
    """All people of the provider, and the groups that were read, by the name that asked for them."""

    everybody: Sequence[Person]
    groups: Mapping[str, UserGroup]
    allowed: Sequence[UserGroup] | None = None
    """The groups of which one is needed to use the OIDC client; None where everybody may."""

    @cached_property
    def _allowed_ids(self) -> frozenset[str]:
        return frozenset(key for group in self.allowed or () for key in group.member_ids)

    def allows(self, person: Person) -> bool:
        """Whether somebody may use the OIDC client."""
        return self.allowed is None or person.external_id in self._allowed_ids


def named_group(groups: Sequence[UserGroup], name: str, field: str) -> UserGroup:
    """Return the group of this name, or of this friendly name; a spelling to the letter first. Raises InputError."""
    exactly = [group for group in groups if group.name == name]
    by_name = exactly or [group for group in groups if same_name(group.name, name)]
    by_friendly_name = [group for group in groups if same_name(group.friendly_name, name)]
    for found in (by_name, by_friendly_name):
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(group.name for group in found)
            raise InputError(field, f"{name!r} may mean several groups of Pocket ID", f"Give a name of {several}.")
    there = some_of(sorted(group.name for group in groups)) or "none"
    raise InputError(field, f"Pocket ID has no group {name!r}", f"There is {there}. Correct it, or create it there.")


def disagreement(people: People, groups: Sequence[UserGroup]) -> str | None:
    """Why a group was not read whole, if so: members, announced number and the users' own groups must agree."""
    known = {person.external_id for person in people.everybody} | {STATIC_KEY_USER}
    told: dict[str, set[str]] = {}
    for person in people.everybody:
        for key in person.group_ids:
            told.setdefault(key, set()).add(person.external_id)
    for group in groups:
        members = group.member_ids
        if group.user_count != len(members):
            return f"the group {group.name} has {group.user_count} members, and {len(members)} were sent"
        if not members <= known:
            return f"the group {group.name} has members who are not among the users"
        if members - {STATIC_KEY_USER} != told.get(group.id, set()):
            return f"the group {group.name} has other members than the users say of themselves"
    return None


def selected(people: People, criteria: Criteria) -> list[Person]:
    """Return the people whom the task asks for."""
    emails = set(map(folded, criteria.emails))
    ids = {key for name in criteria.groups for key in people.groups[name].member_ids}
    chosen = [
        person
        for person in people.everybody
        if criteria.everybody
        or folded(person.username) in criteria.names
        or person.external_id in criteria.external_ids
        or (person.email and folded(person.email) in emails)
        or person.external_id in ids
    ]
    chosen = [person for person in chosen if people.allows(person)]
    return sorted(chosen, key=lambda person: (folded(person.username), person.external_id))


def known_attributes(people: Iterable[Person]) -> list[str]:
    """Return the attributes that at least one person has."""
    people = list(people)
    return [name for name in TEXT_ATTRIBUTES if any(getattr(person, name) for person in people)]


def row(person: Person, people: People, criteria: Criteria, *, names_editable: bool) -> dict[str, Any]:
    """Return a person as an item of `users` of `scim_users`. What is not there is null."""
    in_group = any(person.external_id in people.groups[name].member_ids for name in criteria.groups)
    by_id = person.external_id in criteria.external_ids
    return {
        "external_id": person.external_id,
        "username": person.username,
        "given_name": person.given_name or None,
        "family_name": person.family_name or None,
        "display_name": person.display_name or None,
        "email": person.email or None,
        "active": person.active,
        "from_provider": True,
        "found_by_name": names_editable and not (in_group or by_id or criteria.everybody),
        "groups": [name for name in criteria.mirror_groups if person.external_id in people.groups[name].member_ids],
    }
