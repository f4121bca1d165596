# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result repeats of the options: all of them, but not thousands of users once more."""

from __future__ import annotations

import pytest
from simulator import DEFAULT_DOMAIN
from system.playbook import Modules


@pytest.mark.parametrize("count", [100, 101])
def test_a_long_list_comes_back_as_its_length(modules: Modules, count: int) -> None:
    names = [f"person{number}" for number in range(count)]
    users = [{"username": name, "state": "absent"} for name in names]
    result = modules.well("scim_users", users=users, domain=DEFAULT_DOMAIN)
    told = result["invocation"]["module_args"]
    assert told["domain"] == DEFAULT_DOMAIN
    if count > 100:
        assert told["users"] == "101 items"
    else:
        assert [user["username"] for user in told["users"]] == names
    assert [item["username"] for item in result["users"]] == names
