# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Follows the appliance's log through somebody's way to run a command there. PRIVATE to this collection."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence

from ._errors import IdentityBrokerError
from ._log_commands import LogCommands, refusal_to_read
from ._log_position import (
    BACK_BYTES,
    Candidate,
    Place,
    as_bytes,
    candidates_of,
    find_place,
    first_place,
    passed,
    place_after,
    stands_in,
)
from ._log_reader import cannot_read, files_of, not_a_shell

MOST_OUTPUT = 1 << 20
"""Bytes of log that are read at a time."""

Execute = Callable[[str], Awaitable[tuple[str, str]]]
"""Runs a command on the appliance; returns standard output and standard error."""


class LogMissingError(IdentityBrokerError):
    """The log is not there, as in the moment when it is rotated."""


class LogFollower:
    """Reads on from a place, through rotations. C(place) is None before the first reading."""

    def __init__(
        self, log_path: str, place: Place | None = None, *, at_end: bool = True, most_output: int = MOST_OUTPUT
    ) -> None:
        self.place = place
        self._log = log_path
        self._at_end = at_end
        self._most = most_output
        self._commands = LogCommands(secrets.token_hex(12), log_path, most_output)
        self._seen = ("", 0)
        self._behind = False

    async def read(self, execute: Execute, seconds: int) -> tuple[str, bool]:
        """Whole lines, in their order, and whether some before them are gone; waits so long for the first.

        Raises LogMissingError, or another IdentityBrokerError where trying again is of no use.
        """
        place = self.place or await self._begin(execute)
        self.place = place
        if self._behind:
            return await self._catch_up(execute, place)
        found = await self._run(
            execute, self._commands.follow(self._seen, place.offset, len(place.before), max(0, seconds))
        )
        inode, _space, size = found["seen"].partition(" ")
        self._seen = (inode, int(size or 0))
        (current,) = files_of(found["current"])
        data = as_bytes(found["lines"])
        if not stands_in(place, data):
            return await self._catch_up(execute, place)
        data = data[len(place.before) :]
        self.place, text = passed(place, current, as_bytes(found["head"]), data, ended=False, most=self._most)
        return text, False

    async def _begin(self, execute: Execute) -> Place:
        found = await self._run(execute, self._commands.follow(self._seen, 0, 0, 0))
        (current,) = files_of(found["current"])
        if not current.size:
            return place_after(await self._list(execute, Place("")), self._log)
        back = min(BACK_BYTES, current.size)
        tail = await self._part(execute, current.path, current.size - back)
        return first_place(current, as_bytes(found["head"]), tail[:back], at_end=self._at_end)

    async def _catch_up(self, execute: Execute, place: Place) -> tuple[str, bool]:
        """Read on in a file that is no longer the log, or go on to the one that came after it."""
        listed = await self._list(execute, place)
        found = find_place(place, listed, self._log)
        self._behind = True
        if not found.known:
            first = found.files[0]
            anew = Place(first.file.inode, head=first.head, modified=first.file.modified)
            self.place = anew if first.head else place_after(listed, self._log)
            return "", True
        own, *newer = found.files
        # One that was rotated before anything was written to it says nothing.
        newer = [candidate for candidate in newer if candidate.head or candidate.file.path == self._log]
        if own.file.path == self._log and place.before:
            self._behind, self._seen = False, ("", 0)
            return "", False
        known = place.before or own.head
        data = b"" if place.done else await self._part(execute, own.file.path, place.offset - len(place.before))
        if len(data) >= len(known) and not data.startswith(known):
            return "", False  # rotated once more since it was listed
        data = data[len(place.before) :]
        ended = self._is_done(newer)
        room = self._most - len(place.before)
        self.place, text = passed(place, own.file, own.head, data, ended=ended and len(data) < room, most=room)
        if data or not ended:
            self._behind = ended
            return text, False
        return await self._go_on(execute, newer), False

    def _is_done(self, newer: Sequence[Candidate]) -> bool:
        """Whether the one before them is: whoever writes had begun with the next one before that one is read."""
        return bool(newer) and (newer[0].file.path != self._log or newer[0].file.size > 0)

    async def _go_on(self, execute: Execute, newer: Sequence[Candidate]) -> str:
        candidate, *others = newer
        data = await self._part(execute, candidate.file.path, 0)
        if not data.startswith(candidate.head):
            return ""
        place = Place(candidate.file.inode)
        ended = self._is_done(others) and len(data) < self._most
        moved, text = passed(place, candidate.file, candidate.head, data, ended=ended, most=self._most)
        if moved.offset:
            self.place = moved
        else:
            self._behind = False  # its first line is being written
        return text

    async def _list(self, execute: Execute, place: Place) -> list[Candidate]:
        listed = await self._run(execute, self._commands.files(place.offset, len(place.before)))
        files = {name: files_of(body)[0] for name, body in listed.items() if name.startswith("file")}
        return candidates_of(listed, files)

    async def _part(self, execute: Execute, file: str, start: int) -> bytes:
        return as_bytes((await self._run(execute, self._commands.part(file, start)))["lines"])

    async def _run(self, execute: Execute, command: str) -> dict[str, str]:
        output, errors = await execute(command)
        sections = self._commands.sections(output)
        if sections is None:
            raise not_a_shell(output, errors)
        reason = refusal_to_read(sections)
        if reason == "missing":
            missing = cannot_read(reason, self._log)
            raise LogMissingError(missing.message, way_out=missing.way_out)
        if reason:
            raise cannot_read(reason, self._log)
        return sections
