# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the role takes for a whole group of Pocket ID, against an empty play.

What cannot be spared is measured beside it with bare loaders, at the same latency, and subtracted: the writes where the
broker is empty, the listings of both sides where there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from simulator import PocketId

from .loaders import Wishes
from .people import LATENCIES, MOST_OTHERS, SCALE
from .plays import Bench, bench
from .report import Figure
from .roles import EMPTY, ROLE
from .runs import Counted, Stage, User, pages, person

TITLE = "The role on a whole group of Pocket ID, against an empty play on the same machine" + (
    f" (numbers scaled by {SCALE:g})" if SCALE != 1 else ""
)
MANY = max(1, round(2_000 * SCALE))
REPEATS = 3
EMPTIES = 4
"""For each of them: an empty play is short, so its time varies most."""
LIMIT = 6
GROUP = "vcenter-admins"


@dataclass
class Measured:
    """Seconds of several runs, one of each in turn. C(bare) is what cannot be spared."""

    role: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def figure(self, name: str, what: str) -> Figure:
        role, empty, bare = median(self.role), median(self.empty), median(self.bare)
        of = f"({role:.2f} s, of which {what} {bare:.2f} s; an empty play takes {empty:.2f} s)"
        return Figure(f"{name}: without {what}", (role - bare) / empty, LIMIT, of=of)


class Scene:
    """An appliance and a Pocket ID with one group, and what runs against them."""

    def __init__(self, run: Bench, pocket_id: PocketId, folder: Path) -> None:
        self.users = [person(number) for number in range(MANY)]
        self._run = run
        self._pocket_id = pocket_id
        self._stage = Stage(folder, run.appliance.description())
        self._variables: dict[str, object] = {
            "federated_users_pocket_id_url": pocket_id.base_url,
            "federated_users_pocket_id_api_key": pocket_id.api_key,
            "federated_users_pocket_id_ca_path": str(pocket_id.ca_file),
            "federated_users_from_pocket_id": {"groups": [GROUP]},
        }
        for user in self.users:
            pocket_id.add_user(
                user["username"],
                user["external_id"],
                user["email"],
                first_name=user["given_name"],
                last_name=user["family_name"],
            )
        pocket_id.add_group(GROUP, members=[user["username"] for user in self.users])

    def reset(self, latency: int) -> None:
        """The broker is empty then."""
        self._stage.reset(latency_ms=latency)
        self._pocket_id.switch({"latency_ms": latency})

    def there(self) -> list[User]:
        return self._stage.users()

    def empty(self) -> float:
        return self._run.play(EMPTY).seconds

    def role(self) -> tuple[float, Counted, int]:
        """Its seconds, the requests to the broker, and how many went to Pocket ID."""
        self._stage.counted()
        self._pocket_id.clear_requests()
        seconds = self._run.play(ROLE, self._variables).seconds
        return seconds, self._stage.counted(), len(self._pocket_id.requests)

    def writes(self) -> float:
        return self._stage.bare("create", self.users)

    def listings(self) -> float:
        """Of both sides."""
        headers = {"X-API-Key": self._pocket_id.api_key}
        wishes = Wishes(f"{self._pocket_id.base_url}/api", headers, str(self._pocket_id.ca_file))
        return self._stage.load("people", wishes) + self._stage.bare("list")


def measure(folder: str) -> Iterator[Figure]:
    with TemporaryDirectory(dir=folder) as own, bench(folder) as run:
        here = Path(own).absolute()
        with PocketId(here / "pocket-id") as pocket_id:
            scene = Scene(run, pocket_id, here)
            scene.empty()
            for latency in LATENCIES:
                yield from _to_an_empty_broker(scene, latency)
                # The last run has left everybody there.
                yield from _nothing_to_do(scene, latency)


def _to_an_empty_broker(scene: Scene, latency: int) -> Iterator[Figure]:
    name = f"{MANY:,} to an empty broker, {latency} ms"
    measured = Measured()
    for _repeat in range(REPEATS):
        scene.reset(latency)
        measured.bare.append(scene.writes())
        measured.empty += [scene.empty() for _time in range(EMPTIES)]
        scene.reset(latency)
        seconds, counted, asked = scene.role()
        measured.role.append(seconds)
        if counted.writes != MANY or _ids(scene.there()) != _ids(scene.users):
            raise RuntimeError(f"{counted.writes} writes, and {len(scene.there())} of {MANY} users there")
    yield measured.figure(name, "the writes")
    yield _asked(name, asked)


def _nothing_to_do(scene: Scene, latency: int) -> Iterator[Figure]:
    name = f"{MANY:,} with nothing to do, {latency} ms"
    measured = Measured()
    unwanted = 0
    for _repeat in range(REPEATS):
        measured.bare.append(scene.listings())
        measured.empty += [scene.empty() for _time in range(EMPTIES)]
        seconds, counted, asked = scene.role()
        measured.role.append(seconds)
        unwanted += counted.writes + counted.mintings
    yield measured.figure(name, "the listings")
    yield Figure(f"{name}: writes and mintings", unwanted, 0, "requests")
    yield _asked(name, asked)


def _asked(name: str, requests: int) -> Figure:
    # Its own administrator is one more to be listed.
    most = pages(MANY + 1) + MOST_OTHERS
    return Figure(f"{name}: requests to Pocket ID", requests, most, "requests")


def _ids(users: list[User]) -> set[tuple[str, str]]:
    return {(user["username"], user["external_id"]) for user in users}
