# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why somebody cannot log in: which case it is, by what it is known, and what to do. PRIVATE to this collection.

The log says that somebody had an ExternalId, never who. So a finding is about a person only where the broker's own entry or
the identity provider names the person. No command holds anything out of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._client_log import spelling_of
from ._errors import InputError
from ._federation_log import LoginAttempt, escaped, in_domain
from ._log_lines import USER_NOT_FOUND
from ._login_failures import CLOCK, REFUSED, LoginFailure
from ._next_steps import next_step
from ._permissions import Permission, Principal
from ._provider_users import ProviderUsers, looks_qualified
from ._texts import folded
from ._user_permissions import permitted_people, principals
from ._users import User

MOST_EVIDENCE = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """By what a finding is known. C(time) is UTC; C(line) and C(value) are escaped."""

    time: str | None
    line: str | None
    value: str | None

    def result(self) -> dict[str, Any]:
        """As modules return it."""
        return {"time": self.time, "line": self.line, "value": self.value}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is the matter, with whom, if that is known."""

    case: str
    says: str
    username: str | None = None
    domain: str | None = None
    evidence: tuple[Evidence, ...] = ()
    context_id: str | None = None

    def result(self) -> dict[str, Any]:
        """As modules return it: always all keys."""
        step = next_step(self.case, self.username, self.domain)
        return {
            "case": self.case,
            "username": self.username,
            "finding": self.says,
            "evidence": [each.result() for each in self.evidence],
            "next_step": step.says,
            "command": step.command,
            "context_id": self.context_id,
        }


@dataclass(frozen=True)
class Known:
    """What there is to judge by. What is None was not read; an empty list was, and is empty."""

    attempts: Sequence[LoginAttempt] = ()
    failures: Sequence[LoginFailure] = ()
    lines: Mapping[str, str] = field(default_factory=dict)
    users: Sequence[User] | None = None
    domains: Sequence[str] = ()
    provider: ProviderUsers | None = None
    permissions: Sequence[Permission] | None = None
    spellings: Sequence[tuple[str, str]] = ()
    """Names and domains under which vCenter knows who was let in."""
    broker_error: str | None = None
    """Why the broker did not answer."""


class Diagnosis:
    """Judges by what is known."""

    def __init__(self, known: Known) -> None:
        self._known = known
        users = known.users or ()
        self._by_external_id = {user.external_id: user for user in users if user.external_id}
        self._by_folded_id = {external_id.casefold(): user for external_id, user in self._by_external_id.items()}
        self._owners = known.provider.names if known.provider else {}
        self._ids = {folded(name): external_id for external_id, name in self._owners.items()}
        self._newest: dict[str, LoginAttempt] = {}
        for attempt in known.attempts:
            if attempt.external_id and not attempt.malformed:
                self._newest.setdefault(attempt.external_id, attempt)
        self._permitted = permitted_people(known.permissions or ())
        self._permitted_spellings = {permission.principal.key for permission in known.permissions or ()}

    def of_everything(self) -> list[Finding]:
        """What is the matter with no person in particular."""
        broker = self._known.broker_error
        found = [Finding("broker_down", f"The broker does not answer: {broker}")] if broker else []
        newest: dict[str, list[LoginFailure]] = {}
        for failure in self._known.failures:
            newest.setdefault(failure.cause, []).append(failure)
        return found + [_of_failures(cause, failures) for cause, failures in newest.items()]

    def of_attributes(self) -> list[Finding]:
        """Return one finding for each attribute other than ExternalId by which the broker looked users up."""
        newest: dict[str, LoginAttempt] = {}
        for attempt in self._known.attempts:
            if not attempt.is_by_external_id:
                newest.setdefault(attempt.attribute.casefold(), attempt)
        return [_other_attribute(attempt, self._evidence(attempt)) for attempt in newest.values()]

    def of_user(self, username: str, domain: str | None = None) -> Finding:
        """What is the matter with somebody who is named, bare or as C(name@domain). Raises InputError."""
        entry = self._entry(username, domain)
        bare = entry.bare_name if entry else self._bare(username, domain)
        sub = self._ids.get(folded(bare))
        refusal = self._refusal_at_provider(bare, sub)
        if refusal:
            return refusal
        if self._known.users is None:
            return Finding("unknown", f"The broker's users could not be read, so nothing is known of {bare}.", bare)
        if entry is None:
            return self._missing(bare, domain, sub)
        if sub and entry.external_id != sub:
            return self._differs(entry, sub, self._newest.get(sub))
        attempt = self._newest.get(entry.external_id or "")
        if entry.active is False:
            return _inactive(entry, self._evidence(attempt))
        if attempt is None:
            return self._never_seen(entry, sub)
        return self._of_holder(entry, attempt)

    def of_attempt(self, attempt: LoginAttempt) -> Finding:
        """What was the matter with one login."""
        found = self._of_attempt(attempt)
        return Finding(found.case, found.says, found.username, found.domain, found.evidence, attempt.context_id)

    def of_failure(self, failure: LoginFailure) -> Finding:
        """What was the matter with a login of which nobody was looked up."""
        found = _of_failures(failure.cause, [failure])
        return Finding(found.case, found.says, evidence=found.evidence, context_id=failure.context_id)

    def _of_attempt(self, attempt: LoginAttempt) -> Finding:
        evidence = self._evidence(attempt)
        shown = attempt.external_id or "an empty value"
        if not attempt.is_by_external_id:
            return _other_attribute(attempt, evidence)
        if attempt.malformed:
            says = f"A login brought {shown}, which is no ExternalId, or its lines contradict each other."
            return Finding("malformed", says, evidence=evidence)
        holder = self._by_external_id.get(attempt.external_id or "")
        if attempt.outcome == "unknown":
            return Finding("unknown", f"A login with {shown} is not settled yet.", evidence=evidence)
        if holder:
            return self._of_holder(holder, attempt)
        if attempt.outcome == "allowed":
            says = f"No refusal follows a login with {shown}, and no user of the broker has this ExternalId now."
            return Finding("unknown", says, evidence=evidence)
        if attempt.reason != USER_NOT_FOUND:
            return Finding("refused", f"The broker refused {shown} with {attempt.reason}.", evidence=evidence)
        owner = self._owners.get(attempt.external_id or "")
        if owner:
            # A user name that a provider gives is never name@domain: people may have chosen it.
            entry = None if "@" in owner else self._entry(owner, None, attempt)
            return self._differs(entry, shown, attempt) if entry else self._missing(owner, None, shown)
        similar = self._by_folded_id.get(shown.casefold())
        if similar:
            says = f"The ExternalId {shown} was refused; {similar.label} has it in another case, which is another one."
            return Finding("external_id_differs", says, similar.bare_name, similar.domain, evidence)
        if self._known.users is None:
            return Finding(
                "unknown",
                f"The ExternalId {shown} was refused; the broker's users could not be read.",
                evidence=evidence,
            )
        return Finding("unknown_external_id", f"An unknown ExternalId was refused: {shown}.", evidence=evidence)

    def _of_holder(self, user: User, attempt: LoginAttempt) -> Finding:
        """Somebody of whom the broker has the entry that the login was about."""
        evidence = self._evidence(attempt)
        about = (user.bare_name, user.domain, evidence)
        if user.domain and attempt.domains and not in_domain(attempt, user.domain):
            looked = ", ".join(attempt.domains)
            says = f"{user.label} was looked up in {looked}, and stands in {user.domain}."
            return Finding("wrong_domain", says, *about)
        if user.active is False:
            return _inactive(user, evidence)
        now = "was refused, and stands in the broker by now" if attempt.outcome == "denied" else "is let in"
        if self._known.permissions is not None and not self._is_permitted(user):
            return Finding("no_permission", f"{user.label} {now}, and has {self._lack(user)}.", *about)
        if attempt.outcome == "denied":
            return Finding("would_be_let_in", f"{user.label} {now}: the next login will be let in.", *about)
        return Finding("allowed", f"{user.label} is let in.", *about)

    def _refusal_at_provider(self, bare: str, sub: str | None) -> Finding | None:
        provider = self._known.provider
        if provider is None:
            return None
        if sub is None:
            return Finding(REFUSED, f"Pocket ID has no user {bare}, so nothing of {bare} reaches vCenter.", bare)
        if sub in provider.disabled:
            return Finding(REFUSED, f"{bare} is disabled in Pocket ID, so nothing of {bare} reaches vCenter.", bare)
        if sub in provider.not_allowed:
            says = f"{bare} is in none of the groups that may use vCenter's client in Pocket ID, which refuses {bare} itself."
            return Finding(REFUSED, says, bare)
        return None

    def _missing(self, bare: str, domain: str | None, sub: str | None) -> Finding:
        attempt = self._newest.get(sub or "")
        if sub is None:
            return Finding("user_not_found", f"{bare} is not in the broker.", bare, domain, self._unknown_refusals())
        says = f"{bare} is not in the broker, which knows no ExternalId {sub}."
        return Finding("user_not_found", says, bare, domain, self._evidence(attempt))

    def _differs(self, entry: User, sub: str, attempt: LoginAttempt | None) -> Finding:
        says = f"{entry.label} has the ExternalId {entry.external_id or 'none'} in the broker, and {sub} at Pocket ID."
        return Finding("external_id_differs", says, entry.bare_name, entry.domain, self._evidence(attempt))

    def _never_seen(self, entry: User, sub: str | None) -> Finding:
        about = (entry.bare_name, entry.domain)
        if self._known.permissions is not None and not self._is_permitted(entry):
            return Finding("no_permission", f"{entry.label} would be let in, and has {self._lack(entry)}.", *about)
        unknown = self._unknown_refusals() if sub is None else ()
        says = (
            f"{entry.label} stands in the broker, and no login with the ExternalId {entry.external_id} is in the log."
        )
        return Finding("never_reached", says, *about, unknown)

    def _unknown_refusals(self) -> tuple[Evidence, ...]:
        """Refused ExternalIds that nobody is known to have: each may be anybody's."""
        found = [
            attempt
            for external_id, attempt in self._newest.items()
            if attempt.outcome == "denied"
            and external_id not in self._by_external_id
            and external_id not in self._owners
        ]
        return tuple(
            each for attempt in found[:MOST_EVIDENCE] for each in self._evidence(attempt, "somebody's unknown ")
        )

    def _is_permitted(self, user: User) -> bool:
        ways = self._permitted & principals(user)
        return bool(ways) and not (ways == {_own(user)} and self._is_misspelt(user))

    def _is_misspelt(self, user: User) -> bool:
        """Whether the user's own permissions stand in another spelling than the one that a login showed."""
        spelt = spelling_of(user.bare_name, user.domain or "", self._known.spellings)
        key = Principal("user", spelt, user.domain or "").key if spelt else None
        return key is not None and key not in self._permitted_spellings

    def _lack(self, user: User) -> str:
        if _own(user) in self._permitted and self._is_misspelt(user):
            spelt = spelling_of(user.bare_name, user.domain or "", self._known.spellings)
            return f"a permission in another spelling than {user.domain}\\{spelt}, under which vCenter knows this user"
        return "no permission"

    def _bare(self, username: str, domain: str | None) -> str:
        """Return the user name without the domain behind its last `@`."""
        domains = [*self._known.domains, *([domain] if domain else [])]
        is_cut = looks_qualified(username, domains) or not domains
        return username.rpartition("@")[0] or username if is_cut else username

    def _entry(self, username: str, domain: str | None, attempt: LoginAttempt | None = None) -> User | None:
        bare, at, own_domain = username.rpartition("@")
        names = {folded(username)} | ({folded(bare)} if at and not domain else set())
        wanted = folded(domain or (own_domain if at else ""))
        found = [
            user
            for user in self._known.users or ()
            if folded(user.bare_name) in names and (not wanted or folded(user.domain or "") in (wanted, ""))
        ]
        looked_up = [user for user in found if attempt and user.domain and in_domain(attempt, user.domain)]
        if len(found) > 1 and not looked_up:
            told = ", ".join(sorted(user.label for user in found))
            raise InputError("username", f"{username!r} may mean {told}", "Give name@domain.")
        chosen = looked_up or found
        return chosen[0] if chosen else None

    def _evidence(self, attempt: LoginAttempt | None, whose: str = "") -> tuple[Evidence, ...]:
        if attempt is None:
            return ()
        line = self._known.lines.get(attempt.context_id) or None
        where = f", from {attempt.source_ip}" if attempt.source_ip else ""
        what = "ExternalId" if attempt.is_by_external_id else escaped(attempt.attribute)
        said = f"{whose}{what} {attempt.external_id}, {attempt.outcome}{where}"
        return (Evidence(_time(attempt), line, said),)


