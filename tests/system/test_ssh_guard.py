# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that opens SSH and puts back what stood, by itself: what it does when everything around it fails."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError
from ansible_collections.homelab.identity_broker.plugins.plugin_utils._ssh_opening import SshOpening
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from simulator.gate import Answer, Environ, straight
from system.playbook import Json, Modules
from system.scenes import journal, person, provision
from werkzeug.wrappers import Response

SSH, SHELL = "/api/appliance/access/ssh", "/api/appliance/access/shell"
LOCKS = ("ssh.turn", "ssh.users")


class Openings:
    """Makes openings as tasks would, and ends what is left of them."""

    def __init__(self, appliance: Appliance, modules: Modules) -> None:
        self.appliance = appliance
        self.modules = modules
        self.host = f"localhost:{appliance.https_port}"
        self.made: list[tuple[SshOpening, Any]] = []

    def order(self, **more: Any) -> Json:
        appliance = self.appliance
        return {
            "hostname": "localhost",
            "port": appliance.https_port,
            "username": appliance.username,
            "password": appliance.password,
            "validate_certs": True,
            "ca_path": str(appliance.ca_file),
            "timeout": 10.0,
            "shell": False,
            "retries": 1,
            "journal_path": str(self.modules.folder / ".local/state/homelab.identity_broker"),
            "seconds": 600,
            "check_mode": False,
            **more,
        }

    def opened(self, **more: Any) -> SshOpening:
        made = SshOpening(self.host, self.order(**more))
        made.open()
        self.made.append((made, made._guard))
        return made

    def refused(self, **more: Any) -> str:
        """Why nothing was opened."""
        made = SshOpening(self.host, self.order(**more))
        with pytest.raises(IdentityBrokerError) as refusal:
            made.open()
        assert made.close() == ""
        return str(refusal.value)

    def left_alone(self, made: SshOpening) -> None:
        """What is left of an opening when its task is killed; when this returns, the guard has ended."""
        made.__exit__()
        guard = self.guard(made)
        guard.stdout.close()
        guard.wait(60)

    def guard(self, made: SshOpening) -> Any:
        return next(guard for each, guard in self.made if each is made)

    def kill(self, made: SshOpening) -> None:
        os.kill(self.guard(made).pid, signal.SIGKILL)
        self.guard(made).wait(60)

    def words(self) -> list[str]:
        """The words that are kept for the next run, and the records of what is open."""
        return [path.name for path in journal(self.modules) if path.name not in LOCKS]

    def end(self) -> None:
        for _made, guard in self.made:
            for stream in (guard.stdin, guard.stdout):
                with contextlib.suppress(OSError):
                    stream.close()
            guard.wait(60)
            guard.stderr.close()


@pytest.fixture
def openings(appliance: Appliance, modules: Modules) -> Iterator[Openings]:
    appliance.switches.update({"ssh_enabled": False, "shell_enabled": False})
    made = Openings(appliance, modules)
    yield made
    appliance.gate.around = straight
    made.end()
    assert appliance.state.sessions == {}


def sent(appliance: Appliance) -> list[tuple[str, str, int]]:
    return [(seen.method, seen.path.removeprefix("/api/"), seen.status) for seen in appliance.requests]


def switched(appliance: Appliance) -> list[str]:
    return [seen.path.rpartition("/")[2] for seen in appliance.writes()]


# From its beginning to its end


def test_what_is_sent_and_nothing_else(openings: Openings, appliance: Appliance) -> None:
    made = openings.opened()
    assert (made.opened, appliance.access.ssh, appliance.access.shell) == (["ssh"], True, False)
    assert openings.words() == ["ssh.opened"]
    assert (made.close(), made.warnings) == ("", [])
    assert made.close() == ""
    assert sent(appliance) == [
        ("POST", "session", 201),
        ("GET", "appliance/access/ssh", 200),
        ("PUT", "appliance/access/ssh", 204),
        ("GET", "appliance/access/ssh", 200),
        ("GET", "appliance/access/ssh", 200),
        ("PUT", "appliance/access/ssh", 204),
        ("GET", "appliance/access/ssh", 200),
        ("DELETE", "session", 204),
    ]
    assert (appliance.access.ssh, openings.words()) == (False, [])


