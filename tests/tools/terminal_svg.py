# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders what a terminal showed as an animated SVG: every line once, moved up block by block by one CSS animation.

The pace follows from the text alone, so the same text gives the same bytes. Where nothing moves (reduced motion, no CSS),
the frame is shown in which the text C(poster) appears.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from itertools import groupby

COLUMNS = 112
ROWS = 30
ADVANCE = 8.43  # of a monospaced font of 14 px
LEADING = 18
MARGIN = 18
BELOW = 5  # the baseline, where letters have tails
BAR = 34

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_COLOURS = {"31": "r", "32": "g", "33": "y", "34": "b", "35": "m", "36": "c"}
_STYLE = """\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace}
text{fill:#c9d1d9;white-space:pre}
.r{fill:#ff7b72}.g{fill:#7ee787}.y{fill:#e3b341}.b{fill:#79c0ff}.m{fill:#d2a8ff}.c{fill:#76e3ea}.w{fill:#fff;font-weight:700}.t{fill:#8b949e}"""

Line = list[tuple[str, str]]
"""Classes and texts."""


@dataclass(frozen=True)
class Block:
    """Lines that appear together, and for how many seconds nothing else does."""

    lines: list[Line]
    seconds: float


def read_lines(text: str) -> list[Line]:
    """Lines of the terminal's width, by colour."""
    lines: list[Line] = []
    for raw in text.replace("\r\n", "\n").splitlines():
        lines += _wrapped(_coloured(raw.rstrip()))
    return lines


def _coloured(raw: str) -> Line:
    line: Line = []
    colour = _by_content(_SGR.sub("", raw))
    for number, part in enumerate(_SGR.split(raw)):
        if number % 2:
            colour = next((_COLOURS[code] for code in part.split(";") if code in _COLOURS), "")
        elif part:
            line.append((colour, part))
    return line


def _by_content(plain: str) -> str:
    """What the demo prints without any colour, and should be found at a glance."""
    if plain.startswith("==="):
        return "b"
    if plain.startswith("$ "):
        return "w"
    return {"denied": "r", "allowed": "g"}.get(plain.partition(",")[0].partition(" ")[0], "")


def _wrapped(line: Line) -> list[Line]:
    rows: list[Line] = [[]]
    room = COLUMNS
    for colour, text in line:
        rest = text
        while len(rest) > room:
            rows[-1].append((colour, rest[:room]))
            rows.append([])
            rest, room = rest[room:], COLUMNS
        rows[-1].append((colour, rest))
        room -= len(rest)
    return rows


def blocks_of(lines: list[Line]) -> list[Block]:
    """One for each paragraph, and one for each command."""
    blocks: list[Block] = []
    for empty, group in groupby(lines, key=lambda line: not plain_of(line)):
        paragraph = list(group)
        if empty and blocks:
            blocks[-1].lines.extend(paragraph)
        elif plain_of(paragraph[0]).startswith("$ "):
            blocks += [Block(paragraph[:1], 0.8), *([Block(paragraph[1:], 1.8)] if paragraph[1:] else [])]
        else:
            blocks.append(Block(paragraph, _seconds(plain_of(paragraph[0]), len(paragraph))))
    return blocks


def _seconds(first: str, count: int) -> float:
    if first.startswith("==="):
        return 1.0
    if first.startswith("PLAY RECAP"):
        return 1.2
    return 0.2 if count <= 2 else 0.2 + 0.09 * count


def plain_of(line: Line) -> str:
    return "".join(text for _colour, text in line)


def render(text: str, *, title: str, description: str, poster: str) -> str:
    """The whole document."""
    blocks = blocks_of(read_lines(text))
    lines = [line for block in blocks for line in block.lines]
    total = sum(block.seconds for block in blocks) + 4
    elapsed, shown, still = 0.0, 0, 0
    steps = []
    for block in blocks:
        shown += len(block.lines)
        steps.append(f"{100 * elapsed / total:.2f}%{{transform:translateY({_up(shown)}px)}}")
        if not still and any(poster in plain_of(line) for line in block.lines):
            still = shown
        elapsed += block.seconds
    if not still:
        raise ValueError(f"No line has {poster!r}")
    width, height = round(COLUMNS * ADVANCE) + 2 * MARGIN, ROWS * LEADING + BAR + MARGIN
    body = "\n".join(
        f'<text y="{number * LEADING}">{_spans(line)}</text>' for number, line in enumerate(lines, 1) if plain_of(line)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{escape(title)}</title>
<desc>{escape(description)}</desc>
<style>
{_STYLE}
@media (prefers-reduced-motion:no-preference){{#s{{animation:s {total:.1f}s step-end infinite}}}}
@keyframes s{{{"".join(steps)}}}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>
<circle cx="20" cy="17" r="5.5" fill="#ff5f57"/>
<circle cx="39" cy="17" r="5.5" fill="#febc2e"/>
<circle cx="58" cy="17" r="5.5" fill="#28c840"/>
<text x="{width / 2:g}" y="22" text-anchor="middle" class="t">{escape(title)}</text>
<svg x="{MARGIN}" y="{BAR}" width="{width - 2 * MARGIN}" height="{ROWS * LEADING}">
<g id="s" transform="translate(0 {_up(still)})">
{body}
</g>
</svg>
</svg>
"""


def _up(shown: int) -> int:
    return (ROWS - shown) * LEADING - BELOW


def _spans(line: Line) -> str:
    return "".join(
        f'<tspan class="{colour}">{escape(text, quote=False)}</tspan>' if colour else escape(text, quote=False)
        for colour, text in line
    )
