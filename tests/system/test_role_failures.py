# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's end: everything is done for the others, then one task fails and names each user that failed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance
from system.playbook import NAMESPACE, Playbooks, Run
from system.scenes import external_ids
from system.test_role import LogsIn

ADA = {"username": "ada", "external_id": "id-of-ada"}
BOBBY = {"username": "bobby", "external_id": "id-of-bob"}
MUFFIN, CRUMPET, SCONE = ({"username": name} for name in ("muffin", "crumpet", "scone"))
LAST = "Fail if a user failed"


@pytest.fixture(autouse=True)
def people(appliance: Appliance) -> None:
    for name in ("ada", "bob", "leaver"):
        appliance.add_user(f"{name}@{DEFAULT_DOMAIN}", f"id-of-{name}", domain=DEFAULT_DOMAIN)


def names_at_the_end(run: Run, *names: str) -> str:
    """Return what the last task fails with, which names each of the users."""
    assert run.code == 2, run.output
    assert run.failure.task.endswith(LAST)
    assert run.results[-1] is run.failure
    for name in names:
        assert f"{name}@{DEFAULT_DOMAIN}" in run.failure.message
    assert "Nothing was changed" not in run.failure.message
    return run.failure.message


def test_all_is_done_for_the_others_and_then_one_task_fails(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    settings = {"purge": True, "max_deletes": "1"}
    dry = playbooks.role([ADA, BOBBY, MUFFIN], "--check", **settings)
    real = playbooks.role([ADA, BOBBY, MUFFIN], **settings)
    assert names_at_the_end(dry, "bobby") == names_at_the_end(real, "bobby")
    assert dry.own == real.own == ["scim_users", "externalid_fact", "scim_users"]
    # The one who is waiting may be bobby: the ExternalId of the list is in the entry of another name.
    assert external_ids(appliance) == {"ada": "id-of-ada", "bob": "id-of-bob"}
    assert f"muffin@{DEFAULT_DOMAIN}" in real.failure.message
    fine = playbooks.role([ADA, {**BOBBY, "rename": True}, MUFFIN], **settings).went_well()
    assert fine.own == ["scim_users", "externalid_fact", "scim_users"]
    assert external_ids(appliance) == {"ada": "id-of-ada", "bobby": "id-of-bob", "muffin": PEOPLE["muffin"]}


def test_all_or_nothing(playbooks: Playbooks, appliance: Appliance) -> None:
    run = playbooks.role([ADA, BOBBY], on_error="stop", purge=True, max_deletes="1")
    assert "Nothing was changed" in run.failure.message
    assert run.failure.action == f"{NAMESPACE}.scim_users"
    assert "leaver" in external_ids(appliance)


class SecondLogsIn(LogsIn):
    """Logs somebody in who is asked after another person, who does not log in."""

    def run(self) -> None:
        self._until(lambda: self._listenings() > 0)
        read = len(self.appliance.requests)
        self._until(lambda: len(self.appliance.requests) > read)
        heard = self._listenings()
        self._until(lambda: self._listenings() > heard)
        time.sleep(0.5)
        for person in self.people:
            self.appliance.login(person)

    def _until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not is_so() and time.monotonic() < end:
            time.sleep(0.05)


def test_one_absent_person_does_not_end_it_for_the_rest(playbooks: Playbooks, appliance: Appliance) -> None:
    asked = SecondLogsIn(appliance, "muffin")
    asked.start()
    run = playbooks.role([ADA, CRUMPET, MUFFIN], wait_for_login=5)
    asked.join()
    names_at_the_end(run, "crumpet")
    assert "muffin" not in run.failure.message
    assert external_ids(appliance)["muffin"] == PEOPLE["muffin"]


@pytest.mark.parametrize("source", ["auto", "vars"])
def test_who_waits_is_reported_and_the_run_is_green(playbooks: Playbooks, appliance: Appliance, source: str) -> None:
    users, new = [ADA, SCONE], {"username": "new", "external_id": "id-of-new"}
    settings = {"external_id_source": source, "missing_external_id": "report"}
    for check in (["--check"], []):
        run = playbooks.role([*users, new], *check, **settings).went_well()
        assert run.of("scim_users")[-1].result["waiting"] == ["scone"]
    assert external_ids(appliance)["new"] == "id-of-new"
    run = playbooks.role([*users, new], external_id_source=source)
    assert "scone" in run.failure.message


def test_the_log_cannot_be_read_and_both_are_named(playbooks: Playbooks) -> None:
    run = playbooks.role([{**ADA, "external_id": "other"}, SCONE], log_path="/nonexistent.log")
    message = names_at_the_end(run, "ada")
    assert "/nonexistent.log" in message


def test_names_that_are_addresses(playbooks: Playbooks, appliance: Appliance) -> None:
    ada = {"username": "ada@corp.example", "external_id": "id-of-corp"}
    run = playbooks.role([ADA, ada])
    assert f"ada@corp.example@{DEFAULT_DOMAIN}" in run.failure.message
    playbooks.role([ada], split_usernames=False).went_well()
    assert external_ids(appliance)["ada@corp.example"] == "id-of-corp"
