# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tolerant reading of the broker endpoints that VMware does not document. PRIVATE to this collection.

The shapes are known from public scripts only: William Lam's manual-scim-sync-users.sh
(github.com/lamw/vmware-scripts) and muffn's article "Integrating Pocket ID with vCenter Server".
Each function takes the decoded JSON document, and raises ValueError with the keys it found,
never with their values, where the document does not fit.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_LISTS = ("summary_list", "providers", "items", "value", "resources", "Resources")
_NAMES = ("name", "idp_name", "display_name", "provider_name", "directory_name")
_DOMAINS = ("domains", "domain_names", "domain_name", "domain", "default_domain")


@dataclass(frozen=True)
class Provider:
    """An external identity provider as the broker knows it; C(id) is the broker's C(idp)."""

    id: str
    name: str | None
    domains: tuple[str, ...]


@dataclass(frozen=True)
class SyncToken:
    """What minting answers. C(scim_url) is None where the broker names none, C(expires_at) where it tells no end."""

    token: str
    scim_url: str | None
    expires_at: datetime | None = None


def read_providers(document: Any, tenant: str) -> list[Provider]:
    """Find every object with an C(idp), however the list is wrapped; other tenants' are left out."""
    found: dict[str, Provider] = {}
    entries = _entries(document)
    for entry in entries:
        if str(entry.get("tenant_type") or tenant).casefold() != tenant.casefold():
            continue
        provider = Provider(entry["idp"], _first_text(entry, _NAMES), _domains(entry))
        found.setdefault(provider.id, provider)
    if not entries and not _is_empty_list(document):
        raise ValueError(f"no identity provider id in an answer with {describe(document)}")
    return list(found.values())


def read_sync_token(document: Any) -> SyncToken:
    """Read the answer of C(sync-client?action=generate-result), nested in C(token_info) or flat."""
    if isinstance(document, dict):
        nested = document.get("token_info")
        for holder in (nested, document):
            if isinstance(holder, dict) and _is_text(holder.get("access_token")):
                url = document.get("scim_url") or holder.get("scim_url")
                return SyncToken(holder["access_token"], url if _is_text(url) else None)
    raise ValueError(f"no access_token in an answer with {describe(document)}")


def read_admin_token(document: Any) -> str:
    """Read TokenInfo (vSphere Automation SDK, com.vmware.vcenter.identity.broker.tenants)."""
    if isinstance(document, dict) and _is_text(document.get("access_token")):
        return str(document["access_token"])
    raise ValueError(f"no access_token in an answer with {describe(document)}")


def token_expiry(token: str) -> datetime | None:
    """When the token ends (RFC 7519, claim C(exp)), read without verifying; None where it cannot be told."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        expiry = payload.get("exp") if isinstance(payload, dict) else None
        if isinstance(expiry, bool) or not isinstance(expiry, int | float):
            return None
        return datetime.fromtimestamp(expiry, UTC)
    except (ValueError, OverflowError, OSError, binascii.Error, RecursionError):
        return None


def seconds_left(token: str, now: datetime) -> int | None:
    """For how many whole seconds the token still lives; 0 where it has ended, None where it does not tell."""
    expiry = token_expiry(token)
    return None if expiry is None else max(0, int((expiry - now).total_seconds()))


def describe(document: Any, depth: int = 3) -> str:
    """Name the shape of a document without any of its values."""
    if isinstance(document, dict):
        keys = ", ".join(sorted(repr(str(key)[:40]) for key in document)[:12])
        return f"the keys {keys}" if keys else "no keys"
    if isinstance(document, list):
        return f"a list of {len(document)}" + (
            f", the first with {describe(document[0], depth - 1)}" if document and depth else ""
        )
    return f"just a {type(document).__name__}"


def _entries(document: Any, depth: int = 6) -> list[dict[str, Any]]:
    if depth and isinstance(document, list):
        return [entry for item in document for entry in _entries(item, depth - 1)]
    if not depth or not isinstance(document, dict):
        return []
    if _is_text(document.get("idp")):
        return [document]
    return [entry for key in _LISTS for entry in _entries(document.get(key), depth - 1)]


def _is_empty_list(document: Any) -> bool:
    if isinstance(document, dict):
        return any(bool(document.get(key) == []) for key in _LISTS)
    return bool(document == [])


def _domains(entry: dict[str, Any]) -> tuple[str, ...]:
    names: list[str] = []
    for key in _DOMAINS:
        value = entry.get(key)
        for item in value if isinstance(value, list) else [value]:
            name = _first_text(item, ("name", "domain", "value")) if isinstance(item, dict) else item
            if _is_text(name) and str(name).casefold() not in (known.casefold() for known in names):
                names.append(str(name))
    return tuple(names)


def _first_text(entry: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((str(entry[key]) for key in keys if _is_text(entry.get(key))), None)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
