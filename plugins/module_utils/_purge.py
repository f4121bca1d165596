# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is removed because nobody named them, and when that is refused. PRIVATE to this collection."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ._errors import InputError, some_of
from ._texts import same_name
from ._users import DesiredUser, User

PURGE_ACTIONS = ("delete", "deactivate")
_LIMIT = re.compile(r"(\d{1,9})(%?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Purge:
    """Users of C(domain) who are not wanted go, if they are no more than C(limit), or C(percent) of the domain's."""

    domain: str
    limit: int
    percent: bool = False
    action: str = "delete"

    def allows(self, standing: int) -> int:
        """How many of so many may go; a part of a user does not count."""
        return standing * self.limit // 100 if self.percent else self.limit

    def surplus(self, actual: Iterable[User], kept: Collection[str]) -> tuple[list[User], str | None]:
        """The users who would go, C(kept) being ids, and why that is refused, if it is."""
        standing = [user for user in actual if user.domain is not None and same_name(user.domain, self.domain)]
        surplus = [user for user in standing if user.id not in kept]
        if self.action == "deactivate":
            surplus = [user for user in surplus if user.active is not False]
        allowed = self.allows(len(standing))
        if len(surplus) <= allowed:
            return surplus, None
        asked = f"{self.limit}%, which is {allowed}" if self.percent else str(allowed)
        return surplus, (
            f"purge would {self.action} {len(surplus)} of the {len(standing)} users of {self.domain}, and max_deletes "
            f"allows {asked}: {some_of([user.label for user in surplus])}. Name in users whoever is to stay, or raise max_deletes."
        )


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
    if known and not any(same_name(domain, each) for each in known):
        raise InputError(
            "domain",
            f"{domain!r} is not a domain of the identity provider",
            f"The broker knows {', '.join(known)}. Users of other domains are never touched.",
        )
    if max_deletes is None:
        raise InputError("max_deletes", "is not given, and purge needs it", "Say how many may go: 5, or 10%.")
    limit = _LIMIT.fullmatch(max_deletes.strip())
    if limit is None or (limit[2] and int(limit[1]) > 100):
        raise InputError(
            "max_deletes", f"{max_deletes!r} is no limit", "Give a number such as 5, or a part such as 10%."
        )
    if not any(wanted.state == "present" for wanted in desired):
        raise InputError("users", "names nobody who is to stay, and purge would remove everybody", "Is the list read?")
    return Purge(domain, int(limit[1]), bool(limit[2]), action)


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
