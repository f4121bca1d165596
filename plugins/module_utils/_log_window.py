# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which part of the log must be read: clock, window and rotated files. PRIVATE to this collection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ._errors import InputError
from ._log_lines import LogLine, UnreadLine, log_line, login_line

WINDOWS = (1 << 20, 1 << 24, 1 << 27)
"""How many bytes from the end are tried, one after the other, before the whole file is."""
MAX_STEP = timedelta(minutes=2)
"""How far a stamp may be ahead of the clock or behind an earlier stamp, and the offset beside one that exists."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 10 * 366 * 86400
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
OFFSETS = (
    *(
        -12.0,
        -11.0,
        -10.0,
        -9.5,
        -9.0,
        -8.0,
        -7.0,
        -6.0,
        -5.0,
        -4.0,
        -3.5,
        -3.0,
        -2.5,
        -2.0,
        -1.0,
        0.0,
        1.0,
        2.0,
        3.0,
        3.5,
    ),
    *(4.0, 4.5, 5.0, 5.5, 5.75, 6.0, 6.5, 7.0, 8.0, 8.75, 9.0, 9.5, 10.0, 10.5, 11.0, 12.0, 12.75, 13.0, 13.75, 14.0),
)
"""The offsets from UTC that time zones have, in hours."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file as the host lists it. Times are seconds since the epoch; 0 where the host cannot tell."""

    path: str
    inode: str
    size: int
    modified: int

    @property
    def compressed(self) -> bool:
        """Whether it can only be read from its beginning."""
        return self.path.endswith(".gz")


@dataclass(frozen=True, slots=True)
class Clock:
    """The appliance's clock, and how far the log's own time is ahead of UTC.

    If `certain` is False, the offset is not known and taken for zero.
    """

    now: datetime
    offset: timedelta
    certain: bool

    def log_time(self, moment: datetime) -> datetime:
        """A moment (UTC) in the log's own time."""
        return moment + self.offset


def read_since(text: str | None) -> timedelta | datetime | None:
    """Read C(since): 30m, 2h, 1d, or ISO 8601 (UTC unless it names a zone). Raises InputError."""
    if text is None or text == "":
        return None
    if (matched := re.fullmatch(r"([0-9]{1,6})([smhdw])", text)) and int(matched[1]) * _UNITS[matched[2]] <= _LONGEST:
        return timedelta(seconds=int(matched[1]) * _UNITS[matched[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise InputError("since", f"{text!r} is no time", "Give 30m, 2h, 1d, or 2026-02-04T15:00:00Z.")
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


@dataclass(frozen=True, slots=True)
class Window:
    """The times that count, in the log's own time. Without `first` every time counts."""

    first: datetime | None = None
    last: datetime | None = None

    def contains(self, moment: datetime) -> bool:
        """Return whether a stamp is recent. One that is ahead of the clock never is."""
        return (self.first is None or self.first <= moment) and (self.last is None or moment <= self.last)

    def may_contain(self, line: UnreadLine) -> bool:
        """Return whether a line was written inside the window, or may have been."""
        if line.timestamp is not None:
            return self.contains(line.timestamp)
        return self.first is None or line.not_after is None or self.first <= line.not_after


def read_clock(now: int, modified: int, last_lines: str, *, is_empty: bool = False) -> Clock:
    """Compare the time of the log's last readable line with the time when the file was last written.

    Stamps carry no zone. The difference must be near an offset that some time zone has; otherwise the file was copied or
    touched, and the offset is not certain.
    """
    moment = _utc(now)
    lines = (log_line(line) for line in reversed(last_lines.split("\n")))
    last = next((line for line in lines if line), None)
    if last is None or modified <= 0:
        return Clock(moment, timedelta(0), certain=is_empty)
    ahead = last.timestamp - _utc(modified)
    offset = min((timedelta(hours=hours) for hours in OFFSETS), key=lambda each: abs(ahead - each))
    certain = abs(ahead - offset) <= MAX_STEP
    return Clock(moment, offset if certain else timedelta(0), certain)


def window_of(since: timedelta | datetime | None, clock: Clock) -> Window:
    """Return the window of the option `since`."""
    first = first_wanted(since, clock)
    return Window(first, None if first is None else clock.log_time(clock.now) + MAX_STEP)


def is_in_order(lines: Sequence[LogLine], window: Window) -> bool:
    """Return whether the stamps can be trusted from the first line inside the window to the end.

    A stamp that steps back shows that the clock or its offset was changed, so that an older line may seem to be recent. The
    same holds for lines that name their zone among lines that do not.
    """
    highest: LogLine | None = None
    for line in lines:
        if highest is None and not window.contains(line.timestamp):
            continue
        if highest is not None and (
            line.timestamp < highest.timestamp - MAX_STEP or line.is_zoned is not highest.is_zoned
        ):
            return False
        if highest is None or line.timestamp > highest.timestamp:
            highest = line
    return True


def placed(lines: Sequence[str]) -> tuple[list[LogLine], dict[str, datetime | None]]:
    """Return the readable lines, and for each login line without a readable time when the next readable line was written."""
    readable: list[LogLine] = []
    found: dict[str, datetime | None] = {}
    pending: list[str] = []
    for text in lines:
        line = log_line(text)
        if line is None:
            unread = login_line(text)
            if isinstance(unread, UnreadLine) and unread.timestamp is None:
                pending.append(text)
            continue
        readable.append(line)
        for each in pending:
            found[each] = max(found.get(each) or line.timestamp, line.timestamp)
        pending.clear()
    return readable, found | dict.fromkeys(pending)


def first_wanted(since: timedelta | datetime | None, clock: Clock) -> datetime | None:
    """The earliest time that counts, in the log's own time."""
    if since is None:
        return None
    return clock.log_time(clock.now - since if isinstance(since, timedelta) else since)


def next_start(size: int, start: int | None, first: datetime | None, wanted: datetime | None) -> int | None:
    """The offset from which to read next; None when the window before sufficed.

    C(start) is that window's offset, C(first) the time of its first line.
    """
    if start == 0 or (start is not None and first is not None and wanted is not None and first < wanted):
        return None
    offsets = [size - window for window in WINDOWS if window < size]
    return next((offset for offset in offsets if start is None or offset < start), 0)


def older_files(files: Sequence[LogFile], current: str, wanted: datetime | None, clock: Clock) -> list[LogFile]:
    """The rotated files that may hold lines of the window, newest first."""
    rotated = sorted((f for f in files if f.path != current), key=lambda f: (f.modified, f.path), reverse=True)
    return [f for f in rotated if wanted is None or f.modified == 0 or clock.log_time(_utc(f.modified)) >= wanted]


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