def _other_attribute(attempt: LoginAttempt, evidence: tuple[Evidence, ...]) -> Finding:
    says = (
        f"The broker looked for a user whose {escaped(attempt.attribute)} is {attempt.external_id or 'empty'}, not by "
        "ExternalId, so the ExternalIds in the broker did not count for this login."
    )
    return Finding("other_attribute", says, evidence=evidence)


def _own(user: User) -> tuple[str, str, str]:
    return Principal("user", user.bare_name, user.domain or "").person


def _inactive(user: User, evidence: tuple[Evidence, ...]) -> Finding:
    return Finding("inactive", f"{user.label} is inactive in the broker.", user.bare_name, user.domain, evidence)


_CAUSES = {
    REFUSED: (REFUSED, "The identity provider refused somebody, who never reached vCenter"),
    "claim_missing": (
        "claim_missing",
        "The identity provider's token lacks the claim {value}, in which vCenter looks for the user's id",
    ),
    "key_or_trust": (
        "key_or_trust",
        "vCenter does not trust the identity provider's certificate, or found no key of its tokens",
    ),
    "client_secret": ("client_secret", "The identity provider does not take the secret of vCenter's client"),
    CLOCK: (CLOCK, "A token of the identity provider was not valid yet, or no longer, by the appliance's clock"),
    "provider_error": ("provider_error", "The identity provider, or the way to it, failed: {value}"),
    "no_tokens": ("provider_error", "vCenter got no token from the identity provider, and the log does not say why"),
}


