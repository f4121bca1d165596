# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role with a whole directory: purge, groups, and people from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance
from system.playbook import NAMESPACE, Playbooks

MUFFIN = {"username": "muffin", "external_id": PEOPLE["muffin"], "given_name": "Muffin"}
CRUMPET = {"username": "crumpet", "external_id": PEOPLE["crumpet"]}


def names(appliance: Appliance) -> list[str]:
    return sorted(user["userName"].partition("@")[0] for user in appliance.broker.users)


def have_group(appliance: Appliance, name: str) -> None:
    with appliance.broker.lock:
        appliance.broker.groups.create({"displayName": name}, appliance.switches.providers[0].idp)


def members(appliance: Appliance, name: str) -> set[str]:
    held = {user["id"]: user["userName"].partition("@")[0] for user in appliance.broker.users}
    (group,) = (group for group in appliance.broker.groups.all() if group.name == name)
    return {held[member] for member in group.members}


def test_a_directory_is_kept(playbooks: Playbooks, appliance: Appliance) -> None:
    for name in ("scone", "bagel"):
        appliance.add_user(f"{name}@{DEFAULT_DOMAIN}", f"id-of-{name}", domain=DEFAULT_DOMAIN)
    for name in ("Admins", "Everybody"):
        have_group(appliance, name)
    users = [{**MUFFIN, "groups": ["Admins"]}, CRUMPET]
    settings: dict[str, Any] = {"groups": ["everybody"], "purge": True, "max_deletes": 1, "concurrency": 3}

    refused = playbooks.role(users, **settings)
    assert refused.code != 0
    assert "max_deletes allows 1" in refused.stdout
    assert appliance.writes() == []

    settings["max_deletes"] = "100%"
    dry = playbooks.role(users, "--check", "--diff", **settings).went_well()
    assert appliance.writes() == []
    run = playbooks.role(users, "--diff", **settings).went_well()
    assert dry.of("scim_users")[0].result["diff"] == run.of("scim_users")[0].result["diff"]
    assert names(appliance) == ["crumpet", "muffin"]
    assert members(appliance, "Admins") == {"muffin"}
    assert members(appliance, "Everybody") == {"crumpet", "muffin"}

    written = len(appliance.writes())
    again = playbooks.role(users, **settings).went_well()
    assert again.recap("localhost")["changed"] == 0
    assert [seen for seen in appliance.writes()[written:] if "/Users" in seen.path or "/Groups" in seen.path] == []


def test_purge_in_the_variables_does_not_hinder_deleting_by_name(playbooks: Playbooks, appliance: Appliance) -> None:
    for name in ("muffin", "crumpet", "scone"):
        appliance.add_user(f"{name}@{DEFAULT_DOMAIN}", PEOPLE[name], domain=DEFAULT_DOMAIN)
    variables = {
        **playbooks.variables,
        "federated_users_purge": True,
        "federated_users_max_deletes": "100%",
        "delete_users": ["scone"],
    }
    playbooks.run(f"{NAMESPACE}.delete", variables=variables).went_well()
    assert names(appliance) == ["crumpet", "muffin"]


def test_who_waits_is_not_in_the_way_of_a_purge_and_is_not_purged_later(
    playbooks: Playbooks, appliance: Appliance
) -> None:
    appliance.add_user(f"scone@{DEFAULT_DOMAIN}", PEOPLE["scone"], domain=DEFAULT_DOMAIN)
    appliance.login("muffin")
    users = [{"username": "muffin"}, CRUMPET]
    playbooks.role(users, purge=True, max_deletes="1").went_well()
    assert names(appliance) == ["crumpet", "muffin"]
    assert appliance.login("muffin").allowed


@pytest.mark.parametrize("content", ["", "# nobody\n"])
def test_an_empty_file_purges_nobody(playbooks: Playbooks, appliance: Appliance, tmp_path: Path, content: str) -> None:
    appliance.add_user(f"scone@{DEFAULT_DOMAIN}", PEOPLE["scone"], domain=DEFAULT_DOMAIN)
    (tmp_path / "people.csv").write_text(content)
    variables = {**playbooks.variables, "federated_users_purge": True, "federated_users_max_deletes": "100%"}
    run = playbooks.run(
        f"{NAMESPACE}.provision", "-e", f"provision_users_csv={tmp_path / 'people.csv'}", variables=variables
    )
    assert run.code != 0
    assert names(appliance) == ["scone"]
