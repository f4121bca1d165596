# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide what is known of the members of a group. PRIVATE to this collection.

Two attributes tell who is in a group: `members` of the group, and `groups` of each user (RFC 7643 sections 4.1.2 and 4.2).
A server may show either, both, or none of them, may show them on request only, and may leave out an empty list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

MAX_UNCONFIRMED = 100
"""A list of members that no user confirms may be cut at so many: some servers show at most 100."""


@dataclass(frozen=True, slots=True)
class KnownMembers:
    """The ids of the members. `complete` is whether these are certainly all of them."""

    ids: tuple[str, ...]
    complete: bool


def known_members(
    shown: Sequence[str] | None,
    named_by_users: Collection[str] | None,
    users: Collection[str],
    *,
    emptied: bool = False,
) -> KnownMembers | None:
    """Return what is known of a group's members, or None where that is nothing.

    `shown` are the ids in `members` of the group, None where the answer has no `members`. `named_by_users` are the ids of
    the users whose `groups` name the group, None where no user shows `groups`. `users` are the ids of all users. `emptied`
    is whether this run created the group without members or removed all of them.
    """
    if shown is None:
        nothing = emptied or (named_by_users is not None and not named_by_users)
        return KnownMembers((), complete=True) if nothing else None
    ids = tuple(dict.fromkeys(shown))
    if named_by_users is None:
        return KnownMembers(ids, complete=len(ids) < MAX_UNCONFIRMED)
    # A nested group, or a user whom the token does not show, has no entry that could confirm it.
    complete = {key for key in ids if key in users} == set(named_by_users)
    return KnownMembers((*ids, *sorted(set(named_by_users) - set(ids))), complete)


@dataclass(frozen=True, slots=True)
class Memberships:
    """Who is in which group by the members that groups show, for a server whose users do not show their groups.

    `groups` holds what is known of the members of each group, by its name.
    """

    groups: Mapping[str, KnownMembers | None]

    def names(self, user_id: str) -> tuple[str, ...]:
        """Return the names of the groups that show a user as a member."""
        return tuple(sorted(name for name, known in self.groups.items() if known and user_id in known.ids))

    def unknown(self, user_id: str) -> list[str]:
        """Return the names of the groups of which it is not known whether a user is a member."""
        return sorted(
            name for name, known in self.groups.items() if known is None or not (known.complete or user_id in known.ids)
        )
