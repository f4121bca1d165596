# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The appliance's SCIM: users, lists and groups as the broker keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, MFA_SCHEMA, PEOPLE, WS1B_SCHEMA, Appliance
from simulator.client import Caller, person
from simulator.resources import GROUP_SCHEMA


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        caller.use(appliance.mint())
        yield caller


# Users


def test_a_user_as_the_appliance_keeps_it(appliance: Appliance, call: Caller) -> None:
    answer = call.scim("POST", "/Users", person())
    assert answer.status_code == 201
    assert answer.headers["Content-Type"].startswith("application/scim+json")
    user = answer.json()
    assert user["displayName"] == "Muffin"
    assert user["groups"][0]["display"] == "ALL_USERS"
    assert user[WS1B_SCHEMA] == {"domain": DEFAULT_DOMAIN}
    assert MFA_SCHEMA not in user
    assert call.scim("GET", f"/Users/{user['id']}").json() == user
    assert appliance.broker.users == [user]
    assert call.scim("DELETE", f"/Users/{user['id']}").status_code == 204
    assert call.scim("GET", f"/Users/{user['id']}").status_code == 404
    assert [seen.method for seen in appliance.writes()] == ["POST", "DELETE"]


def test_domains_where_the_switch_puts_them(appliance: Appliance, call: Caller) -> None:
    key = call.scim("POST", "/Users", person()).json()["id"]
    appliance.switches.domain_returned = "mfa"
    user = call.scim("GET", f"/Users/{key}").json()
    assert user[MFA_SCHEMA] == {"defaultDomain": DEFAULT_DOMAIN}
    appliance.switches.domain_returned = "none"
    user = call.scim("GET", f"/Users/{key}").json()
    assert MFA_SCHEMA not in user
    assert WS1B_SCHEMA not in user


@pytest.mark.parametrize(
    "body",
    [
        person(userName=f"MUFFIN@{DEFAULT_DOMAIN}", externalId="another"),
        person(userName=f"crumpet@{DEFAULT_DOMAIN}"),
    ],
)
def test_duplicates_are_refused(call: Caller, body: dict[str, Any]) -> None:
    call.scim("POST", "/Users", person())
    answer = call.scim("POST", "/Users", body)
    assert answer.status_code == 409
    assert set(answer.json()["errors"][0]) == {"code", "message", "parameters"}


def test_names_are_unique_within_a_domain_and_ids_keep_their_case(call: Caller) -> None:
    call.scim("POST", "/Users", person(externalId="abc"))
    body = person(externalId="ABC") | {MFA_SCHEMA: {"defaultDomain": "example.net"}}
    assert call.scim("POST", "/Users", body).status_code == 201


@pytest.mark.parametrize("missing", ["userName", "externalId"])
def test_what_a_user_needs(call: Caller, appliance: Appliance, missing: str) -> None:
    appliance.switches.external_id_needed = True
    body = person()
    del body[missing]
    assert call.scim("POST", "/Users", body).status_code == 400


def test_the_external_id_is_optional(appliance: Appliance, call: Caller) -> None:
    body = person()
    del body["externalId"]
    made = call.scim("POST", "/Users", body)
    assert (made.status_code, "externalId" in made.json()) == (201, False)
    assert call.scim("POST", "/Users", person(externalId="")).status_code == 400
    address = f"/Users/{made.json()['id']}"
    assert call.scim("PUT", address, made.json() | {"externalId": "late", "displayName": "M."}).status_code == 200
    kept = call.scim("GET", address).json()
    assert (kept["displayName"], "externalId" in kept) == ("M.", False)
    assert call.scim("DELETE", address).status_code == 204
    assert not appliance.login("muffin").allowed


