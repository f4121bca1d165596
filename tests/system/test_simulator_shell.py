# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The appliance's login log, its shell and the command that starts it."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from simulator import PEOPLE, Appliance, FederationLog, Provider, Switches

HERE = Path(__file__).parents[1]
LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3} (INFO |WARN ) localhost:federation \([\w-]+\) "
    r"\[CUSTOMER;-;192\.0\.2\.10;[0-9a-f-]{36};-;(-|[0-9a-f-]{36})\] "
    r"com\.vmware\.vidm\.federation\.[\w.]+ - .+"
)


# Logins


def test_a_denied_login_and_an_allowed_one(appliance: Appliance) -> None:
    denied = appliance.login("muffin")
    assert (denied.allowed, denied.reason) == (False, "USER_NOT_FOUND")
    lines = appliance.log_path.read_text().splitlines()
    assert len(lines) == 10
    assert all(LINE.fullmatch(line) for line in lines)
    sub, context = PEOPLE["muffin"], denied.context_id
    fetching = f"Fetching user for jit login context: {context} on attribute ExternalId={sub}"
    assert lines[5].endswith(f" - {fetching}, domains: [lab.example.org]")
    assert lines[6].endswith(
        f" - User fetching exception with nameId {sub}, nameIdFormat ExternalId, "
        "and domains [lab.example.org], user not found"
    )
    assert lines[9].endswith(f"Access denied for login context: {context}")
    appliance.add_user("muffin", sub)
    assert appliance.login("muffin").allowed
    assert len(appliance.log_path.read_text().splitlines()) == 16


def test_only_the_exact_id_of_an_active_user_opens(appliance: Appliance) -> None:
    appliance.add_user("muffin", "AbC")
    appliance.add_user("scone", "x", active=False)
    assert appliance.login(sub="AbC").allowed
    assert not appliance.login(sub="abc").allowed
    assert not appliance.login(sub="x").allowed
    with pytest.raises(ValueError, match="known: muffin, crumpet, scone"):
        appliance.login("nobody")


def test_what_a_login_brings_is_written_raw(appliance: Appliance) -> None:
    appliance.switches.providers = [Provider(), Provider(idp="2", name="Two", domains=["a", "b"])]
    appliance.switches.log_timezone = "+02:00"
    appliance.login(
        sub="x\n\0{{ 1 }}$(id)é",
        provider="Two",
        user_agent="agent\nof two lines",
        attribute="userName",
        source_ip="2001:db8::1",
        at=datetime(2026, 2, 4, 23, 5, 23, 412000, tzinfo=UTC),
    )
    text = appliance.log_path.read_text()
    assert "on attribute userName=x\n\0{{ 1 }}$(id)é, domains: [a, b]" in text
    assert "agent\nof two lines\n" in text
    assert text.startswith("2026-02-05T01:05:23,412 INFO  ")
    assert "[CUSTOMER;-;2001:db8::1;" in text
    appliance.login("muffin", at="2026-02-04T15:05:23", domain="one.example.org")
    assert "\n2026-02-04T15:05:23,000 " in appliance.log_path.read_text()


def test_the_log_turns_over(appliance: Appliance) -> None:
    log = appliance.log
    log.append("first\n")
    log.rotate(compress=True)
    log.append("second\n")
    log.rotate("copytruncate")
    log.append("third\n")
    base = appliance.log_path
    assert base.read_text() == "third\n"
    assert base.with_name(f"{base.name}.1").read_text() == "second\n"
    with gzip.open(base.with_name(f"{base.name}.2.gz"), "rt") as file:
        assert file.read() == "first\n"
    appliance.reset()
    assert list(base.parent.iterdir()) == [base]


def test_a_large_log_is_noise_with_running_stamps(tmp_path: Path) -> None:
    log = FederationLog(tmp_path / "federation-service.log")
    end = datetime(2026, 2, 4, tzinfo=UTC)
    log.fill(12_000_000, end - timedelta(days=2), end)
    log.write_noise(10)
    lines = log.path.read_text().splitlines()
    assert 10_000_000 < log.path.stat().st_size < 14_000_000
    assert lines[0].startswith("2026-02-02T00:00:00,000 ")
    assert not [line for line in lines if "Fetching user" in line]
    assert any(line.startswith("\tat ") for line in lines)


# Shell


def ssh(appliance: Appliance, command: str, *options: str, text: bytes = b"") -> tuple[int, bytes]:
    arguments = ["ssh", "-F", "/dev/null", "-i", str(appliance.ssh_key)]
    settings = [
        f"UserKnownHostsFile={appliance.known_hosts}",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
    ]
    arguments += [part for setting in settings for part in ("-o", setting)]
    arguments += [*options, "-p", str(appliance.ssh_port), f"{appliance.ssh_user}@127.0.0.1"]
    done = subprocess.run([*arguments, command], input=text, capture_output=True, timeout=20, check=False)
    return done.returncode, done.stdout


