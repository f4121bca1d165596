# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspace ONE as its documentation shows it: each request that it prints, sync tokens of directories, and users over SCIM."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests
from simulator import WorkspaceOne
from simulator.gate import straight
from system.homes import CLIENT, DIRECTORY, Home
from system.playbook import Json

VENDOR = "application/vnd.vmware.horizon.manager.accesscontrol.broker.oauth2client.with.rule.sets+json"
# As "Getting Started" prints it, the capitals too.
PRINTED_TYPE = VENDOR.replace("vnd.vmware", "vnd.VMware")
USER = {"username": "muffin", "external_id": "id-of-muffin", "given_name": "Muffin", "domain": "lab.example.com"}


@pytest.fixture
def lab(workspace_one: WorkspaceOne) -> str:
    """The id of a directory."""
    return workspace_one.add_directory("Lab", "lab.example.com", default_domain="lab.example.com")


def call(workspace_one: WorkspaceOne, method: str, path: str, **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(workspace_one.ca_file)
        return session.request(method, workspace_one.base_url + path, timeout=10, **options)


# What the documentation prints


def test_the_printed_requests_are_taken(workspace_one: WorkspaceOne) -> None:
    workspace_one.switches.media_types = "vendor"
    pair = f"{workspace_one.bootstrap_client_id}:{workspace_one.bootstrap_secret}"
    basic = {
        "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    granted = call(workspace_one, "POST", "/acs/token", headers=basic, data="grant_type=client_credentials").json()
    assert granted["expires_in"] == 3600
    headers = {
        "Content-Type": PRINTED_TYPE,
        "Accept": PRINTED_TYPE,
        "Authorization": f"Bearer {granted['access_token']}",
    }
    made = call(workspace_one, "POST", "/acs/broker/oauth2-clients", headers=headers, json=CLIENT)
    assert made.status_code == 201
    assert "secret" not in made.json()
    # Step 4, with the new client.
    auth = (CLIENT["client_id"], CLIENT["secret"])
    working = call(workspace_one, "POST", "/acs/token", auth=auth, data={"grant_type": "client_credentials"}).json()
    bearer = {"Authorization": f"Bearer {working['access_token']}"}
    listed = call(workspace_one, "GET", "/usergroup/broker/directories", headers=bearer)
    assert listed.json() == {"items": []}
    # And it may not do what its rule set does not say.
    refused = call(workspace_one, "DELETE", f"/acs/broker/oauth2-clients/{CLIENT['client_id']}", headers=bearer)
    assert refused.status_code == 403


def test_modules_send_what_is_printed(in_cloud_home: Home, workspace_one: WorkspaceOne) -> None:
    """Steps 2 to 5: a token, the client with its rule set, a token of that, and the first client gone."""
    workspace_one.switches.media_types = "vendor"
    with in_cloud_home.sent() as sent:
        in_cloud_home.well("broker_oauth2_client", **CLIENT)
    token, made = sent
    pair = f"{workspace_one.bootstrap_client_id}:{workspace_one.bootstrap_secret}"
    assert (token["method"], token["path"], token["body"]) == ("POST", "/acs/token", "grant_type=client_credentials")
    assert token["type"] == "application/x-www-form-urlencoded"
    assert token["authorization"] == f"Basic {base64.b64encode(pair.encode()).decode()}"
    assert (made["method"], made["path"], made["body"]) == ("POST", "/acs/broker/oauth2-clients", CLIENT)
    assert made["type"] == made["accept"] == VENDOR
    assert made["authorization"].startswith("Bearer ")
    working = {"api_client_id": CLIENT["client_id"], "api_client_secret": CLIENT["secret"]}
    assert in_cloud_home.well("broker_directory", **working, **DIRECTORY)["operation"] == "create"
    # That rule set may not remove clients.
    gone = {"client_id": workspace_one.bootstrap_client_id, "state": "absent"}
    assert "HTTP 403" in in_cloud_home.failed("broker_oauth2_client", **working, **gone)
    in_cloud_home.well("broker_oauth2_client", client_id=CLIENT["client_id"], rule_set_names=["TENANT_ADMIN"])
    assert in_cloud_home.well("broker_oauth2_client", **working, **gone)["operation"] == "delete"
    assert [each.client_id for each in workspace_one.services.clients.values()] == [CLIENT["client_id"]]


def test_the_printed_error_is_told(in_cloud_home: Home, workspace_one: WorkspaceOne) -> None:
    """As where somebody made the client in the same moment: the list did not show it."""
    workspace_one.services.place_client({**CLIENT, "secret": None}, CLIENT["secret"])
    workspace_one.gate.around = _hidden
    try:
        message = in_cloud_home.failed("broker_oauth2_client", **CLIENT)
    finally:
        workspace_one.gate.around = straight
    client_id = CLIENT["client_id"]
    assert "HTTP 409 oauth2.client.with.client.id.already.exists" in message
    assert f"OAuth2 Client with client id {client_id} already exists." in message
    assert "Choose another client_id" in message


def _hidden(environ: Any, answer: Any) -> Any:
    response = answer(environ)
    if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].endswith("/oauth2-clients"):
        response.set_data(b'{"items": [], "totalCount": 0}')
    return response


# Sync tokens


def test_a_token_of_a_directory(home: Home) -> None:
    """In both homes; what was there before ends."""
    key = home.well("broker_directory", **DIRECTORY)["directory"]["id"]
    home.server.clear_requests()
    checked = home.well("sync_token", check=True, directory="lab", token_ttl=120)
    home.only_harmless()
    assert (checked["changed"], checked["token"], checked["directory_id"]) == (True, None, key)
    with home.sent() as sent:
        made = home.well("sync_token", directory="lab", token_ttl=120)
    generated = sent[-1]
    assert generated["path"].endswith(f"/broker/directories/{key}/sync-client")
    assert (generated["query"], generated["body"]) == (
        "action=generate_credentials",
        {"generate_token": True, "token_ttl": 120},
    )
    assert (made["changed"], made["directory_id"], made["provider_id"]) == (True, key, None)
    assert made["scim_url"] == home.server.scim_url
    assert 7000 < made["expires_in"] <= 7200
    kept = home.well("sync_token", directory=key, current_token=made["token"])
    assert (kept["changed"], kept["token"]) == (False, made["token"])
    other = home.well("sync_token", directory=key)
    assert other["token"] != made["token"]
    assert home.well("sync_token", check=True, directory=key, current_token=made["token"])["changed"] is True


def test_the_end_of_an_opaque_token_is_told_when_it_is_made(in_cloud_home: Home, lab: str) -> None:
    in_cloud_home.switches.opaque_token = True
    made = in_cloud_home.well("sync_token", token_ttl=60)
    assert made["directory_id"] == lab
    assert 3500 < made["expires_in"] <= 3600
    assert made["expires_at"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"directory": "None"}, ("directory", "'None' is not on", "Lab")),
        ({"directory": "Lab", "token_ttl": 0}, ("token_ttl", "1051200")),
        ({"directory": "Lab", "provider_id": "x"}, ("provider_id", "directory")),
    ],
)
def test_mistakes_with_tokens(in_cloud_home: Home, lab: str, options: Json, told: tuple[str, ...]) -> None:
    message = in_cloud_home.failed("sync_token", **options)
    for part in told:
        assert part in message
    assert in_cloud_home.server.mintings() == []
    assert lab


