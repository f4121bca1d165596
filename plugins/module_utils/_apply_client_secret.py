# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An OAuth 2.0 client with its secret, which is rotated as the task says. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ._apply_broker_object import BrokerObject, ObjectOutcome
from ._broker_objects import CLIENTS
from ._client_rotation import Rotation
from ._errors import IdentityBrokerError, may_have_been_done
from ._identity_services import IdentityServicesClient


def ensure_client(
    services: IdentityServicesClient, client: BrokerObject, rotation: Rotation, *, check_mode: bool
) -> tuple[ObjectOutcome, str | None]:
    """Bring the client to what is wanted, then its secret. The secret is one that the broker made up."""
    if check_mode:
        outcome = client.foretold()
        return replace(outcome, changed=outcome.changed or rotation.changes), None
    outcome = client.ensured()
    secret = (outcome.created or {}).get("secret")
    given = client.plan.document.get("secret")
    made_up = secret if isinstance(secret, str) and secret and given is None else None
    services.hide(made_up)
    if outcome.error is None and rotation.changes:
        outcome = _rotated(services, client, rotation, outcome)
    return outcome, made_up


def _rotated(
    services: IdentityServicesClient, client: BrokerObject, rotation: Rotation, outcome: ObjectOutcome
) -> ObjectOutcome:
    steps: dict[str, Callable[[], None]] = {
        "start": lambda: services.start_rotation(client.row, rotation.secret or "", rotation.minutes),
        "retire": lambda: services.retire_secret(client.row),
    }
    done = outcome.changed
    try:
        for step in rotation.steps:
            steps[step]()
            done = True
        kept = services.read(CLIENTS, client.row)
    except IdentityBrokerError as error:
        done = done or may_have_been_done(error)
        told = " Some of it was done; running the task again does the rest." if done else " Nothing was changed."
        return replace(outcome, changed=done, error=f"{error}{told}")
    rotating = rotation.steps[-1] == "start"
    wrong = kept is None or bool(kept.get("rotate_secret")) != rotating
    told_so = "is not told to be in progress" if rotating else "is still told to be in progress"
    problem = (
        f"The secret of the client was rotated without an error, and yet the rotation {told_so}." if wrong else None
    )
    return replace(outcome, document=kept, changed=True, error=problem)
