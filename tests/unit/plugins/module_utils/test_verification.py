# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked for against what is read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._directory import Operation
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import (
    WS1B_SCHEMA,
    DesiredUser,
    document_for_creation,
    document_for_replacement,
    users_from_scim,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._verification import Listing, verdict
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import LAB, wanted
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import plan as planned
from hypothesis import given
from hypothesis import strategies as st

Document = dict[str, Any]


def entry(username: str = "muffin", key: str = "u-1", **more: Any) -> Document:
    return {
        "id": key,
        "userName": f"{username}@{LAB}",
        "externalId": "E-1",
        "name": {"givenName": "Old", "familyName": "Baker"},
        "active": True,
        WS1B_SCHEMA: {"domain": LAB},
        **more,
    }


def listing(*documents: Document) -> Listing:
    return Listing(documents, (LAB,))


def operation(desired: DesiredUser, *documents: Document) -> Operation:
    """What is planned for one user in a broker that holds these."""
    (found,) = planned(users_from_scim(documents, (LAB,)), [desired]).operations
    return found


def created(desired: DesiredUser, **more: Any) -> Document:
    """What a broker keeps that does as it is told."""
    return {**document_for_creation(desired), "id": "u-9", **more}


NEW = wanted("muffin", "E-1", given_name="Muffin", email="muffin@example.org")


def test_what_is_kept_is_fine() -> None:
    found = verdict(operation(NEW), listing(created(NEW)))
    assert (found.error, found.unverified) == (None, ())
    assert found.user is not None
    assert found.user.id == "u-9"


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"externalId": "E-2"}, "external_id: asked 'E-1', kept 'E-2'"),
        ({"externalId": "e-1"}, "external_id: asked 'E-1', kept 'e-1'"),
        ({"name": {"givenName": "Other"}}, "given_name: asked 'Muffin', kept 'Other'"),
        ({"active": False}, "active: asked True, kept False"),
        ({WS1B_SCHEMA: {"domain": "other.example.org"}}, "domain: asked 'lab.example.org'"),
    ],
)
def test_what_is_kept_otherwise_is_an_error(kept: Document, said: str) -> None:
    found = verdict(operation(NEW), listing(created(NEW, **kept)))
    assert said in (found.error or "")
    assert "before this person logs in" in (found.error or "")


@pytest.mark.parametrize(("sent", "other"), [("ws1b", "mfa"), ("mfa", "ws1b")])
def test_another_domain_names_the_other_wire_form(sent: str, other: str) -> None:
    desired = replace(NEW, wire_form=sent)
    found = verdict(operation(desired), listing(created(desired, **{WS1B_SCHEMA: {"domain": "other.example.org"}})))
    for part in (
        "domain: asked 'lab.example.org', kept 'other.example.org'",
        f"wire_form: {other}",
        "external_id: E-1",
    ):
        assert part in (found.error or "")
    assert "move_from_domain: other.example.org" in (found.error or "")


@pytest.mark.parametrize(
    ("kept", "unverified"),
    [
        ({"emails": None}, ("email",)),
        ({"active": None}, ("active",)),
        ({"active": "true"}, ()),
        ({"userName": f"MUFFIN@{LAB}"}, ()),
        ({WS1B_SCHEMA: None, "urn:scim:schemas:extension:workspace:mfa:1.0": None}, ("domain",)),
        ({"externalId": None}, ("external_id",)),
    ],
)
def test_what_is_not_told_is_unverified(kept: Document, unverified: tuple[str, ...]) -> None:
    found = verdict(operation(NEW), listing(created(NEW, **kept)))
    assert (found.error, found.unverified) == (None, unverified)


def test_a_creation_that_is_not_there() -> None:
    assert "is not in the broker" in (verdict(operation(NEW), listing()).error or "")
    assert "is not in the broker" in (verdict(operation(NEW), listing(entry("scone", externalId="E-3"))).error or "")


def test_a_deletion() -> None:
    gone = operation(wanted("muffin", state="absent"), entry())
    assert verdict(gone, listing()).error is None
    assert "is still in the broker" in (verdict(gone, listing(entry())).error or "")
    # Somebody else who came since under this name is not the one.
    assert verdict(gone, listing(entry(key="u-2"))).error is None


def test_an_update_looks_at_what_it_changes_and_at_the_external_id() -> None:
    change = operation(wanted("muffin", given_name="New"), entry())
    good = entry(name={"givenName": "New", "familyName": "Else"})
    assert verdict(change, listing(good)).error is None
    assert "external_id" in (verdict(change, listing({**good, "externalId": "E-2"})).error or "")
    assert "given_name: asked 'New', kept 'Old'" in (verdict(change, listing(entry())).error or "")
    assert "is not in the broker" in (verdict(change, listing()).error or "")


def test_a_rename_looks_at_the_name() -> None:
    rename = operation(wanted("cake", "E-1", rename=True), entry())
    assert verdict(rename, listing(entry("cake"))).error is None
    assert "username: asked 'cake@lab.example.org'" in (verdict(rename, listing(entry())).error or "")


def test_a_recreation_is_a_new_entry() -> None:
    anew = operation(wanted("muffin", "E-2", recreate=True), entry())
    assert verdict(anew, listing(entry(key="u-2", externalId="E-2"))).error is None
    assert "external_id: asked 'E-2', kept 'E-1'" in (verdict(anew, listing(entry(key="u-2"))).error or "")
    assert "is not in the broker" in (verdict(anew, listing()).error or "")


texts = st.sampled_from([None, "", "x", "y"])
states = st.sampled_from([None, True, False])


@given(texts, texts, texts, states, texts, texts, states)
def test_a_broker_that_does_as_it_is_told_is_believed(
    given_name: str | None,
    email: str | None,
    display_name: str | None,
    active: bool | None,
    old_name: str | None,
    old_email: str | None,
    old_active: bool | None,
) -> None:
    asked = {"given_name": given_name, "email": email, "display_name": display_name, "active": active}
    new = wanted("muffin", "E-1", **asked)
    assert verdict(operation(new), listing(created(new))).error is None

    emails = [{"value": old_email, "primary": True}] if old_email else []
    standing = entry(name={"givenName": old_name}, emails=emails, active=old_active)
    (change,) = planned(users_from_scim([standing], (LAB,)), [wanted("muffin", **asked)]).operations
    if change.before and change.kind == "update":
        after = document_for_replacement(standing, change.wanted.named_attributes(), None)
        found = verdict(change, listing(after))
        assert (found.error, found.unverified) == (None, ())
