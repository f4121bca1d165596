# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an object of the broker's own API to what is sent: laws of the plan, and of reading answers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_api_answers import (
    MediaTypes,
    addresses_of_client,
    read_rows,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_object_plan import (
    Wanted,
    plan_object,
    unkept,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_objects import (
    CLIENTS,
    DIRECTORIES,
    PROVIDERS,
    chain_as_pem,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._client_rotation import plan_rotation
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

names = st.text("abcXYZ", min_size=1, max_size=4)
directories = st.fixed_dictionaries(
    {"name": names, "domains": st.lists(names, min_size=1, max_size=3, unique_by=str.lower)},
    optional={
        "default_domain": names | st.just(""),
        "source": st.sampled_from(["OKTA", "GENERIC", ""]),
        "attributes": st.just({}) | st.fixed_dictionaries({"attemptDecodeExternalIdAsMSGuid": st.booleans()}),
    },
)
profiles = st.fixed_dictionaries(
    {},
    optional={
        "configuration_url": names,
        "client_id": names,
        "client_secret": st.just("top-secret-value"),
        "pass_through_claims": st.booleans(),
        "authorize_params": st.dictionaries(names, names, max_size=2),
        "open_id_user_identifier_attribute": names | st.just("sub"),
    },
)
SECRET = "top-secret-value"


def applied(standing: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """What a PATCH makes of an object: each field is replaced, and gone where it is empty. Secrets are not told."""
    together = {**standing, **document}
    kept = {name: value for name, value in together.items() if value not in ("", [], {})}
    if isinstance(kept.get("oidc_profile"), dict):
        kept["oidc_profile"] = {name: v for name, v in kept["oidc_profile"].items() if name != "client_secret"}
    return kept


@given(directories, directories)
def test_once_done_nothing_is_left_to_do(standing: dict[str, Any], wanted: dict[str, Any]) -> None:
    before = applied({"id": "1"}, standing)
    plan = plan_object(DIRECTORIES, before, Wanted(wanted))
    after = applied(before, plan.document)
    assert unkept(plan, after) == ([], [])
    assert not plan_object(DIRECTORIES, after, Wanted(wanted)).changes
    untouched = {name for name in before if name not in wanted}
    assert all(after[name] == before[name] for name in untouched)


@given(profiles, profiles, st.booleans())
def test_profiles_are_merged_and_their_secret_is_never_shown(
    standing: dict[str, Any], wanted: dict[str, Any], always: bool
) -> None:
    before = applied({"id": "1", "idp_name": "x"}, {"oidc_profile": {"client_id": "z", **standing}})
    plan = plan_object(PROVIDERS, before, Wanted({"oidc_profile": wanted}, write_untold=always))
    assert SECRET not in str(plan.diff())
    after = applied(before, plan.document)
    assert unkept(plan, after) == ([], [])
    again = plan_object(PROVIDERS, after, Wanted({"oidc_profile": wanted}))
    assert not again.changes
    sent = plan.document.get("oidc_profile")
    assert (isinstance(sent, dict) and "client_secret" in sent) == (always and "client_secret" in wanted)
    if sent:
        # Whether the broker merges a profile or replaces it, nothing that was not named is lost.
        assert before["oidc_profile"].keys() <= sent.keys()


def test_an_order_says_nothing() -> None:
    standing = {"client_id": "a", "scope": ["x", "y"], "grant_types": ["p"], "redirect_uris": None}
    assert not plan_object(CLIENTS, standing, Wanted({"scope": ["y", "x"], "redirect_uris": []})).changes


@pytest.mark.parametrize("document", [[{"a": 1}], {"items": [{"a": 1}]}, {"value": [{"a": 1}], "totalCount": 1}])
def test_lists_are_read_in_any_wrapping(document: Any) -> None:
    assert read_rows(document).rows == [{"a": 1}]


@pytest.mark.parametrize("document", [None, 1, "x", {}, {"secret": ["top-secret-value"]}, ["a"], {"items": [1]}])
def test_what_is_no_list_is_told_without_its_values(document: Any) -> None:
    with pytest.raises(ValueError, match="no list") as told:
        read_rows(document)
    assert SECRET not in str(told.value)


def test_an_empty_list_may_be_missing() -> None:
    assert read_rows({"totalCount": 0}).rows == []


def test_a_client_is_addressed_by_all_that_is_told() -> None:
    row = {"client_id": "a", "client_uuid": "u", "_links": {"self": {"href": "https://x/acs/oauth2-clients/42/"}}}
    assert addresses_of_client(row) == ["a", "u", "42"]
    assert addresses_of_client({"client_id": "a", "id": "a", "_links": None}) == ["a"]


def test_media_types_are_settled() -> None:
    types = MediaTypes("auto", vendor_first=True)
    assert types.to_try() == [True, False]
    types.settled = False
    assert types.to_try() == [False]
    assert MediaTypes("vendor", vendor_first=False).to_try() == [True]


def test_a_chain_has_its_markers_on_lines_of_their_own() -> None:
    body = "MAMCAQE="
    text = chain_as_pem(0, f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----")
    assert text.splitlines() == ["-----BEGIN CERTIFICATE-----", body, "-----END CERTIFICATE-----"]
    with pytest.raises(InputError, match="6 certificates"):
        chain_as_pem(0, text * 6)
    with pytest.raises(InputError, match="no Base64"):
        chain_as_pem(0, "-----BEGIN CERTIFICATE-----x-----END CERTIFICATE-----")


NO_ROTATION = {
    "secret": None,
    "update_secret": "on_create",
    "secret_rotation": None,
    "secondary_secret": None,
    "primary_secret_auto_retire_duration": None,
    "state": "present",
}


@pytest.mark.parametrize(
    ("standing", "options", "steps"),
    [
        (None, {"secret_rotation": "started", "secondary_secret": "s"}, ()),
        ({}, {"secret_rotation": "started", "secondary_secret": "s"}, ("start",)),
        ({"rotate_secret": True}, {"secret_rotation": "started", "secondary_secret": "s"}, ()),
        ({"rotate_secret": True}, {"secret_rotation": "finished"}, ("retire",)),
        ({}, {"secret_rotation": "finished"}, ()),
        ({}, {"update_secret": "always", "secret": "s"}, ("start", "retire")),
        ({"rotate_secret": True}, {"update_secret": "always", "secret": "s"}, ("retire", "start", "retire")),
        ({}, {}, ()),
    ],
)
def test_steps_of_a_rotation(standing: Any, options: dict[str, Any], steps: tuple[str, ...]) -> None:
    assert plan_rotation(standing, {**NO_ROTATION, **options}).steps == steps
