# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what is and what is wanted to operations. PRIVATE to this collection.

One plan serves a single user, a list of users and check mode alike. It holds the ExternalId law: wrongly
bound, an ExternalId gives one person another's access, so whatever is not certain is refused, with both
names in the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ._candidates import AttemptList, Binding, bind
from ._errors import PlanRefusedError
from ._users import (
    MUTABLE_ATTRIBUTES,
    DesiredUser,
    User,
    differences,
    folded,
    predicted,
    qualified,
    renamed,
    same_name,
)

CHANGING = ("delete", "rename", "recreate", "update", "create")
"""The operations that write, in the order in which they are carried out: names and ids are freed first."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What becomes of one wanted user. C(after) is None where no entry will be left."""

    kind: str
    wanted: DesiredUser
    before: User | None = None
    after: User | None = None

    @property
    def changes(self) -> bool:
        """Whether carrying it out writes."""
        return self.kind in CHANGING


@dataclass(frozen=True, slots=True)
class Plan:
    """One operation a wanted user, in their order; and who could not be planned for want of an ExternalId."""

    operations: tuple[Operation, ...]
    waiting: tuple[DesiredUser, ...] = ()
    binding: Binding | None = None

    @property
    def writes(self) -> list[Operation]:
        """The operations that write, in the order in which they are carried out."""
        return sorted(
            (operation for operation in self.operations if operation.changes),
            key=lambda operation: CHANGING.index(operation.kind),
        )

    @property
    def signature(self) -> list[tuple[Any, ...]]:
        """What two plans must have in common for one to be carried out in place of the other."""
        return [(op.kind, op.before, op.after) for op in self.operations]

    def diff(self) -> dict[str, Any]:
        """Before and after in Ansible's form, of what changes only; the same in check mode and in the run."""
        changing = [operation for operation in self.operations if operation.changes]
        diff: dict[str, Any] = {
            "before": {op.wanted.label: shown(op.before) for op in changing if op.before},
            "after": {op.wanted.label: shown(op.after, anew=op.before is None) for op in changing if op.after},
            "before_header": "Identity Broker users",
            "after_header": "Identity Broker users",
        }
        if self.binding:
            diff["after_header"] = f"Identity Broker users ({self.binding.announcement})"
        return diff


def plan(
    actual: Sequence[User],
    desired: Sequence[DesiredUser],
    *,
    login_attempts: AttemptList | None = None,
    login_attempts_of: Sequence[str] | None = None,
    report_missing: bool = False,
) -> Plan:
    """Decide what becomes of each wanted user. Raises PlanRefusedError with every problem found.

    C(login_attempts_of) names those who were asked to log in: nothing is written for anybody else, who counts for the
    law alone, and who lacks an ExternalId goes on waiting. C(report_missing) makes waiting a result instead of a problem.
    """
    refuse_duplicates(desired)
    problems: list[str] = []
    directory = _Directory(actual)
    operations: list[Operation] = []
    for wanted in desired:
        operation, problem = _operation(directory, wanted)
        operations.append(operation)
        if problem:
            problems.append(problem)
    problems += _claimed_twice(operations)

    asked = [op.wanted for op in operations if op.kind == "wait"]
    binding = None
    if login_attempts is not None and not problems:
        asked = [wanted for wanted in asked if _is_meant(wanted, login_attempts_of)]
        taken = [*directory.external_ids(), *(wanted.external_id for wanted in desired if wanted.external_id)]
        binding, problem = bind(asked, login_attempts, taken)
        if problem:
            problems.append(problem)
        if binding:
            operations = [_bound(op, binding) for op in operations]
    operations = [op if _is_meant(op.wanted, login_attempts_of) else _left_alone(op) for op in operations]
    waiting = tuple(op.wanted for op in operations if op.kind == "wait")
    if waiting and not report_missing and login_attempts is None:
        problems += [_missing(wanted) for wanted in waiting]
    if problems:
        raise PlanRefusedError(problems)
    return Plan(tuple(operations), waiting, binding)


