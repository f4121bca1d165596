# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SDDC Manager's answers in our form. PRIVATE to this collection.

The shapes are those of the VMware Cloud Foundation API (developer.broadcom.com, "Identity Providers"; github.com/vmware/
vcf-sdk-go, specs/swagger.json, 9.0.2), and of its printed examples where these differ. Each function takes the decoded
document, and raises ValueError that names what is missing, never with a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ._broker_answers import describe, token_expiry

Json = dict[str, Any]

EMBEDDED, AD_FS, FEDERATED = "Embedded", "AD_FS", "FEDERATED_IDP_BROKER"
SOURCES = ("OKTA", "MICROSOFT_ENTRA_ID", "PING_FEDERATE")
SUCCESS, WARNING, FAILURE = "SUCCESS", "WARNING", "FAILURE"
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# What is written as AD_FS is read as "Microsoft ADFS".
_TYPES = {"microsoft adfs": AD_FS, "ad_fs": AD_FS, "embedded": EMBEDDED, "federated_idp_broker": FEDERATED}
_DEEPEST = 5
_MESSAGES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login answers."""

    access: str
    refresh: str | None


@dataclass(frozen=True, slots=True)
class MintedToken:
    """What a minting answers. C(expires_at) is None where nothing tells it."""

    token: str
    scim_url: str
    expires_at: datetime | None


def read_token_pair(document: Any) -> TokenPair:
    """The schema TokenPair."""
    if not isinstance(document, Mapping) or not _is_text(document.get("accessToken")):
        raise ValueError(f"no accessToken in an answer with {describe(document)}")
    refresh = document.get("refreshToken")
    identifier = refresh.get("id") if isinstance(refresh, Mapping) else None
    return TokenPair(document["accessToken"], identifier if _is_text(identifier) else None)


def read_access_token(document: Any) -> str:
    """A refresh answers with the token alone, as a JSON string or as text."""
    if not _is_text(document) or re.search(r"[\s<{]", document.strip()):
        raise ValueError(f"no access token in an answer with {describe(document)}")
    return str(document).strip()


def read_providers(document: Any) -> list[Json]:
    """The schema PageOfIdentityProvider. No way to ask for a second page is documented."""
    rows = document.get("elements") if isinstance(document, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"no list of elements in an answer with {describe(document)}")
    page = document.get("pageMetadata")
    total = page.get("totalElements") if isinstance(page, Mapping) else None
    if isinstance(total, int) and total > len(rows):
        raise ValueError(f"{len(rows)} of {total} identity providers")
    return [identified(row) for row in rows]


def identified(document: Any) -> Json:
    """A provider that has an id."""
    if not isinstance(document, dict) or not _is_text(document.get("id")):
        raise ValueError(f"no id of an identity provider in {describe(document)}")
    return document


def read_created_id(document: Any) -> str | None:
    """The id of a new provider: bare text in the printed examples, and no body at all in the schema."""
    if isinstance(document, Mapping):
        document = document.get("id")
    text = document.strip().strip('"') if isinstance(document, str) else ""
    return text if UUID.fullmatch(text) else None


def read_minted(document: Any) -> MintedToken:
    """The schema SyncClientTokenInfo, which 9.x names for no answer."""
    if document is None:
        raise ValueError("no body, as its own description has it since VMware Cloud Foundation 9")
    if not isinstance(document, Mapping) or not _is_text(document.get("token")):
        raise ValueError(f"no token in an answer with {describe(document)}")
    if not _is_text(document.get("scimUrl")):
        raise ValueError(f"no scimUrl in an answer with {describe(document)}")
    end = read_moment(document.get("expireAt")) or _of_epoch(document.get("expireIn"))
    return MintedToken(document["token"], document["scimUrl"], end or token_expiry(document["token"]))


def read_moment(value: Any) -> datetime | None:
    """A time in ISO 8601, None where there is none."""
    if not _is_text(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment_text(moment: datetime | None) -> str | None:
    """A time as results have it."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_precheck(document: Any) -> Json:
    """The schema IdentityProviderPrecheckResult."""
    if not isinstance(document, Mapping) or not _is_text(document.get("status")):
        raise ValueError(f"no status in an answer with {describe(document)}")
    details = document.get("details") or ()
    return {
        "status": str(document["status"]).upper(),
        "details": [
            {"type": row.get("type"), "message": row.get("message")} for row in details if isinstance(row, Mapping)
        ],
    }


def precheck_text(precheck: Mapping[str, Any]) -> str:
    """The findings of a precheck in one line."""
    told = [": ".join(str(part) for part in (row["type"], row["message"]) if part) for row in precheck["details"]]
    return "; ".join(told) or "it gives no details"


def read_oidc_info(document: Any) -> Json:
    """The schema SDDCManagerOidcInfo."""
    names = {
        "client_id": "oidcClientId",
        "authorization_endpoint": "oidcAuthorizationEndpoint",
        "end_session_endpoint": "oidcEndSessionEndpoint",
        "idp_type": "idpType",
        "source": "source",
    }
    if not isinstance(document, Mapping) or not any(name in document for name in names.values()):
        raise ValueError(f"no OIDC client in an answer with {describe(document)}")
    return {ours: document.get(theirs) for ours, theirs in names.items()}


