# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries a plan out, and reads back what came of it. PRIVATE to this collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._access import ScimAccess
from ._errors import (
    AnswerError,
    ConflictError,
    IdentityBrokerError,
    PlanRefusedError,
    TransportError,
    UnauthenticatedError,
)
from ._plan import Operation, Plan
from ._scim import ScimClient
from ._users import (
    WIRE_FORMS,
    User,
    differences,
    document_for_creation,
    document_for_replacement,
    folded,
    returned_domain,
    unkept,
    users_from_scim,
)

RECREATE_TRIES = 4
HTTP_BAD_REQUEST = 400

Documents = Sequence[Mapping[str, Any]]


@dataclass
class Outcome:
    """What became of one operation. C(user) is what was read back, or predicted where nothing was sent."""

    operation: Operation
    user: User | None
    written: bool = False
    unverified: tuple[str, ...] = ()
    error: str | None = None


def read_users(access: ScimAccess, *, domain_needed: bool) -> tuple[Documents, list[User], tuple[str, ...]]:
    """The broker's users on the wire and in our form, and the provider's domains."""
    documents = access.read_users()
    domains = access.provider_domains(documents, needed=domain_needed)
    return documents, users_from_scim(documents, domains), domains


def untouched(plan: Plan) -> list[Outcome]:
    """The outcomes of a plan that is not carried out."""
    return [Outcome(operation, operation.after) for operation in plan.operations]


