# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the broker's log to login attempts. PRIVATE to this collection.

Parts of these lines come from the people who log in. The lines of one login context must therefore agree with each other,
and a value that could not be an ExternalId is listed as malformed and escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ._log_lines import EXTERNAL_ID, LoginLine, UnreadLine, is_external_id_attribute, login_line, login_lines
from ._texts import same_name

DEFAULT_LOG = "/var/log/vmware/vc-ws1a-broker/federation-service.log"

SETTLED = timedelta(seconds=5)
"""A refusal follows the look-up within a fraction of this. Without one by then the login was allowed."""

_FORBIDDEN_IN_EXTERNAL_ID = frozenset(" ,[]{}\ufffd")


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """The lines of one login context. `timestamp` is the log's own local time, or UTC where the stamps name their zone."""

    timestamp: datetime
    context_id: str
    external_id: str | None
    domains: tuple[str, ...]
    outcome: str
    reason: str | None
    source_ip: str | None
    malformed: bool
    attribute: str = EXTERNAL_ID
    """The user attribute by which the broker looked for the value."""

    @property
    def is_by_external_id(self) -> bool:
        """Whether the broker looked for an ExternalId."""
        return is_external_id_attribute(self.attribute)

    def result(self) -> dict[str, Any]:
        """The attempt as C(externalid_fact) returns it; its time must be UTC by now."""
        return {
            "timestamp": f"{self.timestamp.isoformat(timespec='milliseconds')}Z",
            "external_id": self.external_id,
            "domains": list(self.domains),
            "outcome": self.outcome,
            "reason": self.reason,
            "source_ip": self.source_ip,
            "context_id": self.context_id,
            "malformed": self.malformed,
            "attribute": self.attribute,
        }


@dataclass
class LoginContext:
    """The lines that name one login context. `first` and `last` are the times of its earliest and latest line."""

    first: datetime
    last: datetime
    lookups: list[LoginLine] = field(default_factory=list)
    not_found: list[LoginLine] = field(default_factory=list)
    refusals: list[LoginLine] = field(default_factory=list)
    contradicted: bool = False
    is_doubtful: bool = False
    """Whether another line about it cannot be read, which may be its refusal."""

    @property
    def lines(self) -> list[LoginLine]:
        """All of them."""
        return [*self.lookups, *self.not_found, *self.refusals]

    @property
    def reasons(self) -> set[str]:
        """The reasons for which the login was refused."""
        return {refusal.reason for refusal in self.refusals}


def is_external_id(value: str) -> bool:
    """Whether a value from the log may be taken for an ExternalId."""
    return 1 <= len(value) <= 256 and value.isprintable() and not _FORBIDDEN_IN_EXTERNAL_ID.intersection(value)


def escaped(value: str, most: int = 256) -> str:
    """Make a value from the log fit to be shown on one line, and dead as a template."""
    shown = "".join(char if char.isprintable() and char not in "{}" else f"\\u{ord(char):04x}" for char in value[:most])
    return shown if len(value) <= most else f"{shown}..."


def decisive_lines(text: str) -> dict[str, str]:
    """Return the line that decided each login context, escaped: the refusal, else the look-up."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        read = login_line(line)
        if not isinstance(read, LoginLine) or read.context is None:
            continue
        if read.kind == "refusal":
            found[read.context] = escaped(line, most=1000)
        elif read.kind == "lookup":
            found.setdefault(read.context, escaped(line, most=1000))
    return found


def context_ids(text: str) -> list[str]:
    """Return the login contexts that the text's attempts belong to, in the order of the text, each once."""
    return list(login_contexts(login_lines(text)))


def read_attempts(text: str, log_end: datetime | None = None) -> list[LoginAttempt]:
    """Read login attempts from log text, newest first. `log_end` is the time of the log's last line."""
    return attempts_of(login_contexts(login_lines(text)), log_end)


def attempts_of(contexts: dict[str, LoginContext], log_end: datetime | None = None) -> list[LoginAttempt]:
    """Return the attempts of login contexts, newest first. `log_end` is the time of the log's last line."""
    attempts = [_attempt(name, context, log_end) for name, context in contexts.items()]
    # Stable, so attempts of the same millisecond keep the order of the log.
    attempts.reverse()
    return sorted(attempts, key=lambda attempt: attempt.timestamp, reverse=True)


