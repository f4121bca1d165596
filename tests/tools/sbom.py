# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the bill of materials of a built collection: CycloneDX 1.6, of each file and of what it needs.

sbom.py TARBALL OUTPUT
The same commit gives the same bytes: time and serial number come from the content and from git, and the list is sorted.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

# File of requirements, and whether the collection does nothing without it.
REQUIREMENTS = {"meta/ee-requirements.txt": "required", "extensions/eda/requirements.txt": "optional"}


def bill(manifest: Json, files: list[Json], requirements: Mapping[str, str], ansible: str, timestamp: str) -> Json:
    """The document. C(requirements) is by requirement as pip reads it, C(ansible) as in C(meta/runtime.yml)."""
    info = manifest["collection_info"]
    name, version = f"{info['namespace']}.{info['name']}", info["version"]
    itself = f"pkg:generic/{name}@{version}"
    needed = [
        _requirement(f"ansible-core{ansible}", "required"),
        *(_requirement(*item) for item in requirements.items()),
    ]
    needed += [
        _requirement(f"{other}{wanted}", "required", "ansible") for other, wanted in info["dependencies"].items()
    ]
    listed = sorted((entry for entry in files if entry["ftype"] == "file"), key=lambda entry: entry["name"])
    seed = f"{itself} {timestamp} {[(entry['name'], entry['chksum_sha256']) for entry in listed]}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "library",
                "bom-ref": itself,
                "group": info["namespace"],
                "name": name,
                "version": version,
                "description": info["description"],
                "licenses": [{"license": {"id": licence}} for licence in info["license"]],
                "purl": itself,
                "externalReferences": [
                    {"type": kind, "url": info[key]}
                    for kind, key in (
                        ("vcs", "repository"),
                        ("documentation", "documentation"),
                        ("issue-tracker", "issues"),
                    )
                ],
            },
        },
        "components": [*needed, *(_file(entry) for entry in listed)],
        "dependencies": [{"ref": itself, "dependsOn": [component["bom-ref"] for component in needed]}],
    }


def _requirement(wanted: str, scope: str, registry: str = "pypi") -> Json:
    # Which version it will be is for the machine to say where the collection is installed.
    name = re.split(r"[<>=!~ ;\[]", wanted, maxsplit=1)[0]
    purl = f"pkg:{'generic' if registry == 'ansible' else registry}/{name}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "scope": scope,
        "purl": purl,
        "properties": [{"name": "homelab:requirement", "value": wanted}],
    }


def _file(entry: Json) -> Json:
    return {
        "type": "file",
        "bom-ref": f"file:{entry['name']}",
        "name": entry["name"],
        "hashes": [{"alg": "SHA-256", "content": entry["chksum_sha256"]}],
    }


def _requirements(text: str) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def read(tarball: Path, timestamp: str) -> Json:
    """The bill of what the tarball holds."""
    with tarfile.open(tarball) as archive:

        def text(name: str) -> str:
            member = archive.extractfile(name)
            if member is None:
                raise FileNotFoundError(f"{tarball} has no file {name}")
            return member.read().decode()

        needs = {wanted: scope for name, scope in REQUIREMENTS.items() for wanted in _requirements(text(name))}
        ansible = yaml.safe_load(text("meta/runtime.yml"))["requires_ansible"]
        files = json.loads(text("FILES.json"))["files"]
        return bill(json.loads(text("MANIFEST.json")), files, needs, ansible, timestamp)


def commit_time() -> str:
    """When the commit was made that is checked out."""
    command = ["git", "log", "-1", "--format=%ct"]
    told = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    return datetime.fromtimestamp(int(told.stdout), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(tarball: str, output: str) -> int:
    # Of the test environment alone, since only the schema is taken from it.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = json.dumps(read(Path(tarball), commit_time()), indent=2, ensure_ascii=False) + "\n"
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(f"The bill of materials is not valid: {fault!r}", file=sys.stderr)
        return 1
    Path(output).write_text(text, encoding="utf-8")
    print(f"{Path(output).name}: {len(json.loads(text)['components'])} components, valid by CycloneDX 1.6")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
