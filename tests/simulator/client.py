# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain client for tests that look at the appliance itself."""

from __future__ import annotations

import json
from typing import Any, Self

import requests

from .appliance import Appliance
from .login import PEOPLE
from .resources import MFA_SCHEMA, USER_SCHEMA
from .switches import DEFAULT_DOMAIN, DEFAULT_PROVIDER_ID

PROVIDERS = "/api/vcenter/identity/broker/tenants/customer/providers"


class Caller:
    """A client without any cleverness. The environment must not choose its CA or its proxy."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(appliance.ca_file)
        self.headers: dict[str, str] = {}

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("headers", self.headers)
        options.setdefault("timeout", 10)
        base = self.appliance.base_url if path.startswith("/") else ""
        return self.http.request(method, base + path, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def log_in(self) -> None:
        answer = self("POST", "/api/session", auth=(self.appliance.username, self.appliance.password))
        assert answer.status_code == 201
        self.headers = {"vmware-api-session-id": answer.json()}

    def generate(self, idp: str = DEFAULT_PROVIDER_ID, **options: Any) -> requests.Response:
        """Mints a sync token over the API; needs a session."""
        return self("POST", f"{PROVIDERS}/{idp}/sync-client?action=generate-result", **options)

    def use(self, token: str, scheme: str = "HZN") -> None:
        self.headers = {
            "Authorization": f"{scheme} {token}",
            "Content-Type": "application/scim+json",
        }

    def scim(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        if body is not None:
            options["data"] = json.dumps(body)
        return self(method, self.appliance.scim_url + path, **options)


def person(who: str = "muffin", **changes: Any) -> dict[str, Any]:
    """The body that creates somebody, as public scripts send it."""
    body: dict[str, Any] = {
        "schemas": [USER_SCHEMA],
        "userName": f"{who}@{DEFAULT_DOMAIN}",
        "externalId": PEOPLE.get(who, f"id-of-{who}"),
        "name": {"givenName": who.title(), "familyName": ""},
        "emails": [{"value": f"{who}@example.org", "type": "work", "primary": True}],
        "active": True,
        MFA_SCHEMA: {"defaultDomain": DEFAULT_DOMAIN},
    }
    return body | changes
