# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An OIDC client of Pocket ID: read, plan and, unless in check mode, act and read back. PRIVATE to this collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._errors import IdentityBrokerError, NotFoundError, may_have_been_done
from ._oidc_client_plan import ClientPlan, DesiredClient, plan_client, shown, standing_client
from ._people import named_group
from ._pocket_id import PocketIdClient


@dataclass
class ClientOutcome:
    """What became of the plan. C(client) is what was read back, or predicted where nothing was sent."""

    plan: ClientPlan
    client: dict[str, Any] | None
    changed: bool
    secret: str | None = None
    error: str | None = None


def ensure_client(pocket_id: PocketIdClient, wanted: DesiredClient, *, rotate: bool, check_mode: bool) -> ClientOutcome:
    """Bring the client to what is wanted. Raises InputError for a group or a client that there is not."""
    listed = standing_client(pocket_id.clients(), wanted)
    standing = None if listed is None else pocket_id.client(listed["id"])
    names = wanted.allowed_groups or ()
    known = pocket_id.groups() if names and wanted.state == "present" else []
    groups = {name: named_group(known, name, "allowed_groups") for name in names} if wanted.state == "present" else {}
    plan = plan_client(standing, wanted, groups, rotate=rotate)
    if check_mode or not plan.changes:
        return ClientOutcome(plan, None if plan.after is None else dict(plan.after), plan.changes)
    return _carried_out(plan, None if standing is None else str(standing["id"]), wanted.name, pocket_id)


def _carried_out(plan: ClientPlan, client_id: str | None, name: str, pocket_id: PocketIdClient) -> ClientOutcome:
    secret: str | None = None
    written = False
    try:
        if plan.operation == "delete" and client_id is not None:
            pocket_id.delete_client(client_id, name)
            return _gone(plan, client_id, pocket_id)
        if client_id is None:
            client_id = str(pocket_id.create_client(plan.document)["id"])
            written = True
        elif plan.writes_client:
            pocket_id.replace_client(client_id, plan.document)
            written = True
        if plan.group_ids is not None and (plan.group_ids or plan.operation != "create"):
            pocket_id.allow_groups(client_id, plan.group_ids, name)
            written = True
        if plan.rotates:
            former = pocket_id.secret_ids(client_id, name)
            secret = pocket_id.create_secret(client_id, name)
            written = True
            for each in former:
                pocket_id.delete_secret(client_id, each, name)
        kept = shown(pocket_id.client(client_id))
    except IdentityBrokerError as error:
        changed = written or may_have_been_done(error)
        told = " Some of it was done; running the task again does the rest." if changed else " Nothing was changed."
        return ClientOutcome(plan, None, changed, secret, f"{error}{told}")
    return ClientOutcome(plan, kept, True, secret, _unkept(plan, kept))


def _gone(plan: ClientPlan, client_id: str, pocket_id: PocketIdClient) -> ClientOutcome:
    try:
        kept = shown(pocket_id.client(client_id))
    except NotFoundError:
        return ClientOutcome(plan, None, changed=True)
    return ClientOutcome(
        plan, kept, True, error=f"The client {client_id} was deleted without an error, and is still there."
    )


def _unkept(plan: ClientPlan, kept: dict[str, Any]) -> str | None:
    """How the client that was read back differs from what was asked for."""
    asked = dict(plan.after or {})
    different = [key for key, value in asked.items() if value is not None and kept[key] != value]
    if not different:
        return None
    told = ", ".join(f"{key} is {kept[key]!r} instead of {asked[key]!r}" for key in different)
    return f"The client {kept['name']} was written without an error, and yet: {told}."
