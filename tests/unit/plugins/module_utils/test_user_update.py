# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An update is made from a read just before it, and undoes nothing that somebody else changed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_update import (
    updated_document,
    updated_patch,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import (
    WS1B_SCHEMA,
    DesiredUser,
    User,
    differences,
    user_from_scim,
)
from hypothesis import given
from hypothesis import strategies as st

LAB = "lab.example.org"
TEXTS = ("given_name", "family_name", "display_name", "email")


def document(**values: Any) -> dict[str, Any]:
    """A resource as the broker shows it."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", WS1B_SCHEMA],
        "id": "id-1",
        "userName": values.get("username", f"muffin@{LAB}"),
        "externalId": values.get("external_id", "E-1"),
        "name": {"givenName": values.get("given_name"), "familyName": values.get("family_name")},
        "displayName": values.get("display_name"),
        "emails": [{"value": values["email"], "type": "work", "primary": True}] if values.get("email") else [],
        "active": values.get("active", True),
        "title": values.get("title", "Baker"),
        WS1B_SCHEMA: {"domain": LAB, "userPrincipalName": values.get("principal", "muffin")},
        "groups": [{"value": "g-1", "display": "admins"}],
        "meta": {"version": 'W/"1"'},
    }


def read(standing: dict[str, Any]) -> User:
    return user_from_scim(standing, (LAB,))


def wanted(**values: Any) -> DesiredUser:
    return DesiredUser("muffin", LAB, **values)


def test_a_user_who_is_locked_meanwhile_stays_locked() -> None:
    before = read(document(email="old@example.org", active=True))
    now = document(email="old@example.org", active=False, title="Chief baker", principal="m")
    body = updated_document(now, before, wanted(email="new@example.org"), None)
    assert body is not None
    assert body["active"] is False
    assert (body["title"], body[WS1B_SCHEMA]) == ("Chief baker", {"domain": LAB, "userPrincipalName": "m"})
    assert body["emails"] == [{"value": "new@example.org", "type": "work", "primary": True}]
    assert body["externalId"] == "E-1"
    assert not {"groups", "meta"} & set(body)


def test_a_managed_attribute_that_has_the_wanted_value_is_done() -> None:
    before = read(document(email="old@example.org", given_name="M"))
    asked = wanted(email="new@example.org", given_name="Muffin")
    half = updated_document(document(email="new@example.org", given_name="M"), before, asked, None)
    assert half is not None
    assert half["name"]["givenName"] == "Muffin"
    assert updated_document(document(email="new@example.org", given_name="Muffin"), before, asked, None) is None


@pytest.mark.parametrize(
    ("now", "asked", "named"),
    [
        ({"email": "third@example.org"}, {"email": "new@example.org"}, "email: was 'old@example.org', is 'third@"),
        # The plan found this one to be as wanted already.
        ({"active": False}, {"email": "new@example.org", "active": True}, "active: was True, is False"),
        ({"username": f"scone@{LAB}"}, {"email": "new@example.org"}, "username: was 'muffin@lab.example.org'"),
        ({"external_id": "E-2"}, {"email": "new@example.org"}, "external_id: was 'E-1', is 'E-2'"),
    ],
)
def test_a_third_value_stops_the_user(now: dict[str, Any], asked: dict[str, Any], named: str) -> None:
    before = read(document(email="old@example.org"))
    with pytest.raises(IdentityBrokerError) as caught:
        updated_document(document(**{"email": "old@example.org", **now}), before, wanted(**asked), None)
    assert "muffin@lab.example.org was not updated, since somebody else changed the entry" in str(caught.value)
    assert named in str(caught.value)


def test_a_rename_that_is_done_already_is_not_sent() -> None:
    before, now = read(document()), document(username=f"scone@{LAB}")
    assert updated_document(now, before, wanted(), f"scone@{LAB}") is None
    changed = updated_document(document(), before, wanted(), f"scone@{LAB}")
    assert changed is not None
    assert changed["userName"] == f"scone@{LAB}"


def test_an_external_id_that_only_the_list_shows_is_sent() -> None:
    before, now = read(document(email="a@example.org")), document(email="a@example.org", external_id=None)
    body = updated_document(now, before, wanted(email="b@example.org"), None)
    assert body is not None
    assert body["externalId"] == "E-1"


def test_a_patch_names_what_changes_and_nothing_else() -> None:
    """For a broker that shows no ExternalId, where a PUT could not carry it."""
    before = read(document(email="old@example.org", given_name="M", family_name="Baker", external_id=None))
    now = document(email="old@example.org", given_name="M", family_name="Baker", external_id=None, active=False)
    asked = wanted(email="new@example.org", given_name="Muffin", family_name="Baker")
    body = updated_patch(now, before, asked, f"scone@{LAB}")
    assert body is not None
    assert {each["path"]: each["value"] for each in body["Operations"]} == {
        "userName": f"scone@{LAB}",
        "emails": [{"value": "new@example.org", "type": "work", "primary": True}],
        "name.givenName": "Muffin",
    }
    assert {each["op"] for each in body["Operations"]} == {"replace"}
    assert updated_patch(now, before, wanted(), None) is None


values = st.fixed_dictionaries(
    {name: st.sampled_from([None, "a", "b", "c"]) for name in TEXTS} | {"active": st.booleans()}
)
asked_for = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(["", "a", "b"]) for name in TEXTS} | {"active": st.booleans()}
)


@given(values, values, asked_for)
def test_every_attribute_is_kept_done_changed_or_refused(
    before: dict[str, Any], now: dict[str, Any], asked: dict[str, Any]
) -> None:
    standing, user = document(**now), wanted(**asked)
    original = copy.deepcopy(standing)
    planned, fresh = read(document(**before)), read(standing)
    open_ones = differences(fresh, user)
    foreign = [name for name in open_ones if getattr(planned, name) != getattr(fresh, name)]
    if foreign:
        with pytest.raises(IdentityBrokerError) as caught:
            updated_document(standing, planned, user, None)
        assert all(f"{name}: was" in str(caught.value) for name in foreign)
        return
    body = updated_document(standing, planned, user, None)
    assert standing == original, "the read itself is left alone"
    if body is None:
        assert open_ones == {}
        return
    after = read(body)
    assert differences(after, user) == {}
    unnamed = {name: getattr(fresh, name) for name in (*TEXTS, "active") if name not in asked}
    assert {name: getattr(after, name) for name in unnamed} == unnamed
    assert replace(after, groups=()) == replace(
        fresh, groups=(), **{name: value if name == "active" else value or None for name, value in open_ones.items()}
    )
