# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What both event sources have in common: options, the allow list's file, what is remembered. PRIVATE to this collection."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ._allow_list import AllowList, read_allow_list
from ._errors import IdentityBrokerError, InputError
from ._journal import DEFAULT as STATE_FOLDER
from ._log_position import Place
from ._login_events import Event, LoginEvents, Telling
from ._login_stream import LoginStream
from ._private_file import write_private_file

logger = logging.getLogger("homelab.identity_broker")

COMMON_OPTIONS = frozenset({"allow_list", "domain", "outcome", "repeat_after", "throttle", "state_file"})
MOST_BYTES = 16 << 20
SAVE_EVERY = 1.0
_VERSION = 1


def check_names(args: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raise InputError for an option that does not exist."""
    unknown = sorted(str(name) for name in args if name not in known)
    if unknown:
        raise InputError(unknown[0], "there is no such option", f"There are {', '.join(sorted(known))}.")


def text_of(args: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """A text, or what holds without it."""
    value = args.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise InputError(name, "it is not a string", f'Quote it: {name}: "..."')
    return value


def needed(args: Mapping[str, Any], name: str, way_out: str) -> str:
    """A text that there must be."""
    value = text_of(args, name)
    if value is None:
        raise InputError(name, "it is missing", way_out)
    return value


def number_of(args: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """A whole number from 0 to C(most); a rulebook's variable may bring it as a text."""
    value = args.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) > most:
        raise InputError(name, f"{str(value)[:20]!r} is out of range", f"Give a whole number from 0 to {most}.")
    return int(value)


