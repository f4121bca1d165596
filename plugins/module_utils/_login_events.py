# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Login attempts and an allow list to events. PRIVATE to this collection.

An event calls people by the allow list's own key and holds no other text of the log but a digest of unknown
ExternalIds, in which nothing is left that a template, a shell or a line could mean.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ._allow_list import AllowList
from ._federation_log import LoginAttempt, in_domain
from ._log_lines import USER_NOT_FOUND

Event = dict[str, Any]

MOST_DIGESTS = 5
LONGEST_DIGEST = 64
MOST_DISTINCT = 1000

_UNSAFE = re.compile(r"[^A-Za-z0-9._@:+/=-]")


@dataclass(frozen=True)
class Telling:
    """What is told, and how often. Times are in seconds."""

    domain: str | None = None
    every_outcome: bool = False
    repeat_after: float = 60
    """How long further refusals of the same person are counted before they are told as one."""
    together: float = 3
    """How long others are gathered after somebody was told, and then told as one."""
    gather: float = 2
    """How long attempts of unknown people are counted before they are told the first time."""
    throttle: float = 60
    """How long they are counted before they are told again."""


@dataclass
class _Unknown:
    attempts: int = 0
    malformed: int = 0
    due: float = 0
    quiet_until: float = 0
    digest: list[str] = field(default_factory=list)
    distinct: dict[str, None] = field(default_factory=dict)


@dataclass
class _Held:
    until: float
    attempts: int = 0


@dataclass
class _People:
    quiet_until: float = 0
    attempts: dict[str, int] = field(default_factory=dict)
    """By key."""


def digest_of(value: str | None) -> str:
    """An ExternalId from the log, escaped and bounded, for a person to read and for nothing else."""
    text = value or ""
    # What is malformed comes with backslashes for what was taken out of it.
    shown = _UNSAFE.sub(lambda found: "=" if found[0] == "\\" else f"=u{ord(found[0]):04x}", text[:LONGEST_DIGEST])
    return shown[:LONGEST_DIGEST] + ("..." if max(len(shown), len(text)) > LONGEST_DIGEST else "")


