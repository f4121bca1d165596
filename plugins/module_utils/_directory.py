# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the broker holds, and what becomes of one wanted user. PRIVATE to this collection.

Here stands the ExternalId law: wrongly bound, an ExternalId gives one person another's access, so whatever is not
certain is refused, with both names in the message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ._chosen_entries import entry_to_move, entry_with_id
from ._errors import some_of
from ._groups import ALL_USERS
from ._identities import Identities
from ._membership import Memberships
from ._recreation import Recreation, unknown_memberships
from ._texts import folded, same_name
from ._users import MUTABLE_ATTRIBUTES, DesiredUser, GroupReference, User, differences, predicted, qualified, renamed

CHANGING = ("delete", "rename", "recreate", "update", "create")
"""The operations that write, in the order in which they are carried out: names and ids are freed first."""

GIVING_A_NAME = ("create", "rename", "recreate")
"""The operations after which an entry has a name or an ExternalId that it did not have before."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What becomes of one wanted user. C(after) is None where no entry will be left.

    C(join) are groups that the entry is to be made a member of. C(purged) is for users whom the task does not name.
    `problem` is why this user fails alone; such an operation changes nothing.
    """

    kind: str
    wanted: DesiredUser
    before: User | None = None
    after: User | None = None
    join: tuple[GroupReference, ...] = ()
    purged: bool = False
    unverified: tuple[str, ...] = ()
    """What the broker does not show of the entry, so that it could not be compared."""
    name_stays: bool = False
    """Whether another entry keeps the user name of one that is deleted by its id."""
    problem: str | None = None

    @property
    def changes(self) -> bool:
        """Whether carrying it out writes."""
        return self.kind in CHANGING and self.problem is None

    @property
    def only_joins(self) -> bool:
        """Whether the entry itself stays as it is, and groups get a member."""
        return bool(self.kind == "update" and self.join and self.before and not differences(self.before, self.wanted))


@dataclass(frozen=True, slots=True)
class Situation:
    """What the broker holds: its users, its groups by folded name where they matter, and recreations that were broken off."""

    users: Sequence[User]
    groups: Mapping[str, GroupReference] | None = None
    recreations: Sequence[tuple[Recreation, User]] = ()
    memberships: Memberships | None = None
    """Who is in which group by the groups, where users do not show it."""


