# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A permission: planned and, unless in check mode, written and read back. PRIVATE to this collection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ._authorization import Authorization, Found
from ._errors import IdentityBrokerError, may_have_been_done
from ._permission_plan import DesiredPermission, PermissionPlan, plan_permission
from ._permissions import Permission, Principal, Roles


@dataclass
class PermissionOutcome:
    """What became of the plan. C(permission) is what was read back, or predicted where nothing was sent."""

    plan: PermissionPlan
    roles: Roles
    permission: Permission | None
    changed: bool
    error: str | None = None
    notes: tuple[str, ...] = ()
    """What the user must know besides the result."""


def ensure_permission(
    found: Found, wanted: DesiredPermission, login: Principal, *, check_mode: bool
) -> PermissionOutcome:
    """Bring the permission to what is wanted. Raises InputError and PlanRefusedError."""
    authorization = found.authorization
    roles = authorization.roles()
    plan = plan_permission(found.permissions, wanted, roles, login)
    notes = _notes(plan, authorization)
    if check_mode or not plan.changes:
        outcome = untouched_permission(plan, roles)
        outcome.notes = notes
        return outcome
    outcome = carry_out_permission(plan, roles, authorization)
    outcome.notes = notes
    return outcome


def untouched_permission(plan: PermissionPlan, roles: Roles) -> PermissionOutcome:
    """The outcome of a plan that is not carried out."""
    return PermissionOutcome(plan, roles, plan.after, plan.changes)


def _notes(plan: PermissionPlan, authorization: Authorization) -> tuple[str, ...]:
    notes = []
    if plan.others:
        told = ", ".join(each.principal.label for each in plan.others)
        notes.append(f"{plan.wanted.principal.shown} has permissions under other spellings too, which stay: {told}.")
    if plan.operation == "update" and not authorization.changes_in_place:
        notes.append(
            "The older API of this vCenter cannot change a permission: it is deleted and created anew, and the old one is put "
            "back where that fails."
        )
    return tuple(notes)


def carry_out_permission(plan: PermissionPlan, roles: Roles, authorization: Authorization) -> PermissionOutcome:
    """Write what the plan says, then read back."""
    broken: IdentityBrokerError | None = None
    try:
        _write(plan, authorization)
    except IdentityBrokerError as error:
        broken = error
    try:
        listed = authorization.permissions()
    except IdentityBrokerError as error:
        told = f"{broken or 'It was written.'} It could not be read back: {error}"
        return PermissionOutcome(plan, roles, None, changed=True, error=told)
    kept = plan.kept(listed)
    if plan.is_done(kept):
        # Also where an answer was lost, or somebody else was quicker.
        return PermissionOutcome(plan, roles, kept, changed=True)
    others = plan.otherwise_spelt(listed)
    changed = not plan.is_untouched(kept) or others != plan.others
    if broken is None:
        told = f"It was written without an error, and yet {_stands(plan, kept, others, roles)}"
    else:
        told = f"{broken} {_stands(plan, kept, others, roles) if changed else _as_before(plan, authorization)}"
    return PermissionOutcome(plan, roles, kept, changed, told)


def _write(plan: PermissionPlan, authorization: Authorization) -> None:
    before, after = plan.before, plan.after
    if before is None and after is not None:
        _send(plan, authorization, lambda: authorization.create(after), plan.is_done)
    elif before is not None and after is None:
        _send(plan, authorization, lambda: authorization.delete(before), plan.is_done)
    elif before is not None and after is not None and authorization.changes_in_place:
        _send(plan, authorization, lambda: authorization.update(before, after), plan.is_done)
    elif before is not None and after is not None:
        _replace(plan, before, after, authorization)


def _replace(plan: PermissionPlan, before: Permission, after: Permission, authorization: Authorization) -> None:
    """Delete and create. Where the second step fails, nobody shall have lost a permission by it."""
    _send(plan, authorization, lambda: authorization.delete(before), lambda kept: kept is None)
    try:
        _send(plan, authorization, lambda: authorization.create(after), plan.is_done)
    except (IdentityBrokerError, KeyboardInterrupt):
        # What stands in the end is read back and told.
        with contextlib.suppress(IdentityBrokerError):
            _send(plan, authorization, lambda: authorization.create(before), lambda kept: kept is not None)
        raise


def _send(
    plan: PermissionPlan,
    authorization: Authorization,
    step: Callable[[], None],
    is_done: Callable[[Permission | None], bool],
) -> None:
    """A write of which no answer tells what came of it is looked for, and sent once more if it was not done."""
    try:
        step()
    except IdentityBrokerError as error:
        if not may_have_been_done(error):
            raise
        try:
            kept = plan.kept(authorization.permissions())
        except IdentityBrokerError:
            raise error from None
        if not is_done(kept):
            step()


def _stands(plan: PermissionPlan, kept: Permission | None, others: Sequence[Permission], roles: Roles) -> str:
    principal = plan.wanted.principal
    if kept is not None:
        role = roles.named(kept.role_id)
        spread = "propagating" if kept.propagate else "not propagating"
        return f"{principal.shown} has the role {role.name or role.id}, {spread}. Running the task again does the rest."
    if others:
        told = ", ".join(each.principal.label for each in others)
        return (
            f"vCenter lists it under another spelling: {told}. Give that as principal, if it is the one that a "
            "login shows."
        )
    return f"{principal.shown} has no permission. Running the task again gives it."


def _as_before(plan: PermissionPlan, authorization: Authorization) -> str:
    if plan.operation == "update" and not authorization.changes_in_place:
        return "The permission stands as it was before."
    return "The permission was not changed."
