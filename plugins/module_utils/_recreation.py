# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must outlive the deletion of an entry that is to be created anew. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._errors import some_of
from ._groups import ALL_USERS
from ._users import GroupReference, User, qualified, user_from_scim

VERSION = 1


@dataclass(frozen=True, slots=True)
class Recreation:
    """One entry on its way from the old ExternalId to the new one.

    `entry` is the SCIM resource as it was, `groups` what it was a member of, `external_id` the new one. `identity_now` is
    the user name and the domain of the new entry, where they are not those of the old one.
    """

    host: str
    began: str
    entry: Mapping[str, Any]
    groups: tuple[GroupReference, ...]
    external_id: str
    identity_now: tuple[str, str] | None = None

    @property
    def id(self) -> str:
        """The broker's id of the entry that is deleted."""
        return str(self.entry["id"])

    def user(self, provider_domains: tuple[str, ...]) -> User:
        """The entry as it stood."""
        return user_from_scim(self.entry, provider_domains)

    def identity(self, user: User) -> tuple[str, str]:
        """Return user name and domain of the new entry, given the old one as a user."""
        return self.identity_now or (user.bare_name, user.domain or "")

    def label(self, domains: tuple[str, ...]) -> str:
        """Return how messages name the new entry."""
        return qualified(*self.identity(self.user(domains)))

    def to_json(self) -> dict[str, Any]:
        """The form in the journal."""
        return {
            **({"identity": list(self.identity_now)} if self.identity_now else {}),
            "version": VERSION,
            "host": self.host,
            "began": self.began,
            "external_id": self.external_id,
            "groups": [{"id": group.id, "display_name": group.name} for group in self.groups],
            "entry": dict(self.entry),
        }


def recreation_from_json(document: Any) -> Recreation:
    """Read what C(to_json) wrote. Raises ValueError for anything else."""
    try:
        if document["version"] != VERSION:
            raise ValueError(f"it has version {document['version']!r}, and {VERSION} is known")
        found = Recreation(
            host=str(document["host"]),
            began=str(document["began"]),
            entry=dict(document["entry"]),
            groups=tuple(GroupReference(str(g["id"]), str(g["display_name"])) for g in document["groups"]),
            external_id=str(document["external_id"]),
            identity_now=_identity(document.get("identity")),
        )
        found.user(())
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no record of a recreation ({error})") from None
    return found


def _identity(value: Any) -> tuple[str, str] | None:
    if value is None:
        return None
    username, domain = value
    return str(username), str(domain)


def memberships(document: Mapping[str, Any], groups: Iterable[Mapping[str, Any]]) -> tuple[GroupReference, ...]:
    """The groups that a SCIM User resource is a member of, the built-in one left out.

    The user names them by C(groups), which is read-only (RFC 7643 section 4.1.2); a broker that leaves that out, or the
    ids in it, tells by the C(members) of its groups. Raises ValueError for a group that no listing holds.
    """
    listed = [group for group in groups if isinstance(group.get("id"), str)]
    found: dict[str, GroupReference] = {}
    for group in listed:
        members = group.get("members")
        if any(isinstance(m, Mapping) and m.get("value") == document["id"] for m in members or ()):
            found[str(group["id"])] = GroupReference(str(group["id"]), str(group.get("displayName") or ""))
    for named in document.get("groups") or ():
        entry = named if isinstance(named, Mapping) else {"display": named}
        key, name = entry.get("value"), str(entry.get("display") or "")
        if not key:
            key = next((group["id"] for group in listed if group.get("displayName") == name), None)
        if name == ALL_USERS or key in found:
            continue
        if not key:
            raise ValueError(f"the group {name!r} is not in the list of groups")
        found[str(key)] = GroupReference(str(key), name or str(key))
    return tuple(reference for reference in found.values() if reference.name != ALL_USERS)


def unknown_memberships(label: str, groups: Sequence[str]) -> str:
    """Return why a user may not be recreated: it is not known whether the entry is a member of these groups."""
    return (
        f"{label}: was not recreated, since the broker shows neither the groups of its users nor all members of {some_of(groups)}, "
        "so a membership could be lost. Delete the entry with state: absent, create it again, and add it to its groups."
    )
