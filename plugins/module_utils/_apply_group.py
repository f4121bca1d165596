# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups: read, plan and, unless in check mode, act and read back. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    some_of,
)
from ._group_plan import GroupPlan, plan_group, put_back, with_members
from ._groups import (
    DesiredGroup,
    Group,
    Member,
    Principals,
    desired_group,
    group_from_scim,
    member_entries,
    member_id,
)
from ._scim import Rewritten, ScimClient
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
        unverified = ("members",) if not plan.changes and not _is_certain(plan) else ()
        return GroupOutcome(plan, principals, plan.after, plan.changes, unverified)
    client, changed_token = access.writing()
    if changed_token:
        seen, principals = _planned(client, users_from_scim(client.users(), domains), wanted)
        if seen.signature != plan.signature:
            raise plans_differ(client, "users or groups")
        plan = seen
    return carry_out_group(plan, principals, Sender(access, client))


def read_standing(
    client: ScimClient, users: Sequence[User], names: Iterable[str]
) -> tuple[Principals, dict[str, Group]]:
    """Read the groups of these names, by folded name, and who the users and groups are.

    Raises PlanRefusedError where the broker has several groups of a name.
    """
    principals = Principals(users, client.groups())
    principals.refuse_shared_ids()
    keys = {name: key for name in names if (key := principals.group_id(name)) is not None}
    documents = {folded(name): client.group(key, name) for name, key in keys.items()}
    if documents and not principals.users_show_groups:
        # A list of members may be missing or cut.
        principals = principals.seen_again(users_from_scim(client.users_with_groups(), ()))
    return principals, {name: group_from_scim(document, principals) for name, document in documents.items()}


def _planned(client: ScimClient, users: Sequence[User], wanted: DesiredGroup) -> tuple[GroupPlan, Principals]:
    principals, standing = read_standing(client, users, [wanted.display_name])
    return plan_group(principals, standing.get(folded(wanted.display_name)), wanted), principals


def _is_certain(plan: GroupPlan) -> bool:
    """Whether it is known that the group is as it was asked for."""
    before, wanted = plan.before, plan.wanted
    if before is None or not wanted.names_members:
        return True
    if wanted.members_state == "exact":
        return before.complete
    return before.members is not None or before.seen >= {member.id for member in plan.named}


def carry_out_group(plan: GroupPlan, principals: Principals, sender: Sender) -> GroupOutcome:
    """Write what the plan says, then read back.

    A PATCH that was accepted and had no effect is followed by a PUT of the whole list. Members whom the server removed
    unasked are put back.
    """
    broken: IdentityBrokerError | None = None
    written = without_version = False
    try:
        for step in _writes(plan, sender):
            written, without_version = True, without_version or step.without_version
    except IdentityBrokerError as error:
        broken = error
        written = written or may_have_been_done(error)
    if not written:
        told, passing = f"{broken} The group was not changed.", broken is not None and is_passing(broken)
        return GroupOutcome(plan, principals, plan.before, changed=False, error=told, passing=passing)
    try:
        kept = _read_back(plan, principals, sender)
        if kept and plan.lost(kept):
            return _with_the_lost(plan, principals, kept, sender)
        if kept and broken is None and plan.had_no_effect(kept):
            broken = _replaced(plan, kept, sender)
            kept = _read_back(plan, principals, sender)
    except IdentityBrokerError as error:
        told = f"{broken or f'The group {plan.wanted.display_name} was written.'} It could not be read back: {error}"
        return GroupOutcome(plan, principals, None, changed=True, error=told)
    outcome = _verified(plan, principals, kept, broken)
    outcome.unverified += ("etag",) if without_version else ()
    return outcome


def _writes(plan: GroupPlan, sender: Sender) -> Iterator[Rewritten]:
    """Yield after each request that was carried out."""
    name = plan.wanted.display_name
    if plan.operation == "delete" and plan.before:
        sender.send(ScimClient.delete_group, plan.before.id, name)
        yield Rewritten(sent=True)
        return
    if plan.before is None:
        _create(plan, sender)
        yield Rewritten(sent=True)
    patches = plan.patches()
    if not patches:
        return
    key = plan.before.id if plan.before else _id_of(name, sender)
    if key is None:
        raise IdentityBrokerError(f"The group {name} was created without an error, and is not in the broker.")
    for patch in patches:
        try:
            rewritten = sender.send(ScimClient.patch_group, key, patch, name)
        except AnswerError as error:
            if error.status not in (*NO_PATCH, *MAYBE_NO_PATCH):
                raise
            yield _replace(plan, key, error.message, sender)
            return
        yield rewritten


def _create(plan: GroupPlan, sender: Sender) -> None:
    name = plan.wanted.display_name
    try:
        sender.send(ScimClient.create_group, plan.document_for_creation(), name)
    except ConflictError as error:
        raise IdentityBrokerError(
            error.message,
            way_out="A group of this name exists that this token does not show, or the broker forbids the name.",
        ) from None


