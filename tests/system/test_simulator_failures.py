# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way a login can fail: how it is brought about, what stands afterwards, and what is in the logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import read_attempts
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_completeness import Completeness, judge
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_lines import login_lines
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_window import Window
from simulator import CASES, DEFAULT_DOMAIN, FAILURES, INVENTORY, PEOPLE, Appliance, Failure
from simulator.cli import main
from simulator.client import Caller
from simulator.failures import SILENT, WRONG_DOMAIN
from simulator.login_lines import PROVIDER_FAILURES
from simulator.permissions import READ_ONLY, Permission, Principal

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3} (?:INFO |WARN |ERROR) localhost:federation \([\w.-]+\) "
    rf"\[(?:CUSTOMER;-;[\d.]+;{UUID};-;(?P<context>-|{UUID})|-;-;-;-;-;-)\] (?P<logger>[\w.]+) - (?P<message>.+)"
)
STATES = [failure for failure in FAILURES if failure not in (*PROVIDER_FAILURES, *SILENT)]
SUB = PEOPLE["muffin"]


@pytest.fixture
def appliance(running_appliance: Appliance) -> Appliance:
    """Where muffin can log in and sees everything."""
    running_appliance.reset()
    running_appliance.add_user("muffin", SUB)
    running_appliance.permissions.create(
        Permission(Principal("USER", "muffin", DEFAULT_DOMAIN), READ_ONLY, propagating=True)
    )
    return running_appliance


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        caller.use(appliance.mint())
        yield caller


def messages(appliance: Appliance) -> list[str]:
    found = [LINE.fullmatch(line) for line in appliance.log_path.read_text().splitlines()]
    assert all(found)
    return [line["message"] for line in found if line]


def users(appliance: Appliance) -> list[tuple[str, str, bool]]:
    return [(user["userName"], user["externalId"], user["active"]) for user in appliance.broker.users]


# Between the broker and the provider

OIDC = "com.vmware.vidm.federation.authenticator.oidc"
RETRIEVING = f"Exception occurred while retrieving oidc tokens {OIDC}.OidcAuthenticationException: "


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (
            "refused_and_sent_back",
            [
                "Authorize request failed with error access_denied",
                f"{RETRIEVING}Authorize request failed with error access_denied",
            ],
        ),
        ("claim_missing", [f"{RETRIEVING}ID Token did not return expected nameId claim upn"]),
        (
            "key_or_trust",
            [
                "JWK skipped: use: sig != enc",
                "JWK skipped: use: sig != enc",
                "Token endpoint failed javax.net.ssl.SSLHandshakeException: PKIX path building failed: ",
                f"{RETRIEVING}Unable to get ID token and access token",
            ],
        ),
        (
            "client_secret",
            [
                "Token endpoint failed io.vertx.core.impl.NoStackTraceThrowable: invalid_client",
                f"{RETRIEVING}Unable to get ID token and access token",
            ],
        ),
        ("clock_skew", [f"{RETRIEVING}Invalid JWT token: nbf > now"]),
        ("clock_skew_expired", [f"{RETRIEVING}Expired JWT token: exp <= now"]),
    ],
)
def test_nobody_is_looked_up(appliance: Appliance, failure: Failure, told: list[str]) -> None:
    before = users(appliance)
    login = appliance.login("muffin", failure=failure, claim="upn")
    assert (login.allowed, login.reason, login.failure) == (False, None, failure)
    lines = messages(appliance)
    assert lines[0] == f"Created new login context with id: {login.context_id}"
    assert [line.startswith(start) for line, start in zip(lines[4:], told, strict=True)] == [True] * len(told)
    text = appliance.log_path.read_text()
    assert read_attempts(text) == []
    assert judge(login_lines(text), None, Window()) == Completeness()
    assert users(appliance) == before
    assert appliance.login("muffin").inventory == INVENTORY


@pytest.mark.parametrize("failure", sorted(SILENT))
def test_nothing_is_in_any_log(appliance: Appliance, failure: Failure) -> None:
    login = appliance.login("muffin", failure=failure)
    assert (login.allowed, login.reason, login.context_id, login.failure) == (False, None, "", failure)
    assert all(path.read_text() == "" for path in (appliance.log_path, appliance.vpxd_log, appliance.virgo_log))


