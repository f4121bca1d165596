# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ExternalId law for login attempts: which one, if any, may be bound. PRIVATE to this collection.

The log says that somebody had an ExternalId, never who. An attempt is bound only where exactly one person waits, exactly
one ExternalId that nobody has was refused, and nothing in the log may hide another refused login. Everything else is listed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ._federation_log import LoginAttempt, escaped, in_domain
from ._log_lines import USER_NOT_FOUND
from ._texts import folded
from ._users import DesiredUser, User

_MAX_LINE = 600


@dataclass(frozen=True, slots=True)
class AttemptList:
    """What `externalid_fact` found. `complete` is False when attempts may be missing, and `gaps` says why.

    `unresolved` are look-ups by ExternalId without a refusal, `unread` some of the login lines that cannot be read, and
    `is_time_certain` is False when the log does not show the offset of its time stamps from UTC.
    """

    attempts: tuple[LoginAttempt, ...]
    complete: bool
    gaps: tuple[str, ...] = ()
    unresolved: tuple[LoginAttempt, ...] = ()
    unread: tuple[str, ...] = ()
    is_time_certain: bool = True


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
            and attempt.is_by_external_id
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
    waiting: Sequence[DesiredUser],
    found: AttemptList,
    taken: Collection[str],
    owners: Mapping[str, str] | None = None,
    *,
    users: Sequence[User] = (),
    desired: Sequence[DesiredUser] = (),
) -> tuple[Binding | None, str | None]:
    """Take the one candidate for the one user who waits; otherwise return why not, with all that is known.

    `owners` are the names behind ExternalIds that the identity provider knows, so no other user can have them. `users` are
    all users of the broker, and `desired` all users of the task.
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
    unresolved = _of_unknown_users(found.unresolved, waiting, users)
    if unresolved or not found.complete:
        return None, f"{_incomplete(names, found, unresolved)}{_headed('Refused and unknown', listing)}"
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
    binding = Binding(waiting[0], next(iter(fitting.values())))
    owner = _owner_of_address(binding, users, desired)
    if owner:
        return None, (
            f"The only unknown ExternalId that was refused, {binding.external_id}, is the address of {owner}, so it is not "
            f"bound to {names}. Give external_id for both users.{listing}"
        )
    return binding, None


def _of_unknown_users(
    unresolved: Sequence[LoginAttempt], waiting: Sequence[DesiredUser], users: Sequence[User]
) -> list[LoginAttempt]:
    """Return the look-ups without a refusal that were not logins of users whom the broker knows."""
    held = {user.external_id for user in users}
    return [
        attempt
        for attempt in unresolved
        if (attempt.malformed or attempt.external_id not in held)
        and (attempt.malformed or any(in_domain(attempt, wanted.domain) for wanted in waiting))
    ]


def _incomplete(names: str, found: AttemptList, unresolved: Sequence[LoginAttempt]) -> str:
    why = [escaped(gap) for gap in found.gaps]
    if unresolved:
        why.append(f"look-ups without a refusal, of ExternalIds that no user of the broker has: {len(unresolved)}")
    if found.unread or unresolved:
        what, hint = "is incomplete", "Give external_id, which needs no log."
    elif not found.is_time_certain:
        what = "is incomplete"
        hint = (
            "Use wait_for_login (the option wait of externalid_fact), which goes by the position in the file, or give "
            "external_id."
        )
    else:
        what = "was cut short"
        hint = "Read again with limit: 0, include_rotated: true and a shorter since, or give external_id."
    unread = "".join(f"\n  {escaped(line, most=_MAX_LINE)}" for line in found.unread)
    reasons = f" ({'; '.join(why)})" if why else ""
    return (
        f"The list of login attempts {what}{reasons}, so no ExternalId is bound to {names}. "
        f"{hint}{_headed('Login lines that cannot be read', unread)}{_headed('Without a refusal', _listed(unresolved[:20]))}"
    )


def _owner_of_address(binding: Binding, users: Sequence[User], desired: Sequence[DesiredUser]) -> str | None:
    """Return another user who has the ExternalId as an address or as a full user name, if there is one."""
    value = folded(binding.external_id)
    known: tuple[User | DesiredUser, ...] = (*users, *desired)
    for user in known:
        if folded(user.label) == folded(binding.wanted.label):
            continue
        if value in (
            folded(user.email or ""),
            folded(user.label),
            folded(user.username) if "@" in user.username else "",
        ):
            return user.label
    return None


def describe(attempt: LoginAttempt) -> str:
    """One line an attempt: time, ExternalId, domains, source address, and what is wrong with it."""
    if not attempt.is_by_external_id:
        remark = f" (looked up by {escaped(attempt.attribute)}, not by ExternalId)"
    elif attempt.malformed:
        remark = " (malformed)"
    else:
        remark = f" ({attempt.reason})" if attempt.reason else ""
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
