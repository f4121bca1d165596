# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action externalid_fact over SSH and on a copied log."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance, Switches
from simulator.switches import Wrapping
from system.playbook import NAMESPACE, REPOSITORY, Json, Playbooks

SSHD = REPOSITORY / ".cache/sshd"
COPIES = ["muffin's log.log", "with spaces.log", '"quoted".log', "$(touch attacked).log", "-e.log", "täglich;.log"]


def ago(**span: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**span)


def ids(result: Json) -> list[str]:
    return [attempt["external_id"] for attempt in result["attempts"]]


def history(appliance: Appliance) -> None:
    """Three days of logins, oldest first, among noise."""
    appliance.add_user("scone@lab.example.org", PEOPLE["scone"], domain=DEFAULT_DOMAIN)
    appliance.log.write_noise(300, ago(days=3))
    appliance.login(sub="oldest", at=ago(days=2), source_ip="2001:db8::1")
    appliance.login("scone", at=ago(hours=5))
    appliance.login(sub="other", at=ago(hours=3), domain="other.example.org")
    appliance.log.write_noise(300, ago(hours=2))
    appliance.login("crumpet", at=ago(minutes=50))
    appliance.login("muffin", at=ago(minutes=10))
    appliance.login("scone", at=ago(minutes=5))
    appliance.log.write_noise(300)


MUFFIN, CRUMPET, SCONE = PEOPLE["muffin"], PEOPLE["crumpet"], PEOPLE["scone"]
READINGS: list[tuple[Json, list[str], bool]] = [
    ({}, [MUFFIN, CRUMPET, "other", "oldest"], True),
    ({"domain": DEFAULT_DOMAIN}, [MUFFIN, CRUMPET, "oldest"], True),
    ({"domain": "OTHER.example.org"}, ["other"], True),
    ({"domain": "none.example.org"}, [], True),
    ({"since": "30m"}, [MUFFIN], True),
    ({"since": "1h"}, [MUFFIN, CRUMPET], True),
    ({"since": "4h", "domain": DEFAULT_DOMAIN}, [MUFFIN, CRUMPET], True),
    ({"since": "1w"}, [MUFFIN, CRUMPET, "other", "oldest"], True),
    ({"since": "60s"}, [], True),
    ({"limit": 1}, [MUFFIN], False),
    ({"limit": 1, "since": "30m"}, [MUFFIN], True),
    ({"limit": 4}, [MUFFIN, CRUMPET, "other", "oldest"], True),
    ({"outcome": "any"}, [SCONE, MUFFIN, CRUMPET, "other", SCONE, "oldest"], True),
    ({"outcome": "any", "limit": 2}, [SCONE, MUFFIN], False),
    ({"outcome": "any", "since": "30m"}, [SCONE, MUFFIN], True),
    ({"include_rotated": True, "limit": 0}, [MUFFIN, CRUMPET, "other", "oldest"], True),
]


def check_readings(results: list[Any], readings: list[tuple[Json, list[str], bool]]) -> None:
    for (options, expected, complete), result in zip(readings, results, strict=True):
        found = result.result
        assert ids(found) == expected, options
        assert found["complete"] is complete, options
        assert bool(found["gaps"]) is not complete
        assert len(found["summary"]) == len(found["attempts"])
        assert found["ansible_facts"] == {
            "externalid": expected[0] if expected else None,
            "externalid_attempts": found["attempts"],
        }
        assert "warnings" not in found


@pytest.mark.parametrize("tools", [{}, {"tools_only": True}, {"tools_only": True, "tools_sleep": False}])
def test_what_is_asked_is_what_is_read(playbooks: Playbooks, appliance: Appliance, tools: Json) -> None:
    appliance.switches.update({**tools, "ssh_banner": True})
    history(appliance)
    readings = READINGS[::3] if tools else READINGS
    run = playbooks.read_log(*(options for options, _expected, _complete in readings)).went_well()
    check_readings(run.results, readings)
    assert run.recap("appliance")["changed"] == 0
    # Nothing is left behind, and one connection did for all.
    assert [path.name for path in appliance.log_path.parent.iterdir()] == [appliance.log_path.name]
    assert appliance.ssh_logins == 1


