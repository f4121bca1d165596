# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, in lines that a person can read. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._users import DesiredUser

_DONE = {
    "create": "created",
    "update": "updated",
    "rename": "renamed",
    "recreate": "deleted and created anew",
    "delete": "deleted",
}
SHOWN = 20
"""Of each kind. The result has all in `users`."""
SHOWN_ERRORS = 10


def summary(
    results: Sequence[tuple[DesiredUser, str, str | None]],
    announcements: Sequence[str],
    *,
    check_mode: bool,
    minted: bool,
) -> list[str]:
    """Lines for the users that were changed, failed or wait, as many as a person reads; the rest is counted.

    C(results) holds the wanted user, the operation and the error, if any, of each.
    """
    lines: list[str] = []
    for kind, done in (*_DONE.items(), ("wait", "waiting")):
        these = [wanted for wanted, each, error in results if each == kind and not error]
        told = f"would be {done}" if check_mode and kind != "wait" else done
        lines += _first([f"{told}: {wanted.label}{_remark(wanted, kind)}" for wanted in these], told)
    errors = [error.partition("\n")[0] for _wanted, _kind, error in results if error]
    lines += _first([f"FAILED   {error}" for error in errors], "FAILED")
    unchanged = sum(1 for _wanted, kind, error in results if kind == "none" and not error)
    if unchanged:
        lines.append(f"left as they are: {unchanged} of {len(results)}")
    lines += [f"TRUST    {announcement}" for announcement in announcements]
    if minted:
        lines.append("A new sync token was minted; the one before is revoked.")
    return lines or ["nothing asked for"]


def group_summary(groups: Sequence[tuple[str, str, str | None]], *, check_mode: bool) -> list[str]:
    """Lines for mirrored groups that were changed or failed: name, operation and the error, if any, of each."""
    return [
        f"FAILED   {error}" if error else f"{'would be ' if check_mode else ''}{_DONE[operation]}: group {name}"
        for name, operation, error in groups
        if error or operation != "none"
    ]


def permission_summary(
    permissions: Sequence[Mapping[str, Any]], powerless: Sequence[str], *, check_mode: bool
) -> list[str]:
    """Lines for permissions that were changed, failed or stay behind, and for those who can log in and do nothing."""
    done = {"create": "given", "update": "changed", "delete": "removed"}
    lines: list[str] = []
    for each in permissions:
        role = each["permission"]["role"] if each["permission"] else {}
        shown = f"{each['principal']} {role.get('name') or role.get('id') or ''}".rstrip()
        if each["error"]:
            lines.append(f"FAILED   the permission of {each['principal']} {each['error']}")
        elif each["operation"] == "left":
            lines.append(f"left behind: the permission {shown}; remove_permissions: true removes it")
        elif each["operation"] != "none":
            lines.append(f"permission {'would be ' if check_mode else ''}{done[each['operation']]}: {shown}")
    return lines + _first([f"can log in, and has no permission: {name}" for name in powerless], "without a permission")


def failure(
    users: Sequence[tuple[str, str]],
    total: int,
    groups: Sequence[str] = (),
    permissions: Sequence[str] = (),
    *,
    changed: bool = True,
) -> str:
    """Return one message that names each user that failed, and everything else that did; empty if nothing did.

    `users` holds the name and the error of each. The result has every error in full.
    """
    others = [*groups, *permissions]
    errors = list(dict.fromkeys([*(error for _name, error in users), *others]))
    shown = errors[:SHOWN_ERRORS]
    counts = [f"{len(users)} of {total} users"] if users else []
    counts += [f"{len(groups)} of the groups"] if groups else []
    counts += [f"{len(permissions)} of the permissions"] if permissions else []
    nothing = [] if changed or not errors else ["Nothing was changed"]
    if len(users) + len(others) < 2:
        return ": ".join([*nothing, *errors])
    left = [name for name, error in users if error not in shown]
    more = [f"Failed too, see users[].error: {', '.join(left)}"] if left else []
    more += ["More failed, see groups[].error and permissions[].error"] if not set(others) <= set(shown) else []
    return "\n".join([f"{', '.join([*nothing, ' and '.join(counts)])} failed:", *shown, *more])


def interruption(lines: Sequence[str], when: str) -> list[str]:
    """What a run that somebody broke off leaves behind."""
    return [
        f"Interrupted {when}. What was under way then was finished, and nothing more begun:",
        *lines,
        "Run the same task again; it goes on from there.",
    ]


def _remark(wanted: DesiredUser, kind: str) -> str:
    if kind == "wait":
        return (
            " has no entry, and an ExternalId is missing: give external_id, or let the person try to log in with SSO and "
            "run again"
        )
    return f", ExternalId {wanted.external_id}" if wanted.external_id and kind in ("create", "recreate") else ""


def _first(lines: list[str], told: str) -> list[str]:
    more = [f"{told}: {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]
