# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what is and what is wanted to operations. PRIVATE to this collection.

One plan serves a single user, a list of users and check mode alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ._candidates import AttemptList, Binding, bind, contradiction
from ._directory import CHANGING, Directory, Operation, Situation, creation
from ._errors import PlanRefusedError, some_of
from ._failed_users import failed, not_bound, protected_entries, spread, unplaced_users, without_external_id
from ._guards import NO_GUARDS, Guards, exceeded
from ._purge import Purge, not_judged, not_purged, spared, unwanted
from ._renames import given_up, names_to_free
from ._texts import folded, same_name
from ._users import DesiredUser, User, predicted, qualified


@dataclass(frozen=True, slots=True)
class Plan:
    """One operation a wanted user, in their order; and who could not be planned for want of an ExternalId."""

    operations: tuple[Operation, ...]
    waiting: tuple[DesiredUser, ...] = ()
    binding: Binding | None = None
    left_alone: tuple[User, ...] = ()
    """The entries whose domain the broker does not show, and which no operation is certain to mean."""
    notes: tuple[str, ...] = ()
    protected: frozenset[str] = frozenset()
    """The ids of the entries of failed users."""
    unplaced: tuple[DesiredUser, ...] = ()
    """The failed users that match no entry: because of them nobody is purged, and no member removed."""

    @property
    def writes(self) -> list[Operation]:
        """The operations that write, in the order in which they are carried out."""
        return sorted(
            (operation for operation in self.operations if operation.changes),
            key=lambda operation: CHANGING.index(operation.kind),
        )

    @property
    def purges(self) -> bool:
        """Whether somebody goes whom the task does not name."""
        return any(operation.purged for operation in self.operations)

    @property
    def signature(self) -> list[tuple[Any, ...]]:
        """What two plans must have in common for one to be carried out in place of the other."""
        return [(op.kind, op.before, op.after, op.problem is None) for op in self.operations]

    @property
    def found_by_name(self) -> list[Operation]:
        """The operations that bind an ExternalId found by a user name that people may edit at the provider."""
        return [
            op for op in self.operations if op.changes and op.wanted.found_by_name and op.kind in ("create", "recreate")
        ]

    @property
    def announcements(self) -> list[str]:
        """Whom the plan trusts, for result, diff, warning and summary."""
        found = [f"{op.wanted.label} (ExternalId {op.wanted.external_id})" for op in self.found_by_name]
        by_name = (
            f"Found at the identity provider by user name alone: {some_of(found)}. People may edit their own user name there, so "
            "another person could have taken it. Give external_id, or let a group of the identity provider say who may log in."
        )
        return [*([self.binding.announcement] if self.binding else []), *([by_name] if found else [])]

    def diff(self) -> dict[str, Any]:
        """Before and after in Ansible's form, of what changes only; the same in check mode and in the run."""
        changing = [operation for operation in self.operations if operation.changes]
        diff: dict[str, Any] = {
            "before": {op.wanted.label: shown(op, op.before) for op in changing if op.before},
            "after": {op.wanted.label: shown(op, op.after) for op in changing if op.after},
            "before_header": "Identity Broker users",
            "after_header": "Identity Broker users",
        }
        if self.announcements:
            diff["after_header"] = f"Identity Broker users ({' '.join(self.announcements)})"
        return diff


def plan(
    situation: Situation,
    desired: Sequence[DesiredUser],
    *,
    login_attempts: AttemptList | None = None,
    login_attempts_of: Sequence[str] | None = None,
    report_missing: bool = False,
    purge: Purge | None = None,
    guards: Guards = NO_GUARDS,
    owners: Mapping[str, str] | None = None,
    cross_check: AttemptList | None = None,
    all_or_nothing: bool = False,
) -> Plan:
    """Decide what becomes of each wanted user. A problem of one user fails that user alone.

    Raises PlanRefusedError for what stops the whole run, and with `all_or_nothing` for every problem.
    `login_attempts_of` names the users who were asked to log in: only they are provisioned, and only they can fail.
    `report_missing` makes waiting a result instead of a problem. `owners` holds the identity provider's user names by
    ExternalId, where it was read; what it says of new users is compared with `cross_check` and `login_attempts`.
    """
    refuse_duplicates(desired)
    purge = purge if login_attempts_of is None else None
    freed = names_to_free(situation.users, desired, purge)
    while True:
        made = _plan_with(
            Directory(situation, freed),
            situation,
            desired,
            login_attempts=login_attempts,
            login_attempts_of=login_attempts_of,
            report_missing=report_missing,
            purge=purge,
            owners=owners,
            cross_check=cross_check,
            all_or_nothing=all_or_nothing,
        )
        still_free = freed & given_up(made.operations)
        if still_free == freed:
            break
        # An entry keeps its name after all, so nobody else can have it.
        freed = still_free
    if exceeding := exceeded(made.operations, situation.users, guards, purge.domain if purge else None):
        raise PlanRefusedError(exceeding)
    return made


