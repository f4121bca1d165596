# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of the plan for a permission: one principal, one permission, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError, PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._permission_plan import (
    DesiredPermission,
    PermissionPlan,
    desired_permission,
    named_principal,
    narrowed,
    plan_permission,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._permissions import (
    Permission,
    Principal,
    Role,
    Roles,
)
from hypothesis import given
from hypothesis import strategies as st

LAB = "lab.example.org"
ROLES = Roles((Role("-1", "Admin"), Role("-2", "ReadOnly"), Role("7", "Baker")), complete=True)
ADMIN = Principal.spelt("user", "administrator@vsphere.local")
ADMINISTRATORS = Permission(Principal("group", "Administrators", "VSPHERE.LOCAL"), "-1", True, "g")
ADMINISTRATOR = Permission(Principal("user", "Administrator", "VSPHERE.LOCAL"), "-1", True, "a")
FIRST = [ADMINISTRATORS, ADMINISTRATOR]

spellings = st.sampled_from([f"{LAB}\\muffin", f"{LAB}\\muffin@{LAB}", f"muffin@{LAB}", f"{LAB}\\crumpet", "x\\muffin"])
cases = st.sampled_from([str.upper, str.lower])
kinds = st.sampled_from(["user", "group"])
principals = st.builds(lambda kind, text, case: Principal.spelt(kind, case(text)), kinds, spellings, cases)
roles = st.sampled_from(["-1", "-2", "7"])


@st.composite
def worlds(draw: st.DrawFn) -> list[Permission]:
    """A principal has one permission, as vCenter sees to it."""
    found = {p.key: p for p in draw(st.lists(principals, max_size=6))}
    return [*FIRST, *(Permission(p, draw(roles), draw(st.booleans()), str(n)) for n, p in enumerate(found.values()))]


desires = st.builds(
    DesiredPermission, principals, roles, st.booleans(), st.sampled_from(["present", "present", "absent"])
)


def carried_out(listed: list[Permission], plan: PermissionPlan) -> list[Permission]:
    left = [each for each in listed if plan.before is None or each.id != plan.before.id]
    return [*left, replace(plan.after, id=plan.after.id or "new")] if plan.after else left


def planned(listed: list[Permission], wanted: DesiredPermission) -> PermissionPlan | None:
    """None where several spellings stand in the way."""
    try:
        return plan_permission(listed, wanted, ROLES, ADMIN)
    except PlanRefusedError as error:
        person = wanted.principal.person
        others = [
            each for each in listed if each.principal.person == person and each.principal.key != wanted.principal.key
        ]
        assert others
        assert all(each.principal.label in str(error) for each in others)
        return None


@given(worlds(), desires)
def test_the_plan_ends_in_what_is_wanted_and_a_second_one_is_empty(
    listed: list[Permission], wanted: DesiredPermission
) -> None:
    plan = planned(listed, wanted)
    if plan is None:
        return
    after = carried_out(listed, plan)
    kept = plan.kept(after)
    assert plan.is_done(kept)
    assert plan.is_untouched(plan.kept(listed))
    if wanted.state == "absent":
        assert kept is None
    else:
        assert kept is not None
        assert (kept.role_id, kept.propagate) == (wanted.role, wanted.propagate)
    again = plan_permission(after, wanted, ROLES, ADMIN) if not plan.others else None
    assert again is None or (again.operation, again.diff(ROLES, "")["before"], again.diff(ROLES, "")["after"]) == (
        "none",
        {},
        {},
    )


@given(worlds(), desires)
def test_nobody_elses_permission_is_touched(listed: list[Permission], wanted: DesiredPermission) -> None:
    plan = planned(listed, wanted)
    if plan is None:
        return
    others = [each for each in listed if each.principal.key != wanted.principal.key]
    assert [each for each in carried_out(listed, plan) if each.principal.key != wanted.principal.key] == others
    assert plan.before is None or plan.before.principal.key == wanted.principal.key


@given(worlds(), desires)
def test_another_role_is_a_change_and_no_second_permission(listed: list[Permission], wanted: DesiredPermission) -> None:
    plan = planned(listed, wanted)
    if plan is None:
        return
    standing = [each for each in listed if each.principal.key == wanted.principal.key]
    if wanted.state == "absent":
        assert plan.operation == ("delete" if standing else "none")
    elif not standing:
        assert plan.operation == "create"
    else:
        same = (standing[0].role_id, standing[0].propagate) == (wanted.role, wanted.propagate)
        assert plan.operation == ("none" if same else "update")
        assert plan.after is not None
        # The spelling that stands is kept.
        assert (plan.after.id, plan.after.principal) == (standing[0].id, standing[0].principal)


