# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody sees after a login, and the logs that tell who it was."""

from __future__ import annotations

from typing import Literal

import pytest
from simulator import DEFAULT_DOMAIN, INVENTORY, PEOPLE, Appliance
from simulator.permissions import NO_ACCESS, READ_ONLY, ROOT_FOLDER, Permission, Principal
from system.scenes import add_group

OUTCOMES = {"all": INVENTORY, "root": ["/"], "nothing": []}


@pytest.fixture
def appliance(running_appliance: Appliance) -> Appliance:
    """With muffin, who is a baker."""
    running_appliance.reset()
    user = running_appliance.add_user("muffin", PEOPLE["muffin"])
    add_group(running_appliance, "bakers", user["id"])
    return running_appliance


def permit(
    appliance: Appliance,
    name: str = "muffin",
    role: str = READ_ONLY,
    *,
    kind: Literal["USER", "GROUP"] = "USER",
    domain: str = DEFAULT_DOMAIN,
    propagating: bool = True,
    on_root_folder: bool = False,
) -> None:
    where = {"object": ROOT_FOLDER} if on_root_folder else {}
    appliance.permissions.create(Permission(Principal(kind, name, domain), role, propagating, **where))


def seen(appliance: Appliance) -> list[str]:
    login = appliance.login("muffin")
    assert login.allowed
    assert login.permitted == bool(login.inventory)
    return login.inventory


# Permissions


def test_nothing_without_a_permission_and_everything_with_one(appliance: Appliance) -> None:
    assert seen(appliance) == []
    permit(appliance)
    assert seen(appliance) == INVENTORY


def test_without_propagation_there_is_the_root_alone(appliance: Appliance) -> None:
    permit(appliance, propagating=False)
    assert seen(appliance) == ["/"]


def test_no_access_is_none(appliance: Appliance) -> None:
    permit(appliance, role=NO_ACCESS)
    assert seen(appliance) == []


@pytest.mark.parametrize(
    ("name", "outcome"), [("bakers", "all"), ("BAKERS", "all"), ("ALL_USERS", "all"), ("x", "nothing")]
)
def test_a_permission_of_a_group_counts_for_its_members(appliance: Appliance, name: str, outcome: str) -> None:
    permit(appliance, name, kind="GROUP")
    assert seen(appliance) == OUTCOMES[outcome]


def test_of_several_groups_the_more_is_seen(appliance: Appliance) -> None:
    permit(appliance, "bakers", NO_ACCESS, kind="GROUP")
    assert seen(appliance) == []
    permit(appliance, "ALL_USERS", kind="GROUP", propagating=False)
    assert seen(appliance) == ["/"]


@pytest.mark.parametrize(("role", "propagating", "outcome"), [(NO_ACCESS, True, "nothing"), (READ_ONLY, False, "root")])
def test_what_names_the_user_goes_before_a_group(
    appliance: Appliance, role: str, propagating: bool, outcome: str
) -> None:
    permit(appliance, "bakers", kind="GROUP")
    permit(appliance, role=role, propagating=propagating)
    assert seen(appliance) == OUTCOMES[outcome]


def test_what_stands_on_the_root_folder_goes_before_what_is_global(appliance: Appliance) -> None:
    permit(appliance, on_root_folder=True)
    assert seen(appliance) == INVENTORY
    permit(appliance, role=NO_ACCESS)
    assert seen(appliance) == INVENTORY


def test_who_is_denied_is_nobody_and_sees_nothing(appliance: Appliance) -> None:
    permit(appliance, "crumpet")
    login = appliance.login("crumpet")
    assert (login.allowed, login.principal, login.inventory) == (False, None, [])
    assert appliance.virgo_log.read_text() == appliance.vpxd_log.read_text() == ""


# Spelling


@pytest.mark.parametrize("username", ["muffin", f"muffin@{DEFAULT_DOMAIN}", f"muffin@{DEFAULT_DOMAIN.upper()}"])
@pytest.mark.parametrize(
    ("spelling", "name", "inert"),
    [
        ("name", "muffin", f"muffin@{DEFAULT_DOMAIN}"),
        ("qualified", f"muffin@{DEFAULT_DOMAIN}", "muffin"),
    ],
)
def test_one_spelling_works_and_the_other_is_accepted(
    appliance: Appliance, username: str, spelling: Literal["name", "qualified"], name: str, inert: str
) -> None:
    appliance.reset()
    appliance.switches.principal_spelling = spelling
    appliance.add_user(username, PEOPLE["muffin"])
    permit(appliance, inert)
    assert seen(appliance) == []
    assert f"{{Name: {name}, Domain: {DEFAULT_DOMAIN}}}" in appliance.virgo_log.read_text()
    assert appliance.login("muffin").principal == f"{DEFAULT_DOMAIN}\\{name}"
    permit(appliance, name.upper())
    assert seen(appliance) == INVENTORY


def test_another_domain_is_another_person(appliance: Appliance) -> None:
    permit(appliance, domain="other.example.org")
    permit(appliance, domain="localos")
    assert seen(appliance) == []


# Logs


def test_the_logs_of_those_who_are_let_in(appliance: Appliance) -> None:
    appliance.login("muffin", at="2026-02-04T15:05:23.412+02:00")
    client, vcenter = appliance.virgo_log.read_text().splitlines(), appliance.vpxd_log.read_text().splitlines()
    assert all(line.startswith("[2026-02-04T13:05:23.412Z] [") for line in client)
    assert client[0].endswith(f"Successfully acquired token for user: {{Name: muffin, Domain: {DEFAULT_DOMAIN}}}")
    assert "failed with NoPermission error" in client[1]
    assert "do not have permission on any vCenter Server" in client[2]
    assert vcenter[0].startswith("2026-02-04T13:05:23.412Z error vpxd[")
    assert vcenter[0].endswith("vim.SessionManager.loginByToken: :vim.fault.NoPermission")
    assert all(line.startswith("-->") for line in vcenter[1:])
    permit(appliance)
    appliance.login("muffin")
    assert appliance.vpxd_log.read_text().splitlines() == vcenter
    assert len(appliance.virgo_log.read_text().splitlines()) == 4
    appliance.reset()
    assert appliance.virgo_log.read_text() == appliance.vpxd_log.read_text() == ""


def test_they_lie_where_the_appliance_has_them(appliance: Appliance) -> None:
    root = appliance.log_path.parents[4]
    assert appliance.vpxd_log.relative_to(root).as_posix() == "var/log/vmware/vpxd/vpxd.log"
    assert appliance.virgo_log.relative_to(root).as_posix() == "var/log/vmware/vsphere-ui/logs/vsphere_client_virgo.log"
    assert {str(appliance.vpxd_log), str(appliance.virgo_log)} < set(map(str, appliance.description().values()))
