# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH that is open only while the log is read: what stood is put back, however the reading ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from simulator import PEOPLE, Appliance, Fault, Switches
from system.playbook import NAMESPACE, REPOSITORY, Json, Playbooks

SSHD = REPOSITORY / ".cache/sshd"
MUFFIN = PEOPLE["muffin"]
SSH, SHELL = "/api/appliance/access/ssh", "/api/appliance/access/shell"


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[Appliance]:
    if not (SSHD / "usr/sbin/sshd").exists():
        pytest.skip("no sshd in .cache/sshd")
    switches = Switches(tools_only=True)
    with Appliance(tmp_path / "debian", switches, ssh="debian", sshd_root=SSHD) as appliance:
        yield appliance


@pytest.fixture(params=["asyncssh", "debian"])
def plays(request: pytest.FixtureRequest, tmp_path: Path, interpreter: Path) -> Iterator[Playbooks]:
    """Playbooks against an appliance with this SSH server, on which SSH is disabled."""
    appliance: Appliance = request.getfixturevalue("debian" if request.param == "debian" else "appliance")
    appliance.switches.ssh_enabled = False
    (tmp_path / "plays").mkdir()
    playbooks = Playbooks(tmp_path / "plays", appliance, interpreter)
    yield playbooks
    playbooks.close()


def opening(appliance: Appliance, **more: object) -> Json:
    """The option that opens SSH."""
    connection = {
        "hostname": "localhost",
        "port": appliance.https_port,
        "username": appliance.username,
        "password": appliance.password,
        "ca_path": str(appliance.ca_file),
    }
    return {"open_ssh": {**connection, **more}}


def switched(appliance: Appliance) -> list[str]:
    """What was switched, in the order of it."""
    return [seen.path.rpartition("/")[2] for seen in appliance.writes()]


def refuses(appliance: Appliance) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", appliance.ssh_port)) != 0


def eventually(done: Callable[[], object]) -> None:
    for _time in range(400):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come")


def is_closed(playbooks: Playbooks) -> None:
    """SSH is disabled, nobody is logged in, and no word is kept for another run."""
    appliance = playbooks.appliance
    assert not appliance.access.ssh
    assert refuses(appliance)
    assert appliance.state.sessions == {}
    folder = playbooks.home / ".local/state/homelab.identity_broker"
    assert not [
        path.name for path in folder.rglob("*") if path.is_file() and path.name not in ("ssh.turn", "ssh.users")
    ]


# However the reading ends


def test_it_is_closed_after_success_and_after_failure(plays: Playbooks, tmp_path: Path) -> None:
    appliance = plays.appliance
    appliance.login("muffin")
    option = opening(appliance)
    missing = {"log_path": str(tmp_path / "none.log")}
    run = plays.read_log(option, {**option, **missing}, {**option, "wait": 1, "settle": 0}, option, {}).went_well()
    first, failed, waited, last, without = run.results
    for result in (first, last):
        assert [attempt["external_id"] for attempt in result.result["attempts"]] == [MUFFIN]
    assert [each.result["opened"] for each in (first, waited, last)] == [["ssh"]] * 3
    assert (waited.result["attempts"], first.result["changed"]) == ([], False)
    assert failed.message.endswith("log_path.")
    assert "STILL OPEN" not in run.output
    # Each one for itself, and the connection that Ansible keeps has gone as well.
    assert switched(appliance) == ["ssh"] * 8
    assert without.outcome == "ignored"
    is_closed(plays)


