# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that stumbles, and others who write at the same time: it ends as it was wanted, or it is said why not."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from system.playbook import Json, Modules
from system.scenes import (
    Request,
    add,
    add_group,
    converges,
    external_ids,
    held,
    journal,
    members,
    person,
    provision,
    settled,
    watched,
)

FOREVER = 10**6
MANY = [f"u{number:03}" for number in range(200)]


def crowd(count: int = 200) -> list[Json]:
    return [person(name) for name in MANY[:count]]


# Tokens


def test_a_token_that_ends_in_the_midst_is_minted_once_more(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault("POST /Users$", "expire_token", after=90)]
    with watched(appliance) as traffic:
        result = provision(modules, crowd(), concurrency=8)
    assert not result["failed"], result["msg"]
    assert result["counts"]["create"] == 200
    assert len(appliance.mintings()) == 2
    assert external_ids(appliance) == {name: f"id-of-{name}" for name in MANY}
    created = [request.target for request in traffic.writes]
    # Each thread that met the refusal tried the other scheme, and sent the same once more with the new token.
    assert len(set(created)) == 200
    assert len(created) <= 200 + 2 * 8
    settled(modules, crowd())


def test_somebody_else_who_mints_in_the_midst(modules: Modules, appliance: Appliance) -> None:
    def mint(request: Request) -> None:
        if request.number == 20:
            appliance.mint()

    with watched(appliance, before=mint):
        result = provision(modules, crowd(50))
    assert not result["failed"], result["msg"]
    assert (len(held(appliance)), len(appliance.mintings())) == (50, 2)


def test_somebody_else_who_mints_again_and_again(modules: Modules, appliance: Appliance) -> None:
    def mint(request: Request) -> None:
        if request.number in (20, 60, 100):
            appliance.mint()

    with watched(appliance, before=mint):
        result = provision(modules, crowd(100))
    assert result["failed"] is True
    assert result["changed"] is True
    assert len(appliance.mintings()) == 2
    errors = [user["error"] for user in result["users"]]
    not_tried = [error for error in errors if error and "was not tried" in error]
    assert len(not_tried) >= 20
    assert all("another process seems to mint" in error for error in not_tried)
    assert len(held(appliance)) >= 30
    for user in result["users"]:
        assert user["error"] or user["username"] in held(appliance)
    converges(modules, crowd(100))


def test_a_given_token_that_is_revoked_in_the_midst(modules: Modules, appliance: Appliance) -> None:
    def mint(request: Request) -> None:
        if request.number == 10:
            appliance.mint()

    given = {"token": appliance.mint(), "scim_url": appliance.scim_url}
    with watched(appliance, before=mint):
        result = provision(modules, crowd(40), **given)
    assert "The given token was refused" in result["msg"]
    assert appliance.mintings() == []
    assert len(result["msg"].splitlines()) <= 15
    converges(modules, crowd(40))


# One strike


OPERATIONS = ["create", "update", "rename", "delete", "recreate"]
WANTED = [
    person("newcomer"),
    person("changed", given_name="Other"),
    person("after", external_id="id-of-before", rename=True),
    {"username": "leaver", "state": "absent"},
    {"username": "anew", "external_id": "id-new", "recreate": True},
]


@pytest.fixture
def ids(appliance: Appliance) -> dict[str, str]:
    found = {name: add(appliance, name) for name in ("changed", "before", "leaver", "anew", "bystander")}
    add_group(appliance, "cooks", found["anew"], found["bystander"])
    return found


def everything_is_right(modules: Modules) -> None:
    appliance = modules.appliance
    assert external_ids(appliance) == {
        "newcomer": "id-of-newcomer",
        "changed": "id-of-changed",
        "after": "id-of-before",
        "anew": "id-new",
        "bystander": "id-of-bystander",
    }
    assert held(appliance)["changed"]["name"] == {"givenName": "Other", "familyName": "Baker"}
    assert held(appliance)["anew"]["name"] == {"givenName": "Anew", "familyName": "Baker"}
    assert held(appliance)["anew"]["emails"][0]["value"] == "anew@example.org"
    assert members(appliance, "cooks") == {"anew", "bystander"}
    assert journal(modules) == []


