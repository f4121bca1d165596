# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""pocket_id_user_info against Pocket ID: who comes out, what is read whole, and each mistake a user can make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulator import Appliance, Fault, PocketId
from system.playbook import Json, Modules
from system.scenes import external_ids

MODULE = "pocket_id_user_info"


@pytest.fixture
def bakery(pocket_id: PocketId) -> PocketId:
    """Three people, two of them in the group that may use vCenter."""
    for name in ("muffin", "crumpet", "scone"):
        pocket_id.add_user(name, email=f"{name}@example.org", first_name=name.title(), last_name="Baker")
    pocket_id.add_group("vcenter-admins", friendly_name="vCenter Admins", members=["muffin", "crumpet"])
    return pocket_id


def names(result: Json) -> list[str]:
    return [user["username"] for user in result["users"]]


def test_everybody_comes_out_but_the_administrator_of_the_static_key(providing: Modules, bakery: PocketId) -> None:
    result = providing.well(MODULE)
    assert names(result) == ["crumpet", "muffin", "scone"]
    assert result["others"] == []
    muffin = next(user for user in bakery.users if user["username"] == "muffin")
    assert result["users"][1] == {
        "external_id": muffin["id"],
        "username": "muffin",
        "given_name": "Muffin",
        "family_name": "Baker",
        "display_name": "Muffin Baker",
        "email": "muffin@example.org",
        "active": True,
        "from_provider": True,
        "found_by_name": False,
        "groups": [],
    }
    assert bakery.writes() == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"username": ["Muffin"]}, ["muffin"]),
        ({"username": ["nobody"]}, []),
        ({"email": ["SCONE@example.org"]}, ["scone"]),
        ({"group": ["vcenter-admins"]}, ["crumpet", "muffin"]),
        ({"group": ["vCenter Admins"], "username": ["scone"]}, ["crumpet", "muffin", "scone"]),
    ],
)
@pytest.mark.usefixtures("bakery")
def test_who_is_asked_for(providing: Modules, asked: Json, found: list[str]) -> None:
    result = providing.well(MODULE, **asked)
    assert names(result) == found
    assert {other["username"] for other in result["others"]} == {"muffin", "crumpet", "scone"} - set(found)


def test_who_may_use_a_client(providing: Modules, bakery: PocketId) -> None:
    open_to_all = bakery.add_client("Wiki")["id"]
    restricted = bakery.add_client("vCenter", groups=["vcenter-admins"])["id"]
    assert names(providing.well(MODULE, client_id=open_to_all)) == ["crumpet", "muffin", "scone"]
    assert names(providing.well(MODULE, client_id=restricted)) == ["crumpet", "muffin"]
    assert names(providing.well(MODULE, client_id=restricted, username=["scone", "muffin"])) == ["muffin"]
    assert "no OIDC client 'none'" in providing.failed(MODULE, client_id="none")


def test_a_disabled_user_comes_out_inactive(providing: Modules, bakery: PocketId) -> None:
    bakery.change_user("muffin", disabled=True)
    assert [user["active"] for user in providing.well(MODULE, username=["muffin"])["users"]] == [False]


def test_the_subject_is_verified_by_the_preview(providing: Modules, bakery: PocketId) -> None:
    client = bakery.add_client("vCenter")["id"]
    assert names(providing.well(MODULE, client_id=client, verify_sub=True)) == ["crumpet", "muffin", "scone"]
    bakery.switches.sub_differs = "somebody-else"
    message = providing.failed(MODULE, client_id=client, verify_sub=True, username=["muffin"])
    assert "muffin" in message
    assert "somebody-else" in message
    assert "verify_sub needs it" in providing.failed(MODULE, verify_sub=True)


def test_more_users_than_a_page_holds(providing: Modules, bakery: PocketId) -> None:
    for number in range(230):
        bakery.add_user(f"guest{number:03}", email=f"guest{number}@example.org", groups=["vcenter-admins"])
    result = providing.well(MODULE, group=["vcenter-admins"])
    assert len(result["users"]) == 232
    assert len(result["groups"][0]["members"]) == 232
    assert [other["username"] for other in result["others"]] == ["scone"]


