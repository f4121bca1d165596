# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vCenter's permissions and roles: the wire forms, our form, and which spellings are one. PRIVATE to this collection.

The wire forms are those of the vSphere Automation SDK 9 (com.vmware.vcenter.authorization) and, for the older API, of govmomi
(vapi/cis/authz). Each function that reads takes the decoded JSON document, and raises ValueError where it does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._broker_answers import describe
from ._errors import InputError, some_of
from ._texts import folded, same_name

ADMINISTRATOR = "-1"
NO_ACCESS = "-5"
"""The built-in role that permits nothing."""
LOCAL_OS = "localos"
"""The domain of a principal that names none (SDK, Permissions.Principal)."""

GLOBAL_OBJECT = {"type": "GlobalAcl", "id": "GlobalAcl"}
LEGACY_OBJECT = {"type": "PermissionFolder", "id": "global-permission"}

PRINCIPAL_TYPES = ("user", "group")
_LEGACY_NAMES = {"user": "user_name", "group": "group_name"}

WELL_KNOWN = {
    "-1": ("Admin", "Administrator"),
    "-2": ("ReadOnly", "Read-only"),
    "-3": ("View",),
    "-4": ("Anonymous",),
    "-5": ("NoAccess", "No access"),
}
"""The built-in roles: the name in the API, and the one that the vSphere Client shows."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or a group, as it is spelt. An empty C(domain) was not told."""

    type: str
    name: str
    domain: str = ""

    @classmethod
    def spelt(cls, kind: str, spelling: str) -> Principal:
        """From C(DOMAIN\\name), or a name alone."""
        domain, backslash, name = spelling.partition("\\")
        return cls(kind, name, domain) if backslash else cls(kind, spelling)

    @property
    def label(self) -> str:
        """The spelling in one piece."""
        return f"{self.domain}\\{self.name}" if self.domain else self.name

    @property
    def shown(self) -> str:
        """For a message."""
        return f"the {self.type} {self.label}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What vCenter takes for one: it compares without case."""
        return self.type, folded(self.domain or LOCAL_OS), folded(self.name)

    @property
    def person(self) -> tuple[str, str, str]:
        """What people take for one: C(lab\\muffin), C(lab\\muffin@lab) and C(muffin@lab)."""
        kind, domain, name = self.key
        if domain == LOCAL_OS and "@" in name:
            name, _at, domain = name.rpartition("@")
        return kind, domain, name.removesuffix(f"@{domain}")


@dataclass(frozen=True, slots=True)
class Permission:
    """Who has which role. An empty C(id) is not known yet."""

    principal: Principal
    role_id: str
    propagate: bool
    id: str = ""

    @property
    def administers(self) -> bool:
        """Whether whoever has it may do everything everywhere."""
        return self.role_id == ADMINISTRATOR and self.propagate


@dataclass(frozen=True, slots=True)
class Role:
    """A role. C(name) is None where it cannot be told."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles that there are; the older API does not tell them, so C(complete) is False."""

    listed: tuple[Role, ...] = ()
    complete: bool = False

    def named(self, role_id: str) -> Role:
        """The role of an id, with its name as far as that is known."""
        known = next((role for role in self.listed if role.id == role_id), None)
        return known or Role(role_id, WELL_KNOWN[role_id][0] if role_id in WELL_KNOWN else None)

    def find(self, text: str) -> Role:
        """The role that is meant, by its id or its name. Raises InputError."""
        if any(role.id == text for role in self.listed) or text in WELL_KNOWN:
            return self.named(text)
        exact = [role for role in self.listed if role.name == text]
        fitting = exact or [role for role in self.listed if role.name is not None and same_name(role.name, text)]
        if len(fitting) > 1:
            told = ", ".join(f"{role.name} ({role.id})" for role in fitting)
            raise InputError("role", f"{text!r} may mean {told}", "Give the id of the one that is meant.")
        if fitting:
            return fitting[0]
        built_in = [key for key, names in WELL_KNOWN.items() if any(same_name(name, text) for name in names)]
        if built_in:
            return self.named(built_in[0])
        if not self.complete and re.fullmatch(r"-?[0-9]+", text):
            return Role(text, None)
        if self.complete:
            names = sorted(role.name or role.id for role in self.listed)
            raise InputError("role", f"there is no role {text!r}", f"There are {some_of(names)}.")
        built_in_names = ", ".join(names[0] for names in WELL_KNOWN.values())
        raise InputError(
            "role",
            f"{text!r} is none of the built-in roles ({built_in_names}), and this vCenter does not tell the names of others",
            "Give its id, which PowerCLI shows with (Get-VIRole 'NAME').Id.",
        )


def shown_role(role: Role) -> dict[str, Any]:
    """A role as modules return it."""
    return {"id": role.id, "name": role.name}


def shown_permission(permission: Permission, roles: Roles, *, is_global: bool) -> dict[str, Any]:
    """A permission as modules return it: always all keys."""
    principal = permission.principal
    return {
        "id": permission.id or None,
        "principal": principal.name,
        "domain": principal.domain or LOCAL_OS,
        "principal_type": principal.type,
        "role": shown_role(roles.named(permission.role_id)),
        "propagate": permission.propagate,
        "global": is_global,
    }


