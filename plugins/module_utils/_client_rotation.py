# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What becomes of the secret of an OAuth 2.0 client. PRIVATE to this collection.

A rotation gives a client a second secret, and ends when the first one retires, by itself or on request. Starting one that is
in progress, and ending one that is not, are errors of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._errors import InputError
from ._texts import SET, SET_ANEW

_SHOWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {}),
    "start": ({"rotate_secret": False}, {"rotate_secret": True, "secondary_secret": SET}),
    "retire": ({"rotate_secret": True}, {"rotate_secret": False}),
    "replace": ({"secret": SET}, {"secret": SET_ANEW}),
}
ALWAYS, STARTED, FINISHED = "always", "started", "finished"
MOST_MINUTES = 10080
LONGEST_SECRET = 4096


@dataclass(frozen=True, slots=True)
class Rotation:
    """What is done to the secret. C(steps) are C(start) and C(retire), in their order."""

    name: str = "none"
    steps: tuple[str, ...] = ()
    secret: str | None = None
    minutes: int | None = None

    @property
    def changes(self) -> bool:
        """Whether carrying it out writes."""
        return bool(self.steps)

    def added_to(self, diff: dict[str, Any]) -> dict[str, Any]:
        """A diff that shows it; a secret is never in that."""
        before, after = _SHOWN[self.name]
        return {"before": {**diff["before"], **before}, "after": {**diff["after"], **after}}


def plan_rotation(standing: Mapping[str, Any] | None, options: Mapping[str, Any]) -> Rotation:
    """Decide what becomes of the secret. Raises InputError."""
    wanted, minutes = options["secret_rotation"], options["primary_secret_auto_retire_duration"]
    _check(options)
    if standing is None or options["state"] == "absent":
        return Rotation()
    in_progress = bool(standing.get("rotate_secret"))
    if options["update_secret"] == ALWAYS:
        steps = ("retire",) if in_progress else ()
        return Rotation("replace", (*steps, "start", "retire"), options["secret"])
    if wanted == STARTED and not in_progress:
        return Rotation("start", ("start",), options["secondary_secret"], minutes)
    if wanted == FINISHED and in_progress:
        return Rotation("retire", ("retire",))
    return Rotation()


def refuse_own_deletion(options: Mapping[str, Any], own: str | None) -> None:
    """The client that a task signs in with deletes itself only where that is said. Raises InputError."""
    if is_own_deletion(options, own) and not options["delete_own"]:
        raise InputError(
            "client_id",
            f"{own!r} is the client that this task itself signs in with",
            "Sign in with another one, as api_client_id, to delete it; or set delete_own: true.",
        )


def is_own_deletion(options: Mapping[str, Any], own: str | None) -> bool:
    """Whether a task is to delete the client that it signs in with."""
    return options["state"] == "absent" and own is not None and options["client_id"] == own


def _check(options: Mapping[str, Any]) -> None:
    minutes = options["primary_secret_auto_retire_duration"]
    if minutes is not None and not 0 <= minutes <= MOST_MINUTES:
        raise InputError(
            "primary_secret_auto_retire_duration", f"{minutes} is not between 0 and {MOST_MINUTES}", "Give minutes."
        )
    if options["secret_rotation"] == STARTED and not options["secondary_secret"]:
        raise InputError("secondary_secret", "is needed with secret_rotation: started", "Give it.")
    for name in ("secret", "secondary_secret"):
        if len(options[name] or "") > LONGEST_SECRET:
            raise InputError(name, f"is longer than {LONGEST_SECRET} characters", "Choose a shorter one.")
    if options["update_secret"] == ALWAYS:
        if not options["secret"]:
            raise InputError("secret", "is needed with update_secret: always", "Give it.")
        if options["secret_rotation"]:
            raise InputError("update_secret", "is always, and secret_rotation is given", "Give either.")
