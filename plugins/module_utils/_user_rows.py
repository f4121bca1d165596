# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The broker's users as rows, each with the newest login attempt by its ExternalId. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ._candidates import AttemptList
from ._desired import attempt_list
from ._errors import InputError
from ._federation_log import LoginAttempt

OUTCOMES = ("allowed", "denied", "unknown")
TEXTS = ("username", "domain", "external_id", "given_name", "family_name", "display_name", "email")
COLUMNS = (*TEXTS, "active", "groups", "last_attempt", "last_outcome", "last_source_ip")

ONLY_SOMEBODY = "A login attempt says that somebody had this ExternalId, never who."

Row = dict[str, Any]
"""Always all of C(COLUMNS), and nothing else; what is empty or not known is None, C(groups) a list."""


@dataclass(frozen=True, slots=True)
class LogRead:
    """What was read of the log: C(narrowed) and C(gaps) say what of it was not."""

    complete: bool
    gaps: tuple[str, ...]
    narrowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Users:
    """What a report says. C(log) is None where no log was read."""

    rows: tuple[Row, ...]
    host: str | None
    read_at: datetime
    log: LogRead | None = None

    @property
    def read_at_text(self) -> str:
        """When the users were read (ISO 8601, UTC)."""
        return f"{self.read_at.replace(tzinfo=None).isoformat(timespec='seconds')}Z"

    @property
    def domains(self) -> list[str]:
        """The domains that users have, each spelling once, in their order for people."""
        found = {row["domain"] for row in self.rows if row["domain"] is not None}
        return sorted(found, key=lambda domain: (domain.casefold(), domain))

    def count(self, column: str, value: Any) -> int:
        """How many rows have this value."""
        return sum(1 for row in self.rows if row[column] == value)


def read_users(
    users: Any,
    attempts: Any = None,
    *,
    host: Any = None,
    read_at: Any,
    since: Any = None,
    domain: Any = None,
) -> Users:
    """Read what was handed over. Raises InputError.

    C(since) and C(domain) say what the attempts were narrowed to by whoever read them.
    """
    if isinstance(users, str | bytes | Mapping) or not isinstance(users, Sequence):
        raise _not_users("is not a list of users")
    found = None if _was_not_read(attempts) else _attempts(attempts)
    newest = newest_attempts(found.attempts) if found else {}
    return Users(
        rows=tuple(_row(user, position, newest) for position, user in enumerate(users)),
        host=host_name(host),
        read_at=point_in_time(read_at),
        log=None if found is None else LogRead(found.complete, found.gaps, _narrowed(since, domain)),
    )


def newest_attempts(attempts: Sequence[LoginAttempt]) -> dict[str, LoginAttempt]:
    """The newest attempt by each ExternalId; malformed ones never count."""
    newest: dict[str, LoginAttempt] = {}
    for attempt in attempts:
        external_id = attempt.external_id
        if external_id is None or attempt.malformed:
            continue
        if external_id not in newest or attempt.timestamp > newest[external_id].timestamp:
            newest[external_id] = attempt
    return newest


def full_name(row: Row) -> str:
    """Given and family name, as far as they are known."""
    return " ".join(name for name in (row["given_name"], row["family_name"]) if name)


def name_to_show(row: Row) -> str:
    """What people know somebody by."""
    # The broker makes the given name the display name of who was created without one.
    chosen: str | None = None if row["display_name"] == row["given_name"] else row["display_name"]
    return chosen or full_name(row)


def host_name(host: Any) -> str | None:
    """The host's name. Of an address in the web just the name, so that nothing else in it is shown."""
    name = "" if host is None else str(host).strip()
    if "//" in name:
        try:
            name = urlsplit(name).hostname or ""
        except ValueError:
            name = ""
    return name or None


def point_in_time(value: Any) -> datetime:
    """Read a time in ISO 8601, which is UTC unless it names a zone."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise InputError("read_at", f"{value!r} is no time", "Give one such as 2026-02-04T15:05:23Z.") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _was_not_read(attempts: Any) -> bool:
    return attempts is None or (isinstance(attempts, Mapping) and attempts.get("skipped") is True)


def _attempts(value: Any) -> AttemptList | None:
    try:
        return attempt_list(value)
    except InputError as error:
        raise InputError("attempts", str(error).partition(": ")[2].partition(". ")[0], error.way_out) from None


def _narrowed(since: Any, domain: Any) -> tuple[str, ...]:
    return (*([f"since {since}"] if since else ()), *([f"in the domain {domain}"] if domain else ()))


def _not_users(problem: str) -> InputError:
    return InputError("users", problem, "Pass the users that homelab.identity_broker.scim_user_info returns.")


def _row(user: Any, position: int, newest: Mapping[str, LoginAttempt]) -> Row:
    if not isinstance(user, Mapping) or not isinstance(user.get("username"), str):
        raise _not_users(f"number {position + 1} is no user with a username")
    texts = {name: _text(user.get(name)) for name in TEXTS}
    groups = user.get("groups")
    active = user.get("active")
    attempt = newest.get(texts["external_id"] or "")
    return {
        **texts,
        "active": active if isinstance(active, bool) else None,
        "groups": [str(name) for name in groups]
        if isinstance(groups, Sequence) and not isinstance(groups, str)
        else [],
        "last_attempt": attempt and f"{attempt.timestamp.isoformat(timespec='milliseconds')}Z",
        "last_outcome": attempt and (attempt.outcome if attempt.outcome in OUTCOMES else "unknown"),
        "last_source_ip": attempt and (attempt.source_ip or None),
    }


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