# vSphere 9


def page_from_rest(document: Any) -> tuple[list[Permission], str | None]:
    """The global permissions of one page of C(permissions?action=list), and the marker of the next."""
    rows = [_row(item) for item in _items(document)]
    return [_from_rest(key, info) for key, info in rows if _is_global(info)], _marker(document)


def roles_page_from_rest(document: Any) -> tuple[list[Role], str | None]:
    """Return the roles of one page of `GET roles`, and the marker of the next."""
    listed = []
    for item in _items(document):
        info = _info(item)
        key, name = item.get("role", item.get("id")), info.get("name")
        if not isinstance(key, str | int):
            raise ValueError(f"a role with {describe(item)}")
        listed.append(Role(str(key), name if isinstance(name, str) and name else None))
    return listed, _marker(document)


def rest_creation(permission: Permission) -> dict[str, Any]:
    """The body that creates a global permission."""
    principal = permission.principal
    named = {"type": principal.type.upper(), "name": principal.name}
    return {
        "object": GLOBAL_OBJECT,
        "principal": {**named, "domain": principal.domain} if principal.domain else named,
        "role": permission.role_id,
        "propagating": permission.propagate,
    }


def rest_update(before: Permission, after: Permission) -> dict[str, Any]:
    """The body that changes one: what is not in it stays."""
    body: dict[str, Any] = {}
    if before.role_id != after.role_id:
        body["role"] = after.role_id
    if before.propagate != after.propagate:
        body["is_propagating"] = after.propagate
    return body


def _from_rest(key: str, info: Mapping[str, Any]) -> Permission:
    principal = info.get("principal")
    name = principal.get("name") if isinstance(principal, Mapping) else None
    propagate = info.get("propagating", info.get("is_propagating"))
    if not isinstance(principal, Mapping) or not _is_text(name) or not isinstance(propagate, bool):
        raise ValueError(f"a permission with {describe(info)}")
    named = Principal(_kind(principal), str(name), str(principal.get("domain") or ""))
    return Permission(named, _role_id(info.get("role")), propagate, key)


def _row(item: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    key = item.get("permission", item.get("id"))
    if not _is_text(key):
        raise ValueError(f"a permission with {describe(item)}")
    return str(key), _info(item)


def _info(item: Mapping[str, Any]) -> Mapping[str, Any]:
    info = item.get("info")
    return info if isinstance(info, Mapping) else item


def _is_global(info: Mapping[str, Any]) -> bool:
    """Permissions on the inventory are in the same list."""
    target = info.get("object")
    return isinstance(target, Mapping) and same_name(str(target.get("type")), GLOBAL_OBJECT["type"])


def _items(document: Any) -> Sequence[Mapping[str, Any]]:
    items = document.get("items") if isinstance(document, Mapping) else document
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ValueError(f"no list of items in an answer with {describe(document)}")
    return items


def _marker(document: Any) -> str | None:
    marker = document.get("marker") if isinstance(document, Mapping) else None
    return marker if _is_text(marker) else None


# The older API


def permissions_from_legacy(document: Any) -> list[Permission]:
    """The answer of C(permission?~action=list-detail)."""
    rows = document.get("value") if isinstance(document, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(f"no list of permissions in an answer with {describe(document)}")
    return [_from_legacy(row) for row in rows if _is_legacy_global(row)]


def legacy_creation(permission: Permission) -> dict[str, Any]:
    """The body that creates a global permission."""
    kind = permission.principal.type
    return {
        "create_spec": {
            "resource_id": LEGACY_OBJECT,
            "principal": {"type": kind.upper(), _LEGACY_NAMES[kind]: permission.principal.label},
            "role_id": [permission.role_id],
            "propagate": permission.propagate,
        }
    }


def _from_legacy(row: Mapping[str, Any]) -> Permission:
    principal, propagate, key = row.get("principal"), row.get("propagate"), row.get("id")
    if not isinstance(principal, Mapping) or not isinstance(propagate, bool) or not _is_text(key):
        raise ValueError(f"a permission with {describe(row)}")
    kind = _kind(principal)
    spelling = next((v for k, v in principal.items() if k in (_LEGACY_NAMES.get(kind), "name") and _is_text(v)), None)
    if spelling is None:
        raise ValueError(f"a principal with {describe(principal)}")
    return Permission(Principal.spelt(kind, str(spelling)), _role_id(row.get("role_id")), propagate, str(key))


def _is_legacy_global(row: Mapping[str, Any]) -> bool:
    target = row.get("resource_id")
    return not isinstance(target, Mapping) or target.get("id") == LEGACY_OBJECT["id"]


# Both


def _kind(principal: Mapping[str, Any]) -> str:
    """A kind that neither is known nor meant by any task is kept as it is called."""
    return folded(str(principal.get("type") or "unknown"))


def _role_id(value: Any) -> str:
    """One id; several, which neither API allows, are no role that a task can ask for."""
    ids = value if isinstance(value, list) else [value]
    if not ids or not all(isinstance(each, str | int) and not isinstance(each, bool) for each in ids):
        raise ValueError(f"a permission whose role is {describe(value)}")
    return ", ".join(str(each) for each in ids)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