def test_the_shell_ends_by_itself_besides(openings: Openings, appliance: Appliance) -> None:
    made = openings.opened(shell=True)
    assert made.opened == ["shell", "ssh"]
    assert 590 <= appliance.access.shell_timeout <= 600
    made.close()
    assert switched(appliance) == ["shell", "ssh", "ssh", "shell"]
    assert (appliance.access.ssh, appliance.access.shell) == (False, False)


def test_only_what_was_closed_is_closed(openings: Openings, appliance: Appliance) -> None:
    appliance.switches.shell_enabled = True
    openings.opened(shell=True).close()
    assert (switched(appliance), appliance.access.shell) == (["ssh", "ssh"], True)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_does_not_end_it(openings: Openings, appliance: Appliance, sign: int) -> None:
    made = openings.opened()
    os.kill(openings.guard(made).pid, sign)
    time.sleep(0.2)
    assert appliance.access.ssh
    assert made.close() == ""
    assert not appliance.access.ssh


def test_whoever_started_it_is_killed(openings: Openings, appliance: Appliance) -> None:
    openings.left_alone(openings.opened(shell=True))
    assert (appliance.access.ssh, appliance.access.shell) == (False, False)
    assert openings.words() == []


def test_a_session_that_ends_meanwhile(openings: Openings, appliance: Appliance) -> None:
    made = openings.opened()
    appliance.state.sessions.clear()
    assert made.close() == ""
    assert not appliance.access.ssh


# It is killed itself


def test_another_one_puts_back_what_it_had_opened(openings: Openings, appliance: Appliance) -> None:
    made = openings.opened(shell=True)
    openings.kill(made)
    assert appliance.access.ssh
    assert made.close() == ""
    assert (appliance.access.ssh, appliance.access.shell, openings.words()) == (False, False, [])
    appliance.state.sessions.clear()


def test_another_one_cannot_either(openings: Openings, appliance: Appliance) -> None:
    made = openings.opened()
    openings.kill(made)
    appliance.switches.faults = [Fault(match="POST /api/session", kind="503", times=99)]
    ended, last = made.close().splitlines()
    assert "ended too soon: killed" in ended
    assert last.startswith(f"STILL OPEN on {openings.host}: SSH.")
    appliance.state.sessions.clear()


def test_it_and_its_task_are_killed(openings: Openings, appliance: Appliance) -> None:
    """As by a power cut: the next run knows, says so, and closes."""
    openings.kill(openings.opened(shell=True))
    made = openings.opened()
    assert made.opened == []
    (warning,) = made.warnings
    assert warning.startswith(f"SSH and the shell of {openings.host} were opened at 2")
    assert made.close() == ""
    assert (appliance.access.ssh, appliance.access.shell, openings.words()) == (False, False, [])
    appliance.state.sessions.clear()


def test_what_somebody_closed_since_is_not_remembered(openings: Openings, appliance: Appliance) -> None:
    openings.kill(openings.opened())
    appliance.access.ssh = False
    made = openings.opened()
    assert (made.opened, made.warnings, made.close()) == (["ssh"], [], "")
    assert not appliance.access.ssh
    appliance.state.sessions.clear()


# Several at a time


def test_the_last_one_closes(openings: Openings, appliance: Appliance) -> None:
    first, second, third = openings.opened(), openings.opened(shell=True), openings.opened(shell=True)
    assert [each.opened for each in (first, second, third)] == [["ssh"], ["shell"], []]
    assert (first.close(), appliance.access.ssh, appliance.access.shell) == ("", True, True)
    assert (second.close(), appliance.access.ssh, appliance.access.shell) == ("", True, True)
    openings.left_alone(third)
    assert (appliance.access.ssh, appliance.access.shell, openings.words()) == (False, False, [])


def test_one_that_was_killed_keeps_nothing_open(openings: Openings, appliance: Appliance) -> None:
    first, second = openings.opened(), openings.opened()
    openings.kill(second)
    assert first.close() == ""
    assert not appliance.access.ssh
    appliance.state.sessions.clear()


