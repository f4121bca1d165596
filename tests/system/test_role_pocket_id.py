# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role with Pocket ID: a group from an empty broker to everybody's login, and where ExternalIds come from."""

from __future__ import annotations

import pytest
from simulator import PEOPLE, Appliance, PocketId
from system.playbook import NAMESPACE, Json, Playbooks, Run, pocket_id_settings
from system.scenes import external_ids, members

GROUP = "vcenter-admins"


@pytest.fixture
def bakery(pocket_id: PocketId) -> PocketId:
    for name, sub in PEOPLE.items():
        pocket_id.add_user(name, sub, f"{name}@example.org", first_name=name.title(), last_name="Baker")
    pocket_id.add_group(GROUP, members=["muffin", "crumpet"])
    return pocket_id


def role(
    playbooks: Playbooks, pocket_id: PocketId, *arguments: str, users: list[Json] | None = None, **settings: object
) -> Run:
    return playbooks.role(users or [], *arguments, **{**pocket_id_settings(pocket_id), **settings})


def test_a_whole_group(playbooks: Playbooks, bakery: PocketId, appliance: Appliance) -> None:
    """The story: everybody in at once, nothing to do the second time, and out with who left the group."""
    wanted: Json = {
        "from_pocket_id": {"groups": [GROUP]},
        "mirror_groups": [GROUP],
        "purge": True,
        "max_deletes": "1",
    }
    dry = role(playbooks, bakery, "--check", "--diff", **wanted).went_well()
    assert (appliance.writes(), appliance.mintings(), bakery.writes()) == ([], [], [])
    run = role(playbooks, bakery, "--diff", **wanted).went_well()
    (told,), (done,) = dry.of("scim_users"), run.of("scim_users")
    assert told.result["diff"] == done.result["diff"]
    assert run.own == ["pocket_id_user_info", "scim_users"]
    assert appliance.ssh_logins == 0
    assert members(appliance, GROUP) == {"muffin", "crumpet"}
    assert appliance.login("muffin").allowed
    assert appliance.login("crumpet").allowed
    assert not appliance.login("scone").allowed

    appliance.clear_requests()
    again = role(playbooks, bakery, **wanted).went_well()
    assert again.recap("localhost")["changed"] == 0
    assert (appliance.writes(), appliance.mintings()) == ([], [])

    bakery.leave(GROUP, "crumpet")
    role(playbooks, bakery, **wanted).went_well()
    assert external_ids(appliance) == {"muffin": PEOPLE["muffin"]}
    assert not appliance.login("crumpet").allowed


def test_pocket_id_first_and_then_the_log(playbooks: Playbooks, bakery: PocketId, appliance: Appliance) -> None:
    """Who is not in Pocket ID under this name waits, and is bound by the log; never to somebody whom Pocket ID knows."""
    appliance.login("scone")
    appliance.login(sub="of-another-provider")
    run = role(playbooks, bakery, users=[{"username": "muffin"}, {"username": "bagel"}]).went_well()
    assert run.own == ["pocket_id_user_info", "scim_users", "externalid_fact", "scim_users"]
    assert external_ids(appliance) == {"muffin": PEOPLE["muffin"], "bagel": "of-another-provider"}


def test_pocket_id_alone(playbooks: Playbooks, bakery: PocketId, appliance: Appliance) -> None:
    appliance.login("scone")
    run = role(playbooks, bakery, users=[{"username": "muffin"}, {"username": "bagel"}], external_id_source="pocket_id")
    assert "knows nobody of this name" in run.failure.message
    assert run.own == ["pocket_id_user_info", "scim_users"]
    assert external_ids(appliance) == {"muffin": PEOPLE["muffin"]}


@pytest.mark.parametrize(
    ("source", "ran"), [("vars", ["scim_users"]), ("log", ["scim_users", "externalid_fact", "scim_users"])]
)
def test_pocket_id_is_not_asked(
    playbooks: Playbooks, bakery: PocketId, appliance: Appliance, source: str, ran: list[str]
) -> None:
    appliance.login("muffin")
    run = role(playbooks, bakery, users=[{"username": "muffin"}], external_id_source=source)
    assert run.own == ran
    assert (run.code == 0) == (source == "log")
    assert bakery.requests == []


def test_the_log_is_compared(playbooks: Playbooks, bakery: PocketId, appliance: Appliance) -> None:
    """The broker was told to take another claim: whoever Pocket ID knows comes with an address."""
    appliance.login(sub="muffin@example.org")
    wanted: Json = {"from_pocket_id": {"groups": [GROUP]}, "cross_check": True}
    run = role(playbooks, bakery, **wanted)
    assert run.own == ["pocket_id_user_info", "externalid_fact", "scim_users"]
    assert "the broker saw is muffin@example.org" in run.failure.message
    assert appliance.broker.users == []
    appliance.log.reset()
    appliance.login("muffin")
    role(playbooks, bakery, **wanted).went_well()
    assert set(external_ids(appliance)) == {"muffin", "crumpet"}


def test_delete_asks_nobody(playbooks: Playbooks, bakery: PocketId, appliance: Appliance) -> None:
    role(playbooks, bakery, from_pocket_id={"groups": [GROUP]}).went_well()
    settings = {**pocket_id_settings(bakery), "from_pocket_id": {"groups": [GROUP]}}
    variables = {f"federated_users_{name}": value for name, value in settings.items()}
    variables = {**playbooks.variables, **variables, "delete_users": ["muffin"]}
    run = playbooks.run(f"{NAMESPACE}.delete", variables=variables).went_well()
    assert run.own == ["scim_users"]
    assert set(external_ids(appliance)) == {"crumpet"}


def test_a_name_that_people_edit_is_confirmed(playbooks: Playbooks, bakery: PocketId, appliance: Appliance) -> None:
    run = role(playbooks, bakery, users=[{"username": "scone"}], confirm=True)
    assert run.code != 0
    assert "Not confirmed" in run.failure.message
    assert appliance.broker.users == []
    role(playbooks, bakery, users=[], from_pocket_id={"groups": [GROUP]}, confirm=True).went_well()
    assert set(external_ids(appliance)) == {"muffin", "crumpet"}
    # Those who are in the broker already are not asked about.
    again = role(playbooks, bakery, users=[{"username": "muffin"}], confirm=True).went_well()
    assert again.recap("localhost")["changed"] == 0
