# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pocket ID's own SCIM push: what one sync of an OIDC client sends to its SCIM service provider.

As seen at Pocket ID 2.9: it lists users and groups with count=1000 and matches them by externalId, then sends POST, PUT and
DELETE, never PATCH. Users have a bare userName and no domain, groups have their friendly name. Each sync of vCenter ends with
an error, since it tries to delete the broker's own group ALL_USERS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from .directory import Client, Directory, Group, ScimProvider, User

Json = dict[str, Any]
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
MEDIA_TYPE = "application/scim+json"


@dataclass
class Sync:
    """One sync. `errors` are the requests that were refused; the others were carried out."""

    errors: list[str] = field(default_factory=list)


def push(directory: Directory, client: Client, provider: ScimProvider, ca_file: str) -> Sync:
    """Push the users and groups of a client. `lastSyncedAt` is written only if nothing was refused."""
    sync = Sync()
    with requests.Session() as http:
        http.trust_env = False
        http.verify = ca_file
        http.headers.update(
            {"Authorization": f"Bearer {provider.token}", "Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        )
        remote = _Remote(http, provider.endpoint.rstrip("/"), sync)
        # A client without a group restriction has everybody, the static API user included.
        users = [user for user in directory.users.values() if client.lets_in(user)]
        groups = [*client.groups.values()] if client.is_group_restricted else [*directory.groups.values()]
        ids = remote.bring("Users", {user.id: (_user(user), user.updated_at) for user in users})
        remote.bring("Groups", {group.id: (_group(group, ids), group.updated_at) for group in groups})
    if not sync.errors:
        provider.last_synced_at = datetime.now(UTC)
    return sync


class _Remote:
    def __init__(self, http: requests.Session, base: str, sync: Sync) -> None:
        self._http = http
        self._base = base
        self._sync = sync

    def bring(self, kind: str, wanted: dict[str, tuple[Json, datetime]]) -> dict[str, str]:
        """Make the resources of a kind what is wanted; their SCIM ids by externalId."""
        standing = self._list(kind)
        ids: dict[str, str] = {}
        if standing is None:
            return ids
        for key, (document, updated_at) in wanted.items():
            known = next((each for each in standing if each.get("externalId") == key), None)
            if known is None:
                created = self._send("POST", kind, document)
                if created is not None:
                    ids[key] = created["id"]
                continue
            ids[key] = known["id"]
            modified = datetime.fromisoformat(known["meta"]["lastModified"]).replace(microsecond=0)
            if updated_at.replace(microsecond=0) >= modified:
                self._send("PUT", f"{kind}/{known['id']}", document)
        for each in standing:
            if each.get("externalId") not in wanted:
                self._send("DELETE", f"{kind}/{each['id']}")
        return ids

    def _list(self, kind: str) -> list[Json] | None:
        found: list[Json] = []
        while True:
            query = {"startIndex": str(len(found) + 1), "count": "1000"}
            answer = self._http.get(f"{self._base}/{kind}", params=query, timeout=10)
            if not answer.ok:
                self._sync.errors.append(f"GET {kind}: {answer.status_code}")
                return None
            page = answer.json()
            found += page["Resources"]
            if not page["Resources"] or len(found) >= page["totalResults"]:
                return found

    def _send(self, method: str, path: str, document: Json | None = None) -> Json | None:
        answer = self._http.request(method, f"{self._base}/{path}", json=document, timeout=10)
        if not answer.ok:
            self._sync.errors.append(f"{method} {path}: {answer.status_code}")
            return None
        return dict(answer.json()) if answer.content else {}


def _user(user: User) -> Json:
    return {
        "schemas": [USER_SCHEMA],
        "userName": user.username,
        "externalId": user.id,
        "name": {"givenName": user.first_name, "familyName": user.last_name},
        "displayName": user.display_name,
        "active": not user.disabled,
        **({"emails": [{"value": user.email, "primary": True}]} if user.email else {}),
    }


def _group(group: Group, ids: dict[str, str]) -> Json:
    return {
        "schemas": [GROUP_SCHEMA],
        "displayName": group.friendly_name,
        "externalId": group.id,
        "members": [{"value": ids[key]} for key in group.users if key in ids],
    }