@given(worlds(), desires)
def test_the_diff_is_what_changes(listed: list[Permission], wanted: DesiredPermission) -> None:
    plan = planned(listed, wanted)
    if plan is None:
        return
    diff = plan.diff(ROLES, "Global permissions")
    assert (diff["before"] != diff["after"]) == plan.changes
    assert bool(diff["before"]) == (plan.operation in ("update", "delete"))
    assert bool(diff["after"]) == (plan.operation in ("create", "update"))
    assert "id" not in str(diff["after"].values())


# Spellings

BARE = Permission(Principal("user", "muffin", LAB), "-2", True, "bare")
QUALIFIED = Permission(Principal("user", f"muffin@{LAB}", LAB), "-2", True, "qualified")


def test_another_spelling_is_no_reason_for_a_second_permission() -> None:
    for listed in ([BARE], [BARE, QUALIFIED]):
        wanted = DesiredPermission(QUALIFIED.principal, "ReadOnly")
        with pytest.raises(PlanRefusedError) as refused:
            plan_permission(listed, wanted, ROLES, ADMIN)
        assert f"{LAB}\\muffin" in str(refused.value)
        assert f"state: absent and principal: '{LAB}\\muffin'" in str(refused.value)


def test_the_one_that_is_spelt_so_can_be_removed() -> None:
    plan = plan_permission([BARE, QUALIFIED], DesiredPermission(QUALIFIED.principal, state="absent"), ROLES, ADMIN)
    assert (plan.operation, plan.before, plan.others) == ("delete", QUALIFIED, (BARE,))


def test_another_spelling_is_not_left_in_silence() -> None:
    with pytest.raises(PlanRefusedError, match="under another spelling"):
        plan_permission([QUALIFIED], DesiredPermission(BARE.principal, state="absent"), ROLES, ADMIN)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_two_of_one_spelling_are_left_alone(state: str) -> None:
    twin = replace(BARE, principal=Principal("user", "MUFFIN", LAB), id="twin")
    with pytest.raises(PlanRefusedError, match=r"has 2 permissions.*id bare.*id twin.*by hand"):
        plan_permission([BARE, twin], DesiredPermission(BARE.principal, "-1", state=state), ROLES, ADMIN)


# Locking oneself out


@pytest.mark.parametrize(
    ("listed", "taken", "refused"),
    [
        (FIRST, ADMINISTRATORS, False),  # the account has one of its own,
        (FIRST, ADMINISTRATOR, False),  # and may be in the group
        ([ADMINISTRATOR], ADMINISTRATOR, True),
        ([ADMINISTRATORS], ADMINISTRATORS, True),
        ([ADMINISTRATOR, BARE], BARE, False),
        ([BARE, replace(BARE, principal=Principal("user", "x", LAB), role_id="-1")], BARE, False),
    ],
)
def test_the_last_way_to_administer_is_not_taken(listed: list[Permission], taken: Permission, refused: bool) -> None:
    wanted = DesiredPermission(taken.principal, state="absent")
    if refused:
        with pytest.raises(PlanRefusedError, match="force: true"):
            plan_permission(listed, wanted, ROLES, ADMIN)
    assert plan_permission(listed, replace(wanted, force=True), ROLES, ADMIN).operation == "delete"
    if not refused:
        assert plan_permission(listed, wanted, ROLES, ADMIN).operation == "delete"


@pytest.mark.parametrize(("role", "propagate"), [("ReadOnly", True), ("Admin", False)])
def test_a_permission_of_ones_own_goes_before_those_of_ones_groups(role: str, propagate: bool) -> None:
    """To remove it helps nobody out, to weaken it locks out."""
    wanted = DesiredPermission(ADMINISTRATOR.principal, role, propagate)
    with pytest.raises(PlanRefusedError, match="force: true"):
        plan_permission(FIRST, wanted, ROLES, ADMIN)
    assert plan_permission(FIRST, replace(wanted, force=True), ROLES, ADMIN).operation == "update"


