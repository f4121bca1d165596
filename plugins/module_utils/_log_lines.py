# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The grammar of the lines in the broker's log. PRIVATE to this collection.

The grammar of C(/var/log/vmware/vc-ws1a-broker/federation-service.log) as Broadcom's articles show it:
KB 409564, 437271, 440397 (an external broker, which leaves the bracket out) and 440496.

Programs that forward logs put a prefix before each line. Each prefix that is accepted is a part of the pattern for the
whole line. A line is never searched for another line inside it, because people who log in can write parts of a line.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ._texts import folded

LOGIN_MARKS = (
    "Fetching user for jit login context",
    "User fetching exception with nameId",
    "Failing login. contextUuid",
)
"""Every login line contains one of these, in any case."""
LOOKUP_MARK = LOGIN_MARKS[0]
LOGIN_NEEDLES = ("fetching", "Failing login. contextUuid")
"""Every mark contains one of these, in any case. Other lines may contain them, too."""

EXTERNAL_ID = "ExternalId"
USER_NOT_FOUND = "USER_NOT_FOUND"

_FOLDED_MARKS = tuple(mark.lower() for mark in LOGIN_MARKS)
_WRITERS = frozenset({"authresponseuserresolver", "logineventserviceaspect"})
_RESOLVER = "com.vmware.vidm.federation.login.processor.AuthResponseUserResolver"
_LOGIN_EVENTS = "com.vmware.vidm.federation.login.LoginEventServiceAspect"