def choice_of(args: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """One of some words, the first by default."""
    value = text_of(args, name, choices[0]) or ""
    if value not in choices:
        raise InputError(name, f"{value[:20]!r} is none", f"Give one of {', '.join(choices)}.")
    return value


def path_of(text: str) -> Path:
    """A path as users write them."""
    return Path(text).expanduser().absolute()


def read_telling(args: Mapping[str, Any]) -> Telling:
    """What is told, and how often."""
    return Telling(
        domain=text_of(args, "domain"),
        every_outcome=choice_of(args, "outcome", ("denied", "any")) == "any",
        repeat_after=number_of(args, "repeat_after", 60, 86400),
        throttle=number_of(args, "throttle", 60, 86400),
    )


def default_state_file(source: str, name: str) -> str:
    """Where a source remembers, unless it is told."""
    safe = "".join(char if char.isalnum() or char in ".-" else "_" for char in name)
    return f"{STATE_FOLDER}/{source}-{safe}.json"


class AllowListFile:
    """The allow list, read anew when its file has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = self._stamp_now()
        self._list = self._read()

    def current(self) -> AllowList:
        """As the file is now. One that cannot be used is told once, and the list before it holds."""
        try:
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._stamp = stamp
                self._list = self._read()
                logger.warning("The allow list %s was read anew: %d people.", self._file, len(self._list.by_key))
        except InputError as error:
            logger.error("%s The list before it still holds.", error)  # noqa: TRY400 the message is the whole of it
        return self._list

    def _stamp_now(self) -> tuple[int, int, int]:
        try:
            status = self._file.stat()
        except OSError:
            return (0, 0, 0)
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> AllowList:
        return load_allow_list(self._file)


def load_allow_list(file: Path) -> AllowList:
    """Read and check the file. Raises InputError."""
    import yaml

    way_out = "Write one item for each person: - external_id: ..., username: ..."
    try:
        data = file.read_bytes()
        if len(data) > MOST_BYTES:
            raise InputError("allow_list", f"{file} is larger than {MOST_BYTES >> 20} MiB", way_out)
        return read_allow_list(yaml.safe_load(data.decode("utf-8")) or [])
    except OSError as error:
        raise InputError("allow_list", f"{file} cannot be read ({error.strerror})", way_out) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise InputError("allow_list", f"{file} is no YAML{where}", way_out) from None


class Memory:
    """The file in which a source remembers: where it stands, what is not finished, what is not handed over."""

    def __init__(self, file: Path, log: str) -> None:
        self._file = file
        self._log = log

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other process off it. Raises InputError."""
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(f"{self._file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            problem = f"{self._file} cannot be written ({error.strerror})"
            raise InputError("state_file", problem, "Name a file in a folder of your own.") from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                problem = f"{self._file} is used by another process"
                raise InputError("state_file", problem, "Give each event source a file of its own.") from None
            yield
        finally:
            os.close(lock)

    def load(self) -> dict[str, Any] | None:
        """What was saved. Raises InputError for a file that is not of this log or cannot be read."""
        way_out = "Remove it to begin anew, or name another one."
        try:
            state = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError):
            raise InputError("state_file", f"{self._file} cannot be read", way_out) from None
        if not isinstance(state, dict) or state.get("version") != _VERSION:
            raise InputError("state_file", f"{self._file} is of another version", way_out)
        if state.get("log") != self._log:
            raise InputError("state_file", f"{self._file} is of another log than {self._log}", way_out)
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Write it, whole or not at all. Raises IdentityBrokerError."""
        try:
            write_private_file(self._file, json.dumps({"version": _VERSION, "log": self._log, **state}))
        except OSError as error:
            raise IdentityBrokerError(
                f"Could not write the state file {self._file}: {error.strerror}.",
                way_out="Nothing more is told before it can be, since it would be told again.",
            ) from None


class Teller:
    """Lines in, events out; each is remembered until it is handed over."""

    def __init__(self, queue: asyncio.Queue[Any], allowed: AllowListFile, telling: Telling, memory: Memory) -> None:
        self._queue = queue
        self._allowed = allowed
        self._memory = memory
        self._saved = 0.0
        self._dirty = False
        self._outbox: list[Event] = []
        self._stream, self._events = LoginStream(), LoginEvents(telling)
        self.place: Place | None = None
        state = memory.load()
        if state is None:
            return
        try:
            self._outbox = [dict(event) for event in state["outbox"]]
            self._stream = LoginStream.restored(state["stream"])
            self._events = LoginEvents.restored(telling, state["events"])
            self.place = Place.restored(state["place"]) if state["place"] else None
        except (KeyError, TypeError, ValueError):
            problem = "it does not hold what a state file holds"
            raise InputError("state_file", problem, "Remove it to begin anew, or name another one.") from None

    def wait(self, most: float) -> float:
        """How long nothing is due, in seconds."""
        saving = self._saved + SAVE_EVERY if self._dirty else None
        times = [due for due in (self._stream.next_due, self._events.next_due, saving) if due is not None]
        return max(0.0, min([most, *(due - time.time() for due in times)]))

    async def tell(self, text: str = "", *, place: Place | None = None, gap: bool = False) -> None:
        """Take lines, and hand over what is due. C(place) is where reading stands after them."""
        now = time.time()
        if text:
            self._stream.feed(text, now)
        if place != self.place:
            self.place, self._dirty = place, True
        if gap:
            logger.error("Part of the log is gone before it was read: a login may have been missed.")
            self._outbox.append(self._events.gap())
        unread = self._stream.take_unread()
        if unread:
            logger.error(
                "%d login lines cannot be read, so a login may have been missed. The first: %s", len(unread), unread[0]
            )
            self._events.count_unread(len(unread), now)
        attempts = self._stream.finished(now)
        told = self._events.tell(attempts, self._allowed.current(), now)
        self._outbox += told
        self._dirty = self._dirty or bool(attempts or unread)
        if self._outbox or (self._dirty and now - self._saved >= SAVE_EVERY):
            self.save()
        await self._hand_over()

    async def _hand_over(self) -> None:
        delivered = bool(self._outbox)
        while self._outbox:
            # The queue adds to what it is given.
            await self._queue.put(copy.deepcopy(self._outbox[0]))
            del self._outbox[0]
        if delivered:
            self.save()

    def save(self) -> None:
        """Remember all of it."""
        self._memory.save(
            {
                "place": self.place.state() if self.place else None,
                "stream": self._stream.state(),
                "events": self._events.state(),
                "outbox": self._outbox,
            }
        )
        self._saved, self._dirty = time.time(), False
