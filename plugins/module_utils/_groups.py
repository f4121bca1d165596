# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups: SCIM's wire form, our form, and who is behind the names and ids. PRIVATE to this collection.

Attribute names on the wire are those of RFC 7643 section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._desired import desired_user
from ._errors import InputError, PlanRefusedError, some_of
from ._identities import Identities
from ._membership import KnownMembers, Memberships, known_members
from ._texts import folded, same_name, text_option
from ._users import DesiredUser, User, qualified, task_domains

GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"

ALL_USERS = "ALL_USERS"
"""The broker's own group, which holds everybody."""

MEMBERS_STATES = ("present", "absent", "exact")


@dataclass(frozen=True, slots=True)
class Member:
    """An id in a group. C(kind) is C(user) or C(group) where the token shows whose id it is, else C(unknown)."""

    id: str
    kind: str = "unknown"


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the broker.

    `members` is None where it is not known who is in it, and `complete` whether they are certainly all of them.
    `named_by_users` are the ids of the users whose entries name the group, also where it does not show its members; None
    where no entry shows groups.
    """

    id: str
    display_name: str
    members: tuple[Member, ...] | None = None
    external_id: str | None = None
    complete: bool = True
    named_by_users: frozenset[str] | None = None

    @property
    def seen(self) -> frozenset[str]:
        """The ids that are certainly in the group: its members, or else the users whose entries name it."""
        return (self.named_by_users or frozenset()) if self.members is None else frozenset(self.ids())

    def ids(self, kind: str | None = None) -> list[str]:
        """The ids of all members, or of those of one kind."""
        return [member.id for member in self.members or () if kind in (None, member.kind)]


@dataclass(frozen=True, slots=True)
class DesiredGroup:
    """What was asked for. C(members) and C(member_groups) that are None were not named, and stay as they are."""

    display_name: str
    members: tuple[DesiredUser, ...] | None = None
    member_groups: tuple[str, ...] | None = None
    members_state: str = "present"
    state: str = "present"
    held: frozenset[str] = frozenset()
    """The ids of users who do not leave the group, although the task does not name them."""
    may_remove: bool = True
    """Whether a member may leave the group at all."""

    @property
    def domain_needed(self) -> bool:
        """Whether a member is named without a domain."""
        return any(not wanted.domain for wanted in self.members or ())

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains of the members that are named."""
        return task_domains(self.members or ())

    @property
    def names_members(self) -> bool:
        """Whether anything is said of who is in the group."""
        return bool(self.members or self.member_groups) or self.members_state == "exact"


