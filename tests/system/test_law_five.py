# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One bad user does not stop the others: the same in check mode and in the run, against a server."""

from __future__ import annotations

import re
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from system.playbook import Modules
from system.scenes import add_group, external_ids, members

PURGE = {"purge": True, "max_deletes": "100%"}
LABEL = f"bobby@{DEFAULT_DOMAIN}"
ADA = {"username": "ada", "external_id": "id-of-ada"}
BOBBY = {"username": "bobby", "external_id": "id-of-bob"}


@pytest.fixture
def people(appliance: Appliance) -> None:
    for name in ("ada", "bob", "leaver"):
        appliance.add_user(f"{name}@{DEFAULT_DOMAIN}", f"id-of-{name}", domain=DEFAULT_DOMAIN)
    appliance.clear_requests()


def names(appliance: Appliance) -> set[str]:
    return {user["userName"].partition("@")[0] for user in appliance.broker.users}


def provision(modules: Modules, users: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """Run in check mode and in earnest, compare, and return the result."""
    options = {"users": users, "domain": DEFAULT_DOMAIN, **options}
    checked = modules.run("scim_users", check=True, **options)
    done = modules.run("scim_users", **options)
    for key in ("failed", "msg", "waiting", "not_done", "counts", "diff", "changed"):
        assert checked.get(key) == done.get(key), key
    return done


@pytest.mark.usefixtures("people")
def test_a_renamed_person_fails_alone(modules: Modules, appliance: Appliance) -> None:
    done = provision(modules, [ADA, BOBBY], **PURGE)
    assert done["failed"]
    assert done["msg"].startswith(f"{LABEL}: ExternalId id-of-bob belongs to bob@{DEFAULT_DOMAIN}")
    assert "Nothing was changed" not in done["msg"]
    assert names(appliance) == {"ada", "bob"}
    assert done["not_done"] is None
    again = provision(modules, [ADA, BOBBY], **PURGE)
    assert again["msg"].startswith(f"Nothing was changed: {LABEL}")


@pytest.mark.usefixtures("people")
def test_on_error_stop_changes_nothing(modules: Modules, appliance: Appliance) -> None:
    done = provision(modules, [ADA, BOBBY], on_error="stop", **PURGE)
    assert "Nothing was changed" in done["msg"]
    assert (appliance.writes(), appliance.mintings()) == ([], [])


@pytest.mark.usefixtures("people")
def test_each_failed_user_is_named(modules: Modules, appliance: Appliance) -> None:
    users = [ADA, BOBBY, {"username": "pie"}, {"external_id": "id-of-tart", "problem": "line 7: no username."}]
    done = provision(modules, [*users, {"username": "new", "external_id": "id-of-new"}], **PURGE)
    assert done["msg"].startswith("3 of 5 users failed:\n")
    for text in (LABEL, f"pie@{DEFAULT_DOMAIN}", "line 7: no username."):
        assert text in done["msg"]
    assert done["counts"]["error"] == 3
    assert "new" in names(appliance)
    # The row without a name matches no entry: it may be anybody's.
    assert "leaver" in names(appliance)
    assert "purged nobody" in done["not_done"]
    assert f"NOT DONE {done['not_done']}" in done["summary"]


@pytest.mark.usefixtures("people")
def test_who_waits_fails_alone_or_is_reported(modules: Modules, appliance: Appliance) -> None:
    users = [ADA, {"username": "scone"}, {"username": "new", "external_id": "id-of-new"}]
    done = provision(modules, users, **PURGE)
    assert done["failed"]
    assert re.match(r"scone@\S+: is not in the broker, and no external_id", done["msg"])
    assert names(appliance) == {"ada", "new"}
    reported = provision(modules, users, missing_external_id="report", **PURGE)
    assert (reported["failed"], reported["changed"], reported["waiting"]) == (False, False, ["scone"])


@pytest.mark.usefixtures("people")
def test_memberships_of_failed_users_stay(modules: Modules, appliance: Appliance) -> None:
    add_group(appliance, "crew", *(user["id"] for user in appliance.broker.users))
    add_group(appliance, "rest", *(user["id"] for user in appliance.broker.users))
    mirror = {"mirror_groups": ["crew"]}
    done = provision(modules, [{**ADA, "groups": ["crew"]}, {**BOBBY, "groups": ["crew"]}], **mirror)
    assert members(appliance, "crew") == {"ada", "bob"}
    assert done["not_done"] is None
    unplaced = {"username": "pie", "external_id": "id-of-pie", "problem": "incomplete"}
    done = provision(modules, [{**ADA, "groups": ["rest"]}, unplaced], mirror_groups=["rest"])
    assert members(appliance, "rest") == {"ada", "bob", "leaver"}
    assert "removed no member of a mirrored group" in done["not_done"]


def renamed(name: str, holder: str) -> dict[str, Any]:
    return {"username": name, "external_id": f"id-of-{holder}", "rename": True}


@pytest.mark.usefixtures("people")
def test_the_name_of_one_who_left_passes_on(modules: Modules, appliance: Appliance) -> None:
    provision(modules, [ADA, renamed("bob", "leaver")], purge=True, max_deletes="1")
    assert external_ids(appliance) == {"ada": "id-of-ada", "bob": "id-of-leaver"}


SWAP = [renamed("ada", "bob"), renamed("bob", "ada"), renamed("x", "leaver")]
SWAPPED = {"ada": "id-of-bob", "bob": "id-of-ada", "x": "id-of-leaver"}


@pytest.mark.usefixtures("people")
def test_two_users_swap_their_names(modules: Modules, appliance: Appliance) -> None:
    done = provision(modules, SWAP)
    assert not done["failed"]
    assert external_ids(appliance) == SWAPPED
    assert not provision(modules, SWAP)["changed"]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_swap_that_is_refused_in_between_is_reported_and_completed(
    modules: Modules, appliance: Appliance, number: int
) -> None:
    appliance.switches.faults = [Fault("PUT /Users/", "503", after=number - 1, times=1000)]
    options = {"users": SWAP, "domain": DEFAULT_DOMAIN, "concurrency": 1}
    done = modules.run("scim_users", **options)
    assert done["failed"]
    there = external_ids(appliance)
    assert set(there.values()) == set(SWAPPED.values())
    for name in there:
        assert name in {"ada", "bob", "leaver", "x"} or name in done["msg"]
    appliance.switches.faults = []
    assert not modules.run("scim_users", **options).get("failed")
    assert external_ids(appliance) == SWAPPED


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("kind", ["503", "reset_before", "reset_after"])
def test_a_swap_goes_on_after_a_fault_that_passes(modules: Modules, appliance: Appliance, kind: str) -> None:
    appliance.switches.faults = [Fault("PUT /Users/", kind, every=2)]
    done = modules.run("scim_users", users=SWAP, domain=DEFAULT_DOMAIN)
    assert not done.get("failed"), done["msg"]
    assert external_ids(appliance) == SWAPPED


@pytest.mark.usefixtures("people")
def test_a_user_that_the_broker_refuses_fails_alone(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.update({"empty_family_name": "refused_400"})
    new = {"username": "new", "external_id": "id-of-new"}
    newer = {"username": "newer", "external_id": "id-of-newer", "family_name": "N"}
    done = modules.run("scim_users", users=[ADA, new, newer], domain=DEFAULT_DOMAIN, **PURGE)
    assert done["failed"]
    assert "create the user new@" in done["msg"]
    assert "newer@" not in done["msg"]
    assert set(external_ids(appliance)) == {"ada", "newer"}
