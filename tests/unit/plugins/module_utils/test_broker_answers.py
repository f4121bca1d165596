# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every shape of the undocumented answers that is known; the others are refused without their values."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_answers import (
    Provider,
    SyncToken,
    describe,
    read_admin_token,
    read_providers,
    read_sync_token,
    seconds_left,
    token_expiry,
)
from hypothesis import given
from hypothesis import strategies as st

ONE = {"tenant_type": "CUSTOMER", "idp": "idp-1", "name": "Pocket ID", "domains": ["lab.example.org"]}
TWO = {"idp": "idp-2"}
SECRET = "s3cr3t-eyJ0eXAiOiJKV1Qi"
URL = "https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda entries: entries,
        lambda entries: {"summary_list": entries},
        lambda entries: {"providers": entries},
        lambda entries: {"items": entries},
        lambda entries: {"value": entries},
        lambda entries: {"resources": entries},
        lambda entries: {"Resources": entries},
        lambda entries: {"value": {"summary_list": entries}},
        lambda entries: [{"providers": entries}],
        lambda entries: {"summary_list": [*entries, *entries], "total": 2},
    ],
)
def test_providers_are_found_however_the_list_is_wrapped(wrap: Any) -> None:
    assert read_providers(wrap([ONE, TWO]), "customer") == [
        Provider("idp-1", "Pocket ID", ("lab.example.org",)),
        Provider("idp-2", None, ()),
    ]


@pytest.mark.parametrize("key", [None, "summary_list", "providers", "items", "value", "resources", "Resources"])
def test_no_provider_at_all_is_an_empty_list(key: str | None) -> None:
    assert read_providers([] if key is None else {key: []}, "customer") == []


def test_one_provider_without_a_list() -> None:
    assert read_providers(ONE, "CUSTOMER") == [Provider("idp-1", "Pocket ID", ("lab.example.org",))]


def test_providers_of_other_tenants_are_left_out() -> None:
    operator = {"tenant_type": "OPERATOR", "idp": "idp-9"}
    assert [p.id for p in read_providers({"summary_list": [operator, ONE]}, "customer")] == ["idp-1"]
    assert [p.id for p in read_providers([operator, ONE], "operator")] == ["idp-9"]


@pytest.mark.parametrize(
    ("entry", "name", "domains"),
    [
        ({"idp_name": "A"}, "A", ()),
        ({"display_name": "A", "directory_name": "B"}, "A", ()),
        ({"name": "", "provider_name": "A"}, "A", ()),
        ({"name": 5}, None, ()),
        ({"domain_names": ["a", "b", "A"]}, None, ("a", "b")),
        ({"domain": "a", "default_domain": "a"}, None, ("a",)),
        ({"domains": [{"name": "a"}, {"domain": "b"}, {"value": "c"}, {"x": "d"}, None, 5, ""]}, None, ("a", "b", "c")),
        ({"domains": None, "domain_name": "a"}, None, ("a",)),
    ],
)
def test_name_and_domains_under_their_known_keys(
    entry: dict[str, Any], name: str | None, domains: tuple[str, ...]
) -> None:
    assert read_providers([{"idp": "i", **entry}], "customer") == [Provider("i", name, domains)]


@pytest.mark.parametrize(
    ("document", "token"),
    [
        ({"token_info": {"access_token": SECRET}, "scim_url": URL}, SyncToken(SECRET, URL)),
        ({"access_token": SECRET, "scim_url": URL}, SyncToken(SECRET, URL)),
        ({"token_info": {"access_token": SECRET, "scim_url": URL}}, SyncToken(SECRET, URL)),
        ({"token_info": {"access_token": SECRET, "expires_in": 5}}, SyncToken(SECRET, None)),
        ({"access_token": SECRET, "token_info": None}, SyncToken(SECRET, None)),
        ({"access_token": SECRET, "token_info": {}, "scim_url": ""}, SyncToken(SECRET, None)),
        ({"access_token": SECRET, "scim_url": 5}, SyncToken(SECRET, None)),
    ],
)
def test_a_sync_token_nested_or_flat(document: Any, token: SyncToken) -> None:
    assert read_sync_token(document) == token


