# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which part of the log must be read: clocks, windows and rotated files. PRIVATE to this collection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ._errors import InputError
from ._federation_log import timestamp_of

WINDOWS = (1 << 20, 1 << 24, 1 << 27)
"""How many bytes from the end are tried, one after the other, before the whole file is."""
LOOK_BACK = 1 << 20
"""How far before a refusal its look-up is searched, in bytes."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 10 * 366 * 86400
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_QUARTER = 900
_SLACK = 120
_WIDEST_OFFSET = 14 * 3600


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
    """The appliance's clock, and how far the log's own time is ahead of UTC."""

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


def read_clock(now: int, modified: int, last_line: str) -> Clock:
    """Compare the time of the log's last line with the time when the file was last written.

    Lines carry no zone. Zones differ by quarters of an hour, so what is left over must be small; else the
    file was copied or touched, and UTC, the appliance's default, is assumed.
    """
    moment = _utc(now)
    stamp = timestamp_of(last_line)
    if stamp is None or modified <= 0:
        return Clock(moment, timedelta(0), stamp is None)
    ahead = (stamp - _utc(modified)).total_seconds()
    quarters = round(ahead / _QUARTER)
    certain = abs(ahead - quarters * _QUARTER) <= _SLACK and abs(quarters * _QUARTER) <= _WIDEST_OFFSET
    return Clock(moment, timedelta(seconds=quarters * _QUARTER if certain else 0), certain)


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
