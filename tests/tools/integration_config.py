# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a running simulator's description as variables of the integration tests.

integration_config.py APPLIANCE_JSON every|one
every|one: whether the tests run under every variant of the appliance, or under one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(description: str, variants: str) -> int:
    facts = json.loads(Path(description).read_text(encoding="utf-8"))
    facts["every_variant"] = {"every": True, "one": False}[variants]
    # JSON is YAML.
    print(json.dumps({f"simulator_{name}": value for name, value in facts.items()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