def test_an_admin_token() -> None:
    assert read_admin_token({"token_type": "Bearer", "access_token": SECRET, "expires_in": 1800}) == SECRET


@pytest.mark.parametrize("read", [lambda d: read_providers(d, "customer"), read_sync_token, read_admin_token])
@pytest.mark.parametrize(
    "document", [None, 5, SECRET, True, {"idp": 5}, {"idp": ""}, {"access_token": ""}, {"x": {}}, [[1]]]
)
def test_other_shapes_are_a_value_error(read: Any, document: Any) -> None:
    with pytest.raises(ValueError, match="in an answer with"):
        read(document)


leaves = st.none() | st.booleans() | st.integers() | st.sampled_from([SECRET, f"Bearer {SECRET}", f"x {SECRET} y", ""])
keys = st.sampled_from(["token", "token_info", "summary_list", "items", "value", "key", "message", "expires_in"])
secretive = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


@given(secretive)
def test_what_is_said_of_an_unknown_shape_holds_none_of_its_values(document: Any) -> None:
    for read in (lambda d: read_providers(d, "customer"), read_sync_token, read_admin_token):
        try:
            read(document)
            said = ""
        except ValueError as error:
            said = f"{error} {error!r}"
        assert SECRET not in said
    assert SECRET not in describe(document)


@given(secretive)
def test_a_description_is_one_short_line_that_names_the_keys(document: Any) -> None:
    said = describe(document)
    assert "\n" not in said
    assert len(said) < 1000
    if isinstance(document, dict):
        assert all(repr(key) in said for key in document)


def test_keys_are_named_short_and_few() -> None:
    said = describe({("k" * 500 + str(number)): number for number in range(100)})
    assert len(said) < 1000
    assert "\n" not in describe({"a\nb": 1})


def token_with(payload: bytes) -> str:
    """A token of three parts, unsigned."""
    return f"eyJhbGciOiJub25lIn0.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.sig"


@given(st.integers(0, 4_000_000_000))
def test_the_end_of_a_token_is_read(second: int) -> None:
    expected = datetime.fromtimestamp(second, UTC)
    assert token_expiry(token_with(json.dumps({"exp": second, "sub": "é" * (second % 5)}).encode())) == expected
    assert token_expiry(token_with(json.dumps({"exp": float(second)}).encode())) == expected


@given(st.text())
def test_any_text_has_an_end_or_none(token: str) -> None:
    assert token_expiry(token) is None
    assert token_expiry(f"a.{token}.b") is None or token.count(".") == 0


@given(st.binary())
def test_any_payload_has_an_end_or_none(payload: bytes) -> None:
    token_expiry(token_with(payload))
    token_expiry(payload.decode("latin-1"))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_any_exp_is_an_end_or_none(value: Any) -> None:
    found = token_expiry(token_with(json.dumps({"exp": value}).encode()))
    if isinstance(value, bool) or not isinstance(value, int | float):
        assert found is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"exp": true}',
        b'{"exp": "1700000000"}',
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b'{"exp": 1e999}',
        b'{"exp": -1e20}',
        b'{"exp": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"exp": 1700000000',
        b"\xff\xfe",
    ],
)
def test_no_end_is_none(payload: bytes) -> None:
    assert token_expiry(token_with(payload)) is None


@given(st.integers(0, 4_000_000_000), st.integers(0, 4_000_000_000), st.integers(0, 999_999))
def test_the_seconds_left_are_whole_and_never_negative(end: int, second: int, micro: int) -> None:
    now = datetime.fromtimestamp(second, UTC) + timedelta(microseconds=micro)
    left = seconds_left(token_with(json.dumps({"exp": end}).encode()), now)
    assert left == max(0, end - second - (1 if micro else 0))
    assert seconds_left("opaque", now) is None