def strikes(ids: dict[str, str], kind: Any, **more: Any) -> list[Fault]:
    """Once at each write: both creations, the deletion before one of them, and the group that it is to come back to."""
    matches = [f"DELETE {ids['leaver']}", f"DELETE {ids['anew']}", f"PUT {ids['before']}", f"PUT {ids['changed']}"]
    matches.append("PATCH /Groups/")
    return [Fault("POST /Users$", kind, times=2, **more), *(Fault(match, kind, **more) for match in matches)]


@pytest.mark.parametrize(
    "kind", ["429", "503", "reset_before", "reset_after", "truncated", "html", "empty", "wrong_json"]
)
def test_one_strike_at_each_write_converges(
    modules: Modules, appliance: Appliance, ids: dict[str, str], kind: Any
) -> None:
    appliance.switches.faults = strikes(ids, kind, **({"retry_after": 0} if kind in ("429", "503") else {}))
    with watched(appliance) as traffic:
        result = provision(modules, WANTED)
    assert not result["failed"], result["msg"]
    assert all(fault.seen for fault in appliance.switches.faults)
    assert [user["operation"] for user in result["users"]] == OPERATIONS
    everything_is_right(modules)
    if kind != "429":  # The appliance has not looked at those.
        assert traffic.repeated_blindly() == []
    settled(modules, WANTED)


def test_a_server_that_hangs_once(modules: Modules, appliance: Appliance, ids: dict[str, str]) -> None:
    appliance.switches.faults = [Fault(f"PUT {ids['changed']}", "hang"), Fault("POST /Users$", "hang", after=1)]
    with watched(appliance) as traffic:
        result = provision(modules, WANTED, timeout=2)
    assert not result["failed"], result["msg"]
    everything_is_right(modules)
    assert traffic.repeated_blindly() == []


@pytest.mark.parametrize("form", ["seconds", "date", "nonsense"])
def test_what_a_busy_server_asks_for_is_kept(modules: Modules, appliance: Appliance, form: str) -> None:
    more: Json = {"retry_after": "soon" if form == "nonsense" else 1, "retry_as_date": form == "date"}
    appliance.switches.faults = [Fault("POST /Users$", "429", times=2, **more)]
    assert not provision(modules, crowd(10))["failed"]
    assert len(held(appliance)) == 10


def test_a_token_that_ends_between_deletion_and_creation(
    modules: Modules, appliance: Appliance, ids: dict[str, str]
) -> None:
    appliance.switches.faults = [Fault("POST /Users$", "expire_token")]
    with watched(appliance) as traffic:
        result = provision(modules, [WANTED[4]])
    assert not result["failed"], result["msg"]
    assert [request.path for request in traffic.writes if request.method == "DELETE"] == [f"/Users/{ids['anew']}"]
    assert external_ids(appliance)["anew"] == "id-new"
    assert members(appliance, "cooks") == {"anew", "bystander"}


# No end to it


@pytest.mark.parametrize("kind", ["503", "reset_before"])
def test_who_fails_for_good_does_not_stop_the_others(
    modules: Modules, appliance: Appliance, ids: dict[str, str], kind: Any
) -> None:
    more = {"times": FOREVER, "retry_after": 0}
    bad = [f"PUT {ids['changed']}", f"DELETE {ids['leaver']}", f"DELETE {ids['anew']}"]
    appliance.switches.faults = [Fault(match, kind, **more) for match in bad]
    result = provision(modules, WANTED)
    assert result["failed"] is True
    failed = [user["operation"] for user in result["users"] if user["error"]]
    assert failed == ["update", "delete", "recreate"]
    for user in result["users"]:
        if user["error"]:
            assert user["username"] in user["error"]
            assert user["user"]["given_name"] == user["username"].title(), "it is as it was"
    assert {"newcomer", "after"} <= held(appliance).keys()
    assert external_ids(appliance)["anew"] == "id-of-anew"
    assert journal(modules) == []
    assert len(result["msg"].splitlines()) <= 15
    appliance.switches.faults = []
    converges(modules, WANTED)
    everything_is_right(modules)


