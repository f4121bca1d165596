# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers with nonsense, loses what it was given, or is not the one that was meant."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from system.playbook import Modules
from system.stub import Reply, stub_server

MUFFIN = {"username": "muffin", "external_id": "id-of-muffin", "given_name": "Muffin", "email": "muffin@example.org"}
ENDPOINTS = {
    "session": ("POST ^/api/session$", "log in as administrator@vsphere.local"),
    "read token": ("GET /admin-client$", "ask for the tenant's admin token"),
    "list": ("GET /Users", "list the broker's users"),
    "providers": ("GET /providers$", "list the Identity Broker's providers"),
    "sync token": ("POST /sync-client", "mint a sync token"),
    "creation": ("POST /Users$", "create the user muffin@lab.example.org"),
}
SAID = {
    "html": "is not JSON: <!DOCTYPE html>",
    "truncated": "the connection broke",
    "empty": "",
    "wrong_json": "",
    "503": "HTTP 503",
    "reset_before": "the connection broke",
}


def provision(modules: Modules, **options: Any) -> dict[str, Any]:
    return modules.run("scim_users", **{"users": [MUFFIN], "domain": DEFAULT_DOMAIN, **options})


@pytest.mark.parametrize("kind", ["html", "truncated", "empty", "wrong_json", "503", "reset_before"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nonsense_is_told_and_nothing_is_written(
    modules: Modules, appliance: Appliance, endpoint: str, kind: Any
) -> None:
    match, attempted = ENDPOINTS[endpoint]
    appliance.switches.faults = [Fault(match=match, kind=kind, times=99)]
    result = provision(modules)
    if endpoint == "creation" and kind in ("truncated", "empty", "wrong_json"):
        # It was carried out all the same, as the reading back shows: what an answer says is not believed.
        assert not result.get("failed")
        assert result["users"][0]["user"]["external_id"] == "id-of-muffin"
        return
    assert result["failed"] is True
    for part in (f"Could not {attempted} on localhost", SAID[kind]):
        assert part in result["msg"]
    assert appliance.broker.users == []
    # What changes something is never sent blindly again: another creation comes after a look at what there is.
    sent = [(seen.method, seen.path) for seen in appliance.requests]
    assert not [one for one, other in itertools.pairwise(sent) if one == other and one[0] == "POST"]
    assert not [secret for secret in appliance.all_secrets() if secret in str(result)]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_moment_of_weakness_is_overcome(modules: Modules, appliance: Appliance, endpoint: str) -> None:
    appliance.switches.faults = [Fault(match=ENDPOINTS[endpoint][0], kind="429", retry_after=0)]
    assert not provision(modules).get("failed")
    assert len(appliance.broker.users) == 1


def test_an_answer_that_does_not_come(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.latency_ms = 3000
    result = provision(modules, timeout=0.5)
    assert "no answer within 0.5 s" in result["msg"]
    assert "Raise timeout" in result["msg"]


@pytest.mark.parametrize("lie", [{"total_lies": 1}, {"total_lies": -1}, {"page_repeats": True, "page_cap": 2}])
def test_a_listing_that_does_not_add_up(modules: Modules, appliance: Appliance, lie: dict[str, Any]) -> None:
    for name in ("a", "b", "c", "d"):
        appliance.add_user(f"{name}@lab.example.org", f"id-{name}", domain=DEFAULT_DOMAIN)
    appliance.switches.update(lie)
    result = provision(modules)
    assert "localhost" in result["msg"]
    assert "list" in result["msg"]
    assert (appliance.writes(), appliance.mintings()) == ([], [])


# Writes that do not last


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"lose_write": True}, "is not in the broker"),
        ({"change_attribute": {"externalId": "another"}}, "external_id: asked 'id-of-muffin', kept 'another'"),
        ({"change_attribute": {"externalId": "ID-OF-MUFFIN"}}, "external_id"),
        ({"change_attribute": {"userName": "somebody@lab.example.org"}}, "username"),
        ({"change_attribute": {"domain": "other.example.org"}}, "domain"),
        ({"change_attribute": {"active": False}}, "active: asked True, kept False"),
        ({"change_attribute": {"name.givenName": "Other"}}, "given_name: asked 'Muffin', kept 'Other'"),
    ],
)
def test_a_creation_that_is_not_kept(
    modules: Modules, appliance: Appliance, switches: dict[str, Any], said: str
) -> None:
    appliance.switches.update(switches)
    one = modules.run("scim_user", domain=DEFAULT_DOMAIN, **MUFFIN)
    appliance.broker.reset()
    for result in (one, provision(modules)):
        assert result["failed"] is True
        assert "muffin@lab.example.org" in result["msg"]
        assert said in result["msg"]


@pytest.mark.parametrize("attribute", ["emails", "name.givenName"])
def test_what_the_broker_does_not_return_is_unverified(modules: Modules, appliance: Appliance, attribute: str) -> None:
    appliance.switches.forget_attribute = [attribute]
    result = provision(modules)
    expected = {"emails": "email", "name.givenName": "given_name"}[attribute]
    assert not result["failed"]
    assert result["users"][0]["unverified"] == [expected]


