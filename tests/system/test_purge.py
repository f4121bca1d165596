# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is not named goes, if that was asked for: never more than allowed, never from another domain, never by mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault, Provider
from simulator.switches import DEFAULT_PROVIDER_ID
from system.playbook import Json, Modules
from system.scenes import (
    OTHER_DOMAIN,
    Request,
    add,
    external_ids,
    held,
    person,
    provision,
    settled,
    watched,
)

NAMES = [f"u{number}" for number in range(8)]
STAYING, SURPLUS = NAMES[:5], NAMES[5:]
USERS = [{"username": name} for name in STAYING]
STRANGERS = {f"stranger@{OTHER_DOMAIN}", "u1-nowhere"}


@pytest.fixture
def full(appliance: Appliance) -> Appliance:
    """Eight of the domain, and two of others."""
    appliance.switches.providers = [Provider(), Provider(idp="other", name="Other", domains=[OTHER_DOMAIN])]
    for name in NAMES:
        add(appliance, name)
    add(appliance, "stranger", domain=OTHER_DOMAIN)
    appliance.add_user("u1-nowhere", "id-nowhere", domain="nobody.example.org")
    return appliance


def purge(modules: Modules, users: list[Json] | None = None, max_deletes: str | None = "3", **options: Any) -> Json:
    given = {"provider_id": DEFAULT_PROVIDER_ID, "purge": True, "max_deletes": max_deletes, **options}
    return provision(modules, USERS if users is None else users, **given)


def nothing_was_done(appliance: Appliance) -> None:
    assert (appliance.writes(), appliance.mintings()) == ([], [])
    assert held(appliance).keys() == {*NAMES, *STRANGERS}


def counted(modules: Modules, **options: Any) -> Json:
    """As a run, with its requests alone."""
    modules.appliance.clear_requests()
    return purge(modules, **options)


# How many


@pytest.mark.parametrize("limit", ["3", " 4 ", "38%", "100%", "999999999"])
def test_so_many_may_go(modules: Modules, full: Appliance, limit: str) -> None:
    result = purge(modules, max_deletes=limit)
    assert not result["failed"], result["msg"]
    assert held(full).keys() == {*STAYING, *STRANGERS}
    assert result["counts"]["delete"] == 3


@pytest.mark.parametrize(
    ("limit", "told"), [("2", "2"), ("0", "0"), ("0%", "0%, which is 0"), ("37%", "37%, which is 2")]
)
def test_more_than_allowed_is_refused(modules: Modules, full: Appliance, limit: str, told: str) -> None:
    for check in (True, False):
        said = purge(modules, max_deletes=limit, check=check)["msg"]
        assert f"purge would delete 3 of the 8 users of {DEFAULT_DOMAIN}, and max_deletes allows {told}: " in said
        for name in SURPLUS:
            assert name in said
        nothing_was_done(full)


