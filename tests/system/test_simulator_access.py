# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH and the shell of the appliance, switched on and off over its API."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulator import PEOPLE, Appliance, Switches
from simulator.access import LONGEST
from simulator.client import Caller

ROOT = Path(__file__).parents[2]
SSH = "/api/appliance/access/ssh"
SHELL = "/api/appliance/access/shell"
KINDS = ["asyncssh", "debian"]


@pytest.fixture(scope="module")
def debian() -> Iterator[Appliance]:
    root = ROOT / ".cache/sshd"
    if not (root / "usr/sbin/sshd").exists():
        pytest.skip("no sshd in .cache/sshd")
    with Appliance(ssh="debian", sshd_root=root) as appliance:
        yield appliance


@pytest.fixture
def either(request: pytest.FixtureRequest) -> Appliance:
    """The appliance with the SSH server that the test names."""
    appliance: Appliance = request.getfixturevalue("debian" if request.param == "debian" else "running_appliance")
    appliance.reset()
    return appliance


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        caller.log_in()
        yield caller


def ssh_arguments(appliance: Appliance, command: str) -> list[str]:
    settings = [
        f"UserKnownHostsFile={appliance.known_hosts}",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
        "ControlPath=none",
    ]
    options = [part for setting in settings for part in ("-o", setting)]
    key, port = str(appliance.ssh_key), str(appliance.ssh_port)
    return ["ssh", "-F", "/dev/null", "-i", key, *options, "-p", port, f"{appliance.ssh_user}@127.0.0.1", command]


def run(appliance: Appliance, command: str) -> str:
    done = subprocess.run(ssh_arguments(appliance, command), capture_output=True, text=True, timeout=20, check=True)
    return done.stdout


def refuses(appliance: Appliance) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", appliance.ssh_port)) != 0


# SSH


def test_ssh_is_read_as_a_bare_boolean_and_set_in_a_structure(appliance: Appliance, call: Caller) -> None:
    assert call("GET", SSH).text == "true"
    answer = call("PUT", SSH, json={"enabled": False})
    assert (answer.status_code, answer.content) == (204, b"")
    assert call("GET", SSH).text == "false"
    assert not appliance.access.ssh
    assert [(seen.method, seen.path) for seen in appliance.writes()] == [("PUT", SSH)]
    appliance.reset()
    assert appliance.access.ssh
    assert not refuses(appliance)