@pytest.mark.parametrize("resource", ["Users", "Groups"])
def test_the_address_of_what_was_created_is_in_the_answer(appliance: Appliance, call: Caller, resource: str) -> None:
    """RFC 7644 section 3.3: a 201 has the header Location, with the value of meta.location."""
    body = person() if resource == "Users" else {"schemas": [GROUP_SCHEMA], "displayName": "cooks"}
    made = call.scim("POST", f"/{resource}", body)
    location = made.headers["Location"]
    assert (made.status_code, location) == (201, made.json()["meta"]["location"])
    assert location.startswith(f"{appliance.scim_url}/{resource}/")
    assert call("GET", location).json() == made.json()
    appliance.switches.create_status = 200
    body = person("crumpet") if resource == "Users" else body | {"displayName": "bakers"}
    assert "Location" not in call.scim("POST", f"/{resource}", body).headers


def test_an_external_id_never_changes(appliance: Appliance, call: Caller) -> None:
    user = call.scim("POST", "/Users", person()).json()
    changed = user | {"externalId": "another", "displayName": "M."}
    answer = call.scim("PUT", f"/Users/{user['id']}", changed)
    assert (answer.status_code, answer.json()["displayName"]) == (200, "M.")
    operation = {"op": "replace", "path": "externalId", "value": "another"}
    assert call.scim("PATCH", f"/Users/{user['id']}", {"Operations": [operation]}).ok
    del changed["externalId"]
    assert call.scim("PUT", f"/Users/{user['id']}", changed).ok
    assert appliance.broker.users[0]["externalId"] == PEOPLE["muffin"]


def test_patch_of_a_user(call: Caller) -> None:
    key = call.scim("POST", "/Users", person()).json()["id"]
    operations = [
        {"op": "Replace", "path": "name.familyName", "value": "Muffinson"},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "m@example.org"},
        {"op": "add", "value": {"title": "Baker"}},
        {"op": "replace", "path": f"{WS1B_SCHEMA}:userPrincipalName", "value": "muffin"},
        {"op": "remove", "path": "displayName"},
    ]
    user = call.scim("PATCH", f"/Users/{key}", {"Operations": operations}).json()
    assert user["name"]["familyName"] == "Muffinson"
    assert user["emails"][0] == {"value": "m@example.org", "type": "work", "primary": True}
    assert user["title"] == "Baker"
    assert user[WS1B_SCHEMA] == {"domain": DEFAULT_DOMAIN, "userPrincipalName": "muffin"}
    assert "displayName" not in user


def test_a_stale_version_is_refused(call: Caller) -> None:
    user = call.scim("POST", "/Users", person()).json()
    stale = call.headers | {"If-Match": 'W/"7"'}
    assert call.scim("PUT", f"/Users/{user['id']}", user, headers=stale).status_code == 409


def test_statuses_that_differ_between_releases(appliance: Appliance, call: Caller) -> None:
    appliance.switches.update({"create_status": 200, "update_status": 204, "delete_status": 202})
    answer = call.scim("POST", "/Users", person())
    assert answer.status_code == 200
    path = f"/Users/{answer.json()['id']}"
    answer = call.scim("PUT", path, person())
    assert (answer.status_code, answer.content) == (204, b"")
    assert call.scim("DELETE", path).status_code == 202


def test_strictness_that_differs_between_releases(appliance: Appliance, call: Caller) -> None:
    appliance.switches.update(
        {
            "empty_family_name": "refused_400",
            "display_name_default_given": False,
            "patch_refused": True,
        }
    )
    assert call.scim("POST", "/Users", person()).status_code == 400
    named = person(name={"givenName": "Muffin", "familyName": "Muffinson"})
    user = call.scim("POST", "/Users", named).json()
    assert "displayName" not in user
    assert call.scim("PATCH", f"/Users/{user['id']}", {"Operations": []}).status_code == 405


def test_discovery_is_absent(call: Caller) -> None:
    for name in ("ServiceProviderConfig", "Schemas", "ResourceTypes"):
        assert call.scim("GET", f"/{name}").status_code == 404


# Lists


