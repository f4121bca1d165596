# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of the log is read: since, the log's own clock, windows from the end, rotated files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_window import (
    MAX_STEP,
    OFFSETS,
    WINDOWS,
    Clock,
    LogFile,
    Window,
    first_wanted,
    is_in_order,
    next_start,
    older_files,
    placed,
    read_clock,
    read_since,
    window_of,
)
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import log_line
from hypothesis import example, given
from hypothesis import strategies as st

NOW = 1_770_217_200  # 2026-02-04T15:00:00Z
MOMENT = datetime(2026, 2, 4, 15, 0)  # noqa: DTZ001  core times carry no zone


@pytest.mark.parametrize(
    ("text", "means"),
    [
        (None, None),
        ("", None),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("3w", timedelta(weeks=3)),
        ("0m", timedelta(0)),
        ("2026-02-04T15:00:00Z", MOMENT),
        ("2026-02-04T15:00:00", MOMENT),
        ("2026-02-04T15:00", MOMENT),
        ("2026-02-04 15:00:00+00:00", MOMENT),
        ("2026-02-04T20:30:00+05:30", MOMENT),
        ("2026-02-04T11:30:00-03:30", MOMENT),
        ("2026-02-04", MOMENT.replace(hour=0)),
    ],
)
def test_since(text: str | None, means: timedelta | datetime | None) -> None:
    assert read_since(text) == means


@pytest.mark.parametrize(
    "text", ["yesterday", "30", "m", "-30m", "30 m", "1.5h", "30M", "1y", "1h30m", "2026-02-30", "30m\n", " 30m"]
)
def test_a_since_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_since(text)
    assert caught.value.field == "since"
    assert "30m" in caught.value.way_out


texts = (
    st.text(max_size=8) | st.from_regex(r"[0-9]{1,7}[smhdwx]", fullmatch=True) | st.datetimes().map(datetime.isoformat)
)


@given(texts, st.integers(-56, 56))
@example("999999d", 0)
@example("999999w", 0)
@example("0001-01-01", -4)
@example("0001-01-01T00:00:00+05:00", 0)
@example("9999-12-31T23:59:59-05:00", 0)
@example("9999-12-31", 4)
def test_any_text_is_a_time_or_refused(text: str, quarters: int) -> None:
    wanted, field = None, None
    try:
        wanted = first_wanted(read_since(text), Clock(MOMENT, timedelta(minutes=15 * quarters), True))
    except InputError as error:
        field = error.field
    if field is not None:
        assert field == "since"
        return
    assert (wanted is None) == (text == "")
    assert wanted is None or wanted.tzinfo is None


@given(st.timedeltas(timedelta(0), timedelta(days=1000)), st.integers(-56, 56))
def test_the_first_time_that_counts_is_in_the_log_s_own_time(back: timedelta, quarters: int) -> None:
    offset = timedelta(minutes=15 * quarters)
    clock = Clock(MOMENT, offset, True)
    assert first_wanted(back, clock) == MOMENT - back + offset
    assert first_wanted(MOMENT - back, clock) == MOMENT - back + offset
    assert first_wanted(None, clock) is None


def line_at(moment: datetime) -> str:
    """The last line of a log."""
    return log_line("INFO", "com.vmware.x.Y", "nothing", moment)


@pytest.mark.parametrize(
    "offset",
    [
        timedelta(0),
        timedelta(hours=5, minutes=30),
        -timedelta(hours=3, minutes=30),
        timedelta(hours=14),
        timedelta(hours=-12),
    ],
)
@pytest.mark.parametrize("age", [0, 5, 86400])
@pytest.mark.parametrize("lag", [0, 1, 60])
def test_the_offset_of_the_log_is_found(offset: timedelta, age: int, lag: int) -> None:
    written = NOW - age
    line = line_at(MOMENT - timedelta(seconds=age + lag) + offset)
    assert read_clock(NOW, written, line) == Clock(MOMENT, offset, True)


@given(st.sampled_from(OFFSETS), st.integers(0, 100), st.integers(0, 10**7), st.integers(0, 999))
def test_every_zone_is_found(hours: float, lag: int, age: int, milliseconds: int) -> None:
    offset = timedelta(hours=hours)
    stamp = MOMENT + offset - timedelta(seconds=age + lag) + timedelta(milliseconds=milliseconds)
    assert read_clock(NOW, NOW - age, line_at(stamp)) == Clock(MOMENT, offset, True)


def test_the_offsets_are_those_that_time_zones_have() -> None:
    year = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13)]
    zones = [
        ZoneInfo(name) for name in available_timezones() if not name.startswith(("Etc/", "Factory", "posix/", "right/"))
    ]
    existing = {moment.astimezone(zone).utcoffset() for zone in zones for moment in year}
    # On the open sea, without a place in the database: UTC-12.
    assert {timedelta(hours=hours) for hours in OFFSETS} - {timedelta(hours=-12)} == existing - {timedelta(hours=-12)}


@given(st.sampled_from(OFFSETS), st.integers(-120, 120))
def test_an_offset_is_certain_within_two_minutes(hours: float, seconds: int) -> None:
    stamp = MOMENT + timedelta(hours=hours, seconds=seconds)
    assert read_clock(NOW, NOW, line_at(stamp)).certain


@given(st.integers(-60 * 60 * 24 * 6, 60 * 60 * 24 * 6))
def test_no_other_offset_is_certain(seconds: int) -> None:
    near = min(abs(timedelta(seconds=seconds) - timedelta(hours=hours)) for hours in OFFSETS)
    assert read_clock(NOW, NOW, line_at(MOMENT + timedelta(seconds=seconds))).certain is (near <= MAX_STEP)


