# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The appliance that everything else is tried on: its sessions, providers and tokens."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator

import pytest
import requests
from simulator import DEFAULT_PROVIDER_ID, WS1B_SCHEMA, Appliance, Provider
from simulator.client import PROVIDERS, Caller, person

OTHER = Provider(idp="0b0f0a50-31a5-4a0e-9be3-0f0d2f9b7c22", name="Other", domains=["example.com"])


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        caller.use(appliance.mint())
        yield caller


# Session


def test_a_session_is_a_string_and_ends(call: Caller) -> None:
    call.log_in()
    user = call("GET", "/api/session").json()["user"]
    assert user == "administrator@vsphere.local"
    assert call("DELETE", "/api/session").status_code == 204
    assert call("GET", "/api/session").status_code == 401


def test_wrong_credentials_are_told_as_the_appliance_does(call: Caller) -> None:
    answer = call("POST", "/api/session", auth=("administrator@vsphere.local", "wrong"))
    assert answer.status_code == 401
    assert answer.text == '{"error_type":"UNAUTHENTICATED","messages":[]}'
    assert call("GET", PROVIDERS).status_code == 401


def test_every_start_has_its_own_password(appliance: Appliance) -> None:
    with Appliance(ssh=None) as other:
        assert other.password != appliance.password


# Providers and tokens


@pytest.mark.parametrize("shape", ["list", "summary_list", "providers", "items"])
def test_shapes_of_the_providers(appliance: Appliance, call: Caller, shape: str) -> None:
    appliance.switches.update({"providers_shape": shape, "providers": [{}, vars(OTHER)]})
    call.log_in()
    answer = call("GET", PROVIDERS)
    rows = answer.json() if shape == "list" else answer.json()[shape]
    assert [row["idp"] for row in rows] == [DEFAULT_PROVIDER_ID, OTHER.idp]
    assert f'"idp":"{DEFAULT_PROVIDER_ID}"' in answer.text


def test_the_older_list_of_providers(appliance: Appliance, call: Caller) -> None:
    appliance.switches.providers_shape = "missing"
    call.log_in()
    answer = call("GET", PROVIDERS)
    assert (answer.status_code, answer.json()["error_type"]) == (404, "OPERATION_NOT_FOUND")
    rows = call("GET", "/api/vcenter/identity/authbrokeridp").json()["summary_list"]
    customers = [row["idp"] for row in rows if row["tenant_type"] == "CUSTOMER"]
    assert customers == [DEFAULT_PROVIDER_ID]


def test_a_new_sync_token_ends_the_one_before(appliance: Appliance, call: Caller) -> None:
    call.log_in()
    answer = call.generate().json()
    first = answer["token_info"]["access_token"]
    assert answer["scim_url"] == appliance.scim_url
    assert first.startswith("eyJ0eXAiOiJKV1Qi")
    claims = first.split(".")[1]
    expires = json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"]
    assert expires == pytest.approx(time.time() + 3600, abs=5)
    appliance.switches.token_shape = "flat"
    second = call.generate().json()["access_token"]
    assert [seen.status for seen in appliance.mintings()] == [200, 200]
    assert appliance.current_sync_token == second
    call.use(first)
    assert call.scim("GET", "/Users").status_code == 401
    call.use(second)
    assert call.scim("GET", "/Users").status_code == 200
    assert {first, second, appliance.password} <= set(appliance.all_secrets())


def test_what_a_minting_refuses(call: Caller) -> None:
    call.log_in()
    assert call.generate(data="{}").status_code == 400
    assert call.generate("unknown").status_code == 404


def test_the_scim_url_of_the_answer(appliance: Appliance, call: Caller) -> None:
    call.log_in()
    appliance.switches.scim_url = "other_host"
    assert call.generate().json()["scim_url"].startswith("https://vcsa.example.net/usergroup/")
    appliance.switches.scim_url = "omitted"
    assert "scim_url" not in call.generate().json()


def read_token(call: Caller) -> requests.Response:
    call.log_in()
    return call("GET", "/api/vcenter/identity/broker/tenants/customer/admin-client")


def test_the_read_token_reads_and_revokes_nothing(appliance: Appliance, call: Caller) -> None:
    sync_token = appliance.current_sync_token
    call.use(read_token(call).json()["access_token"])
    assert call.scim("GET", "/Users").status_code == 200
    assert call.scim("POST", "/Users", person()).status_code == 403
    assert appliance.current_sync_token == sync_token


@pytest.mark.parametrize(("variant", "status"), [("refused_401", 401), ("refused_403", 403)])
def test_scim_refuses_the_read_token(appliance: Appliance, call: Caller, variant: str, status: int) -> None:
    appliance.switches.update({"read_token": variant})
    call.use(read_token(call).json()["access_token"])
    assert call.scim("GET", "/Users").status_code == status


@pytest.mark.parametrize(("variant", "status"), [("endpoint_403", 403), ("endpoint_404", 404)])
def test_no_read_token_is_given(appliance: Appliance, call: Caller, variant: str, status: int) -> None:
    appliance.switches.update({"read_token": variant})
    assert read_token(call).status_code == status


@pytest.mark.parametrize(("schemes", "hzn", "bearer"), [("both", 200, 200), ("hzn", 200, 401), ("bearer", 401, 200)])
def test_authorization_schemes(appliance: Appliance, call: Caller, schemes: str, hzn: int, bearer: int) -> None:
    appliance.switches.update({"auth_schemes": schemes})
    token = appliance.mint()
    for scheme, status in (("HZN", hzn), ("Bearer", bearer)):
        call.use(token, scheme)
        assert call.scim("GET", "/Users").status_code == status
    assert [seen.authorization_scheme for seen in appliance.requests] == ["HZN", "Bearer"]


def test_a_token_ends_by_itself_and_may_be_opaque(appliance: Appliance, call: Caller) -> None:
    appliance.switches.update({"token_ttl": -1, "opaque_token": True})
    token = appliance.mint()
    assert "." not in token
    call.use(token)
    assert call.scim("GET", "/Users").status_code == 401


def test_a_sync_token_sees_its_own_directory(appliance: Appliance, call: Caller) -> None:
    appliance.switches.providers = [Provider(), OTHER]
    appliance.add_user("here", "1")
    there = appliance.add_user("there", "2", provider=OTHER.idp)
    names = [user["userName"] for user in call.scim("GET", "/Users").json()["Resources"]]
    assert names == ["here"]
    assert call.scim("GET", f"/Users/{there['id']}").status_code == 404
    assert there[WS1B_SCHEMA]["domain"] == "example.com"
    call.use(read_token(call).json()["access_token"])
    assert call.scim("GET", "/Users").json()["totalResults"] == 2


def test_only_the_name_of_the_appliance_opens_the_broker(appliance: Appliance, call: Caller) -> None:
    by_address = f"https://127.0.0.1:{appliance.https_port}"
    for path in ("/usergroup/t/CUSTOMER/scim/v2/Users", "/federation/x", "/acs/token"):
        answer = call("GET", by_address + path)
        assert (answer.status_code, answer.content) == (444, b"")
    assert call("GET", f"{by_address}/api/session").status_code == 401
