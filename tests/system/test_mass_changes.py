# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mass changes stop before the first write: recreations, deactivations, and removals from mirrored groups."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import Json, Modules
from system.scenes import add, add_group, external_ids, held, members, person, provision, settled, watched

NAMES = [f"u{number}" for number in range(10)]


@pytest.fixture
def ten(appliance: Appliance) -> list[str]:
    return [add(appliance, name) for name in NAMES]


def changed_ids(*names: str) -> list[Json]:
    return [{"username": name, "external_id": f"new-id-of-{name}", "recreate": True} for name in names]


# Recreations


@pytest.mark.usefixtures("ten")
def test_one_recreation_needs_no_limit(modules: Modules, appliance: Appliance) -> None:
    assert provision(modules, changed_ids("u0"))["counts"]["recreate"] == 1
    assert external_ids(appliance)["u0"] == "new-id-of-u0"


@pytest.mark.usefixtures("ten")
@pytest.mark.parametrize(
    ("names", "limit"), [(NAMES, None), (NAMES[:2], None), (NAMES[:1], "0"), (NAMES[:3], "2"), (NAMES[:3], "29%")]
)
def test_more_recreations_than_allowed_are_refused(
    modules: Modules, appliance: Appliance, names: list[str], limit: str | None
) -> None:
    before = external_ids(appliance)
    for check in (True, False):
        said = provision(modules, changed_ids(*names), max_recreates=limit, check=check)["msg"]
        for part in ("max_recreates", f"{len(names)} of the 10 users", *names):
            assert part in said
    assert external_ids(appliance) == before
    assert (appliance.writes(), appliance.mintings()) == ([], [])


@pytest.mark.usefixtures("ten")
@pytest.mark.parametrize("limit", ["3", "30%", " 39% "])
def test_so_many_recreations_are_allowed(modules: Modules, limit: str) -> None:
    result = provision(modules, changed_ids(*NAMES[:3]), max_recreates=limit)
    assert (result["failed"], result["counts"]["recreate"]) == (False, 3)


@pytest.mark.parametrize("option", ["max_recreates", "max_removals", "max_deletes"])
@pytest.mark.parametrize("limit", ["-1", "101%", "all", ""])
def test_a_limit_that_is_none(modules: Modules, appliance: Appliance, option: str, limit: str) -> None:
    users = [{"username": "u0"}]
    said = modules.failed("scim_users", users=users, domain=DEFAULT_DOMAIN, **{option: limit})
    assert said.startswith(f"{option}: ")
    assert appliance.requests == []


@pytest.mark.usefixtures("ten")
def test_what_the_journal_resumes_is_neither_counted_nor_blocked(modules: Modules, appliance: Appliance) -> None:
    rows = changed_ids(*NAMES[:3])
    with watched(appliance, lambda request: 403 if request.method == "POST" else None):
        assert provision(modules, rows, max_recreates="3")["failed"]
    assert len(held(appliance)) == 7
    more = [*rows, *changed_ids("u5", "u6")]
    assert "2 of the 7 users" in provision(modules, more)["msg"]
    assert len(held(appliance)) == 7
    result = provision(modules, [*rows, *changed_ids("u5")], max_recreates="1")
    assert (result["failed"], result["counts"]["recreate"]) == (False, 4)
    assert external_ids(appliance).keys() == set(NAMES)


def test_moves_between_domains_count(modules: Modules, appliance: Appliance) -> None:
    rows = []
    for name in NAMES[:2]:
        appliance.add_user(name, f"id-of-{name}", domain="corp.example")
        rows.append({"username": name, "external_id": f"id-of-{name}", "move_from_domain": "corp.example"})
    assert "max_recreates" in provision(modules, rows)["msg"]
    assert appliance.writes() == []
    assert provision(modules, rows, max_recreates="100%")["counts"]["recreate"] == 2


@pytest.mark.parametrize("row", [{}, {"recreate": True}])
def test_nobody_is_recreated_where_no_entry_shows_an_external_id(
    modules: Modules, appliance: Appliance, row: Json
) -> None:
    appliance.switches.external_id_returned = False
    users = [person(name, **row) for name in ("ann", "bob")]
    assert provision(modules, users)["counts"]["create"] == 2
    before = [user["id"] for user in appliance.broker.users]
    result = provision(modules, users, max_recreates="100%")
    assert [user["id"] for user in appliance.broker.users] == before
    if row:
        assert "shows no ExternalId" in result["msg"]
    else:
        assert not result["failed"], result["msg"]
        assert [user["unverified"] for user in result["users"]] == [["external_id"], ["external_id"]]
        assert "shows no ExternalId" in "".join(result["warnings"])
        changed = provision(modules, [{**users[0], "given_name": "New"}, users[1]])
        assert (changed["failed"], changed["counts"]["update"]) == (False, 1)


# Deactivations


@pytest.mark.usefixtures("ten")
def test_deactivations_count_towards_max_deletes(modules: Modules, appliance: Appliance) -> None:
    rows = [{"username": name, "active": name not in NAMES[:4]} for name in NAMES]
    said = provision(modules, rows, max_deletes="3")["msg"]
    for part in ("max_deletes", "4 of the 10 users", *NAMES[:4]):
        assert part in said
    assert appliance.writes() == []
    said = provision(modules, rows[:8], max_deletes="5", purge=True)["msg"]
    for part in ("6 of the 10 users", "u8", "u9", "u0"):
        assert part in said
    assert appliance.writes() == []
    result = provision(modules, rows[:8], max_deletes="6", purge=True)
    assert (result["failed"], result["counts"]["delete"]) == (False, 2)
    assert [user["active"] for user in appliance.broker.users] == [False] * 4 + [True] * 4


