# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value with its limit, and what it was reckoned from."""

    name: str
    value: float
    limit: float
    unit: str = "x"
    of: str = ""

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


class Report:
    def __init__(self) -> None:
        self._missed = 0

    def chapter(self, title: str) -> None:
        print(f"\n{title}", flush=True)

    def show(self, figure: Figure) -> None:
        verdict = "ok" if figure.holds else "MISSED"
        self._missed += not figure.holds
        value = f"{figure.value:.2f} {figure.unit}"
        print(
            f"  {verdict:<7} {figure.name:<44} {value:>12}   at most {figure.limit:g} {figure.unit}   {figure.of}",
            flush=True,
        )

    def close(self) -> int:
        print(f"\n{'Every figure holds.' if not self._missed else f'{self._missed} figures missed their limits.'}")
        return 1 if self._missed else 0
