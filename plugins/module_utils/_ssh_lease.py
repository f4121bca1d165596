# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the runs on this machine have opened on an appliance, and who of them still needs it. PRIVATE to this collection.

Several runs may read at a time: the first opens, and the last puts back. A record tells what was opened, from before it is
opened until it is put back, so that a run which comes after one that was killed knows as well.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ._journal import Journal, unwritable
from ._private_file import write_private_file

WITHOUT = "Without it nothing is enabled."


@dataclass(frozen=True)
class Record:
    """What was opened, by the names of the switches, and when. Empty where nothing was."""

    opened: frozenset[str] = frozenset()
    since: str = ""


class SshLease:
    """A part in what is open on one appliance, held from C(enter) to C(leave), or to the end of the process.

    Both must be called within C(turn), together with the reading and switching that belongs to them.
    """

    def __init__(self, journal: Journal, host: str) -> None:
        self._journal = journal
        self._host = host
        self._users: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process takes part."""
        return self._users is not None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One process after the other. Raises InputError."""
        # Not around what is done within: that may raise OSError of its own.
        descriptor = self._locked("ssh.turn", fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(descriptor)

    def enter(self) -> bool:
        """Take part; whether nobody else does. Raises InputError."""
        try:
            self._users = self._locked("ssh.users", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._users = self._locked("ssh.users", fcntl.LOCK_SH)
            return False
        fcntl.flock(self._users, fcntl.LOCK_SH)
        return True

    def leave(self) -> bool:
        """Take part no more; whether nobody else does, so that all is to be put back now."""
        if self._users is None:
            return False
        descriptor, self._users = self._users, None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def record(self) -> Record:
        """What was opened and not put back."""
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
            return Record(frozenset(map(str, document["opened"])), str(document["since"]))
        except (OSError, ValueError, TypeError, KeyError):
            return Record()

    def write(self, record: Record) -> None:
        """Say what is open, before it is; an empty record once all is put back. Raises InputError."""
        try:
            if record.opened:
                document = {"since": record.since, "opened": sorted(record.opened)}
                write_private_file(self._file, json.dumps(document))
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self._file.parent, error, WITHOUT) from None

    @property
    def _file(self) -> Path:
        return self._journal.folder(self._host) / "ssh.opened"

    def _locked(self, name: str, kind: int) -> int:
        self._journal.check(self._host, WITHOUT)
        file = self._journal.folder(self._host) / name
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, kind)
            except BaseException:
                os.close(descriptor)
                raise
        except BlockingIOError:
            raise
        except OSError as error:
            raise unwritable(file.parent, error, WITHOUT) from None
        return descriptor
