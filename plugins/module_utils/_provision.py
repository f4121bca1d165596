# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read, plan and, unless in check mode, act: the one way for one user and for many. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ._access import read_documents
from ._apply import Outcome, Work, carry_out, untouched
from ._apply_group import GroupOutcome
from ._apply_mirror import mirror_groups, plan_groups, untouched_group
from ._apply_user_permissions import (
    PermissionOptions,
    UserPermissions,
    carry_out_user_permissions,
    plan_user_permissions,
    untouched_permissions,
)
from ._candidates import AttemptList
from ._directory import Situation
from ._errors import PlanRefusedError
from ._group_plan import GroupPlan
from ._groups import Group, Principals
from ._guards import NO_GUARDS, Guards, too_many_removals
from ._mirror import Mirror, expected_users
from ._permissions import Principal
from ._plan import Plan, plan, refuse_duplicates
from ._purge import Purge
from ._recreation import Recreation
from ._texts import folded
from ._undo import Deleted, refuse_other_host
from ._user_permissions import permitted_people, principals
from ._users import DesiredUser, GroupReference, task_domains, users_from_scim

Domains: TypeAlias = "Sequence[str] | None"


@dataclass(frozen=True)
class Wanted:
    """What a task asks for, and how.

    C(users) and C(purge) read the task's options, given the provider's domains, or None while they are not known.
    """

    users: Callable[[Domains], list[DesiredUser]]
    purge: Callable[[Sequence[DesiredUser], Domains], Purge | None] = lambda _users, _domains: None
    login_attempts: AttemptList | None = None
    login_attempts_of: Sequence[str] | None = None
    report_missing: bool = False
    owners: Mapping[str, str] | None = None
    """The identity provider's user names by ExternalId, where it was read."""
    cross_check: AttemptList | None = None
    mirror: Mirror = field(default_factory=Mirror)
    permissions: PermissionOptions = field(default_factory=PermissionOptions)
    domain: str | None = None
    guards: Guards = NO_GUARDS
    restored: Deleted | None = None
    """Users that a run deleted, and that are among `users`."""
    login: str = ""
    """The account that the task logs in to vCenter with."""


@dataclass(frozen=True)
class Provisioned:
    """A plan and what came of it."""

    plan: Plan
    outcomes: Sequence[Outcome]
    interrupted: bool = False
    restore_file: str | None = None
    """The file from which the users that the run deleted can be restored."""
    notes: tuple[str, ...] = ()
    groups: Sequence[GroupOutcome] = ()
    permissions: UserPermissions = field(default_factory=UserPermissions)

    @property
    def changed(self) -> bool:
        """Whether the run changed the broker, or would in check mode."""
        users = any(o.written or (o.operation.changes and not o.error) for o in self.outcomes)
        return users or any(group.changed for group in self.groups) or self.permissions.changed

    @property
    def failed_users(self) -> list[str]:
        """What failed with each of them."""
        return [outcome.error for outcome in self.outcomes if outcome.error]

    @property
    def failed_groups(self) -> list[str]:
        """What failed with each of them."""
        return [group.error for group in self.groups if group.error]

    @property
    def powerless(self) -> list[str]:
        """Who can log in and do nothing, by what was read and is done; nobody where permissions were not read."""
        found = self.permissions.found
        if found is None:
            return []
        given = [each.permission for each in self.permissions.outcomes if each.permission]
        changed = {each.plan.wanted.principal.key for each in self.permissions.outcomes}
        permitted = permitted_people([each for each in found.permissions if each.principal.key not in changed] + given)
        mirrored = [each.group for each in self.groups if each.group]
        there = [
            replace(
                outcome.user,
                # An entry that shows no domain is the task's by name and ExternalId, so it has the task's permissions.
                domain=outcome.user.domain or outcome.operation.wanted.domain,
                groups=(*outcome.user.groups, *_joined(outcome, mirrored)),
            )
            for outcome in self.outcomes
            if outcome.user and outcome.user.active is not False and outcome.operation.kind != "delete"
        ]
        return [user.label for user in there if permitted.isdisjoint(principals(user))]

    def diff(self) -> dict[str, Any]:
        """Before and after in Ansible's form: users, mirrored groups and permissions."""
        diff = self.plan.diff()
        for side, told in self.permissions.diff().items():
            diff[side] |= told
        for group in self.groups:
            of_group = group.plan.diff(group.principals)
            for side in ("before", "after"):
                diff[side] |= {f"group {name}": shown for name, shown in of_group[side].items()}
        return diff


