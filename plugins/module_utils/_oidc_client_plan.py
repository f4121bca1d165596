# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an OIDC client of Pocket ID that is and one that is wanted to what is written. PRIVATE to this collection.

Attribute names on the wire are those of Pocket ID 2.14 (backend/internal/dto/oidc_dto.go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._errors import InputError
from ._pocket_id_answers import UserGroup, allowed_group_ids

CALLBACK = "https://{vcenter}/federation/t/CUSTOMER/auth/response/oauth2"
"""Where the broker takes the answer of a sign-in (Broadcom, "Configure vCenter Server Identity Provider Federation")."""

_READ_ONLY = ("id", "allowedUserGroups", "pkceSupported", "clientType", "credentials")


@dataclass(frozen=True, slots=True)
class DesiredClient:
    """What was asked for. C(allowed_groups) that is None was not named; an empty one means everybody."""

    name: str
    client_id: str | None = None
    callback_urls: tuple[str, ...] = ()
    allowed_groups: tuple[str, ...] | None = None
    state: str = "present"
    secret_is_kept: bool = True
    """Whether there is a secret where the task would keep a new one."""


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """What becomes of the client, of the groups that may use it, and whether it gets a new secret."""

    operation: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    document: dict[str, Any] = field(default_factory=dict)
    writes_client: bool = False
    group_ids: tuple[str, ...] | None = None
    """The groups to write, where they change."""
    rotates: bool = False

    @property
    def changes(self) -> bool:
        """Whether carrying it out writes."""
        return self.operation != "none" or self.rotates

    def diff(self) -> dict[str, Any]:
        """Before and after in Ansible's form; a secret is never in it."""
        if not self.changes:
            return {"before": {}, "after": {}}
        before, after = dict(self.before or {}), dict(self.after or {})
        if self.rotates and self.operation != "create":
            before["secret"], after["secret"] = "(the one before)", "(a new one)"
        return {"before": before, "after": after}


def callback_urls(vcenter: str | None, urls: Sequence[str]) -> tuple[str, ...]:
    """The addresses that the task names. Raises InputError."""
    if vcenter is not None and (not vcenter.strip() or "/" in vcenter or not vcenter.isprintable()):
        raise InputError("vcenter", f"{vcenter!r} is no host name", "Give the appliance's fully qualified name alone.")
    found = [*([CALLBACK.format(vcenter=vcenter)] if vcenter else []), *urls]
    bad = [url for url in found if not url.startswith("https://")]
    if bad:
        raise InputError("callback_urls", f"{bad[0]!r} is no https address", "vCenter is reached over https only.")
    return tuple(dict.fromkeys(found))


def standing_client(clients: Sequence[Mapping[str, Any]], wanted: DesiredClient) -> Mapping[str, Any] | None:
    """The client that is meant: by its id where that is given, else by its name. Raises InputError."""
    if wanted.client_id is not None:
        return next((each for each in clients if each.get("id") == wanted.client_id), None)
    named = [each for each in clients if str(each.get("name")) == wanted.name]
    if len(named) > 1:
        ids = ", ".join(sorted(str(each.get("id")) for each in named))
        raise InputError(
            "name", f"Pocket ID has {len(named)} clients called {wanted.name!r}", f"Give client_id: {ids}."
        )
    return named[0] if named else None


def plan_client(
    standing: Mapping[str, Any] | None, wanted: DesiredClient, groups: Mapping[str, UserGroup], *, rotate: bool
) -> ClientPlan:
    """Decide what becomes of the client. C(groups) are those that the task names, by the name that it gives them."""
    before = None if standing is None else shown(standing)
    if wanted.state == "absent":
        return ClientPlan("none" if standing is None else "delete", before)
    if standing is None and not wanted.callback_urls:
        raise InputError("vcenter", "is not given, and a new client needs it", "Give vcenter, or callback_urls.")
    if standing is not None and not wanted.secret_is_kept and not rotate:
        raise InputError(
            "secret_file",
            f"holds no secret, and Pocket ID shows that of the client {wanted.name!r}, which stands, only when it is made",
            "Put it there (mode 0600), or make another one with rotate_secret, which ends it.",
        )
    settings = _settings(wanted)
    ids = None if wanted.allowed_groups is None else tuple(groups[name].id for name in wanted.allowed_groups)
    if ids is not None:
        settings["isGroupRestricted"] = bool(ids)
    held = dict(standing or {})
    document = {**{key: value for key, value in held.items() if key not in _READ_ONLY}, **settings}
    if isinstance(held.get("credentials"), Mapping):
        # Left out, they would be emptied; the secrets in it are ignored.
        document["credentials"] = dict(held["credentials"])
    after = {**shown({**held, **document}), "allowed_groups": (before or {}).get("allowed_groups", [])}
    if wanted.allowed_groups is not None:
        after["allowed_groups"] = sorted(groups[name].name for name in wanted.allowed_groups)
    if standing is None:
        if wanted.client_id is not None:
            document["id"] = wanted.client_id
            after["client_id"] = wanted.client_id
        return ClientPlan("create", None, after, document, True, ids, True)
    writes = any(held.get(key) != value for key, value in settings.items())
    regroup = ids is not None and set(ids) != set(allowed_group_ids(held) or ())
    operation = "update" if writes or regroup else "none"
    return ClientPlan(operation, before, after, document, writes, ids if regroup else None, rotate)


def shown(client: Mapping[str, Any]) -> dict[str, Any]:
    """A client as the module returns it: never with a secret."""
    # Groups of a client that is open to everybody mean nothing, and its next update forgets them.
    restricted = allowed_group_ids(client) is not None
    groups = (client.get("allowedUserGroups") or ()) if restricted else ()
    return {
        "client_id": client.get("id"),
        "name": client.get("name"),
        "callback_urls": list(client.get("callbackURLs") or ()),
        "is_public": bool(client.get("isPublic")),
        "pkce_enabled": bool(client.get("pkceEnabled")),
        "group_restricted": restricted,
        "allowed_groups": sorted(str(group.get("name")) for group in groups if isinstance(group, Mapping)),
    }


def _settings(wanted: DesiredClient) -> dict[str, Any]:
    settings: dict[str, Any] = {"name": wanted.name, "isPublic": False, "pkceEnabled": False}
    if wanted.callback_urls:
        settings["callbackURLs"] = list(wanted.callback_urls)
    return settings
