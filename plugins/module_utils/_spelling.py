# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the name that a misspelt one was probably meant to be. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterable


def edits(left: str, right: str) -> int:
    """Return how many edits make one name the other.

    An edit inserts, deletes or replaces a character, or swaps two neighbours (the optimal string alignment distance).
    """
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, mine in enumerate(left, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (mine != other))
            if i > 1 and j > 1 and mine == right[j - 2] and left[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def nearest(name: str, known: Iterable[str], most_edits: int) -> str | None:
    """Return the known name that is the fewest edits away, or None where all are further away than allowed."""
    close = [each for each in known if abs(len(each) - len(name)) <= most_edits]
    found = min(((edits(name, each), each) for each in close), default=None)
    return found[1] if found and found[0] <= most_edits else None
