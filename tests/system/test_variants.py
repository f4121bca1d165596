# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a user on every known variant of the appliance."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Provider
from system.playbook import Json, Modules

TWO_DOMAINS = [{"domains": ["first.example.org", DEFAULT_DOMAIN]}]
BARE: Json = {"username_format": "bare"}

# Switches of the appliance, and options of the tasks.
VARIANTS: dict[str, tuple[Json, Json]] = {
    "as reported": ({}, {}),
    "summary_list, resources": ({"providers_shape": "summary_list", "list_key": "resources"}, {}),
    "providers, flat token": ({"providers_shape": "providers", "token_shape": "flat"}, {}),
    "items, no scim_url": ({"providers_shape": "items", "scim_url": "omitted"}, {}),
    "authbrokeridp, flat token, no scim_url": (
        {"providers_shape": "missing", "token_shape": "flat", "scim_url": "omitted"},
        {},
    ),
    "opaque token, pages of two": ({"opaque_token": True, "page_cap": 2}, {}),
    "200 200 200": ({"create_status": 200, "delete_status": 200}, {}),
    "201 204 202, PATCH refused": ({"update_status": 204, "delete_status": 202, "patch_refused": True}, {}),
    "HZN only, slow": ({"auth_schemes": "hzn", "latency_ms": 50}, {}),
    "Bearer only": ({"auth_schemes": "bearer"}, {}),
    "Bearer for the admin token, HZN for the sync token": ({"auth_schemes": "bearer", "sync_token_schemes": "hzn"}, {}),
    "HZN for the admin token, Bearer for the sync token": ({"auth_schemes": "hzn", "sync_token_schemes": "bearer"}, {}),
    "Bearer only, and said": ({"auth_schemes": "bearer"}, {"auth_scheme": "bearer"}),
    "read token refused with 401": ({"read_token": "refused_401"}, {}),
    "read token refused with 403, Bearer only": ({"read_token": "refused_403", "auth_schemes": "bearer"}, {}),
    "no right to the read token": ({"read_token": "endpoint_403"}, {}),
    "no read token": ({"read_token": "endpoint_404"}, {}),
    "bare, no display name made up": ({"display_name_default_given": False}, BARE),
    "domain in mfa": ({"domain_returned": "mfa"}, {}),
    "no domain returned": ({"domain_returned": "none"}, {}),
    "form of the article, no domain returned": ({"domain_returned": "none"}, {"wire_form": "mfa"}),
    "form of the article": ({}, {"wire_form": "mfa"}),
    "form of the article, two domains": (
        {"providers": TWO_DOMAINS, "domain_understood": "mfa"},
        {"wire_form": "mfa"},
    ),
    "bare ws1b, domain in mfa": ({"domain_returned": "mfa"}, {**BARE, "wire_form": "ws1b"}),
    "two domains, bare": ({"providers": TWO_DOMAINS}, BARE),
    "two domains, none returned": ({"providers": TWO_DOMAINS, "domain_returned": "none"}, {"wire_form": "ws1b"}),
}


class Life:
    """The steps of one user's life, each checked on the appliance itself."""

    def __init__(self, modules: Modules, options: Json) -> None:
        self.modules = modules
        self.appliance = modules.appliance
        self.options = {"domain": DEFAULT_DOMAIN, **options}

    def step(self, operation: str, **user: Any) -> Json:
        self.appliance.clear_requests()
        result = self.modules.well("scim_user", **self.options, **user)
        assert result["operation"] == operation
        assert result["changed"] is (operation != "none")
        assert result["minted"] is bool(self.appliance.mintings())
        assert bool(self.appliance.writes()) is (operation != "none")
        return result

    def stored(self) -> Json:
        found = [user for user in self.appliance.broker.users if not user["userName"].startswith("other")]
        assert len(found) == 1
        return found[0]


@pytest.mark.parametrize("name", VARIANTS)
def test_the_life_of_a_user(modules: Modules, appliance: Appliance, name: str) -> None:
    switches, options = VARIANTS[name]
    for number in range(4):
        appliance.add_user(f"other{number}@lab.example.org", f"id-{number}", domain=DEFAULT_DOMAIN)
    others = appliance.broker.users
    appliance.switches.update(switches)
    life = Life(modules, options)
    user = {"username": "Muffin", "external_id": "AbC", "given_name": "Muffin", "email": "muffin@example.org"}
    spelt = "{}" if options.get("username_format") == "bare" else f"{{}}@{DEFAULT_DOMAIN}"

    created = life.step("create", **user)
    assert created["user"]["external_id"] == "AbC"
    assert created["unverified"] == (["domain"] if switches.get("domain_returned") == "none" else [])
    assert life.stored()["userName"] == spelt.format("Muffin")
    assert appliance.login(sub="AbC", domain=DEFAULT_DOMAIN).allowed
    same = life.step("none", **{**user, "username": "muffin"})
    assert same["user"]["id"] == created["user"]["id"]
    if "read_token" not in switches:
        assert appliance.mintings() == []

    updated = life.step("update", username="muffin", family_name="Muffinson", active=False)
    assert updated["user"]["given_name"] == "Muffin"
    assert life.stored()["active"] is False
    assert life.stored()["emails"][0]["value"] == "muffin@example.org"

    renamed = life.step("rename", username="cake", external_id="AbC", rename=True)
    assert renamed["user"]["id"] == created["user"]["id"]
    assert life.stored()["userName"] == spelt.format("cake")

    anew = life.step("recreate", username="cake", external_id="new", recreate=True)
    assert anew["user"]["id"] != created["user"]["id"]
    assert anew["user"]["family_name"] == "Muffinson"
    assert (life.stored()["externalId"], life.stored()["active"]) == ("new", False)

    life.step("delete", username="cake", state="absent")
    life.step("none", username="cake", state="absent")
    assert appliance.broker.users == others


