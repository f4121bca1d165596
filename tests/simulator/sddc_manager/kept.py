# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The providers and identity sources that SDDC Manager keeps, and how it tells them."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
BUILT_IN = [("vsphere.local", "SystemDomain"), ("localos", "LocalOs")]


@dataclass
class External:
    """An external provider: its specification, and the end of the sync token that was minted last."""

    spec: Json
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    directory_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str | None = None
    ttl: int | None = None
    expires: float | None = None
    scim_url: str | None = None

    @property
    def is_federated(self) -> bool:
        return bool(self.spec["type"] == "FEDERATED_IDP_BROKER")

    @property
    def name(self) -> str:
        return str(self.spec["fedIdpSpec"]["name"] if self.is_federated else self.spec.get("name"))

    def told(self, status: str, *, with_token: bool = False) -> Json:
        if self.is_federated:
            return self._federated(status, with_token)
        told: Json = {"id": self.id, "name": self.name, "type": "Microsoft ADFS"}
        if "ldap" in self.spec:
            # As the examples have it: another type than was written, and no certificates.
            told["domainNames"] = [self.spec["ldap"]["domainName"]]
            told["ldap"] = ldap_told(self.spec["ldap"], with_chain=False) | {"type": "Oidc"}
        return {**told, "oidc": _oidc_told(self.spec.get("oidc") or {}), "status": status}

    def _federated(self, status: str, with_token: bool) -> Json:
        spec = self.spec["fedIdpSpec"]
        directory = spec["directory"]
        told = {
            "name": spec["name"],
            "source": directory.get("federatedIdpSourceType"),
            "directoryList": {key: directory[key] for key in ("name", "defaultDomain", "domains") if key in directory},
            "oidcInfo": _oidc_told(spec["oidcSpec"]),
        }
        if self.expires is not None:
            told["syncClientTokenTTL"] = self.ttl
            told["syncClientTokenInfo"] = {"expireAt": iso(self.expires), "scimUrl": self.scim_url}
            if with_token:
                told["syncClientTokenInfo"]["token"] = self.token
        return {"id": self.id, "name": spec["name"], "type": self.spec["type"], "status": status, "fedIdp": told}


class Kept:
    def __init__(self) -> None:
        self.embedded_id = str(uuid.uuid4())
        self.external: dict[str, External] = {}
        self.sources: dict[str, Json] = {}

    def clear(self) -> None:
        self.external.clear()
        self.sources.clear()

    def embedded(self, status: str) -> Json:
        built_in = [{"name": name, "type": kind, "domainNames": [name]} for name, kind in BUILT_IN]
        sources = [
            {
                "name": spec["name"],
                "type": spec["ldap"].get("type"),
                "domainNames": [spec["ldap"]["domainName"]],
                "ldap": ldap_told(spec["ldap"], with_chain=True),
            }
            for spec in self.sources.values()
        ]
        return {
            "id": self.embedded_id,
            "name": "Embedded IDP",
            "type": "Embedded",
            "identitySources": built_in + sources,
            "status": status,
        }


def ldap_told(spec: Json, *, with_chain: bool) -> Json:
    told = copy.deepcopy(spec)
    told.pop("password", None)
    if not with_chain:
        told["sourceDetails"].pop("certChain", None)
    return told


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _oidc_told(spec: Json) -> Json:
    return {key: spec[key] for key in ("clientId", "discoveryEndpoint") if key in spec}
