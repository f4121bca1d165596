# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source over real SSH: each login attempt is told once, whatever happens to log, connection and source."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from simulator import PEOPLE, Appliance
from system.event_source import BAKERS, EVIL, burst, drop, over_ssh, ready, until, write_allow_list

MUFFIN = {"external_id": PEOPLE["muffin"], "username": "muffin"}
SCONE = {"external_id": PEOPLE["scone"], "username": "scone", "key": "the-scone"}
CRUMPET = {"external_id": PEOPLE["crumpet"], "username": "crumpet"}


def test_a_refused_login_is_told_by_the_lists_key(appliance: Appliance, tmp_path: Path) -> None:
    source = over_ssh(appliance, tmp_path, [MUFFIN, SCONE])

    async def run() -> None:
        appliance.login("scone")  # before the source was there
        async with source.running():
            await ready(source, appliance)
            appliance.login("muffin")
            await until(lambda: source.events, "muffin is told")

    asyncio.run(run())
    assert source.events == [{"login": {"outcome": "denied", "people": ["muffin"], "attempts": 1, "number": 1}}]
    assert source.state_file.stat().st_mode & 0o777 == 0o600


def rename(appliance: Appliance) -> None:
    appliance.log.rotate("rename")


def copytruncate(appliance: Appliance) -> None:
    appliance.log.rotate("copytruncate")


def compress(appliance: Appliance) -> None:
    appliance.log.rotate("rename", compress=True)


@pytest.mark.parametrize("happens", [rename, copytruncate, compress, drop], ids=lambda happens: happens.__name__)
def test_nothing_is_lost_or_repeated_while_it_follows(
    appliance: Appliance, tmp_path: Path, happens: Callable[[Appliance], None]
) -> None:
    source = over_ssh(appliance, tmp_path, [MUFFIN, SCONE, CRUMPET])

    async def run() -> None:
        async with source.running():
            await ready(source, appliance)
            appliance.login("muffin")
            await asyncio.to_thread(happens, appliance)
            appliance.login("scone")
            await asyncio.to_thread(happens, appliance)
            appliance.login(sub="stranger")
            appliance.login("crumpet")
            await until(lambda: len(source.denied) == 3 and source.strangers, "all are told")

    asyncio.run(run())
    assert source.denied == ["muffin", "the-scone", "crumpet"]
    assert (source.strangers, [event for event in source.events if "log_gap" in event]) == (1, [])


@pytest.mark.parametrize("kind", ["rename", "copytruncate"])
def test_nor_while_it_is_stopped(appliance: Appliance, tmp_path: Path, kind: Literal["rename", "copytruncate"]) -> None:
    source = over_ssh(appliance, tmp_path, [MUFFIN, SCONE, CRUMPET])

    async def run() -> None:
        async with source.running():
            await ready(source, appliance)
            appliance.login("muffin")
            await until(lambda: source.denied, "muffin is told")
        appliance.login("scone")
        await asyncio.to_thread(appliance.log.rotate, kind, compress=True)
        appliance.log.write_noise(50)
        await asyncio.to_thread(appliance.log.rotate, kind)
        appliance.login("crumpet")
        async with source.running():
            await until(lambda: len(source.denied) == 3, "all are told")
            await asyncio.sleep(0.5)

    asyncio.run(run())
    assert source.denied == ["muffin", "the-scone", "crumpet"]
    assert [event["login"]["number"] for event in source.events] == list(range(1, len(source.events) + 1))


def test_what_nobody_took_is_told_after_the_restart(appliance: Appliance, tmp_path: Path) -> None:
    source = over_ssh(appliance, tmp_path, [MUFFIN, SCONE, CRUMPET])

    async def run() -> None:
        async with source.running():
            await ready(source, appliance)
        taken = source._take
        source._take = lambda _queue: asyncio.sleep(60)  # type: ignore[method-assign]
        async with source.running():
            appliance.login("muffin")
            await until(lambda: json.loads(source.state_file.read_text())["events"]["number"] == 1, "the queue is full")
            for name in ("scone", "crumpet"):
                appliance.login(name)
            await until(lambda: json.loads(source.state_file.read_text())["outbox"], "an event waits")
        assert source.denied == ["muffin"]  # what the queue held
        source._take = taken  # type: ignore[method-assign]
        async with source.running():
            await until(lambda: len(source.denied) == 3, "all are told")

    asyncio.run(run())
    assert source.denied == ["muffin", "the-scone", "crumpet"]


def test_a_thousand_attempts_over_rotation_restart_and_lost_connection(appliance: Appliance, tmp_path: Path) -> None:
    source = over_ssh(appliance, tmp_path, BAKERS)

    async def run() -> None:
        async with source.running():
            await ready(source, appliance)
            await asyncio.to_thread(burst, appliance, 0, 300)
            await asyncio.to_thread(appliance.log.rotate, "copytruncate")
            await asyncio.to_thread(burst, appliance, 300, 500)
            drop(appliance)
            await asyncio.to_thread(burst, appliance, 500, 600)
        await asyncio.to_thread(burst, appliance, 600, 700)
        await asyncio.to_thread(appliance.log.rotate, "rename")
        async with source.running():
            await asyncio.to_thread(burst, appliance, 700, 1000)
            await until(lambda: len(source.denied) >= 20, "everybody on the list is told")
            await asyncio.sleep(1)
            # The flood is told as one event or two, and the rest of it later.
            state = json.loads(source.state_file.read_text())["events"]
            assert source.strangers + state["unknown"][0] == 980

    asyncio.run(run())
    assert sorted(source.denied) == sorted(str(person["username"]) for person in BAKERS)
    assert len([event for event in source.events if "unknown_attempt" in event]) <= 2
    assert not [event for event in source.events if "log_gap" in event]


