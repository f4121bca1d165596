# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ExternalId law for login attempts: which one, if any, may be bound. PRIVATE to this collection.

The log says that somebody had an ExternalId, never who. An attempt is bound only where exactly one
person waits and exactly one ExternalId that nobody has was refused. Everything else is listed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ._federation_log import USER_NOT_FOUND, LoginAttempt, escaped, in_domain
from ._users import DesiredUser


@dataclass(frozen=True, slots=True)
class AttemptList:
    """What C(externalid_fact) found. C(complete) is False when the list was cut short, and C(gaps) says by what."""

    attempts: tuple[LoginAttempt, ...]
    complete: bool
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """An ExternalId taken from the log for the one person who waits."""

    wanted: DesiredUser
    attempt: LoginAttempt

    @property
    def external_id(self) -> str:
        """The ExternalId that is bound."""
        return self.attempt.external_id or ""

    @property
    def announcement(self) -> str:
        """What result, diff, warning and summary say of it."""
        return (
            f"{self.wanted.label} gets the ExternalId {self.external_id} because it was the only unknown one refused: "
            f"at {_when(self.attempt)}, from {self.attempt.source_ip or 'an unknown address'}. The log says that "
            "somebody had it, not who; whoever may sign in at the identity provider could have been it."
        )


def candidates(wanted: DesiredUser, attempts: Sequence[LoginAttempt], taken: Collection[str]) -> list[LoginAttempt]:
    """The newest refused attempt of each ExternalId that could be this person's."""
    newest: dict[str, LoginAttempt] = {}
    taken_without_case = {external_id.casefold() for external_id in taken}
    for attempt in sorted(attempts, key=lambda attempt: attempt.timestamp, reverse=True):
        external_id = attempt.external_id
        if (
            external_id is not None
            and not attempt.malformed
            and attempt.outcome == "denied"
            and attempt.reason == USER_NOT_FOUND
            and in_domain(attempt, wanted.domain)
            and external_id.casefold() not in taken_without_case
            and _comes_from(attempt, wanted.login_from)
        ):
            newest.setdefault(external_id, attempt)
    return list(newest.values())


def contradiction(
    wanted: DesiredUser, found: AttemptList, taken: Collection[str], owners: Mapping[str, str]
) -> str | None:
    """Why the log speaks against the ExternalId that the identity provider gives for somebody, if it does.

    C(owners) holds the provider's user names by ExternalId, everybody's. Refused logins of other people say nothing.
    """
    refused = candidates(wanted, found.attempts, [])
    if any(attempt.external_id == wanted.external_id for attempt in refused):
        return None
    known = {external_id.casefold() for external_id in (*taken, *owners)}
    strange = [attempt for attempt in refused if (attempt.external_id or "").casefold() not in known]
    if not strange:
        return None
    return (
        f"{wanted.label}: the identity provider says ExternalId {wanted.external_id}, but what the broker saw is "
        f"{strange[0].external_id}, which nobody has there. Either that login was somebody else's, of another provider; then "
        "leave login_attempts out. Or the broker gets another claim than the id as sub; then look at the provider's settings in "
        f"vCenter.{_headed('Refused and unknown', _listed(strange))}"
    )


def bind(
    waiting: Sequence[DesiredUser], found: AttemptList, taken: Collection[str], owners: Mapping[str, str] | None = None
) -> tuple[Binding | None, str | None]:
    """Take the one candidate for the one person who waits; else say why not, and list all.

    C(owners) are the names behind ExternalIds that the identity provider tells: those are nobody else's.
    """
    taken = [*taken, *(owners or ())]
    if not waiting:
        return None, None
    names = ", ".join(wanted.label for wanted in waiting)
    fitting: dict[str, LoginAttempt] = {}
    for wanted in waiting:
        for attempt in candidates(wanted, found.attempts, taken):
            fitting.setdefault(attempt.external_id or "", attempt)
    listing = _listed(fitting.values())
    if not found.complete:
        why = f" ({'; '.join(escaped(gap) for gap in found.gaps)})" if found.gaps else ""
        return None, (
            f"The list of login attempts was cut short{why}, so no ExternalId is bound to {names}. Read again with "
            f"limit: 0, include_rotated: true and a shorter since, or give external_id.{listing}"
        )
    if len(waiting) > 1:
        return None, (
            f"{len(waiting)} people wait for an ExternalId ({names}), and the log does not say whose login was "
            "whose. Give external_id for all but one of them, or let them log in one after the other with "
            f"wait_for_login.{_headed('Refused and unknown', listing)}"
        )
    if not fitting:
        seen = [a for a in found.attempts if a.outcome == "denied"]
        others = _listed(seen[:20], owners)
        return None, (
            f"No login refused with {USER_NOT_FOUND} in the domain {waiting[0].domain} by an ExternalId that nobody "
            f"has was found for {names}. Let {waiting[0].username} try to log in with SSO, then run this again; or "
            f"give external_id.{_headed('Refused, but no candidate', others)}"
        )
    if len(fitting) > 1:
        return None, (
            f"{len(fitting)} unknown ExternalIds were refused, and the log does not say which is {names}'s. Find it "
            f"at the identity provider and give external_id, or narrow with since or login_from.{listing}"
        )
    return Binding(waiting[0], next(iter(fitting.values()))), None


def describe(attempt: LoginAttempt) -> str:
    """One line an attempt: time, ExternalId, domains, source address, and what is wrong with it."""
    remark = " (malformed)" if attempt.malformed else f" ({attempt.reason})" if attempt.reason else ""
    return (
        f"{_when(attempt)}  {attempt.external_id or '(no ExternalId)'}  [{', '.join(attempt.domains)}]  "
        f"from {attempt.source_ip or 'an unknown address'}{remark}"
    )


def _listed(attempts: Iterable[LoginAttempt], owners: Mapping[str, str] | None = None) -> str:
    """A line each, with whose ExternalId it is where the identity provider tells that."""
    lines = []
    for attempt in attempts:
        owner = (owners or {}).get(attempt.external_id or "")
        lines.append(f"\n  {describe(attempt)}" + (f", {owner}'s at the identity provider" if owner else ""))
    return "".join(lines)


def networks(login_from: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Read addresses and networks; raises ValueError that names the one that is neither."""
    return [ipaddress.ip_network(text, strict=False) for text in login_from]


def _comes_from(attempt: LoginAttempt, login_from: Sequence[str]) -> bool:
    if not login_from:
        return True
    try:
        address = ipaddress.ip_address(attempt.source_ip or "")
    except ValueError:
        return False
    return any(address in network for network in networks(login_from))


def _when(attempt: LoginAttempt) -> str:
    return f"{attempt.timestamp.isoformat(timespec='seconds')}Z"


def _headed(heading: str, listing: str) -> str:
    return f"\n{heading}:{listing}" if listing else ""
