# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose log cannot be read: each case ends with one message, and nobody is provisioned."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulator import Appliance
from system.playbook import NAMESPACE, Playbooks, Run, ssh_options

MUFFIN = {"username": "muffin"}


def told(run: Run, *parts: str) -> None:
    for part in parts:
        assert part in run.failure.message
    assert "Traceback" not in run.output
    assert run.code != 0


@pytest.fixture
def provisioning(playbooks: Playbooks, appliance: Appliance) -> Iterator[Playbooks]:
    """Whatever happens, nothing is written."""
    appliance.login("muffin")
    yield playbooks
    assert (appliance.broker.users, appliance.writes(), appliance.mintings()) == ([], [], [])


# SSH


def test_the_appliance_shell(provisioning: Playbooks, appliance: Appliance) -> None:
    appliance.switches.update({"login_shell": "appliancesh", "ssh_banner": True})
    run = provisioning.role([MUFFIN])
    told(run, "appliance", "appliancesh", "chsh -s /bin/bash root", "copy federation-service.log", "log_path")


def test_a_host_key_that_is_not_known(provisioning: Playbooks, tmp_path: Path, appliance: Appliance) -> None:
    (tmp_path / "empty").touch()
    provisioning.hosts["appliance"]["ansible_ssh_common_args"] = ssh_options(tmp_path / "empty")
    told(provisioning.role([MUFFIN]), "appliance", "host key is not known", "ssh-keyscan", "fingerprint")
    assert appliance.ssh_logins == 0


def test_a_host_key_that_is_another(provisioning: Playbooks, tmp_path: Path, appliance: Appliance) -> None:
    other = appliance.known_hosts.read_text().split(" ", 1)[0]
    key = (appliance.ssh_key.with_name("client_key.pub")).read_text()
    (tmp_path / "other").write_text(f"{other} {key}")
    provisioning.hosts["appliance"]["ansible_ssh_common_args"] = ssh_options(tmp_path / "other")
    told(provisioning.role([MUFFIN]), "appliance", "host key", "Find out why")
    assert appliance.ssh_logins == 0


@pytest.mark.parametrize("retries", ["0", "3"])
def test_a_wrong_password_is_tried_once(provisioning: Playbooks, appliance: Appliance, retries: str) -> None:
    """Three failures lock root for a quarter of an hour."""
    del provisioning.hosts["appliance"]["ansible_ssh_private_key_file"]
    provisioning.hosts["appliance"] |= {
        "ansible_ssh_password": "not-the-password",
        "ansible_ssh_password_mechanism": "ssh_askpass",
        "ansible_ssh_extra_args": "-o PubkeyAuthentication=no",
    }
    provisioning.environment["ANSIBLE_SSH_RETRIES"] = retries
    told(provisioning.role([MUFFIN]), "appliance", "password", "once")
    assert appliance.ssh_failures == ["password"]


def test_a_key_that_is_refused_is_offered_once(provisioning: Playbooks, appliance: Appliance) -> None:
    appliance.switches.ssh_refuse = True
    provisioning.environment["ANSIBLE_SSH_RETRIES"] = "3"
    told(provisioning.role([MUFFIN]), "appliance", "Permission denied")
    assert appliance.ssh_failures == ["publickey"]


def test_ssh_that_is_switched_off(provisioning: Playbooks) -> None:
    provisioning.hosts["appliance"] |= {"ansible_port": 1}
    told(provisioning.role([MUFFIN]), "appliance", "refused", "Activate SSH")


def test_a_host_that_does_not_exist(provisioning: Playbooks) -> None:
    provisioning.hosts["appliance"] |= {"ansible_host": "no-such-host.invalid"}
    told(provisioning.role([MUFFIN]), "appliance", "no-such-host.invalid", "DNS")


def test_a_log_host_that_is_not_in_the_inventory(provisioning: Playbooks) -> None:
    run = provisioning.role([MUFFIN], log_host="no-such-host.invalid")
    told(run, "no-such-host.invalid")


# The log


def test_options_that_are_none_and_logs_that_are_not_there(
    playbooks: Playbooks, appliance: Appliance, tmp_path: Path
) -> None:
    cases: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        ({"log_path": str(tmp_path / "none.log")}, ("none.log", "does not exist", "log_path")),
        ({"log_path": str(tmp_path)}, (str(tmp_path), "not a file", "log_path")),
        ({"log_path": "relative.log"}, ("log_path", "relative.log", "/var/log/vmware")),
        ({"log_path": "/a\nb"}, ("log_path", "absolute")),
        ({"since": "yesterday"}, ("since", "yesterday", "30m")),
        ({"since": "-30m"}, ("since", "-30m")),
        ({"since": "2026-13-01T00:00:00"}, ("since", "2026-13-01")),
        ({"limit": -1}, ("limit", "-1", "0 to")),
        ({"limit": "many"}, ("limit", "many")),
        ({"wait": -1}, ("wait", "0 to")),
        ({"wait": 99999}, ("wait", "99999")),
        ({"settle": -1}, ("settle", "0 to")),
        ({"outcome": "some"}, ("outcome", "some", "denied")),
        ({"log": "/x"}, ("log", "log_path")),
    ]
    run = playbooks.read_log(*(options for options, _parts in cases))
    assert [result.outcome for result in run.results] == ["ignored"] * len(cases)
    for result, (options, parts) in zip(run.results, cases, strict=True):
        for part in parts:
            assert part in result.message, options
        assert "attempts" not in result.result
    assert "Traceback" not in run.output
    assert appliance.log_path.read_text() == ""


@pytest.fixture
def unreadable() -> Iterator[Path]:
    """A log that only its owner reads, in a folder that everybody sees."""
    folder = Path(tempfile.mkdtemp(prefix="ib-"))
    folder.chmod(0o755)
    log = folder / "federation-service.log"
    log.touch()
    # Nothing is unreadable for root, so root reads as nobody (see below).
    log.chmod(0o600 if os.geteuid() == 0 else 0)
    yield log
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("su") is None, reason="root cannot become nobody without su")
def test_a_log_that_may_not_be_read(playbooks: Playbooks, unreadable: Path) -> None:
    as_nobody = {
        "become": True,
        "become_method": "ansible.builtin.su",
        "become_user": "nobody",
        "vars": {"ansible_become_flags": "-s /bin/sh"},
    }
    task = {"name": "reading", f"{NAMESPACE}.externalid_fact": {"log_path": str(unreadable)}}
    run = playbooks.tasks({**task, **(as_nobody if os.geteuid() == 0 else {})})
    told(run, "localhost", str(unreadable), "may not be read", "become")