@pytest.mark.parametrize(
    "forged",
    [
        {"sub": EVIL},
        {"sub": PEOPLE["muffin"] + "{{ 7*7 }}"},
        {"sub": f"x, domains: [y]\n{PEOPLE['muffin']}"},
        {"sub": PEOPLE["muffin"], "domains": [EVIL]},
        {"sub": f"{PEOPLE['muffin']}, domains: [lab.example.org] {EVIL}"},
        {"sub": "muffin@example.org{% raw %}", "user_agent": f"{EVIL}\n{EVIL}"},
    ],
)
def test_what_an_attacker_writes_reaches_no_event(appliance: Appliance, tmp_path: Path, forged: dict[str, Any]) -> None:
    source = over_ssh(appliance, tmp_path, [MUFFIN])

    async def run() -> None:
        async with source.running():
            await ready(source, appliance)
            appliance.login(**forged)
            await until(lambda: source.events, "it is told")

    asyncio.run(run())
    assert source.denied == []
    told = json.dumps([event.get("unknown_attempt", {}).get("digest", []) for event in source.events])
    keys = {key for event in source.events for key in event}
    assert keys <= {"unknown_attempt", "login"}
    assert all(mark not in told for mark in ("{", "}", "%", "'", "\\", "("))


def test_the_list_is_read_anew_and_a_bad_one_never_taken(appliance: Appliance, tmp_path: Path) -> None:
    source = over_ssh(appliance, tmp_path, [MUFFIN])
    file = Path(source.arguments["allow_list"])

    async def run() -> None:
        async with source.running():
            await ready(source, appliance)
            write_allow_list(file, [MUFFIN, SCONE])
            appliance.login("scone")
            await until(lambda: source.denied == ["the-scone"], "scone is told")
            file.write_text("[muffin, scone, crumpet]")
            appliance.login("muffin")
            await until(lambda: source.denied == ["the-scone", "muffin"], "muffin is told by the list before")

    asyncio.run(run())


def test_the_host_key_is_verified(appliance: Appliance, tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    client = appliance.ssh_key.with_name("client_key.pub").read_text()
    other.write_text(f"[127.0.0.1]:{appliance.ssh_port} {client}")
    said = over_ssh(appliance, tmp_path, [MUFFIN], known_hosts=str(other)).failure()
    assert "host key" in said.lower()
    assert appliance.ssh_logins == 0
    other.write_text("")
    assert "host key" in over_ssh(appliance, tmp_path, [MUFFIN], known_hosts=str(other)).failure().lower()
    assert "known_hosts: " in over_ssh(appliance, tmp_path, [MUFFIN], known_hosts=str(tmp_path / "none")).failure()


def test_a_refused_key_is_tried_once(appliance: Appliance, tmp_path: Path) -> None:
    appliance.switches.update({"ssh_refuse": True})
    said = over_ssh(appliance, tmp_path, [MUFFIN]).failure()
    assert "Could not log in" in said
    assert appliance.ssh_failures == ["publickey"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"allow_list": None}, "allow_list: it is missing"),
        ({"host": None}, "host: it is missing"),
        ({"passwort": "x"}, "passwort: there is no such option"),
        ({"outcome": "all"}, "outcome: 'all' is none"),
        ({"port": "ssh"}, "port: 'ssh' is out of range"),
        ({"private_key": "/nonexistent"}, "private_key: /nonexistent is no file"),
    ],
)
def test_bad_options_are_named(appliance: Appliance, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    assert said in over_ssh(appliance, tmp_path, [MUFFIN], **change).failure()


def test_a_list_of_names_is_refused(appliance: Appliance, tmp_path: Path) -> None:
    source = over_ssh(appliance, tmp_path, [])
    Path(source.arguments["allow_list"]).write_text("- muffin\n- scone\n")
    assert "item 1 is a name without an ExternalId" in source.failure()
    Path(source.arguments["allow_list"]).write_text("- {external_id: 4711, username: muffin}\n")
    assert "Quote it" in source.failure()
    Path(source.arguments["allow_list"]).write_text("- {external_id: 'x\n")
    assert "is no YAML" in source.failure()


def test_a_state_file_is_one_sources(appliance: Appliance, tmp_path: Path) -> None:
    source = over_ssh(appliance, tmp_path, [MUFFIN])

    async def run() -> None:
        async with source.running():
            await ready(source, appliance)
            other = over_ssh(appliance, tmp_path, [MUFFIN])
            with pytest.raises(Exception, match="used by another process"):
                await other.main(asyncio.Queue(1))

    asyncio.run(run())
    assert "is of another log" in over_ssh(appliance, tmp_path, [MUFFIN], log_path="/other.log").failure()
    source.state_file.write_text("{")
    assert "cannot be read" in source.failure()