def test_another_machine_leaves_what_it_finds(openings: Openings, appliance: Appliance, tmp_path: Path) -> None:
    first, second = openings.opened(), openings.opened(journal_path=str(tmp_path / "elsewhere"))
    assert (second.opened, first.close(), appliance.access.ssh) == ([], "", False)
    assert second.close() == ""
    assert switched(appliance) == ["ssh", "ssh"]


def test_what_somebody_closes_meanwhile_is_left(openings: Openings, appliance: Appliance) -> None:
    made = openings.opened()
    appliance.access.ssh = False
    assert made.close() == ""
    assert switched(appliance) == ["ssh"]


# The API fails


@pytest.mark.parametrize("kind", ["503", "429", "reset_before", "reset_after", "html", "wrong_json"])
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_it_is_closed_once_the_api_is_back(openings: Openings, appliance: Appliance, kind: Any, method: str) -> None:
    made = openings.opened(retries=2)
    appliance.switches.faults = [Fault(match=f"{method} {SSH}", kind=kind, times=2 if kind == "503" else 1)]
    assert made.close() == ""
    assert not appliance.access.ssh
    assert openings.words() == []


def test_an_api_that_has_gone(openings: Openings, appliance: Appliance, modules: Modules) -> None:
    """It is said to whoever listens; where nobody does, the next run says it once, and one that may closes it."""
    made = openings.opened()
    appliance.switches.faults = [Fault(match=f"* {SSH}", kind="reset_before", times=99)]
    reason, last = made.close().splitlines()
    assert f"Could not read whether SSH is enabled on {openings.host}" in reason
    assert last.startswith(f"STILL OPEN on {openings.host}: SSH.")
    assert (appliance.access.ssh, openings.words()) == (True, [])
    appliance.switches.faults = []
    appliance.access.ssh = False

    openings.opened().close()
    made = openings.opened()
    appliance.switches.faults = [Fault(match=f"* {SSH}", kind="reset_before", times=99)]
    openings.left_alone(made)
    appliance.switches.faults = []
    assert openings.words() == ["ssh.opened", "ssh_open.txt"]
    result = provision(modules, [person("muffin")])
    (told,) = [warning for warning in result["warnings"] if "STILL OPEN" in warning]
    assert told.startswith("Reading the log was broken off, and at 2")
    assert f'PUT {SSH} {{"enabled": false}}' in told.splitlines()[-1]
    assert openings.words() == ["ssh.opened"]
    made = openings.opened()
    assert "by a run that was ended before it could put that back" in made.warnings[0]
    assert (made.close(), appliance.access.ssh, openings.words()) == ("", False, [])


def test_the_word_is_said_by_the_next_reading_too(openings: Openings, appliance: Appliance) -> None:
    made = openings.opened()
    appliance.switches.faults = [Fault(match=f"PUT {SSH}", kind="503", times=2)]
    openings.left_alone(made)
    made = openings.opened()
    assert ["STILL OPEN" in warning for warning in made.warnings] == [False, True]
    assert made.close() == ""
    made = openings.opened()
    assert (made.warnings, made.close()) == ([], "")


def answering(status: int, method: str, path: str) -> Callable[[Environ, Answer], Response]:
    """A server that answers one kind of request by itself, and keeps no record of it."""

    def around(environ: Environ, answer: Answer) -> Response:
        if (environ["REQUEST_METHOD"], environ["PATH_INFO"]) != (method, path):
            return answer(environ)
        kind = {403: "UNAUTHORIZED"}.get(status, "")
        body = "" if status == 204 else f'{{"error_type": "{kind}", "messages": []}}'
        return Response(body, status, content_type="application/json")

    return around


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_somebody_without_the_right(openings: Openings, appliance: Appliance, method: str) -> None:
    """What had been opened by then is put back."""
    appliance.gate.around = answering(403, method, SSH)
    told = openings.refused(shell=True)
    for part in ("HTTP 403", openings.host, appliance.username, "SystemConfiguration.Administrators", "open_ssh out"):
        assert part in told
    assert "STILL OPEN" not in told
    assert (appliance.access.shell, openings.words()) == (False, [])
    # What is refused stands as it stood, and is left alone.
    assert switched(appliance) == (["shell", "shell"] if method == "PUT" else [])


