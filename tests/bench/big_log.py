# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to find an attempt in a large log, what crosses the wire, and what it costs in memory."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._log_reader import Request, read_log

from .plays import Bench, bench
from .report import Figure

SIZE = 1 << 30
REPEATS = 3
WIRE_LIMIT = 512
"""KiB. The look-ups of allowed logins cross the wire, too: without them nobody knows whether a refused login is missing."""
SEED = "grep -i externalid {log} | tail -5"


@dataclass
class Wire:
    """Runs commands on this machine and counts what they return."""

    bytes: int = 0
    commands: list[str] = field(default_factory=list)

    def __call__(self, command: str) -> tuple[str, str]:
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
        self.bytes += len(done.stdout) + len(done.stderr) + len(command)
        return done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="replace")


def measure(folder: str) -> Iterator[Figure]:
    with bench(folder) as run:
        log = run.appliance.log
        now = datetime.now(UTC)
        run.appliance.login("muffin", at=now - timedelta(days=2))
        first_lines = log.path.stat().st_size
        # One allowed login in about a megabyte, as on an appliance in use.
        run.appliance.add_user("crumpet", external_id="5f2a9be8-90c1-4f0e-8a57-2d1f3c9b7e02")
        for part in range(SIZE >> 26):
            at = now - timedelta(days=2) * (1 - (part + 1) / ((SIZE >> 26) + 1))
            log.fill(1 << 26, at, at)
            for _time in range(64):
                run.appliance.login("crumpet", at=at)
        subprocess.run(["cat", str(log.path)], stdout=subprocess.DEVNULL, check=True)
        yield from _case(run, "attempt at the file's beginning", {}, 1.2, found=1)
        with log.path.open("r+b") as file:
            file.write(b"x" * (first_lines - 1))
        yield from _case(run, "no attempt at all", {}, 1.2, found=0)
        run.appliance.login("muffin")
        yield from _case(run, "recent attempt, since 30m", {"since": "30m", "limit": 0}, 0.2, found=1)
        yield from _case(run, "recent attempt, limit 1", {"limit": 1}, 0.2, found=1)
        yield _memory(run)


def _case(run: Bench, name: str, options: dict[str, Any], limit: float, *, found: int) -> Iterator[Figure]:
    runs = [run.play(_play(run, options, found)) for _time in range(REPEATS)]
    ours = median(each.tasks["ours"] for each in runs)
    seed = median(each.tasks["seed"] for each in runs)
    yield Figure(name, ours / seed, limit, of=f"({ours:.2f} s against {seed:.2f} s)")
    wire = Wire()
    since = timedelta(minutes=30) if "since" in options else None
    read_log(Request(str(run.appliance.log_path), since=since, limit=int(options.get("limit", 5))), wire)
    yield Figure(f"{name}: wire", wire.bytes / 1024, WIRE_LIMIT, "KiB")


def _play(run: Bench, options: dict[str, Any], found: int) -> str:
    path = str(run.appliance.log_path)
    return json.dumps(
        [
            {
                "hosts": "appliance",
                "gather_facts": False,
                "tasks": [
                    {"name": "connect", "ansible.builtin.raw": "true"},
                    {"name": "seed", "ansible.builtin.raw": SEED.format(log=path)},
                    {
                        "name": "ours",
                        "homelab.identity_broker.externalid_fact": {"log_path": path, **options},
                        "register": "ours",
                        "failed_when": f"ours.attempts | length != {found}",
                    },
                ],
            }
        ]
    )


def _memory(run: Bench) -> Figure:
    path = str(run.appliance.log_path)
    idle = json.dumps(
        [{"hosts": "appliance", "gather_facts": False, "tasks": [{"name": "connect", "ansible.builtin.raw": "true"}]}]
    )
    without = median(run.play(idle).peak_mib for _time in range(REPEATS))
    task = {"name": "ours", "homelab.identity_broker.externalid_fact": {"log_path": path}}
    reading = json.dumps([{"hosts": "appliance", "gather_facts": False, "tasks": [task]}])
    with_it = median(run.play(reading).peak_mib for _time in range(REPEATS))
    return Figure("memory on the control node", max(0.0, with_it - without), 32, "MiB", f"({without:.0f} MiB without)")
