# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way a login can fail, brought about and named; in logs of many, nothing is named that is not the case."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_reader import Request, read_log
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_result import log_result
from simulator import DEFAULT_DOMAIN, FAILURES, PEOPLE, Appliance, Failure, PocketId
from system.module_process import Json
from system.playbook import Modules
from system.scenes import add

# What is called a failure there is what a diagnosis calls a case here.
CASES = {
    "refused_and_sent_back": "refused_at_provider",
    "clock_skew_expired": "clock_skew",
    "unknown_external_id": "user_not_found",
    "other_external_id": "external_id_differs",
}
WITHOUT_PROVIDER = {"unknown_external_id": "unknown_external_id", "other_external_id": "unknown_external_id"}


def logins(appliance: Appliance) -> Json:
    """What C(externalid_fact) returns, read without SSH."""

    def execute(command: str) -> tuple[str, str]:
        ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
        return ran.stdout.decode(errors="surrogateescape"), ran.stderr.decode()

    request = Request(
        str(appliance.log_path), denied_only=False, limit=0, evidence=True, client_log_path=str(appliance.virgo_log)
    )
    found: Json = json.loads(json.dumps(log_result(read_log(request, execute))))
    return found


def diagnose(modules: Modules, appliance: Appliance, *users: str, **options: Any) -> Json:
    return modules.well(
        "login_diagnosis_info",
        login_attempts=logins(appliance),
        users=list(users),
        domain=DEFAULT_DOMAIN,
        **{"limit": 0, **options},
    )


def cases(result: Json) -> list[str]:
    return [finding["case"] for finding in result["findings"]]


@pytest.fixture
def bakery(pocket_id: PocketId) -> PocketId:
    """Who signs in at Pocket ID has there the id that the appliance's people have."""
    for name, sub in PEOPLE.items():
        pocket_id.add_user(name, sub, f"{name}@example.org", first_name=name.title(), last_name="Baker")
    pocket_id.add_group("vcenter", members=["muffin", "crumpet"])
    pocket_id.add_client("vCenter", "vcenter", groups=["vcenter"])
    return pocket_id


def pocket_id_says(modules: Modules, bakery: PocketId, **options: Any) -> Json:
    modules.pocket_id = bakery
    people = modules.well("pocket_id_user_info", client_id="vcenter", **options)
    del people["invocation"]
    return people


def settle(appliance: Appliance) -> None:
    """Time goes on in the log: what is not refused within seconds was allowed."""
    appliance.login(sub="id-of-a-later-login", at="2099-01-01T00:00:00+00:00")


@pytest.mark.parametrize("attribute", ["userName", "email"])
def test_a_look_up_by_another_attribute_is_a_case_of_its_own(
    modules: Modules, appliance: Appliance, attribute: str
) -> None:
    appliance.login(sub="muffin@example.org", attribute=attribute)
    for users, expected in (([], ["other_attribute"]), (["muffin"], ["other_attribute", "user_not_found"])):
        result = diagnose(modules, appliance, *users)
        assert cases(result) == expected
        assert result["findings"][0]["username"] is None
        assert attribute in result["findings"][0]["finding"]
        assert "ExternalId" in result["findings"][0]["next_step"]
    appliance.log.reset()
    appliance.login(sub="id-of-somebody", attribute="ExternalID")
    assert cases(diagnose(modules, appliance)) == ["unknown_external_id"]


@pytest.mark.parametrize("failure", FAILURES)
def test_each_failure_is_named_with_the_word_of_pocket_id(
    modules: Modules, bakery: PocketId, appliance: Appliance, failure: Failure
) -> None:
    name = "scone" if failure == "refused_at_provider" else "muffin"
    appliance.login(name, failure=failure)
    settle(appliance)
    result = diagnose(modules, appliance, name, provider_users=pocket_id_says(modules, bakery))
    wanted = CASES.get(failure, failure)
    assert wanted in cases(result)
    (found, *_others) = [finding for finding in result["findings"] if finding["case"] == wanted]
    assert found["finding"] in result["summary"]
    assert f"  next: {found['next_step']}" in result["summary"]
    if failure not in ("broker_down", "refused_at_provider", "no_permission"):
        assert found["evidence"]
        assert all(each["line"] and each["time"] for each in found["evidence"])
    told = [finding["command"] for finding in result["findings"] if finding["command"]]
    assert not [command for command in told if any(sub in command for sub in PEOPLE.values())]


@pytest.mark.parametrize("failure", sorted(set(FAILURES) - {"refused_at_provider", "broker_down"}))
def test_each_failure_is_named_by_its_login_without_pocket_id(
    modules: Modules, appliance: Appliance, failure: Failure
) -> None:
    appliance.login("muffin", failure=failure)
    result = diagnose(modules, appliance)
    assert cases(result)[0] == {**CASES, **WITHOUT_PROVIDER}.get(failure, failure).replace("no_permission", "unknown")
    if failure in WITHOUT_PROVIDER:
        (finding,) = result["findings"]
        assert finding["username"] is None
        assert "muffin" not in json.dumps(finding)


