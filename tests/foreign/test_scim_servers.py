# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules manage users and groups on SCIM servers that others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from foreign.keycloak import REALM_ROLES, Keycloak
from foreign.life_cycle import (
    DOMAIN,
    ForeignServer,
    everything_ends,
    groups_live,
    person,
    recreation_keeps_memberships,
    users_live,
)
from foreign.servers import COMMANDS, Certificate, scim_server
from simulator import WS1B_SCHEMA


@pytest.fixture(params=[True, False], ids=["domain kept", "no domain kept"])
def extension(request: pytest.FixtureRequest) -> bool:
    """Whether the server knows the extension that carries a user's domain."""
    return bool(request.param)


@pytest.fixture(params=sorted(COMMANDS))
def server(
    request: pytest.FixtureRequest, certificate: Certificate, tmp_path: Path, extension: bool
) -> Iterator[ForeignServer]:
    with scim_server(request.param, certificate, tmp_path / "log", extension=extension) as peer:
        yield ForeignServer(peer, tmp_path)


def test_the_life_of_users_and_groups(server: ForeignServer) -> None:
    users_live(server)
    groups_live(server, sorted(server.users()))
    recreation_keeps_memberships(server, sorted(server.users())[0])
    everything_ends(server)


def test_the_life_of_users_and_groups_on_keycloak(keycloak: Keycloak, tmp_path: Path, extension: bool) -> None:
    realm = "scim-with-domains" if extension else "scim"
    keycloak.make_realm(realm, REALM_ROLES, [], [])
    keycloak.keep(realm, "externalId", *([f"{WS1B_SCHEMA}:domain"] if extension else []))
    server = ForeignServer(keycloak.scim(realm), tmp_path)
    users_live(server)
    groups_live(server, sorted(server.users()))
    recreation_keeps_memberships(server, sorted(server.users())[0])
    everything_ends(server)


def test_a_realm_that_keeps_no_external_id(keycloak: Keycloak, tmp_path: Path) -> None:
    """Keycloak drops the ExternalId unless the user profile declares it. No user is deleted because of that."""
    keycloak.make_realm("scim-without-ids", REALM_ROLES, [], [])
    server = ForeignServer(keycloak.scim("scim-without-ids"), tmp_path)
    people = [person("muffin"), person("scone")]
    made = server.run("scim_users", users=people, domain=DOMAIN)
    assert [user["unverified"] for user in made["users"]] == [["external_id", "domain"]] * 2
    before = server.state()

    again = server.unchanged("scim_users", users=people, domain=DOMAIN)
    assert any("shows no ExternalId" in warning for warning in again["warnings"])
    refused = server.run("scim_users", users=people, domain=DOMAIN, recreate=True, max_recreates="2")
    assert refused["msg"].count("was not recreated, since the broker shows no ExternalId of any user") == len(people)
    assert server.state() == before