def _replaced(plan: GroupPlan, kept: Group, sender: Sender) -> IdentityBrokerError | None:
    """Write the whole list after a PATCH without effect. Returns why that failed, if it did."""
    try:
        _replace(plan, kept.id, f"PATCH of the group {kept.display_name} was accepted and had no effect.", sender)
    except IdentityBrokerError as error:
        return error
    return None


def _replace(plan: GroupPlan, key: str, reason: str, sender: Sender) -> Rewritten:
    """Write the whole list of members with PUT, made from a read just before it, if that list is known to be complete.

    `reason` is why PATCH does not do. Raises NotFoundError where the group itself is gone.
    """

    def document(standing: dict[str, Any]) -> dict[str, Any]:
        principals = Principals((), ()).seen_again(users_from_scim(sender.send(ScimClient.users_with_groups), ()))
        # Only this run knows that a group which it has created is empty.
        known = principals.known_members(standing, emptied=plan.before is None)
        if known is None or not known.complete:
            raise IdentityBrokerError(
                reason,
                way_out="The server does not show all members of the group, so a PUT of the list could remove some. Change the "
                "members with the identity provider, or with a client that knows all of them.",
            )
        return plan.document_for_replacement(standing)

    return sender.send(ScimClient.update_group, key, plan.wanted.display_name, document)


def _with_the_lost(plan: GroupPlan, principals: Principals, kept: Group, sender: Sender) -> GroupOutcome:
    """Report members whom nobody asked to remove, and put them back where the server removed everybody.

    If only some are gone, somebody else may have removed them meanwhile.
    """
    name, lost = plan.wanted.display_name, plan.lost(kept)
    names = some_of(principals.names(member.id for member in lost))
    if len(lost) < len(plan.others):
        error = (
            f"These members of {name} are gone, and this task did not remove them: {names}. Somebody else may have removed "
            "them; if not, add them again."
        )
        return GroupOutcome(plan, principals, kept, changed=True, error=error)
    told = f"The server removed all other members of {name} as well: {names}"
    try:
        _put_back(lost, kept, sender)
        again = _read_back(plan, principals, sender) or kept
    except IdentityBrokerError as problem:
        error = f"{told}. They could not be put back; add them by hand. {problem}"
        return GroupOutcome(plan, principals, kept, changed=True, error=error)
    missing = plan.lost(again)
    back = f"{len(lost) - len(missing)} of {len(lost)} were put back"
    still = f", and these are missing: {some_of(principals.names(m.id for m in missing))}" if missing else ""
    error = f"{told}. {back}{still}.{'' if plan.before and plan.before.complete else _MAYBE_MORE} {_OTHER_TOOLS}"
    return GroupOutcome(plan, principals, again, changed=not plan.is_untouched(again), error=error)


_MAYBE_MORE = " The server may have had more members than it showed; compare the group with the identity provider."
_OTHER_TOOLS = "Do not remove members of groups on this server with this collection; use the tools of the server."


def _put_back(lost: Sequence[Member], kept: Group, sender: Sender) -> None:
    try:
        for patch in put_back(lost):
            sender.send(ScimClient.patch_group, kept.id, patch, kept.display_name)
    except AnswerError as error:
        if error.status not in (*NO_PATCH, *MAYBE_NO_PATCH):
            raise
        sender.send(ScimClient.update_group, kept.id, kept.display_name, lambda standing: with_members(standing, lost))


def _id_of(name: str, sender: Sender) -> str | None:
    return Principals([], sender.send(ScimClient.groups)).group_id(name)


def _read_back(plan: GroupPlan, principals: Principals, sender: Sender) -> Group | None:
    name = plan.wanted.display_name
    key = plan.before.id if plan.before else _id_of(name, sender)
    if key is None:
        return None
    try:
        document = sender.send(ScimClient.group, key, name)
        shown = member_entries(document)
        as_planned = shown is not None and plan.after and {member_id(each) for each in shown} == set(plan.after.ids())
        # The users as they were before the write say nothing about it.
        principals = principals.seen_again(
            [] if as_planned else users_from_scim(sender.send(ScimClient.users_with_groups), ())
        )
        return group_from_scim(document, principals, emptied=plan.empties)
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
    elif not plan.can_be_judged_by(kept):
        unverified = ("members",) if plan.joining or plan.leaving else ()
    else:
        problems = plan.unkept(kept, principals)
    outcome = GroupOutcome(plan, principals, kept, True, unverified)
    if broken is None:
        if problems:
            outcome.changed = not plan.is_untouched(kept)
            outcome.error = f"The group {name} was written without an error, and yet: {'; '.join(problems)}."
        return outcome
    if may_have_been_done(broken) and not problems and not unverified:
        # The answer was lost, and yet it was done.
        return outcome
    outcome.changed = bool(unverified) or not plan.is_untouched(kept)
    outcome.passing = is_passing(broken)
    outcome.error = f"{broken} {plan.progress(kept) if outcome.changed else 'The group was not changed.'}"
    return outcome
