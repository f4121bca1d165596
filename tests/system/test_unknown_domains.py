# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries whose domain the broker does not show: changed only if name and ExternalId match, never purged."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import Json, Modules
from system.scenes import add, add_group, members, provision

BARE: Json = {"username_format": "bare"}
FOREIGN = "bob@other.example.net"
SERVICE = "svc-backup"


@pytest.fixture
def silent(appliance: Appliance) -> Appliance:
    """A broker that returns no domains: two of the task's domain, and two of whom nothing is known."""
    appliance.switches.domain_returned = "none"
    add(appliance, "ada")
    add(appliance, "leaver")
    appliance.add_user(FOREIGN, "id-foreign", domain="other.example.net")
    appliance.add_user(SERVICE, "id-service", domain="")
    return appliance


def names(appliance: Appliance) -> set[str]:
    return {user["userName"] for user in appliance.broker.users}


def test_purge_leaves_them_alone_and_says_so(modules: Modules, silent: Appliance) -> None:
    result = provision(modules, [{"username": "ada"}], purge=True, max_deletes="100%")
    assert not result["failed"], result["msg"]
    assert names(silent) == {f"ada@{DEFAULT_DOMAIN}", FOREIGN, SERVICE}
    assert result["left_alone"] == 2
    (told,) = [warning for warning in result["warnings"] if "purge" in warning]
    for part in (FOREIGN, SERVICE, "domain"):
        assert part in told


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    "row",
    [
        {"state": "absent"},
        {"active": False},
        {"external_id": "id-new"},
        {"external_id": "id-new", "recreate": True},
        {"given_name": "New"},
    ],
)
def test_a_name_alone_reaches_none_of_them(modules: Modules, silent: Appliance, row: Json, check: bool) -> None:
    before = silent.broker.users
    result = provision(modules, [{"username": SERVICE, **row}], check=check)
    assert result["failed"]
    for part in (SERVICE, "external_id", "id-service"):
        assert part in result["msg"]
    assert silent.broker.users == before
    assert silent.writes() == []


def test_an_external_id_alone_renames_none_of_them(modules: Modules, silent: Appliance) -> None:
    before = silent.broker.users
    for external_id in ("id-foreign", "id-service"):
        said = provision(modules, [{"username": "bob", "external_id": external_id, "rename": True}])["msg"]
        assert external_id in said
        assert "domain" in said
    assert silent.broker.users == before


def test_name_and_external_id_together_are_certain(modules: Modules, silent: Appliance) -> None:
    row = {"username": SERVICE, "external_id": "id-service"}
    updated = provision(modules, [{**row, "given_name": "Backup"}])
    assert not updated["failed"], updated["msg"]
    assert (updated["counts"]["update"], updated["left_alone"]) == (1, 1)
    assert provision(modules, [{**row, "state": "absent"}])["counts"]["delete"] == 1
    assert SERVICE not in names(silent)


def test_an_entry_of_the_domain_is_certain_beside_one_of_an_unknown_domain(modules: Modules, silent: Appliance) -> None:
    silent.add_user("ada", "id-of-another-ada", domain="")
    assert provision(modules, [{"username": "ada", "given_name": "New"}])["failed"]
    result = provision(modules, [{"username": "ada", "external_id": "id-of-ada", "given_name": "New"}])
    assert not result["failed"], result["msg"]
    (changed,) = [user for user in silent.broker.users if user["name"]["givenName"] == "New"]
    assert changed["userName"] == f"ada@{DEFAULT_DOMAIN}"


def life(modules: Modules, appliance: Appliance, options: Json) -> None:
    def step(operation: str, **user: Any) -> Json:
        result = provision(modules, [{"username": "muffin", **user}], **options)
        assert not result["failed"], result["msg"]
        (found,) = result["users"]
        assert found["operation"] == operation
        return result

    created = step("create", external_id="AbC", given_name="Muffin", groups=["Bakers"])
    assert created["users"][0]["unverified"] == ["domain"]
    assert members(appliance, "Bakers") == {"muffin"}
    step("none", external_id="AbC", groups=["Bakers"])
    step("update", external_id="AbC", family_name="Muffinson")
    assert [user["userName"] for user in appliance.broker.users] == [
        "muffin" if options.get("username_format") == "bare" else f"muffin@{DEFAULT_DOMAIN}"
    ]
    mirrored = provision(
        modules,
        [{"username": "muffin", "external_id": "AbC", "groups": ["Bakers"]}],
        mirror_groups=["Bakers"],
        **options,
    )
    assert (mirrored["failed"], mirrored["changed"]) == (False, False)
    step("delete", external_id="AbC", state="absent")
    step("none", external_id="AbC", state="absent")
    assert appliance.broker.users == []


@pytest.mark.parametrize("options", [{}, BARE], ids=["qualified", "bare"])
@pytest.mark.parametrize("token", [False, True], ids=["vCenter", "token"])
def test_a_server_that_returns_no_domains_can_be_managed(
    modules: Modules, appliance: Appliance, options: Json, token: bool
) -> None:
    appliance.switches.domain_returned = "none"
    add_group(appliance, "Bakers")
    given: Json = {}
    if token:
        given = {"token": appliance.mint(), "scim_url": appliance.scim_url, "hostname": None}
        given |= {"username": None, "password": None}
    life(modules, appliance, {**options, **given})


@pytest.mark.usefixtures("silent")
def test_a_waiting_user_is_not_bound_beside_an_entry_of_the_same_name(modules: Modules) -> None:
    for options in ({}, {"missing_external_id": "report"}):
        result = provision(modules, [{"username": SERVICE}], **options)
        assert result["failed"]
        assert not result.get("waiting")
