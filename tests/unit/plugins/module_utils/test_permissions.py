# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions and roles on the wire, and which spellings and names are one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._permissions import (
    GLOBAL_OBJECT,
    LEGACY_OBJECT,
    WELL_KNOWN,
    Permission,
    Principal,
    Role,
    Roles,
    legacy_creation,
    page_from_rest,
    permissions_from_legacy,
    rest_creation,
    rest_update,
    roles_page_from_rest,
    shown_permission,
)
from hypothesis import given
from hypothesis import strategies as st

LAB = "lab.example.org"
ROLES = Roles(
    (Role("-1", "Admin"), Role("-2", "ReadOnly"), Role("7", "Baker"), Role("8", "baker"), Role("9", "Cook")),
    complete=True,
)

names = st.text(st.characters(exclude_characters="\\", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
principals = st.builds(Principal, st.sampled_from(["user", "group"]), names, names | st.just(""))
permissions = st.builds(Permission, principals, st.sampled_from(["-1", "-2", "1001"]), st.booleans())


def listed_by_rest(permission: Permission, key: str = "k") -> dict[str, Any]:
    """As vSphere 9 lists what was created so."""
    body = rest_creation(permission)
    return {"permission": key, "info": {**body, "principal": {"domain": "localos", **body["principal"]}}}


def listed_by_legacy(permission: Permission, key: str = "k") -> dict[str, Any]:
    return {"id": key, **legacy_creation(permission)["create_spec"]}


# Wire forms


@given(permissions)
def test_what_is_created_reads_back(permission: Permission) -> None:
    (read,), marker = page_from_rest({"items": [listed_by_rest(permission)]})
    assert (read.principal.key, read.role_id, read.propagate) == (
        permission.principal.key,
        permission.role_id,
        permission.propagate,
    )
    assert (read.id, marker) == ("k", None)
    (read,) = permissions_from_legacy({"value": [listed_by_legacy(permission)]})
    assert read == Permission(permission.principal, permission.role_id, permission.propagate, "k")


@given(permissions, permissions)
def test_an_update_holds_just_what_changes(before: Permission, after: Permission) -> None:
    body = rest_update(before, after)
    assert ("role" in body) == (before.role_id != after.role_id)
    assert ("is_propagating" in body) == (before.propagate != after.propagate)
    info = {**rest_creation(before), **body}
    (read,), _marker = page_from_rest([{"permission": "k", "info": {"object": GLOBAL_OBJECT, **info}}])
    assert read.role_id == after.role_id


def test_permissions_on_the_inventory_are_left_out() -> None:
    row = listed_by_rest(Permission(Principal("user", "muffin", LAB), "-1", True))
    folder = {"permission": "f", "info": {**row["info"], "object": {"type": "Folder", "id": "group-d1"}}}
    found, marker = page_from_rest({"items": [folder, row], "marker": "next"})
    assert ([each.id for each in found], marker) == (["k"], "next")
    other = {**listed_by_legacy(found[0]), "resource_id": {"type": "Folder", "id": "group-d1"}}
    assert permissions_from_legacy({"value": [other]}) == []


def test_shapes_that_are_nearly_so() -> None:
    row = {
        "id": "k",
        "object": {"type": "GLOBALACL", "id": "GlobalAcl"},
        "principal": {"type": "SERVICE", "name": "x"},
        "role": -1,
        "is_propagating": False,
    }
    (read,), _marker = page_from_rest([row])
    assert read == Permission(Principal("service", "x"), "-1", False, "k")
    (read,) = permissions_from_legacy(
        {
            "value": [
                {"id": "k", "principal": {"type": "USER", "name": "A\\b"}, "role_id": ["-1", "-2"], "propagate": True}
            ]
        }
    )
    assert read == Permission(Principal("user", "b", "A"), "-1, -2", True, "k")


INFO: dict[str, Any] = {
    "object": GLOBAL_OBJECT,
    "principal": {"type": "USER", "name": "secret-name", "domain": "secret-domain"},
    "role": "-1",
    "propagating": True,
}
DETAIL: dict[str, Any] = {
    "id": "k",
    "resource_id": LEGACY_OBJECT,
    "principal": {"type": "USER", "user_name": "secret-name"},
    "role_id": ["-1"],
    "propagate": True,
}


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"unexpected": [1, 2]},
        {"items": "all"},
        {"items": ["secret-name"]},
        {"items": [{"info": INFO}]},
        {"items": [{"permission": "k", "info": {**INFO, "principal": "secret-name"}}]},
        {"items": [{"permission": "k", "info": {**INFO, "principal": {"type": "USER"}}}]},
        {"items": [{"permission": "k", "info": {**INFO, "propagating": "secret-name"}}]},
        {"items": [{"permission": "k", "info": {**INFO, "role": None}}]},
        {"items": [{"permission": "k", "info": {**INFO, "role": True}}]},
    ],
)
def test_other_shapes_of_rest_are_told_without_values(document: Any) -> None:
    with pytest.raises(ValueError) as told:  # noqa: PT011
        page_from_rest(document)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"value": {}},
        {"value": ["secret-name"]},
        {"value": [{**DETAIL, "id": ""}]},
        {"value": [{**DETAIL, "principal": "secret-name"}]},
        {"value": [{**DETAIL, "principal": {"type": "GROUP", "user_name": "secret-name"}}]},
        {"value": [{**DETAIL, "role_id": []}]},
        {"value": [{**DETAIL, "propagate": 1}]},
    ],
)
def test_other_shapes_of_the_older_api_are_told_without_values(document: Any) -> None:
    with pytest.raises(ValueError) as told:  # noqa: PT011
        permissions_from_legacy(document)
    assert "secret" not in str(told.value)


