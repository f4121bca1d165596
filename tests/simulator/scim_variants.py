# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What RFC 7643 and RFC 7644 let servers do differently: versions, spelling of names, and the description of itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import BrokerError
from .resources import Json
from .switches import Switches

CONFIG_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
NAMES = (
    *("schemas", "id", "externalId", "meta", "userName", "name", "givenName", "familyName", "displayName", "emails"),
    *("active", "members", "value", "type", "primary", "display", "domain", "defaultDomain", "groups"),
)
_BY_LOWER_CASE = {name.lower(): name for name in NAMES}


def check_precondition(switches: Switches, if_match: str | None, current: str) -> str | None:
    """Refuse a write by its If-Match. Return what the model is to compare."""
    if switches.etag == "unused":
        return if_match
    if if_match is None:
        if switches.etag == "required":
            raise BrokerError(switches.etag_refusal, "precondition.required", "If-Match is required")
        return None
    if if_match != "*" and (switches.etag == "broken" or if_match != current):
        raise BrokerError(412, "precondition.failed", "The version does not match")
    return None


def refuse_undeclared(switches: Switches, body: Json) -> Json:
    """Return the body, unless it has an extension that its schemas do not name."""
    declared = [str(schema).casefold() for schema in body.get("schemas") or ()]
    for name in body if switches.undeclared_extensions == "refused_400" else ():
        if name.startswith("urn:") and name.casefold() not in declared:
            raise BrokerError(400, "invalidSyntax", f"schemas does not name {name}")
    return body


def service_provider_config(switches: Switches) -> Json:
    """The server's description of itself (RFC 7643 section 5, RFC 9865 section 4)."""
    cursors = switches.pagination != "index"
    return {
        "schemas": [CONFIG_SCHEMA],
        "patch": {"supported": not switches.patch_refused},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": switches.page_cap},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": switches.etag != "unused"},
        "pagination": {
            "cursor": cursors,
            "index": switches.pagination != "cursor_only",
            "defaultPaginationMethod": "cursor" if cursors else "index",
            "maxPageSize": switches.page_cap,
        },
        "authenticationSchemes": [],
    }


def respelt(value: Any, switches: Switches) -> Any:
    """An answer with its names in the case that the switch says."""
    if switches.attribute_names == "exact":
        return value
    spelling = str.lower if switches.attribute_names == "lower" else str.upper
    return _renamed(value, lambda name: name if name.startswith("urn:") else spelling(name))


def as_we_spell_it(body: Json, switches: Switches) -> Json:
    """A body of a caller who took over the names of an answer."""
    if switches.attribute_names == "exact":
        return body
    renamed: Json = _renamed(body, lambda name: _BY_LOWER_CASE.get(name.lower(), name))
    return renamed


def _renamed(value: Any, spelling: Any) -> Any:
    if isinstance(value, dict):
        return {spelling(name): _renamed(part, spelling) for name, part in value.items()}
    return [_renamed(part, spelling) for part in value] if isinstance(value, list) else value


def version_of(resource: Json, switches: Switches) -> Iterable[tuple[str, str]]:
    """The header that shows the version of a resource."""
    version = resource.get("meta", {}).get("version")
    return [("ETag", version)] if version and switches.etag != "unused" and switches.etag_header else []
