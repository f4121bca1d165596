# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is known to vCenter under which name, and what of its inventory that name sees."""

from __future__ import annotations

from collections.abc import Iterable

from .permissions import GLOBAL, LOCAL_OS, NO_ACCESS, ROOT_FOLDER, Permission, Principal
from .resources import WS1B_SCHEMA, Json
from .switches import PrincipalSpelling

ROOT = "/"
INVENTORY = [
    ROOT,
    "/Lab",
    "/Lab/host/Kitchen/esx1.lab.example.org",
    "/Lab/host/Kitchen/esx2.lab.example.org",
    "/Lab/vm/bakery",
    "/Lab/vm/oven",
]
"""The root folder, a data center, its hosts and its virtual machines."""


def principal_of(user: Json, spelling: PrincipalSpelling) -> Principal:
    """The principal that a user of the broker is once it has signed in.

    Two spellings are known from the field, C(name) and C(name@domain), and no source tells what decides between them:
    hence a switch. Broadcom's KB 432247 reads the right one from the log of the vSphere Client.
    """
    domain = str(user.get(WS1B_SCHEMA, {}).get("domain", ""))
    ending = f"@{domain}"
    name = str(user["userName"])
    if name.casefold().endswith(ending.casefold()):
        name = name[: -len(ending)]
    return Principal("USER", name + ending if spelling == "qualified" and domain else name, domain)


def inventory_of(user: Json, spelling: PrincipalSpelling, permissions: Iterable[Permission]) -> list[str]:
    """What a user of the broker sees: everything, nothing but the root without propagation, or nothing at all.

    What stands on the root folder goes before what is global, and what names the user before what names a group.
    """
    held = list(permissions)
    decisive = _decisive(user, spelling, held, ROOT_FOLDER) or _decisive(user, spelling, held, GLOBAL)
    seeing = [permission for permission in decisive if permission.role != NO_ACCESS]
    if any(permission.propagating for permission in seeing):
        return list(INVENTORY)
    return [ROOT] if seeing else []


def _decisive(
    user: Json, spelling: PrincipalSpelling, permissions: list[Permission], where: tuple[str, str]
) -> list[Permission]:
    here = [permission for permission in permissions if permission.object == where]
    own = principal_of(user, spelling).key()
    named = [permission for permission in here if _resolved(permission.principal).key() == own]
    if named:
        return named
    domain = own[1]
    groups = {Principal("GROUP", str(group["display"]), domain).key() for group in user.get("groups", [])}
    return [permission for permission in here if _resolved(permission.principal).key() in groups]


def _resolved(principal: Principal) -> Principal:
    """The older API takes C(name@domain) without a backslash, which names a domain too."""
    name, at, domain = principal.spelling.rpartition("@")
    if at and principal.domain == LOCAL_OS:
        return Principal(principal.type, name, domain)
    return principal
