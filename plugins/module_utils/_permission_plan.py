# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the permissions that are and the one that is wanted to what is written. PRIVATE to this collection.

A principal has at most one global permission, so another role changes it. No other permission is ever touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ._errors import InputError, PlanRefusedError
from ._permissions import LOCAL_OS, Permission, Principal, Roles
from ._texts import required_text, same_name

BY_HAND = "vSphere Client, Administration, Global Permissions"


@dataclass(frozen=True, slots=True)
class DesiredPermission:
    """What was asked for. C(role) is a name or an id; where the permission is to be absent, it does not matter."""

    principal: Principal
    role: str = ""
    propagate: bool = True
    state: str = "present"
    force: bool = False


@dataclass(frozen=True, slots=True)
class PermissionPlan:
    """What becomes of the permission. C(after) is None where none will be left."""

    operation: str
    wanted: DesiredPermission
    before: Permission | None = None
    after: Permission | None = None
    others: tuple[Permission, ...] = ()
    """What the same person has under other spellings, which stays."""
    listed: tuple[Permission, ...] = ()
    """All that there was."""

    @property
    def changes(self) -> bool:
        """Whether carrying it out writes."""
        return self.operation != "none"

    def kept(self, listed: Sequence[Permission]) -> Permission | None:
        """The permission of this principal in a list."""
        found = _of(listed, self.wanted.principal)
        return found[0] if found else None

    def otherwise_spelt(self, listed: Sequence[Permission]) -> tuple[Permission, ...]:
        """What the same person has under other spellings in a list; also in a domain that vCenter calls otherwise."""
        principal = self.wanted.principal
        before = {each.principal.key for each in self.listed}
        new = (each for each in listed if each.principal.key not in {*before, principal.key})
        renamed = (each for each in new if (each.principal.key[0], each.principal.key[2]) == principal.key[::2])
        return tuple(dict.fromkeys([*_otherwise_spelt(listed, principal), *renamed]))

    def is_done(self, kept: Permission | None) -> bool:
        """Whether what was read back is what was asked for."""
        if self.after is None or kept is None:
            return self.after is kept
        return (kept.role_id, kept.propagate) == (self.after.role_id, self.after.propagate)

    def is_untouched(self, kept: Permission | None) -> bool:
        """Whether what was read back is what was there before."""
        if self.before is None or kept is None:
            return self.before is kept
        return (kept.role_id, kept.propagate) == (self.before.role_id, self.before.propagate)

    def diff(self, roles: Roles, header: str) -> dict[str, Any]:
        """Before and after in Ansible's form; the same in check mode and in the run."""
        diff: dict[str, Any] = {"before": {}, "after": {}}
        if self.changes:
            for side, permission in (("before", self.before), ("after", self.after)):
                if permission:
                    diff[side] = {permission.principal.label: _told(permission, roles)}
        return {**diff, "before_header": header, "after_header": header}


def desired_permission(options: Mapping[str, Any]) -> DesiredPermission:
    """Read the options of a task. Raises InputError."""
    principal = named_principal(options["principal"], options["domain"], options["principal_type"])
    if options["state"] == "absent":
        return DesiredPermission(principal, state="absent", force=options["force"])
    if options["role"] is None:
        raise InputError("role", "is not given", "Give its name, such as ReadOnly, or its id.")
    return DesiredPermission(principal, role_text(options["role"]), options["propagate"], force=options["force"])


def named_principal(principal: Any, domain: Any, kind: str) -> Principal:
    """The principal that a task names, as C(DOMAIN\\name), or with its domain apart. Raises InputError."""
    text = required_text("principal", principal)
    apart = None if domain is None else required_text("domain", domain)
    if apart is not None and ("\\" in apart or "@" in apart):
        raise InputError("domain", f"{apart!r} is no domain", "Give its name alone, such as lab.example.org.")
    if "\\" not in text:
        if apart is None:
            raise InputError(
                "domain",
                f"is not given for {text!r}",
                "Give the domain as the vSphere Client lists it where a permission is added; localos means accounts of the "
                "appliance itself.",
            )
        return Principal(kind, text, apart)
    own, _backslash, name = text.partition("\\")
    if not own or not name or "\\" in name:
        raise InputError("principal", f"{text!r} is no DOMAIN\\name", "Give the name, and the domain as domain.")
    if apart is not None and not same_name(own, apart):
        raise InputError(
            "domain", f"is {apart!r}, while principal names {own!r}", "Name the domain once, or the same twice."
        )
    return Principal(kind, name, own)


