# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SDDC Manager's answers are read tolerantly, refused by shape, and never shown."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils import _sddc_answers as answers
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_sync import (
    Life,
    life_of,
    revocation_doubt,
    ttl_doubt,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 2, 4, 15, 0, tzinfo=UTC)
KEY = "34e29540-6e7b-4c24-bc71-cc14f823c21c"
READERS = [
    answers.read_token_pair,
    answers.read_access_token,
    answers.read_providers,
    answers.identified,
    answers.read_minted,
    answers.read_precheck,
    answers.read_oidc_info,
]
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def token(end: datetime) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": int(end.timestamp())}).encode()).rstrip(b"=").decode()
    return f"header.{claims}.signature"


def federated(end: datetime | None) -> dict[str, Any]:
    info = {} if end is None else {"expireAt": end.isoformat(), "scimUrl": "https://vcsa/scim"}
    return {"id": "o", "type": "FEDERATED_IDP_BROKER", "fedIdp": {"syncClientTokenInfo": info}}


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@given(document=documents)
def test_an_unknown_shape_is_refused_without_its_values(read: Any, document: Any) -> None:
    try:
        read(document)
    except ValueError as error:
        assert "secret-value" not in str(error)


@given(documents)
def test_whatever_a_provider_holds_it_is_shown(document: Any) -> None:
    shown = answers.shown_provider({"id": "x", "fedIdp": document, "ldap": document, "oidc": document})
    assert shown["id"] == "x"
    assert answers.shown_provider({"id": "x"}).keys() == shown.keys()


@pytest.mark.parametrize(
    ("document", "key"),
    [(KEY, KEY), (f'"{KEY}"\n', KEY), ({"id": KEY}, KEY), (None, None), ("Added it", None), ([KEY], None)],
)
def test_the_id_of_a_new_provider(document: Any, key: str | None) -> None:
    assert answers.read_created_id(document) == key


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ({"expireAt": "2024-06-21T02:43:21.998Z", "expireIn": 1}, "2024-06-21T02:43:21Z"),
        ({"expireAt": "2024-06-21T04:43:21+02:00"}, "2024-06-21T02:43:21Z"),
        ({"expireIn": 1718937801}, "2024-06-21T02:43:21Z"),
        ({"expireIn": 1718937801000}, "2024-06-21T02:43:21Z"),
        # A span it never is: half a year of seconds.
        ({"expireIn": 15768000}, None),
        ({"expireAt": "soon"}, None),
        ({"token": token(NOW)}, "2026-02-04T15:00:00Z"),
        ({}, None),
    ],
)
def test_when_a_minted_token_ends(told: dict[str, Any], end: str | None) -> None:
    minted = answers.read_minted({"token": "opaque", "scimUrl": "https://vcsa/scim", **told})
    assert answers.moment_text(minted.expires_at) == end


@pytest.mark.parametrize(
    ("document", "code", "said"),
    [
        ({"errorCode": "A", "message": "m", "cause": [{"type": "t", "message": "why"}]}, "A", "m; why"),
        ({"errorCode": "A", "message": "m", "causes": [{"message": "why"}]}, "A", "m; why"),
        ({"nestedErrors": [{"nestedErrors": [{"message": "deep"}]}]}, "", "deep"),
        ({"errorCode": "A", "message": "m", "remediationMessage": "do it"}, "A", "m; do it"),
        ({"errorCode": "A"}, "A", ""),
    ],
)
def test_both_schemas_of_errors(document: dict[str, Any], code: str, said: str) -> None:
    assert answers.read_error(document) == (code, said)


def test_errors_of_others_are_left_to_others() -> None:
    for document in ({"error": "x", "code": "y"}, {"errors": [{"code": "a"}]}, {"error_type": "X", "messages": []}):
        assert answers.read_error(document) is None


@given(st.integers(-10, 10**6), st.integers(0, 10**5))
def test_a_token_is_kept_while_it_lives_long_enough(seconds: int, renew_before: int) -> None:
    life = life_of(token(NOW + timedelta(seconds=seconds)), federated(None))
    assert life.serves(NOW, renew_before) == (max(seconds, 0) > renew_before)


@given(st.integers(0, 10**6), st.integers(-(10**6), 10**6))
def test_another_end_than_the_last_minted_makes_doubtful_and_costs_no_token(seconds: int, off: int) -> None:
    end = NOW + timedelta(seconds=seconds)
    told = federated(end + timedelta(seconds=off))
    life = life_of(token(end), told)
    assert life == Life(end)
    assert (revocation_doubt(life, told) is not None) == (abs(off) > 120)


def test_an_opaque_token_ends_as_is_told() -> None:
    assert life_of("opaque", federated(NOW)) == Life(NOW)
    assert life_of(None, federated(NOW)) == Life(NOW)
    assert life_of("opaque", federated(None)) == Life(None)
    assert Life(None).serves(NOW, 300)
    assert Life(None).left(NOW) is None


@pytest.mark.parametrize(
    ("ttl", "seconds", "doubt"),
    [
        (263000, 263000 * 60, None),
        (263000, 263000, "for seconds"),
        (60, 3590, None),
        (60, 86400, "in 1440 minutes"),
        (None, 5, None),
    ],
)
def test_the_unit_of_the_life_is_doubted(ttl: int | None, seconds: int, doubt: str | None) -> None:
    told = ttl_doubt(ttl, NOW + timedelta(seconds=seconds), NOW)
    assert (doubt or "None") in str(told)
