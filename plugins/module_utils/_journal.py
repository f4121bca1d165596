# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must not get lost when a run is broken off, kept on the control node. PRIVATE to this collection.

The folder holds a file for each entry that is being recreated, a file of the users that each run deleted, and reports of
interrupted runs: what they did, and what was left open on the appliance.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ._errors import InputError
from ._private_file import write_private_file
from ._recreation import Recreation, recreation_from_json
from ._undo import FIELD as RESTORE_FILE
from ._undo import Deleted, deleted_from_json

FIELD = "journal_path"
DEFAULT = "~/.local/state/homelab.identity_broker"
REPORT = "interrupted.txt"
SSH_REPORT = "ssh_open.txt"
WITHOUT = "Without it, no entry is deleted."
LONGEST_NAME = 128


class Journal:
    """A folder of its own for each SCIM host."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).expanduser()

    def recreations(self, host: str) -> list[Recreation]:
        """The recreations that were begun on a host and not ended. Raises InputError for a file that cannot be read."""
        found = []
        for file in sorted(self.folder(host).glob("*.json")):
            try:
                recreation = recreation_from_json(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError, RecursionError) as error:
                reason = getattr(error, "strerror", None) or error
                raise InputError(
                    FIELD,
                    f"{file} cannot be read ({reason})",
                    "It tells of an entry that was deleted to be created anew. Look at it, and restore or remove it.",
                ) from None
            if recreation.host == host:
                found.append(recreation)
        return found

    def folder(self, host: str) -> Path:
        """The folder of a host; C(check) makes it."""
        return self._folder / _as_file_name(host)

    def check(self, host: str, without: str = WITHOUT) -> None:
        """Raise InputError where nothing could be kept, before anything is done that needs it."""
        folder = self.folder(host)
        try:
            # The mode is for the last folder of a path only.
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error, without) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise unwritable(folder, PermissionError(0, "no permission"), without)

    def enter(self, recreation: Recreation) -> None:
        """Keep an entry before it is deleted. Raises InputError."""
        _write(self.place(recreation), json.dumps(recreation.to_json(), indent=1))

    def keep_deleted(self, deleted: Deleted) -> Path:
        """Write users to a dated file before they are deleted, and return the file. Raises InputError."""
        self.check(deleted.host)
        now = datetime.now(UTC)
        file = self.folder(deleted.host).absolute() / f"deleted-{now:%Y%m%dT%H%M%S.%fZ}.restore"
        _write(file, json.dumps(deleted.to_json(f"{now:%Y-%m-%dT%H:%M:%SZ}"), indent=1))
        return file

    def place(self, recreation: Recreation) -> Path:
        """Where an entry is kept."""
        return self.folder(recreation.host) / f"{_as_file_name(recreation.id)}.json"

    def strike(self, recreation: Recreation) -> None:
        """Forget an entry that is whole again. Raises InputError."""
        file = self.place(recreation)
        try:
            file.unlink(missing_ok=True)
            # What a run left that was killed in the midst of writing it.
            for half in file.parent.glob(f".{file.name}.*"):
                half.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(file.parent, error) from None

    def report(self, host: str, lines: Sequence[str], name: str = REPORT) -> Path:
        """Keep what an interrupted run did: nobody may be listening any more. Raises InputError."""
        self.check(host)
        _write(self.folder(host) / name, "\n".join(lines) + "\n")
        return self.folder(host) / name

    def take_report(self, host: str) -> str | None:
        """What the runs before did, if they were interrupted. It is told once."""
        told = [text for text in (self._taken(host, name) for name in (REPORT, SSH_REPORT)) if text]
        return "\n".join(told) or None

    def _taken(self, host: str, name: str) -> str:
        file = self.folder(host) / name
        try:
            text = file.read_text(encoding="utf-8")
            file.unlink()
        except OSError:
            return ""
        return text.rstrip("\n")


def read_deleted(path: str, first: int) -> Deleted:
    """Read a file that `keep_deleted` wrote; positions of its users begin at `first`. Raises InputError."""
    try:
        return deleted_from_json(Path(path).expanduser().read_text(encoding="utf-8"), first)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            RESTORE_FILE, f"{path} cannot be read ({reason})", "Give a file in journal_path that a deletion wrote."
        ) from None


def _as_file_name(text: str) -> str:
    """What comes from a server must not become a path; nor may two that differ become one."""
    name = re.sub(r"[^a-z0-9.-]", "_", text).lstrip(".")[:LONGEST_NAME]
    if name and name == text:
        return name
    return f"{name}_{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _write(file: Path, text: str) -> None:
    try:
        write_private_file(file, text)
    except OSError as error:
        raise unwritable(file.parent, error) from None


def unwritable(folder: Path, error: OSError, without: str = WITHOUT) -> InputError:
    """The refusal of a folder that cannot be used."""
    return InputError(FIELD, f"{folder} cannot be written ({error.strerror})", f"Give a folder of yours. {without}")