def role_text(value: Any) -> str:
    """The role as the task gives it; the ids of roles are numbers, so YAML may have read one. Raises InputError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return required_text("role", value)


def plan_permission(
    listed: Sequence[Permission], wanted: DesiredPermission, roles: Roles, login: Principal
) -> PermissionPlan:
    """Decide what becomes of the permission. Raises InputError for the role, and PlanRefusedError.

    C(login) is the account that the task logs in with.
    """
    role_id = roles.find(wanted.role).id if wanted.state == "present" else ""
    before = _standing(listed, wanted.principal)
    others = _otherwise_spelt(listed, wanted.principal)
    if others and (wanted.state == "present" or before is None):
        raise PlanRefusedError([_spellings(wanted.principal, before, others)])
    if wanted.state == "absent":
        plan = PermissionPlan("delete" if before else "none", wanted, before, None, others, tuple(listed))
    elif before is None:
        after = Permission(wanted.principal, role_id, wanted.propagate)
        plan = PermissionPlan("create", wanted, None, after, listed=tuple(listed))
    else:
        after = replace(before, role_id=role_id, propagate=wanted.propagate)
        plan = PermissionPlan("none" if after == before else "update", wanted, before, after, listed=tuple(listed))
    if not wanted.force and _locks_out(listed, plan, login):
        raise PlanRefusedError([_lockout(plan, login)])
    return plan


def _standing(listed: Sequence[Permission], principal: Principal) -> Permission | None:
    found = _of(listed, principal)
    if len(found) > 1:
        told = ", ".join(f"{each.principal.label} (id {each.id})" for each in found)
        raise PlanRefusedError(
            [
                f"{principal.shown} has {len(found)} permissions, which vCenter should not allow: {told}. "
                f"Remove all but one by hand: {BY_HAND}."
            ]
        )
    return found[0] if found else None


def _of(listed: Sequence[Permission], principal: Principal) -> list[Permission]:
    return [each for each in listed if each.principal.key == principal.key]


def _otherwise_spelt(listed: Sequence[Permission], principal: Principal) -> tuple[Permission, ...]:
    same = (each for each in listed if each.principal.person == principal.person)
    return tuple(each for each in same if each.principal.key != principal.key)


def _spellings(principal: Principal, before: Permission | None, others: Sequence[Permission]) -> str:
    told = ", ".join(each.principal.label for each in (*([before] if before else []), *others))
    remove = " or ".join(f"principal: '{each.principal.label}'" for each in others)
    return (
        f"{principal.shown} has a permission under another spelling: {told}. vCenter takes each spelling for somebody else, "
        "and only the one that a login shows has an effect. Keep that one, and give it as principal; remove the other with "
        f"state: absent and {remove}."
    )


def _locks_out(listed: Sequence[Permission], plan: PermissionPlan, login: Principal) -> bool:
    """Whether the account that logs in administers before, and cannot any more after.

    A permission of its own goes before those of its groups (SDK, Permissions); to which groups it belongs is not known.
    """
    left = [each for each in listed if plan.before is None or each.principal.key != plan.before.principal.key]
    after = [*left, plan.after] if plan.after else left
    return plan.changes and _may_administer(listed, login) and not _may_administer(after, login)


def _may_administer(listed: Sequence[Permission], login: Principal) -> bool:
    own = [each for each in listed if each.principal.person == login.person]
    return any(each.administers for each in own or [each for each in listed if each.principal.type == "group"])


def _lockout(plan: PermissionPlan, login: Principal) -> str:
    return (
        f"{plan.wanted.principal.shown} holds the last global permission that lets {login.label}, with which this task logs "
        "in, administer this vCenter. Give the role Admin to another group or account first, and log in with that; or set "
        "force: true."
    )


def _told(permission: Permission, roles: Roles) -> dict[str, Any]:
    """A permission in a diff: no id, which is not known before creation."""
    role = roles.named(permission.role_id)
    return {
        "principal_type": permission.principal.type,
        "role": role.name or role.id,
        "propagate": permission.propagate,
    }


def narrowed(listed: Sequence[Permission], options: Mapping[str, Any], roles: Roles) -> list[Permission]:
    """The permissions that fit, in the order of their principals. Raises InputError.

    All spellings of a person fit its name, and a name alone fits in any domain.
    """
    kind = options["principal_type"]
    wanted = _named_in_part(options["principal"], options["domain"])
    role_id = None if options["role"] is None else roles.find(role_text(options["role"])).id
    _kind, domain, name = wanted.person
    any_domain = not wanted.domain and domain == LOCAL_OS

    def fits(permission: Permission) -> bool:
        own_kind, own_domain, own_name = permission.principal.person
        return (
            kind in (None, own_kind)
            and (any_domain or own_domain == domain)
            and (not wanted.name or own_name == name)
            and role_id in (None, permission.role_id)
        )

    found = [each for each in listed if fits(each)]
    return sorted(found, key=lambda each: (*each.principal.key[1:], each.principal.key[0], each.id))


def _named_in_part(principal: Any, domain: Any) -> Principal:
    if principal is not None and (domain is not None or "\\" in required_text("principal", principal)):
        return named_principal(principal, domain, "")
    if principal is not None:
        return Principal("", required_text("principal", principal))
    return Principal("", "", "" if domain is None else required_text("domain", domain))