def carry_out(
    plan: Plan,
    access: ScimAccess,
    documents: Documents,
    domains: tuple[str, ...],
    replan: Callable[[list[User]], Plan],
    pause: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Write what the plan says, then read back. One outcome an operation, in the order of the plan.

    Where writing needs another token than reading did, the plan is made again from what that token sees,
    and nothing is written if it differs.
    """
    if not plan.writes:
        return untouched(plan)
    client, changed_token = access.writing()
    if changed_token:
        documents = client.users()
        seen = replan(users_from_scim(documents, domains))
        if seen.signature != plan.signature:
            raise PlanRefusedError(
                [
                    f"The writing token shows other users on {client.host} than the reading one did, and the plan would "
                    "differ. Run it again; if it stays so, keep the minted token in token_file and read with it too."
                ]
            )
    standing = {str(document["id"]): document for document in documents}
    outcomes = {id(operation): Outcome(operation, operation.after) for operation in plan.operations}
    for operation in plan.writes:
        outcome = outcomes[id(operation)]
        try:
            client = _written(operation, client, access, standing, pause)
            outcome.written = True
        except TransportError as error:
            # It may have been done; the reading back tells.
            outcome.written, outcome.error = True, error.message
        except IdentityBrokerError as error:
            outcome.error = str(error)
    _read_back(list(outcomes.values()), client, domains)
    return list(outcomes.values())


def _written(
    operation: Operation,
    client: ScimClient,
    access: ScimAccess,
    standing: Mapping[str, Mapping[str, Any]],
    pause: Callable[[float], None],
) -> ScimClient:
    while True:
        try:
            _write(operation, client, standing, pause)
        except UnauthenticatedError as refusal:
            # A 401 means that nothing was done, so the same may be sent again; renewed() puts an end to it.
            client = access.renewed(refusal)
        else:
            return client


def _write(
    operation: Operation,
    client: ScimClient,
    standing: Mapping[str, Mapping[str, Any]],
    pause: Callable[[float], None],
) -> None:
    wanted, before, label = operation.wanted, operation.before, operation.wanted.label
    if operation.kind == "create":
        _create(operation, client)
    elif before is None or operation.kind not in ("delete", "recreate", "update", "rename"):
        raise ValueError(f"no way to carry out {operation.kind}")
    elif operation.kind == "delete":
        client.delete_user(before.id, label)
    elif operation.kind == "recreate":
        client.delete_user(before.id, label)
        _create_in_place(operation, client, pause)
    else:
        username = operation.after.username if operation.kind == "rename" and operation.after else None
        document = document_for_replacement(standing[before.id], differences(before, wanted), username)
        client.replace_user(before.id, document, label)


def _create(operation: Operation, client: ScimClient) -> None:
    wanted = operation.wanted
    try:
        client.create_user(document_for_creation(wanted), wanted.label)
    except AnswerError as error:
        if error.status != HTTP_BAD_REQUEST:
            raise
        forms = " or ".join(form for form in WIRE_FORMS if form != wanted.wire_form)
        name = "" if wanted.family_name else "Give family_name, which some versions refuse to be empty; or try "
        raise IdentityBrokerError(error.message, way_out=f"{name or 'Try '}wire_form: {forms}.") from None


def _create_in_place(operation: Operation, client: ScimClient, pause: Callable[[float], None]) -> None:
    for attempt in range(1, RECREATE_TRIES + 1):
        try:
            _create(operation, client)
            return
        except ConflictError as error:
            # A deleted user may hold its name for a moment.
            if attempt < RECREATE_TRIES:
                pause(attempt)
                continue
            raise _deleted_only(operation, error) from None
        except UnauthenticatedError:
            raise
        except IdentityBrokerError as error:
            raise _deleted_only(operation, error) from None


def _deleted_only(operation: Operation, error: IdentityBrokerError) -> IdentityBrokerError:
    return IdentityBrokerError(
        f"{operation.wanted.label} was deleted and could not be created anew: {error.message}",
        way_out="The user has no entry now. Run the same task again; it creates the entry.",
    )


def _read_back(outcomes: Sequence[Outcome], client: ScimClient, domains: tuple[str, ...]) -> None:
    written = [outcome for outcome in outcomes if outcome.written]
    if not written:
        return
    try:
        documents = client.users()
        users = users_from_scim(documents, domains)
    except IdentityBrokerError as error:
        for outcome in written:
            outcome.error = f"{outcome.operation.wanted.label} was written, but could not be read back: {error}"
        return
    by_id = {user.id: (user, document) for user, document in zip(users, documents, strict=True)}
    by_external_id = {user.external_id: user.id for user in users if user.external_id}
    by_identity = {folded(user.label): user.id for user in users}
    for outcome in written:
        operation = outcome.operation
        entry_id: str | None
        if operation.kind in ("create", "recreate"):
            entry_id = by_external_id.get(operation.wanted.external_id or "") or by_identity.get(
                folded(operation.wanted.label)
            )
        else:
            entry_id = operation.before.id if operation.before else None
        _verify(outcome, by_id.get(entry_id or ""))


def _verify(outcome: Outcome, found: tuple[User, Mapping[str, Any]] | None) -> None:
    operation = outcome.operation
    label, broken_off = operation.wanted.label, outcome.error
    if operation.kind == "delete":
        outcome.user = None
        outcome.error = (broken_off or f"{label} was deleted, and is still in the broker.") if found else None
        return
    if found is None or operation.after is None:
        outcome.user = None
        outcome.error = broken_off or f"{label} was written without an error, and is not in the broker."
        return
    outcome.user, document = found
    different, unverified = unkept(operation.after, outcome.user, _touched(operation))
    if operation.kind in ("create", "recreate") and returned_domain(document) is None and "domain" not in different:
        unverified = [*unverified, "domain"]
    outcome.unverified = tuple(dict.fromkeys(unverified))
    outcome.error = None
    if different:
        said = "; ".join(f"{name}: asked {asked!r}, kept {kept!r}" for name, (asked, kept) in different.items())
        outcome.error = broken_off or (
            f"{label} was written, but the broker keeps something else than it was asked to ({said}). Look at the entry "
            "before this person logs in."
        )


def _touched(operation: Operation) -> list[str]:
    if operation.kind in ("create", "recreate"):
        return ["username", "domain", "external_id", "active", *operation.wanted.named_attributes()]
    if operation.before is None:
        return []
    changed = list(differences(operation.before, operation.wanted))
    return ["username", "external_id", *changed] if operation.kind == "rename" else ["external_id", *changed]