@pytest.mark.usefixtures("bakery")
def test_the_users_are_ready_for_scim_users(providing: Modules, appliance: Appliance) -> None:
    people = providing.well(MODULE, group=["vcenter-admins"])
    made = providing.well("scim_users", users=people["users"])
    assert made["counts"]["create"] == 2
    assert external_ids(appliance) == {user["username"]: user["external_id"] for user in people["users"]}
    assert appliance.login(sub=people["users"][0]["external_id"]).allowed
    assert providing.well("scim_users", users=people["users"])["changed"] is False


def test_a_group_that_is_not_whole_is_an_error(providing: Modules, bakery: PocketId) -> None:
    spoil: list[Callable[[], None]] = [
        lambda: setattr(bakery.switches, "user_count_off", 1),
        lambda: setattr(bakery.switches, "members_cut", 1),
    ]
    for each in spoil:
        each()
        message = providing.failed(MODULE, group=["vcenter-admins"])
        assert "do not add up" in message
        bakery.switches.user_count_off, bakery.switches.members_cut = 0, None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"api_key": "not-the-key-at-all"}, ("401", "api_key", "API Keys")),
        ({"api_key": ""}, ("api_key", "POCKET_ID_API_KEY")),
        ({"api_key": "two words"}, ("api_key", "white space")),
        ({"url": "http://localhost"}, ("url", "https")),
        ({"url": "localhost"}, ("url", "https")),
        ({"url": "https://localhost:1"}, ("refused", "Pocket ID")),
        ({"url": "https://no-such-host.invalid"}, ("does not resolve", "url")),
        ({"ca_path": None}, ("not trusted", "ca_path")),
        ({"group": ["nobody"]}, ("no group 'nobody'", "vcenter-admins")),
        ({"username": [7]}, ("username[0]", "Quote it")),
    ],
)
def test_mistakes(providing: Modules, bakery: PocketId, options: Json, told: tuple[str, ...]) -> None:
    message = providing.failed(MODULE, **options)
    for part in told:
        assert part in message
    assert "vCenter itself" not in message
    assert bakery.api_key not in message


def test_a_key_without_the_rights(providing: Modules, bakery: PocketId) -> None:
    message = providing.failed(MODULE, api_key=bakery.user_api_key)
    assert "403" in message
    assert "administrator" in message


def test_people_whom_items_may_mean(providing: Modules, bakery: PocketId) -> None:
    bakery.add_user("scone@lab.example.org", id="id-of-another", last_name="Baker")
    result = providing.well(MODULE, wanted_users=[{"username": "scone@lab.example.org"}, {"external_id": "none"}, {}])
    assert names(result) == ["scone", "scone@lab.example.org"]
    assert names(providing.well(MODULE, wanted_users=[{"username": "x", "external_id": "id-of-another"}])) == [
        "scone@lab.example.org"
    ]
    assert names(providing.well(MODULE, wanted_users=[])) == []


def test_whether_people_edit_their_names(providing: Modules, bakery: PocketId) -> None:
    found = providing.well(MODULE, username=["scone"], group=["vcenter-admins"])
    assert found["own_account_edit"] is True
    assert [user["found_by_name"] for user in found["users"]] == [False, False, True]
    bakery.switches.own_account_edit = False
    found = providing.well(MODULE, username=["scone"])
    assert (found["own_account_edit"], found["users"][0]["found_by_name"]) == (False, False)
    bakery.switches.faults = [Fault(match="GET /api/application-configuration", kind="html", times=100)]
    assert providing.well(MODULE, username=["scone"])["own_account_edit"] is True


@pytest.mark.parametrize("fault", [{"kind": "429", "retry_after": 0}, {"kind": "503"}, {"kind": "html"}])
def test_a_fault_that_passes(providing: Modules, bakery: PocketId, fault: dict[str, Any]) -> None:
    bakery.switches.faults = [Fault(match="GET /api/users", **fault)]
    assert len(providing.well(MODULE)["users"]) == 3


def test_before_there_was_a_scim_client(providing: Modules, bakery: PocketId) -> None:
    bakery.switches.scim_service_providers = False
    bakery.switches.error_form = "plain"
    assert providing.well(MODULE)["scim_pushes"] == []
    assert "HTTP 401" in providing.failed(MODULE, api_key="not-the-key-at-all")
