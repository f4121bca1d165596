# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value with its limit, if it has one, and what it was reckoned from."""

    name: str
    value: float
    limit: float | None
    unit: str = "x"
    of: str = ""
    at_least: bool = False

    @property
    def holds(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def demand(self) -> str:
        if self.limit is None:
            return "no limit"
        return f"at {'least' if self.at_least else 'most'} {self.limit:g} {self.unit}"


class Report:
    def __init__(self) -> None:
        self._missed = 0

    def chapter(self, title: str) -> None:
        print(f"\n{title}", flush=True)

    def show(self, figure: Figure) -> None:
        verdict = "MISSED" if not figure.holds else "-" if figure.limit is None else "ok"
        self._missed += not figure.holds
        value = f"{figure.value:,}" if isinstance(figure.value, int) else f"{figure.value:.2f}"
        print(
            f"  {verdict:<7} {figure.name:<66} {value:>8} {figure.unit:<8}   {figure.demand:<22}   {figure.of}",
            flush=True,
        )

    def close(self) -> int:
        print(f"\n{'Every figure holds.' if not self._missed else f'{self._missed} figures missed their limits.'}")
        return 1 if self._missed else 0