@pytest.mark.parametrize(
    ("switches", "wanted", "said"),
    [
        ({"lose_write": True}, {"given_name": "New"}, "given_name: asked 'New', kept 'Old'"),
        ({"forget_attribute": ["emails"]}, {"email": "new@example.org"}, "email: asked 'new@example.org', kept 'old"),
        ({"change_attribute": {"active": True}}, {"active": False}, "active: asked False, kept True"),
        ({"lose_write": True}, {"state": "absent"}, "was deleted, and is still in the broker"),
        ({"lose_write": True}, {"username": "cake", "external_id": "id-of-muffin", "rename": True}, "username"),
    ],
)
def test_a_change_that_is_not_kept(
    modules: Modules, appliance: Appliance, switches: dict[str, Any], wanted: dict[str, Any], said: str
) -> None:
    before = {"given_name": "Old", "email": "old@example.org", "domain": DEFAULT_DOMAIN}
    appliance.add_user("muffin@lab.example.org", "id-of-muffin", **before)
    appliance.switches.update(switches)
    result = provision(modules, users=[{"username": "muffin", **wanted}])
    assert result["failed"] is True
    assert said in result["msg"]
    assert result["counts"]["error"] == 1


def test_what_failed_does_not_hide_what_was_done(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.empty_family_name = "refused_400"
    users = [
        {"username": name, "external_id": f"id-of-{name}", "family_name": "" if name == "b" else "Muffinson"}
        for name in ("a", "b", "c")
    ]
    result = provision(modules, users=users)
    assert result["failed"] is True
    assert "b@lab.example.org" in result["msg"]
    assert [bool(user["error"]) for user in result["users"]] == [False, True, False]
    assert (result["counts"]["create"], result["counts"]["error"], result["minted"]) == (2, 1, True)
    assert {user["externalId"] for user in appliance.broker.users} == {"id-of-a", "id-of-c"}


def test_a_token_that_ends_in_the_midst(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault(match="POST /Users$", kind="expire_token")]
    assert not provision(modules)["failed"]
    assert len(appliance.mintings()) == 2
    appliance.reset()
    appliance.switches.faults = [Fault(match="POST /Users$", kind="expire_token", times=99)]
    assert "another process seems to mint" in provision(modules)["msg"]
    assert len(appliance.mintings()) == 2


# Another server


def test_no_redirect_is_followed(modules: Modules, appliance: Appliance, tmp_path: Path) -> None:
    def elsewhere(_method: str, path: str, _headers: dict[str, str]) -> Reply:
        return 302, {"Location": f"{appliance.base_url}{path}"}, ""

    bundle = tmp_path / "both.pem"
    with stub_server(tmp_path, elsewhere) as stub:
        bundle.write_bytes(stub.ca_file.read_bytes() + appliance.ca_file.read_bytes())
        results = [
            provision(modules, port=stub.port, ca_path=str(bundle)),
            provision(
                modules,
                hostname=None,
                ca_path=str(bundle),
                token=appliance.mint(),
                scim_url=f"https://localhost:{stub.port}/usergroup/t/CUSTOMER/scim/v2",
            ),
        ]
    for result in results:
        assert f"localhost:{stub.port}" in result["msg"]
        assert f"a redirect to localhost:{appliance.https_port}" in result["msg"]
        assert "not followed" in result["msg"]
    assert [method for method, _path in stub.requests] == ["POST", "GET"]
    assert appliance.requests == []


@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_answer_that_repeats_the_secret(modules: Modules, tmp_path: Path, status: int) -> None:
    """Debug pages of proxies show the headers of the request."""
    secret = "s3cret-of-the-test"
    encoded = base64.b64encode(f"administrator@vsphere.local:{secret}".encode()).decode()

    def echo(_method: str, _path: str, headers: dict[str, str]) -> Reply:
        said = f"You sent {headers.get('Authorization')}, that is {secret}" + "x" * 10_000
        return status, {"Content-Type": "text/plain", "X-Said": secret}, said

    with stub_server(tmp_path, echo) as stub:
        server = {"port": stub.port, "ca_path": str(stub.ca_file)}
        url = f"https://localhost:{stub.port}/scim/v2"
        results = [
            provision(modules, password=secret, **server),
            provision(modules, token=secret, scim_url=url, ca_path=str(stub.ca_file)),
            modules.run("sync_token", password=secret, **server),
            modules.run("sync_token", password="other-one", current_token=secret, **server),
        ]
    for result in results:
        assert result["failed"] is True
        assert secret not in str(result)
        assert encoded not in str(result)
        assert len(result["msg"]) < 1500


def test_no_netrc_replaces_the_credential(modules: Modules, appliance: Appliance, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login thief password thief\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert not provision(modules)["failed"]
    assert {seen.authorization_scheme for seen in appliance.requests if "/scim/" in seen.path} == {"HZN"}
