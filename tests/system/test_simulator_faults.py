# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the appliance can be told to do wrong, and how it is told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from simulator import PEOPLE, WS1B_SCHEMA, Appliance, Fault, Switches
from simulator.client import Caller, person


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        caller.use(appliance.mint())
        yield caller


# Lies and faults


def test_writes_that_are_not_what_they_seem(appliance: Appliance, call: Caller) -> None:
    appliance.switches.update(
        {
            "forget_attribute": ["emails", "name.givenName"],
            "change_attribute": {"displayName": "Crumpet", "domain": "example.net"},
        }
    )
    user = call.scim("POST", "/Users", person()).json()
    assert "emails" not in user
    assert user["name"] == {"familyName": ""}
    assert user["displayName"] == "Crumpet"
    assert user[WS1B_SCHEMA]["domain"] == "example.net"
    appliance.switches.lose_write = True
    lost = call.scim("POST", "/Users", person("crumpet"))
    assert lost.status_code == 201
    assert call.scim("GET", f"/Users/{lost.json()['id']}").status_code == 404
    assert call.scim("DELETE", f"/Users/{user['id']}").status_code == 204
    assert len(appliance.broker.users) == 1


def test_a_fault_strikes_the_request_it_names(appliance: Appliance, call: Caller) -> None:
    appliance.switches.faults = [Fault("GET /Users", "429", after=1, times=2, retry_after=3)]
    statuses = [call.scim("GET", "/Users").status_code for _time in range(4)]
    assert statuses == [200, 429, 429, 200]
    appliance.switches.faults = [Fault("* sync-client[?]action", "503", retry_after="a date")]
    assert call.scim("GET", "/Users").status_code == 200
    call.log_in()
    answer = call.generate()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "a date")
    assert call.generate().status_code == 200


def test_a_fault_may_come_again_and_again(appliance: Appliance, call: Caller) -> None:
    appliance.switches.faults = [
        Fault("GET /Users", "503", every=4),
        Fault("GET /Users", "429", every=4, after=2, retry_after=7),
    ]
    statuses = [call.scim("GET", "/Users").status_code for _time in range(16)]
    assert statuses == [200, 200, 200, 503, 200, 429, 200, 503, 200, 429, 200, 503, 200, 429, 200, 503]
    with pytest.raises(ValueError, match="every"):
        Fault("GET", "503", every=0)


def test_the_time_to_wait_may_be_a_date(appliance: Appliance, call: Caller) -> None:
    fault = {"match": "GET /Users", "kind": "429", "retry_after": 60, "retry_as_date": True}
    appliance.switches.update({"faults": [fault]})
    asked = time.time()
    date = parsedate_to_datetime(call.scim("GET", "/Users").headers["Retry-After"]).timestamp()
    assert asked + 59 <= date <= time.time() + 60
    with pytest.raises(ValueError, match="retry_after"):
        Fault("GET", "429", retry_after="soon", retry_as_date=True)


@pytest.mark.parametrize(
    ("kind", "carried_out"),
    [("reset_before", False), ("reset_after", True), ("truncated", True)],
)
def test_broken_connections(appliance: Appliance, call: Caller, kind: str, carried_out: bool) -> None:
    appliance.switches.update({"faults": [{"match": "POST /Users", "kind": kind}]})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        call.scim("POST", "/Users", person())
    assert bool(appliance.broker.users) == carried_out
    assert appliance.requests[-1].status == (201 if kind == "truncated" else 0)
    assert call.scim("GET", "/Users").status_code == 200


@pytest.mark.parametrize(
    ("kind", "text", "carried_out"),
    [("html", "<!DOCTYPE html>", False), ("empty", "", True), ("wrong_json", "unexpected", True)],
)
def test_bodies_that_nobody_expects(
    appliance: Appliance, call: Caller, kind: str, text: str, carried_out: bool
) -> None:
    appliance.switches.update({"faults": [{"match": "POST /Users", "kind": kind}]})
    answer = call.scim("POST", "/Users", person())
    assert text in answer.text
    assert len(answer.text) > 0 or kind == "empty"
    assert bool(appliance.broker.users) == carried_out


def test_a_token_may_end_in_the_midst(appliance: Appliance, call: Caller) -> None:
    appliance.switches.faults = [Fault("GET /Users", "expire_token", after=1)]
    statuses = [call.scim("GET", "/Users").status_code for _time in range(3)]
    assert statuses == [200, 401, 401]
    assert appliance.current_sync_token is None


def test_waiting(appliance: Appliance, call: Caller) -> None:
    appliance.switches.latency_ms = 120
    begin = time.monotonic()
    call.scim("GET", "/Users")
    assert time.monotonic() - begin >= 0.12
    appliance.switches.update({"latency_ms": 0, "faults": [Fault("GET /Users", "hang")]})
    with pytest.raises(requests.ReadTimeout):
        call.scim("GET", "/Users", timeout=0.2)


def test_who_gives_up_waiting_leaves_room_for_others(appliance: Appliance, call: Caller) -> None:
    threads = 24  # of the server
    appliance.switches.faults = [Fault("GET /Users", "hang", times=threads)]
    for _time in range(threads):
        with pytest.raises(requests.ReadTimeout):
            call.scim("GET", "/Users", timeout=0.05)
    assert call.scim("GET", "/Users").status_code == 200


def test_stopping_does_not_wait_for_those_who_hang() -> None:
    with Appliance(ssh=None, switches=Switches(faults=[Fault("GET", "hang")])) as appliance:
        caller = Caller(appliance)
        with pytest.raises(requests.ReadTimeout):
            caller("GET", "/api/session", timeout=0.2)
        caller.http.close()
        begin = time.monotonic()
    assert time.monotonic() - begin < 5


# Control


def test_switches_refuse_what_they_do_not_know(appliance: Appliance) -> None:
    with pytest.raises(AttributeError):
        appliance.switches.page_cup = 3
    for name, value in (("page_cap", "3"), ("token_shape", "round"), ("create_status", 418)):
        with pytest.raises(ValueError, match=name):
            appliance.switches.update({"lose_write": True, name: value})
    assert appliance.switches == Switches()


def test_control_over_https(appliance: Appliance, call: Caller) -> None:
    def control(method: str, path: str, **body: Any) -> Any:
        return call(method, f"{appliance.control_url}/{path}", json=body or None).json()

    assert control("PUT", "switches", page_cap=5)["page_cap"] == 5
    assert "page_cup" in control("PUT", "switches", page_cup=5)["error"]
    assert control("POST", "login", person="muffin")["reason"] == "USER_NOT_FOUND"
    user = control("POST", "users", username="muffin", external_id=PEOPLE["muffin"])
    assert control("GET", "users") == [user]
    assert control("POST", "login", sub=PEOPLE["muffin"])["allowed"] is True
    call.scim("DELETE", f"/Users/{user['id']}")
    seen = control("GET", "requests")
    assert [row["method"] for row in seen["requests"]] == ["DELETE"]
    assert seen["writes"] == seen["requests"]
    control("DELETE", "requests")
    assert appliance.requests == []
    control("POST", "noise", lines=7)
    assert control("POST", "rotate", compress=True)["path"].endswith(".1.gz")
    state = control("GET", "state")
    assert state["switches"]["page_cap"] == 5
    assert appliance.password not in json.dumps(state)
    assert control("POST", "mint")["token"] == appliance.current_sync_token
    assert appliance.current_sync_token in control("GET", "secrets")
    control("POST", "reset")
    assert appliance.switches.page_cap == 100
