# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed or interrupted, at any moment: the next one does the rest, and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from system.module_process import Started
from system.playbook import Json, Modules, Playbooks
from system.scenes import (
    OTHER_DOMAIN,
    Request,
    Traffic,
    add,
    add_group,
    at_write,
    converges,
    external_ids,
    held,
    journal,
    members,
    person,
    provision,
    settled,
    watched,
)

WANTED = [
    person("newcomer", groups=["cooks"]),
    person("another"),
    person("changed", given_name="Other"),
    {"username": "leaver", "state": "absent"},
    {"username": "anew", "external_id": "id-new", "recreate": True},
    {"username": "bystander"},
]
PURGING = {"purge": True, "max_deletes": "1"}
# Who leaves, who is surplus, deletion and creation anew, the change, two creations, two groups.
WRITES = 9


@pytest.fixture
def scene(appliance: Appliance) -> None:
    names = ("changed", "leaver", "anew", "surplus", "bystander")
    ids = {name: add(appliance, name) for name in names}
    add(appliance, "stranger", domain=OTHER_DOMAIN)
    add_group(appliance, "cooks", ids["anew"], ids["bystander"])
    add_group(appliance, "bakers", ids["anew"])


def everything_is_right(appliance: Appliance) -> None:
    assert external_ids(appliance) == {
        "newcomer": "id-of-newcomer",
        "another": "id-of-another",
        "changed": "id-of-changed",
        "anew": "id-new",
        "bystander": "id-of-bystander",
        f"stranger@{OTHER_DOMAIN}": "id-of-stranger",
    }
    assert held(appliance)["changed"]["name"]["givenName"] == "Other"
    assert held(appliance)["anew"]["emails"][0]["value"] == "anew@example.org"
    assert members(appliance, "cooks") == {"anew", "bystander", "newcomer"}
    assert members(appliance, "bakers") == {"anew"}


@pytest.mark.usefixtures("scene")
def test_the_scene_has_as_many_writes_as_it_says(modules: Modules, appliance: Appliance) -> None:
    """What the test below rests upon."""
    with watched(appliance) as traffic:
        converges(modules, WANTED, **PURGING)
    assert [request.method for request in traffic.writes] == [
        *["DELETE"] * 3,
        "POST",
        "PUT",
        *["POST"] * 2,
        *["PATCH"] * 2,
    ]
    everything_is_right(appliance)


@pytest.mark.parametrize(
    ("moment", "seen"),
    [*((number, True) for number in range(1, WRITES + 1)), *((number, False) for number in (1, 3, 4, 8))],
)
@pytest.mark.usefixtures("scene")
def test_a_run_that_is_killed(modules: Modules, appliance: Appliance, moment: int, seen: bool) -> None:
    """At each write, which the appliance still does, or never gets."""

    # The more threads, the more is under way.
    started = modules.start("scim_users", users=WANTED, domain=DEFAULT_DOMAIN, concurrency=4 if seen else 1, **PURGING)
    kill = at_write(moment, started.process.kill, 503)
    with watched(appliance, **{"after" if seen else "before": kill}):
        code, _stdout, _stderr = started.wait()
    assert code == -signal.SIGKILL
    assert len(journal(modules)) <= 1
    missing = {"anew"} - held(appliance).keys()
    assert not missing or len(journal(modules)) == 1, "whoever is deleted to be created anew is on record"
    result = provision(modules, WANTED, **PURGING)
    assert not result["failed"], result["msg"]
    settled(modules, WANTED, **PURGING)
    everything_is_right(appliance)


# Interrupted


CROWD = [f"u{number:03}" for number in range(60)]


@contextmanager
def interrupted(appliance: Appliance, started: Started, number: int, sign: int) -> Iterator[Traffic]:
    with watched(appliance, before=at_write(number, lambda: os.kill(started.process.pid, sign))) as traffic:
        yield traffic


def interrupt(modules: Modules, number: int, sign: int = signal.SIGINT, **options: object) -> Json:
    started = modules.start("scim_users", domain=DEFAULT_DOMAIN, **options)
    with interrupted(modules.appliance, started, number, sign):
        return started.finish()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_what_it_did(modules: Modules, appliance: Appliance, sign: int) -> None:
    appliance.switches.latency_ms = 10
    users = [person(name) for name in CROWD]
    result = interrupt(modules, 20, sign, users=users, concurrency=4)
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["msg"].startswith("Interrupted 20")
    assert appliance.state.sessions == {}
    done = {user["username"] for user in result["users"] if not user["error"]}
    assert done == held(appliance).keys()
    assert 20 <= len(done) <= 30
    for user in result["users"]:
        if user["username"] not in done:
            assert "was not tried: the run was interrupted" in user["error"]
            assert user["user"] is None
    (report,) = journal(modules)
    assert report.name == "interrupted.txt"
    assert report.read_text().rstrip("\n") == result["msg"] == "\n".join(result["summary"])
    appliance.switches.latency_ms = 0

    assert provision(modules, users, check=True)["warnings"] == []
    result = provision(modules, users)
    assert not result["failed"], result["msg"]
    told = [warning for warning in result["warnings"] if warning.startswith("Interrupted 20")]
    assert len(told) == 1
    assert "created: u000@lab.example.org" in told[0]
    assert held(appliance).keys() == set(CROWD)
    settled(modules, users)


