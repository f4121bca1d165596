# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups that are kept as a mirror, without any identity provider at hand: faults, and runs that are broken off."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from simulator import Appliance, Fault
from system.playbook import Json, Modules
from system.scenes import (
    Request,
    add,
    add_group,
    at_write,
    converges,
    held,
    members,
    person,
    provision,
    settled,
    watched,
)

USERS = [person("ann", groups=["cooks"]), person("bob", groups=["cooks", "bakers"])]
MIRROR: dict[str, Any] = {"mirror_groups": ["cooks", "bakers"]}


@pytest.fixture(autouse=True)
def scene(appliance: Appliance) -> None:
    """A stranger is in both groups, and leaves them."""
    stranger = add(appliance, "stranger")
    for name in ("cooks", "bakers"):
        add_group(appliance, name, stranger)


def mirrored(appliance: Appliance) -> bool:
    return (members(appliance, "cooks"), members(appliance, "bakers")) == ({"ann", "bob"}, {"bob"})


def errors(result: Json) -> Json:
    return {group["display_name"]: group["error"] for group in result["groups"]}


@pytest.mark.parametrize(
    "fault",
    [
        *(
            Fault("PATCH /Groups/", kind)
            for kind in ("503", "reset_before", "reset_after", "truncated", "empty", "html", "expire_token")
        ),
        # Each group has been read once for the plan.
        *(Fault("GET /Groups/", kind, after=2) for kind in ("503", "reset_before", "truncated", "expire_token")),
    ],
    ids=lambda fault: f"{fault.match} {fault.kind}",
)
def test_a_fault_that_passes(modules: Modules, appliance: Appliance, fault: Fault) -> None:
    appliance.switches.faults = [fault]
    converges(modules, USERS, **MIRROR)
    assert mirrored(appliance)


def test_a_group_that_cannot_be_read_any_more(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault("GET /Groups/", "empty", after=2)]
    result = provision(modules, USERS, **MIRROR)
    assert (result["failed"], result["changed"]) == (True, True)
    assert [user["error"] for user in result["users"]] == [None, None]
    assert all("was not written: " in told for told in errors(result).values())
    assert not mirrored(appliance)
    converges(modules, USERS, **MIRROR)
    assert mirrored(appliance)


@pytest.mark.parametrize(("status", "tries"), [(403, 1), (503, 4)])
def test_a_group_that_fails_for_good_does_not_stop_the_other(
    modules: Modules, appliance: Appliance, status: int, tries: int
) -> None:
    cooks = next(group.id for group in appliance.broker.groups.all() if group.name == "cooks")

    def refuse(request: Request) -> int | None:
        return status if request.method in ("PATCH", "PUT") and cooks in request.path else None

    with watched(appliance, refuse) as traffic:
        result = provision(modules, USERS, **MIRROR)
    assert (result["failed"], result["changed"]) == (True, True)
    assert [user["error"] for user in result["users"]] == [None, None]
    assert str(status) in errors(result)["cooks"]
    assert errors(result)["bakers"] is None
    assert errors(result)["cooks"] in result["msg"]
    assert [seen.method for seen in traffic.writes if cooks in seen.path] == ["PATCH"] * tries
    converges(modules, USERS, **MIRROR)
    assert mirrored(appliance)


def test_who_could_not_be_created_is_in_no_group(modules: Modules, appliance: Appliance) -> None:
    def refuse(request: Request) -> int | None:
        return 403 if request.body.get("externalId") == "id-of-ann" else None

    with watched(appliance, refuse):
        result = provision(modules, USERS, **MIRROR)
    assert [bool(user["error"]) for user in result["users"]] == [True, False]
    assert errors(result) == {"cooks": None, "bakers": None}
    assert members(appliance, "cooks") == {"bob"}
    converges(modules, USERS, **MIRROR)
    assert mirrored(appliance)


# Two users, then two groups: who leaves, who joins.
@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (1, {"cooks": "was not tried", "bakers": "was not tried"}),
        (3, {"cooks": "was under way", "bakers": "was not tried"}),
        (5, {"cooks": None, "bakers": "was under way"}),
    ],
)
def test_an_interruption_says_what_became_of_each_group(
    modules: Modules, appliance: Appliance, moment: int, told: dict[str, str | None]
) -> None:
    started = modules.start("scim_users", users=USERS, domain="lab.example.org", concurrency=1, **MIRROR)

    with watched(appliance, before=at_write(moment, lambda: os.kill(started.process.pid, signal.SIGINT))):
        result = started.finish()
    assert result["msg"].startswith("Interrupted 20")
    for group, part in told.items():
        assert errors(result)[group] is None if part is None else part in errors(result)[group]
    assert appliance.state.sessions == {}
    result = provision(modules, USERS, **MIRROR)
    assert not result["failed"], result["msg"]
    settled(modules, USERS, **MIRROR)
    assert mirrored(appliance)
    assert set(held(appliance)) == {"ann", "bob", "stranger"}


@pytest.mark.parametrize("moment", [2, 3, 4, 5])
@pytest.mark.parametrize("seen", [True, False])
def test_a_run_that_is_killed(modules: Modules, appliance: Appliance, moment: int, seen: bool) -> None:
    started = modules.start("scim_users", users=USERS, domain="lab.example.org", concurrency=1, **MIRROR)

    kill = at_write(moment, started.process.kill, 503)
    with watched(appliance, **{"after" if seen else "before": kill}):
        code, _stdout, _stderr = started.wait()
    assert code == -signal.SIGKILL
    result = provision(modules, USERS, **MIRROR)
    assert not result["failed"], result["msg"]
    settled(modules, USERS, **MIRROR)
    assert mirrored(appliance)