def login_contexts(lines: Iterable[LoginLine | UnreadLine]) -> dict[str, LoginContext]:
    """Return the lines that name their login, by its context, in the order of the log."""
    contexts: dict[str, LoginContext] = {}
    doubtful: set[str] = set()
    for read in lines:
        if isinstance(read, UnreadLine):
            doubtful |= read.contexts
            continue
        if read.context is None:
            continue
        stamp = read.line.timestamp
        context = contexts.setdefault(read.context, LoginContext(stamp, stamp))
        context.first, context.last = min(context.first, stamp), max(context.last, stamp)
        of_kind = {"lookup": context.lookups, "not_found": context.not_found, "refusal": context.refusals}
        of_kind[read.kind].append(read)
        if read.line.bracket not in (None, read.context):
            context.contradicted = True
    for name in doubtful.intersection(contexts):
        contexts[name].is_doubtful = True
    return contexts


def in_domain(attempt: LoginAttempt, domain: str | None) -> bool:
    """Whether the provider looked the person up in the domain (any domain where none is wanted)."""
    return domain is None or any(same_name(domain, name) for name in attempt.domains)


def newest_distinct(attempts: Sequence[LoginAttempt], limit: int) -> tuple[list[LoginAttempt], bool]:
    """The attempts of the C(limit) newest ExternalIds (0 means all), and whether others were cut off."""
    if limit == 0:
        return list(attempts), False
    kept: dict[str | None, None] = {}
    chosen: list[LoginAttempt] = []
    for attempt in attempts:
        if attempt.external_id not in kept and len(kept) >= limit:
            return chosen, True
        kept[attempt.external_id] = None
        chosen.append(attempt)
    return chosen, False


def _attempt(name: str, context: LoginContext, log_end: datetime | None) -> LoginAttempt:
    said = [*context.lookups, *context.not_found]
    shown = said[0] if said else None
    value = shown.value if shown else ""
    domains = tuple(domain for domain in (shown.domains if shown else ()) if domain)
    sources = {line.line.source_ip for line in context.lines} - {None}
    reasons = context.reasons
    well_formed = (
        bool(context.lookups)
        and len({line.looked_up for line in said}) == 1
        and said[0].is_by_external_id
        and len(reasons) <= 1
        and len(sources) <= 1
        and not context.contradicted
        and is_external_id(value)
        and all(is_external_id(domain) for domain in domains)
    )
    if context.refusals:
        outcome = "denied"
    elif context.not_found or context.is_doubtful or log_end is None or log_end - context.first < SETTLED:
        outcome = "unknown"
    else:
        outcome = "allowed"
    return LoginAttempt(
        timestamp=context.first,
        context_id=name,
        external_id=(value if well_formed else escaped(value)) or None,
        domains=domains if well_formed else tuple(escaped(domain) for domain in domains),
        outcome=outcome,
        reason=", ".join(sorted(reasons)) or None,
        source_ip=min((source for source in sources if source), default=None),
        malformed=not well_formed,
        attribute=shown.attribute if shown else EXTERNAL_ID,
    )


def attempt_from_result(item: Any) -> LoginAttempt:
    """Read an attempt back from what `externalid_fact` returned, its time in UTC.

    Raise ValueError that names the key that does not fit. Whether the value may be an ExternalId is judged again,
    because what was passed through a playbook need not come from the log.
    """
    if not isinstance(item, dict):
        raise ValueError("not a dictionary")
    for key in ("timestamp", "context_id", "outcome"):
        if not isinstance(item.get(key), str):
            raise ValueError(f"{key} is missing")
    try:
        timestamp = datetime.fromisoformat(item["timestamp"]).replace(tzinfo=None)
    except ValueError:
        raise ValueError("timestamp is no time") from None
    for key in ("external_id", "reason", "source_ip", "attribute"):
        if item.get(key) is not None and not isinstance(item[key], str):
            raise ValueError(f"{key} is not a string")
    external_id, domains = item.get("external_id"), item.get("domains")
    attribute = item.get("attribute") or EXTERNAL_ID
    if not isinstance(domains, list) or not all(isinstance(domain, str) for domain in domains):
        raise ValueError("domains is not a list of strings")
    return LoginAttempt(
        timestamp=timestamp,
        context_id=item["context_id"],
        external_id=external_id,
        domains=tuple(domains),
        outcome=item["outcome"],
        reason=item.get("reason"),
        source_ip=item.get("source_ip"),
        malformed=(
            bool(item.get("malformed"))
            or not is_external_id(external_id or "")
            or not is_external_id_attribute(attribute)
        ),
        attribute=attribute,
    )