class Principals:
    """Whom the token shows, users and groups: found by name, and told by id."""

    def __init__(
        self, users: Iterable[User], groups: Iterable[Mapping[str, Any]], seen_again: Sequence[User] | None = None
    ) -> None:
        self._names: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._known, self._listed = list(users), list(groups)
        self._identities = Identities(self._known)
        for user in self._known:
            name = user.username if user.domain is None else qualified(user.bare_name, user.domain)
            self._names[user.id], self._kinds[user.id] = name, "user"
        showing = self._known if seen_again is None else seen_again
        self._users = frozenset(user.id for user in showing)
        self._memberships = _memberships(showing)
        self._groups: dict[str, list[str]] = {}
        for document in self._listed:
            self._groups.setdefault(folded(document["displayName"]), []).append(document["id"])
            self._names[document["id"]], self._kinds[document["id"]] = document["displayName"], "group"

    def refuse_shared_ids(self) -> None:
        """Raise PlanRefusedError where a user and a group have the same id: members of groups are told apart by their ids."""
        shared = sorted({user.id for user in self._known} & {document["id"] for document in self._listed})
        if shared:
            raise PlanRefusedError(
                [
                    f"The server gives the same id to a user and to a group ({some_of(shared)}), so it is not known who is "
                    "a member of a group. By RFC 7643, section 3.1, an id is unique on the whole server: correct its settings."
                ]
            )

    def seen_again(self, users: Iterable[User]) -> Principals:
        """Return the same names, with who is in which group by a later reading of all users."""
        return Principals(self._known, self._listed, list(users))

    @property
    def users_show_groups(self) -> bool:
        """Whether any entry shows groups."""
        return self._memberships is not None

    def member(self, key: str) -> Member:
        """What is known of an id in a group."""
        return Member(key, self._kinds.get(key, "unknown"))

    def named_by_users(self, group_id: str, name: str) -> set[str] | None:
        """Return the ids of the users whose entries name a group, or None where no entry shows groups."""
        if self._memberships is None:
            return None
        by_name = self._memberships.get(f"name {folded(name)}", set())
        return self._memberships.get(group_id, set()) | by_name

    def known_members(self, document: Mapping[str, Any], *, emptied: bool = False) -> KnownMembers | None:
        """Return what is known of the members of a SCIM Group resource."""
        entries = member_entries(document)
        named = self.named_by_users(document["id"], document["displayName"])
        shown = None if entries is None else [member_id(entry) for entry in entries]
        return known_members(shown, named, self._users, emptied=emptied)

    def names(self, keys: Iterable[str]) -> list[str]:
        """The names behind ids, sorted; an id that has none stands for itself."""
        return sorted((self._names.get(key, key) for key in keys), key=lambda name: (folded(name), name))

    def group_id(self, name: str) -> str | None:
        """The id of the group of this name. Raises PlanRefusedError where there are several."""
        ids = self._groups.get(folded(name), [])
        if len(ids) > 1:
            raise PlanRefusedError([_several(name, ids)])
        return ids[0] if ids else None

    def user_ids(self, wanted: Sequence[DesiredUser]) -> tuple[list[str], list[str]]:
        """The ids of the users that are meant, and what is wrong with the names."""
        ids: list[str] = []
        unknown: list[str] = []
        problems: list[str] = []
        for user in wanted:
            meant = self._identities.meant(user)
            doubt = self._identities.doubt(user, _NAME_IN_USERS)
            if doubt:
                problems.append(doubt)
            elif meant:
                ids.append(meant[0].id)
            else:
                unknown.append(user.label)
        if unknown:
            problems.insert(
                0,
                f"members: the broker has no user {some_of(unknown)}. Correct the name, or create the user first.",
            )
        return ids, problems

    def group_ids(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """The ids of the groups that are meant, and what is wrong with the names."""
        ids: list[str] = []
        unknown: list[str] = []
        problems: list[str] = []
        for name in names:
            found = self._groups.get(folded(name), [])
            if len(found) > 1:
                problems.append(_several(name, found))
            elif found:
                ids.append(found[0])
            else:
                unknown.append(name)
        if unknown:
            problems.insert(
                0,
                f"member_groups: the broker has no group {some_of(unknown)}. Correct the name, or create the group "
                "first.",
            )
        return ids, problems


def memberships_by_groups(documents: Iterable[Mapping[str, Any]]) -> Memberships:
    """Return who is in which group, where no user shows groups. The broker's own group has no known members."""
    nobody = Principals((), ())
    return Memberships(
        {
            document["displayName"]: nobody.known_members(document)
            for document in documents
            if not same_name(document["displayName"], ALL_USERS)
        }
    )


def memberships_by_users(users: Iterable[User]) -> Memberships:
    """Return who is in which group by the groups that users show."""
    found: dict[str, list[str]] = {}
    for user in users:
        for name in user.groups:
            found.setdefault(name, []).append(user.id)
    return Memberships({name: KnownMembers(tuple(ids), complete=True) for name, ids in found.items()})


def _memberships(users: Iterable[User]) -> dict[str, set[str]] | None:
    """Return the ids of the users whose entries name a group, by its id; None where no entry shows groups."""
    showing = [user for user in users if user.memberships is not None]
    found: dict[str, set[str]] = {}
    for user in showing:
        for group in user.memberships or ():
            # A server that shows no id in a user's groups shows the name.
            found.setdefault(group.id or f"name {folded(group.name)}", set()).add(user.id)
    return found if showing else None


def desired_group(options: Mapping[str, Any], provider_domains: Sequence[str] | None) -> DesiredGroup:
    """Read the options of one group. Raises InputError.

    C(provider_domains) None means that they are not known yet: everything else is checked already.
    """
    name = text_option("display_name", options["display_name"]) or ""
    if same_name(name, ALL_USERS):
        raise InputError(
            "display_name",
            f"{ALL_USERS} is the broker's own group, which holds everybody",
            "It is never changed; scim_group_info reads it.",
        )
    if options.get("state") == "absent":
        # Who is in it does not matter.
        return DesiredGroup(name, state="absent")
    members, groups = options.get("members"), options.get("member_groups")
    members_state = options.get("members_state") or "present"
    if members_state == "exact" and members is None and groups is None:
        raise InputError(
            "members_state",
            "is exact, and neither members nor member_groups is given",
            "Give one; an empty list means nobody.",
        )
    return DesiredGroup(
        display_name=name,
        members=None
        if members is None
        else tuple(_desired_member(each, options.get("domain"), provider_domains, n) for n, each in enumerate(members)),
        member_groups=None
        if groups is None
        else tuple(
            text_option(f"member_groups[{n}]", "" if each is None else each) or "" for n, each in enumerate(groups)
        ),
        members_state=members_state,
    )


def group_from_scim(document: Mapping[str, Any], principals: Principals, *, emptied: bool = False) -> Group:
    """Read a SCIM Group resource, of which id and displayName have been looked at.

    `emptied` is whether this run left the group without members, see `known_members`.
    """
    known = principals.known_members(document, emptied=emptied)
    named = principals.named_by_users(document["id"], document["displayName"])
    external_id = document.get("externalId")
    return Group(
        id=document["id"],
        display_name=document["displayName"],
        members=None if known is None else tuple(principals.member(key) for key in known.ids),
        external_id=external_id if isinstance(external_id, str) and external_id else None,
        complete=known is not None and known.complete,
        named_by_users=None if named is None else frozenset(named),
    )


def result(group: Group, principals: Principals) -> dict[str, Any]:
    """The group as modules return it: always all keys."""
    return {
        "id": group.id or None,
        "display_name": group.display_name,
        "external_id": group.external_id,
        "members": principals.names(group.ids("user")),
        "member_groups": principals.names(group.ids("group")),
        "unknown_members": sorted(group.ids("unknown")),
    }


def _desired_member(value: Any, domain: str | None, known: Sequence[str] | None, position: int) -> DesiredUser:
    default = None if isinstance(value, str) and "@" in value else domain
    return desired_user({"username": value, "domain": default}, known, position, f"members[{position}].")


_NAME_IN_USERS = "If it is the same person, use scim_users, with external_id and groups."


def _several(name: str, ids: Sequence[str]) -> str:
    return (
        f"{name}: the broker holds {len(ids)} groups of this name (ids {', '.join(ids)}), and it cannot be told which is "
        "meant. Rename or delete the wrong one by its id first."
    )


def member_reference(member: Member) -> dict[str, str]:
    """A member as it is written. The type tells groups apart for brokers that look at it."""
    return {"value": member.id, "type": "Group"} if member.kind == "group" else {"value": member.id}


def member_entries(document: Mapping[str, Any]) -> list[Any] | None:
    """The members of a SCIM Group resource as they came, None where none came."""
    members = document.get("members")
    return members if isinstance(members, list) else None


def member_id(entry: Any) -> str:
    """The id of a member; one that cannot be read is unknown under whatever stands there."""
    value = entry.get("value") if isinstance(entry, Mapping) else entry
    return value if isinstance(value, str) and value else str(entry)
