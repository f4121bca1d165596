# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""vCenter's permissions and roles. Knows nothing of HTTP; both APIs show these same permissions."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from .resources import Json

Kind = Literal["USER", "GROUP"]

ADMINISTRATOR = "-1"
READ_ONLY = "-2"
NO_ACCESS = "-5"
GLOBAL = ("GlobalAcl", "GlobalAcl")
ROOT_FOLDER = ("Folder", "group-d1")
GLOBAL_DOCUMENT = "urn:acl:global:permissions"
LOCAL_OS = "localos"
SYSTEM_DOMAIN = "VSPHERE.LOCAL"
LEAST_PRIVILEGES = ("System.Anonymous", "System.Read", "System.View")


class RefusedError(Exception):
    """A refusal. `kind` is one of vAPI's standard errors, `reason` the last part of the message's id."""

    def __init__(self, kind: str, reason: str, message: str, *arguments: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.reason = reason
        self.message = message
        self.arguments = list(arguments)


@dataclass(frozen=True)
class Principal:
    """Whoever is named. Nobody looks whether such a user or group exists."""

    type: Kind
    name: str
    domain: str = LOCAL_OS
    spelling: str = ""

    @classmethod
    def spelt(cls, kind: Kind, spelling: str) -> Principal:
        """From `DOMAIN\\name`; anything without a backslash is a name of the appliance itself."""
        domain, backslash, name = spelling.partition("\\")
        return cls(kind, name, domain, spelling) if backslash else cls(kind, spelling, LOCAL_OS, spelling)

    @property
    def full_name(self) -> str:
        return self.spelling or f"{self.domain}\\{self.name}"

    def key(self) -> tuple[str, str, str]:
        return self.type, self.domain.casefold(), self.name.casefold()


@dataclass(frozen=True)
class Permission:
    """`object` is its type and its id."""

    principal: Principal
    role: str
    propagating: bool
    object: tuple[str, str] = GLOBAL

    @property
    def is_global(self) -> bool:
        return self.object == GLOBAL

    @property
    def id(self) -> str:
        """This form is known of the older API; of the newer one it is only known to be a string."""
        prefix = "username" if self.principal.type == "USER" else "groupname"
        document = GLOBAL_DOCUMENT if self.is_global else f"urn:acl:{':'.join(self.object)}"
        return f"{prefix}={self.principal.full_name};doc={document}"


@dataclass(frozen=True)
class Role:
    name: str
    description: str
    privileges: list[str] = field(default_factory=list)
    system: bool = False

    def to_json(self) -> Json:
        return asdict(self)


def _system_roles() -> dict[str, Role]:
    return {
        ADMINISTRATOR: Role(
            "Admin", "Full access rights", [*LEAST_PRIVILEGES, "Authorization.ModifyPermissions"], True
        ),
        READ_ONLY: Role("ReadOnly", "See details of objects, but not make changes", [*LEAST_PRIVILEGES], True),
        NO_ACCESS: Role("NoAccess", "Used for restricting granted access", [], True),
    }


def _first_permissions() -> list[Permission]:
    administrators = Principal("GROUP", "Administrators", SYSTEM_DOMAIN)
    administrator = Principal("USER", "Administrator", SYSTEM_DOMAIN)
    extension = Principal("USER", "vpxd-extension", SYSTEM_DOMAIN)
    return [
        Permission(administrators, ADMINISTRATOR, True),
        Permission(administrator, ADMINISTRATOR, True),
        Permission(extension, ADMINISTRATOR, True, ROOT_FOLDER),
    ]


class Permissions:
    """A principal has at most one permission on an object. Permissions outlive whom they name."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._permissions: dict[str, Permission] = {}
        self._roles: dict[str, Role] = {}
        self._next_role = 1001
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._permissions = {permission.id: permission for permission in _first_permissions()}
            self._roles = _system_roles()
            self._next_role = 1001

    # Permissions

    def all(self) -> list[Permission]:
        """By id."""
        with self._lock:
            return [self._permissions[key] for key in sorted(self._permissions)]

    def get(self, key: str) -> Permission:
        with self._lock:
            if key not in self._permissions:
                raise RefusedError("not_found", "not_found", f"Permission {key} not found.", key)
            return self._permissions[key]

    def create(self, wanted: Permission) -> Permission:
        with self._lock:
            self._refuse_role(wanted.role)
            if not wanted.principal.name:
                raise RefusedError("invalid_argument", "invalid_principal", "The principal has no name.")
            if any(_same(wanted, other) for other in self._permissions.values()):
                where = "global" if wanted.is_global else "entity"
                name = wanted.principal.full_name
                message = f"Principal {name} already has {where} permission."
                raise RefusedError("already_exists", f"already_exists_{where}", message, name)
            self._permissions[wanted.id] = wanted
            return wanted

    def update(self, key: str, role: str | None, propagating: bool | None) -> None:
        with self._lock:
            standing = self.get(key)
            if role is not None:
                self._refuse_role(role)
            changed = replace(
                standing,
                role=standing.role if role is None else role,
                propagating=standing.propagating if propagating is None else propagating,
            )
            self._refuse_lockout({**self._permissions, key: changed})
            self._permissions[key] = changed

    def delete(self, key: str) -> None:
        with self._lock:
            self.get(key)
            left = {other: permission for other, permission in self._permissions.items() if other != key}
            self._refuse_lockout(left)
            self._permissions = left

    # Roles

    def roles(self) -> dict[str, Role]:
        with self._lock:
            return dict(self._roles)

    def role(self, key: str) -> Role:
        with self._lock:
            if key not in self._roles:
                raise RefusedError("not_found", "role_not_found", f"Role {key} not found.", key)
            return self._roles[key]

    def create_role(self, name: str, description: str, privileges: list[str]) -> str:
        with self._lock:
            self._refuse_role_name(name, None)
            key = str(self._next_role)
            self._next_role += 1
            self._roles[key] = Role(name, description, sorted({*privileges, *LEAST_PRIVILEGES}))
            return key

    def update_role(self, key: str, changes: dict[str, Any]) -> None:
        with self._lock:
            changed = replace(self._own_role(key), **changes)
            self._refuse_role_name(changed.name, key)
            self._roles[key] = replace(changed, privileges=sorted({*changed.privileges, *LEAST_PRIVILEGES}))

    def delete_role(self, key: str) -> None:
        with self._lock:
            self._own_role(key)
            if any(permission.role == key for permission in self._permissions.values()):
                raise RefusedError("resource_in_use", "role_in_use", f"Role {key} is in use.", key)
            del self._roles[key]

    # Inside

    def _own_role(self, key: str) -> Role:
        role = self.role(key)
        if role.system:
            raise RefusedError("unsupported", "system_role", f"Role {key} is built in.", key)
        return role

    def _refuse_role(self, role: str) -> None:
        if role not in self._roles:
            raise RefusedError("invalid_argument", "invalid_role", f"Role {role} does not exist.", role)

    def _refuse_role_name(self, name: str, key: str | None) -> None:
        if not name:
            raise RefusedError("invalid_argument", "invalid_role_name", "The role has no name.")
        if any(role.name == name and other != key for other, role in self._roles.items()):
            raise RefusedError("already_exists", "role_already_exists", f"A role {name} exists.", name)

    def _refuse_lockout(self, left: dict[str, Permission]) -> None:
        if not any(p.is_global and p.role == ADMINISTRATOR and p.propagating for p in left.values()):
            raise RefusedError("resource_busy", "last_administrator", "Nobody would be left to administer.")


def _same(one: Permission, other: Permission) -> bool:
    return one.object == other.object and one.principal.key() == other.principal.key()
