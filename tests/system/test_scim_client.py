# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our SCIM client on servers that are right by RFC 7643, RFC 7644 and RFC 9865, and differ from the appliance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import (
    AnswerError,
    ListingError,
    UnreadableAnswerError,
    may_have_been_done,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import HttpClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._scim import ScimClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._scim_server import ScimServer
from simulator import Appliance
from simulator.switches import Fault

from .scenes import add, add_group

CONFIG = "/ServiceProviderConfig"


@pytest.fixture
def http(appliance: Appliance) -> Iterator[HttpClient]:
    with HttpClient(ca_path=str(appliance.ca_file), pause=lambda _seconds: None) as client:
        yield client


@pytest.fixture
def client(appliance: Appliance, http: HttpClient) -> ScimClient:
    return ScimClient(http, appliance.scim_url, appliance.mint(), "hzn")


def sent(appliance: Appliance) -> list[tuple[str, str, int]]:
    """The requests to SCIM: method, path below SCIM and status."""
    base = "/usergroup/t/CUSTOMER/scim/v2"
    return [
        (seen.method, seen.path.removeprefix(base), seen.status)
        for seen in appliance.requests
        if seen.path.startswith(base)
    ]


def retitled(title: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda now: {**now, "title": title}


# ServiceProviderConfig


def test_the_description_is_read_once_before_the_first_write(appliance: Appliance, client: ScimClient) -> None:
    key = add(appliance, "muffin")
    client.users()
    assert CONFIG not in [path for _method, path, _status in sent(appliance)]
    for title in ("Baker", "Chief baker"):
        client.update_user(key, "muffin", retitled(title))
    user = f"/Users/{key}"
    assert sent(appliance) == [
        ("GET", "/Users", 200),
        ("GET", CONFIG, 404),
        *[("GET", user, 200), ("PUT", user, 200)] * 2,
    ]


def test_clients_of_one_run_share_what_they_know(appliance: Appliance, http: HttpClient) -> None:
    server = ScimServer()
    for name in ("muffin", "scone"):
        client = ScimClient(http, appliance.scim_url, appliance.mint(), "hzn", server)
        client.delete_user(add(appliance, name), name)
    assert [path for _method, path, _status in sent(appliance)].count(CONFIG) == 1


def test_a_server_without_patch_is_not_asked_for_it(appliance: Appliance, client: ScimClient) -> None:
    appliance.switches.update({"service_provider_config": "offered", "patch_refused": True})
    key = add_group(appliance, "admins")
    with pytest.raises(AnswerError, match="its ServiceProviderConfig says that it has no PATCH") as caught:
        client.patch_group(key, {"Operations": []}, "admins")
    assert caught.value.status == 501
    assert not may_have_been_done(caught.value)
    assert sent(appliance) == [("GET", CONFIG, 200)]


@pytest.mark.parametrize("known", [False, True])
def test_the_largest_page_is_kept_to(appliance: Appliance, client: ScimClient, known: bool) -> None:
    for number in range(5):
        add(appliance, f"baker{number}")
    appliance.switches.update({"service_provider_config": "offered", "page_cap": 2, "large_count": "refused_400"})
    if known:
        client.delete_user("nobody", "nobody")
        appliance.clear_requests()
    assert len(client.users()) == 5
    refused = [("GET", "/Users", 400), ("GET", CONFIG, 200)]
    assert sent(appliance) == [*([] if known else refused), *[("GET", "/Users", 200)] * 3]


# Versions


@pytest.mark.parametrize("config", ["absent", "offered"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("refusal", [412, 428])
def test_a_version_that_is_demanded_is_sent(
    appliance: Appliance, client: ScimClient, config: str, header: bool, refusal: int
) -> None:
    key, group, leaver = add(appliance, "muffin"), add_group(appliance, "admins"), add(appliance, "scone")
    appliance.switches.update(
        {"etag": "required", "etag_refusal": refusal, "etag_header": header, "service_provider_config": config}
    )
    assert client.update_user(key, "muffin", retitled("Baker")) == (True, False)
    added = {"Operations": [{"op": "add", "path": "members", "value": [{"value": key}]}]}
    assert client.patch_group(group, added, "admins") == (True, False)
    assert client.update_group(group, "admins", lambda now: {**now, "displayName": "bakers"}) == (True, False)
    client.delete_user(leaver, "scone")
    assert [user["title"] for user in appliance.broker.users] == ["Baker"]
    (kept,) = [each for each in appliance.broker.groups.all() if each.name == "bakers"]
    assert list(kept.members) == [key]
    learned = 0 if header or config == "offered" else 1
    assert [status for _method, _path, status in sent(appliance)].count(refusal) == learned


def test_a_change_between_read_and_write_is_built_upon(appliance: Appliance, client: ScimClient) -> None:
    """The second document is made from the second read."""
    key = add(appliance, "muffin")
    appliance.switches.etag = "offered"
    seen: list[bool] = []

    def build(now: dict[str, Any]) -> dict[str, Any]:
        seen.append(now["active"])
        if len(seen) == 1:
            user = appliance.broker.user(key, None)
            appliance.broker.replace_user(key, {**user, "active": False}, None)
        return {**now, "title": "Baker"}

    assert client.update_user(key, "muffin", build) == (True, False)
    assert seen == [True, False]
    (user,) = appliance.broker.users
    assert (user["active"], user["title"]) == (False, "Baker")


def test_a_server_that_refuses_the_version_it_shows(appliance: Appliance, client: ScimClient) -> None:
    """It gets the document once without a version, and that is reported."""
    key = add(appliance, "muffin")
    appliance.switches.etag = "broken"
    assert client.update_user(key, "muffin", retitled("Baker")) == (True, True)
    assert [status for method, _path, status in sent(appliance) if method == "PUT"] == [412, 200]


def test_a_version_that_never_holds_ends(appliance: Appliance, client: ScimClient) -> None:
    key = add(appliance, "muffin")
    appliance.switches.etag = "offered"

    def build(now: dict[str, Any]) -> dict[str, Any]:
        appliance.broker.replace_user(key, appliance.broker.user(key, None), None)
        return now

    with pytest.raises(AnswerError, match="update the user muffin") as caught:
        client.update_user(key, "muffin", build)
    assert caught.value.status == 412
    assert not may_have_been_done(caught.value)


def test_without_a_sign_of_versions_none_is_sent(appliance: Appliance, client: ScimClient) -> None:
    """`meta.version` alone is no sign: vCenter shows it, and nobody knows what it does with If-Match."""
    key = add(appliance, "muffin")

    def build(now: dict[str, Any]) -> dict[str, Any]:
        appliance.broker.replace_user(key, appliance.broker.user(key, None), None)
        return {**now, "title": "Baker"}

    assert client.update_user(key, "muffin", build) == (True, False)


def test_nothing_to_write_is_not_written(appliance: Appliance, client: ScimClient) -> None:
    key = add(appliance, "muffin")
    assert client.update_user(key, "muffin", lambda _now: None) == (False, False)
    assert "PUT" not in [method for method, _path, _status in sent(appliance)]


def test_a_read_that_fails_before_a_write_is_no_write(appliance: Appliance, client: ScimClient) -> None:
    key = add(appliance, "muffin")
    appliance.switches.faults = [Fault(f"GET /Users/{key}", "503", times=10)]
    with pytest.raises(AnswerError, match="read the user muffin to update it") as caught:
        client.update_user(key, "muffin", retitled("Baker"))
    assert not may_have_been_done(caught.value)


# Lists


@pytest.mark.parametrize("pagination", ["cursor", "cursor_only"])
@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_cursors_are_followed(
    appliance: Appliance, client: ScimClient, pagination: str, totals: bool, number: int
) -> None:
    names = [f"baker{position}" for position in range(number)]
    for name in names:
        add(appliance, name)
    appliance.switches.update(
        {
            "pagination": pagination,
            "page_cap": 2,
            "cursor_totals": totals,
            "service_provider_config": "offered",
        }
    )
    assert sorted(user["externalId"] for user in client.users()) == [f"id-of-{name}" for name in names]


def test_a_first_page_is_never_taken_for_the_whole_list(appliance: Appliance, client: ScimClient) -> None:
    """Neither where there may be a next page, nor where the cursor leads nowhere."""
    for number in range(5):
        add(appliance, f"baker{number}")
    appliance.switches.update({"pagination": "cursor", "cursor_totals": False})
    with pytest.raises(UnreadableAnswerError, match="totalResults is missing"):
        client.users()
    appliance.switches.update({"page_repeats": True, "page_cap": 2})
    with pytest.raises(ListingError):
        client.users()
    appliance.switches.update({"pagination": "cursor_only", "page_repeats": False})
    with pytest.raises(AnswerError, match="startIndex is not supported"):
        client.users()


@pytest.mark.parametrize("spelling", ["lower", "upper"])
def test_names_in_another_case_are_read_and_sent_back(appliance: Appliance, client: ScimClient, spelling: str) -> None:
    key = add(appliance, "muffin")
    add_group(appliance, "admins", key)
    appliance.switches.attribute_names = spelling  # type: ignore[assignment]
    (user,) = client.users()
    assert (user["userName"], user["externalId"]) == ("muffin@lab.example.org", "id-of-muffin")
    assert user["name"] == {"givenName": "Muffin", "familyName": "Baker"}
    assert {group["display"] for group in user["groups"]} == {"ALL_USERS", "admins"}
    client.update_user(key, "muffin", lambda now: {**now, "displayName": "M."})
    assert appliance.broker.users[0]["displayName"] == "M."
    (admins,) = [group for group in client.groups() if group["displayName"] == "admins"]
    assert [member["value"] for member in client.group(admins["id"], "admins")["members"]] == [key]


# 429


def test_a_wait_that_is_too_long_is_an_error_with_the_wait(appliance: Appliance, client: ScimClient) -> None:
    appliance.switches.faults = [Fault("GET /Users", "429", retry_after=3600)]
    with pytest.raises(AnswerError, match=r"asks to wait 3600 s .* 300 s at most") as caught:
        client.users()
    assert caught.value.status == 429
    assert len(sent(appliance)) == 1


def test_a_server_may_ask_for_patience_more_often_than_we_try(appliance: Appliance, client: ScimClient) -> None:
    appliance.switches.faults = [Fault("GET /Users", "429", retry_after=1, times=10)]
    assert client.users() == []
    assert len(sent(appliance)) == 11
