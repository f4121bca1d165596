# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Pocket ID answers as the real one does: who may ask, lists, people, errors and faults."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from simulator import PEOPLE, Fault, PocketId, PocketIdSwitches
from simulator.pocket_id.client import Caller

STATIC_ID = "00000000-0000-0000-0000-000000000000"
MISSING = "11111111-1111-4111-8111-111111111111"


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
    assert [call("GET", "/api/users").status_code for _time in range(2)] == [401, 401]
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


def test_a_user_without_an_email_address_is_refused_unless_that_is_allowed(pocket_id: PocketId, call: Caller) -> None:
    user = pocket_id.add_user("scone", email="s@example.org")
    settings = {item["key"]: item["value"] for item in call.json("GET", "/api/application-configuration")}
    assert settings["requireUserEmail"] == "true"
    assert call.refusal(400, "POST", "/api/users", json={"username": "muffin"}) == "user_email_not_set"
    assert call.refusal(400, "PUT", f"/api/users/{user['id']}", json={"username": "scone"}) == "user_email_not_set"
    assert [seen["email"] for seen in call.page("/api/users")["data"] if seen["id"] == user["id"]] == ["s@example.org"]
    pocket_id.switches.require_user_email = False
    call.json("POST", "/api/users", 201, json={"username": "muffin"})


