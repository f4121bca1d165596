# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""broker_directory and its info, in both homes: made, unchanged, each field changed alone, deleted, and what goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import Fault, WorkspaceOne
from system.homes import DIRECTORY, Home
from system.playbook import Json

MODULE, INFO = "broker_directory", "broker_directory_info"
ONE = {"name": DIRECTORY["name"]}


def test_made_and_then_unchanged(home: Home) -> None:
    made = home.converges(MODULE, **DIRECTORY, attributes={"attempt_decode_external_id_as_ms_guid": True})
    assert made["operation"] == "create"
    assert made["diff"]["before"] == {}
    directory = made["directory"]
    assert directory.pop("id") in home.services.directories
    assert directory == {
        **DIRECTORY,
        "attributes": {"attempt_decode_external_id_as_ms_guid": True},
        "delete_in_progress": False,
    }
    (told,) = home.well(INFO, name="lab")["directories"]
    assert told["default_domain"] == "lab.example.com"
    assert told["sync_client"] is None


def test_each_field_changes_alone(in_cloud_home: Home) -> None:
    in_cloud_home.well(MODULE, **DIRECTORY)
    values: list[tuple[str, Any]] = [
        ("domains", ["third.example.com", "LAB.example.com"]),
        ("default_domain", "third.example.com"),
        ("default_domain", ""),
        ("source", "OKTA"),
        ("source", ""),
    ]
    guid = {"attributes": {"attempt_decode_external_id_as_ms_guid": True}}
    changes = [(name, {name: value}) for name, value in values]
    in_cloud_home.changes_alone(
        MODULE, "directory", ONE, [*changes, ("attributes.attempt_decode_external_id_as_ms_guid", guid)]
    )


def test_renamed_by_its_id(in_cloud_home: Home) -> None:
    key = in_cloud_home.well(MODULE, **DIRECTORY)["directory"]["id"]
    renamed = in_cloud_home.converges(MODULE, id=key, name="Bakery")
    assert renamed["diff"]["before"]["name"] == "Lab"
    assert renamed["directory"]["name"] == "Bakery"
    assert renamed["directory"]["domains"] == DIRECTORY["domains"]


def test_what_is_spelt_otherwise_is_the_same(in_cloud_home: Home) -> None:
    in_cloud_home.well(MODULE, **DIRECTORY)
    again = in_cloud_home.well(MODULE, name="lab", domains=["OTHER.example.com", "Lab.example.com"], attributes={})
    assert again["changed"] is False


def test_deleted_only_by_force_and_waited_for(home: Home) -> None:
    key = home.well(MODULE, **DIRECTORY)["directory"]["id"]
    home.server.broker.place_user({"userName": "muffin", "externalId": "id-of-muffin"}, key)
    home.switches.slow_deletion = 2
    home.server.clear_requests()
    for check in (True, False):
        message = home.failed(MODULE, check=check, **ONE, state="absent")
        assert "force" in message
        assert "all its users" in message
    assert home.server.writes() == []
    checked = home.well(MODULE, check=True, **ONE, state="absent", force=True)
    gone = home.well(MODULE, **ONE, state="absent", force=True)
    assert gone["diff"] == checked["diff"]
    assert (gone["operation"], gone["changed"], gone["directory"]) == ("delete", True, None)
    assert gone["waited"] > 0.2
    assert not [user for user in home.server.broker.users if user["userName"] == "muffin"]
    assert home.well(MODULE, **ONE, state="absent")["changed"] is False


def test_a_deletion_that_goes_on(in_cloud_home: Home) -> None:
    in_cloud_home.well(MODULE, **DIRECTORY)
    in_cloud_home.switches.slow_deletion = 99
    begun = in_cloud_home.well(MODULE, **ONE, state="absent", force=True, wait=False)
    assert begun["directory"]["delete_in_progress"] is True
    assert "is being deleted" in in_cloud_home.failed(MODULE, **DIRECTORY)
    late = in_cloud_home.modules.run(MODULE, **ONE, state="absent", wait_timeout=0)
    assert late["failed"]
    assert "still being deleted" in late["msg"]
    assert late["changed"] is False
    (directory,) = [each for each in in_cloud_home.services.directories.values() if each.body["name"] == "Lab"]
    directory.reads_until_gone = 2
    waited = in_cloud_home.well(MODULE, **ONE, state="absent")
    assert (waited["changed"], waited["operation"], waited["directory"]) == (False, "none", None)