def test_a_hundred_failures_fit_a_screen(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.empty_family_name = "refused_400"
    users = [*(person(name, family_name="") for name in MANY[:100]), *(person(name) for name in MANY[100:120])]
    result = provision(modules, users, concurrency=2)
    assert result["msg"].startswith("100 of 120 users failed:")
    assert len(result["msg"].splitlines()) <= 15
    assert result["counts"]["error"] == 100
    # Refused one after the other, and yet those behind them are tried.
    assert held(appliance).keys() == set(MANY[100:120])
    assert len([seen for seen in appliance.writes() if seen.method == "POST"]) == 120


def test_a_server_that_is_gone_for_good(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault("* .", "reset_before", after=50, times=FOREVER)]
    result = provision(modules, crowd(), concurrency=2)
    assert result["failed"] is True
    # Eight for each thread, the reading back with its repetitions, and the logging out.
    assert len(appliance.requests) <= 50 + 16 + 2 + 4 + 1
    errors = [user["error"] or "" for user in result["users"]]
    assert len([error for error in errors if "was not tried: 16 requests in a row failed" in error]) >= 120
    written = [error for error in errors if "was written, but could not be read back" in error]
    assert len(written) >= 30
    assert all(errors), "of nobody it is known"
    assert len(result["msg"].splitlines()) <= 15
    assert any("may be left open" in warning for warning in result["warnings"])
    appliance.switches.faults = []
    converges(modules, crowd())
    assert held(appliance).keys() == set(MANY)


def test_a_server_that_writes_nothing_any_more(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault("POST /Users$", "503", after=20, times=FOREVER)]
    result = provision(modules, crowd(100), concurrency=2)
    errors = [user["error"] for user in result["users"] if user["error"]]
    assert (len(errors), len(held(appliance)), result["counts"]["create"]) == (80, 20, 20)
    # Four rounds of eight for each thread.
    assert len(appliance.writes()) <= 20 + 4 * (16 + 2) + 2
    assert len([error for error in errors if "was not tried" in error]) >= 60


# Lists


def test_a_list_that_changes_while_it_is_read(modules: Modules, appliance: Appliance) -> None:
    for name in MANY[:7]:
        add(appliance, name)
    appliance.switches.update({"list_changes": True, "page_cap": 3})
    result = provision(modules, crowd(20))
    assert "does not add up" in result["msg"]
    assert (appliance.writes(), appliance.mintings()) == ([], [])


def test_a_total_beyond_all_reason(modules: Modules, appliance: Appliance) -> None:
    for name in MANY[:3]:
        add(appliance, name)
    appliance.switches.total_lies = 5_000_000
    result = provision(modules, crowd(20))
    assert "does not add up" in result["msg"]
    assert len(appliance.requests) < 1000
    assert (appliance.writes(), appliance.mintings()) == ([], [])


def test_pages_of_odd_length(modules: Modules, appliance: Appliance) -> None:
    for name in MANY[:20]:
        add(appliance, name)

    def other_length(_request: Request) -> None:
        appliance.switches.page_cap = {5: 3, 3: 4}.get(appliance.switches.page_cap, 5)

    with watched(appliance, before=other_length):
        result = provision(modules, crowd(20))
    assert (result["failed"], result["changed"]) == (False, False)


@pytest.mark.parametrize("kind", ["503", "reset_before", "truncated", "wrong_json"])
def test_a_page_that_fails_once(modules: Modules, appliance: Appliance, kind: Any) -> None:
    for name in MANY[:5]:
        add(appliance, name)
    appliance.switches.page_cap = 2
    appliance.switches.faults = [Fault("GET /Users", kind, after=after) for after in (1, 5)]
    result = provision(modules, crowd(7))
    assert not result["failed"], result["msg"]
    assert held(appliance).keys() == set(MANY[:7])


# Others who write at the same time


@pytest.mark.parametrize("known", [True, False])
def test_a_user_whom_somebody_deletes_before_the_update(modules: Modules, appliance: Appliance, known: bool) -> None:
    key = add(appliance, "muffin", given_name="Old")
    wanted = person("muffin") if known else {"username": "muffin", "given_name": "New"}

    def delete(request: Request) -> None:
        if request.number == 1:
            appliance.broker.delete_user(key, None)

    with watched(appliance, before=delete):
        result = provision(modules, [wanted, person("scone")])
    assert external_ids(appliance)["scone"] == "id-of-scone"
    if known:
        assert (result["failed"], result["users"][0]["operation"]) == (False, "create")
        assert external_ids(appliance)["muffin"] == "id-of-muffin"
    else:
        assert "gone from the broker, and no external_id is given" in result["users"][0]["error"]
        assert "muffin" not in held(appliance)


@pytest.mark.parametrize(
    ("theirs", "operation", "said"),
    [
        ({"name": "muffin"}, "none", None),
        ({"name": "muffin", "given_name": "Other"}, "update", None),
        ({"name": "muffin", "external_id": "another"}, "none", "has ExternalId another in the broker"),
        ({"name": "cake", "external_id": "id-of-muffin"}, "none", "belongs to cake@lab.example.org"),
    ],
)
def test_a_user_whom_somebody_else_creates_first(
    modules: Modules, appliance: Appliance, theirs: Json, operation: str, said: str | None
) -> None:
    def create(request: Request) -> None:
        if request.body.get("externalId") == "id-of-muffin" and theirs["name"] not in held(appliance):
            add(appliance, **theirs)

    with watched(appliance, before=create):
        result = provision(modules, [person("muffin"), person("scone")])
    assert external_ids(appliance) == {
        theirs["name"]: theirs.get("external_id", "id-of-muffin"),
        "scone": "id-of-scone",
    }
    muffin = result["users"][0]
    if said:
        assert said in muffin["error"]
        return
    assert (muffin["error"], muffin["operation"]) == (None, operation)
    assert held(appliance)["muffin"]["name"]["givenName"] == "Muffin"


@pytest.mark.parametrize(
    ("theirs", "leave"),
    [
        ({"name": "muffin", "external_id": "another"}, {"recreate": True}),
        ({"name": "cake", "external_id": "id-of-muffin"}, {"rename": True}),
    ],
)
def test_nobody_is_deleted_or_renamed_who_was_not_in_the_plan(
    modules: Modules, appliance: Appliance, theirs: Json, leave: Json
) -> None:
    """The task allows both, yet the diff that was shown had nothing of it."""

    def create(request: Request) -> None:
        if request.writes and not held(appliance):
            add(appliance, **theirs)

    with watched(appliance, before=create):
        result = provision(modules, [person("muffin", **leave)])
    assert "somebody else made" in result["msg"]
    assert external_ids(appliance) == {theirs["name"]: theirs["external_id"]}
    converges(modules, [person("muffin", **leave)])
    assert external_ids(appliance) == {"muffin": "id-of-muffin"}


def test_an_external_id_from_the_log_is_nobody_elses_meanwhile(modules: Modules, appliance: Appliance) -> None:
    """Even where the task allows to rename, a login refused says nothing of who stands there now."""
    appliance.login("muffin")
    attempt = {
        "timestamp": "2026-02-04T15:05:23.412Z",
        "external_id": "id-from-log",
        "domains": [DEFAULT_DOMAIN],
        "outcome": "denied",
        "reason": "USER_NOT_FOUND",
        "source_ip": "192.0.2.10",
        "context_id": "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10",
        "malformed": False,
    }

    def create(request: Request) -> None:
        if request.writes and not held(appliance):
            add(appliance, "cake", "id-from-log")

    with watched(appliance, before=create):
        result = provision(
            modules, [{"username": "muffin"}], rename=True, login_attempts={"attempts": [attempt], "complete": True}
        )
    assert "belongs to cake@lab.example.org" in result["msg"]
    assert external_ids(appliance) == {"cake": "id-from-log"}
