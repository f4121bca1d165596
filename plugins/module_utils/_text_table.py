# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text in columns of a terminal: what may be shown, and how wide it is. PRIVATE to this collection."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

GAP = "  "

# Joiners that hold the letters of some scripts, and emoji, together. Elsewhere they only hide.
_JOINER_AT_WORK = re.compile("(?<=[^\x00-\x7f\u200b-\u200f])[\u200c\u200d](?=[^\x00-\x7f\u200b-\u200f])")
_UNSHOWN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_JAMO_THAT_JOIN = ("\u1160", "\u11ff")


def visible(text: str) -> str:
    """Make what is unseen, or would change how other text is seen, a sign that is seen: C(<U+202E>).

    Terminals and browsers obey control characters, and overrides of the direction of writing.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = {match.start() for match in _JOINER_AT_WORK.finditer(text)}
    return "".join(
        char if position in kept or unicodedata.category(char) not in _UNSHOWN else f"<U+{ord(char):04X}>"
        for position, char in enumerate(text)
    )


def width(text: str) -> int:
    """How many columns of a terminal a visible text takes."""
    return len(text) if text.isascii() else sum(_width(char) for char in text)


def shortened(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it would take more columns than C(most)."""
    if width(text) <= most:
        return text
    kept, taken = [], 1
    for char in text:
        taken += _width(char)
        if taken > most:
            break
        kept.append(char)
    return "".join(kept) + "\u2026"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines whose columns stand below each other. The cells must be visible already."""
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        GAP.join(cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)).rstrip(" ")
        for row in rows
    ]


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or _JAMO_THAT_JOIN[0] <= char <= _JAMO_THAT_JOIN[1]:
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
