# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read, plan and, unless in check mode, act: the one way for one user and for many. PRIVATE to this collection."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from ._errors import NotFoundError, PlanRefusedError
from ._failed_users import incomplete
from ._group_plan import GroupPlan
from ._groups import Group, Principals, memberships_by_groups, memberships_by_users
from ._guards import NO_GUARDS, Guards, too_many_removals
from ._membership import Memberships
from ._mirror import FailedUsers, Mirror, expected_users
from ._permissions import Principal
from ._plan import Plan, plan, refuse_duplicates
from ._purge import Purge
from ._recreation import Recreation
from ._summary import failure
from ._texts import folded
from ._undo import Deleted, refuse_other_host
from ._user_permissions import permitted_people, principals
from ._users import DesiredUser, GroupReference, task_domains, users_from_scim
from ._write_user import groups_with_members, users_show_groups

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
    all_or_nothing: bool = False
    """Whether a problem of one user stops the whole run."""
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
    not_done: str | None = None
    """What was not done because the list is incomplete."""

    @property
    def changed(self) -> bool:
        """Whether the run changed the broker, or would in check mode."""
        users = any(o.written or (o.operation.changes and not o.error) for o in self.outcomes)
        return users or any(group.changed for group in self.groups) or self.permissions.changed

    @property
    def failed_users(self) -> list[tuple[str, str]]:
        """Return the name of each user that failed, and why."""
        return [(each.operation.wanted.label, each.error) for each in self.outcomes if each.error]

    @property
    def failed_groups(self) -> list[str]:
        """What failed with each of them."""
        return [group.error for group in self.groups if group.error]

    @property
    def problems(self) -> list[str]:
        """Return everything that failed, each text once."""
        errors = [*(error for _name, error in self.failed_users), *self.failed_groups, *self.permissions.errors]
        return list(dict.fromkeys(errors))

    def failure(self, *, minted: bool) -> str:
        """Return one message for everything that failed, or an empty text."""
        changed = self.changed or minted
        return failure(
            self.failed_users, len(self.outcomes), self.failed_groups, self.permissions.errors, changed=changed
        )

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
    _refuse_problems(as_written, wanted)
    refuse_duplicates(as_written)
    purge = wanted.purge(as_written, None)
    needed = purge is not None or any(not each.domain and not each.problem for each in as_written)
    documents, provider_domains = read_documents(work.access, domain_needed=needed)
    with_mirrored = wanted.users(provider_domains)
    _refuse_problems(with_mirrored, wanted)
    desired = wanted.mirror.without(with_mirrored)
    purge = wanted.purge(desired, provider_domains)
    work.domains = task_domains(desired, wanted.domain)
    users = users_from_scim(documents, work.domains)
    if any(each.groups for each in desired):
        work.groups = _groups(work)
    work.memberships = _memberships(work, documents, desired)
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
            all_or_nothing=wanted.all_or_nothing,
        )

    while True:
        first = planned(work.situation(users))
        permissions = plan_user_permissions(
            work.vcenter,
            wanted.permissions,
            first.operations,
            wanted.domain or (provider_domains[0] if len(provider_domains) == 1 else None),
            Principal.spelt("user", wanted.login),
        )
        if not permissions.refused:
            break
        # The refused users fail, and what they hold is no longer free for others.
        desired = [replace(each, problem=permissions.refused.get(each.position, each.problem)) for each in desired]
    expected = expected_users(first, users)
    mirror = functools.partial(wanted.mirror.groups, with_mirrored)
    failed = _failed_users(first, untouched(first))
    groups = plan_groups(work.access.client, expected, mirror(expected, failed))
    deleted = {op.before.id for op in first.operations if op.before and (op.purged or op.kind == "delete")}

    def refusals(planned_groups: Sequence[tuple[GroupPlan, Principals]]) -> list[str]:
        return too_many_removals(planned_groups, wanted.guards, deleted)

    if refused := refusals(groups):
        raise PlanRefusedError(refused)
    notes += [*first.notes, *permissions.notes]
    not_done = incomplete(first.unplaced, purge=purge is not None, mirror=bool(wanted.mirror.names))
    if check_mode:
        mirrored = [untouched_group(*each) for each in groups]
        permissions = untouched_permissions(permissions)
        return Provisioned(first, untouched(first), False, None, tuple(notes), mirrored, permissions, not_done)
    done = carry_out(first, documents, planned, work)
    before = work.journal.take_report(host)
    notes += [before] if before else []
    failed = _failed_users(first, done.outcomes)
    mirrored, interrupted = mirror_groups(
        work, groups, lambda there: mirror(there, failed), refusals, interrupted=done.interrupted
    )
    interrupted |= carry_out_user_permissions(
        permissions,
        {person for outcome in done.outcomes if outcome.error for person in _people(outcome)},
        "was not tried: the run was interrupted" if interrupted else None,
    )
    kept = str(done.restore_file) if done.restore_file else None
    if kept and done.groups_unknown:
        notes.append(
            f"The broker does not show all memberships, so {kept} may not have all groups of the deleted users."
        )
    return Provisioned(first, done.outcomes, interrupted, kept, tuple(notes), mirrored, permissions, not_done)


def _refuse_problems(desired: Sequence[DesiredUser], wanted: Wanted) -> None:
    """Raise PlanRefusedError for problems of users if one of them stops the run, or if every user has one."""
    problems = [each.problem for each in desired if each.problem]
    if problems and (wanted.all_or_nothing or len(problems) == len(desired)):
        raise PlanRefusedError(problems)


def _failed_users(plan: Plan, outcomes: Iterable[Outcome]) -> FailedUsers:
    """Return the users who fail, by the plan or by what came of it."""
    failed = [each.operation for each in outcomes if each.error and not each.operation.purged]
    entries = {operation.before.id for operation in failed if operation.before}
    positions = frozenset(operation.wanted.position for operation in failed)
    return FailedUsers(positions, plan.protected | entries, not plan.unplaced)


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


def _memberships(
    work: Work, documents: Sequence[Mapping[str, Any]], desired: Sequence[DesiredUser]
) -> Memberships | None:
    """Return who is in which group, where the plan depends on it and the listing of users does not show it."""
    depends = any(each.groups or each.recreate or each.move_from_domain for each in desired)
    if not depends or users_show_groups(documents):
        return None
    shown = work.access.client.users_with_groups(documents)
    if users_show_groups(shown):
        return memberships_by_users(users_from_scim(shown, ()))
    try:
        return memberships_by_groups(groups_with_members(work.access.client))
    except NotFoundError:
        # A server without groups has no memberships.
        return None


def _groups(work: Work) -> dict[str, GroupReference]:
    return {
        folded(document["displayName"]): GroupReference(document["id"], document["displayName"])
        for document in work.access.client.groups()
    }
