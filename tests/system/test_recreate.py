# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting and creating anew loses nothing, whenever it is broken off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from system.playbook import Json, Modules
from system.scenes import (
    Request,
    add,
    add_group,
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

FOREVER = 10**6
ANEW = {"username": "anew", "external_id": "id-new", "recreate": True}
KEPT = {"given_name": "Old", "family_name": "Name", "email": "old@example.org", "displayName": "Shown", "active": False}


@pytest.fixture
def entry(appliance: Appliance) -> str:
    key = add(appliance, "anew", **KEPT)
    other = add(appliance, "bystander")
    add_group(appliance, "cooks", key, other)
    add_group(appliance, "bakers", key)
    add_group(appliance, "waiters", other)
    return key


def is_restored(modules: Modules, external_id: str = "id-new") -> None:
    appliance = modules.appliance
    found = held(appliance)["anew"]
    assert found["externalId"] == external_id
    assert (found["name"], found["displayName"]) == ({"givenName": "Old", "familyName": "Name"}, "Shown")
    assert (found["emails"][0]["value"], found["active"]) == ("old@example.org", False)
    assert members(appliance, "cooks") == {"anew", "bystander"}
    assert members(appliance, "bakers") == {"anew"}
    assert members(appliance, "waiters") == {"bystander"}
    assert journal(modules) == []


def broken_off(modules: Modules, *users: Json, status: int = 403) -> Json:
    """A run whose deletion goes well and whose creation never does."""
    appliance = modules.appliance
    with watched(appliance, lambda request: status if request.method == "POST" else None):
        result = provision(modules, users or [ANEW])
    appliance.clear_requests()
    assert "anew" not in held(appliance)
    assert len(journal(modules)) == 1
    return result


@pytest.mark.parametrize("refused", [False, True])
def test_what_the_task_does_not_name_is_kept(modules: Modules, appliance: Appliance, entry: str, refused: bool) -> None:
    appliance.switches.patch_refused = refused
    dry = provision(modules, [ANEW], check=True)
    assert (appliance.writes(), journal(modules)) == ([], [])
    result = provision(modules, [ANEW])
    assert not result["failed"], result["msg"]
    assert (dry["diff"], dry["users"][0]["operation"]) == (result["diff"], "recreate")
    user = result["users"][0]["user"]
    assert (user["given_name"], user["active"], user["groups"]) == ("Old", False, ["ALL_USERS", "bakers", "cooks"])
    assert user["id"] not in (None, entry)
    sent = [(seen.method, seen.path.rpartition("/v2/")[2].partition("/")[0]) for seen in appliance.writes()]
    assert sent[:2] == [("DELETE", "Users"), ("POST", "Users")]
    assert ("PUT" if refused else "PATCH", "Groups") in sent
    is_restored(modules)
    settled(modules, [ANEW])


@pytest.mark.parametrize("told", ["always", "single", "never"])
def test_memberships_that_the_user_does_not_tell(modules: Modules, appliance: Appliance, entry: str, told: Any) -> None:
    """Then the groups are asked; where neither shows them, nobody is recreated."""
    appliance.switches.update({"members_returned": told, "groups_returned": "never"})
    result = provision(modules, [ANEW])
    if told == "never":
        assert "was not recreated" in result["msg"]
        assert "bakers, cooks, waiters" in result["msg"]
        assert (appliance.writes(), held(appliance)["anew"]["id"]) == ([], entry)
        return
    assert not result["failed"], result["msg"]
    assert held(appliance)["anew"]["id"] != entry
    assert "groups" not in result["users"][0]["unverified"]
    is_restored(modules)


@pytest.mark.usefixtures("entry")
def test_a_journal_that_cannot_be_written_deletes_nobody(
    modules: Modules, appliance: Appliance, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    result = provision(modules, [ANEW], journal_path=str(tmp_path / "file" / "journal"))
    assert "journal_path: " in result["msg"]
    assert "cannot be written" in result["msg"]
    assert "Without it, no entry is deleted" in result["msg"]
    assert (appliance.writes(), external_ids(appliance)["anew"]) == ([], "id-of-anew")


def test_a_journal_is_needed_for_nothing_else(modules: Modules, appliance: Appliance, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not provision(modules, [person("muffin")], journal_path=str(tmp_path / "file" / "journal"))["failed"]
    assert "muffin" in held(appliance)


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2}'])
@pytest.mark.parametrize("check", [False, True])
@pytest.mark.usefixtures("entry")
def test_a_record_that_cannot_be_read_is_told(modules: Modules, appliance: Appliance, text: str, check: bool) -> None:
    broken_off(modules)
    (file,) = journal(modules)
    file.write_text(text)
    result = provision(modules, [ANEW], check=check)
    assert f"journal_path: {file} cannot be read" in result["msg"]
    assert "restore or remove it" in result["msg"]
    assert (appliance.writes(), file.read_text()) == ([], text)


# Broken off


def test_a_creation_that_is_refused_for_good(modules: Modules, appliance: Appliance) -> None:
    key = add(appliance, "anew", **{**KEPT, "family_name": ""})
    add_group(appliance, "cooks", key)
    appliance.switches.empty_family_name = "refused_400"
    result = provision(modules, [ANEW, person("newcomer")])
    said = result["users"][0]["error"]
    assert "Give family_name" in said
    (file,) = journal(modules)
    assert f"kept in {file}" in said
    assert "run the same task again, and it goes on from there" in said
    assert result["changed"] is True
    assert held(appliance).keys() == {"newcomer"}
    converges(modules, [{**ANEW, "family_name": "Name"}, person("newcomer")])
    assert (external_ids(appliance)["anew"], members(appliance, "cooks")) == ("id-new", {"anew"})


@pytest.mark.parametrize(("named", "status"), [(ANEW, 403), ({"username": "anew"}, 503)])
def test_a_creation_that_fails_goes_on_in_the_next_run(
    modules: Modules, appliance: Appliance, entry: str, named: Json, status: int
) -> None:
    result = broken_off(modules, status=status)
    assert result["failed"] is True
    assert result["changed"] is True
    assert f"HTTP {status}" in result["msg"]
    assert "kept in" in result["msg"]
    assert result["users"][0]["user"] is None
    record = json.loads(journal(modules)[0].read_text())
    assert (record["external_id"], record["entry"]["id"]) == ("id-new", entry)

    before = journal(modules)[0].stat()
    dry = provision(modules, [named], check=True)
    assert dry["changed"] is True
    assert dry["users"][0]["operation"] == "recreate"
    assert dry["diff"]["before"]["anew@lab.example.org"]["external_id"] == "id-of-anew"
    assert dry["diff"]["after"]["anew@lab.example.org"]["external_id"] == "id-new"
    assert dry["users"][0]["user"]["groups"] == ["ALL_USERS", "bakers", "cooks"]
    assert (appliance.writes(), journal(modules)[0].stat()) == ([], before)

    result = provision(modules, [named])
    assert not result["failed"], result["msg"]
    assert (result["diff"], result["warnings"][1:]) == (dry["diff"], [])
    assert [seen.method for seen in appliance.writes()].count("DELETE") == 0
    is_restored(modules)
    settled(modules, [named])


def test_a_creation_that_fails_once_more_has_changed_nothing(modules: Modules, entry: str) -> None:
    assert broken_off(modules)["changed"] is True
    again = broken_off(modules)
    assert (again["changed"], "kept in" in again["msg"]) == (False, True)
    assert entry in journal(modules)[0].read_text()


def test_a_task_that_names_another_external_id_has_its_way(modules: Modules, appliance: Appliance, entry: str) -> None:
    broken_off(modules)
    converges(modules, [{**ANEW, "external_id": "id-newest"}])
    is_restored(modules, "id-newest")
    assert entry not in str(appliance.broker.users)


@pytest.mark.usefixtures("entry")
def test_a_server_that_is_gone_after_the_deletion(modules: Modules, appliance: Appliance) -> None:
    """Nothing can be read back, so the record stays."""
    deleted: list[bool] = []

    def gone(request: Request) -> int | None:
        return 503 if request.method == "POST" or (deleted and request.method == "GET") else None

    with watched(appliance, gone, lambda request: deleted.append(True) if request.method == "DELETE" else None):
        result = provision(modules, [ANEW])
    assert "could not be read back" in result["msg"]
    assert f"kept in {journal(modules)[0]}" in result["msg"]
    converges(modules, [ANEW])
    is_restored(modules)


def test_nobody_may_write_any_more_after_the_deletion(modules: Modules, appliance: Appliance, entry: str) -> None:
    appliance.switches.faults = [Fault("POST /Users$", "expire_token", times=FOREVER)]
    result = provision(modules, [ANEW])
    assert "another process seems to mint" in result["msg"]
    assert (result["changed"], len(journal(modules)), "anew" in held(appliance)) == (True, 1, False)
    appliance.switches.faults = []
    converges(modules, [ANEW])
    is_restored(modules)
    assert entry not in str(appliance.broker.users)


@pytest.mark.usefixtures("entry")
def test_a_group_that_does_not_take_its_member_back(modules: Modules, appliance: Appliance) -> None:
    with watched(appliance, lambda request: 403 if request.method == "PATCH" else None):
        result = provision(modules, [ANEW])
    assert "is not in the group" in result["msg"]
    assert "kept in" in result["msg"]
    assert external_ids(appliance)["anew"] == "id-new"
    result = provision(modules, [{"username": "anew"}])
    assert (result["failed"], result["changed"], result["users"][0]["operation"]) == (False, True, "update")
    is_restored(modules)
    settled(modules, [{"username": "anew"}])


# The record


@pytest.mark.usefixtures("entry")
def test_a_task_that_does_not_name_the_user_warns(modules: Modules, appliance: Appliance) -> None:
    broken_off(modules)
    for check in (True, False):
        result = provision(modules, [person("bystander")], check=check)
        assert not result["failed"]
        assert any("anew@lab.example.org was to be created anew at 20" in warning for warning in result["warnings"])
        assert len(journal(modules)) == 1
    assert appliance.writes() == []
    assert not [warning for warning in provision(modules, [ANEW])["warnings"] if "broken off" in warning]
    is_restored(modules)


@pytest.mark.usefixtures("entry")
def test_a_user_who_is_to_be_absent_ends_the_record(modules: Modules, appliance: Appliance) -> None:
    broken_off(modules)
    result = provision(modules, [{"username": "anew", "state": "absent"}])
    assert (result["failed"], result["changed"], journal(modules)) == (False, False, [])
    assert held(appliance).keys() == {"bystander"}


def attempts(*external_ids: str) -> Json:
    found = [
        {
            "timestamp": "2026-02-04T15:05:23.412Z",
            "external_id": external_id,
            "domains": [DEFAULT_DOMAIN],
            "outcome": "denied",
            "reason": "USER_NOT_FOUND",
            "source_ip": "192.0.2.10",
            "context_id": "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10",
            "malformed": False,
        }
        for external_id in external_ids
    ]
    return {"attempts": found, "complete": True}


@pytest.mark.usefixtures("entry")
def test_an_external_id_on_its_way_is_bound_to_nobody_else(modules: Modules, appliance: Appliance) -> None:
    broken_off(modules)
    result = provision(modules, [{"username": "muffin"}], login_attempts=attempts("id-new"))
    assert "was found for muffin@lab.example.org" in result["msg"]
    result = provision(modules, [{"username": "muffin"}, ANEW], login_attempts=attempts("id-new", "id-of-muffin"))
    assert not result["failed"], result["msg"]
    assert external_ids(appliance)["muffin"] == "id-of-muffin"
    is_restored(modules)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.usefixtures("entry")
def test_an_external_id_on_its_way_is_given_to_nobody_else(
    modules: Modules, appliance: Appliance, together: bool
) -> None:
    broken_off(modules)
    other = person("muffin", external_id="id-new")
    result = provision(modules, [other, {"username": "anew"}] if together else [other])
    assert "muffin@lab.example.org: ExternalId id-new is on its way to anew@lab.example.org" in result["msg"]
    assert appliance.writes() == []
    # It was wrong for the first one, which the task says now.
    converges(modules, [other, {**ANEW, "external_id": "id-right"}])
    assert external_ids(appliance)["muffin"] == "id-new"
    is_restored(modules, "id-right")


@pytest.mark.parametrize("deleted", [True, False])
@pytest.mark.usefixtures("entry")
def test_who_was_not_asked_to_log_in_is_left_alone_with_the_record(
    modules: Modules, appliance: Appliance, deleted: bool
) -> None:
    """Also where only the groups are still to be restored."""
    if deleted:
        broken_off(modules)
    else:
        with watched(appliance, lambda request: 403 if request.method == "PATCH" else None):
            provision(modules, [ANEW])
    users = [{"username": "muffin", "given_name": "Muffin"}, ANEW]
    result = provision(modules, users, login_attempts=attempts("id-of-muffin"), login_attempts_of=["muffin"])
    assert not result["failed"], result["msg"]
    assert external_ids(appliance)["muffin"] == "id-of-muffin"
    assert [user["operation"] for user in result["users"]] == ["create", "none"]
    assert (result["users"][1]["user"] is None) == deleted
    assert len(journal(modules)) == 1
    converges(modules, users)
    is_restored(modules)


@pytest.mark.usefixtures("entry")
def test_one_user_goes_on_where_many_were_broken_off(modules: Modules) -> None:
    broken_off(modules, ANEW, person("bystander"))
    result = modules.well("scim_user", username="anew", domain=DEFAULT_DOMAIN, external_id="id-new", recreate=True)
    assert result["operation"] == "recreate"
    is_restored(modules)
