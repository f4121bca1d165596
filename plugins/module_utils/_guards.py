# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refuse a run that would change more than was allowed, before its first write. PRIVATE to this collection."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ._directory import Operation
from ._errors import InputError, some_of
from ._group_plan import GroupPlan
from ._groups import Principals
from ._texts import folded
from ._users import User, task_domains

MAX_RECREATES, MAX_REMOVALS = 1, 5
"""How many recreations, and removals from mirrored groups by a provider's list, need no limit."""

_LIMIT = re.compile(r"(\d{1,9})(%?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many may be changed: a number, or a percentage of all."""

    number: int
    percent: bool = False

    def allows(self, total: int) -> int:
        """Return how many of so many may be changed, rounded down."""
        return total * self.number // 100 if self.percent else self.number

    def text(self, total: int) -> str:
        """Return the limit for a message."""
        return f"{self.number}%, which is {self.allows(total)}" if self.percent else str(self.number)


@dataclass(frozen=True, slots=True)
class Guards:
    """How much a run may change. None means that the option was not given."""

    deletes: Limit | None = None
    recreates: Limit | None = None
    removals: Limit | None = None
    from_provider: bool = False
    """Whether people are read from an identity provider, so that many removals from mirrored groups need a limit."""


NO_GUARDS = Guards()


def limit_option(field: str, text: str | None) -> Limit | None:
    """Read an option that holds a number or a percentage. Raises InputError."""
    if text is None:
        return None
    limit = _LIMIT.fullmatch(text.strip())
    if limit is None or (limit[2] and int(limit[1]) > 100):
        raise InputError(field, f"{text!r} is no limit", "Give a number such as 5, or a percentage such as 10%.")
    return Limit(int(limit[1]), bool(limit[2]))


def exceeded(
    operations: Sequence[Operation], users: Sequence[User], guards: Guards, purge_domain: str | None
) -> list[str]:
    """Return why the operations are more than the guards allow, or an empty list."""
    domains = (purge_domain,) if purge_domain else task_domains(op.wanted for op in operations)
    known = {folded(domain) for domain in domains}
    standing = [user for user in users if user.domain and folded(user.domain) in known]
    of_users = f"of the {len(standing)} users of {', '.join(domains)}"
    problems = []
    removed = [op for op in operations if op.purged or _deactivates(op)]
    if guards.deletes is not None and len(removed) > guards.deletes.allows(len(standing)):
        problems.append(
            f"{_removing(removed)} {len(removed)} {of_users}, and max_deletes allows {guards.deletes.text(len(standing))}: "
            f"{_names(removed)}. Check the list and name everybody who is to stay, or raise max_deletes."
        )
    # What the journal resumes has no entry any more.
    ids = {user.id for user in users}
    recreated = [op for op in operations if op.kind == "recreate" and op.before and op.before.id in ids]
    recreates = guards.recreates or Limit(MAX_RECREATES)
    if len(recreated) > recreates.allows(len(standing)):
        allowed = (
            f"max_recreates allows {recreates.text(len(standing))}"
            if guards.recreates
            else f"more than {MAX_RECREATES} needs max_recreates"
        )
        problems.append(
            f"The task would recreate {len(recreated)} {of_users}, and {allowed}: {_names(recreated)}. If the identity "
            "provider really gave these users other ids, set max_recreates; otherwise check where the list comes from."
        )
    return problems


def too_many_removals(
    planned: Sequence[tuple[GroupPlan, Principals]], guards: Guards, deleted: Collection[str]
) -> list[str]:
    """Return why mirrored groups would lose more members than allowed, or an empty list.

    `deleted` are the ids of users whom this run deletes or purges; those are counted elsewhere.
    """
    leaving, total, problems = [], 0, []
    for plan, principals in planned:
        before = plan.before.ids("user") if plan.before else []
        total += len(before)
        removed = [member.id for member in plan.leaving if member.kind == "user" and member.id not in deleted]
        leaving += principals.names(removed)
        if removed and guards.removals is None and not (plan.after and plan.after.ids("user")):
            problems.append(
                f"mirror_groups: nobody in the list is in {plan.wanted.display_name}, so its last members would be removed: "
                f"{some_of(principals.names(removed))}. Check the list; or set max_removals, if the group is to be empty."
            )
    limit = guards.removals or (Limit(MAX_REMOVALS) if guards.from_provider else None)
    if not problems and limit is not None and len(leaving) > limit.allows(total):
        allowed = (
            f"max_removals allows {limit.text(total)}"
            if guards.removals
            else f"more than {MAX_REMOVALS} need max_removals"
        )
        names = ", ".join(plan.wanted.display_name for plan, _principals in planned if plan.leaving)
        problems.append(
            f"mirror_groups: {len(leaving)} of the {total} members of {names} would be removed, and {allowed}: "
            f"{some_of(leaving)}. Check the groups at the identity provider, or set max_removals."
        )
    return problems


def _deactivates(operation: Operation) -> bool:
    before, after = operation.before, operation.after
    return bool(operation.changes and before and before.active is not False and after and after.active is False)


def _removing(removed: Sequence[Operation]) -> str:
    if not all(op.purged for op in removed):
        return "The task would delete or deactivate"
    return "purge would delete" if removed[0].kind == "delete" else "purge would deactivate"


def _names(operations: Sequence[Operation]) -> str:
    return some_of([op.before.label for op in operations if op.before])
