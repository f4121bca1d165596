# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example `examples/providers/keycloak.yml` runs against a real Keycloak."""

from __future__ import annotations

from typing import Any

from foreign.keycloak import SECRET, Keycloak
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import REPOSITORY, Playbooks

EXAMPLE = str(REPOSITORY / "examples/providers/keycloak.yml")


def person(name: str, *groups: str, **more: Any) -> dict[str, Any]:
    return {
        "username": name,
        "enabled": True,
        "firstName": name.title(),
        "lastName": "Baker",
        "email": f"{name}@example.org",
        "groups": list(groups),
        **more,
    }


def test_the_members_of_a_group_are_provisioned(keycloak: Keycloak, playbooks: Playbooks, appliance: Appliance) -> None:
    members = [person(f"user{number:03}", "/vcenter") for number in range(7)]
    members.append(person("jörg", "/vcenter", enabled=False))
    keycloak.make_realm("source", ["view-users"], [*members, person("outsider")], ["vcenter", "other"])
    ids = {user["username"]: user["id"] for user in keycloak.admin("GET", "/realms/source/users?max=100").json()}
    variables = {
        **playbooks.variables,
        "federated_users_log_host": "no-such-host",
        "keycloak_url": keycloak.url,
        "keycloak_ca_path": str(keycloak.certificate.ca_file),
        "keycloak_realm": "source",
        "keycloak_page_size": 3,
        "vault_keycloak_client_secret": SECRET,
    }
    first = playbooks.run(EXAMPLE, "-vvvv", variables=variables).went_well()
    assert SECRET not in first.output
    kept = {user["userName"]: (user["externalId"], user["active"]) for user in appliance.broker.users}
    assert kept == {
        f"{member['username']}@{DEFAULT_DOMAIN}": (ids[member["username"]], member["enabled"]) for member in members
    }
    again = playbooks.run(EXAMPLE, "--check", variables=variables).went_well()
    assert again.recap("localhost")["changed"] == 0
