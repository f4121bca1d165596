# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups and clients of the simulated Pocket ID, and the way from there to vCenter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import requests
from simulator import PEOPLE, Appliance, PocketId, PocketIdSwitches
from simulator.cli import main
from simulator.pocket_id.client import Caller

MISSING = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def vcenter(pocket_id: PocketId) -> str:
    """A client for the members of one group, among whom is muffin and not crumpet. Its id."""
    for name in ("muffin", "crumpet"):
        pocket_id.add_user(name, PEOPLE[name], f"{name}@example.org", first_name=name.capitalize(), last_name="Baker")
    pocket_id.add_group("vcenter-admins", friendly_name="vCenter Admins", members=["muffin"])
    return str(pocket_id.add_client("vCenter", groups=["vcenter-admins"])["id"])


# Groups


def test_the_list_of_groups_counts_members_and_the_group_names_them(vcenter: str, call: Caller) -> None:
    (listed,) = call.page("/api/user-groups")["data"]
    assert (listed["name"], listed["friendlyName"], listed["userCount"]) == ("vcenter-admins", "vCenter Admins", 1)
    assert "users" not in listed
    group = call.json("GET", f"/api/user-groups/{listed['id']}")
    (member,) = group["users"]
    assert member["id"] == PEOPLE["muffin"]
    # Of its members it looks up neither.
    assert (member["userGroups"], member["customClaims"]) == ([], [])
    assert [client["id"] for client in group["allowedOidcClients"]] == [vcenter]
    (of_user,) = call.json("GET", f"/api/users/{PEOPLE['muffin']}/groups")
    assert (of_user["id"], of_user["users"]) == (group["id"], [])
    assert call.json("GET", f"/api/users/{PEOPLE['muffin']}")["userGroups"][0]["userCount"] == 0