def test_an_entry_whose_domain_cannot_be_told(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.update({"providers": TWO_DOMAINS, "domain_returned": "none"})
    appliance.add_user("muffin", "AbC", domain="first.example.org")
    users = [{"username": "muffin", "external_id": "another"}]
    message = modules.failed("scim_users", users=users, domain=DEFAULT_DOMAIN)
    assert "does not show its domain" in message
    assert modules.well("scim_user_info")["users"][0]["domain"] is None
    assert appliance.writes() == []


def test_a_provider_that_tells_no_domains(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.update({"providers": [{"domains": []}], "domain_returned": "ws1b"})
    assert modules.well("broker_provider_info")["providers"][0]["domains"] == []
    user = {"username": f"muffin@{DEFAULT_DOMAIN}", "external_id": "AbC"}
    assert modules.well("scim_user", **user)["user"]["domain"] == DEFAULT_DOMAIN
    assert modules.well("scim_user", **user)["changed"] is False


def test_an_empty_family_name_that_is_refused(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.empty_family_name = "refused_400"
    user = {"username": "muffin", "external_id": "AbC", "domain": DEFAULT_DOMAIN}
    message = modules.failed("scim_user", **user)
    for part in ("HTTP 400", "familyName", "localhost", "family_name"):
        assert part in message
    # No silent second attempt.
    assert len(appliance.writes()) == 1
    modules.well("scim_user", **user, family_name="Muffinson")


def test_a_broker_that_does_not_understand_the_wire_form(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.update({"providers": TWO_DOMAINS, "domain_understood": "mfa"})
    message = modules.failed("scim_user", username="muffin", external_id="AbC", domain=DEFAULT_DOMAIN)
    for part in (
        "kept 'first.example.org'",
        "wire_form: mfa",
        "external_id: AbC",
        "move_from_domain: first.example.org",
    ):
        assert part in message
    # The hint can be followed as it is printed.
    hint = {"wire_form": "mfa", "external_id": "AbC", "move_from_domain": "first.example.org"}
    moved = modules.well("scim_user", username="muffin", domain=DEFAULT_DOMAIN, **hint)
    assert (moved["operation"], moved["user"]["domain"], moved["user"]["external_id"]) == (
        "recreate",
        DEFAULT_DOMAIN,
        "AbC",
    )
    assert len(appliance.broker.users) == 1


def test_one_token_for_several_runs(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.read_token = "refused_401"
    token = appliance.mint()
    given = {"token": token, "scim_url": appliance.scim_url, "hostname": None}
    given |= {"vcenter_username": None, "vcenter_password": None}
    user = {"username": "muffin", "external_id": "AbC", "domain": DEFAULT_DOMAIN}
    assert modules.well("scim_user", **given, **user)["changed"] is True
    assert modules.well("scim_user", **given, **user)["changed"] is False
    assert len(modules.well("scim_user_info", **given)["users"]) == 1
    assert {seen.path.split("/")[1] for seen in appliance.requests} == {"usergroup"}
    assert appliance.mintings() == []


def test_the_info_module_fails_rather_than_mint(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.read_token = "refused_401"
    message = modules.failed("scim_user_info")
    for part in ("token_file", "never mints one", "localhost"):
        assert part in message
    for option in ("mint_token", "check_mode_mint"):
        assert "Unsupported parameters" in modules.failed("scim_user_info", check=True, **{option: True})
    assert appliance.mintings() == []
    token = {"token": appliance.mint(), "scim_url": appliance.scim_url}
    assert modules.well("scim_user_info", **token)["users"] == []


def test_each_minting_has_a_warning_of_its_own(modules: Modules, appliance: Appliance) -> None:
    """Ansible shows equal warnings once."""
    warnings = [
        warning
        for number in range(2)
        for warning in modules.well(
            "scim_user", username=f"u{number}", external_id=f"id-{number}", domain=DEFAULT_DOMAIN
        )["warnings"]
    ]
    assert len(set(warnings)) == len(appliance.mintings()) == 2
    provider = appliance.switches.providers[0]
    for warning in warnings:
        for part in ("scim_user", "localhost", provider.name, provider.idp, "The previous token is revoked"):
            assert part in warning


def test_users_of_several_providers(modules: Modules, appliance: Appliance) -> None:
    """The read token sees the whole tenant, the sync token its own provider: a plan that would differ is not begun."""
    other = Provider(idp="other", name="Other", domains=["other.example.org"])
    appliance.switches.providers = [Provider(), other]
    appliance.add_user("muffin@other.example.org", "AbC", domain="other.example.org", provider="other")
    before = appliance.broker.users
    user = {"username": "muffin", "external_id": "AbC", "domain": DEFAULT_DOMAIN}
    provider = appliance.switches.providers[0].idp
    message = modules.failed("scim_user", **user, provider_id=provider)
    assert "muffin@other.example.org" in message
    assert modules.failed("scim_user", **user, provider_id=provider, rename=True, recreate=True)
    assert appliance.broker.users == before
    assert appliance.writes() == []
