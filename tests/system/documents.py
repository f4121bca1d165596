# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code blocks of the READMEs (Markdown) and of the guides (reStructuredText)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from system.playbook import REPOSITORY

GUIDES = sorted((REPOSITORY / "docs/docsite/rst").glob("*.rst"))
READMES = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("roles/*/README.md"))]
READMES += sorted(REPOSITORY.glob("examples/**/README.md"))

_FILE = re.compile(r"(?<!`)`{1,2}([\w./-]+\.(?:yml|csv|cfg|service))`{1,2}(?!`)")
_FENCE = re.compile(r"^```(\w*)$")
_DIRECTIVE = re.compile(r"^\.\. code-block:: (\S+)$")


@dataclass(frozen=True)
class Block:
    """A code block. C(lead) is the paragraph before it, empty behind another block."""

    document: str
    heading: str
    line: int
    language: str
    text: str
    lead: str

    @property
    def file(self) -> str | None:
        """The file that the block is the content of: the first that the paragraph before names."""
        found = _FILE.search(self.lead)
        return found[1] if found and self.language not in ("shell", "console") else None

    @property
    def play(self) -> bool:
        return self.language.startswith("yaml") and re.search(r"^  (roles|tasks):", self.text, re.MULTILINE) is not None

    def __str__(self) -> str:
        return f"{self.document}:{self.line} ({self.language})"


def blocks(path: Path) -> list[Block]:
    """All of a document, in their order."""
    document = str(path.relative_to(REPOSITORY))
    lines = path.read_text().splitlines()
    return list((_markdown if path.suffix == ".md" else _restructured)(document, lines))


def _markdown(document: str, lines: list[str]) -> Iterator[Block]:
    heading, lead, position = "", "", 0
    while position < len(lines):
        line = lines[position]
        if fence := _FENCE.match(line):
            end = lines.index("```", position + 1)
            text = "\n".join([*lines[position + 1 : end], ""])
            yield Block(document, heading, position + 1, fence[1], text, lead)
            lead, position = "", end
        elif line.startswith("#"):
            heading, lead = line.lstrip("# "), ""
        elif line:
            lead = f"{lead}\n{line}" if position and lines[position - 1] else line
        position += 1


def _restructured(document: str, lines: list[str]) -> Iterator[Block]:
    heading, lead, position = "", "", 0
    while position < len(lines):
        line = lines[position]
        if directive := _DIRECTIVE.match(line):
            end = position + 1
            while end < len(lines) and (not lines[end] or lines[end].startswith("   ")):
                end += 1
            text = textwrap.dedent("\n".join(lines[position + 1 : end])).strip("\n") + "\n"
            yield Block(document, heading, position + 1, directive[1], text, lead)
            lead, position = "", end - 1
        elif position and line and len(set(line)) == 1 and line[0] in "=-" and len(line) >= len(lines[position - 1]):
            heading, lead = lines[position - 1], ""
        elif line:
            lead = f"{lead}\n{line}" if position and lines[position - 1] else line
        position += 1


def plays(path: Path) -> list[list[dict[str, Any]]]:
    """The plays of a document."""
    return [yaml.safe_load(block.text) for block in blocks(path) if block.play]
