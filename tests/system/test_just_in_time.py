# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first login: the playbook for one person, and the whole way through a real ansible-rulebook."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance, PocketId
from system.event_source import BAKERS, EVIL, burst, drop, write_allow_list
from system.playbook import NAMESPACE, REPOSITORY, Json, Playbooks, Run, pocket_id_settings
from system.scenes import add, external_ids

RULEBOOK = REPOSITORY / ".cache/venv-rulebook/bin/ansible-rulebook"
PATIENCE = 90
MUFFIN = {
    "external_id": PEOPLE["muffin"],
    "username": "muffin",
    "given_name": "Muffin",
    "permissions": [{"role": "ReadOnly"}],
}
SCONE = {"external_id": PEOPLE["scone"], "username": "scone", "key": "the-scone"}
MARK = "pwned-by-the-log"


def readme_list() -> list[Json]:
    """The allow list that the README shows."""
    text = (REPOSITORY / "README.md").read_text().partition("## First login, first minute")[2]
    block: list[Json] = yaml.safe_load(text.split("```yaml\n")[1].partition("```")[0])
    return block


def let_in(playbooks: Playbooks, *people: Json, **more: Any) -> Run:
    """Run the playbook for one person."""
    allow_list = write_allow_list(playbooks.folder / "allow_list.yml", people or (MUFFIN, SCONE))
    variables = {**playbooks.variables, "just_in_time_allow_list": str(allow_list), **more}
    return playbooks.run(f"{NAMESPACE}.just_in_time", variables=variables)


def test_one_person_is_let_in_and_nobody_goes(playbooks: Playbooks, appliance: Appliance) -> None:
    add(appliance, "crumpet")
    # What a nightly run of everybody sets does not count here.
    playbooks.hosts["localhost"] |= {
        "federated_users_purge": True,
        "federated_users_max_deletes": "100%",
        "federated_users_users": [{"username": "bagel", "external_id": "id-of-bagel"}],
        "federated_users_mirror_groups": ["bakers"],
    }
    (muffin,) = readme_list()
    run = let_in(playbooks, muffin, just_in_time_people="muffin").went_well()
    assert run.recap("localhost")["changed"] == 1
    assert external_ids(appliance) == {"crumpet": "id-of-crumpet", "muffin": muffin["external_id"]}
    assert appliance.login(sub=muffin["external_id"]).permitted
    appliance.clear_requests()
    assert let_in(playbooks, muffin, just_in_time_people="muffin").went_well().recap("localhost")["changed"] == 0
    assert (appliance.writes(), appliance.mintings()) == ([], [])


@pytest.mark.parametrize("setting", ["recreate", "rename"])
def test_what_an_inventory_allows_for_everybody_does_not_count(
    playbooks: Playbooks, appliance: Appliance, setting: str
) -> None:
    name, held = ("muffin", "another-id") if setting == "recreate" else ("mufin", MUFFIN["external_id"])
    add(appliance, name, held)
    playbooks.hosts["localhost"] |= {f"federated_users_{setting}": True}
    run = let_in(playbooks, just_in_time_people="muffin")
    assert run.code != 0
    assert external_ids(appliance) == {name: held}


def test_a_name_of_the_provider_is_not_split(playbooks: Playbooks, appliance: Appliance) -> None:
    person = {
        "external_id": "id-of-another",
        "username": f"muffin@{DEFAULT_DOMAIN}",
        "from_provider": True,
        "key": "it",
    }
    run = let_in(playbooks, person, just_in_time_people="it")
    assert run.code != 0
    assert "external_id: id-of-another" in run.output
    assert list(appliance.broker.users) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"just_in_time_people": "muffin", "federated_users_recreate": True}, "must not remove anybody"),
        ({"just_in_time_people": "nobody"}, "nobody on the allow list has the key"),
        ({"just_in_time_people": "muffin", "federated_users_purge": True}, "must not remove anybody"),
        ({"just_in_time_people": "muffin", "federated_users_users": []}, "must not remove anybody"),
    ],
)
def test_it_is_about_one_person_of_the_list(playbooks: Playbooks, appliance: Appliance, more: Json, said: str) -> None:
    run = let_in(playbooks, **more)
    assert run.code != 0
    assert said in run.output
    assert list(appliance.broker.users) == []