@pytest.mark.parametrize("either", KINDS, indirect=True)
def test_a_closed_port_opens_again_and_connections_live_on(either: Appliance) -> None:
    with Caller(either) as call:
        call.log_in()
        with subprocess.Popen(
            ssh_arguments(either, "echo up; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as standing:
            assert standing.stdin
            assert standing.stdout
            assert standing.stdout.readline() == "up\n"
            port = either.ssh_port
            assert call("PUT", SSH, json={"enabled": False}).status_code == 204
            assert call("PUT", SSH, json={"enabled": False}).status_code == 204
            assert refuses(either)
            standing.stdin.write("still here\n")
            standing.stdin.close()
            assert standing.stdout.read() == "still here\n"
            assert standing.wait(10) == 0
        for _time in range(2):
            assert call("PUT", SSH, json={"enabled": True}).status_code == 204
        assert either.ssh_port == port
        assert run(either, "echo again") == "again\n"


@pytest.mark.parametrize("either", KINDS, indirect=True)
def test_the_switch_is_the_state_at_first_and_may_change(either: Appliance) -> None:
    either.switches.ssh_enabled = False
    assert refuses(either)
    either.access.ssh = True
    either.switches.update({"latency_ms": 0})
    assert not refuses(either)
    either.access.ssh = False
    either.switches.update({"ssh_enabled": True})
    assert not refuses(either)
    either.access.ssh = False
    either.reset()
    assert run(either, "echo up") == "up\n"


def test_an_appliance_may_start_without(tmp_path: Path) -> None:
    with Appliance(tmp_path, Switches(ssh_enabled=False)) as appliance, Caller(appliance) as call:
        assert refuses(appliance)
        call.log_in()
        call("PUT", SSH, json={"enabled": True})
        assert run(appliance, "echo up") == "up\n"
        appliance.reset()
        assert refuses(appliance)


@pytest.mark.parametrize("either", KINDS, indirect=True)
def test_the_logs_of_vcenter_are_read_like_that_of_the_broker(either: Appliance) -> None:
    either.add_user("muffin", PEOPLE["muffin"])
    either.login("muffin")
    paths = (either.log_path, either.virgo_log, either.vpxd_log)
    assert run(either, f"cat {' '.join(map(str, paths))}") == "".join(path.read_text() for path in paths)
    assert all(path.read_text() for path in paths)


# Shell


def test_a_shell_that_is_disabled_is_the_appliance_shell(appliance: Appliance, call: Caller) -> None:
    assert call("PUT", SHELL, json={"enabled": False, "timeout": 0}).status_code == 204
    assert call("GET", SHELL).json() == {"enabled": False, "timeout": 0}
    assert not appliance.access.shell
    assert run(appliance, "echo marker") == "Unknown command: `echo'\n"
    call("PUT", SHELL, json={"enabled": True, "timeout": 600})
    assert run(appliance, "echo marker") == "marker\n"
    appliance.switches.login_shell = "appliancesh"
    assert run(appliance, "echo marker") == "Unknown command: `echo'\n"
    assert len(appliance.writes()) == 2


def test_its_time_runs_out(appliance: Appliance, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("simulator.access.time.monotonic", lambda: now)
    call("PUT", SHELL, json={"enabled": True, "timeout": 600})
    now += 599.5
    assert call("GET", SHELL).json() == {"enabled": True, "timeout": 1}
    now += 0.5
    assert call("GET", SHELL).json() == {"enabled": False, "timeout": 0}
    assert not appliance.access.shell


def test_what_is_read_can_be_put_back(appliance: Appliance, call: Caller) -> None:
    first = call("GET", SHELL).json()
    assert first == {"enabled": True, "timeout": pytest.approx(LONGEST, abs=5)}
    call("PUT", SHELL, json={"enabled": False, "timeout": 0})
    call("PUT", SHELL, json=first)
    assert appliance.access.shell
    appliance.switches.shell_enabled = False
    assert call("GET", SHELL).json() == {"enabled": False, "timeout": 0}
    appliance.reset()
    assert appliance.access.shell


# Refusals


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SSH, {}),
        (SSH, True),
        (SSH, {"enabled": "yes"}),
        (SSH, {"enabled": 1}),
        (SHELL, {"enabled": True}),
        (SHELL, {"timeout": 60}),
        (SHELL, {"enabled": True, "timeout": "60"}),
        (SHELL, {"enabled": True, "timeout": True}),
        (SHELL, {"enabled": True, "timeout": LONGEST + 1}),
        (SHELL, {"enabled": True, "timeout": -1}),
    ],
)
def test_wrong_bodies(appliance: Appliance, call: Caller, path: str, body: Any) -> None:
    answer = call("PUT", path, json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "INVALID_ARGUMENT")
    assert (appliance.access.ssh, appliance.access.shell) == (True, True)


@pytest.mark.parametrize("path", [SSH, SHELL])
def test_sessions_variants_and_faults(appliance: Appliance, call: Caller, path: str) -> None:
    appliance.switches.update({"faults": [{"match": f"GET {path}$", "kind": "503"}]})
    assert [call("GET", path).status_code for _time in range(2)] == [503, 200]
    appliance.switches.access_api = "none"
    answer = call("GET", path)
    assert (answer.status_code, answer.json()["error_type"]) == (404, "OPERATION_NOT_FOUND")
    call.headers = {}
    for method in ("GET", "PUT"):
        answer = call(method, path, json={"enabled": False, "timeout": 0})
        assert (answer.status_code, answer.json()["error_type"]) == (401, "UNAUTHENTICATED")
    assert (appliance.access.ssh, appliance.access.shell) == (True, True)


def test_the_control_tells_and_changes_it(appliance: Appliance, call: Caller) -> None:
    call("PUT", f"{appliance.control_url}/switches", json={"ssh_enabled": False, "shell_enabled": False})
    assert call("GET", f"{appliance.control_url}/state").json()["access"] == {"ssh": False, "shell": False}
    call("POST", f"{appliance.control_url}/reset", json={"switches": {"shell_enabled": False}})
    assert (appliance.access.ssh, appliance.access.shell) == (True, False)