@pytest.mark.parametrize("shape", ["items", "bare", "value"])
def test_info(in_cloud_home: Home, shape: Any) -> None:
    in_cloud_home.switches.native_list = shape
    in_cloud_home.well(MODULE, **DIRECTORY)
    in_cloud_home.well(MODULE, name="Cakes", domains=["cake.example.com"])
    key = in_cloud_home.well("sync_token", directory="Lab", token_ttl=60)["directory_id"]
    found = in_cloud_home.well(INFO, sync_client=True)
    names = [directory["name"] for directory in found["directories"]]
    assert names == sorted(names, key=str.casefold)
    (lab,) = [directory for directory in found["directories"] if directory["id"] == key]
    assert lab["sync_client"] == {"client_id": None, "generate_token": True, "token_ttl": 60}
    assert found["scim_url"] == in_cloud_home.server.scim_url
    assert [directory["name"] for directory in in_cloud_home.well(INFO, id=key)["directories"]] == ["Lab"]
    assert in_cloud_home.well(INFO, name="none")["directories"] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ("name", "Give either")),
        ({"name": "Bakery"}, ("domains", "a new directory needs it")),
        ({"name": "Ba/kery", "domains": ["a.example.com"]}, ("name", "letters, digits")),
        ({"name": "x" * 129, "domains": ["a.example.com"]}, ("name", "128")),
        ({**ONE, "domains": []}, ("domains", "is empty")),
        ({**ONE, "default_domain": "third.example.com"}, ("default_domain", "none of the domains", "lab.example.com")),
        ({**ONE, "type": "JIT"}, ("type", "does not change it", "create it anew")),
        ({"id": "none", "name": "Bakery"}, ("id", "no directory 'none'")),
        ({"name": "Bakery", "domains": ["lab.example.com"]}, ("409", "domain.already.exists", "broker_directory_info")),
    ],
)
def test_mistakes(in_cloud_home: Home, options: Json, told: tuple[str, ...]) -> None:
    in_cloud_home.well(MODULE, **DIRECTORY)
    before = in_cloud_home.held()
    message = in_cloud_home.failed(MODULE, **options)
    for part in told:
        assert part in message
    assert in_cloud_home.held() == before


def test_what_the_broker_makes_of_it_is_not_believed(in_cloud_home: Home) -> None:
    home = in_cloud_home
    home.switches.native_change = {"source": "PING"}
    told = home.modules.run(MODULE, **DIRECTORY)
    assert (told["failed"], told["changed"]) == (True, True)
    assert "other values: source" in told["msg"]
    home.switches.native_change, home.switches.native_forget = {}, ["default_domain"]
    assert home.well(
        MODULE, **{**DIRECTORY, "name": "Two", "domains": ["two.example.com"], "default_domain": "two.example.com"}
    )["unverified"] == ["default_domain"]


@pytest.mark.parametrize(("taken", "settled"), [("vendor", "application/vnd.vmware"), ("json", "application/json")])
def test_media_types_old_and_new(home: Home, taken: Any, settled: str) -> None:
    home.switches.media_types = taken
    with home.sent() as requests:
        home.well(MODULE, **DIRECTORY)
    types = {each["type"] for each in requests if "directories" in each["path"]}
    assert all(name.startswith(settled) for name in types)
    # The list settles it, so nothing that writes was refused.
    assert not [seen for seen in home.server.requests if seen.method == "POST" and seen.status in (406, 415)]
    assert home.well(MODULE, **DIRECTORY, media_type=taken)["changed"] is False
    other = "vendor" if taken == "json" else "json"
    message = home.failed(MODULE, **DIRECTORY, media_type=other)
    assert "HTTP 406" in message
    assert "media_type" in message


def test_a_token_that_ends_in_the_midst_is_renewed(home: Home) -> None:
    home.switches.faults = [Fault(match="POST /directories$", kind="expire_token")]
    assert home.well(MODULE, **DIRECTORY)["operation"] == "create"


@pytest.mark.parametrize(
    ("offered", "told"),
    [("refused_401", "does not take the administrator's token"), ("refused_403", "HTTP 403"), ("missing", "HTTP 404")],
)
def test_a_broker_that_refuses(home: Home, offered: Any, told: str) -> None:
    home.switches.native_api = offered
    assert told in home.failed(MODULE, **DIRECTORY)
    assert home.server.writes() == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"base_url": None}, ("base_url", "WORKSPACE_ONE_URL")),
        ({"base_url": "http://localhost"}, ("base_url", "https")),
        ({"base_url": "https://localhost/acs"}, ("base_url", "more than a host")),
        ({"api_client_id": None}, ("api_client_id", "WORKSPACE_ONE_CLIENT_ID")),
        ({"api_client_secret": "not-the-secret"}, ("client id or the secret is wrong", "api_client_secret")),
    ],
)
def test_a_connection_that_is_wrong(in_cloud_home: Home, options: Json, told: tuple[str, ...]) -> None:
    message = in_cloud_home.failed(INFO, **options)
    for part in told:
        assert part in message


def test_a_client_whose_rule_sets_do_not_allow_it(in_cloud_home: Home, workspace_one: WorkspaceOne) -> None:
    body = {"client_id": "reader", "grant_types": ["client_credentials"], "scope": ["admin"]}
    workspace_one.services.place_client({**body, "rule_set_names": ["READ_ONLY_TENANT_ADMIN"]}, "secret-of-the-reader")
    reader = {"api_client_id": "reader", "api_client_secret": "secret-of-the-reader"}
    assert in_cloud_home.well(INFO, **reader)["directories"] == []
    message = in_cloud_home.failed(MODULE, **reader, **DIRECTORY)
    assert "HTTP 403" in message
    assert "rule set" in message


def test_another_name_of_the_host_is_told(in_cloud_home: Home, workspace_one: WorkspaceOne) -> None:
    address = workspace_one.base_url.replace("localhost", "127.0.0.1")
    message = in_cloud_home.failed(INFO, base_url=address)
    assert "HTTP 444" in message
    assert "base_url" in message