@pytest.mark.usefixtures("ten")
def test_a_deactivation_that_a_row_asks_for_needs_no_limit(modules: Modules, appliance: Appliance) -> None:
    rows = [{"username": name, "active": False} for name in NAMES]
    assert not provision(modules, rows)["failed"]
    assert not any(user["active"] for user in appliance.broker.users)
    assert "max_deletes" in provision(modules, rows[:2], purge=True, purge_action="deactivate")["msg"]
    # Those who are inactive already are not deactivated.
    settled(modules, rows, max_deletes="0")


# Removals from mirrored groups


def mirror(modules: Modules, staying: list[str], *, from_provider: bool, **options: Any) -> Json:
    """Have just these people in the mirrored group; everybody is wanted in the broker."""
    rows = [person(name, groups=["cooks"] if name in staying else [], active=True) for name in NAMES]
    given: Json = {"mirror_groups": ["cooks"], **options}
    if not from_provider:
        return provision(modules, rows, **given)
    groups = [{"name": "cooks", "members": staying}, {"name": "everybody", "members": NAMES}]
    people = {"users": rows, "others": [], "groups": groups, "scim_pushes": []}
    return provision(modules, [], provider_users=people, **given)


@pytest.fixture
def cooks(appliance: Appliance, ten: list[str]) -> set[str]:
    add_group(appliance, "cooks", *ten)
    return set(NAMES)


@pytest.mark.parametrize("limit", [None, "5", "59%"])
def test_more_than_five_removals_need_a_limit(
    modules: Modules, appliance: Appliance, cooks: set[str], limit: str | None
) -> None:
    for check in (True, False):
        said = mirror(modules, NAMES[:4], from_provider=True, max_removals=limit, check=check)["msg"]
        for part in ("max_removals", "6 of the 10 members", "cooks", *NAMES[4:]):
            assert part in said
    assert members(appliance, "cooks") == cooks
    assert (appliance.writes(), appliance.mintings()) == ([], [])


@pytest.mark.usefixtures("cooks")
@pytest.mark.parametrize(("staying", "limit"), [(NAMES[:5], None), (NAMES[:4], "6"), (NAMES[:4], "60%")])
def test_so_many_removals_are_allowed(
    modules: Modules, appliance: Appliance, staying: list[str], limit: str | None
) -> None:
    result = mirror(modules, staying, from_provider=True, max_removals=limit)
    assert not result["failed"], result["msg"]
    assert members(appliance, "cooks") == set(staying)


@pytest.mark.usefixtures("cooks")
def test_a_list_of_the_tasks_own_needs_no_limit(modules: Modules, appliance: Appliance) -> None:
    assert not mirror(modules, NAMES[:1], from_provider=False)["failed"]
    assert members(appliance, "cooks") == {"u0"}


@pytest.mark.parametrize("from_provider", [False, True])
def test_the_last_member_leaves_only_with_a_limit(
    modules: Modules, appliance: Appliance, ten: list[str], from_provider: bool
) -> None:
    add_group(appliance, "cooks", ten[0])
    said = mirror(modules, [], from_provider=from_provider)["msg"]
    for part in ("max_removals", "cooks", "u0"):
        assert part in said
    assert appliance.writes() == []
    result = mirror(modules, [], from_provider=from_provider, max_removals="1")
    assert not result["failed"], result["msg"]
    assert members(appliance, "cooks") == set()


def test_who_is_deleted_in_the_same_run_is_no_removal(modules: Modules, appliance: Appliance, cooks: set[str]) -> None:
    rows = [person(name, groups=["cooks"], active=True) for name in NAMES[:2]]
    people = {"users": rows, "others": [], "groups": [{"name": "cooks", "members": NAMES[:2]}], "scim_pushes": []}
    result = provision(modules, [], provider_users=people, mirror_groups=["cooks"], purge=True, max_deletes="8")
    assert not result["failed"], result["msg"]
    assert members(appliance, "cooks") == set(NAMES[:2]) < cooks


# Purge by a list that matches nobody


@pytest.mark.usefixtures("ten")
@pytest.mark.parametrize("check", [True, False])
def test_a_purge_that_would_leave_nobody_of_the_list_is_refused(
    modules: Modules, appliance: Appliance, check: bool
) -> None:
    options: Json = {"purge": True, "max_deletes": "100%", "missing_external_id": "report", "check": check}
    said = provision(modules, [{"username": "mufin"}, {"username": "scone"}], **options)["msg"]
    for part in ("purge", "nobody", "mufin"):
        assert part in said
    assert held(appliance).keys() == set(NAMES)
    assert appliance.writes() == []


@pytest.mark.parametrize("waiting", ["mufin", "muffinn", "muffim", "umffin", "MUFIN", f"mufin@{DEFAULT_DOMAIN}"])
def test_a_name_one_edit_away_from_a_waiting_one_is_not_purged(
    modules: Modules, appliance: Appliance, waiting: str
) -> None:
    for name in ("ada", "muffin", "crumpet"):
        add(appliance, name)
    rows = [{"username": "ada"}, {"username": waiting}]
    result = provision(modules, rows, purge=True, max_deletes="100%", missing_external_id="report")
    assert not result["failed"], result["msg"]
    assert held(appliance).keys() == {"ada", "muffin"}
    (told,) = [warning for warning in result["warnings"] if "muffin" in warning]
    assert waiting.partition("@")[0] in told


def test_a_name_two_edits_away_is_purged(modules: Modules, appliance: Appliance) -> None:
    for name in ("ada", "muffin"):
        add(appliance, name)
    rows = [{"username": "ada"}, {"username": "mufi"}]
    provision(modules, rows, purge=True, max_deletes="100%", missing_external_id="report")
    assert held(appliance).keys() == {"ada"}