def shown(user: User, *, anew: bool = False) -> dict[str, Any]:
    """A user in a diff: no id, which is not known before creation, and no groups, which no write here changes.

    Of a user to be created only what is asked for is shown; the broker may fill in the rest.
    """
    return {
        key: value
        for key, value in user.result().items()
        if key not in ("id", "groups") and not (anew and value is None)
    }


def find(actual: Iterable[User], username: str | None, domain: str | None, external_id: str | None) -> list[User]:
    """The users that fit all criteria that are given; a user name may be given bare or qualified."""
    return [
        user
        for user in actual
        if (username is None or _answers_to(user, username))
        and (domain is None or (user.domain is not None and same_name(user.domain, domain)))
        and (external_id is None or user.external_id == external_id)
    ]


class _Directory:
    """The broker's users, found by identity and by ExternalId without walking the list each time."""

    def __init__(self, users: Iterable[User]) -> None:
        self._named: dict[tuple[str, str], list[User]] = {}
        self._holders: dict[str, list[User]] = {}
        self._strays: dict[str, list[User]] = {}
        for user in users:
            if user.domain is None:
                self._strays.setdefault(folded(user.username), []).append(user)
            else:
                identity = (folded(user.bare_name), folded(user.domain))
                self._named.setdefault(identity, []).append(user)
            if user.external_id:
                self._holders.setdefault(user.external_id.casefold(), []).append(user)

    def named(self, wanted: DesiredUser) -> list[User]:
        return self._named.get((folded(wanted.username), folded(wanted.domain)), [])

    def holders(self, external_id: str) -> list[User]:
        """Who has the ExternalId or one that differs from it only in case."""
        return self._holders.get(external_id.casefold(), [])

    def strays(self, wanted: DesiredUser) -> list[User]:
        """Entries of an unknown domain that may be the wanted user."""
        spellings = (folded(wanted.username), folded(wanted.label))
        return [user for spelling in spellings for user in self._strays.get(spelling, [])]

    def external_ids(self) -> list[str]:
        return [user.external_id for users in self._holders.values() for user in users if user.external_id]


def _operation(directory: _Directory, wanted: DesiredUser) -> tuple[Operation, str | None]:
    named = directory.named(wanted)
    holders = directory.holders(wanted.external_id) if wanted.external_id else []
    problem = _doubts(directory, wanted, named) or _held_by_another(wanted, named, holders)
    if problem:
        return Operation("none", wanted), problem
    entry = named[0] if named else None
    if entry is None and wanted.rename and wanted.state == "present" and holders:
        entry = holders[0]
    if wanted.state == "absent":
        return _absence(wanted, entry)
    if entry is None:
        return (_creation(wanted) if wanted.external_id else Operation("wait", wanted)), None
    if not entry.is_named(wanted.username, wanted.domain):
        after = replace(predicted(wanted, entry), username=renamed(entry, wanted))
        return Operation("rename", wanted, entry, after), None
    if wanted.external_id is not None and wanted.external_id != entry.external_id:
        return _recreation(wanted, entry)
    if differences(entry, wanted):
        return Operation("update", wanted, entry, predicted(wanted, entry)), None
    return Operation("none", wanted, entry, entry), None


def _doubts(directory: _Directory, wanted: DesiredUser, named: Sequence[User]) -> str | None:
    if len(named) > 1:
        names = " and ".join(repr(user.username) for user in named)
        return (
            f"{wanted.label}: the broker holds {names} side by side, and it cannot be told which is meant. "
            "Delete the wrong one by its id first."
        )
    strays = directory.strays(wanted)
    if strays:
        return (
            f"{wanted.label}: the broker holds {strays[0].username!r} (id {strays[0].id}) without telling its domain, "
            "so it cannot be told whether it is the same person. Give hostname, username and password of the vCenter, "
            "so that the provider's domains can be read, or use username_format: qualified."
        )
    return None


