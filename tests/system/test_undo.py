# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is deleted is first written to a file, and the printed command restores it."""

from __future__ import annotations

import json
import shlex
import stat
from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import NAMESPACE, Json, Modules, Playbooks
from system.scenes import Request, add, add_group, held, members, provision, watched

TEMPLATE = "{{ lookup('pipe', 'echo evaluated') }}"


@pytest.fixture
def leaver(appliance: Appliance) -> str:
    """Somebody with every attribute, and in two groups."""
    entry = add(
        appliance, "leaver", "E-Leaver", given_name=TEMPLATE, displayName="L, \"the\" leaver; 'x' | y", active=False
    )
    other = add(appliance, "ada")
    add_group(appliance, "Bakers, the; best | ones", entry, other)
    add_group(appliance, "Cooks", entry)
    return entry


def whole(user: Json) -> Json:
    """A user without what a new entry cannot keep."""
    return {key: value for key, value in user.items() if key not in ("id", "meta", "groups")}


def restored(modules: Modules, file: str, **options: Any) -> Json:
    return modules.run("scim_users", domain=DEFAULT_DOMAIN, restore_file=file, **options)


@pytest.mark.parametrize("kind", ["purge", "absent", "scim_user"])
@pytest.mark.parametrize("told", ["always", "single"])
def test_a_deletion_can_be_undone(modules: Modules, appliance: Appliance, leaver: str, kind: str, told: str) -> None:
    appliance.switches.update({"members_returned": told})
    before = held(appliance)["leaver"]
    options: dict[str, Json] = {
        "purge": {"users": [{"username": "ada"}], "purge": True, "max_deletes": "1"},
        "absent": {"users": [{"username": "leaver", "state": "absent"}]},
        "scim_user": {"username": "leaver", "state": "absent"},
    }
    module = kind if kind == "scim_user" else "scim_users"
    checked = modules.well(module, domain=DEFAULT_DOMAIN, check=True, **options[kind])
    assert (checked["restore_file"], checked["restore_command"]) == (None, None)
    assert not list(modules.folder.rglob("*.restore"))
    result = modules.well(module, domain=DEFAULT_DOMAIN, **options[kind])
    assert held(appliance).keys() == {"ada"}
    file = Path(result["restore_file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.parent.parent == modules.folder / ".local/state/homelab.identity_broker"
    assert "E-Leaver" in file.read_text()
    assert leaver
    back = restored(modules, str(file))
    assert not back["failed"], back["msg"]
    assert whole(held(appliance)["leaver"]) == whole(before)
    assert members(appliance, "Bakers, the; best | ones") == {"ada", "leaver"}
    assert members(appliance, "Cooks") == {"leaver"}
    assert restored(modules, str(file))["changed"] is False


@pytest.mark.usefixtures("leaver")
def test_the_file_is_written_before_the_first_deletion(modules: Modules, appliance: Appliance) -> None:
    found: list[int] = []

    def look(request: Request) -> None:
        if request.method == "DELETE":
            found.append(len(list(modules.folder.rglob("*.restore"))))

    with watched(appliance, before=look):
        provision(modules, [{"username": name, "state": "absent"} for name in ("ada", "leaver")])
    assert found == [1, 1]
    (file,) = modules.folder.rglob("*.restore")
    assert [user["external_id"] for user in json.loads(file.read_text())["users"]] == ["id-of-ada", "E-Leaver"]


@pytest.mark.usefixtures("leaver")
@pytest.mark.parametrize("module", ["scim_users", "scim_user"])
def test_nothing_is_deleted_where_the_file_cannot_be_written(
    modules: Modules, appliance: Appliance, module: str
) -> None:
    blocked = modules.folder / "file"
    blocked.touch()
    row = {"username": "leaver", "state": "absent"}
    options = {"users": [row]} if module == "scim_users" else row
    said = modules.failed(module, domain=DEFAULT_DOMAIN, journal_path=str(blocked), **options)
    assert "journal_path" in said
    assert held(appliance).keys() == {"ada", "leaver"}
    assert [seen.method for seen in appliance.writes()] == []


@pytest.mark.usefixtures("leaver")
def test_memberships_that_nothing_shows_are_warned_of(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.update({"members_returned": "never", "groups_returned": "never"})
    result = provision(modules, [{"username": "leaver", "state": "absent"}])
    assert not result["failed"], result["msg"]
    (told,) = [warning for warning in result["warnings"] if "memberships" in warning]
    assert result["restore_file"] in told


def test_a_server_without_groups_can_delete(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "leaver")
    appliance.switches.groups_returned = "never"
    with watched(appliance, before=lambda request: 404 if request.path.startswith("/Groups") else None):
        result = provision(modules, [{"username": "leaver", "state": "absent"}])
    assert not result["failed"], result["msg"]
    assert held(appliance) == {}


@pytest.mark.usefixtures("leaver")
def test_a_run_that_deletes_nobody_writes_no_file(modules: Modules) -> None:
    rows = [{"username": "ada", "given_name": "New"}, {"username": "nobody", "state": "absent"}]
    result = provision(modules, rows)
    assert (result["restore_file"], result["restore_command"]) == (None, None)
    assert not list(modules.folder.rglob("*.restore"))


@pytest.mark.usefixtures("leaver")
def test_a_file_that_cannot_be_used(modules: Modules, appliance: Appliance, tmp_path: Path) -> None:
    result = provision(modules, [{"username": "leaver", "state": "absent"}])
    document = json.loads(Path(result["restore_file"]).read_text())
    appliance.clear_requests()
    file = tmp_path / "copy"
    for text in ("", "[]", "{}", json.dumps({**document, "version": 99}), json.dumps({**document, "users": [1]})):
        file.write_text(text)
        assert "restore_file" in restored(modules, str(file))["msg"]
    assert "restore_file" in restored(modules, str(tmp_path / "nowhere"))["msg"]
    file.write_text(json.dumps(document))
    assert "purge" in restored(modules, str(file), purge=True, max_deletes="100%")["msg"]
    file.write_text(json.dumps({**document, "host": "vcsa.example.net"}))
    said = restored(modules, str(file))["msg"]
    assert "vcsa.example.net" in said
    assert "--limit" in said
    assert appliance.writes() == []


def test_the_printed_command_restores(playbooks: Playbooks, appliance: Appliance, leaver: str) -> None:
    """With the inventory that deleted: its purge and its lists have no part in it."""
    before = held(appliance)["leaver"]
    settings = {
        **playbooks.variables,
        "federated_users_users": [{"username": "ada", "external_id": "id-of-ada"}],
        "federated_users_purge": True,
        "federated_users_max_deletes": 1,
    }
    playbooks.hosts["localhost"] |= settings
    deleted = playbooks.run(f"{NAMESPACE}.provision").went_well()
    assert held(appliance).keys() == {"ada"}
    result = deleted.of("scim_users")[0].result
    command = shlex.split(result["restore_command"])
    assert result["restore_command"] in deleted.stdout
    assert command[:2] == ["ansible-playbook", f"{NAMESPACE}.restore"]
    checked = playbooks.run(command[1], *command[2:], "--check").went_well()
    assert "would be created: leaver" in checked.stdout
    assert held(appliance).keys() == {"ada"}
    playbooks.run(command[1], *command[2:]).went_well()
    assert whole(held(appliance)["leaver"]) == whole(before)
    assert members(appliance, "Cooks") == {"leaver"}
    assert leaver


def test_the_command_needs_no_variables(
    playbooks: Playbooks, modules: Modules, appliance: Appliance, leaver: str
) -> None:
    """After a task of one's own, with the connection in the environment."""
    before = held(appliance)["leaver"]
    result = provision(modules, [{"username": "leaver", "state": "absent"}])
    command = shlex.split(result["restore_command"])
    environment = {
        "VMWARE_HOST": "localhost",
        "VMWARE_PORT": str(appliance.https_port),
        "VMWARE_USER": appliance.username,
        "VMWARE_PASSWORD": appliance.password,
        "VMWARE_CA_PATH": str(appliance.ca_file),
    }
    playbooks.run(command[1], *command[2:], environment=environment).went_well()
    assert whole(held(appliance)["leaver"]) == whole(before)
    assert leaver


def test_restore_needs_a_file(playbooks: Playbooks, appliance: Appliance) -> None:
    run = playbooks.run(f"{NAMESPACE}.restore", variables=playbooks.variables)
    assert run.code != 0
    assert "restore_file" in run.output
    assert appliance.requests == []
