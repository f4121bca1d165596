# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The broker's log: text to login attempts. PRIVATE to this collection.

The grammar of C(/var/log/vmware/vc-ws1a-broker/federation-service.log) as Broadcom's articles show it:
KB 409564, 437271, 440397 (an external broker, which leaves the bracket out) and 440496.

Parts of these lines come from whoever tries to log in. Patterns are therefore anchored over the whole
line, the lines of one login context must agree with each other, and a value that could not be an
ExternalId is listed as malformed and escaped.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DEFAULT_LOG = "/var/log/vmware/vc-ws1a-broker/federation-service.log"

REFUSAL_MARK = "Access denied with reason code: "
"""Stands in every line that refuses a login, and only by forgery in another."""
LOOKUP_MARK = "Fetching user for jit login context: "
"""Stands in the line that every login has, refused or not."""
NOT_FOUND_MARK = "User fetching exception with nameId "

USER_NOT_FOUND = "USER_NOT_FOUND"

SETTLED = timedelta(seconds=5)
"""A refusal follows the look-up within a fraction of this. Without one by then the login was allowed."""

_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_LINE = re.compile(
    r"(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[,.]\d{1,9})?) +"
    r"(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +"
    r"[^\s:\[\]()]+:federation "
    r"\([^\s()\[\]]+\) "
    r"(?:\[[^;\[\]]*;[^;\[\]]*;(?P<ip>[^;\[\]]*);[^;\[\]]*;[^;\[\]]*;(?P<context>[^;\[\]]*)\] )?"
    r"(?P<logger>[\w.$]+) - +(?P<message>.*?) ?",
    re.DOTALL,
)
_LOOKUP = re.compile(
    rf"Fetching user for jit login context: (?P<context>{_UUID}) on attribute "
    r"(?P<attribute>\w+)=(?P<value>.*), domains: \[(?P<domains>[^\[\]]*)\]",
    re.DOTALL,
)
_NOT_FOUND = re.compile(
    r"User fetching exception with nameId (?P<value>.*), nameIdFormat (?P<attribute>\w+), "
    r"and domains \[(?P<domains>[^\[\]]*)\], user not found",
    re.DOTALL,
)
_REFUSAL = re.compile(
    rf"Failing login\. contextUuid: (?P<context>{_UUID}), exception: [\w.$]+: "
    r"Access denied with reason code: (?P<reason>[A-Z][A-Z0-9_]*)(?:, isAuthenticationForced: (?:true|false))?"
)
_RESOLVER = "com.vmware.vidm.federation.login.processor.AuthResponseUserResolver"
_LOGIN_EVENTS = "com.vmware.vidm.federation.login.LoginEventServiceAspect"

_FORBIDDEN_IN_EXTERNAL_ID = frozenset(" ,[]{}\ufffd")
_EXTERNAL_ID_ATTRIBUTE = "externalid"


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """The lines of one login context. C(timestamp) is the log's own local time."""

    timestamp: datetime
    context_id: str
    external_id: str | None
    domains: tuple[str, ...]
    outcome: str
    reason: str | None
    source_ip: str | None
    malformed: bool

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
        }


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log. Parts that it does not have, or that are none, are None."""

    timestamp: datetime
    logger: str
    message: str
    context_id: str | None
    source_ip: str | None


@dataclass
class _Context:
    lookups: list[tuple[str, str, str]] = field(default_factory=list)
    not_found: list[tuple[str, str, str]] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    first: datetime | None = None
    contradicted: bool = False


def is_external_id(value: str) -> bool:
    """Whether a value from the log may be taken for an ExternalId."""
    return 1 <= len(value) <= 256 and value.isprintable() and not _FORBIDDEN_IN_EXTERNAL_ID.intersection(value)


def escaped(value: str, most: int = 256) -> str:
    """Make a value from the log fit to be shown on one line, and dead as a template."""
    shown = "".join(char if char.isprintable() and char not in "{}" else f"\\u{ord(char):04x}" for char in value[:most])
    return shown if len(value) <= most else f"{shown}..."


def log_line(text: str) -> LogLine | None:
    """Read one line, if it has the shape of a log line."""
    matched = _LINE.fullmatch(text)
    stamp = _time(matched["stamp"]) if matched else None
    if matched is None or stamp is None:
        return None
    context = (matched["context"] or "").lower()
    return LogLine(
        stamp,
        matched["logger"],
        matched["message"],
        context if re.fullmatch(_UUID, context.upper()) else None,
        matched["ip"] if _address(matched["ip"]) else None,
    )


def decisive_lines(text: str) -> dict[str, str]:
    """The line that decided each login context, escaped: the refusal, else the look-up."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        matched = _LINE.fullmatch(line)
        if matched is None:
            continue
        if matched["logger"] == _LOGIN_EVENTS and (refusal := _REFUSAL.fullmatch(matched["message"])):
            found[refusal["context"].lower()] = escaped(line, most=1000)
        elif matched["logger"] == _RESOLVER and (lookup := _LOOKUP.fullmatch(matched["message"])):
            found.setdefault(lookup["context"].lower(), escaped(line, most=1000))
    return found


def timestamp_of(line: str) -> datetime | None:
    """The time at the start of a line, if it has the shape of a log line."""
    matched = _LINE.fullmatch(line)
    return _time(matched["stamp"]) if matched else None


