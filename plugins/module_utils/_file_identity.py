# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether two paths mean one file, however they are spelt. PRIVATE to this collection."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def file_identity(path: str) -> tuple[int, int, str]:
    """Return what is equal for two paths of one file: device and inode of the file, or of its folder with its name.

    Raises OSError or RuntimeError for a path that cannot be resolved.
    """
    file = resolved(path)
    try:
        found = file.stat()
    except FileNotFoundError:
        pass
    else:
        return found.st_dev, found.st_ino, ""
    try:
        folder = file.parent.stat()
    except FileNotFoundError:
        return 0, 0, str(file)
    return folder.st_dev, folder.st_ino, file.name


def resolved(path: str) -> Path:
    """Return the absolute path without symbolic links, with `~` and variables expanded as Ansible does."""
    return Path(os.path.expandvars(path)).expanduser().resolve()


def shared_files(owners: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the paths that mean one file of several owners, each file once, from pairs of owner and path."""
    found: dict[tuple[int, int, str], dict[str, set[str]]] = {}
    for owner, path in owners:
        found.setdefault(file_identity(path), {}).setdefault(owner.casefold(), set()).add(path)
    return [sorted(set().union(*paths.values())) for paths in found.values() if len(paths) > 1]
