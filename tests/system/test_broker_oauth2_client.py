# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""broker_oauth2_client and its info, in both homes: made, unchanged, changed, its secret rotated, deleted, and mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import Fault
from system.homes import CLIENT, Home
from system.playbook import Json

MODULE, INFO = "broker_oauth2_client", "broker_oauth2_client_info"
ONE = {"client_id": CLIENT["client_id"]}
NEXT = "the-next-secret-of-the-client"


def accepts(home: Home, secret: str) -> bool:
    client = home.services.client_named(CLIENT["client_id"])
    return client is not None and client.accepts(secret)


@pytest.mark.parametrize("key", ["both", "id", "client_id"])
def test_made_and_then_unchanged(home: Home, key: Any) -> None:
    home.switches.client_key = key
    made = home.converges(MODULE, **CLIENT)
    assert (made["operation"], made["rotation"], made["secret"]) == ("create", "none", None)
    assert made["diff"]["after"]["secret"] == "(set)"
    assert accepts(home, CLIENT["secret"])
    assert CLIENT["secret"] not in str(made)
    client = made["client"]
    told = {name: client[name] for name in CLIENT if name != "secret"}
    assert told == {name: value for name, value in CLIENT.items() if name != "secret"}
    assert home.well(INFO, client_id=CLIENT["client_id"])["clients"] == [client]
    gone = home.converges(MODULE, **ONE, state="absent")
    assert (gone["operation"], gone["client"]) == ("delete", None)


def test_a_secret_that_the_broker_makes_up_is_returned_once(in_cloud_home: Home) -> None:
    options = {name: value for name, value in CLIENT.items() if name != "secret"}
    made = in_cloud_home.well(MODULE, **options)
    assert accepts(in_cloud_home, made["secret"])
    assert in_cloud_home.well(MODULE, **options)["secret"] is None


def test_each_field_changes_alone(in_cloud_home: Home) -> None:
    in_cloud_home.well(MODULE, **CLIENT)
    values: list[tuple[str, Any]] = [
        ("grant_types", ["client_credentials", "password"]),
        ("scope", ["admin", "openid"]),
        ("redirect_uris", ["https://app.example.org/cb"]),
        ("redirect_uris", []),
        ("post_logout_redirect_uris", ["https://app.example.org/out"]),
        ("rule_set_names", ["READ_ONLY_TENANT_ADMIN"]),
        ("rule_set_names", []),
        ("access_token_ttl", 60),
        ("refresh_token_ttl", 600),
        ("refresh_token_ttl", 0),
        ("refresh_token_idle_ttl", 0),
    ]
    in_cloud_home.changes_alone(MODULE, "client", ONE, [(name, {name: value}) for name, value in values])
    assert accepts(in_cloud_home, CLIENT["secret"])


@pytest.mark.parametrize("revoke", [True, False])
def test_tokens_end_with_a_rule_set_or_not(in_cloud_home: Home, revoke: bool) -> None:
    in_cloud_home.well(MODULE, **CLIENT)
    token = in_cloud_home.server.state.issue("read", client=CLIENT["client_id"], rules=("IDP_AND_DIRECTORY_ADMIN",))
    in_cloud_home.well(MODULE, **ONE, rule_set_names=[], revoke_token_on_rule_set_removal=revoke)
    assert token.revoked is revoke


def test_a_secret_is_rotated_in_two_steps(in_cloud_home: Home) -> None:
    in_cloud_home.well(MODULE, **CLIENT)
    start = {"secret_rotation": "started", "secondary_secret": NEXT, "primary_secret_auto_retire_duration": 60}
    checked = in_cloud_home.well(MODULE, check=True, **ONE, **start)
    assert not accepts(in_cloud_home, NEXT)
    started = in_cloud_home.well(MODULE, **ONE, **start)
    assert (started["rotation"], started["operation"], started["changed"]) == ("start", "none", True)
    assert started["diff"] == checked["diff"]
    assert started["diff"]["after"] == {"rotate_secret": True, "secondary_secret": "(set)"}
    assert started["client"]["rotate_secret"] is True
    assert started["client"]["primary_secret_auto_retires_at"] > 0
    assert accepts(in_cloud_home, NEXT)
    assert accepts(in_cloud_home, CLIENT["secret"])
    assert NEXT not in str(started)
    assert in_cloud_home.well(MODULE, **ONE, **start)["changed"] is False
    finished = in_cloud_home.well(MODULE, **ONE, secret_rotation="finished")
    assert (finished["rotation"], finished["client"]["rotate_secret"]) == ("retire", False)
    assert accepts(in_cloud_home, NEXT)
    assert not accepts(in_cloud_home, CLIENT["secret"])
    assert in_cloud_home.well(MODULE, **ONE, secret_rotation="finished")["changed"] is False


