# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._spelling import edits, nearest
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text("abc_", max_size=7)


@pytest.mark.parametrize(
    ("left", "right", "number"),
    [("mufin", "muffin", 1), ("muffni", "muffin", 1), ("puffin", "muffin", 1), ("", "abc", 3), ("ca", "abc", 3)],
)
def test_examples(left: str, right: str, number: int) -> None:
    assert edits(left, right) == number


@given(NAMES, NAMES)
def test_the_number_is_the_same_in_both_directions_and_zero_for_equal_names(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one)
    assert (edits(one, other) == 0) == (one == other)


@given(NAMES, st.integers(0, 7), st.sampled_from("xyz"))
def test_one_inserted_character_is_one_edit(name: str, place: int, character: str) -> None:
    assert edits(name[:place] + character + name[place:], name) == 1


def test_the_nearest_known_name_is_found() -> None:
    known = ["federated_users_rename", "federated_users_recreate", "federated_users_purge"]
    assert nearest("federated_users_renam", known, 2) == "federated_users_rename"
    assert nearest("federated_users_unrelated", known, 2) is None
    assert nearest("x", [], 2) is None
