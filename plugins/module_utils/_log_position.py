# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where in the log reading stands, whatever its files are called by now. PRIVATE to this collection.

logrotate and Logback rename the log, copy and truncate it, and compress what is old. So a place in it is known by how its
file begins and by what stands before the place, and is found again by that.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ._log_commands import HEAD_BYTES
from ._log_window import LogFile

BACK_BYTES = 200
"""Bytes before a place that it is known by."""


@dataclass(frozen=True, slots=True)
class Place:
    """Everything before it was read. C(modified) is when its file was last changed, as far as known.

    Without C(head) it is where the first file begins that holds anything.
    """

    inode: str
    offset: int = 0
    head: bytes = b""
    before: bytes = b""
    modified: int = 0
    skipping: bool = False
    """Whether it stands in a line that is too long to be kept."""
    done: bool = False
    """Whether it is the end of a file to which no more is written, wherever that is."""

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        texts = {name: base64.b64encode(getattr(self, name)).decode() for name in ("head", "before")}
        return {
            "inode": self.inode,
            "offset": self.offset,
            "modified": self.modified,
            "skipping": self.skipping,
            "done": self.done,
            **texts,
        }

    @classmethod
    def restored(cls, state: Any) -> Place:
        """From what C(state) told. Raises KeyError, TypeError or ValueError for anything else."""
        head, before = (base64.b64decode(state[name], validate=True) for name in ("head", "before"))
        offset, modified = int(state["offset"]), int(state["modified"])
        if offset < 0 or len(before) > offset:
            raise ValueError("the offset is wrong")
        flags = bool(state["skipping"]), bool(state["done"])
        return cls(str(state["inode"]), offset, head, before, modified, *flags)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file as it is now. C(before) is what stands before the place's offset; of a compressed one it is not read."""

    file: LogFile
    head: bytes
    before: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """The files from the place's own on, oldest first. Without C(known) its own is gone."""

    files: tuple[Candidate, ...]
    known: bool


def as_bytes(section: str) -> bytes:
    """Part of a log, as it was before it was decoded."""
    return section.encode("utf-8", "surrogateescape")


def as_text(data: bytes) -> str:
    """Part of a log, so that C(as_bytes) gives it back."""
    return data.decode("utf-8", "surrogateescape")


def first_place(current: LogFile, head: bytes, tail: bytes, *, at_end: bool) -> Place:
    """Where to begin in a log that is not empty. C(tail) ends at the size that C(current) tells."""
    if not at_end:
        return Place(current.inode, head=head, modified=current.modified)
    # What is in the midst of being written is read whole.
    before = tail[: tail.rfind(b"\n") + 1] or tail
    return Place(current.inode, current.size - len(tail) + len(before), head, before, current.modified)


def place_after(candidates: Sequence[Candidate], current: str) -> Place:
    """Where to go on when the log is empty: after everything that was rotated."""
    rotated = [c for c in candidates if c.file.path != current and c.head]
    if not rotated:
        return Place("")
    newest = max(rotated, key=lambda candidate: _age(candidate.file, current))
    return Place(newest.file.inode, head=newest.head, modified=newest.file.modified, done=True)


def stands_in(place: Place, data: bytes) -> bool:
    """Whether the place is in a file; C(data) begins with what stands before it there."""
    return bool(place.before) and data.startswith(place.before)


def passed(place: Place, file: LogFile, head: bytes, data: bytes, *, ended: bool, most: int) -> tuple[Place, str]:
    """Take whole lines from what stands behind the place. C(ended) says that no more will be written to the file."""
    text, skipping = data, place.skipping
    if skipping:
        _rest, newline, text = data.partition(b"\n")
        skipping = not newline
    lines = text if ended else text[: text.rfind(b"\n") + 1]
    if not lines and len(text) >= most:
        skipping, lines = True, b""
        used = len(data)
    else:
        used = len(data) - len(text) + len(lines)
    before = (place.before + data[:used])[-BACK_BYTES:]
    offset = place.offset + used
    moved = replace(
        place,
        inode=file.inode,
        offset=offset,
        head=head[:HEAD_BYTES] if offset else b"",
        before=before[-offset:] if offset else b"",
        modified=file.modified,
        skipping=skipping,
        done=False,
    )
    return moved, as_text(lines)


def find_place(place: Place, candidates: Sequence[Candidate], current: str) -> Found:
    """Find the place's file among the log and the rotated ones, and those that came after it."""
    names = {candidate.file.path for candidate in candidates}
    files = sorted(
        # Being compressed, a file is there twice for a while.
        (c for c in candidates if not (c.file.compressed and c.file.path.removesuffix(".gz") in names)),
        key=lambda candidate: _age(candidate.file, current),
    )
    if not place.head:
        return Found(tuple(c for c in files if c.head or c.file.path == current), known=True)
    # The log itself first: a copy that logrotate makes of it is not finished.
    for index in reversed(range(len(files))):
        if _holds(place, files[index], is_current=files[index].file.path == current):
            return Found(tuple(files[index:]), known=True)
    newer = [c for c in files if c.file.path == current or c.file.modified >= place.modified]
    return Found(tuple(newer), known=False)


def candidates_of(sections: Mapping[str, str], files: Mapping[str, LogFile]) -> list[Candidate]:
    """The candidates that C(LogCommands.files) listed. C(files) holds what was described, by section."""
    found = []
    for name, file in files.items():
        number = name.removeprefix("file")
        head, before = (as_bytes(sections.get(f"{part}{number}", "")) for part in ("head", "before"))
        found.append(Candidate(file, head, before))
    return found


def _holds(place: Place, candidate: Candidate, *, is_current: bool) -> bool:
    if not candidate.head.startswith(place.head):
        return False
    if candidate.file.compressed:
        return True
    if candidate.file.size < place.offset:
        # A copy from before the last lines, which were read from the log itself.
        return not is_current
    return candidate.before == place.before


def _age(file: LogFile, current: str) -> tuple[bool, int, int, str]:
    number = re.search(r"\.(\d{1,6})(?:\.gz)?$", file.path)
    return file.path == current, file.modified, -int(number[1]) if number else 0, file.path