def test_a_user_keeps_the_id_that_is_sent_and_gets_one_otherwise(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.switches.require_user_email = False
    own = call.json("POST", "/api/users", 201, json={"username": "muffin", "id": PEOPLE["muffin"]})
    made = call.json("POST", "/api/users", 201, json={"username": "crumpet", "email": "c@example.org"})
    assert own["id"] == PEOPLE["muffin"]
    assert uuid.UUID(made["id"]).version == 4
    assert (own["email"], made["email"]) == (None, "c@example.org")


def test_a_put_empties_what_it_leaves_out(pocket_id: PocketId, call: Caller) -> None:
    user = pocket_id.add_user("muffin", email="m@example.org", first_name="Muffin", is_admin=True)
    pocket_id.switches.require_user_email = False
    changed = call.json("PUT", f"/api/users/{user['id']}", json={"username": "Muffin", "disabled": True})
    assert changed["id"] == user["id"]
    assert (changed["username"], changed["email"], changed["firstName"]) == ("Muffin", None, "")
    assert (changed["isAdmin"], changed["disabled"]) == (False, True)
    assert call.json("GET", f"/api/users/{user['id']}")["userGroups"] == []


def test_names_and_addresses_are_taken_once(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.add_user("muffin", email="m@example.org")
    other = pocket_id.add_user("crumpet")
    c = {"username": "c", "email": "c@example.org"}
    taken = call("POST", "/api/users", json={"username": "MUFFIN", "email": "other@example.org"})
    assert (taken.status_code, taken.json()["details"]) == (409, {"property": "username"})
    assert call.refusal(409, "POST", "/api/users", json={"username": "a", "email": "m@example.org"}) == "already_in_use"
    assert call.refusal(409, "PUT", f"/api/users/{other['id']}", json={**c, "username": "muffin"}) == "already_in_use"
    # Nothing that it looks for is taken, and it has no word for the id.
    assert call.refusal(500, "POST", "/api/users", json={**c, "id": other["id"]}) == "internal_error"
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


@pytest.mark.parametrize("data", [b"", b"{"])
def test_what_is_no_json_is_an_internal_error(call: Caller, data: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert call.refusal(500, "POST", "/api/users", data=data, headers=headers) == "internal_error"


@pytest.mark.parametrize("data", [b"[]", b'{"username": 1}', b'{"username": "m", "disabled": "yes"}'])
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


# Errors and faults


def test_errors_have_a_code_since_2_14(pocket_id: PocketId, call: Caller) -> None:
    answer = call("GET", f"/api/user-groups/{MISSING}")
    body = answer.json()
    assert set(body) == {"error", "code", "details", "request_id"}
    assert answer.headers["X-Request-ID"] == body["request_id"]
    pocket_id.switches.error_form = "plain"
    assert set(call.json("GET", f"/api/user-groups/{MISSING}", 404)) == {"error"}


def test_as_pocket_id_2_9_answers(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.add_user("muffin", email="muffin@example.org", first_name="Muffin")
    twice = {"username": "muffin", "email": "other@example.org", "firstName": "M", "lastName": "M", "displayName": "M"}
    assert call("POST", "/api/users", json=twice).status_code == 409
    assert call("DELETE", f"/api/users/{MISSING}").status_code == 404
    pocket_id.switches.become_2_9()
    assert call("POST", "/api/users", json=twice).status_code == 400
    assert call("DELETE", f"/api/users/{MISSING}").status_code == 204
    assert call.json("GET", f"/api/users/{MISSING}", 404) == {"error": "Record not found"}
    plain = {"data": '{"name": "bakers", "friendlyName": "Bakers"}', "headers": {"Content-Type": "text/plain"}}
    assert call("POST", "/api/user-groups", **plain).status_code == 201


def test_a_caller_has_a_rate_and_a_burst(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.switches.become_2_9(limited=True)
    pocket_id.switches.burst = 3
    answers = [call("GET", "/api/users") for _number in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "Retry-After" not in answers[-1].headers
    pocket_id.switches.tells_when = True
    assert call("GET", "/api/users").headers["Retry-After"] == "1"


def test_small_things_as_they_were_seen(pocket_id: PocketId, call: Caller) -> None:
    moved = call("GET", "/api/users/", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (301, "/api/users")
    json_type = {"Content-Type": "application/json"}
    assert call("POST", "/api/users", data="{", headers=json_type).status_code == 500
    client = {"name": "vCenter", "callbackURLs": ["https://[x/cb"], "isPublic": False}
    assert call("POST", "/api/oidc/clients", json=client).status_code == 400
    for number in range(3):
        pocket_id.add_user(f"user{number}", f"id-{9 - number}")
    group = pocket_id.add_group("bakers", members=["user0", "user1", "user2"])
    members = call.json("GET", f"/api/user-groups/{group['id']}")["users"]
    assert [member["id"] for member in members] == ["id-7", "id-8", "id-9"]
    assert "userinfo_endpoint" in call.json("GET", "/.well-known/openid-configuration")


def test_too_many_requests_are_told_when_to_come_again(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.switches.faults = [Fault("GET /api/users", "429", retry_after=2), Fault("GET /api/users", "503")]
    answer = call("GET", "/api/users")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (429, "2", "rate_limited")
    assert [call("GET", "/api/users").status_code for _time in range(2)] == [200, 200]
    assert [seen.status for seen in pocket_id.requests] == [429, 200, 200]


def test_answers_can_be_spoiled(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.switches.faults = [Fault("POST /api/users", "reset_after"), Fault("GET /api/users", "html")]
    with pytest.raises(requests.ConnectionError):
        call("POST", "/api/users", json={"username": "muffin", "email": "m@example.org"})
    assert [user["username"] for user in pocket_id.users][1:] == ["muffin"]
    assert call("GET", "/api/users").headers["Content-Type"] == "text/html"
    assert [(seen.method, seen.status) for seen in pocket_id.writes()] == [("POST", 0)]


def test_a_reset_leaves_the_static_user_and_the_key(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.add_user("muffin")
    pocket_id.add_group("vcenter-admins", members=["muffin"])
    pocket_id.add_client("vCenter", groups=["vcenter-admins"])
    pocket_id.switches.user_count_off = 1
    pocket_id.reset()
    assert (pocket_id.groups, pocket_id.clients, pocket_id.requests) == ([], [], [])
    assert [user["id"] for user in call.page("/api/users")["data"]] == [STATIC_ID]
    assert pocket_id.switches == PocketIdSwitches()
    assert pocket_id.api_key in pocket_id.all_secrets()


def test_many_at_once_do_not_get_in_each_others_way(pocket_id: PocketId, call: Caller) -> None:
    pocket_id.add_group("all")

    def make(number: int) -> int:
        name = f"user{number % 20}"
        return call("POST", "/api/users", json={"username": name, "email": f"{name}@example.org"}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(make, range(40)))
    assert sorted(statuses) == [201] * 20 + [409] * 20
    assert len(pocket_id.users) == 21
