# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of deleted users is what a task has to ask for to have them again."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._undo import (
    Deleted,
    as_it_was,
    deleted_from_json,
    refuse_other_host,
    restore_command,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import User, predicted
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import LAB, directories
from hypothesis import given
from hypothesis import strategies as st


@given(directories, st.lists(st.text(max_size=5), max_size=2))
def test_what_is_read_from_the_file_makes_the_entry_again(users: list[User], groups: list[str]) -> None:
    kept = Deleted("vcsa.example.org", tuple(as_it_was(user, LAB, groups) for user in users))
    read = deleted_from_json(json.dumps(kept.to_json("2026-02-04T15:05:23Z")), first=3)
    assert read.host == kept.host
    assert [user.position for user in read.users] == [3 + number for number in range(len(users))]
    for user, wanted in zip(users, read.users, strict=True):
        again = predicted(wanted, None)
        assert wanted.groups == tuple(groups)
        assert again.is_named(user.bare_name, user.domain or LAB)
        expected = replace(again, id=user.id, domain=user.domain, groups=user.groups)
        if user.active is None:
            expected = replace(expected, active=None)
        assert expected == user


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"version": 1}', '{"version": 1, "host": "h", "users": [{}]}'])
def test_anything_else_is_not_a_file_of_deleted_users(text: str) -> None:
    with pytest.raises(ValueError, match=r"it|Expecting"):
        deleted_from_json(text)


@pytest.mark.parametrize(
    ("name", "value"), [("username", 1), ("external_id", 1), ("groups", [1]), ("active", "x"), ("email", {})]
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    kept = Deleted("h", (as_it_was(User("id", "muffin", LAB), LAB, ()),)).to_json("now")
    kept["users"][0][name] = value
    with pytest.raises(ValueError, match="user 1"):
        deleted_from_json(json.dumps(kept))


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_the_command_names_the_file_whatever_it_is_called(file: str) -> None:
    *command, value = shlex.split(restore_command(file))
    assert command == ["ansible-playbook", "homelab.identity_broker.restore", "-e"]
    if value.startswith("{"):
        assert json.loads(value) == {"restore_file": file}
    else:
        assert value == f"restore_file={file}"
        assert not set(file) & set(" {}'\"\\")


def test_a_file_is_for_its_own_host() -> None:
    deleted = Deleted("one.example.org", ())
    refuse_other_host(None, "two.example.org")
    refuse_other_host(deleted, "one.example.org")
    with pytest.raises(InputError, match="--limit"):
        refuse_other_host(deleted, "two.example.org")
