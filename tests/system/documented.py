# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of modules says, read from their files."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from system.playbook import NAMESPACE, REPOSITORY


def constant(path: Path, name: str) -> str:
    """The text that a file, or its class, assigns to a name."""
    texts = [
        statement.value.value
        for statement in ast.walk(ast.parse(path.read_text()))
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == name
    ]
    return str(texts[0])


@cache
def options_of(module: str) -> dict[str, Any]:
    """All options of a module, those of its fragments too."""
    document = yaml.safe_load(constant(REPOSITORY / f"plugins/modules/{module}.py", "DOCUMENTATION"))
    options = dict(document.get("options") or {})
    for fragment in document["extends_documentation_fragment"]:
        name = fragment.removeprefix(f"{NAMESPACE}.").partition(".")[0]
        shared = yaml.safe_load(constant(REPOSITORY / f"plugins/doc_fragments/{name}.py", "DOCUMENTATION"))
        options |= shared.get("options") or {}
    return options


def is_documented(path: str) -> bool:
    """Whether there is C(module.option.suboption)."""
    module, *names = path.split(".")
    options = options_of(module)
    for name in names:
        if name not in options:
            return False
        options = options[name].get("suboptions") or {}
    return True
