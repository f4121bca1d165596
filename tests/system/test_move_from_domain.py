# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries that an older script made in a foreign domain are moved, one by one; entries that are there twice go by id."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import Json, Modules
from system.scenes import Request, add, add_group, external_ids, journal, members, provision, settled, watched

FOREIGN = "corp.example"
BOB: Json = {"username": "bob", "external_id": "E-bob", "move_from_domain": FOREIGN}


@pytest.fixture(params=["bob", f"bob@{FOREIGN}", f"bob@{DEFAULT_DOMAIN}"])
def bob(request: pytest.FixtureRequest, appliance: Appliance) -> str:
    """An entry in the foreign domain, in each spelling that a script may have sent."""
    entry = appliance.add_user(
        request.param, "E-bob", domain=FOREIGN, given_name="Bob", family_name="Baker", email="bob@example.org"
    )
    add_group(appliance, "Bakers", entry["id"])
    return str(entry["id"])


def domains(appliance: Appliance) -> dict[str, Any]:
    return {
        user["externalId"]: user["urn:ietf:params:scim:schemas:extension:ws1b:2.0:User"]["domain"]
        for user in appliance.broker.users
    }


@pytest.mark.usefixtures("bob")
def test_an_entry_is_recreated_in_the_right_domain(modules: Modules, appliance: Appliance) -> None:
    checked = provision(modules, [BOB], check=True)
    assert checked["counts"]["recreate"] == 1
    assert appliance.writes() == []
    result = provision(modules, [BOB])
    assert not result["failed"], result["msg"]
    assert result["diff"] == checked["diff"]
    assert result["counts"]["recreate"] == 1
    assert domains(appliance) == {"E-bob": DEFAULT_DOMAIN}
    (user,) = appliance.broker.users
    assert (user["name"]["givenName"], user["emails"][0]["value"]) == ("Bob", "bob@example.org")
    assert members(appliance, "Bakers") == {"bob"}
    settled(modules, [BOB])


@pytest.mark.parametrize("external_id", ["E-other", "e-bob"])
@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.usefixtures("bob")
def test_another_external_id_is_not_taken(modules: Modules, appliance: Appliance, external_id: str, state: str) -> None:
    said = provision(modules, [{**BOB, "external_id": external_id, "state": state}])["msg"]
    for part in ("E-bob", external_id, "bob"):
        assert part in said
    assert appliance.writes() == []


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize("row", [{"username": "rob"}, {"move_from_domain": "elsewhere.example"}])
def test_another_name_or_domain_is_not_taken(modules: Modules, appliance: Appliance, row: Json) -> None:
    said = provision(modules, [{**BOB, **row}])["msg"]
    for part in ("E-bob", FOREIGN):
        assert part in said
    assert appliance.writes() == []


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize("row", [{}, {"rename": True}, {"recreate": True}, {"state": "absent"}])
def test_every_refusal_names_the_way(modules: Modules, appliance: Appliance, row: Json) -> None:
    plain = {"username": "bob", "external_id": "E-bob", **row}
    said = provision(modules, [plain])["msg"]
    assert f"move_from_domain: {FOREIGN}" in said
    assert appliance.writes() == []
    assert not provision(modules, [{**plain, "move_from_domain": FOREIGN}])["failed"]
    assert domains(appliance) == ({} if row.get("state") == "absent" else {"E-bob": DEFAULT_DOMAIN})


def test_a_task_in_the_foreign_domain_is_shown_the_way(modules: Modules) -> None:
    said = modules.failed("scim_user", username=f"bob@{FOREIGN}", external_id="E-bob")
    assert f"move_from_domain: {FOREIGN}" in said


def test_an_entry_of_the_right_domain_as_well_is_a_conflict(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "bob", "E-2")
    appliance.add_user("bob", "E-bob", domain=FOREIGN)
    said = provision(modules, [BOB])["msg"]
    assert "E-2" in said
    assert appliance.writes() == []


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"external_id": None}, "external_id"),
        ({"move_from_domain": DEFAULT_DOMAIN.upper()}, "move_from_domain"),
        ({"move_from_domain": "no domain"}, "move_from_domain"),
    ],
)
def test_what_a_move_needs(modules: Modules, appliance: Appliance, row: Json, says: str) -> None:
    said = modules.failed("scim_users", users=[{**BOB, **row}], domain=DEFAULT_DOMAIN)
    assert says in said
    assert appliance.requests == []


def test_a_whole_list_is_never_moved(modules: Modules) -> None:
    said = modules.failed("scim_users", users=[{"username": "bob"}], domain=DEFAULT_DOMAIN, move_from_domain=FOREIGN)
    assert "Unsupported parameters" in said


@pytest.mark.parametrize("moved", [True, False])
def test_a_broken_off_move_goes_on(modules: Modules, appliance: Appliance, bob: str, moved: bool) -> None:
    def broken(request: Request) -> int | None:
        return 403 if request.method == "POST" else None

    with watched(appliance, before=broken):
        assert provision(modules, [BOB])["failed"]
    assert external_ids(appliance) == {}
    assert len(journal(modules)) == 1
    row = BOB if moved else {"username": "bob"}
    result = provision(modules, [row])
    assert not result["failed"], result["msg"]
    assert domains(appliance) == {"E-bob": DEFAULT_DOMAIN}
    assert members(appliance, "Bakers") == {"bob"}
    assert bob
    settled(modules, [row])


# Entries that the broker has twice


@pytest.fixture
def twins(appliance: Appliance) -> tuple[str, str]:
    """One user name in two spellings."""
    right, wrong = add(appliance, "ada", "E-1"), appliance.add_user("ada", "E-2", domain=DEFAULT_DOMAIN)["id"]
    return right, str(wrong)


def remove(modules: Modules, **options: Any) -> Json:
    given = {"username": "ada", "domain": DEFAULT_DOMAIN, "state": "absent", **options}
    return modules.run("scim_user", **given)


def test_one_of_two_goes_by_its_id(modules: Modules, appliance: Appliance, twins: tuple[str, str]) -> None:
    right, wrong = twins
    said = remove(modules)["msg"]
    for part in ("side by side", right, wrong, "scim_user", "state: absent"):
        assert part in said
    for check in (True, False):
        assert remove(modules, id=wrong, check=check)["operation"] == "delete"
    assert [user["id"] for user in appliance.broker.users] == [right]
    assert remove(modules, id=wrong)["changed"] is False


@pytest.mark.parametrize("options", [{"username": "bea"}, {"domain": "other.example.org"}, {"external_id": "E-1"}])
def test_an_id_is_checked_against_the_name(
    modules: Modules, appliance: Appliance, twins: tuple[str, str], options: Json
) -> None:
    appliance.switches.providers = [{"domains": [DEFAULT_DOMAIN, "other.example.org"]}]  # type: ignore[list-item]
    assert remove(modules, id=twins[1], **options)["failed"]
    assert appliance.writes() == []


def test_an_id_is_for_absent_only(modules: Modules, appliance: Appliance, twins: tuple[str, str]) -> None:
    assert "state: absent" in remove(modules, id=twins[1], state="present")["msg"]
    assert appliance.requests == []


def test_an_id_does_not_reach_an_entry_of_an_unknown_domain(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.domain_returned = "none"
    entry = str(appliance.add_user("ada", "E-1", domain="")["id"])
    assert remove(modules, id=entry)["failed"]
    assert appliance.writes() == []
    assert remove(modules, id=entry, external_id="E-1")["operation"] == "delete"
