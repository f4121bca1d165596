# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An update neither loses an ExternalId nor undoes what somebody else changed in the meantime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulator import Appliance
from simulator.switches import DEFAULT_PROVIDER_ID, Fault
from system.playbook import Json, Modules
from system.scenes import Request, add, add_group, external_ids, held, provision, settled, watched


def alter(appliance: Appliance, key: str, **changes: Any) -> None:
    """Change a user as another program does, whatever the switches say."""
    name = str(appliance.broker.user(key, None)["userName"])
    assert appliance.broker.alter_user("", name, changes)
    # Another program's write gives the entry another version.
    user = appliance.broker.user(key, None)
    appliance.broker.replace_user(key, user, DEFAULT_PROVIDER_ID)


def between(method: str, act: Callable[[], object]) -> Callable[[Request], None]:
    """A hook that acts once, just before the first request of this kind for a single user."""
    done: list[bool] = []

    def hook(request: Request) -> None:
        if request.method == method and request.path.startswith("/Users/") and not done:
            done.append(True)
            act()

    return hook


# The ExternalId


def test_an_update_keeps_the_external_id_where_a_put_clears_what_it_leaves_out(
    modules: Modules, appliance: Appliance
) -> None:
    names = [f"u{number:02}" for number in range(30)]
    for name in names:
        add(appliance, name)
    appliance.switches.put_clears = True
    users = [{"username": name, "given_name": "New"} for name in names]
    result = provision(modules, users)
    assert (result.get("failed"), result["counts"]["update"]) == (False, 30)
    assert external_ids(appliance) == {name: f"id-of-{name}" for name in names}
    settled(modules, users)


def test_an_external_id_that_is_lost_is_an_error_that_names_it(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "muffin")
    add(appliance, "scone")
    appliance.switches.change_attribute = {"externalId": None}
    result = provision(modules, [{"username": "muffin", "given_name": "New"}])
    assert result["failed"] is True
    for part in ("muffin@lab.example.org", "no longer shows its ExternalId id-of-muffin", "recreate: true"):
        assert part in result["users"][0]["error"]
    assert result["users"][0]["unverified"] == []


# Other people's changes


@pytest.mark.parametrize("etag", ["unused", "offered"])
def test_a_user_who_is_locked_before_the_update_stays_locked(modules: Modules, appliance: Appliance, etag: Any) -> None:
    key = add(appliance, "muffin")
    appliance.switches.etag = etag
    hook = between("GET", lambda: alter(appliance, key, active=False, title="Chief baker"))
    with watched(appliance, before=hook):
        result = provision(modules, [{"username": "muffin", "email": "new@example.org"}])
    assert result["failed"] is False
    user = held(appliance)["muffin"]
    assert (user["active"], user["title"], user["emails"][0]["value"]) == (False, "Chief baker", "new@example.org")


def test_a_user_who_is_locked_between_read_and_write_stays_locked_where_there_are_versions(
    modules: Modules, appliance: Appliance
) -> None:
    key = add(appliance, "muffin")
    appliance.switches.etag = "offered"
    with watched(appliance, before=between("PUT", lambda: alter(appliance, key, active=False))) as traffic:
        result = provision(modules, [{"username": "muffin", "email": "new@example.org"}])
    assert result["failed"] is False
    user = held(appliance)["muffin"]
    assert (user["active"], user["emails"][0]["value"]) == (False, "new@example.org")
    assert [request.method for request in traffic.writes] == ["PUT", "PUT"]


def test_a_third_value_stops_that_user_alone(modules: Modules, appliance: Appliance) -> None:
    key = add(appliance, "muffin")
    add(appliance, "scone")
    users: list[Json] = [{"username": name, "email": "new@example.org"} for name in ("muffin", "scone")]
    theirs = [{"value": "third@example.org", "type": "work", "primary": True}]

    def hook(request: Request) -> None:
        if request.path == f"/Users/{key}" and held(appliance)["muffin"]["emails"][0]["value"] == "muffin@example.org":
            alter(appliance, key, emails=theirs)

    with watched(appliance, before=hook) as traffic:
        result = provision(modules, users)
    muffin, scone = result["users"]
    assert "email: was 'muffin@example.org', is 'third@example.org', and 'new@example.org' is wanted" in muffin["error"]
    assert scone["error"] is None
    assert held(appliance)["muffin"]["emails"] == theirs
    assert [request.path for request in traffic.writes if request.path.endswith(key)] == []
    assert result["changed"] is True


def test_an_update_that_somebody_else_made_is_no_change(modules: Modules, appliance: Appliance) -> None:
    key = add(appliance, "muffin")
    theirs = [{"value": "new@example.org", "type": "work", "primary": True}]
    with watched(appliance, before=between("GET", lambda: alter(appliance, key, emails=theirs))) as traffic:
        result = provision(modules, [{"username": "muffin", "email": "new@example.org"}])
    assert (result["failed"], result["changed"]) == (False, False)
    assert result["users"][0]["operation"] == "none"
    assert traffic.writes == []


def test_a_version_that_is_refused_though_it_is_shown_is_unverified(modules: Modules, appliance: Appliance) -> None:
    add(appliance, "muffin")
    appliance.switches.etag = "broken"
    result = provision(modules, [{"username": "muffin", "email": "new@example.org"}])
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["users"][0]["unverified"] == ["etag"]
    single = modules.well("scim_user", username="muffin", domain="lab.example.org", given_name="New")
    assert single["unverified"] == ["etag"]
    add_group(appliance, "admins")
    group = modules.well("scim_group", display_name="admins", members=["muffin"], domain="lab.example.org")
    assert (group["group"]["members"], group["unverified"]) == (["muffin@lab.example.org"], ["etag"])


def test_a_user_who_cannot_be_read_is_not_changed(modules: Modules, appliance: Appliance) -> None:
    key = add(appliance, "muffin")
    appliance.switches.faults = [Fault(f"GET /Users/{key}", "503", times=100)]
    result = provision(modules, [{"username": "muffin", "email": "new@example.org"}])
    assert (result["failed"], result["changed"]) == (True, False)
    assert "read the user muffin@lab.example.org to update it" in result["users"][0]["error"]


def test_a_whole_list_of_members_is_built_upon_the_newest_read(modules: Modules, appliance: Appliance) -> None:
    """Where there is no PATCH, a member who was added in the meantime stays."""
    keys = [add(appliance, name) for name in ("muffin", "scone", "crumpet")]
    group = add_group(appliance, "admins", keys[0])
    appliance.switches.update({"patch_refused": True, "etag": "offered"})
    done: list[bool] = []

    def hook(request: Request) -> None:
        if request.method == "PUT" and not done:
            done.append(True)
            standing = appliance.broker.groups.get(group, None)
            both = [{"value": key} for key in keys[:2]]
            appliance.broker.groups.replace(group, {**standing, "members": both}, None)

    with watched(appliance, before=hook):
        result = modules.run("scim_group", display_name="admins", members=["crumpet"], domain="lab.example.org")
    (kept,) = [each for each in appliance.broker.groups.all() if each.name == "admins"]
    assert set(kept.members) == set(keys)
    assert result.get("failed") in (None, False), result["msg"]
