# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that a built collection holds what users need and nothing else, and that Galaxy will take its metadata.

check_tarball.py TARBALL
"""

from __future__ import annotations

import re
import sys
import tarfile
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import yaml

REQUIRED = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "SECURITY.md",
    "changelogs/changelog.yaml",
    "extensions/eda/plugins/event_source/federation_log.py",
    "extensions/eda/plugins/event_source/federation_syslog.py",
    "extensions/eda/requirements.txt",
    "extensions/eda/rulebooks/just_in_time.yml",
    "meta/ee-requirements.txt",
    "meta/execution-environment.yml",
    "meta/extensions.yml",
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
    "plugins/action",
    "plugins/doc_fragments",
    "plugins/filter",
    "plugins/lookup",
    "plugins/module_utils",
    "plugins/plugin_utils",
}
SUFFIXES = {"", ".j2", ".json", ".md", ".py", ".rst", ".svg", ".txt", ".yaml", ".yml"}
MAX_BYTES = 5_000_000
MAX_FILE_BYTES = 500_000

# Galaxy's own rules: galaxy_importer/schema.py and constants.py of the project galaxy-importer, and its list of tags of
# which one is asked for. The importer itself runs before a release, see tests/tools/release.sh.
NAME = re.compile(r"(?!.*__)[a-z][0-9a-z_]*")
LONGEST = {"namespace": 39, "name": 64, "version": 128, "tags": 64, "authors": 64, "license": 32}
LONGEST_LINK = 2000
MOST_TAGS = 20
TAGS = {
    *{"application", "cloud", "database", "eda", "infrastructure", "linux", "monitoring", "networking", "security"},
    *{"storage", "tools", "windows"},
}


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
        elif member.size > MAX_FILE_BYTES:
            found.append(f"{path}: {member.size} bytes, more than {MAX_FILE_BYTES}")
        elif member.isfile() and (path.suffix not in SUFFIXES or path.name.startswith(".")):
            found.append(f"{path}: an unexpected kind of file")
    found += [f"{name}: missing" for name in sorted(REQUIRED - names)]
    if size > MAX_BYTES:
        found.append(f"{size} bytes in all: more than {MAX_BYTES}")
    return found


def metadata_problems(info: dict[str, Any], requires_ansible: object, changelog: dict[str, Any]) -> list[str]:
    """What Galaxy, or a user of Galaxy, would stumble over. C(info) is C(collection_info) of C(MANIFEST.json)."""
    found = []
    for field, longest in LONGEST.items():
        values = info[field] if isinstance(info[field], list) else [info[field]]
        found += [f"{field}: {value!r} is longer than {longest}" for value in values if len(value) > longest]
        if field in ("namespace", "name", "tags"):
            found += [
                f"{field}: {value!r} is not spelled as Galaxy wants it" for value in values if not NAME.fullmatch(value)
            ]
    if len(info["tags"]) > MOST_TAGS or not TAGS & set(info["tags"]):
        found.append(f"tags: at most {MOST_TAGS}, and one of {', '.join(sorted(TAGS))}")
    for field in ("repository", "documentation", "homepage", "issues"):
        link = info[field] or ""
        if not link.startswith("https://") or len(link) > LONGEST_LINK:
            found.append(f"{field}: {link!r} is no link")
    if not info["description"] or not info["authors"] or info["license"] != ["GPL-3.0-or-later"]:
        found.append("description, authors or license: missing, or not what it was")
    if not isinstance(requires_ansible, str) or not re.fullmatch(r">=\d+\.\d+\.\d+", requires_ansible):
        found.append(f"requires_ansible: {requires_ansible!r}")
    if info["version"] not in changelog["releases"]:
        found.append(f"changelog: it has no release {info['version']}")
    return found


def main(tarball: str) -> int:
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
        info, runtime, changelog = (
            yaml.safe_load(archive.extractfile(name) or b"")
            for name in ("MANIFEST.json", "meta/runtime.yml", "changelogs/changelog.yaml")
        )
    found = problems(members)
    found += metadata_problems(info["collection_info"], runtime["requires_ansible"], changelog)
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print(f"{len(members)} entries, all of them expected")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