def test_an_attempt_has_all_its_keys(playbooks: Playbooks, appliance: Appliance) -> None:
    at = ago(minutes=2).replace(microsecond=412000)
    login = appliance.login("muffin", at=at, source_ip="2001:db8::1", domains=["a.example.org", DEFAULT_DOMAIN])
    appliance.log.write_noise(3)
    found = playbooks.read_log({}).went_well().results[0].result
    attempt = found["attempts"][0]
    # The first line that counts stands some milliseconds behind the start of the login.
    stamp = datetime.fromisoformat(attempt.pop("timestamp"))
    assert at <= stamp <= at + timedelta(milliseconds=100)
    assert attempt == {
        "external_id": MUFFIN,
        "domains": ["a.example.org", DEFAULT_DOMAIN],
        "outcome": "denied",
        "reason": "USER_NOT_FOUND",
        "source_ip": "2001:db8::1",
        "context_id": login.context_id,
        "malformed": False,
        "attribute": "ExternalId",
    }
    about = appliance.log_path.stat()
    assert found["position"] == {"inode": str(about.st_ino), "offset": about.st_size}


def test_outcomes(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.add_user("scone@lab.example.org", SCONE, domain=DEFAULT_DOMAIN)
    appliance.login("scone", at=ago(minutes=2))
    appliance.login("muffin", at=ago(minutes=1))
    # Too fresh to tell: the refusal may be still to come.
    appliance.login("scone")
    run = playbooks.read_log({"outcome": "any"}).went_well()
    outcomes = [(a["external_id"], a["outcome"]) for a in run.results[0].result["attempts"]]
    assert outcomes == [(SCONE, "unknown"), (MUFFIN, "denied"), (SCONE, "allowed")]


def test_an_empty_log(playbooks: Playbooks) -> None:
    found = playbooks.read_log({}, {"since": "30m"}).went_well().results[1].result
    assert (found["attempts"], found["complete"]) == ([], True)
    assert found["ansible_facts"] == {"externalid": None, "externalid_attempts": []}


@pytest.mark.parametrize("zone", ["+02:00", "-09:30", "+05:45"])
@pytest.mark.parametrize("shell", [None, "UTC-2"])
def test_time_zones(playbooks: Playbooks, appliance: Appliance, zone: str, shell: str | None) -> None:
    """The log's own zone, which its lines do not tell; the shell's may be another."""
    appliance.switches.update({"log_timezone": zone, "shell_timezone": shell})
    appliance.login("crumpet", at=ago(minutes=50))
    at = ago(minutes=10)
    appliance.login("muffin", at=at)
    appliance.log.write_noise(5)
    moment = ago(minutes=30)
    spellings = [f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%dT%H:%M:%S}"]
    spellings += [(moment.astimezone(tz=None) + timedelta()).isoformat(), "30m"]
    run = playbooks.read_log(*({"since": since} for since in spellings)).went_well()
    for result in run.results:
        assert ids(result.result) == [MUFFIN]
        stamp = datetime.fromisoformat(result.result["attempts"][0]["timestamp"])
        assert at <= stamp <= at + timedelta(seconds=1)


def test_a_log_in_every_wrapping(playbooks: Playbooks, appliance: Appliance) -> None:
    wrappings = get_args(Wrapping)
    for wrapping in wrappings:
        appliance.switches.log_wrapping = wrapping
        appliance.log.write_noise(60)
        appliance.login(sub=f"through-{wrapping}")
    # Of the last wrapping alone the times are sure: the others are among lines that name their zone.
    run = playbooks.read_log({"limit": 0}, {"limit": 0, "since": "30m"}).went_well()
    whole, recent = (result.result for result in run.results)
    assert ids(whole) == [f"through-{wrapping}" for wrapping in reversed(wrappings)]
    assert (whole["complete"], whole["unread"]) == (True, {"count": 0, "lines": []})
    assert (recent["complete"], recent["offset"]) == (False, None)


# Waiting


class Later(threading.Thread):
    """Acts as soon as the playbook listens."""

    def __init__(self, appliance: Appliance, *acts: Any) -> None:
        super().__init__(daemon=True)
        self.appliance = appliance
        self.acts = acts
        self.start()

    def run(self) -> None:
        end = time.monotonic() + 60
        while not any("mark waited" in command for command in self.appliance.ssh_commands):
            if time.monotonic() > end:
                return
            time.sleep(0.05)
        for act in self.acts:
            time.sleep(0.5)
            act()


@pytest.mark.parametrize("sleep", [True, False])
def test_waiting_hears_only_what_comes_after_the_asking(
    playbooks: Playbooks, appliance: Appliance, sleep: bool
) -> None:
    appliance.switches.update({"tools_only": True, "tools_sleep": sleep})
    appliance.login(sub="before")
    later = Later(
        appliance,
        lambda: appliance.login("muffin", domain="other.example.org"),
        lambda: appliance.login("muffin"),
        lambda: appliance.login("crumpet"),
    )
    started = time.monotonic()
    run = playbooks.read_log({"wait": 60, "settle": 3, "domain": DEFAULT_DOMAIN}).went_well()
    later.join()
    assert ids(run.results[0].result) == [CRUMPET, MUFFIN]
    assert run.results[0].result["complete"] is True
    assert time.monotonic() - started < 40


def test_waiting_in_vain_and_without_settling(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login(sub="before")
    run = playbooks.read_log({"wait": 1}, {"wait": 2, "settle": 0}).went_well()
    for result in run.results:
        assert (result.result["attempts"], result.result["complete"]) == ([], True)


@pytest.mark.parametrize("kind", ["rename", "copytruncate"])
def test_a_rotation_while_waiting_is_told(playbooks: Playbooks, appliance: Appliance, kind: Any) -> None:
    # Enough that the log cannot grow beyond its former size between two looks at it.
    appliance.log.write_noise(1000)
    appliance.login(sub="before")
    later = Later(appliance, lambda: appliance.log.rotate(kind), lambda: appliance.login("muffin"))
    run = playbooks.read_log({"wait": 30, "settle": 1})
    later.join()
    assert run.results[0].outcome == "ignored"
    assert "was rotated while waiting" in run.results[0].message
    assert "run this again" in run.results[0].message


# Elsewhere


def test_copies_with_awkward_names(playbooks: Playbooks, appliance: Appliance, tmp_path: Path) -> None:
    history(appliance)
    folder = tmp_path / "copies of muffin's"
    folder.mkdir()
    for name in COPIES:
        shutil.copy2(appliance.log_path, folder / name)
    run = playbooks.read_log(*({"log_path": str(folder / name)} for name in COPIES), host="localhost").went_well()
    for result in run.results:
        assert ids(result.result) == [MUFFIN, CRUMPET, "other", "oldest"]
    assert appliance.ssh_commands == []
    assert not list(tmp_path.rglob("attacked"))
    over_ssh = playbooks.read_log(*({"log_path": str(folder / name)} for name in COPIES)).went_well()
    assert [ids(result.result) for result in over_ssh.results] == [ids(result.result) for result in run.results]
    assert not list(tmp_path.rglob("attacked"))


def test_a_copy_that_lost_its_time(playbooks: Playbooks, appliance: Appliance, tmp_path: Path) -> None:
    appliance.login("muffin", at=ago(days=3, minutes=7))
    shutil.copy(appliance.log_path, tmp_path / "copy.log")
    run = playbooks.read_log({"log_path": str(tmp_path / "copy.log")}, host="localhost").went_well()
    assert ids(run.results[0].result) == [MUFFIN]
    assert "The stamps are taken for UTC" in str(run.results[0].result["warnings"])
    assert run.results[0].result["offset"] is None
    assert run.results[0].result["complete"], "without since, nothing depends on the offset"


def test_a_large_log_is_read_from_its_end(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login(sub="oldest", at=ago(days=2))
    appliance.log.fill(40_000_000, ago(days=2), ago(minutes=20))
    appliance.login("muffin", at=ago(minutes=10))
    appliance.log.fill(3_000_000, ago(minutes=9), ago(minutes=1))
    appliance.log.write_noise(3)
    started = time.monotonic()
    run = playbooks.read_log({"since": "30m"}, {"limit": 0}).went_well()
    assert time.monotonic() - started < 30
    assert [ids(result.result) for result in run.results] == [[MUFFIN], [MUFFIN, "oldest"]]
    assert [result.result["complete"] for result in run.results] == [True, True]


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[Appliance]:
    if not (SSHD / "usr/sbin/sshd").exists():
        pytest.skip("no sshd in .cache/sshd")
    switches = Switches(tools_only=True)
    with Appliance(tmp_path / "debian", switches, ssh="debian", sshd_root=SSHD) as appliance:
        yield appliance


def test_the_sshd_of_debian(debian: Appliance, tmp_path: Path, interpreter: Path) -> None:
    history(debian)
    (tmp_path / "playbooks").mkdir()
    playbooks = Playbooks(tmp_path / "playbooks", debian, interpreter)
    try:
        run = playbooks.read_log(*(options for options, _expected, _complete in READINGS[1::3])).went_well()
        check_readings(run.results, READINGS[1::3])
        packed = debian.log.rotate(compress=True)
        assert packed.suffix == ".gz"
        debian.login("scone", domain="other.example.org")
        task: Json = {"log_path": str(debian.log_path), "limit": 0, "include_rotated": True}
        again = playbooks.tasks(
            {"name": "on a terminal", f"{NAMESPACE}.externalid_fact": task},
            play={"hosts": "appliance", "vars": {"ansible_ssh_extra_args": "-tt"}},
        ).went_well()
        assert ids(again.task("on a terminal").result) == [MUFFIN, CRUMPET, "other", "oldest"]
    finally:
        playbooks.close()
