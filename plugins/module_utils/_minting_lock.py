# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock between the runs of one user that mint sync tokens on one host. PRIVATE to this collection.

A new sync token revokes the previous one. Without a lock, two runs that mint at the same time take each other's token away.
The kernel releases the lock when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ._errors import IdentityBrokerError, InputError
from ._file_identity import resolved

MAX_WAIT = 900.0
"""How many seconds to wait for another run."""
POLL = 0.2
FOLDER = "homelab.identity_broker"


class MintingLock:
    """Locks by their keys, held until the process ends or `release` is called. Threads share it."""

    def __init__(
        self,
        pause: Callable[[float], object],
        *,
        environment: Mapping[str, str] | None = None,
        max_wait: float = MAX_WAIT,
    ) -> None:
        self._pause = pause
        self._environment = os.environ if environment is None else environment
        self._max_wait = max_wait
        self._held: dict[str, int] = {}
        self._waits: list[str] = []

    def acquire(self, *keys: str) -> bool:
        """Take the locks, in the order in which all runs take them, and return whether another run held one.

        Raises InputError if there is no folder for the locks, and IdentityBrokerError if another run holds one for too long.
        """
        waited = False
        for key in keys:
            if key not in self._held:
                waited = self._take(key) or waited
        return waited

    def take_waits(self) -> list[str]:
        """Return what to tell about the waiting since the last call."""
        waits, self._waits = self._waits, []
        return waits

    def release(self) -> None:
        """Let other runs mint."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _take(self, key: str) -> bool:
        file = runtime_folder(self._environment) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.lock"
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unusable(file, error) from None
        try:
            seconds = self._wait(descriptor, key, file)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._held[key] = descriptor
        if seconds is not None:
            self._waits.append(
                f"Waited {seconds:.0f} s for another run that minted or wrote with a sync token of {key}."
            )
        return seconds is not None

    def _wait(self, descriptor: int, key: str, file: Path) -> float | None:
        """Wait for the lock, and return for how long; None if nobody held it."""
        began = time.monotonic()
        for number in self._tries(began):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return time.monotonic() - began if number else None
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        raise IdentityBrokerError(
            f"Could not mint a sync token of {key}: another run (process {holder or 'unknown'}) has held the lock {file} for "
            f"{self._max_wait:g} s.",
            way_out="Nothing was minted. Wait until that run has ended, and run this again.",
        )

    def _tries(self, began: float) -> Iterator[int]:
        number = 0
        while number == 0 or time.monotonic() - began < self._max_wait:
            if number:
                self._pause(POLL)
            yield number
            number += 1


def lock_keys(scim_url: str, token_file: str | None) -> list[str]:
    """Return the locks of a run that mints: of the host and tenant, and of the file that keeps the token."""
    return [scim_url, f"the file {resolved(token_file)}"] if token_file else [scim_url]


def runtime_folder(environment: Mapping[str, str]) -> Path:
    """Return a folder that only this user can write to. Raises InputError.

    It is below XDG_RUNTIME_DIR, or below the temporary folder where that is not a private folder of the user.
    """
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_absolute() and _is_private(Path(runtime)):
        folder = Path(runtime) / FOLDER
    else:
        folder = Path(tempfile.gettempdir()) / f"{FOLDER}-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from None
    if not _is_private(folder):
        raise InputError(
            "XDG_RUNTIME_DIR",
            f"{folder}, where runs lock each other out, is not a folder that only you can use",
            "Remove it, or set XDG_RUNTIME_DIR to a folder of yours with mode 0700.",
        )
    return folder


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _unusable(path: Path, error: OSError) -> InputError:
    return InputError(
        "XDG_RUNTIME_DIR",
        f"{path}, where runs lock each other out, cannot be used ({error.strerror})",
        "Set XDG_RUNTIME_DIR to a folder of yours with mode 0700.",
    )
