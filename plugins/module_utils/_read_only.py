# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which requests change nothing, and so may be sent in check mode. PRIVATE to this collection.

Besides GET it is this closed list: logging in and out of a system, refreshing a login, and the reading calls that the
vSphere APIs and SCIM (RFC 7644 section 3.4.3) make with POST.
"""

from __future__ import annotations

from urllib.parse import urlsplit

SESSIONS = (
    ("POST", "/api/session", ""),
    ("DELETE", "/api/session", ""),
    ("POST", "/v1/tokens", ""),
    ("PATCH", "/v1/tokens/access-token/refresh", ""),
    ("DELETE", "/v1/tokens/refresh-token", ""),
    ("POST", "/acs/token", ""),
)
READING = (
    ("POST", "/api/vcenter/authorization/permissions", "action=list"),
    ("POST", "/rest/com/vmware/cis/authz/permission", "~action=list-detail"),
)
READING_ENDINGS = (("POST", "/.search"),)


def changes_nothing(method: str, url: str) -> bool:
    """Whether a request may be sent in check mode."""
    parts = urlsplit(url)
    return only_reads(method, url) or (method, parts.path, parts.query) in SESSIONS


def only_reads(method: str, url: str) -> bool:
    """Whether a request may be sent again: unlike a login, it has no effect at all."""
    parts = urlsplit(url)
    return (
        method == "GET"
        or (method, parts.path, parts.query) in READING
        or any(method == verb and parts.path.endswith(ending) for verb, ending in READING_ENDINGS)
    )