def test_commands_keep_their_bytes_and_their_code(appliance: Appliance) -> None:
    assert ssh(appliance, "cat; printf '\\000\\377'; exit 3", text=b"in") == (3, b"in\x00\xff")
    code, output = ssh(appliance, "head -c 3000000 /dev/zero")
    assert (code, len(output)) == (0, 3_000_000)
    assert ssh(appliance, "echo hi; exit 4", "-tt")[1].endswith(b"hi\r\n")
    assert (appliance.ssh_logins, len(appliance.ssh_commands)) == (3, 3)


def test_the_shell_that_is_no_shell(appliance: Appliance) -> None:
    appliance.switches.update({"login_shell": "appliancesh", "ssh_banner": True})
    code, output = ssh(appliance, "echo marker; exit 3")
    assert code == 0
    assert output.startswith(b"VMware vCenter Server 8.0.3.00400\n\nType: ")
    assert output.endswith(b"Unknown command: `echo'\n")


def test_only_the_tools_of_the_appliance(appliance: Appliance) -> None:
    appliance.switches.update({"tools_only": True, "tools_sleep": False, "shell_timezone": "UTC-2"})
    appliance.log.append("line\n")
    appliance.log.rotate(compress=True)
    packed = f"{appliance.log_path}.1.gz"
    command = f"zcat '{packed}' | grep -c line; date +%z; command -v python3 sed awk sleep"
    assert ssh(appliance, command) == (127, b"1\n+0200\n")
    appliance.switches.tools_sleep = True
    assert ssh(appliance, "sleep 0")[0] == 0


def test_logins_are_counted_and_refused(appliance: Appliance) -> None:
    appliance.switches.ssh_refuse = True
    assert ssh(appliance, "true") == (255, b"")
    assert (appliance.ssh_failures, appliance.ssh_logins) == (["publickey"], 0)
    appliance.reset()
    appliance.ssh.log.password_failures = 3  # type: ignore[union-attr]
    assert ssh(appliance, "true")[0] == 255


@pytest.mark.skipif(not (HERE.parent / ".cache/sshd/usr/sbin/sshd").exists(), reason="no sshd in .cache/sshd")
def test_the_sshd_of_debian(tmp_path: Path) -> None:
    switches = Switches(tools_only=True)
    root = HERE.parent / ".cache/sshd"
    with Appliance(tmp_path, switches, ssh="debian", sshd_root=root) as appliance:
        assert ssh(appliance, "command -v grep python3; exit 5") == (
            5,
            f"{tmp_path}/ssh/tools/grep\n".encode(),
        )


# Command


def simulator(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def test_start_login_and_stop(tmp_path: Path) -> None:
    absent = simulator(tmp_path, "login", "muffin")
    assert absent.returncode == 2
    assert "make appliance" in absent.stderr
    started = simulator(tmp_path, "start", "--detach", "--switch", "page_cap=7")
    try:
        assert started.returncode == 0, started.stderr
        state = tmp_path / ".cache/appliance"
        about = json.loads((state / "appliance.json").read_text())
        assert about["password"] in started.stdout
        assert (state / "appliance.json").stat().st_mode & 0o077 == 0
        assert (state / "vars.yml").stat().st_mode & 0o077 == 0
        assert "federated_users_hostname" in (state / "vars.yml").read_text()
        again = simulator(tmp_path, "start")
        assert (again.returncode, "runs already" in again.stderr) == (2, True)
        denied = simulator(tmp_path, "login", "muffin", "--from", "192.0.2.77")
        assert (denied.returncode, denied.stdout) == (0, "denied (USER_NOT_FOUND)\n")
        assert ";192.0.2.77;" in Path(about["log_path"]).read_text()
        assert "appliance.json" in simulator(tmp_path, "status").stdout
    finally:
        stopped = simulator(tmp_path, "stop")
    assert stopped.returncode == 0
    assert not (tmp_path / ".cache/appliance/appliance.json").exists()
    assert not (tmp_path / ".cache/appliance/vars.yml").exists()
    assert simulator(tmp_path, "status").returncode == 2


def test_a_switch_that_does_not_exist(tmp_path: Path) -> None:
    refused = simulator(tmp_path, "start", "--switch", "page_cup=7")
    assert (refused.returncode, "page_cup" in refused.stderr) == (2, True)