def test_a_time_to_live_needs_a_directory_in_vcenter(modules: Any) -> None:
    assert "token_ttl: goes with directory only" in modules.failed("sync_token", token_ttl=60)


# Users


def test_users_with_a_given_token(in_cloud_home: Home, workspace_one: WorkspaceOne, lab: str) -> None:
    given = {"token": workspace_one.mint(lab), "scim_url": workspace_one.scim_url, "base_url": None}
    for platform in (None, "workspace_one"):
        access = {**given, "platform": platform, "api_client_id": None, "api_client_secret": None}
        made = in_cloud_home.well("scim_users", **access, users=[USER])
        assert made["minted"] is False
        assert in_cloud_home.well("scim_user_info", **access)["users"][0]["external_id"] == "id-of-muffin"
        group = {"display_name": "bakers", "members": ["muffin"], "domain": "lab.example.com"}
        in_cloud_home.well("scim_group", **access, **group)
        assert in_cloud_home.well("scim_user", **access, **USER)["changed"] is False
    assert len(workspace_one.mintings()) == 0
    (user,) = workspace_one.broker.users
    assert user["externalId"] == "id-of-muffin"


def test_users_by_client_credentials_and_the_token_law(
    in_cloud_home: Home, workspace_one: WorkspaceOne, lab: str
) -> None:
    """The client's own token reads; only to write, a sync token is minted, and it is said that the one before ends."""
    former = workspace_one.mint(lab)
    checked = in_cloud_home.well("scim_users", check=True, users=[USER])
    in_cloud_home.only_harmless()
    assert checked["changed"] is True
    made = in_cloud_home.well("scim_users", users=[USER])
    assert made["minted"] is True
    assert any("The previous token is revoked" in warning for warning in made["warnings"])
    assert workspace_one.state.token(former) is None
    again = in_cloud_home.well("scim_users", users=[USER])
    assert (again["changed"], again["minted"]) == (False, False)
    assert len(workspace_one.mintings()) == 1
    assert [user["username"] for user in in_cloud_home.well("scim_user_info")["users"]] == ["muffin@lab.example.com"]
    assert in_cloud_home.well("scim_group_info")["groups"][0]["display_name"] == "ALL_USERS"


