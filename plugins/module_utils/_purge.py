# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Choose the users who are removed because the list does not name them. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ._desired import known_domain
from ._errors import InputError, some_of
from ._spelling import edits
from ._texts import folded, same_name
from ._users import DesiredUser, User

PURGE_ACTIONS = ("delete", "deactivate")


@dataclass(frozen=True, slots=True)
class Purge:
    """Delete or deactivate the users of a domain whom the list does not name."""

    domain: str
    action: str = "delete"

    def surplus(self, actual: Iterable[User], kept: Collection[str]) -> list[User]:
        """Return the users of the domain who are not kept; `kept` holds ids."""
        standing = [user for user in actual if user.domain is not None and same_name(user.domain, self.domain)]
        surplus = [user for user in standing if user.id not in kept]
        if self.action == "deactivate":
            return [user for user in surplus if user.active is not False]
        return surplus


def purge_option(
    domain: str | None,
    max_deletes: str | None,
    action: str,
    desired: Sequence[DesiredUser],
    known: Sequence[str] | None,
) -> Purge:
    """Read the options that C(purge) needs, given the provider's domains, or None while they are not known."""
    if not domain:
        raise InputError("domain", "is not given, and purge needs it", "Name the domain whose other users are to go.")
    known_domain(domain, known)
    if max_deletes is None:
        raise InputError("max_deletes", "is not given, and purge needs it", "Say how many may go: 5, or 10%.")
    if not any(wanted.state == "present" for wanted in desired):
        raise InputError("users", "names nobody who is to stay, and purge would remove everybody", "Is the list read?")
    return Purge(domain, action)


def spared(surplus: Iterable[User], waiting: Sequence[DesiredUser]) -> dict[str, DesiredUser]:
    """Return the waiting user whose name may be a misspelling of an entry's, by the id of the entry."""
    found = {}
    for user in surplus:
        name = folded(user.bare_name)
        near = next((each for each in waiting if _one_edit_apart(name, folded(each.username))), None)
        if near:
            found[user.id] = near
    return found


def not_purged(user: User, wanted: DesiredUser) -> str:
    """Warn that an entry was kept because a waiting user may be misspelt."""
    return (
        f"purge left {user.label} alone: the name differs by one character from {wanted.label}, who is not in the broker. "
        "Correct the name if it is misspelt; otherwise delete the entry with state: absent."
    )


def _one_edit_apart(left: str, right: str) -> bool:
    return abs(len(left) - len(right)) <= 1 and edits(left, right) == 1


def not_judged(users: Sequence[User], purge: Purge) -> str:
    """Warn that some entries may be of the domain, which the broker does not show."""
    return (
        f"purge left {len(users)} entries alone, since the broker does not show their domain and they may not be of "
        f"{purge.domain}: {some_of([user.username for user in users])}."
    )


def unwanted(user: User, purge: Purge) -> DesiredUser:
    """What is wanted of a user whom the task does not name."""
    return DesiredUser(
        username=user.bare_name,
        domain=user.domain or "",
        external_id=user.external_id,
        active=False if purge.action == "deactivate" else None,
        state="present" if purge.action == "deactivate" else "absent",
        asked_as=user.username,
    )
