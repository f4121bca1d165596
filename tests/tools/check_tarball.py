# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that a built collection holds what users need, and nothing else.

check_tarball.py TARBALL
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterable
from pathlib import PurePosixPath

REQUIRED = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs/changelog.yaml",
    "meta/ee-requirements.txt",
    "meta/execution-environment.yml",
    "meta/runtime.yml",
    "playbooks",
    "plugins/modules",
    "roles",
    "tests/config.yml",
}
# What may be there: whole folders, or single files.
ALLOWED = REQUIRED | {
    "changelogs/config.yaml",
    "changelogs/fragments",
    "docs",
    "extensions/eda",
    "meta/extensions.yml",
    "plugins/action",
    "plugins/doc_fragments",
    "plugins/filter",
    "plugins/lookup",
    "plugins/module_utils",
    "plugins/plugin_utils",
}
SUFFIXES = {"", ".j2", ".json", ".md", ".py", ".rst", ".txt", ".yaml", ".yml"}
MAX_BYTES = 5_000_000


def problems(members: Iterable[tarfile.TarInfo]) -> list[str]:
    found = []
    names = set()
    size = 0
    for member in members:
        path = PurePosixPath(member.name)
        above = {str(path), *(str(parent) for parent in path.parents)}
        names |= above
        size += member.size
        if member.isdir() and any(name.startswith(f"{path}/") for name in ALLOWED):
            continue
        if not above & ALLOWED:
            found.append(f"{path}: does not belong into the collection")
        elif not (member.isdir() or member.isfile()):
            found.append(f"{path}: neither a file nor a folder")
        elif member.isfile() and (path.suffix not in SUFFIXES or path.name.startswith(".")):
            found.append(f"{path}: an unexpected kind of file")
    found += [f"{name}: missing" for name in sorted(REQUIRED - names)]
    if size > MAX_BYTES:
        found.append(f"{size} bytes in all: more than {MAX_BYTES}")
    return found


def main(tarball: str) -> int:
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
    found = problems(members)
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print(f"{len(members)} entries, all of them expected")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
