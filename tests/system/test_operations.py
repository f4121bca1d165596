# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of documented operations: what it refuses, and what it counts."""

from __future__ import annotations

from typing import Any

import pytest
from simulator.operations import Field, Operation, faults, matching, writable_fields

THING = {
    "id": Field(str, read_only=True),
    "name": Field(str, required=True, pattern="[a-z]+", longest=4),
    "kind": Field(str, values=("A", "B")),
    "ttl": Field(int),
    "parts": Field(list, shape=Field(dict, shape={"size": Field(int, required=True)})),
    "labels": Field(list, shape=Field(str)),
}
MAKE = Operation("makeThing", "POST", "/things/{id}/make", THING, query={"force": Field(bool)})


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"name": "abc", "kind": "A", "ttl": 1, "parts": [{"size": 1}], "labels": ["x"]}, []),
        ({}, ["name: missing"]),
        ({"name": "abc", "id": "1"}, ["id: read only"]),
        ({"name": "abc", "other": 1}, ["other: unknown"]),
        ({"name": "ABCDE"}, ["name: characters that are not allowed", "name: longer than 4"]),
        ({"name": "a", "kind": "C"}, ["kind: not one of A, B"]),
        ({"name": "a", "ttl": True}, ["ttl: no int"]),
        ({"name": "a", "parts": [{"size": "1"}, {}]}, ["parts[0].size: no int", "parts[1].size: missing"]),
        ({"name": "a", "labels": [1]}, ["labels[0]: no str"]),
        ([], ["body: no object"]),
    ],
)
def test_a_body_is_measured_by_the_table(body: Any, found: list[str]) -> None:
    assert faults(MAKE, {}, body) == found


def test_a_part_of_a_body_needs_nothing_and_is_measured_all_the_same() -> None:
    assert faults(MAKE, {}, {"ttl": 1}, partial=True) == []
    assert faults(MAKE, {}, {"ttl": "1"}, partial=True) == ["ttl: no int"]
    assert faults(MAKE, {}, {"parts": [{}]}, partial=True) == ["parts[0].size: missing"]


def test_a_query_is_measured_too() -> None:
    body = {"name": "a"}
    assert faults(MAKE, {"force": "true"}, body) == []
    assert faults(MAKE, {"force": "yes", "other": "1"}, body) == ["query other: unknown", "query force: no bool"]


def test_an_operation_without_a_body_takes_none() -> None:
    assert faults(Operation("read", "GET", "/things"), {}, {}) == ["body: none is taken"]


def test_requests_are_found_by_method_and_path() -> None:
    assert matching((MAKE,), "POST", "/things/a.b/make") is MAKE
    assert matching((MAKE,), "POST", "/things/a/b/make") is None
    assert matching((MAKE,), "GET", "/things/a/make") is None


def test_what_can_be_written_is_counted_down_to_the_leaves() -> None:
    assert list(writable_fields(MAKE)) == ["?force", "name", "kind", "ttl", "parts[].size", "labels"]
