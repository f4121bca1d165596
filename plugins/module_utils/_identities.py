# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the broker's users is meant by a user name and a domain. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterable

from ._texts import folded
from ._users import DesiredUser, User


class Identities:
    """The broker's users, found by user name and domain without walking the list each time."""

    def __init__(self, users: Iterable[User]) -> None:
        self._named: dict[tuple[str, str], list[User]] = {}
        self._strays: dict[str, list[User]] = {}
        for user in users:
            if user.domain is None:
                self._strays.setdefault(folded(user.username), []).append(user)
            else:
                self._named.setdefault((folded(user.bare_name), folded(user.domain)), []).append(user)

    def named(self, bare_name: str, domain: str) -> list[User]:
        """The entries of this identity: more than one where the broker holds it in two spellings."""
        return self._named.get((folded(bare_name), folded(domain)), [])

    def doubt(self, wanted: DesiredUser) -> str | None:
        """Why it cannot be told which entry is meant, if that is so."""
        named = self.named(wanted.username, wanted.domain)
        if len(named) > 1:
            names = " and ".join(repr(user.username) for user in named)
            return (
                f"{wanted.label}: the broker holds {names} side by side, and it cannot be told which is meant. "
                "Delete the wrong one by its id first."
            )
        strays = self._strays_like(wanted)
        if strays:
            return (
                f"{wanted.label}: the broker holds {strays[0].username!r} (id {strays[0].id}) without telling its domain, "
                "so it cannot be told whether it is the same person. Give hostname, username and password of the vCenter, "
                "so that the provider's domains can be read."
            )
        return None

    def _strays_like(self, wanted: DesiredUser) -> list[User]:
        """Entries of an unknown domain that may be the wanted user."""
        if not self._strays:
            return []
        spellings = (folded(wanted.username), folded(wanted.label))
        return [user for spelling in spellings for user in self._strays.get(spelling, [])]