class LoginEvents:
    """Decides what becomes an event, and when."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._held: dict[str, _Held] = {}
        self._people: dict[str, _People] = {}
        self._unknown = _Unknown()
        self._number = 0

    def tell(self, attempts: Sequence[LoginAttempt], allowed: AllowList, now: float) -> list[Event]:
        """The events that are due after these attempts."""
        for attempt in attempts:
            self._take(attempt, allowed, now)
        self._take_repeated(now)
        return self._known_people(allowed, now) + self._unknown_people(now)

    def gap(self) -> Event:
        """Part of the log was not read, and cannot be any more."""
        return self._numbered({"log_gap": {}})

    @property
    def next_due(self) -> float | None:
        """When something will be due without another attempt."""
        times = [held.until for held in self._held.values()]
        times += [people.quiet_until for people in self._people.values() if people.attempts]
        return min([*times, self._unknown.due] if self._unknown.attempts else times, default=None)

    def _take(self, attempt: LoginAttempt, allowed: AllowList, now: float) -> None:
        person = None if attempt.malformed else allowed.by_external_id.get(attempt.external_id or "")
        if attempt.outcome == "allowed":
            if person is not None:
                self._take_allowed(person.key)
            return
        if person is None or attempt.outcome != "denied":
            self._count(attempt, now)
            return
        missing = attempt.reason == USER_NOT_FOUND and in_domain(attempt, person.domain or self._telling.domain)
        outcome = "denied" if missing else "refused"
        held = self._held.get(f"{outcome}:{person.key}")
        if held is not None and now < held.until:
            held.attempts += 1
        else:
            self._add(outcome, person.key, 1 + (held.attempts if held else 0))
            self._held[f"{outcome}:{person.key}"] = _Held(now + self._telling.repeat_after)

    def _take_allowed(self, key: str) -> None:
        """Nothing more is to be done about refusals before."""
        for outcome in ("denied", "refused"):
            held = self._held.get(f"{outcome}:{key}")
            if held is not None:
                held.attempts = 0
            if outcome in self._people:
                self._people[outcome].attempts.pop(key, None)
        if self._telling.every_outcome:
            self._add("allowed", key, 1)

    def _take_repeated(self, now: float) -> None:
        for name in [name for name, held in self._held.items() if held.until <= now]:
            attempts = self._held.pop(name).attempts
            if attempts:
                outcome, _colon, key = name.partition(":")
                self._add(outcome, key, attempts)
                self._held[name] = _Held(now + self._telling.repeat_after)

    def _add(self, outcome: str, key: str, attempts: int) -> None:
        people = self._people.setdefault(outcome, _People())
        people.attempts[key] = people.attempts.get(key, 0) + attempts

    def _known_people(self, allowed: AllowList, now: float) -> list[Event]:
        events = []
        for outcome, people in self._people.items():
            if now < people.quiet_until:
                continue
            # Who went from the list meanwhile is nobody to tell of.
            told = {key: attempts for key, attempts in people.attempts.items() if key in allowed.by_key}
            people.attempts = {}
            if told:
                people.quiet_until = now + self._telling.together
                login = {"outcome": outcome, "people": list(told), "attempts": sum(told.values())}
                events.append(self._numbered({"login": login}))
        return events

    def count_unread(self, lines: int, now: float) -> None:
        """Count login lines that could not be read as malformed attempts of unknown people."""
        if lines:
            self._add_unknown(lines, lines, now)

    def _add_unknown(self, attempts: int, malformed: int, now: float) -> None:
        unknown = self._unknown
        if not unknown.attempts:
            unknown.due = max(now + self._telling.gather, unknown.quiet_until)
        unknown.attempts += attempts
        unknown.malformed += malformed

    def _count(self, attempt: LoginAttempt, now: float) -> None:
        self._add_unknown(1, int(attempt.malformed), now)
        unknown = self._unknown
        name = hashlib.sha256((attempt.external_id or "").encode("utf-8", "surrogateescape")).hexdigest()[:16]
        if name not in unknown.distinct and len(unknown.distinct) < MOST_DISTINCT:
            unknown.distinct[name] = None
            if len(unknown.digest) < MOST_DIGESTS:
                unknown.digest.append(digest_of(attempt.external_id))

    def _unknown_people(self, now: float) -> list[Event]:
        unknown = self._unknown
        if not unknown.attempts or now < unknown.due:
            return []
        self._unknown = _Unknown(quiet_until=now + self._telling.throttle)
        told = {
            "attempts": unknown.attempts,
            "malformed": unknown.malformed,
            "external_ids": len(unknown.distinct),
            "digest": unknown.digest,
        }
        return [self._numbered({"unknown_attempt": told})]

    def _numbered(self, event: Event) -> Event:
        self._number += 1
        for told in event.values():
            told["number"] = self._number
        return event

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        unknown = self._unknown
        return {
            "number": self._number,
            "held": {name: [held.until, held.attempts] for name, held in self._held.items()},
            "people": {outcome: [people.quiet_until, people.attempts] for outcome, people in self._people.items()},
            "unknown": [unknown.attempts, unknown.malformed, unknown.due, unknown.quiet_until],
            "digest": unknown.digest,
            "distinct": list(unknown.distinct),
        }

    @classmethod
    def restored(cls, telling: Telling, state: Any) -> LoginEvents:
        """From what C(state) told. Raises KeyError, TypeError or ValueError for anything else."""
        events = cls(telling)
        events._number = int(state["number"])
        events._held = {str(name): _Held(float(until), int(count)) for name, (until, count) in state["held"].items()}
        for outcome, (quiet, waiting) in state["people"].items():
            events._people[str(outcome)] = _People(
                float(quiet), {str(key): int(count) for key, count in waiting.items()}
            )
        attempts, malformed, due, quiet = state["unknown"]
        digest, distinct = [str(text) for text in state["digest"]], {str(name): None for name in state["distinct"]}
        events._unknown = _Unknown(int(attempts), int(malformed), float(due), float(quiet), digest, distinct)
        return events
