# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must be true of files and commands of the control node before they take a sync token. PRIVATE to this collection."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ._errors import InputError
from ._file_identity import file_identity
from ._private_file import write_private_file
from ._token_file import check_token_file, read_token_file
from ._token_rotation import Targets, checked_token


def check_targets(targets: Targets) -> None:
    """Raise InputError where both files are one, however they are spelt."""
    if targets.file and targets.vault_file and file_identity(targets.file) == file_identity(targets.vault_file):
        raise InputError(
            "vault_file",
            f"{targets.vault_file} is the same file as {targets.file} in file",
            "Give each a path of its own.",
        )


def check_file(field: str, path: str) -> None:
    """Raise InputError where nothing could be written, or where that would put an end to something else."""
    file = Path(path)
    check_token_file(path, field=field)
    if file.is_symlink():
        raise InputError(
            field, f"{path} is a symbolic link, which would be replaced", f"Name the file itself: {file.resolve()}"
        )
    if file.exists() and not file.is_file():
        raise InputError(field, f"{path} is no regular file", "Name a file.")


def token_in_file(field: str, path: str) -> str | None:
    """The token in a file that may be overwritten by a new one; None where there is none yet."""
    check_file(field, path)
    kept = read_token_file(path, field=field)
    return None if kept is None else checked_token(field, kept.token)


def write_file(field: str, path: str, text: str) -> None:
    """Write a file that is its owner's alone."""
    try:
        write_private_file(Path(path), text)
    except OSError as error:
        raise InputError(field, f"{path} cannot be written ({error.strerror})", "Name another, or make room.") from None


def check_command(command: Sequence[str]) -> None:
    """Raise InputError where there is no such program."""
    if shutil.which(command[0]) is None:
        raise InputError(
            "command",
            f"there is no program {command[0]!r} on the control node that may be run",
            "Give a list: the program, then each of its arguments. A shell is not involved.",
        )