def test_pages_start_at_one_and_are_capped(appliance: Appliance, call: Caller) -> None:
    appliance.switches.update({"page_cap": 2, "list_key": "resources"})
    for number in range(5):
        appliance.add_user(f"u{number}", str(number))
    answer = call.scim("GET", "/Users?startIndex=3&count=100").json()
    assert [user["userName"] for user in answer["resources"]] == ["u2", "u3"]
    assert (answer["totalResults"], answer["itemsPerPage"], answer["startIndex"]) == (5, 2, 3)
    assert call.scim("GET", "/Users?startIndex=9").json()["resources"] == []
    assert call.scim("GET", "/Users?count=0").json()["totalResults"] == 5
    assert call.scim("GET", "/Users?count=many").status_code == 400


def test_filters(appliance: Appliance, call: Caller) -> None:
    appliance.add_user('a "b"', "1")
    appliance.add_user("crumpet", "2")
    found = call.scim("GET", "/Users", params={"filter": 'username eq "CRUMPET"'}).json()
    assert [user["externalId"] for user in found["Resources"]] == ["2"]
    quoted = {"filter": 'userName eq "a \\"b\\""'}
    assert call.scim("GET", "/Users", params=quoted).json()["totalResults"] == 1
    other = {"filter": 'externalId eq "1"'}
    assert call.scim("GET", "/Users", params=other).status_code == 400


def listed(call: Caller, page: int) -> list[str]:
    rows = call.scim("GET", f"/Users?startIndex={1 + 2 * page}").json()["Resources"]
    return [row["userName"] for row in rows]


def test_lists_that_do_not_add_up(appliance: Appliance, call: Caller) -> None:
    for number in range(4):
        appliance.add_user(f"u{number}", str(number))
    appliance.switches.update({"page_cap": 2, "total_lies": 1})
    assert call.scim("GET", "/Users").json()["totalResults"] == 5
    appliance.switches.page_repeats = True
    assert listed(call, 1) == ["u0", "u1"]
    appliance.switches.update({"page_repeats": False, "list_changes": True})
    assert [listed(call, 0), listed(call, 1)] == [["u0", "u1"], ["u3", "u0"]]


# Groups


def test_groups_and_their_members(appliance: Appliance, call: Caller) -> None:
    key = appliance.add_user("muffin", "1")["id"]
    answer = call.scim("POST", "/Groups", {"displayName": "bakers"})
    assert answer.status_code == 201
    path = f"/Groups/{answer.json()['id']}"
    member = [{"value": key}]

    def patch(**operation: Any) -> list[str]:
        changed = call.scim("PATCH", path, {"Operations": [operation]})
        assert changed.status_code == 200
        return [row["value"] for row in changed.json()["members"]]

    assert patch(op="add", path="members", value=member) == [key]
    assert patch(op="add", path="members", value=member) == [key]
    groups = call.scim("GET", f"/Users/{key}").json()["groups"]
    assert [group["display"] for group in groups] == ["ALL_USERS", "bakers"]
    assert patch(op="remove", path="members", value=member) == []
    whole = {"displayName": "bakers", "members": member}
    assert call.scim("PUT", path, whole).json()["members"][0]["display"] == "muffin"
    assert patch(op="remove", path=f'members[value eq "{key}"]') == []
    call.scim("PUT", path, whole)
    call.scim("DELETE", f"/Users/{key}")
    assert call.scim("GET", path).json()["members"] == []
    assert call.scim("PUT", path, whole).status_code == 400
    assert call.scim("POST", "/Groups", {"displayName": "BAKERS"}).status_code == 409
    assert call.scim("DELETE", path).status_code == 204


def test_the_built_in_group_stays(call: Caller) -> None:
    wanted = {"filter": 'displayName eq "ALL_USERS"'}
    path = f"/Groups/{call.scim('GET', '/Groups', params=wanted).json()['Resources'][0]['id']}"
    assert call.scim("PUT", path, {"displayName": "x"}).status_code == 403
    assert call.scim("PATCH", path, {"Operations": [{"op": "remove", "path": "members"}]}).status_code == 403
    assert call.scim("DELETE", path).status_code == 409
