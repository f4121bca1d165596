# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs an event source as ansible-rulebook does: its file by its path, main() in a loop, a queue of one."""

from __future__ import annotations

import asyncio
import contextlib
import runpy
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from simulator import DEFAULT_DOMAIN, Appliance
from simulator.ssh_server import SshServer
from system.playbook import COLLECTION, Json

PATIENCE = 12
EVIL = "{{ lookup('ansible.builtin.pipe', 'touch pwned-by-the-log') }}"
SOURCES = COLLECTION / "extensions/eda/plugins/event_source"


class Source:
    """A source that can be started, stopped and started again, with what it has told."""

    def __init__(self, name: str, arguments: Json) -> None:
        self.name = name
        self.arguments = arguments
        self.events: list[Json] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Cancelled at the end, as when ansible-rulebook ends. What it raises by itself is raised here."""
        queue: asyncio.Queue[Any] = asyncio.Queue(1)
        task = asyncio.create_task(self.main(queue))
        reader = asyncio.create_task(self._take(queue))
        try:
            yield
        finally:
            await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            while not queue.empty():
                self.events.append(queue.get_nowait())
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    async def main(self, queue: asyncio.Queue[Any]) -> None:
        await runpy.run_path(str(SOURCES / f"{self.name}.py"))["main"](queue, self.arguments)

    def failure(self) -> str:
        """What it says when it cannot do its work."""
        with pytest.raises(Exception, match=r".") as raised:
            asyncio.run(asyncio.wait_for(self.main(asyncio.Queue(1)), PATIENCE))
        assert type(raised.value).__name__ in ("InputError", "IdentityBrokerError"), raised.value
        return str(raised.value)

    async def _take(self, queue: asyncio.Queue[Any]) -> None:
        while True:
            self.events.append(await queue.get())

    @property
    def denied(self) -> list[str]:
        """Keys of those who were told as refused, in their order."""
        denied = [event["login"] for event in self.events if event.get("login", {}).get("outcome") == "denied"]
        return [key for login in denied for key in login["people"]]

    @property
    def strangers(self) -> int:
        return sum(event["unknown_attempt"]["attempts"] for event in self.events if "unknown_attempt" in event)

    @property
    def state_file(self) -> Path:
        return Path(self.arguments["state_file"])


def write_allow_list(file: Path, people: Sequence[Json]) -> Path:
    file.write_text(yaml.safe_dump(list(people)))
    return file


BAKERS: list[Json] = [{"external_id": f"id-of-baker{number}", "username": f"baker{number}"} for number in range(20)]


def burst(appliance: Appliance, begin: int, end: int) -> None:
    """A part of 1,000 logins: each of the bakers' once, and all others of strangers."""
    for number in range(begin, end):
        known = number % 50 == 7
        appliance.login(sub=f"id-of-baker{number // 50}" if known else f"stranger-{number}", user_agent=EVIL)


def drop(appliance: Appliance) -> None:
    """Every SSH connection is lost."""
    assert isinstance(appliance.ssh, SshServer)
    appliance.ssh.drop()


def over_ssh(appliance: Appliance, folder: Path, people: Sequence[Json], **more: Any) -> Source:
    """The source that follows the log of this appliance."""
    return Source(
        "federation_log",
        {
            "host": "127.0.0.1",
            "port": appliance.ssh_port,
            "user": appliance.ssh_user,
            "private_key": str(appliance.ssh_key),
            "known_hosts": str(appliance.known_hosts),
            "log_path": str(appliance.log_path),
            "allow_list": str(write_allow_list(folder / "allow_list.yml", people)),
            "domain": DEFAULT_DOMAIN,
            "state_file": str(folder / "state/source.json"),
            **more,
        },
    )


async def until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        await asyncio.sleep(0.02)


async def ready(source: Source, appliance: Appliance) -> None:
    """Wait until it reads: from then on nothing may be missed."""
    commands = len(appliance.ssh_commands)
    await until(source.state_file.exists, "the source remembers where it stands")
    await until(lambda: len(appliance.ssh_commands) > commands, "the source reads")