def context_ids(text: str) -> list[str]:
    """The login contexts that the text's attempts belong to, in the order of the text, each once."""
    return list(_contexts(text))


def lookup_is_missing(text: str) -> bool:
    """Whether a login was refused whose look-up is not in the text, so that its ExternalId is not known.

    A look-up that is there in another shape is no gap: that attempt is malformed.
    """
    folded = text.lower()
    return any(
        context.reasons and not context.lookups and f"{LOOKUP_MARK}{name}".lower() not in folded
        for name, context in _contexts(text).items()
    )


def read_attempts(text: str, log_end: datetime | None = None) -> list[LoginAttempt]:
    """Read login attempts from log text, newest first. C(log_end) is the time of the log's last line."""
    attempts = [_attempt(name, context, log_end) for name, context in _contexts(text).items() if context.first]
    # Stable, so attempts of the same millisecond keep the order of the log.
    attempts.reverse()
    return sorted(attempts, key=lambda attempt: attempt.timestamp, reverse=True)


def in_domain(attempt: LoginAttempt, domain: str | None) -> bool:
    """Whether the provider looked the person up in the domain (any domain where none is wanted)."""
    return domain is None or domain.lower() in (name.lower() for name in attempt.domains)


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


def _contexts(text: str) -> dict[str, _Context]:
    contexts: dict[str, _Context] = {}
    # Not splitlines(): a sub may hold U+2028 or a form feed, and the log ends its lines with "\n" alone.
    for line in text.split("\n"):
        matched = _LINE.fullmatch(line)
        if matched is not None:
            _note(contexts, matched)
    return contexts


def _note(contexts: dict[str, _Context], line: re.Match[str]) -> None:
    message = line["message"]
    bracket = (line["context"] or "").lower()
    if line["logger"] == _RESOLVER and (lookup := _LOOKUP.fullmatch(message)):
        name, entry = lookup["context"].lower(), (lookup["attribute"], lookup["value"], lookup["domains"])
        context = contexts.setdefault(name, _Context())
        context.lookups.append(entry)
    elif line["logger"] == _RESOLVER and (missing := _NOT_FOUND.fullmatch(message)):
        if not re.fullmatch(_UUID, bracket):
            return
        name, context = bracket, contexts.setdefault(bracket, _Context())
        context.not_found.append((missing["attribute"], missing["value"], missing["domains"]))
    elif line["logger"] == _LOGIN_EVENTS and (refusal := _REFUSAL.fullmatch(message)):
        name = refusal["context"].lower()
        context = contexts.setdefault(name, _Context())
        context.reasons.add(refusal["reason"])
    else:
        return
    if line["context"] is not None and bracket != name:
        context.contradicted = True
    if _address(line["ip"]):
        context.sources.add(line["ip"])
    stamp = _time(line["stamp"])
    if stamp is not None and (context.first is None or stamp < context.first):
        context.first = stamp


def _attempt(name: str, context: _Context, log_end: datetime | None) -> LoginAttempt:
    said = [*context.lookups, *context.not_found]
    values = {value for _attribute, value, _domains in said}
    domain_lists = {domains for _attribute, _value, domains in said}
    value = (context.lookups or context.not_found or [("", "", "")])[0][1]
    domains = tuple(part for part in _split(min(domain_lists, default="")) if part)
    well_formed = (
        bool(context.lookups)
        and len(values) == 1
        and len({frozenset(d.lower() for d in _split(domains_)) for domains_ in domain_lists}) == 1
        and all(attribute.lower() == _EXTERNAL_ID_ATTRIBUTE for attribute, _value, _domains in said)
        and len(context.reasons) <= 1
        and len(context.sources) <= 1
        and not context.contradicted
        and is_external_id(value)
        and all(is_external_id(domain) for domain in domains)
    )
    if context.reasons:
        outcome = "denied"
    elif context.not_found or log_end is None or context.first is None or log_end - context.first < SETTLED:
        outcome = "unknown"
    else:
        outcome = "allowed"
    if context.first is None:
        raise ValueError("a login context without a line")
    return LoginAttempt(
        timestamp=context.first,
        context_id=name,
        external_id=(value if well_formed else escaped(value)) or None,
        domains=domains if well_formed else tuple(escaped(domain) for domain in domains),
        outcome=outcome,
        reason=", ".join(sorted(context.reasons)) or None,
        source_ip=min(context.sources, default=None),
        malformed=not well_formed,
    )


def _split(domains: str) -> list[str]:
    return domains.split(", ") if domains else []


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp.replace(",", "."))
    except ValueError:
        return None


def _address(text: str | None) -> bool:
    # A zone (RFC 4007), which may hold anything, has no place in the address of somebody elsewhere.
    if not text or "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def attempt_from_result(item: Any) -> LoginAttempt:
    """Read an attempt back from what C(externalid_fact) returned, its time in UTC.

    Raises ValueError that names the key that does not fit. Whether the value may be an ExternalId is
    judged anew: what was passed through a playbook is no longer sure to come from the log.
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
    for key in ("external_id", "reason", "source_ip"):
        if item.get(key) is not None and not isinstance(item[key], str):
            raise ValueError(f"{key} is not a string")
    external_id, domains = item.get("external_id"), item.get("domains")
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
        malformed=bool(item.get("malformed")) or not is_external_id(external_id or ""),
    )