def processes(parent: int) -> dict[int, str]:
    """The children of a process, and their arguments."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                arguments = path.with_name("cmdline").read_bytes()
                found[int(path.parent.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")
    return found


class Midst:
    """A play that is in the midst of reading, with the processes that take part."""

    def __init__(self, playbooks: Playbooks) -> None:
        task = {"log_path": str(playbooks.appliance.log_path), "wait": 60, **opening(playbooks.appliance)}
        play = {"hosts": "appliance", "gather_facts": False, "tasks": [{f"{NAMESPACE}.externalid_fact": task}]}
        play["tasks"][0]["name"] = "reading"
        self.play = subprocess.Popen(
            playbooks.prepare([play]),
            cwd=playbooks.folder,
            env={**playbooks.environment, "RESULTS_FILE": str(playbooks.results_file)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.worker = self.guard = self.ssh = 0
        eventually(self._reads)

    def _reads(self) -> bool:
        assert self.play.poll() is None, self.play.communicate()
        for worker in processes(self.play.pid):
            children = processes(worker)
            guards = [pid for pid, arguments in children.items() if "_ssh_guard" in arguments]
            # The long words of the waiting, not the short ones that ask for the log's size.
            waiting = [pid for pid, said in children.items() if "ssh" in said.split(" ")[0] and "waited" in said]
            if guards and waiting:
                self.worker, self.guard, self.ssh = worker, guards[0], waiting[0]
                return True
        return False

    def end(self) -> str:
        """What the play said to its end. Its connection, which may be left without an owner, ends as well."""
        output, _none = self.play.communicate(timeout=60)
        eventually(lambda: not Path(f"/proc/{self.guard}").exists())
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.ssh, signal.SIGTERM)
        return output


def kill_the_worker(midst: Midst) -> None:
    os.kill(midst.worker, signal.SIGKILL)


def interrupt_the_play(midst: Midst) -> None:
    midst.play.send_signal(signal.SIGINT)


def end_the_play(midst: Midst) -> None:
    midst.play.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("strike", [kill_the_worker, interrupt_the_play, end_the_play])
def test_it_is_closed_after_a_run_that_was_killed(plays: Playbooks, strike: Callable[[Midst], None]) -> None:
    midst = Midst(plays)
    assert plays.appliance.access.ssh
    strike(midst)
    eventually(lambda: not plays.appliance.access.ssh)
    midst.end()
    assert midst.play.returncode != 0
    is_closed(plays)


def test_it_is_closed_after_a_connection_that_was_lost(plays: Playbooks) -> None:
    midst = Midst(plays)

    def is_over() -> bool:
        # More than once: a session that was just being opened is opened again over a new connection.
        plays.appliance.ssh.drop()
        return midst.play.poll() is not None

    eventually(is_over)
    output = midst.end()
    assert "UNREACHABLE" in output
    assert "STILL OPEN" not in output
    is_closed(plays)


def test_a_reading_whose_ssh_is_closed_by_somebody_else(playbooks: Playbooks, appliance: Appliance) -> None:
    """As by a run on another machine, which had opened it. There is no list, rather than a wrong one."""
    # Without a connection that is kept, each command needs a new one.
    playbooks.environment["ANSIBLE_SSH_ARGS"] = "-F /dev/null -o ControlMaster=no -o ControlPath=none"
    closing = threading.Thread(target=lambda: (eventually(lambda: appliance.ssh_commands), disable(appliance)))
    closing.start()
    run = playbooks.read_log({"wait": 2, "settle": 0, **opening(appliance)})
    closing.join()
    (result,) = run.results
    assert "attempts" not in result.result
    assert "somebody has disabled it since" in result.message
    assert "Run this again." in result.message
    assert switched(appliance) == []
    assert appliance.state.sessions == {}


def disable(appliance: Appliance) -> None:
    appliance.access.ssh = False


# Where nothing is opened


def test_what_is_open_stays_open_and_a_copy_needs_none(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    option = opening(appliance, shell=True)
    run = playbooks.read_log(option).went_well()
    assert len(run.results[0].result["attempts"]) == 1
    assert run.results[0].result["opened"] == []
    assert (switched(appliance), appliance.access.ssh, appliance.state.sessions) == ([], True, {})
    appliance.switches.ssh_enabled = False
    appliance.clear_requests()
    copy = playbooks.read_log(option, host="localhost").went_well()
    assert len(copy.results[0].result["attempts"]) == 1
    assert appliance.requests == []


def test_check_mode_reads_only(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    option = opening(appliance, shell=True)
    run = playbooks.read_log(option, arguments=["--check"]).went_well()
    assert len(run.results[0].result["attempts"]) == 1
    appliance.switches.update({"ssh_enabled": False, "shell_enabled": False})
    run = playbooks.read_log(opening(appliance), option, arguments=["--check"])
    for result, words in zip(run.results, ("SSH is disabled", "SSH and the shell are disabled"), strict=True):
        assert result.message.startswith(f"appliance: {words} on localhost:{appliance.https_port}, so")
        assert "check mode" in result.message
        assert "A real run would enable what is missing" in result.message
    assert (switched(appliance), appliance.state.sessions) == ([], {})
    assert not (playbooks.home / ".local").exists()


# The shell


def test_the_shell_is_put_back_too(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.switches.update({"ssh_enabled": False, "shell_enabled": False})
    appliance.login("muffin")
    run = playbooks.read_log(opening(appliance), opening(appliance, shell=True), {"open_ssh": None})
    without, with_shell, _none = run.results
    assert "appliancesh" in without.message
    assert with_shell.result["opened"] == ["shell", "ssh"]
    assert len(with_shell.result["attempts"]) == 1
    assert switched(appliance) == ["ssh", "ssh", "shell", "ssh", "ssh", "shell"]
    assert not appliance.access.shell
    is_closed(playbooks)


# Where it cannot be put back


@pytest.mark.parametrize("failing", [True, False])
def test_what_is_left_open_is_the_last_thing_that_is_said(
    playbooks: Playbooks, appliance: Appliance, tmp_path: Path, failing: bool
) -> None:
    appliance.switches.ssh_enabled = False
    appliance.login("muffin")
    appliance.switches.faults = [Fault(match=f"PUT {SSH}", kind="503", after=1, times=99)]
    option = opening(appliance, retries=1)
    run = playbooks.read_log({**option, "log_path": str(tmp_path / "none.log")} if failing else option)
    (result,) = run.results
    assert result.outcome == "ignored"
    assert ("does not exist" in result.message) is failing
    host = f"localhost:{appliance.https_port}"
    *_others, reason, last = result.message.splitlines()
    assert f"Could not disable SSH on {host}: HTTP 503" in reason
    assert last == (
        f"STILL OPEN on {host}: SSH. Close it: appliance management (https://localhost:5480), Access, Edit; or over the API: "
        f'PUT {SSH} {{"enabled": false}}.'
    )
    assert switched(appliance) == ["ssh"] * 3
    assert appliance.access.ssh
    assert "attempts" not in result.result


# The role


def test_the_role(playbooks: Playbooks, appliance: Appliance) -> None:
    """With its own connection, or with that of the environment."""
    appliance.switches.update({"ssh_enabled": False, "shell_enabled": False})
    appliance.login("muffin")
    users = [{"username": "muffin"}]
    dry = playbooks.role(users, "--check", open_ssh=True)
    assert "SSH is disabled" in dry.failure.message
    assert switched(appliance) == []
    play = {"hosts": "localhost", "gather_facts": False, "roles": [f"{NAMESPACE}.federated_users"]}
    variables = {**playbooks.variables, "federated_users_users": users}
    environment = {}
    for name in ("hostname", "port", "username", "password", "ca_path"):
        variable = {"hostname": "VMWARE_HOST", "username": "VMWARE_USER"}.get(name, f"VMWARE_{name.upper()}")
        environment[variable] = str(variables.pop(f"federated_users_{name}"))
    variables |= {"federated_users_open_ssh": True, "federated_users_open_shell": True}
    playbooks.run([play], variables=variables, environment=environment).went_well()
    assert switched(appliance)[:4] == ["shell", "ssh", "ssh", "shell"]
    assert appliance.login("muffin").allowed
    is_closed(playbooks)


def test_options_that_are_none(playbooks: Playbooks, appliance: Appliance) -> None:
    option = opening(appliance)["open_ssh"]
    cases: list[tuple[Json, tuple[str, ...]]] = [
        ({"hostname": None}, ("open_ssh.hostname", "VMWARE_HOST")),
        ({"password": None}, ("open_ssh.password", "VMWARE_PASSWORD")),
        ({"hostname": "https://vcsa"}, ("open_ssh.hostname", "no URL")),
        ({"retries": -1}, ("open_ssh.retries", "-1", "0 to")),
        ({"pasword": "x"}, ("pasword", "open_ssh")),
        ({"ca_path": "/none.pem"}, ("ca_path", "/none.pem", "does not exist")),
    ]
    run = playbooks.read_log(*({"open_ssh": {**option, **wrong}} for wrong, _parts in cases))
    for result, (wrong, parts) in zip(run.results, cases, strict=True):
        for part in parts:
            assert part in result.message, wrong
    assert "Traceback" not in run.output
    assert appliance.requests == []
