# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Permissions of a task's users: planned before any user is written, given after the last. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._apply_permission import PermissionOutcome, carry_out_permission, untouched_permission
from ._authorization import Found, global_authorization, not_offered
from ._directory import GIVING_A_NAME, Operation
from ._errors import ForbiddenError, PlanRefusedError
from ._permission_plan import PermissionPlan
from ._permissions import Permission, Principal, Roles, shown_permission
from ._user_permissions import Grants, inherited, leaves, left_behind, plan_grants, plan_user_grants, removal
from ._vcenter import VcenterClient


@dataclass(frozen=True)
class PermissionOptions:
    """What a task says of permissions. C(report) reads them also where nothing else needs it."""

    grants: Grants = field(default_factory=Grants)
    inherit: bool = False
    remove: bool = False
    report: bool = False


@dataclass
class UserPermissions:
    """What was planned, and what came of it. C(found) is None where permissions were not read."""

    found: Found | None = None
    roles: Roles = field(default_factory=Roles)
    planned: Sequence[PermissionPlan] = ()
    left: Sequence[tuple[str, Permission]] = ()
    outcomes: list[PermissionOutcome] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    """Users by their position in the list, and why their permissions stand against what is planned for them."""

    @property
    def changed(self) -> bool:
        """Whether a permission was changed, or would be in check mode."""
        return any(outcome.changed for outcome in self.outcomes)

    @property
    def errors(self) -> list[str]:
        """What failed with each of them."""
        return [f"{each.plan.wanted.principal.shown}: {each.error}" for each in self.outcomes if each.error]

    def diff(self) -> dict[str, dict[str, Any]]:
        """Before and after, by the spelling of the principal."""
        diff: dict[str, dict[str, Any]] = {"before": {}, "after": {}}
        for plan in self.planned:
            of_plan = plan.diff(self.roles, "")
            for side in ("before", "after"):
                diff[side] |= {f"permission {label}": told for label, told in of_plan[side].items()}
        return diff

    def results(self) -> list[dict[str, Any]]:
        """Each permission that was wanted or removed, and those that stay behind, as modules return them."""
        is_global = self.found is None or self.found.authorization.is_global

        def item(permission: Permission | None, wanted: Principal, operation: str, error: str | None) -> dict[str, Any]:
            shown = shown_permission(permission, self.roles, is_global=is_global) if permission else None
            return {"principal": wanted.label, "permission": shown, "operation": operation, "error": error}

        found = [
            item(each.permission, each.plan.wanted.principal, each.plan.operation, each.error) for each in self.outcomes
        ]
        return found + [item(each, each.principal, "left", None) for _label, each in self.left]


def plan_user_permissions(
    vcenter: VcenterClient | None,
    options: PermissionOptions,
    operations: Sequence[Operation],
    domain: str | None,
    login: Principal,
) -> UserPermissions:
    """Decide about permissions, before anything is written. Raises InputError and PlanRefusedError.

    Where `refused` of the result names users, nothing else is decided: the plan is to be made again without them.
    """
    giving = [operation for operation in operations if operation.kind in GIVING_A_NAME]
    going = [operation for operation in operations if leaves(operation) and (operation.changes or options.remove)]
    there = [op.wanted for op in operations if _stays(op)] if options.grants.wanted else []
    of_groups = options.grants.of_groups(domain)
    if not (options.grants.wanted or giving or going or options.report):
        return UserPermissions()
    found, notes = _found(vcenter, needed=options.grants.wanted or options.remove)
    if found is None:
        return UserPermissions(notes=notes)
    roles = found.authorization.roles() if options.grants.wanted or giving or going else Roles()
    planned, refused = plan_user_grants(options.grants, there, found.permissions, roles, login)
    if not options.inherit:
        refused |= {op.wanted.position: problem for op, problem in inherited(giving, found.permissions, roles)}
    if refused:
        return UserPermissions(found, roles, refused=refused)
    planned += plan_grants(of_groups, found.permissions, roles, login)
    left = left_behind(operations, found.permissions)
    if options.remove:
        planned += plan_grants([removal(each) for _label, each in left], found.permissions, roles, login)
        left = []
    return UserPermissions(found, roles, planned, left)


def _found(vcenter: VcenterClient | None, *, needed: bool) -> tuple[Found | None, list[str]]:
    """Read the permissions. If they are not needed and cannot be read, return None and what there is to say about that."""
    if vcenter is None:
        if needed:
            raise PlanRefusedError(
                ["permissions need hostname, username and password: they are vCenter's, not the broker's."]
            )
        return None, []
    try:
        found = global_authorization(vcenter)
    except ForbiddenError as error:
        if needed:
            raise
        return None, [f"Permissions were not looked at. {error}"]
    if found is None and needed:
        raise not_offered(vcenter)
    return found, []


def _stays(operation: Operation) -> bool:
    """Return whether a wanted user is there in the end, as far as the plan goes."""
    is_planned = operation.problem is None and operation.kind != "wait" and not operation.purged
    return is_planned and operation.wanted.state == "present"


def untouched_permissions(planned: UserPermissions) -> UserPermissions:
    """The outcomes of plans that are not carried out."""
    planned.outcomes = [untouched_permission(plan, planned.roles) for plan in planned.planned]
    return planned


def carry_out_user_permissions(
    planned: UserPermissions, failed: Collection[tuple[str, str, str]], reason: str | None
) -> bool:
    """Give and remove what was planned, and say whether somebody broke it off.

    Nothing is done about those of C(failed), as C(Principal.person), nor about anybody for a C(reason).
    """
    interrupted = False
    for plan in planned.planned:
        if reason is not None or plan.wanted.principal.person in failed or planned.found is None:
            told = reason or "was not written, since the user was not"
            untold = untouched_permission(plan, planned.roles)
            if plan.changes:
                untold = PermissionOutcome(plan, planned.roles, plan.before, changed=False, error=told)
            planned.outcomes.append(untold)
            continue
        if not plan.changes:
            planned.outcomes.append(untouched_permission(plan, planned.roles))
            continue
        try:
            planned.outcomes.append(carry_out_permission(plan, planned.roles, planned.found.authorization))
        except KeyboardInterrupt:
            told = "was under way when the run was interrupted, and what came of it is not known"
            planned.outcomes.append(PermissionOutcome(plan, planned.roles, plan.before, changed=True, error=told))
            interrupted, reason = True, "was not tried: the run was interrupted"
    return interrupted
