# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The result of C(externalid_fact), made from what was read in the log. PRIVATE to this collection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ._candidates import describe
from ._federation_log import LoginAttempt, escaped
from ._log_reader import Reading
from ._log_window import Clock


def log_result(reading: Reading) -> dict[str, Any]:
    """Return what C(externalid_fact) returns of a reading; times are in UTC as far as the log shows its offset."""
    in_utc = [_in_utc(attempt, reading) for attempt in reading.attempts]
    attempts = [attempt.result() for attempt in in_utc]
    sound = [attempt for attempt in attempts if not attempt["malformed"]]
    completeness = reading.completeness
    found: dict[str, Any] = {
        "changed": False,
        "attempts": attempts,
        "complete": not reading.gaps,
        "gaps": reading.gaps,
        "unread": {"count": len(completeness.unread), "lines": completeness.shown},
        "unresolved": [_in_utc(attempt, reading).result() for attempt in completeness.unresolved],
        "offset": _offset(reading.clock),
        "summary": [describe(attempt) for attempt in in_utc],
        "failures": [
            replace(failure, timestamp=failure.timestamp - reading.clock.offset).result()
            for failure in reading.failures
        ],
        "lines": reading.lines,
        "spellings": [{"name": escaped(name), "domain": escaped(domain)} for name, domain in reading.spellings],
        "position": {"inode": reading.position[0], "offset": reading.position[1]},
        "ansible_facts": {
            "externalid": sound[0]["external_id"] if sound else None,
            "externalid_attempts": attempts,
        },
    }
    warnings = []
    if completeness.unread:
        warnings.append(
            f"{completeness.gaps[0]}, so the list of attempts is incomplete and no ExternalId is bound from it. Give external_id. "
            "The result unread shows the first of the lines."
        )
    if not reading.clock.certain:
        warnings.append(
            "The log does not show the offset of its time stamps from UTC: the last line does not fit the time when the file "
            "was last changed, as after a copy that did not keep it, or the stamps step back. The stamps are taken for UTC."
        )
    return {**found, "warnings": warnings} if warnings else found


def _in_utc(attempt: LoginAttempt, reading: Reading) -> LoginAttempt:
    return replace(attempt, timestamp=attempt.timestamp - reading.clock.offset)


def _offset(clock: Clock) -> str | None:
    if not clock.certain:
        return None
    minutes = round(clock.offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
