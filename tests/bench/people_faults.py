# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a directory after faults, and after runs that were killed: nobody lost, nobody doubled."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from .report import Figure
from .runs import Ran, Stage, User, person

FAULTED = 5_000
EVERY = 20
TIMEOUT = 2
KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "429", "retry_after": 1},
    {"kind": "503"},
    {"kind": "reset_before"},
    {"kind": "truncated"},
    {"kind": "html"},
    {"kind": "429", "retry_after": 1, "retry_as_date": True},
    {"kind": "reset_after"},
    {"kind": "hang"},
    {"kind": "empty"},
    {"kind": "wrong_json"},
)

KILLED = 1_000
KILLS = 20
MOST_RUNS = 2
GIVEN_UP = 5


def measure(run: Stage, scale: float) -> Iterator[Figure]:
    yield from _faults(run, max(1, round(FAULTED * scale)))
    yield from _kills(run, max(20, round(KILLED * scale)), max(2, round(KILLS * scale)))


def _faults(run: Stage, count: int) -> Iterator[Figure]:
    wanted = [person(number) for number in range(count)]
    # In turn: each strikes its own of all the twentieth requests.
    run.reset(
        faults=[
            {"match": "* .", "every": EVERY * len(KINDS), "after": EVERY * (number - len(KINDS) + 1), **kind}
            for number, kind in enumerate(KINDS)
        ]
    )
    ran = run.run(wanted, timeout=TIMEOUT)
    said = ran.result.get("msg", "").partition("\n")[0]
    name = f"{count:,} created, a fault on every {EVERY}th request"
    counts = ran.result.get("counts", {})
    of = f"({ran.seconds:.0f} s, {counts.get('create')} created, {counts.get('error')} failed{'; ' + said if said else ''})"
    unnamed = len(_missing(run.users(), wanted) - _named_as_failed(ran))
    yield Figure(f"{name}: missing and not named", unnamed, 0, "users", of)
    run.switch(faults=[])
    needed, _last = _runs_until_unchanged(run, wanted)
    yield Figure(f"{name}: runs until changed=0", needed, 2 if ran.failed else 1, "runs")
    yield Figure(f"{name}: lost or doubled", _wrong(run.users(), wanted), 0, "users")


def _named_as_failed(ran: Ran) -> set[str]:
    return {item["username"] for item in ran.result.get("users", []) if item["error"]}


def _missing(actual: Sequence[User], wanted: Sequence[User]) -> set[str]:
    there = {user["username"] for user in actual}
    return {user["username"] for user in wanted} - there


def _kills(run: Stage, count: int, kills: int) -> Iterator[Figure]:
    seed = int(os.environ.get("PEOPLE_SEED") or random.SystemRandom().randrange(10**6))
    chance = random.Random(seed)  # noqa: S311
    before, tasks, wanted = _world(count)
    run.reset(before)
    whole = run.run_well(tasks).seconds
    wrong, most, midst = 0, 0, 0
    for _time in range(kills):
        run.reset(before)
        run.run(tasks, kill_after=chance.uniform(0, whole))
        midst += 0 < run.counted().writes < count
        needed, last = _runs_until_unchanged(run, tasks)
        if last.failed:
            raise RuntimeError(f"seed {seed}: {last.result['msg']}")
        most = max(most, needed)
        wrong += _wrong(run.users(), wanted)
    name = f"{kills} runs for {count:,} users killed"
    yield Figure(
        f"{name}: most runs until changed=0", most, MOST_RUNS, "runs", f"(PEOPLE_SEED={seed}; {midst} while writing)"
    )
    yield Figure(f"{name}: lost, doubled or wrong", wrong, 0, "users")


def _world(count: int) -> tuple[list[User], list[User], list[User]]:
    """Who is there before, what the task says, and who is there after it: some of everything that a task does."""
    before, tasks, wanted = [], [], []
    for number in range(count):
        user = person(number)
        match number % 10:
            case 0 | 1 | 2 | 3:
                tasks.append(user)
            case 4 | 5:
                before.append({**user, "email": f"old{number}@example.org"})
                tasks.append(user)
            case 6 | 7:
                before.append({**user, "external_id": f"old-{number}"})
                tasks.append({**user, "recreate": True})
            case 8:
                before.append(user)
                tasks.append({"username": user["username"], "state": "absent"})
                continue
            case _:
                before.append(user)
                tasks.append(user)
        wanted.append(user)
    return before, tasks, wanted


def _runs_until_unchanged(run: Stage, tasks: Sequence[User]) -> tuple[int, Ran]:
    for needed in range(1, GIVEN_UP):
        ran = run.run(tasks)
        if not ran.failed and not ran.changed:
            return needed, ran
    return GIVEN_UP, ran


def _wrong(actual: Sequence[User], wanted: Sequence[User]) -> int:
    """How many are too few, too many, or other than they should be."""
    left = Counter(_whole(user) for user in actual)
    left.subtract(_whole(user) for user in wanted)
    return sum(abs(number) for number in left.values())


def _whole(user: User) -> tuple[Any, ...]:
    return tuple(sorted(user.items()))
