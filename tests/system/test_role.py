# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role federated_users over real HTTPS and SSH."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance
from system.playbook import NAMESPACE, Playbooks, Run

MUFFIN = {"username": "muffin", "given_name": "Muffin", "family_name": "Muffinson", "email": "muffin@example.org"}
CRUMPET = {"username": "crumpet", "given_name": "Crumpet", "family_name": "Crumb"}
SCONE = {"username": "scone", "external_id": PEOPLE["scone"], "given_name": "Scone"}


def held(appliance: Appliance) -> dict[str, str]:
    """Which user name of the appliance has which ExternalId."""
    return {user["userName"].partition("@")[0]: user["externalId"] for user in appliance.broker.users}


def shown_diffs(run: Run) -> list[str]:
    """The diffs as a person sees them."""
    return re.findall(r"^--- before.*?(?=^(?:changed|ok): )", run.stdout, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("read_token", ["accepted", "refused_401"])
def test_one_user_from_the_log(playbooks: Playbooks, appliance: Appliance, tmp_path: Path, read_token: str) -> None:
    appliance.switches.update({"read_token": read_token})
    settings: dict[str, Any] = {}
    if read_token != "accepted":
        settings = {"check_mode_mint": True, "token_file": str(tmp_path / "token")}
    assert not appliance.login("muffin").allowed

    dry = playbooks.role([MUFFIN], "--check", "--diff", **settings).went_well()
    assert appliance.writes() == []
    assert appliance.broker.users == []
    assert len(appliance.mintings()) == (0 if read_token == "accepted" else 1)
    assert dry.own == ["scim_users", "externalid_fact", "scim_users"]

    real = playbooks.role([MUFFIN], "--diff", **settings).went_well()
    assert len(shown_diffs(real)) == 1
    assert shown_diffs(dry) == shown_diffs(real)
    assert "+muffin@lab.example.org:" in shown_diffs(real)[0].replace("    ", "").replace('"', "")
    assert dry.of("scim_users")[1].result["diff"] == real.of("scim_users")[1].result["diff"]
    assert held(appliance) == {"muffin": PEOPLE["muffin"]}
    assert len(appliance.mintings()) == 1
    assert appliance.login("muffin").allowed

    appliance.clear_requests()
    again = playbooks.role([MUFFIN], "--diff", **settings).went_well()
    assert again.own == ["scim_users"]
    assert again.recap("localhost")["changed"] == 0
    assert shown_diffs(again) == []
    assert (appliance.writes(), appliance.mintings()) == ([], [])


def test_check_mode_mints_nothing_unasked(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.switches.update({"read_token": "refused_401"})
    before = appliance.mint()
    failure = playbooks.role([MUFFIN], "--check").failure
    for part in ("check mode mints none", "token_file", "check_mode_mint: true", "localhost"):
        assert part in failure.message
    assert appliance.mintings() == []
    assert appliance.current_sync_token == before


def test_who_is_known_is_provisioned_and_who_waits_is_named(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.add_user("pie@lab.example.org", "id-of-pie", domain=DEFAULT_DOMAIN, given_name="Old")
    appliance.add_user("tart@lab.example.org", "id-of-tart", domain=DEFAULT_DOMAIN)
    users = [MUFFIN, SCONE, {"username": "pie", "given_name": "New"}, {"username": "tart"}]
    run = playbooks.role(users)
    assert held(appliance) == {"scone": PEOPLE["scone"], "pie": "id-of-pie", "tart": "id-of-tart"}
    said = "\n".join(run.task("Say who is provisioned, and who waits").result["msg"])
    assert f"created: scone@lab.example.org, ExternalId {PEOPLE['scone']}" in said
    assert "updated: pie@lab.example.org" in said
    assert "left as they are: 1 of 4" in said
    assert "waiting: muffin@lab.example.org has no entry, and an ExternalId is missing" in said
    assert "No login refused with USER_NOT_FOUND in the domain lab.example.org" in run.failure.message


def test_become_of_the_play_does_not_reach_the_api(playbooks: Playbooks, appliance: Appliance) -> None:
    play = {
        "become": True,
        "become_user": "nobody",
        "become_method": "ansible.builtin.su",
        "vars": {"ansible_become_exe": "/nonexistent/su"},
    }
    run = playbooks.role([SCONE], play=play).went_well()
    assert run.own == ["scim_users"]
    assert held(appliance) == {"scone": PEOPLE["scone"]}
    # Reading the log does use it, so that a site where root may not log in can read all the same.
    failure = playbooks.role([SCONE, MUFFIN], play=play).failure
    assert failure.task.endswith("Fail if a user failed")
    assert "/nonexistent/su" in failure.message
    assert held(appliance) == {"scone": PEOPLE["scone"]}


@pytest.mark.parametrize("host", ["localhost", "appliance"])
def test_each_host_keeps_its_own_connection_and_python(playbooks: Playbooks, appliance: Appliance, host: str) -> None:
    """The log is read over SSH where no Python is needed, the API is called from here with the Python of Ansible."""
    playbooks.hosts["localhost"]["ansible_python_interpreter"] = "/nonexistent/python"
    appliance.login("muffin")
    playbooks.role([MUFFIN], play={"hosts": host}).went_well()
    assert held(appliance) == {"muffin": PEOPLE["muffin"]}
    assert appliance.ssh_commands
    assert not [command for command in appliance.ssh_commands if "python" in command]


def test_the_log_host_is_the_host_of_the_play_unless_named(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    variables = {**playbooks.variables, "federated_users_users": [MUFFIN]}
    del variables["federated_users_log_host"]
    play = {"hosts": "appliance", "gather_facts": False, "roles": [f"{NAMESPACE}.federated_users"]}
    playbooks.run([play], variables=variables).went_well()
    assert held(appliance) == {"muffin": PEOPLE["muffin"]}


def test_a_misspelt_option_is_told_before_anything_is_sent(playbooks: Playbooks, appliance: Appliance) -> None:
    run = playbooks.role([{**MUFFIN, "extern_id": "x"}])
    assert "extern_id" in str(run.failure.result)
    assert appliance.requests == []


# Asking people to log in


class LogsIn(threading.Thread):
    """Logs people in, one for each time that the playbook listens."""

    def __init__(self, appliance: Appliance, *people: str | None) -> None:
        super().__init__(daemon=True)
        self.appliance = appliance
        self.people = people

    def run(self) -> None:
        for number, person in enumerate(self.people, start=1):
            end = time.monotonic() + 60
            while self._listenings() < number and time.monotonic() < end:
                time.sleep(0.05)
            if person is not None:
                time.sleep(0.5)
                self.appliance.login(person)

    def _listenings(self) -> int:
        return sum("mark waited" in command for command in self.appliance.ssh_commands)


def test_two_people_log_in_one_after_the_other(playbooks: Playbooks, appliance: Appliance) -> None:
    # Somebody of before does not count: only who logs in while being asked does.
    appliance.login("scone")
    people = LogsIn(appliance, "crumpet", "muffin")
    people.start()
    run = playbooks.role([CRUMPET, MUFFIN], wait_for_login=60).went_well()
    people.join()
    assert held(appliance) == {"crumpet": PEOPLE["crumpet"], "muffin": PEOPLE["muffin"]}
    asked = [result.message for result in run.results if result.task.endswith("Ask for a login")]
    assert [text.partition(":")[0] for text in asked] == ["crumpet", "muffin"]
    bound = [result.result["binding"] for result in run.of("scim_users")[1:]]
    assert [(each["username"], each["external_id"]) for each in bound] == [
        ("crumpet", PEOPLE["crumpet"]),
        ("muffin", PEOPLE["muffin"]),
    ]


def test_nobody_logs_in_while_asked(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    run = playbooks.role([MUFFIN], wait_for_login=2)
    assert "No login refused with USER_NOT_FOUND" in run.failure.message
    assert appliance.broker.users == []


# Confirming


def test_confirm_without_a_terminal_stops(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    playbooks.role([MUFFIN], "--check", confirm=True).went_well()
    run = playbooks.role([MUFFIN], confirm=True)
    assert "Not confirmed, so no ExternalId was bound" in run.failure.message
    assert "muffin" in run.failure.message
    assert appliance.broker.users == []


@pytest.mark.parametrize(("answer", "users"), [("yes", 1), ("no", 0)])
def test_confirm_on_a_terminal(playbooks: Playbooks, appliance: Appliance, answer: str, users: int) -> None:
    appliance.login("muffin")
    variables = {**playbooks.variables, "federated_users_users": [MUFFIN], "federated_users_confirm": True}
    command = playbooks.prepare(f"{NAMESPACE}.provision", variables=variables)
    on_terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    with subprocess.Popen(
        [sys.executable, "-c", on_terminal, *command],
        cwd=playbooks.folder,
        env={**playbooks.environment, "RESULTS_FILE": str(playbooks.results_file), "TERM": "dumb"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        seen = b""
        while b"shall it be bound? Type yes" not in seen:
            part = process.stdout.read1(4096)
            assert part, seen.decode()
            seen += part
        time.sleep(0.5)
        process.stdin.write(f"{answer}\r".encode())
        process.stdin.flush()
        seen += process.stdout.read()
        assert process.wait(60) == (0 if users else 2), seen.decode()
    # Who decides sees what there is to decide about.
    assert f"{PEOPLE['muffin']}  [lab.example.org]  from 192.0.2.10".encode() in seen
    assert len(appliance.broker.users) == users