class Rulebook:
    """ansible-rulebook with the collection's rulebook, against this appliance."""

    def __init__(self, playbooks: Playbooks) -> None:
        self.folder, self.appliance = playbooks.folder, playbooks.appliance
        self.output = self.folder / "rulebook.txt"
        self.given = self.folder / "extra_vars.txt"
        appliance, variables = self.appliance, playbooks.variables
        self.inventory = self.folder / "first_login.yml"
        self.inventory.write_text(
            json.dumps({"all": {"hosts": {"localhost": {**playbooks.hosts["localhost"], **variables}}}})
        )
        self.variables = self.folder / "rulebook_variables.yml"
        self.variables.write_text(
            json.dumps(
                {
                    "just_in_time_host": "127.0.0.1",
                    "just_in_time_port": appliance.ssh_port,
                    "just_in_time_private_key": str(appliance.ssh_key),
                    "just_in_time_known_hosts": str(appliance.known_hosts),
                    "just_in_time_log_path": str(appliance.log_path),
                    "just_in_time_allow_list": str(write_allow_list(self.folder / "allow_list.yml", [MUFFIN, SCONE])),
                    "just_in_time_domain": DEFAULT_DOMAIN,
                    "just_in_time_state_file": str(self.folder / "state.json"),
                }
            )
        )
        self.environment = {
            **{name: value for name, value in playbooks.environment.items() if not name.startswith("ANSIBLE_CALLBACK")},
            "PATH": f"{self._watched_playbook()}{os.pathsep}{RULEBOOK.parent}{os.pathsep}{os.environ['PATH']}",
        }

    def _watched_playbook(self) -> Path:
        """An ansible-playbook that keeps what it is given."""
        folder = self.folder / "bin"
        folder.mkdir()
        script = folder / "ansible-playbook"
        keep = 'case $word in @*) cat "${word#@}" ;; *) printf "# %s\\n" "$word" ;; esac'
        lines = [
            "#!/bin/sh",
            f"exec 3>>{self.given}",
            "echo --- >&3",
            f"for word; do {keep} >&3; done",
            f'exec {RULEBOOK.parent}/ansible-playbook "$@" 3>&-',
        ]
        script.write_text("\n".join(lines))
        script.chmod(0o700)
        return folder

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [
            str(RULEBOOK),
            "-r",
            f"{NAMESPACE}.just_in_time",
            "-i",
            str(self.inventory),
            "--vars",
            str(self.variables),
        ]
        with self.output.open("w") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        try:
            self.until(lambda: (self.folder / "state.json").exists() or process.poll() is not None, "it listens")
            assert process.poll() is None, self.said
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def said(self) -> str:
        return self.output.read_text()

    def until(self, holds: Callable[[], object], what: str) -> float:
        """Seconds until it held."""
        begin = time.monotonic()
        while not holds():
            assert time.monotonic() < begin + PATIENCE, f"never: {what}\n{self.said if self.output.exists() else ''}"
            time.sleep(0.02)
        return time.monotonic() - begin


@pytest.fixture
def rulebook(playbooks: Playbooks) -> Rulebook:
    if shutil.which("java") is None or not RULEBOOK.exists():
        pytest.skip(
            "THE RULEBOOK IS NOT TRIED: it needs Java 17 or later, and ansible-rulebook in .cache/venv-rulebook "
            "(tests/requirements/rulebook.txt)"
        )
    return Rulebook(playbooks)


