# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of a name's permissions: nobody inherits them unsaid, nobody else's are ever touched."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._directory import Operation
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._permissions import Permission, Principal, Roles
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_permissions import (
    GIVING_A_NAME,
    Grants,
    grant_list,
    group_grants,
    inherited,
    left_behind,
    permitted_people,
    plan_user_grants,
    principals,
    removal,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from hypothesis import given
from hypothesis import strategies as st

LAB, OTHER = "lab.example.org", "other.example.org"
NAMES = ("ann", "Ann", "bob", f"bob@{LAB}")

listed = st.lists(
    st.builds(
        Permission,
        st.builds(Principal, st.sampled_from(("user", "group")), st.sampled_from(NAMES), st.sampled_from((LAB, OTHER))),
        st.sampled_from(("-1", "-2", "-5")),
        st.booleans(),
        st.uuids().map(str),
    ),
    max_size=5,
)
users = st.builds(
    User,
    id=st.uuids().map(str),
    username=st.sampled_from(NAMES),
    domain=st.sampled_from((LAB, OTHER)),
    groups=st.just(("bob",)),
)
operations = st.lists(
    st.builds(
        lambda kind, user: Operation(
            "none" if kind == "gone" else kind,
            DesiredUser(user.bare_name, user.domain or "", state="absent" if kind in ("delete", "gone") else "present"),
            None if kind in ("create", "gone") else user,
            None if kind in ("delete", "gone") else user,
        ),
        st.sampled_from((*GIVING_A_NAME, "update", "none", "delete", "gone")),
        users,
    ),
    max_size=5,
)


def holds(user: User | DesiredUser, permission: Permission) -> bool:
    name = (user.bare_name if isinstance(user, User) else user.username).lower()
    spelt = permission.principal.name.lower()
    domain = permission.principal.domain.lower()
    return permission.principal.type == "user" and domain == user.domain and spelt in (name, f"{name}@{user.domain}")


@given(operations, listed)
def test_who_gets_a_name_inherits_nothing_unsaid(operations: list[Operation], listed: list[Permission]) -> None:
    problems = inherited(operations, listed, Roles())
    giving = [op for op in operations if op.kind in GIVING_A_NAME and op.after]
    wrong = [op for op in giving if op.after and any(holds(op.after, each) for each in listed)]
    assert len(problems) == len(wrong)
    assert [op for op, _problem in problems] == wrong
    assert all("inherit_permissions" in problem for _op, problem in problems)


@given(operations, listed)
def test_what_is_left_behind_is_theirs_who_go(operations: list[Operation], listed: list[Permission]) -> None:
    left = left_behind(operations, listed)
    going = [op.before or op.wanted for op in operations if op.wanted.state == "absent"]
    assert {each.id for _label, each in left} == {
        each.id for each in listed if any(holds(user, each) for user in going)
    }
    for _label, each in left:
        assert removal(each).principal == each.principal


@given(users, listed)
def test_who_may_see_something(user: User, listed: list[Permission]) -> None:
    seen = not permitted_people(listed).isdisjoint(principals(user))
    giving = [each for each in listed if each.role_id != "-5" and each.propagate]
    own = any(holds(user, each) for each in giving)
    of_group = any(
        each.principal.type == "group" and each.principal.person == Principal("group", "bob", user.domain or "").person
        for each in giving
    )
    assert seen == (own or of_group)


def test_a_users_own_role_goes_before_that_of_everybody() -> None:
    grants = Grants(grant_list([{"role": "ReadOnly"}], "permissions"), {1: grant_list([{"role": -1}], "x")})
    there = [DesiredUser("ann", LAB, position=0), DesiredUser("bob", LAB, position=1)]
    assert [(each.principal.label, each.role) for user in there for each in grants.of_user(user)] == [
        (f"{LAB}\\ann", "ReadOnly"),
        (f"{LAB}\\bob", "-1"),
    ]


def test_a_permission_that_cannot_be_given_is_that_users_problem() -> None:
    grants = Grants(grant_list([{"role": -2}], "permissions"), {1: grant_list([{"role": "x"}, {"role": "y"}], "p")})
    there = [DesiredUser(name, LAB, position=number) for number, name in enumerate(("ann", "bob", "cid"))]
    spelt_otherwise = Permission(Principal("user", f"cid@{LAB}", LAB), "-2", True, "p-1")
    planned, refused = plan_user_grants(grants, there, [spelt_otherwise], Roles(), Principal("user", "root", "x"))
    assert [plan.wanted.principal.name for plan in planned] == ["ann"]
    assert sorted(refused) == [1, 2]
    assert "several roles" in refused[1]
    assert f"cid@{LAB}" in refused[2]
    both = Grants(grant_list([{"role": -1}, {"role": -2}], "permissions"))
    with pytest.raises(InputError, match="several roles"):
        plan_user_grants(both, there, [], Roles(), Principal("user", "root", "x"))


def test_a_spelling_of_ones_own() -> None:
    grants = Grants(grant_list([{"role": "ReadOnly", "principal": f"ann@{LAB}"}], "permissions"))
    (found,) = grants.of_user(DesiredUser("ann", LAB))
    assert found.principal.label == f"{LAB}\\ann@{LAB}"


def test_groups_need_a_domain() -> None:
    grants = Grants(groups=group_grants([{"group": "cooks", "role": "ReadOnly"}]))
    assert [each.principal for each in grants.of_groups(LAB)] == [Principal("group", "cooks", LAB)]
    with pytest.raises(InputError, match="domain"):
        grants.of_groups(None)


def test_one_role_alone() -> None:
    grants = Grants(grant_list([{"role": "ReadOnly"}, {"role": "Admin"}], "permissions"))
    with pytest.raises(InputError, match="several roles"):
        grants.of_user(DesiredUser("ann", LAB))
    with pytest.raises(InputError, match="names no role"):
        grant_list([{}], "permissions")