# Options


def options(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "principal": "muffin",
        "domain": LAB,
        "principal_type": "user",
        "role": "Admin",
        "propagate": True,
        "state": "present",
        "force": False,
    }
    return given | changes


@pytest.mark.parametrize(
    ("changes", "principal"),
    [
        ({}, Principal("user", "muffin", LAB)),
        ({"principal": f"{LAB}\\muffin", "domain": None}, Principal("user", "muffin", LAB)),
        ({"principal": f"{LAB.upper()}\\muffin"}, Principal("user", "muffin", LAB.upper())),
        ({"principal": f"muffin@{LAB}"}, Principal("user", f"muffin@{LAB}", LAB)),
        ({"principal_type": "group"}, Principal("group", "muffin", LAB)),
    ],
)
def test_principals(changes: dict[str, Any], principal: Principal) -> None:
    assert desired_permission(options(**changes)).principal == principal


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"domain": None}, "domain: is not given for 'muffin'"),
        ({"domain": "a\\b"}, "is no domain"),
        ({"domain": f"muffin@{LAB}"}, "is no domain"),
        ({"domain": ""}, "domain: is empty"),
        ({"principal": 7}, "Quote it"),
        ({"principal": ""}, "principal: is empty"),
        ({"principal": "\\muffin"}, "is no DOMAIN"),
        ({"principal": "a\\b\\c"}, "is no DOMAIN"),
        ({"principal": "other\\muffin"}, f"domain: is '{LAB}', while principal names 'other'"),
        ({"role": None}, "role: is not given"),
        ({"role": ""}, "role: is empty"),
        ({"role": True}, "role: is True"),
    ],
)
def test_what_options_refuse(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as refused:
        desired_permission(options(**changes))
    assert says in str(refused.value)


def test_an_id_may_be_a_number_and_absence_needs_no_role() -> None:
    assert desired_permission(options(role=-1)).role == "-1"
    assert desired_permission(options(role=None, state="absent")).state == "absent"


# Narrowing

NARROWED = [
    BARE,
    QUALIFIED,
    *FIRST,
    Permission(Principal("user", "muffin", "other"), "-1", False, "other"),
    Permission(Principal("group", "muffin", LAB), "7", True, "group"),
    Permission(Principal("user", "muffin"), "7", True, "local"),
]


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, ["bare", "group", "local", "other", "qualified", "a", "g"]),
        ({"principal": "MUFFIN"}, ["bare", "group", "local", "other", "qualified"]),
        ({"principal": f"muffin@{LAB}"}, ["bare", "group", "qualified"]),
        ({"principal": f"{LAB}\\muffin", "principal_type": "user"}, ["bare", "qualified"]),
        ({"principal": f"muffin@{LAB}", "domain": LAB}, ["bare", "group", "qualified"]),
        ({"domain": LAB.upper()}, ["bare", "group", "qualified"]),
        ({"principal": "muffin", "domain": "localos"}, ["local"]),
        ({"role": "Admin"}, ["a", "g", "other"]),
        ({"role": 7, "principal_type": "group"}, ["group"]),
        ({"principal": "nobody"}, []),
    ],
)
def test_narrowing(changes: dict[str, Any], ids: list[str]) -> None:
    given = {"principal": None, "domain": None, "principal_type": None, "role": None} | changes
    assert sorted(each.id for each in narrowed(NARROWED, given, ROLES)) == sorted(ids)


def test_narrowing_refuses_what_cannot_be_meant() -> None:
    given = {"principal": "a\\muffin", "domain": "b", "principal_type": None, "role": None}
    with pytest.raises(InputError):
        narrowed([], given, ROLES)
    with pytest.raises(InputError):
        narrowed([], given | {"domain": None, "role": "Waiter"}, ROLES)


@given(st.sampled_from([None, LAB]), spellings)
def test_a_named_principal_is_one_that_the_narrowing_finds(domain: str | None, spelling: str) -> None:
    if domain is None and "\\" not in spelling:
        return
    if domain is not None and not spelling.startswith(LAB) and "\\" in spelling:
        return
    standing = Permission(named_principal(spelling, domain, "user"), "-1", True, "it")
    given = {"principal": spelling, "domain": domain, "principal_type": "user", "role": None}
    assert narrowed([standing], given, ROLES) == [standing]