def test_first_login_through_a_real_rulebook(
    rulebook: Rulebook, appliance: Appliance, capsys: pytest.CaptureFixture[str]
) -> None:
    with rulebook.running():
        for number in range(30):
            appliance.login(sub=f"stranger{number}@example.org{EVIL}", user_agent=EVIL, domains=[EVIL, DEFAULT_DOMAIN])
        appliance.login(sub=EVIL)
        # Twice, as people do.
        appliance.login("muffin", user_agent=EVIL)
        appliance.login("muffin", user_agent=EVIL)
        seconds = rulebook.until(lambda: list(appliance.broker.users), "muffin is provisioned")
        rulebook.until(lambda: "permission given" in rulebook.said, "muffin has the permission")
        assert appliance.login("muffin").permitted
        appliance.login("scone", user_agent=EVIL)
        rulebook.until(lambda: len(list(appliance.broker.users)) == 2, "scone is provisioned")
        rulebook.until(lambda: "Not on the allow list" in rulebook.said, "the others are reported")
        rulebook.until(lambda: rulebook.said.count("PLAY RECAP") == 2, "both plays end")
    with capsys.disabled():
        print(f"\nfrom the denied line to the user in the broker: {seconds:.1f} s")  # noqa: T201
    assert external_ids(appliance) == {"muffin": PEOPLE["muffin"], "scone": PEOPLE["scone"]}
    assert rulebook.said.count("Not on the allow list") == 1
    assert "31 attempts with 31 ExternalIds" in rulebook.said
    assert not [path for path in rulebook.folder.rglob("*") if path.name == MARK]

    given = rulebook.given.read_text()
    assert MARK not in given
    assert "stranger" not in given
    first, second = yaml.safe_load_all(given)
    assert [_essence(given) for given in (first, second)] == [
        ({"outcome": "denied", "people": ["muffin"], "attempts": 1, "number": 1}, ["muffin"]),
        ({"outcome": "denied", "people": ["the-scone"], "attempts": 1, "number": 3}, ["the-scone"]),
    ]
    words = [line for line in given.split("\n") if line.startswith("# ")]
    arguments = [re.sub(r"/eda[^/]*/|/artifacts/[^/]*", "/", word) for word in words]
    assert arguments[: len(words) // 2] == arguments[len(words) // 2 :]


def _essence(given: Json) -> tuple[Json, list[str]]:
    """What the event told, and whom the play was to let in; there is nothing else."""
    assert set(given) == {"just_in_time_people", "just_in_time_allow_list", "ansible_eda"}
    assert set(given["ansible_eda"]["event"]) == {"login", "meta"}
    return given["ansible_eda"]["event"]["login"], given["just_in_time_people"]


def test_twenty_of_a_thousand_are_let_in_over_rotation_restart_and_lost_connection(
    rulebook: Rulebook, appliance: Appliance
) -> None:
    write_allow_list(rulebook.folder / "allow_list.yml", BAKERS)

    def provisioned(number: int) -> None:
        rulebook.until(lambda: len(list(appliance.broker.users)) >= number, f"{number} are provisioned")

    with rulebook.running():
        burst(appliance, 0, 300)
        provisioned(1)
        appliance.log.rotate("copytruncate")
        burst(appliance, 300, 500)
        drop(appliance)
        burst(appliance, 500, 600)
        provisioned(12)
    burst(appliance, 600, 700)
    appliance.log.rotate("rename")
    with rulebook.running():
        burst(appliance, 700, 1000)
        provisioned(20)
    assert external_ids(appliance) == {baker["username"]: baker["external_id"] for baker in BAKERS}
    assert len([seen for seen in appliance.writes() if seen.path.endswith("/Users")]) == 20
    assert not [path for path in rulebook.folder.rglob("*") if path.name == MARK]
    # Who tries while others are let in is let in together with everybody else who does.
    assert rulebook.given.read_text().count("just_in_time_people") < 20


def test_pocket_id_tells_who_is_on_the_list(playbooks: Playbooks, appliance: Appliance, pocket_id: PocketId) -> None:
    for name in ("muffin", "scone"):
        email = f"{name}@example.org"
        pocket_id.add_user(name, PEOPLE[name], email, first_name="{{ 7*7 }}", last_name=name.title())
    pocket_id.add_group("vcenter-admins", members=["muffin", "scone"])
    allow_list = playbooks.folder / "from_pocket_id.yml"
    variables = {
        **playbooks.variables,
        **{f"federated_users_{name}": value for name, value in pocket_id_settings(pocket_id).items()},
        "federated_users_from_pocket_id": {"groups": ["vcenter-admins"]},
        "just_in_time_allow_list": str(allow_list),
        "just_in_time_people": "scone",
    }
    playbooks.run(f"{NAMESPACE}.allow_list", variables=variables).went_well()
    assert allow_list.stat().st_mode & 0o777 == 0o600
    playbooks.run(f"{NAMESPACE}.just_in_time", variables=variables).went_well()
    assert external_ids(appliance) == {"scone": PEOPLE["scone"]}
    (scone,) = appliance.broker.users
    assert scone["name"]["givenName"] == "{{ 7*7 }}"