def test_a_long_list_of_names_is_cut_short(modules: Modules, appliance: Appliance) -> None:
    for number in range(30):
        add(appliance, f"u{number:02}")
    said = purge(modules, [{"username": "u00"}], "5")["msg"]
    assert "and 19 more" in said
    assert len(said) < 1000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_deletes": None}, "max_deletes: is not given, and purge needs it"),
        ({"domain": None}, "domain: is not given, and purge needs it"),
        ({"domain": "elsewhere.example.org"}, "is not a domain of the identity provider"),
        ({"users": []}, "names nobody who is to stay"),
        ({"users": [{"username": name, "state": "absent"} for name in NAMES]}, "names nobody who is to stay"),
        ({"max_deletes": "101%"}, "is no limit"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused(modules: Modules, full: Appliance, options: Json, said: str) -> None:
    options = {"users": USERS, "domain": DEFAULT_DOMAIN, "max_deletes": "3", **options}
    assert said in modules.failed("scim_users", purge=True, provider_id=DEFAULT_PROVIDER_ID, **options)
    nothing_was_done(full)


def test_nobody_is_surplus(modules: Modules, full: Appliance) -> None:
    result = purge(modules, [{"username": name} for name in NAMES], "0")
    assert (result["failed"], result["changed"]) == (False, False)
    nothing_was_done(full)


def test_whom_the_task_wants_absent_does_not_count(modules: Modules, full: Appliance) -> None:
    users = [*USERS, {"username": "u5", "state": "absent"}, {"username": "u6", "state": "absent"}]
    result = purge(modules, users, "1")
    assert not result["failed"], result["msg"]
    assert held(full).keys() == {*STAYING, *STRANGERS}
    assert [user["purged"] for user in result["users"]] == [False] * 7 + [True]


def test_who_waits_is_neither_surplus_nor_kept(modules: Modules, full: Appliance) -> None:
    result = purge(modules, [*USERS, {"username": "newcomer"}], "3", missing_external_id="report")
    assert not result["failed"], result["msg"]
    assert (result["waiting"], result["counts"]["delete"]) == (["newcomer"], 3)
    assert held(full).keys() == {*STAYING, *STRANGERS}


def test_a_user_under_a_new_name_stays(modules: Modules, full: Appliance) -> None:
    users = [*USERS[1:], person("renamed", external_id="id-of-u0", rename=True)]
    result = purge(modules, users, "3")
    assert not result["failed"], result["msg"]
    assert external_ids(full)["renamed"] == "id-of-u0"
    assert held(full).keys() == {*STAYING[1:], "renamed", *STRANGERS}


# What is told


@pytest.mark.parametrize("action", ["delete", "deactivate"])
def test_a_purge_is_in_result_diff_and_summary(modules: Modules, full: Appliance, action: str) -> None:
    dry = purge(modules, check=True, purge_action=action)
    nothing_was_done(full)
    result = purge(modules, purge_action=action)
    assert not result["failed"], result["msg"]
    assert dry["diff"] == result["diff"]
    kind = "delete" if action == "delete" else "update"
    for told in (dry, result):
        purged = [user for user in told["users"] if user["purged"]]
        assert [user["username"] for user in purged] == [f"{name}@{DEFAULT_DOMAIN}" for name in SURPLUS]
        assert {user["operation"] for user in purged} == {kind}
        assert told["counts"][kind] == 3
        assert told["diff"]["before"].keys() == {f"{name}@{DEFAULT_DOMAIN}" for name in SURPLUS}
    if action == "delete":
        assert result["diff"]["after"] == {}
        assert {user["user"] for user in result["users"] if user["purged"]} == {None}
    else:
        assert {user["active"] for user in result["diff"]["after"].values()} == {False}
        assert {user["user"]["active"] for user in result["users"] if user["purged"]} == {False}
        assert {name for name, user in held(full).items() if not user["active"]} == set(SURPLUS)
    assert any("u5@lab.example.org" in line for line in result["summary"])
    settled(modules, USERS, provider_id=DEFAULT_PROVIDER_ID, purge=True, max_deletes="3", purge_action=action)


def test_who_is_inactive_already_is_not_counted(modules: Modules, full: Appliance) -> None:
    full.broker.reset()
    for name in NAMES:
        add(full, name, active=name not in ("u5", "u6"))
    result = purge(modules, max_deletes="1", purge_action="deactivate")
    assert not result["failed"], result["msg"]
    assert [user["username"] for user in result["users"] if user["purged"]] == [f"u7@{DEFAULT_DOMAIN}"]
    assert "allows 1" in purge(modules, max_deletes="1", users=USERS[:2], purge_action="deactivate")["msg"]


def test_a_deactivated_user_keeps_everything_else(modules: Modules, full: Appliance) -> None:
    before = held(full)["u7"]
    assert not purge(modules, purge_action="deactivate")["failed"]
    after = held(full)["u7"]
    assert {**before, "active": False, "meta": None} == {**after, "meta": None}


# When it is refused, or left out


def test_only_those_who_were_asked_to_log_in(modules: Modules, full: Appliance) -> None:
    result = purge(modules, login_attempts_of=["u0"])
    assert (result["failed"], result["changed"]) == (False, False)
    nothing_was_done(full)


def test_one_more_listing_than_without(modules: Modules, full: Appliance) -> None:
    given = {"token": full.mint(), "scim_url": full.scim_url, "check": False}

    def listings(**options: Any) -> int:
        full.clear_requests()
        result = provision(modules, [*USERS, person("newcomer", **options.pop("more"))], **given, **options)
        assert not result["failed"], result["msg"]
        return len([seen for seen in full.requests if seen.method == "GET" and seen.path.endswith("/Users")])

    without = listings(more={"given_name": "A"})
    assert listings(more={"given_name": "B"}, purge=True, max_deletes="3") == without + 1
    # Nobody is surplus any more.
    assert listings(more={"given_name": "C"}, purge=True, max_deletes="3") == without


@pytest.mark.parametrize("lie", [{"total_lies": 1}, {"list_changes": True, "page_cap": 3}])
def test_a_list_that_lies_deletes_nobody(modules: Modules, full: Appliance, lie: Json) -> None:
    full.switches.update(lie)
    assert "list" in purge(modules)["msg"]
    nothing_was_done(full)


def _adds(appliance: Appliance) -> None:
    add(appliance, "meanwhile")


def _changes(appliance: Appliance) -> None:
    appliance.broker.delete_user(held(appliance)["u6"]["id"], None)


def _renews(appliance: Appliance) -> None:
    appliance.broker.delete_user(held(appliance)["u6"]["id"], None)
    add(appliance, "u6", "another")


@pytest.mark.parametrize("meddle", [_adds, _changes, _renews])
@pytest.mark.parametrize("given", [True, False])
def test_two_readings_that_differ_delete_nobody(
    modules: Modules, full: Appliance, meddle: Callable[[Appliance], None], given: bool
) -> None:
    readings: list[Request] = []

    def second(request: Request) -> None:
        if request.path == "/Users" and request.method == "GET":
            readings.append(request)
            if len(readings) == 2:
                meddle(full)

    token = {"token": full.mint(), "scim_url": full.scim_url} if given else {}
    with watched(full, before=second) as traffic:
        result = purge(modules, max_deletes="5", **token)
    assert "Run it again" in result["msg"]
    assert ("nobody is purged" in result["msg"]) == given
    assert traffic.writes == []


def test_a_list_that_fails_the_second_time_deletes_nobody(modules: Modules, full: Appliance) -> None:
    readings: list[Request] = []

    def second(request: Request) -> int | None:
        readings.append(request)
        return 500 if len(readings) >= 2 and request.method == "GET" else None

    with watched(full, before=second) as traffic:
        assert "HTTP 500" in purge(modules)["msg"]
    assert traffic.writes == []


def test_one_who_cannot_be_deleted_is_told(modules: Modules, full: Appliance) -> None:
    full.switches.faults = [Fault(f"DELETE {held(full)['u6']['id']}", "503", times=10**6, retry_after=0)]
    result = purge(modules)
    assert "u6@lab.example.org" in result["msg"]
    assert [bool(user["error"]) for user in result["users"]] == [False] * 6 + [True, False]
    assert held(full).keys() == {*STAYING, "u6", *STRANGERS}
    full.switches.faults = []
    assert purge(modules, max_deletes="1")["counts"]["delete"] == 1


def test_one_who_is_gone_meanwhile_is_fine(modules: Modules, full: Appliance) -> None:
    key = held(full)["u6"]["id"]

    def delete(request: Request) -> None:
        if request.path.endswith(key):
            full.broker.delete_user(key, None)

    with watched(full, before=delete):
        assert not purge(modules)["failed"]
    assert held(full).keys() == {*STAYING, *STRANGERS}


def test_a_domain_that_is_not_told_is_left_alone(modules: Modules, full: Appliance) -> None:
    """Bare names without a domain, where the provider has several."""
    full.broker.reset()
    full.switches.update({"domain_returned": "none", "providers": [Provider(domains=[DEFAULT_DOMAIN, OTHER_DOMAIN])]})
    for name in NAMES[:6]:
        add(full, name)
    full.add_user("bare", "id-bare", domain=DEFAULT_DOMAIN)
    full.add_user(f"else@{OTHER_DOMAIN}", "id-else", domain=OTHER_DOMAIN)
    result = purge(modules, max_deletes="1")
    assert not result["failed"], result["msg"]
    assert held(full).keys() == {*STAYING, "bare", f"else@{OTHER_DOMAIN}"}
