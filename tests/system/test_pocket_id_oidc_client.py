# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""pocket_id_oidc_client against Pocket ID: made, unchanged, changed, rotated, removed, and what goes wrong."""

from __future__ import annotations

import pytest
from simulator import Fault, PocketId
from system.playbook import Json, Modules

MODULE = "pocket_id_oidc_client"
CALLBACK = "https://vcsa.example.org/federation/t/CUSTOMER/auth/response/oauth2"
VCENTER = {"client_id": "vcenter", "vcenter": "vcsa.example.org"}


@pytest.fixture
def bakery(pocket_id: PocketId) -> PocketId:
    for name in ("muffin", "crumpet"):
        pocket_id.add_user(name, email=f"{name}@example.org", first_name=name.title(), last_name="Baker")
    pocket_id.add_group("vcenter-admins", friendly_name="vCenter Admins", members=["muffin"])
    pocket_id.add_group("everybody", members=["muffin", "crumpet"])
    return pocket_id


def client(bakery: PocketId) -> Json:
    (found,) = bakery.clients
    return found


@pytest.mark.parametrize("single_secret", [False, True])
def test_made_and_then_unchanged(providing: Modules, bakery: PocketId, single_secret: bool) -> None:
    bakery.switches.single_secret = single_secret
    groups = {"allowed_groups": ["vCenter Admins"]}
    checked = providing.well(MODULE, check=True, **VCENTER, **groups)
    assert bakery.writes() == []
    made = providing.well(MODULE, **VCENTER, **groups)
    assert checked["diff"] == made["diff"]
    assert checked["client"] == made["client"]
    assert (checked["secret"], checked["operation"]) == (None, "create")
    assert (made["operation"], made["changed"], made["rotated"]) == ("create", True, False)
    assert made["client"] == {
        "client_id": "vcenter",
        "name": "vCenter",
        "callback_urls": [CALLBACK],
        "is_public": False,
        "pkce_enabled": False,
        "group_restricted": True,
        "allowed_groups": ["vcenter-admins"],
    }
    assert bakery.accepts_secret("vcenter", made["secret"])
    assert bakery.sign_in("muffin", "vcenter")
    assert bakery.sign_in("crumpet", "vcenter") is None
    bakery.clear_requests()
    again = providing.well(MODULE, **VCENTER, **groups)
    assert (again["changed"], again["secret"], again["operation"]) == (False, None, "none")
    assert bakery.writes() == []


def test_what_is_not_named_stays(providing: Modules, bakery: PocketId) -> None:
    bakery.add_client(
        "vCenter", id="vcenter", callback_urls=["https://old.example.org/x"], groups=["everybody"], pkce_enabled=True
    )
    secret = bakery.add_client_secret("vcenter")
    before = client(bakery)
    changed = providing.well(MODULE, **VCENTER)
    assert changed["operation"] == "update"
    assert changed["secret"] is None
    assert changed["diff"]["before"]["callback_urls"] == ["https://old.example.org/x"]
    after = client(bakery)
    differing = {key for key in before if before[key] != after[key]}
    assert differing == {"callbackURLs", "pkceEnabled"}
    assert bakery.accepts_secret("vcenter", secret)
    assert providing.well(MODULE, **VCENTER)["changed"] is False


@pytest.mark.usefixtures("bakery")
def test_groups_change_alone(providing: Modules) -> None:
    providing.well(MODULE, **VCENTER)
    assert providing.well(MODULE, **VCENTER)["client"]["group_restricted"] is False
    for groups in (["everybody"], ["vcenter-admins", "everybody"], []):
        changed = providing.well(MODULE, **VCENTER, allowed_groups=groups)
        assert changed["operation"] == "update"
        assert changed["client"]["allowed_groups"] == sorted(groups)
        assert changed["client"]["group_restricted"] is bool(groups)
        assert providing.well(MODULE, **VCENTER, allowed_groups=groups)["changed"] is False


@pytest.mark.parametrize("single_secret", [False, True])
def test_a_secret_is_rotated_on_request(providing: Modules, bakery: PocketId, single_secret: bool) -> None:
    bakery.switches.single_secret = single_secret
    first = providing.well(MODULE, **VCENTER)["secret"]
    checked = providing.well(MODULE, check=True, **VCENTER, rotate_secret=True)
    assert (checked["changed"], checked["rotated"], checked["secret"]) == (True, True, None)
    rotated = providing.well(MODULE, **VCENTER, rotate_secret=True)
    assert rotated["diff"] == checked["diff"]
    assert first not in str(rotated)
    assert bakery.accepts_secret("vcenter", rotated["secret"])
    assert not bakery.accepts_secret("vcenter", first)


def test_removed(providing: Modules, bakery: PocketId) -> None:
    providing.well(MODULE, **VCENTER)
    assert providing.well(MODULE, check=True, client_id="vcenter", state="absent")["changed"] is True
    assert len(bakery.clients) == 1
    gone = providing.well(MODULE, client_id="vcenter", state="absent")
    assert (gone["changed"], gone["client"], bakery.clients) == (True, None, [])
    assert providing.well(MODULE, client_id="vcenter", state="absent")["changed"] is False


def test_found_by_its_name(providing: Modules, bakery: PocketId) -> None:
    made = providing.well(MODULE, vcenter="vcsa.example.org")
    assert made["client"]["client_id"] == client(bakery)["id"]
    assert providing.well(MODULE, vcenter="vcsa.example.org")["changed"] is False
    bakery.add_client("vCenter")
    assert "Give client_id" in providing.failed(MODULE, vcenter="vcsa.example.org")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"client_id": "vcenter"}, ("vcenter", "a new client needs it")),
        ({"vcenter": "https://vcsa.example.org/"}, ("vcenter", "host name")),
        ({"callback_urls": ["http://vcsa.example.org"]}, ("callback_urls", "https")),
        ({**VCENTER, "allowed_groups": ["nobody"]}, ("no group 'nobody'", "allowed_groups")),
        ({**VCENTER, "api_key": "not-the-key-at-all"}, ("401", "api_key")),
    ],
)
def test_mistakes(providing: Modules, bakery: PocketId, options: Json, told: tuple[str, ...]) -> None:
    message = providing.failed(MODULE, **options)
    for part in told:
        assert part in message
    assert bakery.writes() == []


def test_what_was_done_when_it_broke_is_told(providing: Modules, bakery: PocketId) -> None:
    bakery.switches.faults = [Fault(match="POST /secret", kind="503")]
    result = providing.run(MODULE, **VCENTER)
    assert (result["failed"], result["changed"]) == (True, True)
    assert "create a secret" in result["msg"]
    assert "Some of it was done" in result["msg"]
