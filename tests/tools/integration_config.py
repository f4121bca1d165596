# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the descriptions of a running simulator, and of what runs beside it, as variables of the integration tests.

integration_config.py APPLIANCE_JSON every|one [PYTHON]
every|one: whether the tests run under every variant of the appliance, or under one.
PYTHON: which interpreter takes the modules.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(description: str, variants: str, python: str = "") -> int:
    facts = _read(Path(description))
    # The folders of the others are in the appliance's.
    for other in ("pocket-id", "workspace-one", "sddc-manager"):
        held = _read(Path(description).parent / other / f"{other}.json")
        facts |= {f"{other.replace('-', '_')}_{name}": value for name, value in held.items()}
    facts["every_variant"] = {"every": True, "one": False}[variants]
    variables = {f"simulator_{name}": value for name, value in facts.items()}
    if python:
        variables["ansible_python_interpreter"] = python
    # JSON is YAML.
    print(json.dumps(variables, indent=2))
    return 0


def _read(path: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return description


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
