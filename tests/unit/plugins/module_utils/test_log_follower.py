# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Following for real: /bin/sh on a log that is written, rotated, copied, truncated and compressed while it is read."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_follower import LogFollower, LogMissingError
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_position import Place
from hypothesis import given, settings
from hypothesis import strategies as st

MOST = 1024


async def shell(command: str) -> tuple[str, str]:
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await child.communicate()
    return output.decode("utf-8", "surrogateescape"), errors.decode()


class Log:
    """A log as logrotate treats it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "federation-service.log"
        self.path.touch()
        self.written: list[str] = []
        self._clock = 1_770_000_000

    def write(self, count: int, *, torn: bool = False) -> None:
        with self.path.open("ab") as file:
            for _line in range(count):
                line = f"2026-02-04T15:00:00,{len(self.written):06} INFO line {'x' * (len(self.written) % 97)} \udcff"
                self.written.append(line)
                data = line.encode("utf-8", "surrogateescape")
                file.write(data[:20])
                if torn:
                    file.flush()
                    torn = False
                file.write(data[20:] + b"\n")
        # Rotations are further apart than the clock of a file system.
        self._clock += 10
        os.utime(self.path, (self._clock, self._clock))

    def rotate(self, kind: str) -> None:
        old = sorted(self.path.parent.glob(f"{self.path.name}.*"), key=_number, reverse=True)
        for file in old:
            file.rename(file.with_name(f"{self.path.name}.{_number(file) + 1}{'.gz' * (file.suffix == '.gz')}"))
        target = self.path.with_name(f"{self.path.name}.1")
        if kind == "copytruncate":
            shutil.copy2(self.path, target)
            os.truncate(self.path, 0)
        else:
            self.path.rename(target)
            self.path.touch()
        os.utime(self.path, (self._clock + 1, self._clock + 1))

    def compress(self) -> None:
        for file in self.path.parent.glob(f"{self.path.name}.*"):
            if file.suffix != ".gz":
                packed = file.with_name(f"{file.name}.gz")
                packed.write_bytes(gzip.compress(file.read_bytes()))
                shutil.copystat(file, packed)
                file.unlink()


def _number(file: Path) -> int:
    return int(file.name.removesuffix(".gz").rpartition(".")[2])


def restarted(follower: LogFollower, log: Log) -> LogFollower:
    place = follower.place
    assert place is not None
    return LogFollower(str(log.path), Place.restored(json.loads(json.dumps(place.state()))), most_output=MOST)


async def drain(follower: LogFollower, most: int = 200) -> list[str]:
    """Read until nothing comes any more."""
    lines: list[str] = []
    idle = 0
    for _round in range(most):
        text, gap = await follower.read(shell, 0)
        assert not gap
        lines += text.split("\n")[:-1] if text else []
        idle = 0 if text else idle + 1
        if idle == 3:
            return lines
    raise AssertionError("it never comes to an end")


def play(steps: Sequence[tuple[str, int]], folder: Path, *, filled: bool = True) -> tuple[list[str], list[str]]:
    """What was written, and what was read."""

    async def run() -> list[str]:
        follower = LogFollower(str(log.path), at_end=False, most_output=MOST)
        text, _gap = await follower.read(shell, 0)
        lines = text.split("\n")[:-1]
        for step, count in steps:
            if step == "write":
                log.write(count, torn=count % 2 == 0)
            elif step in ("rename", "copytruncate"):
                log.rotate(step)
            elif step == "compress":
                log.compress()
            elif step == "restart":
                follower = restarted(follower, log)
            elif step == "read":
                text, gap = await follower.read(shell, 0)
                assert not gap
                lines += text.split("\n")[:-1] if text else []
            else:
                lines += await drain(follower)
        return lines + await drain(follower)

    log = Log(folder)
    if filled:
        log.write(3)
    return log.written, asyncio.run(run())


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 40)),
    st.tuples(st.sampled_from(["rename", "copytruncate", "compress", "restart", "read", "drain"]), st.just(0)),
)


@settings(max_examples=12)
@given(st.lists(STEPS, max_size=9), st.booleans())
def test_each_line_is_read_once_whatever_happens_to_the_files(steps: list[tuple[str, int]], filled: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written, read = play(steps, Path(folder), filled=filled)
    assert read == written


@pytest.mark.parametrize("kind", ["rename", "copytruncate"])
@pytest.mark.parametrize("compress", [False, True])
def test_three_rotations_while_nobody_reads(tmp_path: Path, kind: str, compress: bool) -> None:
    steps = [("drain", 0)]
    for _rotation in range(3):
        steps += [("write", 25), (kind, 0), ("compress" if compress else "read", 0), ("write", 4)]
    written, read = play([*steps, ("restart", 0)], tmp_path)
    assert read == written


@pytest.mark.parametrize("kind", ["rename", "copytruncate"])
@pytest.mark.parametrize("before", [(), (("write", 2), ("rename", 0), ("compress", 0))])
def test_it_begins_with_an_empty_log(tmp_path: Path, kind: str, before: tuple[tuple[str, int], ...]) -> None:
    steps = [
        ("drain", 0),
        ("write", 2),
        (kind, 0),
        ("compress", 0),
        ("restart", 0),
        ("write", 2),
        (kind, 0),
        ("write", 1),
    ]
    written, read = play([*before, *steps], tmp_path, filled=False)
    assert read == written


def test_a_log_that_is_only_rotated_is_no_gap(tmp_path: Path) -> None:
    assert play([("drain", 0), ("rename", 0), ("drain", 0), ("copytruncate", 0), ("drain", 0)], tmp_path)[1]


def follower_of(log: Log, **options: bool) -> LogFollower:
    return LogFollower(str(log.path), most_output=MOST, **options)


def test_it_begins_at_the_end_and_with_whole_lines(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(30)
    with log.path.open("a") as file:
        file.write("half a")

    async def run() -> list[str]:
        follower = follower_of(log)
        await follower.read(shell, 0)
        with log.path.open("a") as file:
            file.write(" line\n")
        return await drain(follower)

    assert asyncio.run(run()) == ["half a line"]


def test_lines_without_an_end_are_left_out(tmp_path: Path) -> None:
    log = Log(tmp_path)

    async def run() -> list[str]:
        follower = follower_of(log, at_end=False)
        with log.path.open("a") as file:
            file.write("z" * 5000 + "\nnext\n")
        return [(await follower.read(shell, 0))[0] for _round in range(12)]

    assert "".join(asyncio.run(run())) == "next\n"


def test_what_was_removed_unread_is_told(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(5)

    async def run() -> tuple[list[bool], list[str]]:
        follower = follower_of(log, at_end=False)
        await drain(follower)
        log.write(5)
        log.path.unlink()
        log.path.touch()
        log.write(2)
        read = [await follower.read(shell, 0) for _round in range(4)]
        return [gap for _text, gap in read], "".join(text for text, _gap in read).split("\n")[:-1]

    gaps, lines = asyncio.run(run())
    assert sum(gaps) == 1
    assert lines == log.written[-2:]


def test_no_log_and_no_shell_are_told(tmp_path: Path) -> None:
    async def appliance_shell(_command: str) -> tuple[str, str]:
        return "Unknown command: `/bin/sh'\n", ""

    with pytest.raises(LogMissingError, match="does not exist"):
        asyncio.run(LogFollower(str(tmp_path / "none.log")).read(shell, 0))
    with pytest.raises(IdentityBrokerError, match="appliancesh"):
        asyncio.run(LogFollower(str(tmp_path / "none.log")).read(appliance_shell, 0))
