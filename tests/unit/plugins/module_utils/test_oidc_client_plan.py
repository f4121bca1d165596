# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OIDC client of Pocket ID: what is asked for is planned, the rest stays, and the second plan is empty."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._oidc_client_plan import (
    ClientPlan,
    DesiredClient,
    callback_urls,
    plan_client,
    standing_client,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._pocket_id_answers import UserGroup
from hypothesis import given
from hypothesis import strategies as st

GROUPS = {name: UserGroup(f"id-{name}", name, name.title()) for name in ("bakers", "cooks")}
URL = "https://vcsa.example.org/federation/t/CUSTOMER/auth/response/oauth2"

standing_clients = st.none() | st.fixed_dictionaries(
    {
        "id": st.just("vcenter"),
        "name": st.sampled_from(["vCenter", "Other"]),
        "callbackURLs": st.lists(st.sampled_from([URL, "https://x.example.org"]), max_size=2),
        "isPublic": st.booleans(),
        "pkceEnabled": st.booleans(),
        "isGroupRestricted": st.booleans(),
        "allowedUserGroups": st.lists(st.sampled_from(sorted(GROUPS)), unique=True).map(
            lambda names: [{"id": GROUPS[name].id, "name": name} for name in names]
        ),
        "launchURL": st.none() | st.just("https://vcsa.example.org"),
        "hasLogo": st.booleans(),
        "credentials": st.just({"federatedIdentities": [{"issuer": "i"}], "secrets": []}),
    }
)
desired_clients = st.builds(
    DesiredClient,
    name=st.just("vCenter"),
    client_id=st.just("vcenter"),
    callback_urls=st.sampled_from([(URL,), (URL, "https://x.example.org")]),
    allowed_groups=st.none() | st.sampled_from([(), ("bakers",), ("bakers", "cooks")]),
    state=st.sampled_from(["present", "present", "absent"]),
)


def carried_out(standing: dict[str, Any] | None, plan: ClientPlan) -> dict[str, Any] | None:
    """What Pocket ID holds after the requests of a plan."""
    if plan.operation == "delete":
        return None
    client = dict(standing or {"id": "vcenter", "allowedUserGroups": [], "isGroupRestricted": False})
    if plan.writes_client:
        client |= {key: value for key, value in plan.document.items() if key != "id"}
        if not client["isGroupRestricted"]:
            client["allowedUserGroups"] = []
    if plan.group_ids is not None:
        names = {group.id: group.name for group in GROUPS.values()}
        client["allowedUserGroups"] = [{"id": key, "name": names[key]} for key in plan.group_ids]
    return client if plan.changes or standing else None


@given(standing_clients, desired_clients)
def test_the_second_plan_is_empty_and_what_is_not_named_stays(
    standing: dict[str, Any] | None, wanted: DesiredClient
) -> None:
    first = plan_client(standing, wanted, GROUPS, rotate=False)
    after = carried_out(standing, first)
    second = plan_client(after, wanted, GROUPS, rotate=False)
    assert (second.operation, second.changes, second.diff()) == ("none", False, {"before": {}, "after": {}})
    if wanted.state == "absent":
        assert after is None
        return
    assert after is not None
    assert (after["isPublic"], after["pkceEnabled"], after["callbackURLs"]) == (
        False,
        False,
        list(wanted.callback_urls),
    )
    assert first.operation == "none" or first.after == second.before
    for key in ("launchURL", "hasLogo", "credentials") if standing else ():
        assert after[key] == (standing or {})[key]
    if wanted.allowed_groups is not None:
        assert after["isGroupRestricted"] is bool(wanted.allowed_groups)
        there = {group["name"] for group in after["allowedUserGroups"]}
        assert not wanted.allowed_groups or there == set(wanted.allowed_groups)


def test_a_new_secret_is_a_change_of_its_own() -> None:
    wanted = DesiredClient("vCenter", "vcenter", (URL,))
    standing = carried_out(None, plan_client(None, wanted, {}, rotate=False))
    plan = plan_client(standing, wanted, {}, rotate=True)
    assert (plan.operation, plan.changes, plan.rotates) == ("none", True, True)
    assert plan.diff()["before"] != plan.diff()["after"]


def test_a_name_that_several_have_is_refused() -> None:
    clients = [{"id": "1", "name": "vCenter"}, {"id": "2", "name": "vCenter"}]
    with pytest.raises(InputError, match="1, 2"):
        standing_client(clients, DesiredClient("vCenter"))
    assert standing_client(clients, DesiredClient("vCenter", "2")) == clients[1]
    assert standing_client(clients, DesiredClient("vCenter", "3")) is None


def test_callback_addresses() -> None:
    assert callback_urls("vcsa.example.org", []) == (URL,)
    assert callback_urls("vcsa.example.org", [URL, "https://x.example.org"]) == (URL, "https://x.example.org")
    for vcenter, urls in (("", []), ("a/b", []), (None, ["http://x.example.org"])):
        with pytest.raises(InputError):
            callback_urls(vcenter, urls)
