# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let user names change hands: which entries give up theirs, and in which order. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from ._directory import Operation
from ._purge import Purge
from ._texts import folded, same_name
from ._users import DesiredUser, User, qualified


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a rename. `planned` is the operation that it belongs to, `is_last` whether it completes that."""

    planned: Operation
    operation: Operation
    is_last: bool = True


def names_to_free(users: Sequence[User], desired: Sequence[DesiredUser], purge: Purge | None) -> frozenset[str]:
    """Return the ids of entries that would give up their user names to users of the list who have `rename`.

    Such an entry is renamed by another row, which has its ExternalId. Or no row has its ExternalId, and it is purged so that
    another entry can be renamed; it is never purged so that a user can be created with another ExternalId.
    """
    rows = [
        each for each in desired if each.rename and each.state == "present" and each.external_id and not each.problem
    ]
    wanted_names = {_key(each.username, each.domain): each for each in rows}
    by_external_id = {each.external_id: each for each in rows}
    domains = {user.external_id: folded(user.domain) for user in users if user.external_id and user.domain}
    known = {each.external_id.casefold() for each in desired if each.external_id}
    found = set()
    for user in users:
        taker = wanted_names.get(_key(user.bare_name, user.domain or ""))
        if taker is None or user.domain is None or user.external_id in (None, taker.external_id):
            continue
        row = by_external_id.get(user.external_id)
        leaves = purge is not None and purge.action == "delete" and same_name(user.domain, purge.domain)
        leaves = leaves and domains.get(taker.external_id or "") == folded(user.domain)
        if (row and same_name(row.domain, user.domain)) or (leaves and str(user.external_id).casefold() not in known):
            found.add(user.id)
    return frozenset(found)


def given_up(operations: Sequence[Operation]) -> frozenset[str]:
    """Return the ids of the entries that give up their names by these operations."""
    return frozenset(
        op.before.id for op in operations if op.before and op.changes and (op.kind == "rename" or op.purged)
    )


def rename_batches(renames: Sequence[Operation]) -> list[list[Step]]:
    """Return the steps of renames in batches: a name is free before the batch that gives it to another entry.

    Entries that swap names go through a temporary one. A run that ends in between leaves an entry of that name, which the
    next run with `rename` finds by its ExternalId.
    """
    left = {position: Step(operation, operation) for position, operation in enumerate(renames)}
    holders: dict[Hashable, int] = {_name(op.before): number for number, op in enumerate(renames)}
    batches: list[list[Step]] = []
    while left:
        ready = [number for number in left if _blocker(left, holders, number) is None]
        if ready:
            batches.append([left.pop(number) for number in ready])
            continue
        number = _on_a_circle(left, holders)
        step = left[number]
        temporary = _aside(step.planned)
        batches.append([Step(step.planned, temporary, is_last=False)])
        left[number] = Step(step.planned, replace(step.planned, before=temporary.after))
        holders = {name: holder for name, holder in holders.items() if holder != number}
    return batches


def name_that_is_taken(operation: Operation) -> Hashable:
    """Return the name that an entry gets, in a form to compare with `name_of`."""
    return _name(operation.after)


def name_of(operation: Operation) -> Hashable:
    """Return the name that the entry of an operation has before."""
    return _name(operation.before)


def _aside(operation: Operation) -> Operation:
    """Return the rename to a temporary name, which changes nothing else."""
    before = operation.before
    if before is None:
        raise ValueError("no entry to rename")
    bare = f"{before.bare_name}.renamed-{before.id[:8]}"
    username = bare if before.username == before.bare_name else qualified(bare, before.domain or "")
    wanted = DesiredUser(bare, before.domain or "", before.external_id, rename=True)
    return Operation("rename", wanted, before, replace(before, username=username))


def _blocker(left: Mapping[int, Step], holders: Mapping[Hashable, int], number: int) -> int | None:
    holder = holders.get(_name(left[number].planned.after))
    return holder if holder in left and holder != number else None


def _on_a_circle(left: Mapping[int, Step], holders: Mapping[Hashable, int]) -> int:
    """Return an operation that waits for itself in the end. Each of those that are left waits for another."""
    seen: set[int] = set()
    number: int | None = next(iter(left))
    while number is not None and number not in seen:
        seen.add(number)
        number = _blocker(left, holders, number)
    return next(iter(left)) if number is None else number


def _key(username: str, domain: str) -> tuple[str, str]:
    return folded(username), folded(domain)


def _name(user: User | None) -> Hashable:
    return None if user is None else _key(user.bare_name, user.domain or "")