def test_the_broker_is_down_until_it_is_up(appliance: Appliance, call: Caller) -> None:
    appliance.login("muffin", failure="broker_down")
    assert appliance.login("muffin").failure == "broker_down"
    for path in (f"{appliance.scim_url}/Users", "/federation/t/CUSTOMER/auth/login", "/acs/t/CUSTOMER/token"):
        answer = call("GET", path)
        assert (answer.status_code, answer.text) == (503, "no healthy upstream")
    call.log_in()
    assert call("GET", "/api/session").status_code == 200
    appliance.switches.broker_down = False
    assert appliance.login("muffin").allowed
    appliance.switches.broker_down = True
    appliance.reset()
    assert not appliance.switches.broker_down


# States of the appliance


@pytest.mark.parametrize("stands", [True, False])
@pytest.mark.parametrize("failure", [failure for failure in STATES if failure != "no_permission"])
def test_nobody_is_found(appliance: Appliance, failure: Failure, stands: bool) -> None:
    if not stands:
        appliance.reset()
    for _time in range(2):
        login = appliance.login("muffin", failure=failure)
        assert (login.allowed, login.reason, login.external_id) == (False, "USER_NOT_FOUND", SUB)
        (attempt, *_earlier) = read_attempts(appliance.log_path.read_text())
        assert (attempt.context_id, attempt.external_id, attempt.reason) == (login.context_id, SUB, login.reason)
        assert attempt.domains == (WRONG_DOMAIN if failure == "wrong_domain" else DEFAULT_DOMAIN,)
    found = users(appliance)
    if failure == "unknown_external_id":
        assert found == []
    else:
        ((name, external_id, active),) = found
        assert (name, active) == ("muffin", failure != "inactive")
        assert (external_id == SUB) == (failure != "other_external_id")
    if failure != "wrong_domain":
        assert not appliance.login("muffin").allowed


def test_who_is_let_in_without_a_permission(appliance: Appliance) -> None:
    group = {"displayName": "bakers", "members": [{"value": appliance.broker.users[0]["id"]}]}
    appliance.broker.groups.create(group, "")
    bakers = Principal("GROUP", "bakers", DEFAULT_DOMAIN)
    appliance.permissions.create(Permission(bakers, READ_ONLY, propagating=False))
    for _time in range(2):
        login = appliance.login("muffin", failure="no_permission")
        assert (login.allowed, login.permitted, login.inventory) == (True, False, [])
    assert appliance.login("muffin").inventory == []
    assert "NoPermission" in appliance.vpxd_log.read_text()
    assert len(appliance.permissions.all()) == 3  # those from the start


def test_one_state_after_the_other_is_still_one_user(appliance: Appliance) -> None:
    for failure in (*STATES, *reversed(STATES)):
        appliance.login("muffin", failure=failure)
        assert len(users(appliance)) == (failure != "unknown_external_id")


def test_the_domain_of_the_provider_counts_where_that_is_wanted(appliance: Appliance) -> None:
    assert not appliance.login("muffin", domain="third.example.org", failure="wrong_domain").allowed
    assert "domains: [third.example.org]" in appliance.log_path.read_text()
    assert appliance.login("muffin", domain=DEFAULT_DOMAIN.upper(), failure="wrong_domain").allowed
    assert appliance.login("muffin", domain="third.example.org").allowed


def test_a_failure_that_there_is_not(appliance: Appliance, call: Caller) -> None:
    known = ", ".join(FAILURES)
    with pytest.raises(ValueError, match=f"No failure 'tired'; known: {known}"):
        appliance.login("muffin", failure="tired")  # type: ignore[arg-type]
    answer = call("POST", f"{appliance.control_url}/login", json={"person": "muffin", "failure": "tired"})
    assert (answer.status_code, known in answer.text) == (400, True)
    login = call("POST", f"{appliance.control_url}/login", json={"person": "muffin", "failure": "inactive"}).json()
    assert (login["reason"], login["failure"], login["inventory"]) == ("USER_NOT_FOUND", "inactive", [])


# Many at once


