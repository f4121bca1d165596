# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the identity provider says: it completes what the task says, and never speaks against it unheard."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError, PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_users import (
    ProviderUsers,
    completed,
    members,
    provider_users,
    refuse_coexistence,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import folded
from hypothesis import given
from hypothesis import strategies as st

NAMES = ("muffin", "Crumpet", "scone", "b.agel")
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


def read(rows: list[dict[str, Any]], groups: dict[str, list[str]] | None = None) -> ProviderUsers:
    found = provider_users(result(rows, groups))
    assert found is not None
    return found


@st.composite
def tasks(draw: st.DrawFn) -> tuple[list[dict[str, Any]], ProviderUsers]:
    """What a task says of some people, and what the provider says of some."""
    known = draw(st.lists(st.sampled_from(NAMES), unique=True))
    there = draw(st.lists(st.sampled_from(known), unique=True)) if known else []
    items = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        spelt = draw(st.sampled_from([name, name.upper(), f"{name}@lab.example.org"]))
        item: dict[str, Any] = {"username": spelt}
        for attribute in draw(st.sets(st.sampled_from(ATTRIBUTES))):
            item[attribute] = draw(st.sampled_from(["", "said", None]))
        item |= draw(st.sampled_from([{}, {"state": "absent"}, {"state": "present", "external_id": f"id-of-{name}"}]))
        items.append(item)
    return items, read([row(name) for name in known], {"bakers": there})


@given(tasks())
def test_the_task_stands_and_the_provider_completes_it(task: tuple[list[dict[str, Any]], ProviderUsers]) -> None:
    items, provider = task
    found = completed(items, provider, incomplete_allowed=True)
    assert [item["username"] for item in found[: len(items)]] == [item["username"] for item in items]
    for asked, got in zip(items, found, strict=False):
        known = provider.row_of(asked["username"])
        assert all(got[key] == value for key, value in asked.items() if value is not None)
        if known is None or asked.get("state") == "absent":
            assert got == asked
        else:
            assert got["external_id"] == known["external_id"]
            assert all(got[key] == known[key] for key in ATTRIBUTES if asked.get(key) is None)
    meant = [folded(item["username"]).partition("@")[0] for item in found]
    assert len(set(meant)) == len(meant), "nobody is wanted twice"
    assert {folded(name) for name in members(provider)} <= set(meant)
    added = {folded(item["username"]) for item in found[len(items) :]}
    assert added <= {folded(name) for name in members(provider)}


@given(tasks(), st.sampled_from(NAMES))
def test_another_external_id_is_refused(task: tuple[list[dict[str, Any]], ProviderUsers], name: str) -> None:
    _items, provider = task
    item = {"username": name, "external_id": f"ID-OF-{name}"}
    if provider.row_of(name) is None:
        assert completed([item], provider, incomplete_allowed=True)[0] == item
        return
    with pytest.raises(PlanRefusedError, match=f"id-of-{name}"):
        completed([item], provider)


def test_who_lacks_something_is_told_unless_the_task_says_it() -> None:
    provider = read([row("muffin", email=None), row("scone", family_name=None, email=None)], {"g": ["muffin", "scone"]})
    with pytest.raises(PlanRefusedError) as refusal:
        completed([], provider)
    for part in ("muffin (no e-mail address)", "scone (no e-mail address and no last name)"):
        assert part in str(refusal.value)
    said = [{"username": "scone", "family_name": "", "email": ""}, {"username": "muffin", "state": "absent"}]
    assert len(completed(said, provider)) == 2
    assert len(completed([], provider, incomplete_allowed=True)) == 2


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


def test_names_that_differ_only_in_case_are_refused() -> None:
    with pytest.raises(InputError, match="only in case"):
        provider_users(result([row("muffin"), row("Muffin", external_id="other")]))


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
