# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What outlives the deletion of an entry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._recreation import (
    Recreation,
    memberships,
    recreation_from_json,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import GroupReference
from hypothesis import given
from hypothesis import strategies as st

texts = st.text(max_size=8)
names = st.text(min_size=1, max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
entries = st.builds(
    lambda more, key, name: {**more, "id": key, "userName": name},
    st.dictionaries(texts.filter(lambda key: key not in ("groups",)), plain, max_size=3),
    names,
    names,
)
recreations = st.builds(
    Recreation,
    host=texts,
    began=texts,
    entry=entries,
    groups=st.lists(st.builds(GroupReference, names, names), max_size=3).map(tuple),
    external_id=names,
)


@given(recreations)
def test_a_record_comes_back_from_the_disk(recreation: Recreation) -> None:
    assert recreation_from_json(json.loads(json.dumps(recreation.to_json()))) == recreation


@given(recreations, st.sampled_from(["version", "host", "began", "external_id", "groups", "entry"]), plain)
def test_a_spoilt_record_is_told_or_read(recreation: Recreation, key: str, value: Any) -> None:
    spoilt: Any = {**recreation.to_json(), key: value}
    for document in (spoilt, {k: v for k, v in spoilt.items() if k != key}, value):
        try:
            read = recreation_from_json(document)
        except ValueError:
            continue
        assert read.id
        assert read.user(()).username


COOKS, BAKERS = GroupReference("g-1", "cooks"), GroupReference("g-2", "bakers")


def member(*keys: str, **more: Any) -> list[dict[str, Any]]:
    """The broker's groups: cooks with these members, and bakers without any."""
    members = [{"value": key} for key in keys]
    return [{"id": "g-1", "displayName": "cooks", "members": members, **more}, {"id": "g-2", "displayName": "bakers"}]


@pytest.mark.parametrize(
    ("told", "groups", "expected"),
    [
        ([{"value": "g-1", "display": "cooks"}, {"value": "all", "display": "ALL_USERS"}], [], [COOKS]),
        ([{"display": "bakers"}], member(), [BAKERS]),
        (["bakers"], member(), [BAKERS]),
        ([{"value": "g-9"}], [], [GroupReference("g-9", "g-9")]),
        (None, member("u-1", "u-2"), [COOKS]),
        ([], member("u-2"), []),
        ([{"value": "g-1", "display": "cooks"}], member("u-1"), [COOKS]),
        (None, member("u-1", displayName="ALL_USERS"), []),
        (None, member("u-1", id=None), []),
        (["ALL_USERS"], [], []),
    ],
)
def test_memberships_are_told_by_the_user_or_by_the_groups(
    told: Any, groups: list[dict[str, Any]], expected: list[GroupReference]
) -> None:
    assert list(memberships({"id": "u-1", "groups": told}, groups)) == expected


def test_a_group_that_no_list_holds() -> None:
    with pytest.raises(ValueError, match="'drivers' is not in the list"):
        memberships({"id": "u-1", "groups": [{"display": "drivers"}]}, member("u-1"))
