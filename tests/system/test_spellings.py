# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One name in two Unicode spellings is one person."""

from __future__ import annotations

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import Json, Modules
from system.scenes import add, held, provision

COMPOSED, DECOMPOSED = "zo\u00eb", "zoe\u0308"


@pytest.fixture
def zoe(appliance: Appliance) -> str:
    return add(appliance, COMPOSED, "E-1")


@pytest.mark.usefixtures("zoe")
@pytest.mark.parametrize("name", [DECOMPOSED, DECOMPOSED.upper(), f"{DECOMPOSED}@{DEFAULT_DOMAIN}"])
def test_the_entry_is_found_in_the_other_spelling(modules: Modules, appliance: Appliance, name: str) -> None:
    row: Json = {"username": name, "external_id": "E-1"}
    same = provision(modules, [row], purge=True, max_deletes="100%")
    assert (same["failed"], same["changed"]) == (False, False)
    assert appliance.broker.users[0]["userName"] == f"{COMPOSED}@{DEFAULT_DOMAIN}"
    gone = provision(modules, [{"username": name, "state": "absent"}])
    assert gone["counts"]["delete"] == 1
    assert held(appliance) == {}


def test_an_existing_entry_keeps_its_spelling(modules: Modules, appliance: Appliance) -> None:
    add(appliance, DECOMPOSED, "E-1")
    changed = provision(modules, [{"username": COMPOSED, "external_id": "E-1", "given_name": "Zed", "rename": True}])
    assert changed["counts"]["update"] == 1
    assert held(appliance).keys() == {DECOMPOSED}


def test_a_new_entry_is_composed_and_its_external_id_is_sent_as_it_is(modules: Modules, appliance: Appliance) -> None:
    external_id = "e\u0308-1"
    created = provision(modules, [{"username": DECOMPOSED, "external_id": external_id}])
    assert not created["failed"], created["msg"]
    assert held(appliance).keys() == {COMPOSED}
    assert held(appliance)[COMPOSED]["externalId"] == external_id
    said = provision(modules, [{"username": COMPOSED, "external_id": "\u00eb-1"}])["msg"]
    assert "recreate: true" in said


def test_one_person_in_two_spellings_is_refused(modules: Modules, appliance: Appliance) -> None:
    rows = [{"username": name, "external_id": f"E-{number}"} for number, name in enumerate((COMPOSED, DECOMPOSED))]
    assert "positions 1 and 2" in provision(modules, rows)["msg"]
    assert appliance.writes() == []
