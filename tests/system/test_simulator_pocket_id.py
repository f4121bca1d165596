# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Pocket ID answers as the real one does, in its versions and with its faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from simulator import PEOPLE, Appliance, Fault, PocketId, PocketIdSwitches
from simulator.cli import main

STATIC_ID = "00000000-0000-0000-0000-000000000000"
MISSING = "11111111-1111-4111-8111-111111111111"


class Caller:
    def __init__(self, pocket_id: PocketId) -> None:
        self._url = pocket_id.base_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(pocket_id.ca_file)
        self.session.headers["X-API-Key"] = pocket_id.api_key

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self._url + path, timeout=10, **options)

    def json(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = self(method, path, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def page(self, path: str, number: int = 0, limit: int = 0, **query: Any) -> Any:
        return self.json("GET", path, params={"pagination[page]": number, "pagination[limit]": limit, **query})

    def refusal(self, status: int, method: str, path: str, **options: Any) -> Any:
        """The code of it."""
        return self.json(method, path, status, **options).get("code")


@pytest.fixture(scope="module")
def running() -> Iterator[PocketId]:
    with PocketId() as pocket_id:
        yield pocket_id


@pytest.fixture
def pocket_id(running: PocketId) -> PocketId:
    running.reset()
    return running


@pytest.fixture
def call(pocket_id: PocketId) -> Iterator[Caller]:
    caller = Caller(pocket_id)
    yield caller
    caller.session.close()


@pytest.fixture
def vcenter(pocket_id: PocketId) -> str:
    """A client for the members of one group, among whom is muffin and not crumpet. Its id."""
    for name in ("muffin", "crumpet"):
        pocket_id.add_user(name, PEOPLE[name], f"{name}@example.org", first_name=name.capitalize(), last_name="Baker")
    pocket_id.add_group("vcenter-admins", friendly_name="vCenter Admins", members=["muffin"])
    return str(pocket_id.add_client("vCenter", groups=["vcenter-admins"])["id"])


# Who may ask


def test_the_static_user_is_there_from_the_start_and_listed_like_any_other(pocket_id: PocketId, call: Caller) -> None:
    (user,) = call.page("/api/users")["data"]
    assert user["id"] == STATIC_ID
    assert user["username"].startswith("static-api-user-")
    assert user["isAdmin"] is True
    assert pocket_id.users == [user]


def test_the_static_user_comes_back_with_the_next_use_of_its_key(call: Caller) -> None:
    assert call("DELETE", f"/api/users/{STATIC_ID}").status_code == 204
    assert [user["id"] for user in call.page("/api/users")["data"]] == [STATIC_ID]


def test_without_a_good_key_nobody_is_signed_in(call: Caller) -> None:
    call.session.headers["X-API-Key"] = "wrong"
    assert call.refusal(401, "GET", "/api/users") == "not_signed_in"
    del call.session.headers["X-API-Key"]
    assert call.refusal(401, "GET", f"/api/user-groups/{MISSING}") == "not_signed_in"
    assert call("GET", "/healthz").status_code == 204


def test_who_is_no_administrator_sees_the_version_and_himself(pocket_id: PocketId, call: Caller) -> None:
    call.session.headers["X-API-Key"] = pocket_id.user_api_key
    assert call.refusal(403, "GET", "/api/users") == "forbidden"
    assert call.json("GET", "/api/version/current") == {"currentVersion": pocket_id.version}
    assert call.json("GET", "/api/users/me")["username"] == "ordinary"
    pocket_id.change_user("ordinary", disabled=True)
    assert call.refusal(403, "GET", "/api/version/current") == "user_disabled"


def test_a_fault_ends_the_key_of_the_request_until_the_reset(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.switches.faults = [Fault("GET /api/users", "expire_token")]
    assert [call("GET", "/api/users").status_code for _ in range(2)] == [401, 401]
    pocket_id.reset()
    assert call("GET", "/api/users").status_code == 200


# Lists


def test_a_page_has_20_and_at_most_100(pocket_id: PocketId, call: Caller) -> None:
    for number in range(120):
        pocket_id.add_user(f"user{number:03}")
    assert len(call.page("/api/users")["data"]) == 20
    hundred = call.page("/api/users", limit=1000)
    assert len(hundred["data"]) == 100
    assert hundred["pagination"] == {"totalPages": 2, "totalItems": 121, "currentPage": 1, "itemsPerPage": 100}


def test_a_page_beyond_the_last_is_the_last_one(pocket_id: PocketId, call: Caller) -> None:
    for number in range(24):
        pocket_id.add_user(f"user{number:03}")
    last = call.page("/api/users", number=3, limit=10)
    assert len(last["data"]) == 5
    assert call.page("/api/users", number=99, limit=10) == last
    assert call.page("/api/users", number=-1, limit=10)["pagination"]["currentPage"] == 1


def test_an_empty_list_has_one_page(call: Caller) -> None:
    assert call.page("/api/user-groups", number=7) == {
        "data": [],
        "pagination": {"totalPages": 1, "totalItems": 0, "currentPage": 1, "itemsPerPage": 20},
    }


def test_lists_are_sorted_and_filtered_by_some_columns_and_by_no_others(pocket_id: PocketId, call: Caller) -> None:
    for name, disabled in (("scone", False), ("Crumpet", True), ("muffin", False)):
        pocket_id.add_user(name, disabled=disabled)

    def names(**query: str) -> list[str]:
        return [user["username"] for user in call.page("/api/users", **query)["data"]][-3:]

    assert names() == ["scone", "Crumpet", "muffin"]
    assert names(**{"sort[column]": "username", "sort[direction]": "desc", "filters[isAdmin]": "false"}) == [
        "scone",
        "muffin",
        "Crumpet",
    ]
    assert names(**{"filters[disabled][0]": "true"}) == ["Crumpet"]
    # Neither does anything, and neither is refused.
    assert names(**{"filters[username]": "muffin", "sort[column]": "id"}) == ["scone", "Crumpet", "muffin"]


def test_a_search_looks_for_a_part_in_names_and_addresses(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.add_user("muffin", email="m@example.org", last_name="Baker")
    pocket_id.add_user("baker", email="b@example.org")

    def found(search: str) -> list[str]:
        return [user["username"] for user in call.page("/api/users", search=search)["data"]]

    assert found("BAKE") == ["muffin", "baker"]
    assert found("m@ex") == ["muffin"]
    assert found("m_ffin") == ["muffin"]
    assert found("(") == []


def test_thousands_of_users_are_listed_once_each(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.add_group("all")
    for number in range(2500):
        pocket_id.add_user(f"user{number}", groups=["all"])
    seen: list[str] = []
    pages = 1
    while len(seen) < 2501 and pages <= 26:
        page = call.page("/api/users", number=pages, limit=100, **{"sort[column]": "username"})
        seen += [user["id"] for user in page["data"]]
        pages += 1
    assert len(seen) == len(set(seen)) == 2501
    (group,) = call.page("/api/user-groups")["data"]
    assert group["userCount"] == len(call.json("GET", f"/api/user-groups/{group['id']}")["users"]) == 2500


# People


def test_a_user_keeps_the_id_that_is_sent_and_gets_one_otherwise(call: Caller) -> None:
    own = call.json("POST", "/api/users", 201, json={"username": "muffin", "id": PEOPLE["muffin"]})
    made = call.json("POST", "/api/users", 201, json={"username": "crumpet", "email": "c@example.org"})
    assert own["id"] == PEOPLE["muffin"]
    assert uuid.UUID(made["id"]).version == 4
    assert (own["email"], made["email"]) == (None, "c@example.org")


def test_a_put_empties_what_it_leaves_out(pocket_id: PocketId, call: Caller) -> None:
    user = pocket_id.add_user("muffin", email="m@example.org", first_name="Muffin", is_admin=True)
    changed = call.json("PUT", f"/api/users/{user['id']}", json={"username": "Muffin", "disabled": True})
    assert changed["id"] == user["id"]
    assert (changed["username"], changed["email"], changed["firstName"]) == ("Muffin", None, "")
    assert (changed["isAdmin"], changed["disabled"]) == (False, True)
    assert call.json("GET", f"/api/users/{user['id']}")["userGroups"] == []


def test_names_and_addresses_are_taken_once(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.add_user("muffin", email="m@example.org")
    other = pocket_id.add_user("crumpet")
    taken = call("POST", "/api/users", json={"username": "MUFFIN"})
    assert (taken.status_code, taken.json()["details"]) == (409, {"property": "username"})
    assert call.refusal(409, "POST", "/api/users", json={"username": "a", "email": "m@example.org"}) == "already_in_use"
    assert call.refusal(409, "PUT", f"/api/users/{other['id']}", json={"username": "muffin"}) == "already_in_use"
    # Nothing that it looks for is taken, and it has no word for the id.
    assert call.refusal(500, "POST", "/api/users", json={"username": "a", "id": other["id"]}) == "internal_error"
    assert [user["username"] for user in pocket_id.users][1:] == ["muffin", "crumpet"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "username", "required"),
        ({"username": "-muffin"}, "username", "invalid_format"),
        ({"username": "m" * 51}, "username", "too_long"),
        ({"username": "muffin", "email": ""}, "email", "invalid_format"),
        ({"username": "muffin", "id": "1"}, "id", "uuid"),
        ({"username": "muffin", "firstName": "M" * 51}, "firstName", "too_long"),
    ],
)
def test_a_wrong_user_is_refused_with_the_field(call: Caller, body: dict[str, str], field: str, code: str) -> None:
    refusal = call.json("POST", "/api/users", 400, json=body)
    assert refusal["code"] == "validation_failed"
    assert [(item["field"], item["code"]) for item in refusal["details"]["fields"]] == [(field, code)]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"username": 1}', b'{"username": "m", "disabled": "yes"}'])
def test_what_is_no_body_is_refused(call: Caller, data: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert call.refusal(400, "POST", "/api/users", data=data, headers=headers) == "invalid_request_body"
    assert call.refusal(400, "POST", "/api/users", data=b'{"username": "m"}') == "invalid_request_body"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"/api/users/{MISSING}", "user_not_found"),
        ("DELETE", f"/api/users/{MISSING}", "user_not_found"),
        ("GET", f"/api/users/{MISSING}/groups", "user_not_found"),
        ("GET", f"/api/user-groups/{MISSING}", "not_found"),
        ("GET", "/api/oidc/clients/nobody", "not_found"),
        ("DELETE", "/api/oidc/clients/nobody", "not_found"),
        ("GET", "/api/oidc/clients/nobody/secrets", "not_found"),
        ("GET", "/api/oidc/clients/nobody/scim-service-provider", "not_found"),
        ("DELETE", f"/api/scim/service-provider/{MISSING}", "not_found"),
        ("GET", "/api/nothing", None),
    ],
)
def test_what_is_not_there_is_404(call: Caller, method: str, path: str, code: str | None) -> None:
    assert call.refusal(404, method, path) == code


def test_beside_the_api_there_is_a_page_whatever_is_asked_for(call: Caller) -> None:
    answer = call("GET", "/pocket-id/api/users")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


# Groups


def test_the_list_of_groups_counts_members_and_the_group_names_them(vcenter: str, call: Caller) -> None:
    (listed,) = call.page("/api/user-groups")["data"]
    assert (listed["name"], listed["friendlyName"], listed["userCount"]) == ("vcenter-admins", "vCenter Admins", 1)
    assert "users" not in listed
    group = call.json("GET", f"/api/user-groups/{listed['id']}")
    (member,) = group["users"]
    assert member["id"] == PEOPLE["muffin"]
    # Of its members it looks up neither.
    assert (member["userGroups"], member["customClaims"]) == (None, None)
    assert [client["id"] for client in group["allowedOidcClients"]] == [vcenter]
    (of_user,) = call.json("GET", f"/api/users/{PEOPLE['muffin']}/groups")
    assert (of_user["id"], of_user["users"]) == (group["id"], None)
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
    statuses = [call("POST", path).status_code for _ in range(21)]
    assert statuses == [201] * 20 + [400]
    public = pocket_id.add_client("public", is_public=True)["id"]
    assert call.refusal(400, "POST", f"/api/oidc/clients/{public}/secrets") == "validation_failed"
    for wrong in ({"secret": "short"}, {"expiresAt": "2020-01-01T00:00:00Z"}):
        assert call.refusal(400, "POST", path, json=wrong) == "validation_failed"


def test_before_2_14_the_one_secret_is_replaced(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    path = f"/api/oidc/clients/{vcenter}/secret"
    assert call("POST", path).status_code == 404
    pocket_id.switches.single_secret = True
    first, second = (call.json("POST", path)["secret"] for _ in range(2))
    assert [pocket_id.accepts_secret(vcenter, secret) for secret in (first, second)] == [False, True]
    assert call("GET", f"{path}s").status_code == call("POST", f"{path}s").status_code == 404
    assert "secrets" not in call.json("GET", f"/api/oidc/clients/{vcenter}")["credentials"]


def test_the_preview_tells_what_the_client_will_see(vcenter: str, pocket_id: PocketId, call: Caller) -> None:
    path = f"/api/oidc/clients/{vcenter}/preview"
    scopes = {"scopes": "openid profile email groups"}
    shown = call.json("GET", f"{path}/{PEOPLE['muffin']}", params=scopes)
    assert {part["sub"] for part in shown.values()} == {PEOPLE["muffin"]}
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
    assert {"the first token", "the second token"} <= set(pocket_id.all_secrets())
    unknown = {**body, "oidcClientId": "nobody"}
    assert call.refusal(404, "POST", "/api/scim/service-provider", json=unknown) == "not_found"
    assert call.refusal(400, "PUT", path, json={**body, "endpoint": "nowhere"}) == "validation_failed"
    pocket_id.switches.scim_service_providers = False
    assert call.refusal(404, "GET", of_client) is None
    pocket_id.switches.scim_service_providers = True
    assert call("DELETE", path).status_code == 204
    assert pocket_id.scim_service_providers == []


# Errors and faults


def test_errors_have_a_code_since_2_14(pocket_id: PocketId, call: Caller) -> None:
    answer = call("GET", f"/api/user-groups/{MISSING}")
    body = answer.json()
    assert set(body) == {"error", "code", "details", "request_id"}
    assert answer.headers["X-Request-ID"] == body["request_id"]
    pocket_id.switches.error_form = "plain"
    assert set(call.json("GET", f"/api/user-groups/{MISSING}", 404)) == {"error"}


def test_too_many_requests_are_told_when_to_come_again(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.switches.faults = [Fault("GET /api/users", "429", retry_after=2), Fault("GET /api/users", "503")]
    answer = call("GET", "/api/users")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (429, "2", "rate_limited")
    assert [call("GET", "/api/users").status_code for _ in range(2)] == [200, 200]
    assert [seen.status for seen in pocket_id.requests] == [429, 200, 200]


def test_answers_can_be_spoiled(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.switches.faults = [Fault("POST /api/users", "reset_after"), Fault("GET /api/users", "html")]
    with pytest.raises(requests.ConnectionError):
        call("POST", "/api/users", json={"username": "muffin"})
    assert [user["username"] for user in pocket_id.users][1:] == ["muffin"]
    assert call("GET", "/api/users").headers["Content-Type"] == "text/html"
    assert [(seen.method, seen.status) for seen in pocket_id.writes()] == [("POST", 0)]


@pytest.mark.usefixtures("vcenter")
def test_a_reset_leaves_the_static_user_and_the_key(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.switches.user_count_off = 1
    pocket_id.reset()
    assert (pocket_id.groups, pocket_id.clients, pocket_id.requests) == ([], [], [])
    assert [user["id"] for user in call.page("/api/users")["data"]] == [STATIC_ID]
    assert pocket_id.switches == PocketIdSwitches()
    assert pocket_id.api_key in pocket_id.all_secrets()


def test_many_at_once_do_not_get_in_each_others_way(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.add_group("all")

    def make(number: int) -> int:
        return call("POST", "/api/users", json={"username": f"user{number % 20}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(make, range(40)))
    assert sorted(statuses) == [201] * 20 + [409] * 20
    assert len(pocket_id.users) == 21


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
