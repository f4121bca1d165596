# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare realms of a running Keycloak through its Admin REST API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests
from foreign.servers import Certificate, Peer

SECRET = "secret-of-vcenter-sync"
CLIENT = "vcenter-sync"
REALM_ROLES = ["view-users", "manage-users", "query-groups", "realm-admin"]


@dataclass(frozen=True)
class Keycloak:
    """One server. Each test makes realms of its own."""

    url: str
    certificate: Certificate

    def admin(self, method: str, path: str, document: Any = None) -> requests.Response:
        """Send a request as the bootstrap administrator, whose tokens live for a minute."""
        token = self._token("master", grant_type="password", client_id="admin-cli", username="admin")
        answer = requests.request(
            method,
            f"{self.url}/admin{path}",
            json=document,
            headers={"Authorization": f"Bearer {token}"},
            verify=str(self.certificate.ca_file),
            timeout=30,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def make_realm(self, realm: str, roles: list[str], users: list[dict[str, Any]], groups: list[str]) -> None:
        """Make a realm with users, groups and the confidential client `vcenter-sync`, which has the roles."""
        service_account = {
            "username": f"service-account-{CLIENT}",
            "enabled": True,
            "serviceAccountClientId": CLIENT,
            "clientRoles": {"realm-management": roles},
        }
        # The SCIM API wants its own address as the token's audience.
        audience = {
            "name": "audience of the SCIM API",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": self.scim_url(realm), "access.token.claim": "true"},
        }
        client = {
            "clientId": CLIENT,
            "secret": SECRET,
            "publicClient": False,
            "standardFlowEnabled": False,
            "serviceAccountsEnabled": True,
            "protocolMappers": [audience],
        }
        document = {
            "realm": realm,
            "enabled": True,
            "scimApiEnabled": True,
            "accessTokenLifespan": 3600,
            "clients": [client],
            "groups": [{"name": name} for name in groups],
            "users": [*users, service_account],
        }
        self.admin("POST", "/realms", document)

    def keep(self, realm: str, *attributes: str) -> None:
        """Let users of a realm keep SCIM attributes, which Keycloak drops unless the user profile declares them."""
        path = f"/realms/{realm}/users/profile"
        profile = self.admin("GET", path).json()
        profile["attributes"] += [
            {
                "name": f"scim{number}",
                "permissions": {"view": ["admin"], "edit": ["admin"]},
                "annotations": {"kc.scim.schema.attribute": attribute},
            }
            for number, attribute in enumerate(attributes)
        ]
        self.admin("PUT", path, profile)

    def scim_url(self, realm: str) -> str:
        return f"{self.url}/realms/{realm}/scim/v2"

    def scim(self, realm: str) -> Peer:
        """The realm as a SCIM server."""
        token = self._token(realm, grant_type="client_credentials", client_id=CLIENT, client_secret=SECRET)
        return Peer(self.scim_url(realm), token, self.certificate.ca_file)

    def _token(self, realm: str, **form: str) -> str:
        if form["grant_type"] == "password":
            form["password"] = self.certificate.password
        answer = requests.post(
            f"{self.url}/realms/{realm}/protocol/openid-connect/token",
            data=form,
            verify=str(self.certificate.ca_file),
            timeout=30,
        )
        assert answer.ok, answer.text
        return str(answer.json()["access_token"])
