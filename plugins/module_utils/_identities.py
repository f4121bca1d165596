# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the entry of the broker that a user name, a domain and an ExternalId mean. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterable

from ._texts import folded
from ._users import DesiredUser, User


class Identities:
    """The broker's users, found by user name and domain without walking the list each time.

    An entry whose domain the broker does not show may be anybody's. It is meant only if name and ExternalId both match.
    """

    def __init__(self, users: Iterable[User]) -> None:
        self._named: dict[tuple[str, str], list[User]] = {}
        self._without_domain: dict[str, list[User]] = {}
        for user in users:
            if user.domain is None:
                self._without_domain.setdefault(folded(user.username), []).append(user)
            else:
                self._named.setdefault((folded(user.bare_name), folded(user.domain)), []).append(user)

    def named(self, bare_name: str, domain: str) -> list[User]:
        """Return the entries of this user name in this domain: several where the broker has it in several spellings."""
        return self._named.get((folded(bare_name), folded(domain)), [])

    def meant(self, wanted: DesiredUser) -> list[User]:
        """Return the entries that are certain to be the wanted user's: several where the broker has the user twice."""
        certain = [user for user in self._same_name(wanted) if _has_external_id(user, wanted)]
        return [*self.named(wanted.username, wanted.domain), *certain]

    def like(self, wanted: DesiredUser) -> list[User]:
        """Return the entries that may be the wanted user's by their names. Without a domain, each domain counts."""
        if wanted.domain:
            return [*self.named(wanted.username, wanted.domain), *self._same_name(wanted)]
        name = folded(wanted.username)
        named = [user for (each, _domain), users in self._named.items() if each == name for user in users]
        return [*named, *self._same_name(wanted)]

    def doubt(self, wanted: DesiredUser, hint: str = "") -> str | None:
        """Return why no single entry is certain to be meant, or None. The hint says what to do about a missing domain."""
        meant = self.meant(wanted)
        if len(meant) > 1:
            names = " and ".join(repr(user.username) for user in meant)
            entries = " and ".join(f"id {user.id} has ExternalId {user.external_id}" for user in meant)
            return (
                f"{wanted.label}: the broker has {names} side by side ({entries}), and it is not known which is meant. Delete "
                "the wrong one with scim_user: this username, state: absent, and id with the id of the wrong one."
            )
        unknown = [user for user in self._same_name(wanted) if user not in meant]
        if not unknown or any(_has_external_id(user, wanted) for user in meant):
            return None
        other = unknown[0]
        return (
            f"{wanted.label}: the broker has an entry {other.username!r} (id {other.id}, ExternalId {other.external_id}) "
            "and does not show its domain, so it may be another person's. "
            f"{hint or _GIVE_EXTERNAL_ID}"
        )

    def _same_name(self, wanted: DesiredUser) -> list[User]:
        """Return the entries of an unknown domain that have the wanted user's name."""
        if not self._without_domain:
            return []
        spellings = dict.fromkeys((folded(wanted.username), folded(wanted.label)))
        return [user for spelling in spellings for user in self._without_domain.get(spelling, [])]


_GIVE_EXTERNAL_ID = (
    "If it is the same person, give external_id: with the right ExternalId the entry is managed. Otherwise delete or rename "
    "that entry first."
)


def _has_external_id(user: User, wanted: DesiredUser) -> bool:
    return wanted.external_id is not None and user.external_id == wanted.external_id
