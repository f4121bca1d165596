# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the event sources of an installed collection as ansible-rulebook does, and has them refuse empty options.

use_event_sources.py COLLECTION
"""

from __future__ import annotations

import asyncio
import runpy
import sys
from pathlib import Path

import yaml

NAMESPACE = "homelab.identity_broker."


def refusal(source: Path) -> str:
    """What it says of options that are missing, and that this comes from the same collection."""
    main = runpy.run_path(str(source))["main"]
    try:
        asyncio.run(main(asyncio.Queue(), {}))
    except Exception as error:
        defined_in = sys.modules[type(error).__module__].__file__
        if defined_in and Path(defined_in).is_relative_to(source.parents[4]):
            return str(error)
        raise
    raise SystemExit(f"{source.name} takes options that name nothing")


def problems(collection: Path) -> list[str]:
    """Names in rulebooks that lead nowhere."""
    sources = {path.stem for path in collection.glob("extensions/eda/plugins/event_source/*.py")}
    playbooks = {path.stem for path in collection.glob("playbooks/*.yml")}
    rulebooks = sorted(collection.glob("extensions/eda/rulebooks/*.yml"))
    if not sources or not rulebooks:
        return ["there is no event source, or no rulebook"]
    found = []
    for rulebook in rulebooks:
        for ruleset in yaml.safe_load(rulebook.read_text(encoding="utf-8")):
            named = [key for source in ruleset["sources"] for key in source if key.startswith(NAMESPACE)]
            run = [
                rule["action"]["run_playbook"]["name"] for rule in ruleset["rules"] if "run_playbook" in rule["action"]
            ]
            found += [f"{rulebook.name}: {name}" for name in named if name.removeprefix(NAMESPACE) not in sources]
            found += [f"{rulebook.name}: {name}" for name in run if name.removeprefix(NAMESPACE) not in playbooks]
    return found


def main(collection: Path) -> int:
    found = problems(collection)
    for source in sorted(collection.glob("extensions/eda/plugins/event_source/*.py")):
        print(f"{source.stem}: {refusal(source)}")
    for problem in found:
        print(f"{problem} leads nowhere", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
