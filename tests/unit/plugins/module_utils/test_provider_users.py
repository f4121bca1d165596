# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the identity provider says: it completes what the task says, and never speaks against it unheard."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError, PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_users import (
    provider_users,
    refuse_coexistence,
)

ATTRIBUTES = ("given_name", "family_name", "display_name", "email")


def row(name: str, **more: Any) -> dict[str, Any]:
    return {
        "username": name,
        "external_id": f"id-of-{name}",
        **{attribute: f"{attribute} of {name}" for attribute in ATTRIBUTES},
        "active": True,
        "groups": [],
        **more,
    }


def result(rows: list[dict[str, Any]], groups: dict[str, list[str]] | None = None) -> dict[str, Any]:
    return {
        "users": rows,
        "groups": [{"name": name, "members": there} for name, there in (groups or {}).items()],
        "others": [],
        "scim_pushes": [],
    }


@pytest.mark.parametrize(
    "spoilt",
    [
        "text",
        [],
        {**result([row("muffin")]), "users": None},
        {**result([row("muffin")]), "groups": [{"name": "g"}]},
        result([row("muffin", external_id=None)]),
        result([row("muffin", external_id="")]),
        result([row("muffin")], {"g": ["scone"]}),
        {key: value for key, value in result([row("muffin")]).items() if key != "scim_pushes"},
    ],
)
def test_what_is_no_result_is_refused(spoilt: Any) -> None:
    with pytest.raises(InputError, match="pocket_id_user_info"):
        provider_users(spoilt)


@pytest.mark.parametrize(
    ("endpoint", "stops"),
    [
        ("https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2", True),
        ("https://VCSA.example.org:8443/scim", True),
        ("https://wiki.example.org/vcsa.example.org", False),
        ("no address", False),
        ("https://[vcsa.example.org/scim", False),
    ],
)
def test_only_pushes_to_the_same_broker_stop(endpoint: str, stops: bool) -> None:
    provider = provider_users({**result([]), "scim_pushes": [{"client_name": "c", "endpoint": endpoint}]})
    assert provider is not None
    if stops:
        with pytest.raises(PlanRefusedError, match="coexist"):
            refuse_coexistence(provider, {"vcsa.example.org"})
    else:
        refuse_coexistence(provider, {"vcsa.example.org"})
