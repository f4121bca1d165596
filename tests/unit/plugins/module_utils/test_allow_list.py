# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An allow list names people by ExternalId, or it is refused with the way out."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._allow_list import (
    is_key,
    read_allow_list,
    users_of,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

MUFFIN = {"external_id": "d0e47cc3", "username": "muffin", "email": "muffin@example.org"}
SCONE = {"external_id": "a17c60d4", "username": "scone", "key": "the.scone", "domain": "lab.example.org"}


def test_people_are_found_by_external_id_and_by_key() -> None:
    allowed = read_allow_list([MUFFIN, SCONE])
    assert allowed.by_external_id["d0e47cc3"].key == "muffin"
    assert allowed.by_external_id["a17c60d4"].domain == "lab.example.org"
    assert users_of(allowed, ["the.scone"]) == [
        {"external_id": "a17c60d4", "username": "scone", "domain": "lab.example.org"}
    ]
    assert users_of(allowed, ["muffin"]) == [MUFFIN]


def test_a_name_that_cannot_be_a_key_gets_one_of_its_own() -> None:
    allowed = read_allow_list(
        [{"username": name, "external_id": name} for name in ("1234", "{{ 7*7 }}", "Müller", "True")]
    )
    assert all(is_key(key) and key.startswith("id-") for key in allowed.by_key)
    assert [person.user["username"] for person in allowed.by_key.values()] == ["1234", "{{ 7*7 }}", "Müller", "True"]


def test_who_is_disabled_at_the_provider_is_not_on_it() -> None:
    allowed = read_allow_list([{**MUFFIN, "active": False}, {**SCONE, "active": True}])
    assert list(allowed.by_key) == ["the.scone"]
    assert "active" not in allowed.by_key["the.scone"].user


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"muffin": "d0e47cc3"}, "no list"),
        ("muffin", "no list"),
        (["muffin", "scone"], "item 1 is a name without an ExternalId"),
        ([MUFFIN, {"username": "scone"}], "item 2 has no external_id"),
        ([{"username": "scone", "external_id": ""}], "item 1 has no external_id"),
        ([{"username": "scone", "external_id": 4711}], "external_id that is not a string"),
        ([{"username": 1, "external_id": "x"}], "username that is not a string"),
        ([{"external_id": "x"}], "no username"),
        ([{"username": "scone", "external_id": "x" * 257}], "external_id that is none"),
        ([{"username": "scone", "external_id": "x\ny"}], "external_id that is none"),
        ([MUFFIN, {**SCONE, "external_id": "D0E47CC3"}], "item 2 has the ExternalId of item 1"),
        ([MUFFIN, {**SCONE, "key": "muffin"}], "key 'muffin' of another item"),
        ([MUFFIN, {"external_id": "x", "username": "Muffin"}], "item 2 has the user name Muffin of item 1"),
        ([MUFFIN, {"external_id": "x", "username": "muffin@lab.example.org"}], "of item 1"),
        ([SCONE, {"external_id": "x", "username": "scone@lab.example.org"}], "of item 1"),
        ([{**MUFFIN, "from_provider": "yes"}], "from_provider"),
        ([{**MUFFIN, "state": "absent"}], "'state', which means nothing here"),
        ([{**MUFFIN, "recreate": True}], "'recreate'"),
        ([{**MUFFIN, "{{ 7*7 }}": True}], "u007b"),
        ([{**MUFFIN, "key": "{{ 7*7 }}"}], "cannot be one"),
        ([{**MUFFIN, "key": "1234"}], "begins with a letter"),
        ([{**MUFFIN, "active": "no"}], "neither true nor false"),
        ([{**MUFFIN, "key": "True"}], "cannot be one"),
        ([None], "no dictionary"),
    ],
)
def test_what_is_no_allow_list_is_refused(document: Any, said: str) -> None:
    with pytest.raises(InputError) as refused:
        read_allow_list(document)
    assert said in str(refused.value)


def test_one_name_in_two_domains_is_two_users() -> None:
    other = {"external_id": "x", "username": "scone", "domain": "other.example.org"}
    provided = {"external_id": "y", "username": "scone@lab.example.org", "from_provider": True}
    assert len(read_allow_list([SCONE, {**other, "key": "another"}, {**provided, "key": "third"}]).by_key) == 3


@given(st.text(max_size=20))
def test_a_key_means_nothing_anywhere(text: str) -> None:
    if is_key(text):
        assert text.isascii()
        assert not set(text) & set("{}%#$`'\"\\ \t\r\n,:;/*?![]()<>|&=~^")
        assert text[0].isalpha()


@pytest.mark.parametrize("key", ["nobody", "MUFFIN", "49", "{{ 7*7 }}", "muffin\n", "", 49])
def test_a_key_that_nobody_has_is_refused(key: Any) -> None:
    with pytest.raises(InputError, match="nobody on the allow list"):
        users_of(read_allow_list([MUFFIN]), [key])
