# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mirrored groups: planned before any user is written, carried out after the last. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ._access import Sender, plans_differ
from ._apply import ROUNDS, Work
from ._apply_group import GroupOutcome, carry_out_group, read_standing
from ._errors import IdentityBrokerError, as_part_of_a_run
from ._group_plan import GroupPlan, plan_group
from ._groups import DesiredGroup, Principals
from ._scim import ScimClient
from ._texts import folded
from ._users import User, users_from_scim


def plan_groups(
    client: ScimClient, users: Sequence[User], wanted: Sequence[DesiredGroup]
) -> list[tuple[GroupPlan, Principals]]:
    """What becomes of each group. Raises PlanRefusedError."""
    if not wanted:
        return []
    principals, standing = read_standing(client, users, [each.display_name for each in wanted])
    return [(plan_group(principals, standing.get(folded(each.display_name)), each), principals) for each in wanted]


def mirror_groups(
    work: Work,
    planned: Sequence[tuple[GroupPlan, Principals]],
    wanted: Callable[[Sequence[User]], Sequence[DesiredGroup]],
    refusals: Callable[[Sequence[tuple[GroupPlan, Principals]]], Sequence[str]],
    *,
    interrupted: bool,
) -> tuple[list[GroupOutcome], bool]:
    """Carry out what is still to be done, now that the users stand; and whether somebody broke the run off.

    `wanted` returns the groups, given the users who are there, and `refusals` why a plan may not be carried out.
    """
    outcomes: list[GroupOutcome] = []
    reason = "was not tried: the run was interrupted"
    if not any(plan.changes for plan, _who in planned):
        return [untouched_group(*each) for each in planned], interrupted
    try:
        if not interrupted:
            _carry_out(work, planned, wanted, refusals, outcomes)
    except IdentityBrokerError as error:
        reason = f"was not written: {as_part_of_a_run(error)}"
    except KeyboardInterrupt:
        work.http.hurry.set()
        interrupted = True
    return outcomes + [_failed(*each, reason) for each in planned[len(outcomes) :]], interrupted


def untouched_group(plan: GroupPlan, principals: Principals) -> GroupOutcome:
    """The outcome of a plan that is not carried out."""
    return GroupOutcome(plan, principals, plan.after, plan.changes)


def _carry_out(
    work: Work,
    planned: Sequence[tuple[GroupPlan, Principals]],
    wanted: Callable[[Sequence[User]], Sequence[DesiredGroup]],
    refusals: Callable[[Sequence[tuple[GroupPlan, Principals]]], Sequence[str]],
    outcomes: list[GroupOutcome],
) -> None:
    client, changed_token = work.access.writing()
    sender = Sender(work.access, client)
    users = users_from_scim(sender.send(ScimClient.users), work.domains)
    again = sender.send(plan_groups, users, wanted(users))
    if changed_token and [plan.signature for plan, _who in again] != [plan.signature for plan, _who in planned]:
        raise plans_differ(client, "users or groups")
    refused = refusals(again)
    if refused:
        raise IdentityBrokerError("\n".join(refused))
    for now, first in zip(again, planned, strict=True):
        try:
            outcome = _settled(work, sender, users, now)
        except KeyboardInterrupt:
            reason = "was under way when the run was interrupted, and what came of it is not known"
            outcomes.append(_failed(*first, reason, changed=True))
            raise
        # Deleting a user may have done already what the first plan said.
        outcome.changed = outcome.changed or (first[0].changes and not outcome.error)
        outcome.plan, outcome.principals = first
        outcomes.append(outcome)


def _settled(work: Work, sender: Sender, users: Sequence[User], planned: tuple[GroupPlan, Principals]) -> GroupOutcome:
    """Write, and where that may go well a little later, look at the group and write again."""
    outcome = _written(sender, *planned)
    for number in range(1, ROUNDS):
        if not outcome.passing:
            break
        work.http.pause(0.5 * number)
        try:
            (again,) = sender.send(plan_groups, users, [outcome.plan.wanted])
        except IdentityBrokerError:
            break
        before, outcome = outcome, _written(sender, *again)
        outcome.changed = outcome.changed or before.changed
    return outcome


def _written(sender: Sender, plan: GroupPlan, principals: Principals) -> GroupOutcome:
    return carry_out_group(plan, principals, sender) if plan.changes else untouched_group(plan, principals)


def _failed(plan: GroupPlan, principals: Principals, reason: str, *, changed: bool = False) -> GroupOutcome:
    if not plan.changes:
        return untouched_group(plan, principals)
    error = f"The group {plan.wanted.display_name} {reason}"
    return GroupOutcome(plan, principals, plan.before, changed=changed, error=error)
