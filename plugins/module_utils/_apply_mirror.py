# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mirrored groups: planned before any user is written, carried out after the last. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Sequence

from ._access import ScimAccess, Sender, plans_differ
from ._apply_group import GroupOutcome, carry_out_group
from ._errors import IdentityBrokerError, PlanRefusedError
from ._group_plan import GroupPlan, plan_group
from ._groups import DesiredGroup, Principals, group_from_scim
from ._scim import ScimClient
from ._users import User, users_from_scim


def plan_groups(
    client: ScimClient, users: Sequence[User], wanted: Sequence[DesiredGroup]
) -> list[tuple[GroupPlan, Principals]]:
    """What becomes of each group. Raises PlanRefusedError."""
    if not wanted:
        return []
    principals = Principals(users, client.groups())
    planned = []
    problems: list[str] = []
    for each in wanted:
        key = principals.group_id(each.display_name)
        standing = None if key is None else group_from_scim(client.group(key, each.display_name), principals)
        if standing and standing.ids("user") and not each.members:
            problems.append(
                f"mirror_groups: nobody is said to be in {each.display_name}, and {len(standing.ids('user'))} users would leave "
                "it. Is the list read? Empty the group with scim_group if that is meant."
            )
        planned.append((plan_group(principals, standing, each), principals))
    if problems:
        raise PlanRefusedError(problems)
    return planned


def untouched_groups(planned: Sequence[tuple[GroupPlan, Principals]]) -> list[GroupOutcome]:
    """The outcomes of plans that are not carried out."""
    return [GroupOutcome(plan, principals, plan.after, plan.changes) for plan, principals in planned]


def mirror_groups(
    access: ScimAccess,
    domains: tuple[str, ...],
    planned: Sequence[tuple[GroupPlan, Principals]],
    wanted: Sequence[DesiredGroup],
) -> list[GroupOutcome]:
    """Carry out what is still to be done, now that the users stand. Raises PlanRefusedError as C(plan_groups) does."""
    client, changed_token = access.writing()
    again = plan_groups(client, users_from_scim(client.users(), domains), wanted)
    if changed_token and [plan.signature for plan, _who in again] != [plan.signature for plan, _who in planned]:
        raise plans_differ(client, "users or groups")
    sender = Sender(access, client)
    outcomes = []
    for (plan, principals), (first, first_principals) in zip(again, planned, strict=True):
        outcome = (
            carry_out_group(plan, principals, sender) if plan.changes else untouched_groups([(plan, principals)])[0]
        )
        # Deleting a user may have done already what the first plan said.
        outcome.changed = outcome.changed or (first.changes and not outcome.error)
        outcome.plan, outcome.principals = first, first_principals
        outcomes.append(outcome)
    return outcomes


def failed_groups(planned: Sequence[tuple[GroupPlan, Principals]], error: IdentityBrokerError) -> list[GroupOutcome]:
    """The outcomes where it could not even be planned anew."""
    return [
        GroupOutcome(
            plan,
            principals,
            plan.before,
            changed=False,
            error=f"The group {plan.wanted.display_name} was not written: {error}",
        )
        for plan, principals in planned
        if plan.changes
    ]