def test_an_api_that_does_not_offer_it(openings: Openings, appliance: Appliance) -> None:
    appliance.switches.access_api = "none"
    told = openings.refused()
    for part in ("HTTP 404", openings.host, "does not offer its access settings", "https://localhost:5480"):
        assert part in told


def test_a_wrong_password_is_tried_once(openings: Openings, appliance: Appliance) -> None:
    told = openings.refused(password="not-the-password")
    assert "password is wrong" in told
    assert "not-the-password" not in told
    assert sent(appliance) == [("POST", "session", 401)]


def test_a_password_that_is_changed_meanwhile(openings: Openings, appliance: Appliance) -> None:
    made = openings.opened(retries=5)
    appliance.state.sessions.clear()
    appliance.clear_requests()
    appliance.gate.around = answering(401, "POST", "/api/session")
    reason, last = made.close().splitlines()
    assert "password is wrong" in reason
    assert last.startswith("STILL OPEN")


def test_a_switch_that_only_seems_to_turn(openings: Openings, appliance: Appliance) -> None:
    appliance.gate.around = answering(204, "PUT", SSH)
    assert "it was accepted, and changed nothing" in openings.refused()
    appliance.gate.around = straight
    made = openings.opened()
    appliance.gate.around = answering(204, "PUT", SSH)
    reason, last = made.close().splitlines()
    assert "it was accepted, and changed nothing" in reason
    assert last.startswith("STILL OPEN")


def test_an_answer_that_is_lost_when_opening(openings: Openings, appliance: Appliance) -> None:
    """It may have been opened, so it is closed."""
    appliance.switches.faults = [Fault(match=f"PUT {SSH}", kind="reset_after")]
    assert "Could not enable SSH" in openings.refused()
    assert (switched(appliance), appliance.access.ssh) == (["ssh", "ssh"], False)


def test_opened_and_not_to_be_closed_in_one(openings: Openings, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault(match=f"PUT {SSH}", kind="reset_after")]
    appliance.switches.faults += [Fault(match=f"PUT {SSH}", kind="503", after=1, times=99)]
    first, *_reason, last = openings.refused().splitlines()
    assert "Could not enable SSH" in first
    assert last.startswith(f"STILL OPEN on {openings.host}: SSH.")


def test_certificates_are_verified(openings: Openings, appliance: Appliance) -> None:
    assert "certificate is not trusted" in openings.refused(ca_path=None)
    assert appliance.requests == []
    made = openings.opened(ca_path=None, validate_certs=False)
    assert made.close() == ""
    assert ["not verified" in warning for warning in made.warnings] == [True]


# The journal


def test_without_a_journal_nothing_is_opened(openings: Openings, appliance: Appliance, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = openings.refused(journal_path=str(tmp_path / "file/journal"))
    assert "journal_path" in told
    assert "Without it nothing is enabled." in told
    assert switched(appliance) == []


def test_a_journal_that_goes_meanwhile(openings: Openings, appliance: Appliance, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    made = openings.opened(journal_path=str(folder))
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    folder.touch()
    assert made.close() == ""
    assert not appliance.access.ssh


def test_a_record_that_is_damaged(openings: Openings, appliance: Appliance) -> None:
    openings.opened().close()
    (lock,) = [path for path in journal(openings.modules) if path.name == "ssh.turn"]
    lock.with_name("ssh.opened").touch(mode=0o600)
    lock.with_name("ssh.opened").write_text('{"opened": 1')
    made = openings.opened()
    assert (made.opened, made.warnings, made.close(), appliance.access.ssh) == (["ssh"], [], "", False)


def test_a_task_of_the_broker_leaves_the_record_alone(openings: Openings, modules: Modules) -> None:
    made = openings.opened()
    modules.well("scim_users", users=[person("muffin")], domain=DEFAULT_DOMAIN)
    assert openings.words() == ["ssh.opened"]
    assert made.close() == ""