_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_SECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)"
_COLOUR = r"(?:\x1b\[[0-9;]{0,20}m)*"
_WRAPPING = (
    # RFC 3164. Files often leave the priority out.
    r"(?:(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [^\s\[\]]+ [^\s:\[\]]+(?:\[\d+\])?: "
    # RFC 5424.
    r"|<\d{1,3}>1 (?:[^\s\[\]]+ ){5}(?:-|(?:\[[^\[\]]*\])+) \ufeff?"
    # A container runtime: the file of a pod, or the output of a command that shows it with times.
    rf"|{_SECONDS}(?:\.\d{{1,9}})?{_ZONE} (?:std(?:out|err) F )?)"
)
_STAMP = rf"(?P<stamp>{_SECONDS}(?:[,.]\d{{1,9}})?)(?P<zone> ?{_ZONE})?"
_GAP = rf"{_COLOUR}(?: {_COLOUR})+"
_LINE = re.compile(
    rf"{_WRAPPING}?{_COLOUR}{_STAMP}{_GAP}(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL){_GAP}"
    rf"[^\s:\[\]()]+:(?P<service>[^\s:\[\]()]+){_GAP}\([^()\[\]]+\){_GAP}"
    rf"(?:\[(?P<fields>[^\[\]]*)\]{_GAP})?"
    rf"(?P<logger>[\w.$]+){_GAP}-{_GAP}(?P<message>.*)",
    re.DOTALL,
)
_COLOUR_AT_END = re.compile(r"(?:\x1b\[[0-9;]{0,20}m)+\Z")
_LOOKUP = re.compile(
    rf"Fetching user for jit login context: (?P<context>{_UUID}) on attribute "
    r"(?P<attribute>\w+)=(?P<value>.*), domains: \[(?P<domains>(?:[^\[\],]|, )*)\]",
    re.DOTALL,
)
_NOT_FOUND = re.compile(
    r"User fetching exception with nameId (?P<value>.*), nameIdFormat (?P<attribute>\w+), "
    r"and domains \[(?P<domains>(?:[^\[\],]|, )*)\], user not found",
    re.DOTALL,
)
_REFUSAL = re.compile(
    rf"Failing login\. contextUuid: (?P<context>{_UUID}), exception: [\w.$]+: "
    r"Access denied with reason code: (?P<reason>[A-Z][A-Z0-9_]*)(?P<forced>, isAuthenticationForced: (?:true|false))?"
)
_DOMAIN_LIST = re.compile(r"\bdomains:? \[([^\[\]]*)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that has the shape of a log line. Parts that it does not have are None.

    `timestamp` is the log's own local time, or UTC where the stamp names its zone (`is_zoned`).
    """

    timestamp: datetime
    is_zoned: bool
    service: str
    logger: str
    message: str
    fields: tuple[str, ...] | None

    @property
    def context(self) -> str | None:
        """The login context in the bracket, if that is a UUID."""
        name = (self.fields or ())[5:6]
        return name[0].lower() if name and re.fullmatch(_UUID, name[0]) else None

    @property
    def source_ip(self) -> str | None:
        """The client's address in the bracket, if it is an address."""
        address = (self.fields or ())[2:3]
        return address[0] if address and _is_address(address[0]) else None

    @property
    def bracket(self) -> str | None:
        """What the bracket has in place of the login context, or None without a bracket."""
        return None if self.fields is None else self.fields[-1].lower()


@dataclass(frozen=True, slots=True)
class LoginLine:
    """A line of a login. `context` is None for a "user not found" line that does not name its login."""

    kind: Literal["lookup", "not_found", "refusal"]
    line: LogLine
    context: str | None
    attribute: str = ""
    value: str = ""
    domains: tuple[str, ...] = ()
    reason: str = ""

    @property
    def looked_up(self) -> tuple[str, str, frozenset[str]]:
        """Attribute, value and domains, in a form that can be compared."""
        return self.attribute.lower(), self.value, frozenset(map(folded, self.domains))

    @property
    def is_by_external_id(self) -> bool:
        """Whether the broker looked for an ExternalId."""
        return is_external_id_attribute(self.attribute)


@dataclass(frozen=True, slots=True)
class UnreadLine:
    """A line of a login that does not fit the grammar. Parts that cannot be read are None.

    `not_after` is for a line without a readable time: the time of the next line that has one, if there is any.
    """

    text: str
    timestamp: datetime | None
    domains: tuple[str, ...] | None
    not_after: datetime | None = None

    @property
    def contexts(self) -> set[str]:
        """The login contexts that the line may be about."""
        return set(re.findall(_UUID, self.text.lower()))


def is_external_id_attribute(attribute: str) -> bool:
    """Return whether the attribute is the ExternalId. Articles also spell it ExternalID."""
    return attribute.lower() == EXTERNAL_ID.lower()


def has_login_mark(text: str) -> bool:
    """Return whether the text may contain login lines. This is quick, so ask it before anything else."""
    lowered = text.lower()
    return any(mark in lowered for mark in _FOLDED_MARKS)


def log_line(text: str) -> LogLine | None:
    """Read one line, if it has the shape of a log line."""
    matched = _LINE.fullmatch(text)
    stamp = _time(matched) if matched else None
    if matched is None or stamp is None:
        return None
    return LogLine(
        stamp,
        matched["zone"] is not None,
        matched["service"],
        matched["logger"],
        _without_end(matched["message"]),
        None if matched["fields"] is None else tuple(matched["fields"].split(";")),
    )


def login_line(text: str) -> LoginLine | UnreadLine | None:
    """Read one line of a login. Return None for every other line, whatever it quotes."""
    if not has_login_mark(text):
        return None
    line = log_line(text)
    if line is None:
        # A time at its start may be in another zone than those of log lines.
        return UnreadLine(text, None, _domains(text))
    if _WRITERS.isdisjoint(re.split(r"[.$]", line.logger.lower())):
        return None
    return _read(line) or UnreadLine(text, line.timestamp, _domains(text))


def login_lines(text: str) -> list[LoginLine | UnreadLine]:
    """Return the lines of logins, in the order of the text."""
    if not has_login_mark(text):
        return []
    # Not splitlines(): a value may contain U+2028 or a form feed, and the log ends its lines with "\n" alone.
    return [found for line in text.split("\n") if (found := login_line(line)) is not None]


def timestamp_of(text: str) -> datetime | None:
    """Return the time of a line that has the shape of a log line."""
    line = log_line(text)
    return line.timestamp if line else None


def _split_domains(domains: str) -> tuple[str, ...]:
    """Return the domains of a list as the log writes it."""
    return tuple(domains.split(", ")) if domains else ()


def _read(line: LogLine) -> LoginLine | None:
    if line.service != "federation" or (line.fields is not None and len(line.fields) != 6):
        return None
    if line.logger == _RESOLVER and (lookup := _LOOKUP.fullmatch(line.message)):
        looked_up = lookup["attribute"], lookup["value"], _split_domains(lookup["domains"])
        return LoginLine("lookup", line, lookup["context"].lower(), *looked_up)
    if line.logger == _RESOLVER and (missing := _NOT_FOUND.fullmatch(line.message)):
        looked_up = missing["attribute"], missing["value"], _split_domains(missing["domains"])
        return LoginLine("not_found", line, line.context, *looked_up)
    if line.logger == _LOGIN_EVENTS and (refusal := _REFUSAL.fullmatch(line.message)):
        # The beginning of the reason may be the end of a line that is half written.
        if (
            not refusal["forced"]
            and refusal["reason"] != USER_NOT_FOUND
            and USER_NOT_FOUND.startswith(refusal["reason"])
        ):
            return None
        return LoginLine("refusal", line, refusal["context"].lower(), reason=refusal["reason"])
    return None


def _domains(text: str) -> tuple[str, ...] | None:
    """Return the domains of a line that does not fit, where the line contains exactly one list of them."""
    lists = _DOMAIN_LIST.findall(text)
    if len(lists) != 1 or text.lower().count("domains") != 1:
        return None
    return _split_domains(lists[0])


def _without_end(message: str) -> str:
    """Remove the colour and the space that may be at the end of a line."""
    message = _COLOUR_AT_END.sub("", message) if message.endswith("m") else message
    message = message.removesuffix(" ")
    return _COLOUR_AT_END.sub("", message) if message.endswith("m") else message


def _is_address(text: str) -> bool:
    # A zone (RFC 4007) may contain anything, and has no place in the address of a client elsewhere.
    if "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _time(matched: re.Match[str]) -> datetime | None:
    stamp, zone = matched["stamp"].replace(",", "."), (matched["zone"] or "").strip()
    try:
        moment = datetime.fromisoformat(stamp + zone)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None
