# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, in lines that a person can read. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Sequence

from ._candidates import Binding
from ._users import DesiredUser

_DONE = {
    "create": "created",
    "update": "updated",
    "rename": "renamed",
    "recreate": "deleted and created anew",
    "delete": "deleted",
}


def summary(
    results: Sequence[tuple[DesiredUser, str, str | None]],
    binding: Binding | None,
    *,
    check_mode: bool,
    minted: bool,
) -> list[str]:
    """Lines for each user that was changed, failed or waits; the rest is counted.

    C(results) holds the wanted user, the operation and the error, if any, of each.
    """
    lines: list[str] = []
    prefix = "would be " if check_mode else ""
    for wanted, kind, error in results:
        if error:
            lines.append(f"FAILED   {error}")
        elif kind in _DONE:
            also = f", ExternalId {wanted.external_id}" if wanted.external_id and kind in ("create", "recreate") else ""
            lines.append(f"{prefix}{_DONE[kind]}: {wanted.label}{also}")
        elif kind == "wait":
            lines.append(
                f"waiting: {wanted.label} has no entry, and an ExternalId is missing: give external_id, or let the "
                "person try to log in with SSO and run again"
            )
    unchanged = sum(1 for _wanted, kind, error in results if kind == "none" and not error)
    if unchanged:
        lines.append(f"left as they are: {unchanged} of {len(results)}")
    if binding:
        lines.append(f"TRUST    {binding.announcement}")
    if minted:
        lines.append("A new sync token was minted; the one before is revoked.")
    return lines or ["nothing asked for"]


def failure(errors: Sequence[str], total: int) -> str:
    """One message for everything that failed, short enough for a screen; C(users) of the result has all."""
    if len(errors) == 1:
        return errors[0]
    more = [f"... and {len(errors) - 10} more, see users[].error"] if len(errors) > 10 else []
    return "\n".join([f"{len(errors)} of {total} users failed:", *errors[:10], *more])
