# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work out what a failed user means for the other users of a plan. PRIVATE to this collection.

A problem of one user fails that user alone. The entry of a failed user is left alone, whichever row names it, and a name or
an ExternalId that a failed user holds is not given to anybody else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ._directory import GIVING_A_NAME, Directory, Operation
from ._errors import some_of
from ._texts import folded, same_name
from ._users import DesiredUser


@dataclass
class _Held:
    """What failed users hold, each with the row that failed."""

    entries: dict[str, DesiredUser] = field(default_factory=dict)
    names: dict[tuple[str, str], DesiredUser] = field(default_factory=dict)
    external_ids: dict[str, DesiredUser] = field(default_factory=dict)

    def add(self, wanted: DesiredUser, directory: Directory) -> None:
        for user in directory.tied(wanted):
            self.entries.setdefault(user.id, wanted)
        if wanted.username:
            self.names.setdefault((folded(wanted.username), folded(wanted.domain)), wanted)
        if wanted.external_id:
            self.external_ids.setdefault(wanted.external_id.casefold(), wanted)

    def blocks(self, operation: Operation) -> str | None:
        """Return why an operation fails because of what a failed user holds, or None."""
        wanted, entry = operation.wanted, operation.before
        other = self.entries.get(entry.id) if entry else None
        if entry and other:
            return _because(wanted, other, f"the entry {entry.label}")
        if operation.kind not in GIVING_A_NAME:
            return None
        other = self.names.get((folded(wanted.username), folded(wanted.domain)))
        if other:
            return _because(wanted, other, "the same user name")
        other = self.external_ids.get((wanted.external_id or "").casefold())
        return _because(wanted, other, f"ExternalId {wanted.external_id}") if other else None


def failed(operation: Operation, problem: str, directory: Directory) -> Operation:
    """Return an operation that changes nothing, because of a problem of this user."""
    tied = directory.tied(operation.wanted)
    entry = tied[0] if len(tied) == 1 else None
    kind = "wait" if operation.kind == "wait" else "none"
    return replace(operation, kind=kind, before=entry, after=entry, join=(), problem=problem)


def spread(operations: Sequence[Operation], directory: Directory) -> list[Operation]:
    """Return the operations after failing each one that needs what a failed user holds."""
    held, found, new = _Held(), list(operations), [each.wanted for each in operations if each.problem]
    while new:
        for wanted in new:
            held.add(wanted, directory)
        new = []
        for number, operation in enumerate(found):
            problem = None if operation.problem else held.blocks(operation)
            if problem:
                found[number] = failed(operation, problem, directory)
                new.append(operation.wanted)
    return found


def protected_entries(operations: Sequence[Operation], directory: Directory) -> frozenset[str]:
    """Return the ids of the entries of failed users, which are left alone everywhere."""
    return frozenset(user.id for each in operations if each.problem for user in directory.tied(each.wanted))


def unplaced_users(operations: Sequence[Operation], directory: Directory) -> tuple[DesiredUser, ...]:
    """Return the failed users that match no entry by user name or ExternalId, so that any entry may be theirs.

    A waiting user is not one of them: the user name was read, and no entry has it.
    """
    return tuple(
        each.wanted
        for each in operations
        if each.problem and not (each.kind == "wait" and each.wanted.username) and not directory.is_placed(each.wanted)
    )


def without_external_id(
    operations: Sequence[Operation], directory: Directory, owners: Mapping[str, str]
) -> list[Operation]:
    """Return the operations of failed users whose ExternalId is unknown: a refused login may be theirs."""
    return [
        each
        for each in operations
        if each.problem and each.wanted.state == "present" and not _has_external_id(each.wanted, directory, owners)
    ]


def not_bound(waiting: Sequence[DesiredUser], unknown: Iterable[Operation]) -> str:
    """Say that no ExternalId is bound, because a refused login may be that of a failed user."""
    problems = {each.wanted.label: each.problem for each in unknown}
    return (
        f"No ExternalId is bound to {some_of([each.label for each in waiting])}, since a refused login may also be that of "
        f"{some_of(list(problems))}, who failed. Correct that first, or give external_id.\n"
        + "\n".join(f"  {problem}" for problem in problems.values())
    )


def incomplete(unplaced: Collection[DesiredUser], *, purge: bool, mirror: bool) -> str | None:
    """Say what is not done because failed users match no entry; None where that makes no difference."""
    skipped = [
        text for asked, text in ((purge, "purged nobody"), (mirror, "removed no member of a mirrored group")) if asked
    ]
    if not unplaced or not skipped:
        return None
    names = some_of([each.label for each in unplaced])
    return (
        f"This run {' and '.join(skipped)}: the list is incomplete, since {names} failed and no entry of the broker has the "
        "user name or the ExternalId."
    )


def _has_external_id(wanted: DesiredUser, directory: Directory, owners: Mapping[str, str]) -> bool:
    named = directory.named(wanted)
    if directory.gone(wanted) or any(user.external_id for user in named):
        return True
    if not wanted.external_id:
        return False
    # An ExternalId that another entry has may be misspelt, unless the identity provider itself says whose it is.
    owner = owners.get(wanted.external_id)
    return not directory.holders(wanted.external_id) or (owner is not None and same_name(owner, wanted.username))


def _because(wanted: DesiredUser, other: DesiredUser, what: str) -> str:
    return f"{wanted.label}: not changed, since {other.label} failed and has {what}. Correct {other.label} first."