def test_the_word_is_kept_until_a_run_can_say_it(modules: Modules) -> None:
    users = [person(name) for name in CROWD[:20]]
    interrupt(modules, 5, users=users, concurrency=1)
    assert len(journal(modules)) == 1
    assert "mint_token" in provision(modules, users, mint_token=False)["msg"]
    assert len(journal(modules)) == 1
    result = provision(modules, users)
    assert [warning for warning in result["warnings"] if warning.startswith("Interrupted 20")]
    assert journal(modules) == []


def test_an_interruption_that_cannot_be_kept_is_told_all_the_same(
    modules: Modules, appliance: Appliance, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    users = [person(name) for name in CROWD[:20]]
    result = interrupt(modules, 5, users=users, concurrency=1, journal_path=str(tmp_path / "file/journal"))
    assert result["msg"].startswith("Interrupted 20")
    assert any("cannot be written" in warning for warning in result["warnings"])
    assert len(held(appliance)) == result["counts"]["create"] >= 5


@pytest.mark.usefixtures("scene")
def test_an_interruption_before_the_groups(modules: Modules, appliance: Appliance) -> None:
    result = interrupt(modules, WRITES - 1, users=WANTED, concurrency=1, **PURGING)
    errors = {user["username"]: user["error"] for user in result["users"] if user["error"]}
    assert errors.keys() == {"newcomer", "anew"}
    assert "newcomer@lab.example.org was written, but may not be a member of cooks yet" in errors["newcomer"]
    assert "kept in" in errors["anew"]
    provision(modules, WANTED, **PURGING)
    settled(modules, WANTED, **PURGING)
    everything_is_right(appliance)


@pytest.mark.parametrize("busy", [True, False])
def test_an_interruption_while_reading(modules: Modules, appliance: Appliance, busy: bool) -> None:
    """Also while the server asks for a minute of quiet."""
    for name in CROWD[:5]:
        add(appliance, name)
    if busy:
        appliance.switches.faults = [Fault("GET /Users", "429", retry_after=200)]
    started = modules.start("scim_users", users=[person("muffin")], domain=DEFAULT_DOMAIN)

    def later(request: Request) -> None:
        if request.method == "GET" and request.path == "/Users":
            time.sleep(0.2 if busy else 0)
            os.kill(started.process.pid, signal.SIGTERM)

    hook: dict[str, Callable[[Request], None]] = {"after" if busy else "before": later}
    with watched(appliance, **hook):
        result = started.finish()
    assert result["msg"] == "Interrupted. Nothing had been written."
    assert (appliance.writes(), appliance.state.sessions, journal(modules)) == ([], {}, [])


def test_a_group_task_does_not_claim_that_nothing_was_written(modules: Modules, appliance: Appliance) -> None:
    started = modules.start("scim_group", display_name="cooks", token=appliance.mint(), scim_url=appliance.scim_url)
    with interrupted(appliance, started, 1, signal.SIGINT):
        result = started.finish()
    assert "Interrupted. Some of it may have been done" in result["msg"]
    assert [group.name for group in appliance.broker.groups.all()] == ["ALL_USERS", "cooks"]


def eventually(done: Callable[[], object]) -> None:
    for _time in range(300):
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("it does not come")


def test_an_interrupted_playbook(playbooks: Playbooks, appliance: Appliance) -> None:
    """Ansible goes at once, the module finishes what is under way, and keeps a word for the next run."""
    appliance.switches.latency_ms = 20
    users = [person(name) for name in CROWD]
    variables = {**playbooks.variables, "federated_users_users": users}
    command = playbooks.prepare("homelab.identity_broker.provision", variables=variables)
    environment = {**playbooks.environment, "RESULTS_FILE": str(playbooks.results_file)}
    process = subprocess.Popen(
        command,
        cwd=playbooks.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    gone = threading.Event()

    def interrupt(request: Request) -> None:
        if request.number == 20:
            process.send_signal(signal.SIGINT)
            appliance.switches.latency_ms = 200
        elif request.number > 30:
            # Whoever was not told yet writes nothing before Ansible has gone.
            gone.wait(60)

    folder = playbooks.home / ".local/state/homelab.identity_broker"
    with watched(appliance, before=interrupt):
        assert process.wait(timeout=60) != 0
        gone.set()
        eventually(lambda: list(folder.glob("*/interrupted.txt")))
        eventually(lambda: not appliance.state.sessions)
    (report,) = folder.glob("*/interrupted.txt")
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    done = set(re.findall(r"^created: (u\d+)@", text, re.MULTILINE))
    more = re.search(r"^created: (\d+) more$", text, re.MULTILINE)
    assert len(done) + int(more[1] if more else 0) == len(held(appliance))
    assert done <= held(appliance).keys()
    assert 20 <= len(held(appliance)) < len(CROWD)
    appliance.switches.latency_ms = 0

    run = playbooks.run("homelab.identity_broker.provision", variables=variables).went_well()
    assert "Interrupted 20" in run.output
    assert held(appliance).keys() == set(CROWD)
    assert not [path for path in folder.rglob("*") if path.is_file()]