def _plan_with(
    directory: Directory,
    situation: Situation,
    desired: Sequence[DesiredUser],
    *,
    login_attempts: AttemptList | None,
    login_attempts_of: Sequence[str] | None,
    report_missing: bool,
    purge: Purge | None,
    owners: Mapping[str, str] | None,
    cross_check: AttemptList | None,
    all_or_nothing: bool,
) -> Plan:
    operations = [
        failed(operation, problem, directory) if problem else operation
        for operation, problem in directory.operations(desired)
    ]
    operations = _with_problems(operations, _claimed_twice(operations), directory)
    contradictions = _contradictions(operations, (cross_check, login_attempts), directory, desired, owners or {})
    operations = spread(_with_problems(operations, contradictions, directory), directory)
    protected, unplaced = protected_entries(operations, directory), unplaced_users(operations, directory)

    unknown = without_external_id(operations, directory, owners or {})
    unknown += [operations[number] for number in contradictions]
    meant = [_is_meant(op.wanted, login_attempts_of) for op in operations]
    binding: Binding | None = None
    unbound: str | None = None
    if login_attempts is not None:
        asked = [op.wanted for op, is_meant in zip(operations, meant, strict=True) if is_meant and _waits(op)]
        if unknown and asked:
            unbound = not_bound(asked, unknown)
        else:
            binding, unbound = bind(
                asked, login_attempts, _taken(directory, desired), owners, users=situation.users, desired=desired
            )
        operations = [_bound(op, binding, directory) if binding else op for op in operations]
    operations = [
        op if is_meant else _left_alone(op, directory) for op, is_meant in zip(operations, meant, strict=True)
    ]
    waiting = tuple(op.wanted for op in operations if _waits(op))
    notes = [_NO_EXTERNAL_IDS] if any(op.unverified for op in operations) else []
    notes += [unbound] if unbound and report_missing else []
    if not report_missing:
        missing = {
            number: unbound or _missing(op.wanted, owners)
            for number, op in enumerate(operations)
            if meant[number] and _waits(op)
        }
        operations = _with_problems(operations, missing, directory)
    problems = list(dict.fromkeys(op.problem for op in operations if op.problem))
    if problems and all_or_nothing:
        raise PlanRefusedError(problems)

    kept = {op.before.id for op in operations if op.before} | protected
    managed = {op.before.id for op in operations if op.before and not op.problem}
    left_alone = tuple(user for user in situation.users if user.domain is None and user.id not in managed)
    if purge is not None and not unplaced:
        notes += [not_judged(left_alone, purge)] if left_alone else []
        surplus = purge.surplus(situation.users, kept)
        near = spared(surplus, waiting)
        notes += [not_purged(user, near[user.id]) for user in surplus if user.id in near]
        purged = [_purging(user, purge) for user in surplus if user.id not in near]
        if purged and not protected and not any(_stays(op) for op in operations):
            problems = [
                f"purge would remove {len(purged)} users of {purge.domain}, and nobody of the list would be in the broker "
                f"afterwards: {some_of([op.wanted.label for op in operations])}. Check the names in the list."
            ]
            raise PlanRefusedError(problems)
        operations += purged
    return Plan(tuple(operations), waiting, binding, left_alone, tuple(notes), protected, unplaced)


def plan_again(situation: Situation, operations: Sequence[Operation]) -> list[tuple[Operation, str | None]]:
    """What is left to do for each operation whose outcome is not known, and why it may not be done, if so."""
    directory = Directory(situation, given_up(operations))
    anew = [directory.operation(operation.wanted) for operation in operations]
    return [
        (replace(now, purged=before.purged), problem) for before, (now, problem) in zip(operations, anew, strict=True)
    ]


def shown(operation: Operation, user: User) -> dict[str, Any]:
    """A user in a diff: no id, which is not known before creation, and groups only where they change.

    Of a user to be created only what is asked for is shown; the broker may fill in the rest.
    """
    left_out = {"id"} if operation.join else {"id", "groups"}
    anew = operation.before is None
    return {key: value for key, value in user.result().items() if key not in left_out and not (anew and value is None)}


def find(actual: Iterable[User], username: str | None, domain: str | None, external_id: str | None) -> list[User]:
    """The users that fit all criteria that are given; a user name may be given bare or qualified."""
    return [
        user
        for user in actual
        if (username is None or _answers_to(user, username))
        and (domain is None or (user.domain is not None and same_name(user.domain, domain)))
        and (external_id is None or user.external_id == external_id)
    ]


def _purging(user: User, purge: Purge) -> Operation:
    wanted = unwanted(user, purge)
    if wanted.state == "absent":
        return Operation("delete", wanted, user, purged=True)
    return Operation("update", wanted, user, predicted(wanted, user), purged=True)


def _stays(operation: Operation) -> bool:
    """Return whether a user of the list is in the broker afterwards."""
    return operation.wanted.state == "present" and operation.after is not None


