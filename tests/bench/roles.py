# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the role takes."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from .plays import Bench, bench
from .report import Figure

REPEATS = 5
EMPTY = "- hosts: localhost\n  gather_facts: false\n"
ROLE = f"{EMPTY}  roles: [homelab.identity_broker.federated_users]\n"
MUFFIN: dict[str, object] = {"federated_users_users": [{"username": "muffin", "given_name": "Muffin"}]}


def measure(folder: str) -> Iterator[Figure]:
    with bench(folder) as run:
        run.play(EMPTY)
        empty = median(run.play(EMPTY).seconds for _time in range(REPEATS))
        of = f"(an empty play takes {empty:.2f} s)"
        from_log = median(_from_log(run) for _time in range(REPEATS))
        yield Figure("one user from the log", from_log / empty, 6, of=of)
        right = median(run.play(ROLE, MUFFIN).seconds for _time in range(REPEATS))
        yield Figure("one user who is already right", right / empty, 3, of=of)


def _from_log(run: Bench) -> float:
    run.appliance.reset()
    run.appliance.login("muffin")
    seconds = run.play(ROLE, MUFFIN).seconds
    if not run.appliance.login("muffin").allowed:
        raise RuntimeError("the role did not let muffin in")
    return seconds