def test_members_are_replaced_and_unknown_ones_passed_over(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    path = f"/api/user-groups/{pocket_id.groups[0]['id']}/users"
    changed = call.json("PUT", path, json={"userIds": [PEOPLE["crumpet"], MISSING]})
    assert [user["username"] for user in changed["users"]] == ["crumpet"]
    assert pocket_id.sign_in("muffin", vcenter) is None
    assert call.json("PUT", path, json={"userIds": []})["users"] == []
    assert call.refusal(400, "PUT", path, json={}) == "validation_failed"


def test_groups_are_made_changed_and_removed(pocket_id: PocketId, call: Caller) -> None:
    group = call.json("POST", "/api/user-groups", 201, json={"name": "bakers", "friendlyName": "Bakers"})
    pocket_id.add_user("muffin", groups=["bakers"])
    path = f"/api/user-groups/{group['id']}"
    body = {"name": "bakers", "friendlyName": "x"}
    assert call.refusal(409, "POST", "/api/user-groups", json={**body, "friendlyName": "Two"}) == "already_in_use"
    assert call.refusal(400, "PUT", path, json=body) == "validation_failed"
    assert call.json("PUT", path, json={"name": "cooks", "friendlyName": "Cooks"})["users"][0]["username"] == "muffin"
    pocket_id.join("cooks", "muffin")
    assert call("DELETE", path).status_code == 204
    assert pocket_id.users[-1]["userGroups"] == []


@pytest.mark.usefixtures("vcenter")
def test_whoever_is_removed_leaves_the_groups(pocket_id: PocketId, call: Caller) -> None:
    assert call("DELETE", f"/api/users/{PEOPLE['muffin']}").status_code == 204
    assert pocket_id.groups[0]["users"] == []
    assert pocket_id.sign_in("muffin") is None


@pytest.mark.usefixtures("vcenter")
def test_members_can_be_lied_about(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.join("vcenter-admins", "crumpet")
    pocket_id.switches = PocketIdSwitches(user_count_off=3, members_cut=1)
    (listed,) = call.page("/api/user-groups")["data"]
    assert listed["userCount"] == 5
    assert len(call.json("GET", f"/api/user-groups/{listed['id']}")["users"]) == 1
    assert len(pocket_id.groups[0]["users"]) == 2


# Clients


def test_a_client_is_made_with_defaults_and_its_id_is_taken_once(call: Caller) -> None:
    body = {"name": "vCenter", "id": "vcenter", "callbackURLs": ["https://vcenter.example.org/callback"]}
    made = call.json("POST", "/api/oidc/clients", 201, json=body)
    assert made["id"] == "vcenter"
    assert (made["isPublic"], made["isGroupRestricted"], made["accessTokenDurationMinutes"]) == (False, False, 60)
    assert call.refusal(409, "POST", "/api/oidc/clients", json=body) == "client_id_already_exists"
    wrong = {"name": "x", "callbackURLs": ["javascript:alert(1)"]}
    refusal = call.json("POST", "/api/oidc/clients", 400, json=wrong)
    assert refusal["details"]["fields"][0]["field"] == "callbackURLs[0]"
    (listed,) = call.page("/api/oidc/clients")["data"]
    assert (listed["id"], listed["allowedUserGroupsCount"]) == ("vcenter", 0)
    assert "allowedUserGroups" not in listed


def test_groups_let_in_nobody_but_their_members(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    assert [pocket_id.sign_in(name, vcenter) for name in ("muffin", "crumpet")] == [PEOPLE["muffin"], None]
    path = f"/api/oidc/clients/{vcenter}"
    call.json("PUT", f"{path}/allowed-user-groups", json={"userGroupIds": []})
    assert pocket_id.sign_in("muffin", vcenter) is None
    changed = call.json("PUT", path, json={"name": "vCenter", "isGroupRestricted": False})
    assert changed["allowedUserGroups"] == []
    assert pocket_id.sign_in("crumpet", vcenter) == PEOPLE["crumpet"]


def test_lifting_the_restriction_forgets_the_groups(vcenter: str, call: Caller) -> None:
    path = f"/api/oidc/clients/{vcenter}"
    assert len(call.json("GET", path)["allowedUserGroups"]) == 1
    call.json("PUT", path, json={"name": "vCenter"})
    changed = call.json("PUT", path, json={"name": "vCenter", "isGroupRestricted": True})
    assert changed["allowedUserGroups"] == []


def test_a_secret_is_told_once(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    path = f"/api/oidc/clients/{vcenter}/secrets"
    first = call.json("POST", path, 201)
    second = call.json("POST", path, 201, json={"secret": "long enough for this"})
    assert second["secret"] == "long enough for this"
    listed = call("GET", path)
    assert [item["prefix"] for item in listed.json()] == [first["secret"][:4], "long"]
    everything = listed.text + call("GET", f"/api/oidc/clients/{vcenter}").text
    assert first["secret"] not in everything
    assert second["secret"] not in everything
    assert {first["secret"], second["secret"]} <= set(pocket_id.all_secrets())
    assert pocket_id.accepts_secret(vcenter, first["secret"])
    assert call("DELETE", f"{path}/{first['id']}").status_code == 204
    assert not pocket_id.accepts_secret(vcenter, first["secret"])
    assert call.refusal(404, "DELETE", f"{path}/{first['id']}") == "not_found"


def test_a_client_has_20_secrets_and_a_public_one_none(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    path = f"/api/oidc/clients/{vcenter}/secrets"
    statuses = [call("POST", path).status_code for _time in range(21)]
    assert statuses == [201] * 20 + [400]
    public = pocket_id.add_client("public", is_public=True)["id"]
    assert call.refusal(400, "POST", f"/api/oidc/clients/{public}/secrets") == "validation_failed"
    for wrong in ({"secret": "short"}, {"expiresAt": "2020-01-01T00:00:00Z"}):
        assert call.refusal(400, "POST", path, json=wrong) == "validation_failed"


def test_before_2_14_the_one_secret_is_replaced(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    path = f"/api/oidc/clients/{vcenter}/secret"
    assert call("POST", path).status_code == 404
    pocket_id.switches.single_secret = True
    first, second = (call.json("POST", path)["secret"] for _time in range(2))
    assert [pocket_id.accepts_secret(vcenter, secret) for secret in (first, second)] == [False, True]
    assert call("GET", f"{path}s").status_code == call("POST", f"{path}s").status_code == 404
    assert "secrets" not in call.json("GET", f"/api/oidc/clients/{vcenter}")["credentials"]


def test_the_preview_tells_what_the_client_will_see(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    path = f"/api/oidc/clients/{vcenter}/preview"
    scopes = {"scopes": "openid profile email groups"}
    shown = call.json("GET", f"{path}/{PEOPLE['muffin']}", params=scopes)
    assert {part["sub"] for part in shown.values()} == {PEOPLE["muffin"]}
    # Times as text (RFC 3339), and no auth_time: nobody has signed in.
    issued, expires = (datetime.fromisoformat(shown["idToken"][name]) for name in ("iat", "exp"))
    assert issued < expires
    assert "auth_time" not in shown["idToken"]
    assert shown["userInfo"]["preferred_username"] == "muffin"
    assert shown["userInfo"]["groups"] == ["vcenter-admins"]
    assert set(call.json("GET", f"{path}/{PEOPLE['muffin']}", params={"scopes": "openid"})["userInfo"]) == {"sub"}
    assert call.refusal(400, "GET", f"{path}/{PEOPLE['muffin']}") == "validation_failed"
    assert call.refusal(403, "GET", f"{path}/{PEOPLE['crumpet']}", params=scopes) == "oidc_access_denied"
    assert call.refusal(404, "GET", f"{path}/{MISSING}", params=scopes) == "user_not_found"
    pocket_id.switches.sub_differs = "another"
    assert call.json("GET", f"{path}/{PEOPLE['muffin']}", params=scopes)["idToken"]["sub"] == "another"
    assert pocket_id.sign_in("muffin", vcenter) == "another"


def test_scim_is_told_where_to_go(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    of_client = f"/api/oidc/clients/{vcenter}/scim-service-provider"
    body = {"endpoint": "https://vcenter.example.org/scim", "token": "the first token", "oidcClientId": vcenter}
    made = call.json("POST", "/api/scim/service-provider", 201, json=body)
    assert call.json("GET", of_client) == made
    assert (made["token"], made["oidcClient"]["id"]) == ("the first token", "")
    path = f"/api/scim/service-provider/{made['id']}"
    assert call.json("PUT", path, json={**body, "token": "the second token"})["token"] == "the second token"
    left_out = {name: value for name, value in body.items() if name != "token"}
    assert call.json("PUT", path, json=left_out)["token"] == ""
    assert {"the first token", "the second token"} <= set(pocket_id.all_secrets())
    unknown = {**body, "oidcClientId": "nobody"}
    assert call.refusal(404, "POST", "/api/scim/service-provider", json=unknown) == "not_found"
    assert call.refusal(400, "PUT", path, json={**body, "endpoint": "nowhere"}) == "validation_failed"
    pocket_id.switches.scim_service_providers = False
    assert call.refusal(404, "GET", of_client) is None
    pocket_id.switches.scim_service_providers = True
    assert call("DELETE", path).status_code == 204
    assert pocket_id.scim_service_providers == []


# On to vCenter


def test_a_person_comes_to_vcenter_from_pocket_id(vcenter: str, pocket_id: PocketId, appliance: Appliance) -> None:
    appliance.add_user("muffin", PEOPLE["muffin"])
    login = appliance.sign_in("muffin", at=pocket_id, client_id=vcenter)
    assert login is not None
    assert (login.allowed, login.external_id) == (True, PEOPLE["muffin"])
    pocket_id.join("vcenter-admins", "crumpet")
    login = appliance.sign_in("crumpet", at=pocket_id, client_id=vcenter)
    assert login is not None
    assert (login.allowed, login.reason) == (False, "USER_NOT_FOUND")
    assert PEOPLE["crumpet"] in appliance.log_path.read_text()


def test_whom_pocket_id_refuses_vcenter_never_sees(vcenter: str, pocket_id: PocketId, appliance: Appliance) -> None:
    before = appliance.log_path.read_text()
    assert appliance.sign_in("nobody", at=pocket_id) is None
    assert appliance.sign_in("crumpet", at=pocket_id, client_id=vcenter) is None
    pocket_id.change_user("muffin", disabled=True)
    assert appliance.sign_in("muffin", at=pocket_id) is None
    assert appliance.log_path.read_text() == before


def test_who_is_made_again_has_another_id(vcenter: str, pocket_id: PocketId, appliance: Appliance) -> None:
    appliance.add_user("muffin", PEOPLE["muffin"])
    pocket_id.remove_user("muffin")
    pocket_id.add_user("muffin", groups=["vcenter-admins"])
    login = appliance.sign_in("muffin", at=pocket_id, client_id=vcenter)
    assert login is not None
    assert not login.allowed
    assert login.external_id != PEOPLE["muffin"]


def test_the_command_line_goes_by_way_of_pocket_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["--state", str(tmp_path)]

    def said(*arguments: str) -> str:
        assert main([*arguments, *state]) == 0
        return capsys.readouterr().out

    def simulator(*arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-m", "simulator", *arguments, *state]
        subprocess.run(command, env=environment, capture_output=True, timeout=40, check=True)

    assert main(["sign-in", "muffin", *state]) == 2
    simulator("start", "--detach", "--no-ssh")
    try:
        assert (tmp_path / "pocket-id" / "pocket-id.json").stat().st_mode & 0o077 == 0
        variables = json.loads((tmp_path / "vars.yml").read_text().removeprefix("---\n"))
        assert said("sign-in", "muffin") == "denied (USER_NOT_FOUND)\n"
        assert said("sign-in", "nobody").startswith("refused by Pocket ID")
        headers = {"X-API-Key": variables["pocket_id_api_key"]}
        url, verify = variables["pocket_id_url"], variables["pocket_id_ca_path"]

        def members() -> list[int]:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(f"{url}/api/user-groups", headers=headers, verify=verify, timeout=10)
            return [group["userCount"] for group in answer.json()["data"]]

        said("pocket-id", "leave", "vcenter-admins", "muffin")
        assert members() == [0]
        said("pocket-id", "join", "vcenter-admins", "crumpet")
        assert members() == [1]
        assert main(["pocket-id", "join", "nothing", "muffin", *state]) == 2
    finally:
        simulator("stop")
    assert not (tmp_path / "pocket-id" / "pocket-id.json").exists()
