# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches for SCIM servers that are right by RFC 7643, RFC 7644 and RFC 9865, and differ from the appliance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, MFA_SCHEMA, PEOPLE, WS1B_SCHEMA, Appliance
from simulator.client import Caller, person

WS1B_PERSON = {WS1B_SCHEMA: {"domain": DEFAULT_DOMAIN}}


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        caller.use(appliance.mint())
        yield caller


@pytest.fixture
def user(call: Caller) -> dict[str, Any]:
    """A user who is there before the switches are set."""
    created: dict[str, Any] = call.scim("POST", "/Users", person()).json()
    return created


def test_a_put_that_clears_what_it_does_not_carry(appliance: Appliance, call: Caller, user: dict[str, Any]) -> None:
    appliance.switches.put_clears = True
    path = f"/Users/{user['id']}"
    assert call.scim("PUT", path, user).json()["externalId"] == PEOPLE["muffin"]
    bare = {"userName": user["userName"]}
    answer = call.scim("PUT", path, bare).json()
    assert "externalId" not in answer
    assert "emails" not in answer
    assert "externalId" not in appliance.broker.users[0]


@pytest.mark.parametrize("refusal", [412, 428])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_etag_that_is_demanded(
    appliance: Appliance, call: Caller, user: dict[str, Any], method: str, refusal: Any
) -> None:
    appliance.switches.update({"etag": "required", "etag_refusal": refusal})
    path = f"/Users/{user['id']}"
    assert call.scim(method, path, user).status_code == refusal
    read = call.scim("GET", path)
    assert read.headers["ETag"] == read.json()["meta"]["version"]
    assert call.scim(method, path, user, headers=call.headers | {"If-Match": 'W/"7"'}).status_code == 412
    assert call.scim(method, path, user, headers=call.headers | {"If-Match": read.headers["ETag"]}).ok


def test_an_etag_that_is_offered_or_broken(appliance: Appliance, call: Caller, user: dict[str, Any]) -> None:
    path = f"/Users/{user['id']}"
    assert "ETag" not in call.scim("GET", path).headers
    appliance.switches.etag = "offered"
    assert call.scim("PUT", path, user).headers["ETag"] == 'W/"2"'
    appliance.switches.update({"etag": "broken", "etag_header": False})
    assert "ETag" not in call.scim("GET", path).headers
    assert call.scim("PUT", path, user, headers=call.headers | {"If-Match": 'W/"2"'}).status_code == 412
    assert call.scim("PUT", path, user).ok


def test_a_group_has_a_version_too(appliance: Appliance, call: Caller) -> None:
    group = call.scim("POST", "/Groups", {"displayName": "admins"}).json()
    appliance.switches.etag = "required"
    path = f"/Groups/{group['id']}"
    for method, body in (("PUT", group), ("PATCH", {"Operations": []}), ("DELETE", None)):
        assert call.scim(method, path, body).status_code == 428
    matching = call.headers | {"If-Match": group["meta"]["version"]}
    assert call.scim("PUT", path, group, headers=matching).ok
    assert call.scim("DELETE", path, headers=matching).status_code == 412


def test_no_extension_is_kept(appliance: Appliance, call: Caller) -> None:
    appliance.switches.extensions_kept = False
    for body in (person() | WS1B_PERSON, person("scone")):
        answer = call.scim("POST", "/Users", body).json()
        assert answer["schemas"] == ["urn:ietf:params:scim:schemas:core:2.0:User"]
        assert not {WS1B_SCHEMA, MFA_SCHEMA} & set(answer)


def test_an_extension_has_to_be_declared(appliance: Appliance, call: Caller) -> None:
    appliance.switches.undeclared_extensions = "refused_400"
    assert call.scim("POST", "/Users", person()).status_code == 400
    declared = person()
    declared["schemas"] = [*declared["schemas"], MFA_SCHEMA.upper()]
    created = call.scim("POST", "/Users", declared)
    assert created.status_code == 201
    assert call.scim("PUT", f"/Users/{created.json()['id']}", person()).status_code == 400


def test_an_external_id_that_is_never_returned(appliance: Appliance, call: Caller, user: dict[str, Any]) -> None:
    appliance.switches.external_id_returned = False
    assert "externalId" not in call.scim("GET", f"/Users/{user['id']}").json()
    assert "externalId" not in call.scim("GET", "/Users").json()["Resources"][0]
    assert appliance.broker.users[0]["externalId"] == PEOPLE["muffin"]


def test_names_in_another_case(appliance: Appliance, call: Caller, user: dict[str, Any]) -> None:
    appliance.switches.attribute_names = "lower"
    listed = call.scim("GET", "/Users").json()
    assert listed["totalresults"] == 1
    (row,) = listed["resources"]
    assert (row["username"], row["name"]["givenname"]) == (user["userName"], "Muffin")
    assert call.scim("PUT", f"/Users/{row['id']}", row | {"displayname": "M."}).ok
    appliance.switches.attribute_names = "exact"
    assert call.scim("GET", f"/Users/{row['id']}").json()["displayName"] == "M."


def test_a_server_that_describes_itself(appliance: Appliance, call: Caller) -> None:
    assert call.scim("GET", "/ServiceProviderConfig").status_code == 404
    appliance.switches.update(
        {"service_provider_config": "offered", "etag": "offered", "patch_refused": True, "page_cap": 7}
    )
    config = call.scim("GET", "/ServiceProviderConfig").json()
    assert config["patch"] == {"supported": False}
    assert config["etag"] == {"supported": True}
    assert config["filter"] == {"supported": True, "maxResults": 7}


def test_a_count_that_is_too_large(appliance: Appliance, call: Caller) -> None:
    appliance.switches.update({"page_cap": 2, "large_count": "refused_400"})
    assert call.scim("GET", "/Users?count=3").status_code == 400
    assert call.scim("GET", "/Users?count=2").ok


@pytest.mark.parametrize("totals", [True, False])
def test_pages_by_cursor(appliance: Appliance, call: Caller, totals: bool) -> None:
    for who in ("muffin", "scone", "crumpet"):
        call.scim("POST", "/Users", person(who))
    appliance.switches.update({"pagination": "cursor", "page_cap": 2, "cursor_totals": totals})
    first = call.scim("GET", "/Users?startIndex=3&count=2").json()
    assert len(first["Resources"]) == 2
    assert ("totalResults" in first, "startIndex" in first) == (totals, False)
    last = call.scim("GET", f"/Users?cursor={first['nextCursor']}&count=2").json()
    assert len(last["Resources"]) == 1
    assert "nextCursor" not in last
    assert call.scim("GET", "/Users?cursor=nonsense").status_code == 400
    appliance.switches.pagination = "cursor_only"
    assert call.scim("GET", "/Users?startIndex=1").status_code == 400
    assert call.scim("GET", "/Users?cursor=").json() == first