@pytest.mark.parametrize("asked", [True, False])
def test_a_mixed_log_names_nobody_wrongly(
    modules: Modules, bakery: PocketId, appliance: Appliance, asked: bool
) -> None:
    mixed = appliance.write_attempts(600, 60, seed=3)
    options: Json = {}
    if asked:
        for person in mixed.people:
            bakery.add_user(person.name, person.external_id)
            if person.case != "refused_at_provider":
                bakery.join("vcenter", person.name)
        options["provider_users"] = pocket_id_says(modules, bakery)
    result = diagnose(modules, appliance, *(person.name for person in mixed.people), **options)
    found = {finding["username"]: finding["case"] for finding in result["findings"] if finding["username"]}
    # Of whom nothing is in the log, or only lines that name nobody, nothing is claimed.
    silent = {
        "unknown_external_id": "user_not_found",
        "other_external_id": "external_id_differs" if asked else "never_reached",
        "inactive": "inactive",
        "wrong_domain": "wrong_domain",
        "no_permission": "no_permission",
        "allowed": "allowed",
        "refused_at_provider": "refused_at_provider" if asked else "never_reached",
    }
    told = Counter((person.case, found[person.name]) for person in mixed.people)
    assert {(case, name) for case, name in told if silent.get(case, "never_reached") != name} <= {
        ("allowed", "unknown")
    }
    assert {"claim_missing", "key_or_trust", "clock_skew", "refused_at_provider"} <= set(cases(result))


@pytest.mark.parametrize("hostname", ["localhost", None])
def test_permissions_are_not_looked_at_without_a_log_in(
    modules: Modules, appliance: Appliance, hostname: str | None
) -> None:
    add(appliance, "muffin")
    bare: Json = {"hostname": hostname, "username": None, "password": None}
    access: Json = {"token": appliance.mint(), "scim_url": None if hostname else appliance.scim_url}
    result = modules.well("login_diagnosis_info", users=["muffin"], **bare, **access)
    assert cases(result) == ["never_reached"]
    assert any("Permissions were not looked at" in warning for warning in result["warnings"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"users": [7]}, "Quote it"),
        ({"limit": -1}, "limit: -1 is out of range"),
        ({"login_attempts": {"attempts": [], "complete": True}}, "evidence: true"),
        ({"login_attempts": {}}, "externalid_fact"),
        ({"provider_users": {"users": []}}, "pocket_id_user_info"),
    ],
)
def test_mistakes(modules: Modules, options: Json, told: str) -> None:
    assert told in modules.failed("login_diagnosis_info", **options)


def test_a_name_that_two_have_is_told(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "muffin")
    add(appliance, "muffin", "other-id", domain="other.example.org")
    message = modules.failed("login_diagnosis_info", users=["muffin"])
    assert "muffin@lab.example.org, muffin@other.example.org" in message
    assert modules.well("login_diagnosis_info", users=["muffin@other.example.org"])["findings"]


def test_a_name_that_a_shell_would_take_for_its_own_is_in_no_command(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "muffin;reboot", "id-1")
    add(appliance, "{{crumpet}}", "id-2")
    result = modules.well("login_diagnosis_info", users=["muffin;reboot", "{{crumpet}}"])
    assert cases(result) == ["no_permission", "no_permission"]
    assert [finding["command"] for finding in result["findings"]] == [None, None]


@pytest.mark.parametrize("spelling", ["name", "qualified"])
def test_a_permission_in_another_spelling_has_no_effect(modules: Modules, appliance: Appliance, spelling: Any) -> None:
    appliance.switches.principal_spelling = spelling
    add(appliance, "muffin", PEOPLE["muffin"])
    wrong, right = (
        ("muffin", f"muffin@{DEFAULT_DOMAIN}") if spelling == "qualified" else (f"muffin@{DEFAULT_DOMAIN}", "muffin")
    )
    modules.well("global_permission", principal=wrong, domain=DEFAULT_DOMAIN, role="ReadOnly")
    assert not appliance.login("muffin").inventory
    (finding,) = diagnose(modules, appliance, "muffin")["findings"]
    assert finding["case"] == "no_permission"
    assert f"another spelling than {DEFAULT_DOMAIN}\\{right}" in finding["finding"]
    modules.well("global_permission", principal=wrong, domain=DEFAULT_DOMAIN, state="absent")
    modules.well("global_permission", principal=right, domain=DEFAULT_DOMAIN, role="ReadOnly")
    assert appliance.login("muffin").inventory
    settle(appliance)
    (finding,) = [each for each in diagnose(modules, appliance, "muffin")["findings"] if each["username"]]
    assert finding["case"] == "allowed"