def _of_failures(cause: str, failures: Sequence[LoginFailure]) -> Finding:
    """Failures of one cause, newest first."""
    case, says = _CAUSES[cause]
    times = f" ({len(failures)} times)" if len(failures) > 1 else ""
    evidence = tuple(
        Evidence(f"{failure.timestamp.isoformat(timespec='milliseconds')}Z", failure.line, failure.value)
        for failure in failures[:MOST_EVIDENCE]
    )
    return Finding(case, f"{says.format(value=failures[0].value or '?')}{times}.", evidence=evidence)


def _time(attempt: LoginAttempt) -> str:
    return f"{attempt.timestamp.isoformat(timespec='milliseconds')}Z"


def diagnose(known: Known, users: Sequence[str], domain: str | None, limit: int) -> list[Finding]:
    """What is the matter with those who are named, or with the latest logins, and with nobody in particular.

    Raises InputError where a name may mean several users.
    """
    diagnosis = Diagnosis(known)
    general = diagnosis.of_everything()
    if users:
        return (
            general
            + diagnosis.of_attributes()
            + [diagnosis.of_user(name, None if "@" in name else domain) for name in users]
        )
    latest: dict[str | None, LoginAttempt] = {}
    for attempt in known.attempts:
        latest.setdefault(attempt.external_id, attempt)
    chosen = list(latest.values())
    return general + [diagnosis.of_attempt(attempt) for attempt in (chosen[:limit] if limit else chosen)]


def told(findings: Iterable[Finding]) -> list[str]:
    """The findings in lines for people."""
    lines: list[str] = []
    for finding in findings:
        step = next_step(finding.case, finding.username, finding.domain)
        lines.append(finding.says)
        lines += [f"  seen: {' '.join(part for part in (each.time, each.value) if part)}" for each in finding.evidence]
        lines.append(f"  next: {step.says}")
        if step.command:
            lines.append(f"  run:  {step.command}")
    return lines or ["No login is in the log, and nobody was named."]
