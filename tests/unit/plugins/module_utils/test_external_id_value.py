# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be an ExternalId, how the rest is shown, and how attempts travel through a playbook."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import (
    attempt_from_result,
    escaped,
    is_external_id,
    newest_distinct,
)
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import (
    START,
    Login,
    external_ids,
    logins,
)
from hypothesis import given
from hypothesis import strategies as st

CONTEXT = "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10"


@given(external_ids)
def test_printable_text_is_an_external_id(value: str) -> None:
    assert is_external_id(value)
    assert escaped(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "3b7de0c4-f0eb-49d9-a318-7c55d1a90e21",
        "00u1fbz7mnXk2YQ3w5d7",
        "muffin@example.org",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "248289761001",
        "jürgen",
        "a" * 256,
        "=",
    ],
)
def test_external_ids_of_known_providers(value: str) -> None:
    assert is_external_id(value)


@given(
    st.text(max_size=9),
    st.text(max_size=9),
    st.sampled_from(list(" ,[]{}\n\r\t\x00\x0b\x0c\x1b\x85\xa0\u2028\u2029\u202e\ufffd")),
)
def test_no_text_with_a_forbidden_character_is_an_external_id(before: str, behind: str, forbidden: str) -> None:
    assert not is_external_id(f"{before}{forbidden}{behind}")


@given(external_ids)
def test_an_external_id_has_1_to_256_characters(value: str) -> None:
    assert not is_external_id("")
    assert is_external_id((value * 256)[:256])
    assert not is_external_id((value * 257)[:257])


@given(st.text())
def test_escaped_text_is_one_dead_printable_line(value: str) -> None:
    shown = escaped(value)
    assert shown.isprintable()
    assert not set("{}") & set(shown)
    assert len(shown) <= 256 * 7 + 3
    assert escaped(shown[:256]) == shown[:256]


@st.composite
def attempt_runs(draw: st.DrawFn) -> list[Any]:
    values = draw(st.lists(st.sampled_from(["A", "a", "B", "C", "D", None]), max_size=12))
    moments = [START - timedelta(seconds=number) for number in range(len(values))]
    return [replace(Login(CONTEXT, moment=m).attempt, external_id=v) for v, m in zip(values, moments, strict=True)]


@given(attempt_runs(), st.integers(0, 6))
def test_newest_distinct_keeps_the_newest_external_ids_whole(attempts: list[Any], limit: int) -> None:
    chosen, cut = newest_distinct(attempts, limit)
    assert chosen == attempts[: len(chosen)], "the newest ones, in their order"
    assert cut == (len(chosen) < len(attempts))
    distinct = {attempt.external_id for attempt in chosen}
    if limit == 0:
        assert not cut
    else:
        assert len(distinct) <= limit
    if cut:
        assert len(distinct) == limit
        assert attempts[len(chosen)].external_id not in distinct


@given(attempt_runs())
def test_newest_distinct_of_few_cuts_nothing(attempts: list[Any]) -> None:
    limit = len({attempt.external_id for attempt in attempts}) or 1
    assert newest_distinct(attempts, limit) == (attempts, False)


def test_a_result_tells_its_time_in_utc() -> None:
    assert Login(CONTEXT, moment=START + timedelta(milliseconds=7)).attempt.result()["timestamp"] == (
        "2026-02-04T15:00:00.007Z"
    )


def test_a_result_has_all_keys_always() -> None:
    keys = ["timestamp", "external_id", "domains", "outcome", "reason", "source_ip", "context_id", "malformed"]
    keys.append("attribute")
    assert list(Login(CONTEXT).attempt.result()) == keys
    assert list(Login(CONTEXT, source=None, reason=None, domains=()).attempt.result()) == keys


@given(logins, st.text())
def test_a_value_that_comes_back_is_judged_anew(login: Login, value: str) -> None:
    item = {**login.attempt.result(), "external_id": value}
    assert attempt_from_result(item).malformed == (not is_external_id(value))


def test_a_malformed_attempt_never_comes_back_well_formed() -> None:
    item = Login(CONTEXT).attempt.result()
    assert not attempt_from_result(item).malformed
    assert attempt_from_result({**item, "malformed": True}).malformed
    assert attempt_from_result({**item, "external_id": None}).malformed
    assert attempt_from_result({**item, "external_id": "{{ x }}"}).malformed
    assert attempt_from_result({**item, "external_id": ""}).malformed


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": 5}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"context_id": None}, "context_id"),
        ({"outcome": ["denied"]}, "outcome"),
        ({"external_id": 5}, "external_id"),
        ({"domains": None}, "domains"),
        ({"domains": "lab.example.org"}, "domains"),
        ({"domains": [5]}, "domains"),
    ],
)
def test_an_attempt_that_does_not_fit_is_refused_by_the_name_of_its_key(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        attempt_from_result({**Login(CONTEXT).attempt.result(), **change})


@pytest.mark.parametrize("item", [None, "text", 5, ["list"]])
def test_an_attempt_is_a_dictionary(item: Any) -> None:
    with pytest.raises(ValueError, match="dictionary"):
        attempt_from_result(item)