def refuse_duplicates(desired: Sequence[DesiredUser]) -> None:
    """Raise PlanRefusedError for user names and ExternalIds that the list has twice, with both positions.

    Rows that are known to fail are left out: people whom a provider has twice fail without stopping the others.
    """
    problems: list[str] = []
    names: dict[str, DesiredUser] = {}
    ids: dict[str, DesiredUser] = {}
    for wanted in desired:
        if wanted.problem:
            continue
        first = names.setdefault(folded(wanted.label), wanted)
        if first is not wanted:
            problems.append(
                f"{wanted.label} stands twice in users: at positions {first.position + 1} and {wanted.position + 1}. "
                "Remove one."
            )
        if wanted.external_id is not None:
            first = ids.setdefault(wanted.external_id.casefold(), wanted)
            if first is not wanted:
                problems.append(
                    f"ExternalId {wanted.external_id} is given to two users: {first.label} at position "
                    f"{first.position + 1} and {wanted.label} at position {wanted.position + 1}"
                    + ("" if first.external_id == wanted.external_id else " (they differ only in case)")
                    + ". Correct the wrong one."
                )
    if problems:
        raise PlanRefusedError(problems)


def _with_problems(
    operations: Sequence[Operation], problems: Mapping[int, str], directory: Directory
) -> list[Operation]:
    """Return the operations, failing those that `problems` has by their number in the list."""
    return [
        failed(op, problem, directory) if not op.problem and (problem := problems.get(number)) else op
        for number, op in enumerate(operations)
    ]


def _waits(operation: Operation) -> bool:
    """Return whether only the ExternalId is missing."""
    return operation.kind == "wait" and not operation.problem


def _taken(directory: Directory, desired: Sequence[DesiredUser]) -> list[str]:
    """The ExternalIds that are somebody's, in the broker or in the task."""
    return [*directory.external_ids(), *(wanted.external_id for wanted in desired if wanted.external_id)]


def _contradictions(
    operations: Sequence[Operation],
    lists: Iterable[AttemptList | None],
    directory: Directory,
    desired: Sequence[DesiredUser],
    owners: Mapping[str, str],
) -> dict[int, str]:
    """Return the new users of whom the identity provider says something else than the log, by number, and what."""
    taken = _taken(directory, desired)
    return {
        number: problem
        for seen in lists
        if seen
        for number, op in enumerate(operations)
        if op.kind == "create" and op.wanted.external_id in owners
        if (problem := contradiction(op.wanted, seen, taken, owners))
    }


def _claimed_twice(operations: Sequence[Operation]) -> dict[int, str]:
    """Return the users that mean the same entry, by number, and why that is wrong."""
    claims: dict[str, list[int]] = {}
    for number, operation in enumerate(operations):
        if operation.before is not None and not operation.problem:
            claims.setdefault(operation.before.id, []).append(number)
    problems = {}
    for numbers in claims.values():
        names = " and ".join(operations[number].wanted.label for number in numbers)
        for number in numbers if len(numbers) > 1 else ():
            entry = operations[number].before
            problems[number] = f"{names} both mean the broker's entry {entry.label if entry else ''}. Remove one."
    return problems


def _is_meant(wanted: DesiredUser, names: Sequence[str] | None) -> bool:
    return names is None or any(same_name(name, wanted.username) or same_name(name, wanted.label) for name in names)


def _left_alone(operation: Operation, directory: Directory) -> Operation:
    operation = replace(operation, problem=None)
    if not operation.changes:
        return operation
    standing = None if directory.is_gone(operation) else operation.before
    return replace(operation, kind="none", before=standing, after=standing)


def _bound(operation: Operation, binding: Binding, directory: Directory) -> Operation:
    if operation.wanted is not binding.wanted:
        return operation
    # Should somebody else turn up with this name or ExternalId before it is created, that is nobody to rename or delete.
    wanted = replace(operation.wanted, external_id=binding.external_id, rename=False, recreate=False)
    return directory.joined(creation(wanted))


def _missing(wanted: DesiredUser, owners: Mapping[str, str] | None) -> str:
    if owners is not None:
        return (
            f"{wanted.label}: is not in the broker, no external_id is given, and the identity provider knows nobody of this name "
            "who may use vCenter. Correct the name, or create the user there first."
        )
    return (
        f"{wanted.label}: is not in the broker, and no external_id is given. Read it from the identity provider (in "
        "Pocket ID an administrator finds it in the address of the user's page) and give external_id, or pass "
        "login_attempts from externalid_fact."
    )


_NO_EXTERNAL_IDS = (
    "The broker shows no ExternalId of any user, so the ones that the task gives could not be compared with those of existing "
    "entries."
)


def _answers_to(user: User, name: str) -> bool:
    spellings = [user.username, user.bare_name]
    if user.domain is not None:
        spellings.append(qualified(user.bare_name, user.domain))
    return any(same_name(name, spelling) for spelling in spellings)