def test_the_log_tells_the_truth_of_many(appliance: Appliance) -> None:
    appliance.reset()
    end = datetime.now(UTC)
    mixed = appliance.write_attempts(1500, 50, end=end, within=timedelta(minutes=1))
    assert set(mixed.by_person.values()) == {attempt.case for attempt in mixed.attempts} == set(CASES)
    assert len(mixed.attempts) == 1500
    text = appliance.log_path.read_text()
    found = {attempt.context_id: attempt for attempt in read_attempts(text, end.replace(tzinfo=None))}
    looked_up = {context: case for context, case in mixed.by_context.items() if case not in PROVIDER_FAILURES}
    assert found.keys() == looked_up.keys()
    for context, case in looked_up.items():
        denied = case not in ("allowed", "no_permission")
        assert found[context].reason == ("USER_NOT_FOUND" if denied else None)
    by_context = {attempt.context_id: attempt for attempt in mixed.attempts}
    assert all(attempt.external_id == by_context[context].external_id for context, attempt in found.items())
    lines = messages(appliance)
    assert len(lines) == text.count("\n")
    stamps = [line[:23] for line in text.splitlines()]
    assert stamps == sorted(stamps)
    contexts = [match["context"] for match in map(LINE.fullmatch, text.splitlines()) if match]
    changes = sum(1 for one, other in pairwise(contexts) if one != other)
    assert changes > 3 * len(mixed.by_context)  # each on its own would be two
    names = re.findall(r"\{Name: (\w+), Domain", appliance.virgo_log.read_text())
    let_in = [attempt.person for attempt in mixed.attempts if attempt.case in ("allowed", "no_permission")]
    assert names == let_in


def test_the_appliance_is_as_the_newest_attempts_say(appliance: Appliance) -> None:
    appliance.reset()
    mixed = appliance.write_attempts(80, 28)
    newest = {attempt.person: attempt.case for attempt in mixed.attempts}
    assert newest == mixed.by_person
    for person in mixed.people:
        failure: Failure | None = "wrong_domain" if person.case == "wrong_domain" else None
        login = appliance.login(person.name, sub=person.external_id, failure=failure)
        missing = person.case in ("unknown_external_id", "other_external_id", "inactive", "wrong_domain")
        assert login.allowed == (not missing)
        assert login.permitted == (not missing and person.case != "no_permission")
    (standing,) = [person for person in mixed.people[:14] if person.case == "other_external_id"]
    assert (standing.name, standing.standing_id, True) in users(appliance)


def test_the_same_seed_gives_the_same(appliance: Appliance) -> None:
    end = datetime(2026, 2, 4, 15, tzinfo=UTC)
    written = []
    for seed in (1, 1, 2):
        appliance.reset()
        mixed = appliance.write_attempts(60, 14, seed=seed, end=end)
        written.append((mixed, appliance.log_path.read_text()))
    assert written[0] == written[1]
    assert written[0] != written[2]


@pytest.mark.parametrize("wrong", [{"attempts": 3, "people": 4}, {"people": 0}, {"cases": []}])
def test_what_cannot_be_written(appliance: Appliance, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot"):
        appliance.write_attempts(**wrong)
    assert appliance.log_path.read_text() == ""
    assert len(users(appliance)) == 1


# Command


def test_the_command_lets_logins_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def simulator(*arguments: str) -> list[str]:
        assert main([*arguments, "--state", str(tmp_path)]) == 0
        return capsys.readouterr().out.splitlines()

    with Appliance(tmp_path, ssh=None) as appliance:
        assert simulator("login", "muffin", "--failure", "claim_missing") == ["denied (claim_missing)"]
        assert simulator("login", "muffin", "--failure", "inactive") == ["denied (USER_NOT_FOUND)"]
        silent = "denied (broker_down): nothing is in any log"
        assert simulator("login", "muffin", "--failure", "broker_down") == [silent]
        assert simulator("login", "muffin") == [silent]
        assert simulator("switch", "broker_down=false", "log_timezone=+02:00") == [
            "broker_down is false",
            'log_timezone is "+02:00"',
        ]
        assert simulator("login", "muffin") == ["denied (USER_NOT_FOUND)"]
        assert main(["switch", "page_cup=7", "--state", str(tmp_path)]) == 2
        appliance.reset()
        capsys.readouterr()
        told = simulator("attempts", "--attempts", "20")
        assert [line.split("  ")[1] for line in told] == list(CASES)
        assert main(["attempts", "--state", str(tmp_path)]) == 2
        assert "already" in capsys.readouterr().err