def _held_by_another(wanted: DesiredUser, named: Sequence[User], holders: Sequence[User]) -> str | None:
    external_id = wanted.external_id
    twins = [user for user in holders if user.external_id != external_id]
    if twins:
        return (
            f"{wanted.label}: ExternalId {external_id} differs only in case from {twins[0].external_id}, which "
            f"{twins[0].label} has. ExternalIds compare exactly; correct the one that is wrong."
        )
    others = [user for user in holders if user not in named]
    if not others:
        return None
    other = others[0]
    holds = f"{wanted.label}: ExternalId {external_id} belongs to {other.label} in the broker"
    if named or len(others) > 1:
        also = (
            f"{wanted.label} has an entry of its own (ExternalId {named[0].external_id})"
            if named
            else f"to {others[1].label} as well"
        )
        return (
            f"{holds}, and {also}. Find out at the identity provider whose it is, and correct the entry or the "
            "variable that is wrong."
        )
    if wanted.rename and wanted.state == "present":
        if other.domain is not None and same_name(other.domain, wanted.domain):
            return None
        return f"{holds}, in another domain. Users of other domains are never renamed."
    if wanted.state == "present":
        return f"{holds}. If that is the same person under a new name, say rename: true; else correct the variable."
    return f"{holds}. Nothing is deleted by a doubtful name; correct the variable that is wrong."


def _absence(wanted: DesiredUser, entry: User | None) -> tuple[Operation, str | None]:
    if entry is None:
        return Operation("none", wanted), None
    if wanted.external_id is not None and wanted.external_id != entry.external_id:
        return Operation("none", wanted), (
            f"{wanted.label}: to be deleted with ExternalId {wanted.external_id}, but the broker's entry has "
            f"{entry.external_id}. Leave external_id out to delete it all the same."
        )
    return Operation("delete", wanted, entry), None


def _creation(wanted: DesiredUser) -> Operation:
    return Operation("create", wanted, None, predicted(wanted, None))


def _recreation(wanted: DesiredUser, entry: User) -> tuple[Operation, str | None]:
    if not wanted.recreate:
        return Operation("none", wanted, entry, entry), (
            f"{wanted.label}: has ExternalId {entry.external_id} in the broker, and {wanted.external_id} was asked "
            "for. The broker ignores a change of the ExternalId; only deleting and creating the user anew changes "
            "it (its group memberships are lost): recreate: true. Make sure that the new one is this person's."
        )
    kept = {
        name: getattr(wanted, name) if getattr(wanted, name) is not None else getattr(entry, name)
        for name in MUTABLE_ATTRIBUTES
    }
    anew = replace(wanted, **kept)
    return Operation("recreate", anew, entry, predicted(anew, None)), None


def refuse_duplicates(desired: Sequence[DesiredUser]) -> None:
    """Raise PlanRefusedError for names and ExternalIds that stand twice, with both positions."""
    problems: list[str] = []
    names: dict[str, DesiredUser] = {}
    ids: dict[str, DesiredUser] = {}
    for wanted in desired:
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


def _claimed_twice(operations: Sequence[Operation]) -> list[str]:
    claims: dict[str, Operation] = {}
    problems: list[str] = []
    for operation in operations:
        if operation.before is None:
            continue
        first = claims.setdefault(operation.before.id, operation)
        if first is not operation:
            problems.append(
                f"{first.wanted.label} and {operation.wanted.label} both mean the broker's entry "
                f"{operation.before.label}. Remove one."
            )
    return problems


def _is_meant(wanted: DesiredUser, names: Sequence[str] | None) -> bool:
    return names is None or any(same_name(name, wanted.username) or same_name(name, wanted.label) for name in names)


def _left_alone(operation: Operation) -> Operation:
    if not operation.changes:
        return operation
    return Operation("none", operation.wanted, operation.before, operation.before)


def _bound(operation: Operation, binding: Binding) -> Operation:
    if operation.wanted is not binding.wanted:
        return operation
    return _creation(replace(operation.wanted, external_id=binding.external_id))


def _missing(wanted: DesiredUser) -> str:
    return (
        f"{wanted.label}: is not in the broker, and no external_id is given. Read it from the identity provider (in "
        "Pocket ID an administrator finds it in the address of the user's page) and give external_id, or pass "
        "login_attempts from externalid_fact."
    )


def _answers_to(user: User, name: str) -> bool:
    spellings = [user.username, user.bare_name]
    if user.domain is not None:
        spellings.append(qualified(user.bare_name, user.domain))
    return any(same_name(name, spelling) for spelling in spellings)