def test_the_last_readable_line_counts() -> None:
    lines = [line_at(MOMENT + timedelta(hours=5)), line_at(MOMENT + timedelta(hours=2)), line_at(MOMENT)[:40]]
    assert read_clock(NOW, NOW, "\n".join(lines)) == Clock(MOMENT, timedelta(hours=2), True)
    assert read_clock(NOW, NOW, lines[-1]) == Clock(MOMENT, timedelta(0), False)
    assert read_clock(NOW, NOW, "", is_empty=True) == Clock(MOMENT, timedelta(0), True)


@pytest.mark.parametrize("minutes", [5, 7, 10, 22, 24 * 60, 15 * 24 * 60, 14 * 60 + 20])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_copied_or_touched_log_is_taken_for_utc_and_said_to_be_uncertain(minutes: int, sign: int) -> None:
    line = line_at(MOMENT + sign * timedelta(minutes=minutes))
    assert read_clock(NOW, NOW, line) == Clock(MOMENT, timedelta(0), False)


def test_a_host_that_cannot_tell_when_the_log_was_written() -> None:
    assert read_clock(NOW, 0, line_at(MOMENT)) == Clock(MOMENT, timedelta(0), False)


@pytest.mark.parametrize("line", ["", "half a line", "2026-02-04T15:00:00,000"])
def test_a_log_without_a_line_has_no_offset(line: str) -> None:
    assert read_clock(NOW, NOW, line).offset == timedelta(0)


WINDOW = window_of(timedelta(minutes=30), Clock(MOMENT, timedelta(hours=2), True))


def test_a_window_ends_two_minutes_after_the_clock() -> None:
    here = MOMENT + timedelta(hours=2)
    for minutes, inside in ((-30, True), (-30.1, False), (0, True), (2, True), (2.1, False), (5 * 24 * 60, False)):
        assert WINDOW.contains(here + timedelta(minutes=minutes)) is inside
    assert window_of(None, Clock(MOMENT, timedelta(0), False)) == Window()
    assert Window().contains(here + timedelta(days=999))


@given(st.lists(st.integers(-4000, 200), max_size=12))
def test_the_order_is_that_of_the_lines_from_the_first_one_inside_the_window(seconds: list[int]) -> None:
    here = MOMENT + timedelta(hours=2)
    stamps = [here + timedelta(seconds=each) for each in seconds]
    lines, _placed = placed([line_at(stamp) for stamp in stamps])
    begin = next((number for number, stamp in enumerate(stamps) if WINDOW.contains(stamp)), len(stamps))
    counting = stamps[begin:]
    steps = [earlier - later for number, later in enumerate(counting) for earlier in counting[:number]]
    assert is_in_order(lines, WINDOW) is (max(steps, default=timedelta(0)) <= MAX_STEP)


@given(st.integers(0, 2**40), st.sampled_from([None, MOMENT]), st.sampled_from([None, MOMENT]), st.integers(-5, 5))
def test_reading_makes_progress_and_ends(
    size: int, wanted: datetime | None, first: datetime | None, seconds: int
) -> None:
    first = None if first is None else first + timedelta(seconds=seconds)
    start = next_start(size, None, None, wanted)
    assert start is not None
    starts = [start]
    while (start := next_start(size, start, first, wanted)) is not None:
        assert start < starts[-1], "each window begins before the last one"
        starts.append(start)
        assert len(starts) <= len(WINDOWS) + 1
    assert all(0 <= offset <= size for offset in starts)
    if first is None or wanted is None or first >= wanted:
        assert starts[-1] == 0, "all was read, for want of a reason to stop"
    else:
        assert len(starts) == 1, "the first window reached back far enough"


def test_the_first_window_is_the_end_of_a_large_file_and_the_whole_of_a_small_one() -> None:
    assert next_start(1 << 30, None, None, MOMENT) == (1 << 30) - WINDOWS[0]
    assert next_start(WINDOWS[0], None, None, MOMENT) == 0
    assert next_start(0, None, None, None) == 0
    assert next_start(1 << 30, 0, None, MOMENT) is None
    # A first line of the very moment may have a neighbour before it.
    assert next_start(1 << 30, 5, MOMENT, MOMENT) == 0


CLOCK = Clock(MOMENT, timedelta(hours=2), True)
CURRENT = LogFile("/log/f.log", "1", 5, NOW)


def test_older_files_come_newest_first_without_the_current_one() -> None:
    files = [
        CURRENT,
        LogFile("/log/f.log.3", "4", 5, NOW - 300),
        LogFile("/log/f.log.1", "2", 5, NOW - 100),
        LogFile("/log/f.log.2.gz", "3", 5, NOW - 200),
    ]
    paths = [file.path for file in older_files(files, CURRENT.path, None, CLOCK)]
    assert paths == ["/log/f.log.1", "/log/f.log.2.gz", "/log/f.log.3"]


@given(st.lists(st.integers(0, NOW), max_size=5), st.integers(0, NOW))
def test_older_files_that_ended_before_the_window_are_left_out(modified: list[int], begin: int) -> None:
    files = [CURRENT, *(LogFile(f"/log/f.log.{number}", "2", 5, when) for number, when in enumerate(modified))]
    wanted = datetime.fromtimestamp(begin, UTC).replace(tzinfo=None) + CLOCK.offset
    kept = older_files(files, CURRENT.path, wanted, CLOCK)
    assert {file.path for file in kept} == {f.path for f in files[1:] if f.modified == 0 or f.modified >= begin}
    assert [file.modified for file in kept] == sorted((file.modified for file in kept), reverse=True)


@pytest.mark.parametrize(("path", "compressed"), [("/a/f.log", False), ("/a/f.log.1.gz", True), ("/a.gz/f.log", False)])
def test_compressed_files(path: str, compressed: bool) -> None:
    assert LogFile(path, "1", 1, 1).compressed is compressed
