# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of SCIM attributes, which compare without regard to case (RFC 7643 section 2.1). PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._users import MFA_SCHEMA, WS1B_SCHEMA


def _by_lower_case(*names: str) -> dict[str, str]:
    return {name.lower(): name for name in names}


_LIST = ("schemas", "totalResults", "itemsPerPage", "startIndex", "Resources", "nextCursor")
_USER = ("id", "externalId", "meta", "userName", "name", "displayName", "emails", "active", "groups")
_CONFIG = ("patch", "etag", "filter", "pagination")
_TOP = _by_lower_case(*_LIST, *_USER, *_CONFIG, "members", WS1B_SCHEMA, MFA_SCHEMA)
_VALUE = _by_lower_case("value", "type", "primary", "display")
_PARTS: Mapping[str, Mapping[str, str]] = {
    "meta": _by_lower_case("version"),
    "name": _by_lower_case("givenName", "familyName"),
    "emails": _VALUE,
    "groups": _VALUE,
    "members": _VALUE,
    WS1B_SCHEMA: _by_lower_case("domain"),
    MFA_SCHEMA: _by_lower_case("defaultDomain"),
    "patch": _by_lower_case("supported"),
    "etag": _by_lower_case("supported"),
    "filter": _by_lower_case("maxResults"),
    "pagination": _by_lower_case("cursor", "index"),
}


def canonical(document: Any) -> Any:
    """Spell the names that this collection reads as RFC 7643 and RFC 7644 do, and leave all others as they came.

    The Omnissa Identity Service's OpenAPI description writes `resources`.
    """
    if not isinstance(document, Mapping):
        return document
    found = _spelt(document, _TOP)
    for name, parts in _PARTS.items():
        if name in found:
            found[name] = _within(found[name], parts)
    if isinstance(found.get("Resources"), list):
        found["Resources"] = [canonical(row) for row in found["Resources"]]
    return found


def _within(value: Any, parts: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return _spelt(value, parts)
    return [_within(each, parts) for each in value] if isinstance(value, list) else value


def _spelt(document: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {_name(name, document, names): value for name, value in document.items()}


def _name(name: str, document: Iterable[str], names: Mapping[str, str]) -> str:
    """Return the spelling of RFC 7643, unless another attribute of the document has that already."""
    known = names.get(name.lower(), name)
    return name if known != name and known in document else known
