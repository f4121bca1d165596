# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users on the wire and in our form: what is written is read back, and what was not named stays."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import (
    CORE_SCHEMA,
    MFA_SCHEMA,
    MUTABLE_ATTRIBUTES,
    WS1B_SCHEMA,
    DesiredUser,
    User,
    differences,
    document_for_creation,
    document_for_replacement,
    predicted,
    unkept,
    user_from_scim,
    users_from_scim,
)
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    LAB,
    OTHER,
    picks,
    user,
    wanted,
)
from hypothesis import given
from hypothesis import strategies as st

texts = st.none() | st.text(max_size=5)
bare_names = st.text(st.characters(categories=("L", "N"), include_characters="._-"), min_size=1, max_size=8)

desired_users = st.builds(
    DesiredUser,
    username=bare_names,
    domain=st.sampled_from([LAB, OTHER]),
    external_id=st.text(min_size=1, max_size=5),
    given_name=texts,
    family_name=texts,
    display_name=texts,
    email=texts,
    active=st.none() | st.booleans(),
    username_format=st.sampled_from(["qualified", "bare"]),
    wire_form=st.sampled_from(["ws1b", "mfa"]),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def _email(fields: tuple[Any, ...]) -> dict[str, Any]:
    return {
        key: value
        for key, value in zip(("value", "type", "primary", "display"), fields, strict=True)
        if value is not None
    }


emails = picks(
    ["a@example.org", "b@example.org", "c@example.org"],
    ["work", "home", None],
    [True, False, "true", None],
    ["Mail", None],
).map(_email)

documents = st.builds(
    lambda more, name, mails, active, domain: {
        **more,
        "schemas": [CORE_SCHEMA],
        "id": "id-1",
        "userName": "muffin",
        "externalId": "E-1",
        "groups": [{"value": "g", "display": "ALL_USERS"}],
        "meta": {"version": "W/1"},
        "active": active,
        **({} if name is None else {"name": name}),
        **({} if mails is None else {"emails": mails}),
        **({} if domain is None else {WS1B_SCHEMA: domain}),
    },
    st.dictionaries(st.text(max_size=4), json_values, max_size=2),
    st.none()
    | st.dictionaries(st.sampled_from(["givenName", "familyName", "middleName", "formatted"]), st.text(max_size=3)),
    st.none() | st.lists(emails, max_size=3),
    st.sampled_from([True, False, "true", "False", None]),
    st.none() | st.just({"domain": LAB, "userPrincipalName": "muffin"}),
)

changes = st.builds(
    DesiredUser,
    username=st.just("muffin"),
    domain=st.just(LAB),
    given_name=texts,
    family_name=texts,
    display_name=texts,
    email=texts,
    active=st.none() | st.booleans(),
)


@given(desired_users)
def test_what_is_created_is_read_back(desired: DesiredUser) -> None:
    document = json.loads(json.dumps({**document_for_creation(desired), "id": "id-1"}))
    read = user_from_scim(document, (LAB, OTHER))
    assert read == replace(predicted(desired, None), id="id-1")
    different, unverified = unkept(
        predicted(desired, None), read, ["username", "domain", "external_id", *MUTABLE_ATTRIBUTES]
    )
    assert (different, unverified) == ({}, [])
    assert differences(read, desired) == {}
    assert read.is_named(desired.username, desired.domain)
    assert read.bare_name == desired.username


@given(desired_users)
def test_the_forms_on_the_wire(desired: DesiredUser) -> None:
    document = document_for_creation(desired)
    assert (WS1B_SCHEMA in document) == (desired.wire_form == "ws1b")
    assert (MFA_SCHEMA in document) == (desired.wire_form == "mfa")
    declared = [CORE_SCHEMA, WS1B_SCHEMA] if desired.wire_form == "ws1b" else [CORE_SCHEMA]
    assert document["schemas"] == declared, "the mfa extension is never declared"
    assert ("@" in document["userName"]) == (desired.username_format == "qualified")
    assert set(document["name"]) == {"givenName", "familyName"}
    assert None not in document.values()
    assert document["active"] is (desired.active is not False)


def test_the_body_of_a_creation() -> None:
    assert document_for_creation(wanted("muffin", "E-1", given_name="M", display_name="MM", email="m@x")) == {
        "schemas": [CORE_SCHEMA, WS1B_SCHEMA],
        "userName": f"muffin@{LAB}",
        "externalId": "E-1",
        "name": {"givenName": "M", "familyName": ""},
        "displayName": "MM",
        "emails": [{"value": "m@x", "type": "work", "primary": True}],
        "active": True,
        WS1B_SCHEMA: {"domain": LAB},
    }


ARTICLE = """{
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "muffin@id.example.org",
    "name": {
      "givenName": "Muffin",
      "familyName": ""
    },
    "emails": [{
      "value": "muffin@example.org",
      "type": "work",
      "primary": true
    }],
    "externalId": "d0e47cc3-ff12-95fd-b4ba-6a30628bd50e",
    "active": true,
    "urn:scim:schemas:extension:workspace:mfa:1.0": {
      "defaultDomain": "id.example.org"
    }
  }"""
"""The body of the article "Integrating Pocket ID with vCenter Server", with other names."""


def test_the_mfa_form_is_the_form_of_the_article() -> None:
    desired = DesiredUser(
        username="muffin",
        domain="id.example.org",
        external_id="d0e47cc3-ff12-95fd-b4ba-6a30628bd50e",
        given_name="Muffin",
        email="muffin@example.org",
        wire_form="mfa",
    )
    # The order of the keys counts as well; only the white space between them may differ.
    assert json.dumps(document_for_creation(desired)) == json.dumps(json.loads(ARTICLE))


@given(documents, changes, st.none() | st.just("scone"))
def test_a_replacement_changes_what_was_named_and_nothing_else(
    standing: dict[str, Any], desired: DesiredUser, username: str | None
) -> None:
    before = copy.deepcopy(standing)
    asked = differences(user_from_scim(standing, (LAB,)), desired)
    body = document_for_replacement(standing, asked, username)
    assert standing == before, "the standing resource itself is left alone"
    assert not {"groups", "meta"} & set(body)
    touched = {"userName", "name", "displayName", "active", "emails", "groups", "meta"}
    for key in set(standing) - touched:
        assert body[key] == standing[key]
    assert set(body) - set(standing) <= touched
    assert body["userName"] == (username or standing["userName"])
    if "active" not in asked:
        assert body.get("active") == standing.get("active")
    if "display_name" not in asked:
        assert body.get("displayName") == standing.get("displayName")
    if "email" not in asked:
        assert body.get("emails") == standing.get("emails")
    old, new = standing.get("name", {}), body.get("name", {})
    for key in ("givenName", "familyName", "middleName", "formatted"):
        if {"givenName": "given_name", "familyName": "family_name"}.get(key) not in asked:
            assert new.get(key) == old.get(key)


def usable(standing: dict[str, Any], email: str | None) -> bool:
    """Whether more than one address stands there while the address is to be cleared; see the test below."""
    return email != "" or len(standing.get("emails") or []) < 2


@given(documents, changes)
def test_after_a_replacement_nothing_differs(standing: dict[str, Any], desired: DesiredUser) -> None:
    if not usable(standing, desired.email):
        return
    actual = user_from_scim(standing, (LAB,))
    body = document_for_replacement(standing, differences(actual, desired), None)
    assert differences(user_from_scim(json.loads(json.dumps(body)), (LAB,)), desired) == {}


@given(st.lists(emails, min_size=2, max_size=3))
def test_an_address_is_cleared_in_one_go(mails: list[dict[str, Any]]) -> None:
    standing = {"id": "id-1", "userName": "muffin", "emails": mails}
    desired = wanted("muffin", email="")
    asked = differences(user_from_scim(standing, (LAB,)), desired)
    if not asked:
        return
    body = document_for_replacement(standing, asked, None)
    assert all(mail in mails for mail in body["emails"])
    after = user_from_scim(body, (LAB,))
    assert differences(after, desired) == {}, "a second run would take the next address"
    assert unkept(predicted(desired, user_from_scim(standing, (LAB,))), after, ["email"]) == ({}, [])


@given(st.lists(emails, min_size=1, max_size=3), st.text(min_size=1, max_size=5))
def test_a_changed_address_leaves_the_others(mails: list[dict[str, Any]], value: str) -> None:
    body = document_for_replacement({"id": "i", "userName": "m", "emails": mails}, {"email": value}, None)
    had_one = user_from_scim({"id": "i", "userName": "m", "emails": mails}, (LAB,)).email is not None
    assert len(body["emails"]) == len(mails) + (0 if had_one else 1), "an address of another type is not replaced"
    assert body["emails"][0]["value"] == value
    assert all(mail in mails for mail in body["emails"][1:])
    assert user_from_scim({**body, "id": "i"}, (LAB,)).email == value


def test_clearing_with_an_empty_string() -> None:
    standing = {
        "id": "id-1",
        "userName": "muffin",
        "name": {"givenName": "M", "familyName": "F", "formatted": "M F"},
        "displayName": "MM",
        "emails": [{"value": "m@x", "type": "work", "primary": True}],
    }
    asked = differences(
        user_from_scim(standing, (LAB,)), wanted(given_name="", family_name="", display_name="", email="")
    )
    assert asked == {"given_name": "", "family_name": "", "display_name": "", "email": ""}
    assert document_for_replacement(standing, asked, None) == {
        "id": "id-1",
        "userName": "muffin",
        "name": {"givenName": "", "familyName": "", "formatted": "M F"},
        "displayName": "",
        "emails": [],
    }


@pytest.mark.parametrize("attribute", ["given_name", "family_name", "display_name", "email"])
def test_null_and_empty_are_the_same(attribute: str) -> None:
    nothing: Any = None
    assert differences(user(**{attribute: nothing}), wanted(**{attribute: ""})) == {}
    assert differences(user(**{attribute: ""}), wanted(**{attribute: ""})) == {}
    assert differences(user(**{attribute: "x"}), wanted()) == {}
    assert differences(user(**{attribute: "x"}), wanted(**{attribute: "X"})) == {attribute: "X"}
    assert differences(user(**{attribute: nothing}), wanted(**{attribute: "x"})) == {attribute: "x"}


@pytest.mark.parametrize(
    ("said", "means"), [(True, True), ("true", True), ("True", True), ("FALSE", False), (False, False)]
)
def test_active_is_read_from_text_as_well(said: object, means: bool) -> None:
    read = user_from_scim({"id": "i", "userName": "m", "active": said}, (LAB,))
    assert read.active is means
    assert differences(read, wanted(active=means)) == {}
    assert differences(read, wanted(active=not means)) == {"active": not means}
    assert differences(read, wanted()) == {}


@pytest.mark.parametrize("said", [None, 1, "yes", [], {}])
def test_active_of_another_shape_is_unknown(said: object) -> None:
    assert user_from_scim({"id": "i", "userName": "m", "active": said}, (LAB,)).active is None


@given(desired_users, documents)
def test_after_what_was_predicted_nothing_differs(desired: DesiredUser, standing: dict[str, Any]) -> None:
    actual = user_from_scim(standing, (LAB,))
    after = predicted(desired, actual)
    assert differences(after, desired) == {}
    assert predicted(desired, after) == after
    assert (after.id, after.username, after.external_id, after.groups) == (
        actual.id,
        actual.username,
        actual.external_id,
        actual.groups,
    )
    assert differences(predicted(desired, None), desired) == {}


@pytest.mark.parametrize(
    ("document", "domains", "domain"),
    [
        ({WS1B_SCHEMA: {"domain": "Told"}, MFA_SCHEMA: {"defaultDomain": "second"}}, (LAB, OTHER), "Told"),
        ({WS1B_SCHEMA: {"domain": ""}, MFA_SCHEMA: {"defaultDomain": "second"}}, (LAB, OTHER), "second"),
        ({WS1B_SCHEMA: {"domain": "Told"}, "userName": f"muffin@{LAB}"}, (LAB,), "Told"),
        ({"userName": f"muffin@{LAB.upper()}"}, (OTHER, LAB), LAB),
        ({"userName": f"muffin@{OTHER}"}, (LAB,), None),
        ({"userName": f"@{LAB}"}, (LAB,), None),
        ({"userName": "muffin@elsewhere"}, (LAB, OTHER), None),
        ({}, (LAB,), None),
        ({}, (LAB, OTHER), None),
        ({}, (), None),
        ({"userName": f"muffin@{LAB}"}, (), None),
        ({WS1B_SCHEMA: "text", MFA_SCHEMA: None}, (LAB,), None),
        ({WS1B_SCHEMA: {"domain": ["x"]}}, (LAB, OTHER), None),
    ],
)
def test_the_domain_is_the_one_shown_or_the_one_behind_the_at_and_never_guessed(
    document: dict[str, Any], domains: tuple[str, ...], domain: str | None
) -> None:
    assert user_from_scim({"id": "i", "userName": "muffin", **document}, domains).domain == domain


@pytest.mark.parametrize(
    ("username", "domain", "bare", "label"),
    [
        ("muffin", LAB, "muffin", f"muffin@{LAB}"),
        (f"muffin@{LAB.upper()}", LAB, "muffin", f"muffin@{LAB}"),
        ("muffin@elsewhere", LAB, "muffin@elsewhere", f"muffin@elsewhere@{LAB}"),
        (f"muffin@{LAB}", None, f"muffin@{LAB}", f"muffin@{LAB} (domain not shown)"),
    ],
)
def test_names_of_an_entry(username: str, domain: str | None, bare: str, label: str) -> None:
    entry = user(username, domain=domain)
    assert (entry.bare_name, entry.label) == (bare, label)
    assert entry.is_named(bare.upper(), (domain or LAB).upper()) == (domain is not None)
    assert not entry.is_named("scone", LAB)


@pytest.mark.parametrize(
    ("document", "missing"),
    [({}, "id"), ({"id": "", "userName": "m"}, "id"), ({"id": 5, "userName": "m"}, "id"), ({"id": "i"}, "userName")],
)
def test_a_user_without_a_name_or_id_is_no_user(document: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValueError, match=f"a user without {missing}"):
        users_from_scim([document], [LAB])


@given(documents, json_values, st.sampled_from(["name", "emails", "groups", "displayName", "externalId", WS1B_SCHEMA]))
def test_other_shapes_of_a_field_are_read_as_none(standing: dict[str, Any], value: object, key: str) -> None:
    if key == "groups" and not isinstance(value, list | None):
        return
    read = user_from_scim({**standing, key: value}, (LAB,))
    for name in ("given_name", "family_name", "display_name", "email", "external_id", "domain"):
        assert getattr(read, name) is None or isinstance(getattr(read, name), str)
    json.dumps(read.result())


def test_a_result_has_all_keys_and_no_empty_id() -> None:
    keys = [
        "id",
        "username",
        "domain",
        "external_id",
        "given_name",
        "family_name",
        "display_name",
        "email",
        "active",
        "groups",
    ]
    assert list(user().result()) == keys
    assert predicted(wanted("muffin", "E-1"), None).result()["id"] is None
    assert user(groups=("b", "a")).result()["groups"] == ["b", "a"]


ALL = ("username", "domain", "external_id", *MUTABLE_ATTRIBUTES)


@given(documents)
def test_what_was_kept_as_asked_is_no_difference(standing: dict[str, Any]) -> None:
    kept = user_from_scim(standing, (LAB,))
    assert unkept(kept, kept, ALL) == ({}, [])


@pytest.mark.parametrize(
    ("asked", "kept", "different", "unverified"),
    [
        ({"given_name": None}, {"given_name": ""}, [], []),
        ({"given_name": ""}, {"given_name": None}, [], []),
        ({"username": "Muffin"}, {"username": "muffin"}, [], []),
        ({"domain": "LAB"}, {"domain": "lab"}, [], []),
        ({"external_id": "E-1"}, {"external_id": "e-1"}, ["external_id"], []),
        ({"external_id": "E-1"}, {"external_id": None}, [], ["external_id"]),
        ({"email": "x"}, {"email": "X"}, ["email"], []),
        ({"email": "x"}, {"email": None}, [], ["email"]),
        ({"email": ""}, {"email": "x"}, ["email"], []),
        ({"email": None}, {"email": "x"}, ["email"], []),
        ({"active": False}, {"active": None}, [], ["active"]),
        ({"active": True}, {"active": None}, [], ["active"]),
        ({"active": True}, {"active": False}, ["active"], []),
        ({"active": False}, {"active": True}, ["active"], []),
        ({"domain": "lab"}, {"domain": None}, [], ["domain"]),
        ({"domain": "lab"}, {"domain": "other"}, ["domain"], []),
        ({"username": "muffin"}, {"username": "scone"}, ["username"], []),
    ],
)
def test_what_the_broker_did_not_keep(
    asked: dict[str, Any], kept: dict[str, Any], different: list[str], unverified: list[str]
) -> None:
    base = {"id": "i", "username": "muffin", "domain": LAB}
    found, missing = unkept(User(**{**base, **asked}), User(**{**base, **kept}), ALL)
    assert (list(found), missing) == (different, unverified)
    for name, sides in found.items():
        assert sides == (asked[name], kept[name])
    assert unkept(User(**{**base, **asked}), User(**{**base, **kept}), []) == ({}, [])
