# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The permissions of those whom a plan is about: what is wanted, inherited and left behind. PRIVATE to this collection.

A permission hangs on a name. Whoever gets an entry of that name has it, and it stays when the entry goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._directory import GIVING_A_NAME, Operation
from ._errors import InputError, PlanRefusedError
from ._permission_plan import DesiredPermission, PermissionPlan, plan_permission, role_text
from ._permissions import NO_ACCESS, Permission, Principal, Roles
from ._texts import folded, required_text
from ._users import DesiredUser, User


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that somebody is to have. C(principal) is the spelling, where it is not the user's own name."""

    role: str
    propagate: bool = True
    principal: str | None = None


@dataclass(frozen=True)
class Grants:
    """Who is to have which role: each user of the task, users by their position in it, and groups by their name."""

    everybody: Sequence[Grant] = ()
    users: Mapping[int, Sequence[Grant]] | None = None
    groups: Mapping[str, Sequence[Grant]] | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody is to have a role."""
        return bool(self.everybody or self.groups or any((self.users or {}).values()))

    def has_own(self, wanted: DesiredUser) -> bool:
        """Return whether the user has permissions apart from those of everybody."""
        return bool((self.users or {}).get(wanted.position))

    def of_user(self, wanted: DesiredUser) -> list[DesiredPermission]:
        """Return the permission that a user is to have. Raises InputError."""
        own = (self.users or {}).get(wanted.position) or self.everybody
        field = f"users[{wanted.position}].permissions" if self.has_own(wanted) else "permissions"
        return _desired(own, Principal("user", wanted.username, wanted.domain), field)

    def of_groups(self, domain: str | None) -> list[DesiredPermission]:
        """Return the permissions that groups are to have. Raises InputError."""
        found = []
        for name, grants in (self.groups or {}).items():
            if not domain:
                raise InputError("domain", "is not given, and group_permissions needs it", "Give the groups' domain.")
            found += _desired(grants, Principal("group", name, domain), "group_permissions")
        return found


def grant_list(value: Any, field: str) -> list[Grant]:
    """Read an option that lists roles. Raises InputError."""
    found = []
    for number, item in enumerate(value or ()):
        if not isinstance(item, Mapping) or item.get("role") is None:
            raise InputError(f"{field}[{number}]", "names no role", "Give a role, as in - role: ReadOnly.")
        spelling = item.get("principal")
        found.append(
            Grant(
                role_text(item["role"]),
                item.get("propagate") is not False,
                None if spelling is None else required_text(f"{field}[{number}].principal", spelling),
            )
        )
    return found


def group_grants(items: Sequence[Mapping[str, Any]]) -> dict[str, list[Grant]]:
    """Read the option C(group_permissions). Raises InputError."""
    found: dict[str, list[Grant]] = {}
    for number, item in enumerate(items):
        found.setdefault(item["group"], []).extend(grant_list([item], f"group_permissions[{number}]"))
    return found


def inherited(
    operations: Iterable[Operation], listed: Sequence[Permission], roles: Roles
) -> list[tuple[Operation, str]]:
    """Return the operations that give an entry a name which has permissions already, and why that is refused."""
    by_person = _by_person(listed)
    problems = []
    for operation in operations:
        user = operation.after
        if user is None or operation.kind not in GIVING_A_NAME:
            continue
        held = by_person.get(_principal(user).person, [])
        if held:
            told = ", ".join(_told(each, roles) for each in held)
            problem = (
                f"{user.label}: the name already has a permission ({told}), which the new entry would have at once. If that is "
                "the same person, set inherit_permissions: true; otherwise remove it with global_permission, state: absent."
            )
            problems.append((operation, problem))
    return problems


def leaves(operation: Operation) -> bool:
    """Return whether no entry of the name is in the broker in the end. The entry of a failed user stays."""
    gone = operation.wanted.state == "absent" and operation.after is None and operation.problem is None
    return gone and not operation.name_stays


def left_behind(operations: Iterable[Operation], listed: Sequence[Permission]) -> list[tuple[str, Permission]]:
    """The permissions of those who go, or went before, by the label of the user."""
    by_person = _by_person(listed)
    return [
        (who.label, permission)
        for operation in operations
        if leaves(operation)
        for who in [operation.before or operation.wanted]
        for permission in by_person.get(_principal(who).person, [])
    ]


def plan_grants(
    desired: Sequence[DesiredPermission], listed: Sequence[Permission], roles: Roles, login: Principal
) -> list[PermissionPlan]:
    """What becomes of each permission. Raises InputError and PlanRefusedError."""
    return [plan_permission(listed, each, roles, login) for each in desired]


def plan_user_grants(
    grants: Grants, there: Iterable[DesiredUser], listed: Sequence[Permission], roles: Roles, login: Principal
) -> tuple[list[PermissionPlan], dict[int, str]]:
    """Return what becomes of each user's permission, and why users cannot have theirs, by their position in the list.

    Raises InputError for what is wrong with the permissions of everybody.
    """
    planned: list[PermissionPlan] = []
    refused: dict[int, str] = {}
    for wanted in there:
        try:
            planned += plan_grants(grants.of_user(wanted), listed, roles, login)
        except PlanRefusedError as error:
            refused[wanted.position] = f"{wanted.label}: {' '.join(error.problems)}"
        except InputError as error:
            if not grants.has_own(wanted):
                raise
            refused[wanted.position] = f"{wanted.label}: {error}"
    return planned, refused


def removal(permission: Permission) -> DesiredPermission:
    """That a permission goes, whatever spelling it has."""
    return DesiredPermission(permission.principal, state="absent")


def is_permitted(user: User, listed: Iterable[Permission]) -> bool:
    """Whether somebody, or one of the groups, has a role that shows the inventory."""
    return not permitted_people(listed).isdisjoint(principals(user))


def permitted_people(listed: Iterable[Permission]) -> set[tuple[str, str, str]]:
    """Whoever has a role that shows the inventory, as C(Principal.person)."""
    return {each.principal.person for each in listed if each.role_id != NO_ACCESS and each.propagate}


def principals(user: User) -> set[tuple[str, str, str]]:
    """The user and the groups, as C(Principal.person)."""
    domain = user.domain or ""
    return {_principal(user).person, *(Principal("group", name, domain).person for name in user.groups)}


def _principal(user: User | DesiredUser) -> Principal:
    name = user.bare_name if isinstance(user, User) else user.username
    return Principal("user", name, user.domain or "")


def _by_person(listed: Sequence[Permission]) -> dict[tuple[str, str, str], list[Permission]]:
    found: dict[tuple[str, str, str], list[Permission]] = {}
    for permission in listed:
        found.setdefault(permission.principal.person, []).append(permission)
    return found


def _desired(grants: Sequence[Grant], principal: Principal, field: str) -> list[DesiredPermission]:
    if len({(folded(grant.role), grant.propagate, grant.principal) for grant in grants}) > 1:
        told = ", ".join(grant.role for grant in grants)
        raise InputError(
            field, f"asks for several roles ({told})", "Give one: a user or group has at most one global permission."
        )
    found = []
    for grant in grants[:1]:
        spelt = Principal.spelt(principal.type, grant.principal) if grant.principal else principal
        named = spelt if spelt.domain else Principal(spelt.type, spelt.name, principal.domain)
        found.append(DesiredPermission(named, grant.role, grant.propagate))
    return found


def _told(permission: Permission, roles: Roles) -> str:
    role = roles.named(permission.role_id)
    return role.name or role.id
