# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bodies that the VMware Cloud Foundation API prints under "Identity Providers", and the tasks of the same intent.

Names, shapes and values are those of the examples; identifiers and mail addresses are not.
"""

from __future__ import annotations

import copy
import json
from typing import Any

Json = dict[str, Any]
DISCOVERY = "https://domain.com/.well-known/openid-configuration"
SERVERS = ["ldap://dns01.domain.com", "ldap://dns02.domain.com"]
READER, PASSWORD, SECRET = "reader@embedded-ids.com", "xxxxxxxxx", "b306ff6f-3a10-4c59-ae87-26e90718866b"
CLIENT = "9f7e2073-d6f8-4198-b636-9f20c5728789"
EMBEDDED_ID, EXTERNAL_ID = "1a9bd081-40c4-434d-af78-33a162522100", "82ce7b07-f878-41af-9ac3-e343bcb347dc"

# Answers


def _details(*, chain: bool) -> Json:
    found: Json = {"usersBaseDn": "users-base-dn", "groupsBaseDn": "groups-base-dn", "serverEndpoints": SERVERS}
    return found | ({"certChain": []} if chain else {})


def _ldap(kind: str | None, name: str, *, chain: bool, password: bool = False) -> Json:
    return {
        **({"type": kind} if kind else {}),
        "domainName": f"{name}.com",
        "domainAlias": name,
        "username": READER,
        **({"password": PASSWORD} if password else {}),
        "sourceDetails": _details(chain=chain),
    }


def _built_in(name: str, kind: str) -> Json:
    return {"name": name, "type": kind, "domainNames": [name]}


EMBEDDED = {
    "id": EMBEDDED_ID,
    "name": "Embedded IDP",
    "type": "Embedded",
    "identitySources": [
        _built_in("vsphere.local", "SystemDomain"),
        _built_in("localos", "LocalOs"),
        {
            "name": "embedded-ids-name",
            "type": "ActiveDirectory",
            "domainNames": ["embedded-ids.com"],
            "ldap": _ldap("ActiveDirectory", "embedded-ids", chain=True),
        },
    ],
    "status": "inactive",
}
ADFS_TOLD = {
    "id": EXTERNAL_ID,
    "name": "My AD Identity Source",
    "type": "Microsoft ADFS",
    "domainNames": ["external-idp.com"],
    "ldap": _ldap("Oidc", "external-idp", chain=False),
    "oidc": {"clientId": CLIENT, "discoveryEndpoint": DISCOVERY},
    "status": "active",
}
OKTA_TOLD = {
    "id": EXTERNAL_ID,
    "name": "Okta",
    "type": "FEDERATED_IDP_BROKER",
    "status": "active",
    "fedIdp": {
        "name": "Okta",
        "source": "OKTA",
        "directoryList": {
            "name": "OktaDirectory",
            "defaultDomain": "external-okta-idp.com",
            "domains": ["external-okta-idp.com"],
        },
        "oidcInfo": {"clientId": CLIENT, "discoveryEndpoint": DISCOVERY},
        "syncClientTokenTTL": 263000,
        "syncClientTokenInfo": {
            "expireAt": "2024-06-21T02:43:21.998Z",
            "scimUrl": "https://domain.com/usergroup/t/CUSTOMER/scim/v2",
        },
    },
}
LIST_WITH_ADFS = json.dumps({"elements": [EMBEDDED, ADFS_TOLD]})
LIST_WITH_OKTA = json.dumps({"elements": [EMBEDDED, OKTA_TOLD]})
ONE_PROVIDER = json.dumps(ADFS_TOLD)
PRECHECK = json.dumps({"status": "SUCCESS"})
# Neither of these two is JSON, and both are announced as such.
ADDED_PROVIDER = EXTERNAL_ID
ADDED_SOURCE = "Added Identity source with domain name embedded-ids.com successfully"
MINTED_END = "2024-06-21T02:43:21Z"
SCIM_URL = "https://sfo01-m01-vc01.rainpole.io/usergroup/t/tenantType/scim/v2"
# Of the printed token, too, the claims cannot be read.
MINTED_TOKEN = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MTM2AAzMjksImlhdCI6MTY4MzU4MDMyOX0.OiZ6nHiFy9hTuU09fT2B"
)
MINTED = json.dumps({"expireIn": 1718937801, "token": MINTED_TOKEN, "scimUrl": SCIM_URL})

# Tasks and what they send

_LDAP_TASK = {
    "username": READER,
    "password": PASSWORD,
    "users_base_dn": "users-base-dn",
    "groups_base_dn": "groups-base-dn",
    "server_endpoints": SERVERS,
    "cert_chain": [],
}
_OIDC_TASK = {"client_id": CLIENT, "client_secret": SECRET, "discovery_endpoint": DISCOVERY}
_OIDC_SENT = {"clientId": CLIENT, "clientSecret": SECRET, "discoveryEndpoint": DISCOVERY}

SOURCE_TASK: Json = {
    "name": "My AD Identity Source",
    "domain_name": "embedded-ids.com",
    "ldap": {"type": "ActiveDirectory", "domain_alias": "embedded-ids", **_LDAP_TASK},
}
SOURCE_SENT: Json = {
    "name": "My AD Identity Source",
    "ldap": _ldap("ActiveDirectory", "embedded-ids", chain=True, password=True),
}
ADFS_TASK: Json = {
    "name": "My ADFS",
    "type": "AD_FS",
    "cert_chain": [],
    "ldap": {"domain_name": "external-idp.com", "domain_alias": "external-idp", **_LDAP_TASK},
    "oidc": _OIDC_TASK,
}
ADFS_SENT: Json = {
    "name": "My ADFS",
    "type": "AD_FS",
    "certChain": [],
    "ldap": _ldap(None, "external-idp", chain=True, password=True),
    "oidc": _OIDC_SENT,
}


def federated_task(name: str, directory: str, source: str) -> Json:
    return {
        "type": "FEDERATED_IDP_BROKER",
        "name": name,
        "source": source,
        "directory": {
            "name": directory,
            "default_domain": "domain1.com",
            "domains": ["domain1.com", "domain2.com"],
        },
        "oidc": _OIDC_TASK,
    }


def federated_sent(name: str, directory: str, source: str) -> Json:
    return {
        "type": "FEDERATED_IDP_BROKER",
        "fedIdpSpec": {
            "name": name,
            "directory": {
                "name": directory,
                "defaultDomain": "domain1.com",
                "domains": ["domain1.com", "domain2.com"],
                "federatedIdpSourceType": source,
            },
            "oidcSpec": _OIDC_SENT,
        },
    }


OKTA, ENTRA = ("okta", "okta_dir", "OKTA"), ("Entra ID", "entra_dir", "MICROSOFT_ENTRA_ID")
PING = ("Ping", "ping_dir", "PING_FEDERATE")
"""Not printed; only its name is."""

PROVIDERS: dict[str, tuple[Json, Json]] = {
    "AD FS": (ADFS_TASK, ADFS_SENT),
    "Okta": (federated_task(*OKTA), federated_sent(*OKTA)),
    "Entra": (federated_task(*ENTRA), federated_sent(*ENTRA)),
    "Ping": (federated_task(*PING), federated_sent(*PING)),
}


def with_client(document: Json, key: str, client_id: str, secret: str) -> Json:
    """The same with another OIDC client; C(key) is how its id is spelt."""
    found = copy.deepcopy(document)

    def walk(place: Json) -> None:
        if key in place:
            place[key] = client_id
            place["clientSecret" if key == "clientId" else "client_secret"] = secret
        for value in place.values():
            if isinstance(value, dict):
                walk(value)

    walk(found)
    return found