def provision(work: Work, wanted: Wanted, *, check_mode: bool) -> Provisioned:
    """Bring the broker's users to what is wanted."""
    # Before anything is sent: a misspelt option must not cost a minting.
    as_written = wanted.users(None)
    refuse_duplicates(as_written)
    purge = wanted.purge(as_written, None)
    needed = purge is not None or any(not each.domain for each in as_written)
    documents, provider_domains = read_documents(work.access, domain_needed=needed)
    with_mirrored = wanted.users(provider_domains)
    desired = wanted.mirror.without(with_mirrored)
    purge = wanted.purge(desired, provider_domains)
    work.domains = task_domains(desired, wanted.domain)
    users = users_from_scim(documents, work.domains)
    if any(each.groups for each in desired):
        work.groups = _groups(work)
    host = work.access.client.host
    refuse_other_host(wanted.restored, host)
    work.recreations = work.journal.recreations(host)
    standing = {user.id for user in users}
    notes = [
        _left_over(each, work.domains)
        for each in work.recreations
        if each.id not in standing and not _is_named(each, desired, work.domains)
    ]

    def planned(situation: Situation) -> Plan:
        return plan(
            situation,
            desired,
            login_attempts=wanted.login_attempts,
            login_attempts_of=wanted.login_attempts_of,
            report_missing=wanted.report_missing,
            purge=purge,
            guards=wanted.guards,
            owners=wanted.owners,
            cross_check=wanted.cross_check,
        )

    first = planned(work.situation(users))
    expected = expected_users(first, users)
    groups = plan_groups(work.access.client, expected, wanted.mirror.groups(with_mirrored, expected))
    deleted = {op.before.id for op in first.operations if op.before and (op.purged or op.kind == "delete")}

    def refusals(planned_groups: Sequence[tuple[GroupPlan, Principals]]) -> list[str]:
        return too_many_removals(planned_groups, wanted.guards, deleted)

    if refused := refusals(groups):
        raise PlanRefusedError(refused)
    permissions = plan_user_permissions(
        work.vcenter,
        wanted.permissions,
        first.operations,
        [op.wanted for op in first.operations if op.wanted.state == "present" and op.kind != "wait" and not op.purged],
        wanted.domain or (provider_domains[0] if len(provider_domains) == 1 else None),
        Principal.spelt("user", wanted.login),
    )
    notes += [*first.notes, *permissions.notes]
    if check_mode:
        mirrored = [untouched_group(*each) for each in groups]
        permissions = untouched_permissions(permissions)
        return Provisioned(first, untouched(first), notes=tuple(notes), groups=mirrored, permissions=permissions)
    done = carry_out(first, documents, planned, work)
    before = work.journal.take_report(host)
    notes += [before] if before else []
    mirrored, interrupted = mirror_groups(
        work, groups, lambda there: wanted.mirror.groups(with_mirrored, there), refusals, interrupted=done.interrupted
    )
    interrupted |= carry_out_user_permissions(
        permissions,
        {person for outcome in done.outcomes if outcome.error for person in _people(outcome)},
        "was not tried: the run was interrupted" if interrupted else None,
    )
    kept = str(done.restore_file) if done.restore_file else None
    return Provisioned(first, done.outcomes, interrupted, kept, tuple(notes), mirrored, permissions)


def _joined(outcome: Outcome, mirrored: Sequence[Group]) -> list[str]:
    """The groups that the user has become a member of in this run, which the entry as it was read need not name."""
    key = outcome.user.id if outcome.user else ""
    return [
        *(group.name for group in outcome.operation.join),
        *(group.display_name for group in mirrored if key in group.ids("user")),
    ]


def _people(outcome: Outcome) -> set[tuple[str, str, str]]:
    return {Principal("user", outcome.operation.wanted.username, outcome.operation.wanted.domain).person}


def _is_named(recreation: Recreation, desired: Sequence[DesiredUser], domains: tuple[str, ...]) -> bool:
    label = folded(recreation.label(domains))
    return any(folded(each.label) == label for each in desired)


def _left_over(recreation: Recreation, domains: tuple[str, ...]) -> str:
    return (
        f"{recreation.label(domains)} was to be created anew at {recreation.began}, which was broken off, and this task "
        "does not name that user. The journal keeps the entry; run the task that names the user."
    )


def _groups(work: Work) -> dict[str, GroupReference]:
    return {
        folded(document["displayName"]): GroupReference(document["id"], document["displayName"])
        for document in work.access.client.groups()
    }
