# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups: read, plan and, unless in check mode, act and read back. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._access import ScimAccess, Sender, plans_differ, read_documents, read_users
from ._errors import (
    AnswerError,
    ConflictError,
    IdentityBrokerError,
    NotFoundError,
    is_passing,
    may_have_been_done,
)
from ._group_plan import GroupPlan, plan_group
from ._groups import DesiredGroup, Group, Principals, desired_group, group_from_scim, member_entries
from ._scim import ScimClient
from ._texts import folded, same_name
from ._users import User, users_from_scim

NO_PATCH = (405, 501)
MAYBE_NO_PATCH = (400, 404)
"""The request may be at fault as well as the method; a 403 is a right that is missing."""


@dataclass
class GroupOutcome:
    """What became of the plan. C(group) is what was read back, or predicted where nothing was sent."""

    plan: GroupPlan
    principals: Principals
    group: Group | None
    changed: bool
    unverified: tuple[str, ...] = ()
    error: str | None = None
    passing: bool = False
    """Whether it may go well a little later."""


def read_groups(access: ScimAccess, name: str | None) -> tuple[list[Group], Principals]:
    """The broker's groups, all or those of a name, with their members; and who they are."""
    users, _domains = read_users(access)
    client = access.client
    listed = client.groups()
    principals = Principals(users, listed)
    asked = [document for document in listed if name is None or same_name(document["displayName"], name)]
    # A list may leave the members out; then each group is asked.
    documents = [
        document if document.get("members") else client.group(document["id"], document["displayName"])
        for document in sorted(asked, key=lambda document: (folded(document["displayName"]), document["id"]))
    ]
    return [group_from_scim(document, principals) for document in documents], principals


def ensure_group(access: ScimAccess, options: Mapping[str, Any], *, check_mode: bool) -> GroupOutcome:
    """Bring the group to what the task's options say."""
    # Before anything is sent: a misspelt option must not cost a minting.
    as_written = desired_group(options, None)
    documents, domains = read_documents(access, domain_needed=as_written.domain_needed)
    wanted = desired_group(options, domains)
    domains = wanted.domains
    users = users_from_scim(documents, domains)
    plan, principals = _planned(access.client, users, wanted)
    if check_mode or not plan.changes:
        untold = plan.before is not None and plan.before.members is None and wanted.names_members
        unverified = ("members",) if untold and not plan.changes else ()
        return GroupOutcome(plan, principals, plan.after, plan.changes, unverified)
    client, changed_token = access.writing()
    if changed_token:
        seen, principals = _planned(client, users_from_scim(client.users(), domains), wanted)
        if seen.signature != plan.signature:
            raise plans_differ(client, "users or groups")
        plan = seen
    return carry_out_group(plan, principals, Sender(access, client))


def _planned(client: ScimClient, users: list[User], wanted: DesiredGroup) -> tuple[GroupPlan, Principals]:
    principals = Principals(users, client.groups())
    key = principals.group_id(wanted.display_name)
    standing = None if key is None else group_from_scim(client.group(key, wanted.display_name), principals)
    return plan_group(principals, standing, wanted), principals


def carry_out_group(plan: GroupPlan, principals: Principals, sender: Sender) -> GroupOutcome:
    """Write what the plan says, then read back."""
    broken: IdentityBrokerError | None = None
    written = False
    try:
        for _step in _writes(plan, sender):
            written = True
    except IdentityBrokerError as error:
        broken = error
        written = written or may_have_been_done(error)
    if not written:
        told, passing = f"{broken} Nothing was changed.", broken is not None and is_passing(broken)
        return GroupOutcome(plan, principals, plan.before, changed=False, error=told, passing=passing)
    try:
        kept = _read_back(plan, principals, sender)
    except IdentityBrokerError as error:
        told = f"{broken or f'The group {plan.wanted.display_name} was written.'} It could not be read back: {error}"
        return GroupOutcome(plan, principals, None, changed=True, error=told)
    return _verified(plan, principals, kept, broken)


def _writes(plan: GroupPlan, sender: Sender) -> Iterator[None]:
    """One step after each request that was carried out."""
    name = plan.wanted.display_name
    if plan.operation == "delete" and plan.before:
        sender.send(ScimClient.delete_group, plan.before.id, name)
        yield
        return
    if plan.before is None:
        _create(plan, sender)
        yield
    patches = plan.patches()
    if not patches:
        return
    key = plan.before.id if plan.before else _id_of(name, sender)
    if key is None:
        raise IdentityBrokerError(f"The group {name} was created without an error, and is not in the broker.")
    for patch in patches:
        try:
            sender.send(ScimClient.patch_group, key, patch, name)
        except AnswerError as error:
            _replace(plan, key, error, sender)
            yield
            return
        yield


def _create(plan: GroupPlan, sender: Sender) -> None:
    name = plan.wanted.display_name
    try:
        sender.send(ScimClient.create_group, plan.document_for_creation(), name)
    except ConflictError as error:
        raise IdentityBrokerError(
            error.message,
            way_out="A group of this name exists that this token does not show, or the broker forbids the name.",
        ) from None


def _replace(plan: GroupPlan, key: str, refusal: AnswerError, sender: Sender) -> None:
    """Write the whole list where the broker knows no PATCH: as it stands now, so that nothing of it is lost."""
    name = plan.wanted.display_name
    if refusal.status not in (*NO_PATCH, *MAYBE_NO_PATCH):
        raise refusal

    def document(standing: dict[str, Any]) -> dict[str, Any]:
        if member_entries(standing) is None and not plan.tells_all_members:
            raise IdentityBrokerError(
                refusal.message,
                way_out="The broker does not return the group's members, so writing the whole list could lose some. Name all "
                "of them in members and member_groups, with members_state: exact.",
            )
        return plan.document_for_replacement(standing)

    # Raises NotFoundError where the 404 was for the group itself.
    sender.send(ScimClient.update_group, key, name, document)


def _id_of(name: str, sender: Sender) -> str | None:
    return Principals([], sender.send(ScimClient.groups)).group_id(name)


def _read_back(plan: GroupPlan, principals: Principals, sender: Sender) -> Group | None:
    name = plan.wanted.display_name
    key = plan.before.id if plan.before else _id_of(name, sender)
    if key is None:
        return None
    try:
        return group_from_scim(sender.send(ScimClient.group, key, name), principals)
    except NotFoundError:
        return None


def _verified(
    plan: GroupPlan, principals: Principals, kept: Group | None, broken: IdentityBrokerError | None
) -> GroupOutcome:
    """Compare what was asked for with what was read back; where a request broke, tell what had been done."""
    name = plan.wanted.display_name
    problems: list[str] = []
    unverified: tuple[str, ...] = ()
    if plan.operation == "delete":
        problems = [f"{name} is still in the broker"] if kept else []
    elif kept is None:
        problems = [f"{name} is not in the broker"]
    elif kept.members is None:
        unverified = ("members",) if plan.joining or plan.leaving else ()
    else:
        problems = plan.unkept(kept, principals)
    outcome = GroupOutcome(plan, principals, kept, True, unverified)
    if broken is None:
        if problems:
            outcome.error = f"The group {name} was written without an error, and yet: {'; '.join(problems)}."
        return outcome
    if may_have_been_done(broken) and not problems and not unverified:
        # The answer was lost, and yet it was done.
        return outcome
    outcome.changed = bool(unverified) or not plan.is_untouched(kept)
    outcome.passing = is_passing(broken)
    outcome.error = f"{broken} {plan.progress(kept) if outcome.changed else 'Nothing was changed.'}"
    return outcome
