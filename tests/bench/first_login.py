# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source as a process of its own: how soon it tells, and what memory a long log takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._login_events import Telling
from simulator import DEFAULT_DOMAIN, Appliance

from .report import Figure

TITLE = "federation_log: how soon it tells, and its memory over 100,000 lines"
PEOPLE, TRIES = 20, 5
LINES, BATCH, WARM = 100_000, 4_000, 20_000
PATIENCE = 120
_SOURCE = Path(__file__).parents[2] / "extensions/eda/plugins/event_source/federation_log.py"
# A queue that writes each event on a line.
_CHILD = """
import asyncio, json, runpy, sys

class Lines:
    async def put(self, event):
        print(json.dumps(event), flush=True)

asyncio.run(runpy.run_path(sys.argv[1])["main"](Lines(), json.loads(sys.argv[2])))
"""


def measure(folder: str) -> Iterator[Figure]:
    with Appliance() as appliance:
        yield from _measured(appliance, Path(folder))


def _measured(appliance: Appliance, folder: Path) -> Iterator[Figure]:
    people = [{"external_id": f"id-of-baker{n}", "username": f"baker{n}"} for n in range(PEOPLE + TRIES)]
    told, state = folder / "told.jsonl", folder / "first_login.json"
    (folder / "allow_list.yml").write_text(json.dumps(people))
    options = {
        "host": "127.0.0.1",
        "port": appliance.ssh_port,
        "private_key": str(appliance.ssh_key),
        "known_hosts": str(appliance.known_hosts),
        "log_path": str(appliance.log_path),
        "allow_list": str(folder / "allow_list.yml"),
        "domain": DEFAULT_DOMAIN,
        "state_file": str(state.absolute()),
    }
    with told.open("w") as output:
        process = subprocess.Popen([sys.executable, "-c", _CHILD, str(_SOURCE), json.dumps(options)], stdout=output)
    try:
        _until(state.exists)
        delays = [_delay(appliance, told, f"baker{PEOPLE + number}") for number in range(TRIES)]
        yield Figure(
            "from the denied line to the event, of somebody alone, median", median(delays), 1, "s", f"{TRIES} logins"
        )
        yield from _long_log(appliance, told, state, process.pid)
    finally:
        process.terminate()
        process.wait()


def _delay(appliance: Appliance, told: Path, name: str) -> float:
    # Who comes shortly after another is told with others.
    time.sleep(Telling().together)
    begin = time.monotonic()
    appliance.login(sub=f"id-of-{name}")
    _until(lambda: name in _keys(told))
    return time.monotonic() - begin


def _long_log(appliance: Appliance, told: Path, state: Path, pid: int) -> Iterator[Figure]:
    begin, warm = time.monotonic(), 0
    for batch in range(LINES // BATCH):
        if batch == LINES // BATCH // 2:
            appliance.log.rotate("copytruncate")
        # Ten lines a login.
        for number in range(BATCH // 20):
            appliance.login(sub=f"stranger-{batch}-{number}")
        if batch < PEOPLE:
            appliance.login(sub=f"id-of-baker{batch}")
        appliance.log.write_noise(BATCH // 2)
        _until(lambda: _place(state) == appliance.log_path.stat().st_size)
        if (batch + 1) * BATCH == WARM:
            warm = _memory(pid)
    seconds = time.monotonic() - begin
    yield Figure(
        "memory after 100,000 lines, against 20,000", _memory(pid) / warm, 1.1, "x", f"{_memory(pid) >> 20} MiB"
    )
    everybody = {f"baker{number}" for number in range(PEOPLE)}
    keys = [key for key in _keys(told) if key in everybody]
    yield Figure("people on the list who were told", len(keys), PEOPLE, "people", "once each", at_least=True)
    yield Figure("of them more than once", len(keys) - len(set(keys)), 0, "people")
    yield Figure("lines a second, with the writing of them", LINES / seconds, None, "lines/s")


def _keys(told: Path) -> list[str]:
    events: list[dict[str, Any]] = [json.loads(line) for line in told.read_text().splitlines()]
    return [key for event in events if "login" in event for key in event["login"]["people"]]


def _place(state: Path) -> int:
    return int(json.loads(state.read_text())["place"]["offset"])


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the event source is not where it should be")
        time.sleep(0.02)