class Directory:
    """The broker's users, found by identity and by ExternalId without walking the list each time."""

    def __init__(self, situation: Situation, freed: Collection[str] = ()) -> None:
        self._freed = frozenset(freed)
        """The ids of entries that give up their names to users who have `rename`."""
        self.users = situation.users
        self.identities = Identities(situation.users)
        self._holders: dict[str, list[User]] = {}
        self._groups = situation.groups or {}
        self._memberships = situation.memberships
        ids = {user.id for user in situation.users}
        # Whose old entry stands was not deleted, and is planned for as if nothing had been begun.
        self._gone = {
            _folded(recreation.identity(user)): (recreation, user)
            for recreation, user in situation.recreations
            if user.id not in ids
        }
        for user in situation.users:
            if user.external_id:
                self._holders.setdefault(user.external_id.casefold(), []).append(user)

    def named(self, wanted: DesiredUser) -> list[User]:
        """Return the entries that are certain to be the wanted user's by their names."""
        return [user for user in self.identities.meant(wanted) if not self._gives_way(user, wanted)]

    def _gives_way(self, user: User, wanted: DesiredUser) -> bool:
        may_take = wanted.rename and wanted.external_id is not None and user.external_id != wanted.external_id
        return may_take and user.id in self._freed

    def holders(self, external_id: str) -> list[User]:
        """Who has the ExternalId or one that differs from it only in case."""
        return self._holders.get(external_id.casefold(), [])

    @property
    def shows_external_ids(self) -> bool:
        """Whether any entry shows an ExternalId."""
        return bool(self._holders)

    def gone(self, wanted: DesiredUser) -> tuple[Recreation, User] | None:
        """The entry of this identity that was deleted to be created anew, as it stood."""
        return self._gone.get((folded(wanted.username), folded(wanted.domain))) if self._gone else None

    def is_gone(self, operation: Operation) -> bool:
        """Whether an operation starts from an entry that was deleted to be created anew."""
        gone = self.gone(operation.wanted)
        return gone is not None and operation.before is not None and operation.before.id == gone[1].id

    def external_ids(self) -> list[str]:
        """What nobody else may get, also what is on its way to somebody."""
        held = [user.external_id for users in self._holders.values() for user in users if user.external_id]
        return [*held, *(recreation.external_id for recreation, _user in self._gone.values())]

    def tied(self, wanted: DesiredUser) -> list[User]:
        """Return every entry that may be this user's: by name, also where no domain is shown, and by ExternalId."""
        holders = self.holders(wanted.external_id) if wanted.external_id else []
        found = {user.id: user for user in (*self.identities.like(wanted), *holders)}
        return list(found.values())

    def is_placed(self, wanted: DesiredUser) -> bool:
        """Return whether an entry, or one that was deleted to be recreated, is known to be this user's."""
        return bool((wanted.domain and self.tied(wanted)) or self.gone(wanted)) or bool(
            wanted.external_id and self.holders(wanted.external_id)
        )

    def operations(self, desired: Sequence[DesiredUser]) -> list[tuple[Operation, str | None]]:
        """Return what becomes of each user, and what is wrong with that, in their order."""
        found = [self.operation(wanted) for wanted in desired]
        on_their_way = self._on_their_way(found)
        return [
            (operation, problem or on_their_way.get(number) or self._no_group(operation.wanted))
            for number, (operation, problem) in enumerate(found)
        ]

    def _on_their_way(self, found: Sequence[tuple[Operation, str | None]]) -> dict[int, str]:
        """Return the users who want an ExternalId that an unfinished recreation gives to another, by number, and why."""
        if not self._gone:
            return {}
        settled = {
            (folded(op.wanted.username), folded(op.wanted.domain)): op.wanted for op, problem in found if not problem
        }
        owners: dict[str, tuple[Recreation, tuple[str, str]]] = {}
        for identity, (recreation, user) in self._gone.items():
            if self.identities.named(*identity) or self.holders(recreation.external_id):
                continue  # It has arrived.
            wanted = settled.get(identity)
            given_up = wanted is not None and (
                wanted.state == "absent" or wanted.external_id not in (None, recreation.external_id)
            )
            if not given_up:
                owners[recreation.external_id.casefold()] = (recreation, recreation.identity(user))
        problems = {}
        for number, (operation, problem) in enumerate(found):
            wanted = operation.wanted
            if problem or not wanted.external_id:
                continue
            owned = owners.get(wanted.external_id.casefold())
            if owned and folded(qualified(*owned[1])) != folded(wanted.label):
                recreation, owner = owned[0], qualified(*owned[1])
                problems[number] = (
                    f"{wanted.label}: ExternalId {wanted.external_id} is on its way to {owner}, who was to be recreated "
                    f"with it at {recreation.began}, which was interrupted. Name {owner} too, with another "
                    "external_id or as absent, if that was wrong; else correct the variable."
                )
        return problems

    def operation(self, wanted: DesiredUser) -> tuple[Operation, str | None]:
        """Return what becomes of one user, and what is wrong with that."""
        if wanted.problem:
            return Operation("none", wanted), wanted.problem
        gone = self.gone(wanted) if wanted.state == "present" else None
        if gone and not wanted.external_id and not self.named(wanted):
            wanted = replace(wanted, external_id=gone[0].external_id)
        operation, problem = _operation(self, wanted, gone[1] if gone else None)
        problem = problem or self._lost_memberships(operation)
        if problem or wanted.state != "present" or operation.kind == "wait":
            return operation, problem
        asked = [group for name in wanted.groups if (group := self._group(name))]
        return _joining(operation, [*(gone[0].groups if gone else ()), *asked]), None

    def _lost_memberships(self, operation: Operation) -> str | None:
        """Return why an entry may not be recreated, if it may be a member of groups that nobody would know of."""
        entry = operation.before
        if operation.kind != "recreate" or entry is None or not self._memberships or self.is_gone(operation):
            return None
        unknown = self._memberships.unknown(entry.id)
        return unknown_memberships(operation.wanted.label, unknown) if unknown else None

    def joined(self, operation: Operation) -> Operation:
        """The operation, with the groups that were asked for."""
        return _joining(operation, [group for name in operation.wanted.groups if (group := self._group(name))])

    def _group(self, name: str) -> GroupReference | None:
        return self._groups.get(folded(name))

    def _no_group(self, wanted: DesiredUser) -> str | None:
        """Return which of the user's groups the broker does not have, or None."""
        unknown = [name for name in wanted.groups if not self._group(name)]
        if not unknown:
            return None
        names = ", ".join(sorted(group.name for group in self._groups.values() if group.name != ALL_USERS)) or "none"
        return (
            f"{wanted.label}: groups: the broker has no group {some_of([repr(name) for name in unknown])}; it has {names}. "
            "Correct the name, or create the group with scim_group."
        )