@pytest.mark.parametrize("in_progress", [False, True])
def test_a_secret_is_replaced_in_each_run(in_cloud_home: Home, in_progress: bool) -> None:
    in_cloud_home.well(MODULE, **CLIENT)
    if in_progress:
        in_cloud_home.well(MODULE, **ONE, secret_rotation="started", secondary_secret="another-secret-of-it")
    replaced = in_cloud_home.well(MODULE, **ONE, secret=NEXT, update_secret="always")
    assert (replaced["rotation"], replaced["changed"]) == ("replace", True)
    assert replaced["diff"] == {"before": {"secret": "(set)"}, "after": {"secret": "(set anew)"}}
    assert accepts(in_cloud_home, NEXT)
    assert not accepts(in_cloud_home, CLIENT["secret"])
    assert in_cloud_home.well(MODULE, **ONE, secret=NEXT)["changed"] is False


@pytest.mark.parametrize(("start_index", "shape"), [("item", "value"), ("page", "items")])
def test_a_long_list_comes_in_pages(in_cloud_home: Home, start_index: Any, shape: Any) -> None:
    home = in_cloud_home
    home.switches.start_index, home.switches.page_cap, home.switches.native_list = start_index, 2, shape
    for number in range(5):
        body = {"client_id": f"client{number}", "grant_types": ["client_credentials"], "scope": ["admin"]}
        home.services.place_client(body, f"secret-of-client-{number}")
    clients = home.well(INFO)["clients"]
    assert [each["client_id"] for each in clients][-5:] == [f"client{number}" for number in range(5)]
    assert home.well(MODULE, client_id="client4", access_token_ttl=5)["operation"] == "update"


def test_what_was_done_when_it_broke_is_told(in_cloud_home: Home) -> None:
    in_cloud_home.well(MODULE, **CLIENT)
    in_cloud_home.switches.faults = [Fault(match="POST action=start", kind="503", times=9)]
    rotation = {"secret_rotation": "started", "secondary_secret": NEXT}
    result = in_cloud_home.modules.run(MODULE, **ONE, **rotation, access_token_ttl=5)
    assert (result["failed"], result["changed"]) == (True, True)
    assert "Some of it was done" in result["msg"]
    assert in_cloud_home.well(INFO, **ONE)["clients"][0]["access_token_ttl"] == 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"client_id": "new"}, ("grant_types", "needs it")),
        ({"client_id": "not a name"}, ("client_id", "letters, digits")),
        ({**ONE, "scope": []}, ("scope", "is empty")),
        ({**ONE, "grant_types": ["authorization_code"]}, ("redirect_uris", "needs one")),
        ({**ONE, "access_token_ttl": 0}, ("access_token_ttl", "minutes")),
        ({**ONE, "secret_rotation": "started"}, ("secondary_secret", "needed")),
        ({**ONE, "update_secret": "always"}, ("secret", "needed")),
        ({**ONE, "primary_secret_auto_retire_duration": 10081}, ("primary_secret_auto_retire_duration", "10080")),
        ({"client_id": "api-bootstrap-client", "state": "absent"}, ("client_id", "itself signs in with")),
        (
            {"client_id": "new", "grant_types": ["refresh_token"], "scope": ["admin"]},
            ("HTTP 400", "refresh.token.ttl.missing"),
        ),
    ],
)
def test_mistakes(in_cloud_home: Home, options: Json, told: tuple[str, ...]) -> None:
    in_cloud_home.well(MODULE, **CLIENT)
    before = in_cloud_home.held()
    message = in_cloud_home.failed(MODULE, **options)
    for part in told:
        assert part in message
    assert in_cloud_home.held() == before
