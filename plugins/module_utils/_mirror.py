# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups of the broker that hold just the users who are said to be in them. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ._errors import InputError
from ._groups import ALL_USERS, DesiredGroup
from ._identities import Identities
from ._plan import Plan
from ._texts import folded
from ._users import DesiredUser, User


@dataclass(frozen=True)
class FailedUsers:
    """The users of a list who fail, and what that means for memberships."""

    positions: frozenset[int] = frozenset()
    entries: frozenset[str] = frozenset()
    """The ids of their entries."""
    list_is_complete: bool = True
    """Whether each of them matches an entry; if not, no membership ends."""


@dataclass(frozen=True)
class Mirror:
    """The names of the groups, as the task spells them."""

    names: tuple[str, ...] = ()

    def without(self, desired: Sequence[DesiredUser]) -> list[DesiredUser]:
        """The users, with only those of their groups that are not mirrored: the others need not stand yet."""
        if not self.names:
            return list(desired)
        mirrored = {folded(name) for name in self.names}
        return [
            replace(wanted, groups=tuple(name for name in wanted.groups if folded(name) not in mirrored))
            for wanted in desired
        ]

    def groups(
        self, desired: Iterable[DesiredUser], there: Iterable[User], failed: FailedUsers | None = None
    ) -> list[DesiredGroup]:
        """Return the wanted groups, with the wanted users who are there. The memberships of failed users stay."""
        failed = failed or FailedUsers()
        standing = Identities(there)
        wanted = [
            each
            for each in desired
            if each.state == "present" and each.position not in failed.positions and standing.meant(each)
        ]
        found = []
        for name in self.names:
            members = tuple(each for each in wanted if folded(name) in map(folded, each.groups))
            found.append(
                DesiredGroup(
                    name, members, members_state="exact", held=failed.entries, may_remove=failed.list_is_complete
                )
            )
        return found


def mirror_option(names: Sequence[str]) -> Mirror:
    """Read the option C(mirror_groups). Raises InputError."""
    unique = {folded(name): name for name in names}
    if "" in unique:
        raise InputError("mirror_groups", "holds an empty name", "Remove it.")
    if folded(ALL_USERS) in unique:
        raise InputError("mirror_groups", f"{ALL_USERS} is the broker's own group, which holds everybody", "Remove it.")
    return Mirror(tuple(unique.values()))


def expected_users(plan: Plan, users: Iterable[User]) -> list[User]:
    """Who will be there once the plan has been carried out; those who go then are still among them.

    Entries that are yet to be created stand under a made-up id.
    """
    after = {op.before.id: replace(op.after, id=op.before.id) for op in plan.operations if op.before and op.after}
    created = [op.after for op in plan.operations if op.after and not op.before]
    return [
        *(after.get(user.id, user) for user in users),
        *(replace(user, id=f"new {user.label}") for user in created),
    ]
