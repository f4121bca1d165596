# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pocket ID's own SCIM push to the broker, as a real Pocket ID was seen to do it; and how ours gets on beside it."""

from __future__ import annotations

import pytest
from simulator import Appliance, PocketId
from system.playbook import Modules


@pytest.fixture
def client_id(pocket_id: PocketId, appliance: Appliance) -> str:
    """The OIDC client of vCenter, for one group, with the broker as its SCIM service provider."""
    pocket_id.add_user("muffin", "id-of-muffin", "muffin@example.org", first_name="Muffin", last_name="Muffinson")
    pocket_id.add_user("outsider", "id-of-outsider", "outsider@example.org", first_name="Out", last_name="Sider")
    pocket_id.add_group("vcenter-admins", "vCenter Admins", ["muffin"], id="id-of-the-group")
    key = str(pocket_id.add_client("vCenter", groups=["vcenter-admins"])["id"])
    pocket_id.add_scim_service_provider(key, appliance.scim_url, appliance.mint())
    return key


def pushed(pocket_id: PocketId, appliance: Appliance, client_id: str) -> list[str]:
    appliance.clear_requests()
    return pocket_id.push(client_id, appliance.ca_file)


def names(appliance: Appliance) -> dict[str, str]:
    return {user["userName"]: user["externalId"] for user in appliance.broker.users}


def test_a_sync_creates_users_and_groups_and_ends_with_an_error(
    pocket_id: PocketId, appliance: Appliance, client_id: str
) -> None:
    (error,) = pushed(pocket_id, appliance, client_id)
    everybody = next(group.id for group in appliance.broker.groups.all() if group.builtin)
    assert error == f"DELETE Groups/{everybody}: 409"
    assert names(appliance) == {"muffin": "id-of-muffin"}
    (group,) = [each for each in appliance.broker.groups.all() if not each.builtin]
    (muffin,) = appliance.broker.users
    assert (group.name, group.external_id, list(group.members)) == (
        "vCenter Admins",
        "id-of-the-group",
        [muffin["id"]],
    )
    assert {seen.method for seen in appliance.requests} == {"GET", "POST", "DELETE"}
    assert all("count=1000" in seen.query for seen in appliance.requests if seen.method == "GET")
    (provider,) = pocket_id.scim_service_providers
    assert provider["lastSyncedAt"] is None


def test_a_client_for_everybody_pushes_the_static_user_too(pocket_id: PocketId, appliance: Appliance) -> None:
    pocket_id.add_user("muffin", "id-of-muffin")
    key = str(pocket_id.add_client("vCenter")["id"])
    pocket_id.add_scim_service_provider(key, appliance.scim_url, appliance.mint())
    pushed(pocket_id, appliance, key)
    assert any(name.startswith("static-api-user-") for name in names(appliance))


def test_only_what_changed_since_is_updated(pocket_id: PocketId, appliance: Appliance, client_id: str) -> None:
    pushed(pocket_id, appliance, client_id)
    pocket_id.directory.users["id-of-muffin"].updated_at = pocket_id.directory.users["id-of-muffin"].created_at.replace(
        year=2020
    )
    pushed(pocket_id, appliance, client_id)
    assert not [seen for seen in appliance.writes() if seen.method == "PUT" and "/Users/" in seen.path]
    pocket_id.change_user("muffin", last_name="Baker")
    pushed(pocket_id, appliance, client_id)
    assert appliance.broker.users[0]["name"]["familyName"] == "Baker"


def test_what_it_does_not_know_is_deleted(pocket_id: PocketId, appliance: Appliance, client_id: str) -> None:
    appliance.add_user("scone", "id-of-scone")
    pocket_id.leave("vcenter-admins", "muffin")
    pushed(pocket_id, appliance, client_id)
    assert names(appliance) == {}


def test_a_sync_without_a_token_does_nothing(pocket_id: PocketId, appliance: Appliance, client_id: str) -> None:
    """A PUT of the provider without a token empties it."""
    pocket_id.directory.provider_of(client_id).token = ""
    assert pushed(pocket_id, appliance, client_id) == ["GET Users: 401", "GET Groups: 401"]
    assert names(appliance) == {}


def test_ours_refuses_to_work_beside_it_before_anything_is_minted(
    providing: Modules, pocket_id: PocketId, appliance: Appliance, client_id: str
) -> None:
    pushed(pocket_id, appliance, client_id)
    people = providing.well("pocket_id_user_info", group=["vcenter-admins"])
    appliance.clear_requests()
    options = {"users": [], "domain": "lab.example.org", "provider_users": people["handover"]}
    assert "Pocket ID itself pushes the users of its OIDC client vCenter" in providing.failed("scim_users", **options)
    assert (appliance.writes(), appliance.mintings()) == ([], [])
