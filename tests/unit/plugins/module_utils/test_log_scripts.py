# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts for real: /bin/sh on logs in a folder whose names are as bad as names can be."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_commands import LogCommands, refusal_to_read
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_lines import (
    LOGIN_MARKS,
    LOGIN_NEEDLES,
    LOOKUP_MARK,
    has_login_mark,
    timestamp_of,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_window import Window, is_in_order, placed
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_shapes import WRAPPINGS
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import (
    START,
    TRACE,
    Login,
    log_line,
    text_of,
)

WORD = "0123456789abcdef01234567"
MARKS = LOGIN_MARKS
NAMES = [
    "federation-service.log",
    "with space.log",
    'it\'s "quoted".log',
    "$(touch pwned).log",
    "`touch pwned`; touch pwned.log",
    "back\\slash [a-z]*?.log",
    "ünïcode.log",
    "no-ending",
]
ONE = Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", value="first")
TWO = Login("c7d1e2f3-0a9b-4c8d-9e7f-1234567890ab", value="second $(touch pwned) `id` '\"")
NOISE = log_line("DEBUG", "com.vmware.x.Y", "nothing", START)


def run(command: str, folder: Path) -> tuple[str, str]:
    """Standard output and standard error of a command, as a connection would give them."""
    done = subprocess.run(["/bin/sh", "-c", command], cwd=folder, capture_output=True, check=False, timeout=30)
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def sections(commands: LogCommands, command: str, folder: Path) -> dict[str, str]:
    """The sections of a command that ran to its end."""
    output, errors = run(command, folder)
    found = commands.sections(output)
    assert found is not None, (output, errors)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of its own; a name that was run as a command leaves a trace in it."""
    place = tmp_path / "lo'g $(dir)"
    place.mkdir()
    yield place
    assert not (place / "pwned").exists()


@pytest.fixture(params=NAMES)
def log(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A log with two logins and noise between them."""
    path = folder / str(request.param)
    path.write_text(text_of(NOISE, *ONE.lines, *TRACE, NOISE, *TWO.lines, NOISE), encoding="utf-8")
    return path


def test_the_log_is_opened(log: Path, folder: Path) -> None:
    os.utime(log, (1_700_000_000, 1_700_000_000))
    commands = LogCommands(WORD, str(log))
    found = sections(commands, commands.open(rotated=False), folder)
    assert abs(int(found["now"]) - time.time()) < 60
    status = log.stat()
    assert found["files"].rstrip("\n") == f"{status.st_ino}\t{status.st_size}\t1700000000\t{log}"
    assert found["last"].endswith(f"\n{NOISE}\n")
    assert len(found["last"].splitlines()) == 5, "the last one may be half a line"


def test_rotated_files_are_listed(log: Path, folder: Path) -> None:
    stem = str(log).removesuffix(".log")
    rotated = [Path(f"{stem}{ending}") for ending in (".log.1", ".log.2.gz", "-20260204.log", " x.log.3")]
    for path in rotated:
        path.write_text("older\n", encoding="utf-8")
    (folder / "another.txt").touch()
    Path(f"{stem}.log.folder").mkdir()
    commands = LogCommands(WORD, str(log))
    listed = sections(commands, commands.open(rotated=True), folder)["files"].rstrip("\n").split("\n")
    paths = [line.split("\t", 3)[3] for line in listed]
    assert paths[0] == str(log)
    assert set(paths[1:]) == {str(path) for path in rotated}
    assert len(paths) == len(set(paths))


def test_the_log_is_scanned_from_its_beginning(log: Path, folder: Path) -> None:
    commands = LogCommands(WORD, str(log))
    found = sections(commands, commands.scan(str(log), 0, [LOOKUP_MARK]), folder)
    assert timestamp_of(found["first"].split("\n")[0]) == START
    assert found["lines"] == text_of(ONE.lookup, TWO.lookup)
    assert found["current"].split("\t")[3] == f"{log}\n"


def test_the_log_is_scanned_from_an_offset(log: Path, folder: Path) -> None:
    commands = LogCommands(WORD, str(log))
    offset = len(text_of(NOISE, *ONE.lines).encode()) - 5  # in the midst of a line
    found = sections(commands, commands.scan(str(log), offset, MARKS), folder)
    assert found["lines"].splitlines()[-3:] == TWO.lines
    assert ONE.lookup not in found["lines"]
    assert found["first"].splitlines()[0] == NOISE, "a half line is no first line"
    end = sections(commands, commands.scan(str(log), log.stat().st_size, MARKS), folder)
    assert (end["first"], end["lines"]) == ("", "")


def test_compressed_files_are_read_whole(log: Path, folder: Path) -> None:
    packed = Path(f"{log}.1.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    commands = LogCommands(WORD, str(log))
    found = sections(commands, commands.scan(str(packed), 0, [LOOKUP_MARK]), folder)
    assert found["lines"] == text_of(ONE.lookup, TWO.lookup)
    assert timestamp_of(found["first"].split("\n")[0]) == START
    assert found["current"].split("\t")[3] == f"{log}\n", "what is told of is the current file"
    assert timestamp_of(sections(commands, commands.last(str(packed)), folder)["last"].split("\n")[-2]) == START


def test_white_space_before_the_first_mark_may_be_stripped(folder: Path) -> None:
    commands = LogCommands(WORD, str(folder / "none.log"))
    output, _errors = run(commands.open(rotated=True), folder)
    assert "missing" in (commands.sections(output.lstrip()) or {})


def test_a_compressed_file_that_breaks_off_is_told(folder: Path) -> None:
    log, packed = folder / "f.log", folder / "f.log.1.gz"
    log.touch()
    noise = "".join(f"{NOISE} {number * 7919}\n" for number in range(5000))
    whole = gzip.compress((text_of(*ONE.lines) + noise).encode())
    commands = LogCommands(WORD, str(log))
    packed.write_bytes(whole)
    assert not commands.is_damaged("".join(run(commands.scan(str(packed), 0, MARKS), folder)))
    for data in (whole[: len(whole) // 2], b"no gzip at all"):
        packed.write_bytes(data)
        output, errors = run(commands.scan(str(packed), 0, MARKS), folder)
        assert commands.sections(output) is not None
        assert commands.is_damaged(errors)


def test_a_mark_of_many_words_is_no_pattern(folder: Path) -> None:
    log = folder / "f.log"
    log.write_text("a.c\nabc\n[x]\n-e\n", encoding="utf-8")
    commands = LogCommands(WORD, str(log))
    assert sections(commands, commands.scan(str(log), 0, ["a.c"]), folder)["lines"] == "a.c\n"
    assert sections(commands, commands.scan(str(log), 0, ["[x]", "-e"]), folder)["lines"] == "[x]\n-e\n"


def test_login_lines_are_found_in_any_case_and_each_once(folder: Path) -> None:
    log = folder / "f.log"
    both = f"{ONE.lookup} {ONE.refusal}"
    lines = [NOISE, *(line.upper() for line in ONE.lines), *TRACE, both, *TWO.lines, NOISE]
    log.write_text(text_of(*lines), encoding="utf-8")
    commands = LogCommands(WORD, str(log))
    for start in (0, 3):
        found = sections(commands, commands.scan(str(log), start, logins=True), folder)["lines"].splitlines()
        assert sorted(found) == sorted(line for line in lines if has_login_mark(line))
    assert all(any(needle.lower() in mark.lower() for needle in LOGIN_NEEDLES) for mark in LOGIN_MARKS)


def test_bytes_that_are_no_text_hide_no_line(folder: Path) -> None:
    log = folder / "f.log"
    log.write_bytes(b"\x00\xff\xfe binary\n" + text_of(*ONE.lines).encode() + b"\x00\n" + text_of(*TWO.lines).encode())
    commands = LogCommands(WORD, str(log))
    found = sections(commands, commands.scan(str(log), 0, MARKS), folder)
    assert found["lines"] == text_of(*ONE.lines, *TWO.lines)
    assert sections(commands, commands.open(rotated=False), folder)["last"].endswith(f"\n{TWO.lines[-1]}\n")


def test_a_last_line_without_an_end_does_not_swallow_the_marks(folder: Path) -> None:
    log = folder / "f.log"
    log.write_text(text_of(*ONE.lines).rstrip("\n"), encoding="utf-8")
    commands = LogCommands(WORD, str(log))
    assert sections(commands, commands.scan(str(log), 0, MARKS), folder)["lines"] == text_of(*ONE.lines)


def test_a_log_that_tells_of_marks_forges_none(folder: Path) -> None:
    log = folder / "f.log"
    log.write_text(text_of("@42:end", f"{LOOKUP_MARK}\n@42:missing", *ONE.lines), encoding="utf-8")
    commands = LogCommands(WORD, str(log))
    found = sections(commands, commands.scan(str(log), 0, MARKS), folder)
    assert set(found) == {"first", "lines", "current", "end"}


def test_what_cannot_be_read_is_told(folder: Path) -> None:
    missing = LogCommands(WORD, str(folder / "none.log"))
    no_file = LogCommands(WORD, str(folder))
    log = folder / "f.log"
    log.touch()
    there = LogCommands(WORD, str(log))
    for commands, reason in ((missing, "missing"), (no_file, "nofile")):
        for command in (
            commands.open(rotated=True),
            commands.scan("/x", 0, MARKS),
            commands.timeline("/x", 0),
            commands.last("/x"),
            commands.wait("1", 0, 5, 5, MARKS),
        ):
            assert refusal_to_read(sections(commands, command, folder)) == reason
    gone = sections(there, there.scan(str(folder / "gone.log.1"), 0, MARKS), folder)
    assert refusal_to_read(gone) == "unreadable"


def test_an_empty_log_is_no_fault(folder: Path) -> None:
    log = folder / "f.log"
    log.touch()
    commands = LogCommands(WORD, str(log))
    assert sections(commands, commands.open(rotated=True), folder)["last"] == ""
    assert sections(commands, commands.scan(str(log), 0, MARKS), folder)["lines"] == ""


def waiting(
    log: Path, folder: Path, seconds: int, settle: int = 0, position: int | None = None
) -> tuple[dict[str, str], float]:
    """What waiting for a login answers, and how long it takes."""
    commands, status = LogCommands(WORD, str(log)), log.stat()
    began = time.monotonic()
    at = status.st_size if position is None else position
    found = sections(commands, commands.wait(str(status.st_ino), at, seconds, settle, MARKS), folder)
    return found, time.monotonic() - began


def test_waiting_ends_when_a_login_is_written(folder: Path) -> None:
    log = folder / "it's $(touch pwned).log"
    log.write_text(text_of(*ONE.lines), encoding="utf-8")

    def write() -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(text_of(NOISE, *TWO.lines))

    timer = threading.Timer(0.5, write)
    timer.start()
    found, _took = waiting(log, folder, 20)
    timer.join()
    assert found["waited"] == "1\n"


def test_waiting_looks_behind_the_position_only(folder: Path) -> None:
    log = folder / "f.log"
    log.write_text(text_of(*ONE.lines), encoding="utf-8")
    assert waiting(log, folder, 0)[0]["waited"] == "0\n"
    assert waiting(log, folder, 0, position=0)[0]["waited"] == "1\n"


def test_waiting_ends_in_time(folder: Path) -> None:
    log = folder / "f.log"
    log.touch()
    found, took = waiting(log, folder, 1)
    assert found["waited"] == "0\n"
    assert 0 < took < 15


def test_waiting_tells_of_a_rotation(folder: Path) -> None:
    log = folder / "f.log"
    log.write_text(text_of(NOISE), encoding="utf-8")
    commands = LogCommands(WORD, str(log))
    inode, size = str(log.stat().st_ino), log.stat().st_size
    shrunk = commands.wait(inode, size + 1, 1, 0, MARKS)
    assert refusal_to_read(sections(commands, shrunk, folder)) == "rotated"
    other = commands.wait("1", size, 1, 0, MARKS)
    assert refusal_to_read(sections(commands, other, folder)) == "rotated"


@pytest.mark.parametrize("seed", range(12))
def test_the_timeline_says_the_same_as_all_lines(folder: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    moment, lines = START, list[str]()
    for number in range(60):
        moment += timedelta(seconds=chance.choice([0, 0, 1, 20, 50, 130, -1, -100, -130]))
        login = Login(ONE.context, value=f"v{number}", moment=moment)
        shape = chance.choice([*WRAPPINGS.values()] if chance.random() < 0.2 else [WRAPPINGS["as it is"]])
        lines += chance.choice([[log_line("INFO", "a.B", "c", moment)], [login.lookup], TRACE, [f"x {login.lookup}"]])
        lines[-1] = shape(lines[-1])
    log = folder / "f.log"
    log.write_text(text_of(*lines), encoding="utf-8", newline="\n")
    commands = LogCommands(WORD, str(log))
    reduced = sections(commands, commands.timeline(str(log), 0), folder)["lines"].rstrip("\n").split("\n")
    assert set(reduced) <= set(lines)
    (some, shown), (every, wanted) = placed(reduced), placed(lines)
    assert shown == wanted
    for minutes in range(-5, 60, 3):
        window = Window(START + timedelta(minutes=minutes), START + timedelta(minutes=minutes + 30))
        assert is_in_order(some, window) is is_in_order(every, window)