def _operation(directory: Directory, wanted: DesiredUser, gone: User | None) -> tuple[Operation, str | None]:
    if wanted.entry_id:
        return _absence_by_id(directory, wanted)
    holders = directory.holders(wanted.external_id) if wanted.external_id else []
    foreign, problem = entry_to_move(directory.identities, wanted)
    named = directory.named(wanted) or ([foreign] if foreign else [])
    problem = problem or directory.identities.doubt(wanted) or _held_by_another(wanted, named, holders)
    if problem:
        return Operation("none", wanted), problem
    if wanted.state == "absent":
        return _absence(wanted, named[0] if named else None)
    if foreign:
        return _recreation(replace(wanted, recreate=True), foreign)
    return _presence(directory, wanted, named[0]) if named else _presence_by_external_id(wanted, holders, gone)


def _presence_by_external_id(
    wanted: DesiredUser, holders: Sequence[User], gone: User | None
) -> tuple[Operation, str | None]:
    """Decide about a user whose name no entry has."""
    if wanted.rename and holders:
        after = replace(predicted(wanted, holders[0]), username=renamed(holders[0], wanted))
        return Operation("rename", wanted, holders[0], after), None
    if gone is not None:
        return _recreation(replace(wanted, recreate=True), gone)
    return (creation(wanted) if wanted.external_id else Operation("wait", wanted)), None


def _presence(directory: Directory, wanted: DesiredUser, entry: User) -> tuple[Operation, str | None]:
    """Decide about a user whose entry was found by name."""
    unverified: tuple[str, ...] = ()
    if wanted.external_id is not None and wanted.external_id != entry.external_id:
        if directory.shows_external_ids:
            return _recreation(wanted, entry)
        if wanted.recreate:
            return Operation("none", wanted, entry, entry), (
                f"{wanted.label}: was not recreated, since the broker shows no ExternalId of any user, so the one of this entry "
                "may be right. Leave out recreate; or, if this user cannot log in, delete the entry with state: absent and "
                "create it again."
            )
        unverified = ("external_id",)
    kind = "update" if differences(entry, wanted) else "none"
    return Operation(kind, wanted, entry, predicted(wanted, entry), unverified=unverified), None


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
    if other.domain is None:
        return (
            f"{holds}. An entry whose domain the broker does not show is changed only if user name and external_id both "
            "match. Give it the user name of that entry, or correct external_id."
        )
    if named or len(others) > 1:
        also = (
            f"{wanted.label} has an entry of its own (ExternalId {named[0].external_id})"
            if named
            else f"to {others[1].label} as well"
        )
        return (
            f"{holds}, and {also}. Find out at the identity provider whose it is, and correct the entry or the "
            "variable that is wrong. If a user name passed from one person to another, set rename: true for all of them; an "
            "entry whose ExternalId is not in the list has to be deleted first, which purge does."
        )
    if not same_name(other.domain, wanted.domain):
        return f"{holds}, in another domain. {_move_hint(wanted, other, other.domain)}"
    if wanted.rename and wanted.state == "present":
        return None
    if wanted.state == "present":
        return f"{holds}. If that is the same person under a new name, say rename: true; else correct the variable."
    return f"{holds}. Nothing is deleted by a doubtful name; correct the variable that is wrong."