def provider_type(provider: Mapping[str, Any]) -> str:
    """The type of a provider as it is written."""
    told = str(provider.get("type") or "")
    return _TYPES.get(told.lower(), told)


def shown_provider(provider: Mapping[str, Any]) -> Json:
    """A provider as modules return it: one shape, whatever its type, and never a token."""
    federated = _object(provider, "fedIdp")
    return {
        "id": provider.get("id"),
        "name": provider.get("name"),
        "type": provider_type(provider),
        "status": str(provider.get("status") or "").lower() or None,
        "message": provider.get("idpMessage"),
        "domain_names": _texts(provider.get("domainNames")),
        "source": federated.get("source"),
        "directory": _shown_directory(_object(federated, "directoryList")),
        "ldap": _shown_ldap(_object(provider, "ldap")),
        "oidc": _shown_oidc(_object(federated, "oidcInfo") or _object(provider, "oidc")),
        "identity_sources": [
            shown_source(row) for row in provider.get("identitySources") or () if isinstance(row, Mapping)
        ],
        "sync_client": shown_sync_client(provider),
    }


def shown_source(source: Mapping[str, Any]) -> Json:
    """An identity source as modules return it."""
    return {
        "name": source.get("name"),
        "type": source.get("type"),
        "domain_names": _texts(source.get("domainNames")),
        "ldap": _shown_ldap(_object(source, "ldap")),
    }


def shown_sync_client(provider: Mapping[str, Any]) -> Json | None:
    """What is told of a sync token that was minted; the token itself is left out even if it came."""
    federated = _object(provider, "fedIdp")
    told = _object(federated, "syncClientTokenInfo")
    if not told and federated.get("syncClientTokenTTL") is None:
        return None
    end = read_moment(told.get("expireAt")) or _of_epoch(told.get("expireIn"))
    return {
        "ttl": federated.get("syncClientTokenTTL"),
        "expires_at": moment_text(end),
        "scim_url": told.get("scimUrl"),
    }


def read_error(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """The code and the text of the schemas Error and ErrorResponse; None where the document is neither.

    All is optional in both. They differ in C(causes) and C(cause).
    """
    if not any(name in document for name in ("errorCode", "remediationMessage", "nestedErrors", "referenceToken")):
        return None
    texts: list[str] = []
    _collect(document, texts, _DEEPEST)
    texts = texts[:_MESSAGES_SHOWN]
    if _is_text(document.get("remediationMessage")):
        texts.append(document["remediationMessage"])
    return str(document.get("errorCode") or ""), "; ".join(dict.fromkeys(texts))


def _collect(document: Mapping[str, Any], texts: list[str], depth: int) -> None:
    if _is_text(document.get("message")):
        texts.append(document["message"])
    for name in ("cause", "causes", "nestedErrors"):
        inner = document.get(name)
        for row in inner if isinstance(inner, list) and depth else ():
            if isinstance(row, Mapping):
                _collect(row, texts, depth - 1)


def _shown_directory(directory: Mapping[str, Any]) -> Json | None:
    if not directory:
        return None
    return {
        "id": directory.get("directoryId"),
        "name": directory.get("name"),
        "default_domain": directory.get("defaultDomain"),
        "domains": _texts(directory.get("domains")),
    }


def _shown_ldap(ldap: Mapping[str, Any]) -> Json | None:
    if not ldap:
        return None
    details = _object(ldap, "sourceDetails")
    return {
        "type": ldap.get("type"),
        "domain_name": ldap.get("domainName"),
        "domain_alias": ldap.get("domainAlias"),
        "username": ldap.get("username"),
        "users_base_dn": details.get("usersBaseDn"),
        "groups_base_dn": details.get("groupsBaseDn"),
        "server_endpoints": _texts(details.get("serverEndpoints")),
        "cert_chain": details.get("certChain"),
    }


def _shown_oidc(oidc: Mapping[str, Any]) -> Json | None:
    if not oidc:
        return None
    names = {
        "client_id": "clientId",
        "discovery_endpoint": "discoveryEndpoint",
        "issuer": "issuer",
        "auth_endpoint": "authEndpoint",
        "auth_method": "authMethod",
        "token_endpoint": "tokenEndpoint",
        "logout_endpoint": "logoutEndpoint",
        "public_key_uri": "publicKeyUri",
    }
    return {ours: oidc.get(theirs) for ours, theirs in names.items()}


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part that is an object; C(directoryList) is one, whatever its name says."""
    found = document.get(name)
    if isinstance(found, Sequence) and not isinstance(found, str) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, Mapping) else {}


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _of_epoch(value: Any) -> datetime | None:
    """C(expireIn) holds the time of the end in spite of its name; a span of seconds or minutes it is never taken for."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1_000_000_000:
        return None
    try:
        return datetime.fromtimestamp(value / 1000 if value > 100_000_000_000 else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