def test_roles_are_read() -> None:
    items = [{"role": "-1", "info": {"name": "Admin"}}, {"role": 7, "info": {}}, {"id": "8", "name": "Flat"}]
    roles = [Role("-1", "Admin"), Role("7", None), Role("8", "Flat")]
    assert roles_page_from_rest({"items": items}) == (roles, None)
    assert roles_page_from_rest({"items": [], "marker": "more"}) == ([], "more")
    with pytest.raises(ValueError, match="a role with the keys 'info'"):
        roles_page_from_rest({"items": [{"info": {"name": "Admin"}}]})


# Spellings


@given(principals)
def test_spelling_and_reading_are_opposites(principal: Principal) -> None:
    assert Principal.spelt(principal.type, principal.label) == principal


@given(principals)
def test_case_does_not_matter_and_the_kind_does(principal: Principal) -> None:
    lower = Principal(principal.type, principal.name.lower(), principal.domain.lower())
    assert (lower.key, lower.person) == (principal.key, principal.person)
    other = Principal("other", principal.name, principal.domain)
    assert other.key != principal.key
    assert other.person != principal.person


@pytest.mark.parametrize("spelling", [f"{LAB}\\muffin", f"LAB.example.org\\Muffin@{LAB}", f"muffin@{LAB}"])
def test_one_person_has_several_spellings(spelling: str) -> None:
    assert Principal.spelt("user", spelling).person == ("user", LAB, "muffin")


@pytest.mark.parametrize("spelling", ["muffin", "localos\\muffin", f"x\\muffin@{LAB}", f"{LAB}\\muffins"])
def test_others_are_others(spelling: str) -> None:
    assert Principal.spelt("user", spelling).person != ("user", LAB, "muffin")


def test_no_domain_is_that_of_the_appliance() -> None:
    assert Principal("user", "root").key == Principal("user", "ROOT", "LocalOS").key
    shown = shown_permission(Permission(Principal("user", "root"), "-1", True), ROLES, is_global=True)
    assert shown == {
        "id": None,
        "principal": "root",
        "domain": "localos",
        "principal_type": "user",
        "role": {"id": "-1", "name": "Admin"},
        "propagate": True,
        "global": True,
    }


# Roles


@pytest.mark.parametrize(
    ("text", "role_id"),
    [
        ("-1", "-1"),
        ("7", "7"),
        ("Admin", "-1"),
        ("admin", "-1"),
        ("administrator", "-1"),
        ("Read-only", "-2"),
        ("No access", "-5"),
        ("Baker", "7"),
        ("baker", "8"),
        ("COOK", "9"),
    ],
)
def test_a_role_is_found_by_id_or_name(text: str, role_id: str) -> None:
    assert ROLES.find(text).id == role_id


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BAKER", "role: 'BAKER' may mean Baker (7), baker (8). Give the id"),
        ("Waiter", "role: there is no role 'Waiter'. There are Admin, Baker, Cook, ReadOnly, baker."),
        ("10", "role: there is no role '10'"),
    ],
)
def test_a_role_that_is_not_clear_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        ROLES.find(text)
    assert says in str(refused.value)


def test_two_roles_of_one_name_are_an_error() -> None:
    with pytest.raises(InputError, match=r"may mean Twin \(1\), Twin \(2\)"):
        Roles((Role("1", "Twin"), Role("2", "Twin")), complete=True).find("Twin")


def test_a_role_of_ones_own_goes_before_what_the_client_calls_a_built_in_one() -> None:
    assert Roles((Role("-1", "Admin"), Role("7", "Administrator")), complete=True).find("Administrator").id == "7"


def test_where_roles_are_not_told() -> None:
    roles = Roles()
    assert [roles.find(names[-1]).id for names in WELL_KNOWN.values()] == list(WELL_KNOWN)
    assert roles.find("-2") == Role("-2", "ReadOnly")
    assert roles.find("1001") == Role("1001", None)
    with pytest.raises(InputError, match="'Baker' is none of the built-in roles"):
        roles.find("Baker")