def _move_hint(wanted: DesiredUser, other: User, domain: str) -> str:
    """Say how an entry of a foreign domain is taken over."""
    if other.is_named(wanted.username, domain) or other.is_named(wanted.label, domain):
        done = "is recreated in" if wanted.state == "present" else "is deleted, as if it were one of"
        return (
            f"If that is the same person, set move_from_domain: {domain} on this user: the entry {done} {wanted.domain}. "
            "Otherwise correct external_id."
        )
    return (
        f"Correct external_id; or, if that is the same person, give the user name {other.bare_name} and "
        f"move_from_domain: {domain}."
    )


def _absence(wanted: DesiredUser, entry: User | None) -> tuple[Operation, str | None]:
    if entry is None:
        return Operation("none", wanted), None
    if wanted.external_id is not None and wanted.external_id != entry.external_id:
        return Operation("none", wanted), (
            f"{wanted.label}: to be deleted with ExternalId {wanted.external_id}, but the broker's entry has "
            f"{entry.external_id}. Leave external_id out to delete it all the same."
        )
    return Operation("delete", wanted, entry), None


def _folded(identity: tuple[str, str]) -> tuple[str, str]:
    username, domain = identity
    return folded(username), folded(domain)


def _absence_by_id(directory: Directory, wanted: DesiredUser) -> tuple[Operation, str | None]:
    entry, problem = entry_with_id(directory.users, directory.identities, wanted)
    if problem:
        return Operation("none", wanted), problem
    operation, problem = _absence(wanted, entry)
    name, domain = (entry.bare_name, entry.domain or "") if entry else (wanted.username, wanted.domain)
    others = [user for user in directory.identities.named(name, domain) if user != entry]
    return replace(operation, name_stays=bool(others)), problem


def creation(wanted: DesiredUser) -> Operation:
    return Operation("create", wanted, None, predicted(wanted, None))


def _recreation(wanted: DesiredUser, entry: User) -> tuple[Operation, str | None]:
    if not wanted.recreate:
        return Operation("none", wanted, entry, entry), (
            f"{wanted.label}: has ExternalId {entry.external_id} in the broker, and {wanted.external_id} was asked "
            "for. The broker ignores a change of the ExternalId; only deleting and creating the user anew changes "
            "it (its group memberships are restored): recreate: true. Make sure that the new one is this person's."
        )
    kept = {
        name: getattr(wanted, name) if getattr(wanted, name) is not None else getattr(entry, name)
        for name in MUTABLE_ATTRIBUTES
    }
    anew = replace(wanted, **kept)
    return Operation("recreate", anew, entry, replace(predicted(anew, None), groups=entry.groups)), None


def _joining(operation: Operation, groups: Sequence[GroupReference]) -> Operation:
    entry = operation.after
    if entry is None or not groups:
        return operation
    # A new entry is in no group; one that is created anew gets back what it had.
    has = {folded(name) for name in entry.groups} if operation.kind != "create" else set()
    join = {folded(group.name): group for group in groups if folded(group.name) not in {*has, folded(ALL_USERS)}}
    if not join:
        return operation
    names = tuple(sorted({*entry.groups, *(group.name for group in join.values())}))
    kind = "update" if operation.kind == "none" else operation.kind
    return replace(operation, kind=kind, after=replace(entry, groups=names), join=tuple(join.values()))
