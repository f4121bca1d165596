# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long scim_users takes for a whole directory, against a loader that does nothing but send the same requests.

Ansible itself takes a while to hand thousands of users over to a module and to take the same result back. That is
measured with a module that does nothing else (null_module.py) and subtracted; the loaders' seconds are without the start
of their interpreter likewise. Where the whole module is meant, the figure says so, and has no limit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from . import people_faults
from .report import Figure
from .runs import Stage, pages, person, stage

SCALE = float(os.environ.get("PEOPLE_SCALE", "1"))
TITLE = "scim_users on a whole directory, against bare loaders over requests" + (
    f" (numbers scaled by {SCALE:g})" if SCALE != 1 else ""
)
MANY = max(1, round(10_000 * SCALE))
MOST, FEWER = 2 * MANY, max(1, MANY // 10)
CURL_SAMPLE = 100
LATENCIES = (0, 30)
MOST_OTHERS = 8
MOST_MIB = 200


@dataclass(frozen=True)
class Measured:
    """Seconds of the module, of the null module and of a bare loader: the medians of several runs, one of each in turn."""

    module: float
    null: float
    bare: float = 0
    peak_mib: float = 0

    @property
    def own(self) -> float:
        """Seconds of the module without what Ansible itself takes."""
        return self.module - self.null

    @property
    def of(self) -> str:
        return f"({self.module:.2f} s, of which Ansible {self.null:.2f} s; bare {self.bare:.2f} s)"


def measure(folder: str) -> Iterator[Figure]:
    with stage(folder) as run:
        for latency in LATENCIES:
            yield from _creating(run, latency)
            yield from _already_right(run, latency)
        yield from _straight_line(run)
        yield from people_faults.measure(run, SCALE)


def _creating(run: Stage, latency: int) -> Iterator[Figure]:
    name = f"{MANY:,} created, {latency} ms"
    measured = _created(run, MANY, latency, repeats=1 if latency else 2)
    yield Figure(f"{name}: rate", measured.bare / measured.own, 0.9, of=measured.of, at_least=True)
    yield Figure(f"{name}: rate of the whole module", measured.bare / measured.module, None)
    counted = run.counted()
    yield from _requests(name, counted.listings, 2 + pages(MANY), counted.others)
    if latency:
        sample = min(CURL_SAMPLE, MANY)
        run.reset(latency_ms=latency)
        curl = run.bare("curl", [person(number) for number in range(sample)]) / sample
        of = f"({curl * 1000:.0f} ms a user with curl, {measured.own / MANY * 1000:.1f} ms with scim_users)"
        yield Figure(f"{name}: rate against curl", curl / (measured.own / MANY), 10, of=of, at_least=True)
        yield Figure(f"{name}: rate of the whole module against curl", curl / (measured.module / MANY), None)


def _requests(name: str, listings: int, expected: int, others: int) -> Iterator[Figure]:
    """Beside the writes, whose number is a condition of the run."""
    yield Figure(f"{name}: requests of the listings", listings, expected, "requests")
    yield Figure(f"{name}: other requests", others, MOST_OTHERS, "requests")


def _already_right(run: Stage, latency: int) -> Iterator[Figure]:
    name = f"{MANY:,} already right, {latency} ms"
    measured = _right(run, MANY, latency, repeats=2 if latency else 5)
    yield Figure(name, measured.own / measured.bare, 1.3, of=measured.of)
    yield Figure(f"{name}: the whole module", measured.module / measured.bare, None)
    yield Figure(f"{name}: memory", measured.peak_mib, MOST_MIB, "MiB")
    counted = run.counted()
    yield Figure(f"{name}: writes and mintings", counted.writes + counted.mintings, 0, "requests")
    yield from _requests(name, counted.listings, pages(MANY), counted.others)


def _straight_line(run: Stage) -> Iterator[Figure]:
    ways: dict[str, tuple[Callable[[int], Measured], int]] = {
        "already right": (lambda count: _right(run, count, 0, repeats=1, bare=False), 3),
        "created": (lambda count: _created(run, count, 0, repeats=1, bare=False), 1),
    }
    for name, (way, repeats) in ways.items():
        # Short runs before and after each long one, that all may meet the same weather.
        few, most = [], []
        for _time in range(repeats):
            few += [way(FEWER).own, way(FEWER).own]
            most.append(way(MOST).own)
            few += [way(FEWER).own, way(FEWER).own]
        long, short = median(most) / MOST, median(few) / FEWER
        of = f"({long * 1e6:.0f} against {short * 1e6:.0f} microseconds)"
        yield Figure(f"a user of {MOST:,} {name}, against {FEWER:,}", long / short, 1.2, of=of)


def _created(run: Stage, count: int, latency: int, *, repeats: int, bare: bool = True) -> Measured:
    users = [person(number) for number in range(count)]
    loader, module, null, peaks = [0.0], [], [], []
    if bare:
        loader = []
    for _time in range(repeats):
        if bare:
            run.reset(latency_ms=latency)
            loader.append(run.bare("create", users))
        run.reset(latency_ms=latency)
        ran = run.run_well(users)
        if ran.result["counts"]["create"] != count:
            raise RuntimeError(f"{ran.result['counts']} instead of {count} created")
        module.append(ran.seconds)
        peaks.append(ran.peak_mib)
        null.append(run.null(users, ran.result))
    return Measured(median(module), median(null), median(loader), max(peaks))


def _right(run: Stage, count: int, latency: int, *, repeats: int, bare: bool = True) -> Measured:
    users = [person(number) for number in range(count)]
    run.reset(users, latency_ms=latency)
    loader, module, null, peaks = [], [], [], []
    for _time in range(repeats):
        loader.append(run.bare("list") if bare else 0.0)
        run.counted()
        ran = run.run_well(users)
        if ran.changed or ran.result["counts"]["none"] != count:
            raise RuntimeError(f"{ran.result['counts']} instead of {count} already right")
        module.append(ran.seconds)
        peaks.append(ran.peak_mib)
        null.append(run.null(users, ran.result))
    return Measured(median(module), median(null), median(loader), max(peaks))