def test_several_directories_are_told(in_cloud_home: Home, workspace_one: WorkspaceOne, lab: str) -> None:
    workspace_one.add_directory("Other", "other.example.com")
    message = in_cloud_home.failed("scim_users", users=[USER])
    assert "several directories" in message
    assert in_cloud_home.well("scim_users", users=[USER], provider_id=lab)["minted"] is True


def test_without_a_directory_it_is_said_how_to_make_one(in_cloud_home: Home) -> None:
    message = in_cloud_home.failed("scim_users", users=[USER])
    assert "has no directory" in message
    assert "broker_directory" in message


def test_a_token_file_is_kept(in_cloud_home: Home, workspace_one: WorkspaceOne, lab: str) -> None:
    path = str(in_cloud_home.modules.folder / "token")
    in_cloud_home.well("scim_users", users=[USER], token_file=path)
    in_cloud_home.well("scim_users", users=[{**USER, "given_name": "Other"}], token_file=path)
    assert len(workspace_one.mintings()) == 1
    assert lab


@pytest.mark.parametrize("patch_refused", [False, True])
def test_users_leave_again(in_cloud_home: Home, workspace_one: WorkspaceOne, lab: str, patch_refused: bool) -> None:
    workspace_one.switches.patch_refused = patch_refused
    given = {"token": workspace_one.mint(lab), "scim_url": workspace_one.scim_url}
    in_cloud_home.well("scim_users", **given, users=[USER])
    group = {"display_name": "bakers", "domain": "lab.example.com"}
    in_cloud_home.well("scim_group", **given, **group)
    assert in_cloud_home.well("scim_group", **given, **group, members=["muffin"])["changed"] is True
    assert in_cloud_home.well("scim_group", **given, **group, state="absent")["changed"] is True
    in_cloud_home.well(
        "scim_users", **given, users=[{"username": "muffin", "state": "absent"}], domain="lab.example.com"
    )
    assert workspace_one.broker.users == []
