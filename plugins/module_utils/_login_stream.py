# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log as a stream: lines in, finished login attempts out, each once. PRIVATE to this collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ._federation_log import SETTLED, LoginAttempt, escaped, read_attempts
from ._log_lines import UnreadLine, has_login_mark, login_line

SETTLE = 0.25
"""Seconds after a refusal in which other lines of the login may still contradict it."""
LONGEST_LINE = 16384
LONGEST_UNREAD = 200
"""Characters kept of a line that cannot be read."""
MOST_LINES = 20
"""Lines kept of one login."""
MOST_OPEN = 5000
MOST_FINISHED = 10_000
KEPT_FINISHED = 200
"""How many finished logins a saved stream remembers, for lines of theirs that come late."""

_LONG_AFTER = datetime.fromisoformat("9999-12-31")


@dataclass
class _Login:
    due: float
    lines: list[str] = field(default_factory=list)


class LoginStream:
    """Holds the lines of logins that are not finished. Times are seconds of whatever clock the caller has."""

    def __init__(self) -> None:
        self._open: dict[str, _Login] = {}
        self._finished: dict[str, None] = {}
        self._unread: list[str] = []

    def feed(self, text: str, now: float) -> None:
        """Take whole lines, in the order of the log."""
        if not has_login_mark(text):
            return
        for line in text.split("\n"):
            read = login_line(line[:LONGEST_LINE])
            if isinstance(read, UnreadLine):
                self._unread.append(escaped(line[:LONGEST_UNREAD]))
                for context in read.contexts.intersection(self._open):
                    self._note(context, read.text, now, refused=False)
            elif read is not None and read.context is not None:
                self._note(read.context, line, now, refused=read.kind == "refusal")

    def take_unread(self) -> list[str]:
        """Return the beginnings of the login lines that could not be read since the last call, escaped."""
        unread, self._unread = self._unread, []
        return unread

    def finished(self, now: float) -> list[LoginAttempt]:
        """The logins that are finished by now: refused, or not refused within the time that it takes."""
        for name in list(self._open)[: max(0, len(self._open) - MOST_OPEN)]:
            self._open[name].due = now
        # Stable: those that are due at once are told in the order of the log.
        due = sorted(
            (name for name, login in self._open.items() if login.due <= now), key=lambda name: self._open[name].due
        )
        found: list[LoginAttempt] = []
        for name in due:
            text = "\n".join(self._open.pop(name).lines)
            found += read_attempts(text, log_end=_LONG_AFTER)
            self._finished[name] = None
        while len(self._finished) > MOST_FINISHED:
            del self._finished[next(iter(self._finished))]
        return found

    @property
    def next_due(self) -> float | None:
        """When the next one will be."""
        return min((login.due for login in self._open.values()), default=None)

    def _note(self, context: str, line: str, now: float, *, refused: bool) -> None:
        if context in self._finished:
            return
        login = self._open.setdefault(context, _Login(now + SETTLED.total_seconds()))
        if len(login.lines) < MOST_LINES:
            login.lines.append(line)
        if refused:
            login.due = min(login.due, now + SETTLE)

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "open": [[name, login.due, login.lines] for name, login in self._open.items()],
            "finished": list(self._finished)[-KEPT_FINISHED:],
        }

    @classmethod
    def restored(cls, state: Any) -> LoginStream:
        """From what C(state) told. Raises KeyError, TypeError or ValueError for anything else."""
        stream = cls()
        for name, due, lines in state["open"]:
            stream._open[str(name)] = _Login(float(due), [str(line) for line in lines])
        stream._finished = {str(name): None for name in state["finished"]}
        return stream
