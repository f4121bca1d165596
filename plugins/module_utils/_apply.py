# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries a plan out, and reads back what came of it. PRIVATE to this collection.

What is written goes out once. Where no answer tells what came of it, the users are read again, and only what is still
to be done is sent anew, in a bounded number of rounds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ._access import ScimAccess, Sender, plans_differ
from ._apply_membership import join_group
from ._directory import CHANGING, GIVING_A_NAME, Operation, Situation
from ._errors import (
    AccessEndedError,
    IdentityBrokerError,
    PlanRefusedError,
    is_passing,
    may_have_been_done,
)
from ._http import HttpClient
from ._journal import Journal
from ._membership import Memberships
from ._plan import Plan, plan_again
from ._recreation import Recreation
from ._renames import Step, name_of, name_that_is_taken, rename_batches
from ._scim import ScimClient
from ._settling import may_pass, unforeseen
from ._texts import folded
from ._users import GroupReference, User
from ._vcenter import VcenterClient
from ._verification import Listing, touched, verdict
from ._write_user import UserWriter

ROUNDS = 4
FAILURES_IN_A_ROW = 8
"""For each thread: then nothing gets through any more, and the rest of the round is not tried."""

Document = Mapping[str, Any]


@dataclass
class Outcome:
    """What became of one operation. C(user) is what was read back, or predicted where nothing was sent."""

    operation: Operation
    user: User | None
    written: bool = False
    unverified: tuple[str, ...] = ()
    error: str | None = None


@dataclass
class Applied:
    """The outcomes in the order of the plan, and whether somebody broke the run off."""

    outcomes: list[Outcome]
    interrupted: bool = False
    restore_file: Path | None = None
    """The file from which deleted users can be restored."""
    groups_unknown: bool = False
    """Whether the file may lack groups, since the broker does not show all memberships."""


@dataclass
class Work:
    """What a plan is made and carried out with."""

    http: HttpClient
    access: ScimAccess
    journal: Journal
    domains: tuple[str, ...] = ()
    """The domains that the task names: entries that show none are judged by them."""
    groups: Mapping[str, GroupReference] | None = None
    recreations: Sequence[Recreation] = ()
    memberships: Memberships | None = None
    """Who is in which group by the groups, where users do not show it and the plan depends on it."""
    vcenter: VcenterClient | None = None
    """Where permissions are; None where only the broker is known."""

    def situation(self, users: Sequence[User], recreations: Iterable[Recreation] | None = None) -> Situation:
        """What the broker holds, as the plan wants to see it."""
        begun = self.recreations if recreations is None else recreations
        known = self.memberships
        if known:
            users = [replace(user, groups=known.names(user.id)) for user in users]
        return Situation(users, self.groups, [(each, each.user(self.domains)) for each in begun], known)


@dataclass
class _Task:
    """One outcome on its way: what is to be sent next, and whether another round may settle it."""

    outcome: Outcome
    operation: Operation
    unsettled: bool = False
    under_way: bool = False
    temporary_name: str = ""
    """The user name that the entry has while two users swap their names."""


def untouched(plan: Plan) -> list[Outcome]:
    """The outcomes of a plan that is not carried out."""
    return [
        Outcome(operation, operation.after, unverified=operation.unverified, error=operation.problem)
        for operation in plan.operations
    ]


def carry_out(plan: Plan, documents: Sequence[Document], replan: Callable[[Situation], Plan], work: Work) -> Applied:
    """Write what the plan says, then read back.

    Where writing needs another token than reading did, and before anybody is purged, the users are listed again;
    nothing is written if the plan made from that differs.
    """
    standing = {str(document["id"]): document for document in documents}
    writer = UserWriter(standing, work.journal, work.recreations)
    if not plan.writes:
        outcomes = untouched(plan)
        _end_recreations(outcomes, writer, work)
        return Applied(outcomes)
    client, changed_token = work.access.writing()
    listing = None
    if changed_token or plan.purges:
        listing = Listing(client.users(), work.domains)
        if replan(work.situation(listing.users)).signature != plan.signature:
            raise plans_differ(client, "users") if changed_token else _in_motion(client)
    writer.standing = listing.documents if listing else writer.standing
    return _Run(plan, Sender(work.access, client), writer, work).run()


def _in_motion(client: ScimClient) -> PlanRefusedError:
    return PlanRefusedError(
        [
            f"Two listings of the users on {client.host} differ, so nobody is purged: something else changes users at this "
            "moment. Run it again."
        ]
    )


class _Run:
    """One plan on its way."""

    def __init__(self, plan: Plan, sender: Sender, writer: UserWriter, work: Work) -> None:
        self._sender = sender
        self._writer = writer
        self._work = work
        self._outcomes = untouched(plan)
        self._tasks = [_Task(outcome, outcome.operation) for outcome in self._outcomes if outcome.operation.changes]
        self._lock = threading.Lock()
        self._failures = 0
        self._halt: str | None = None
        self._ended = False
        self._joined: set[tuple[str, int]] = set()
        self._holders: dict[Hashable, _Task] = {}
        """The tasks of this round that free a user name, by that name."""

    def run(self) -> Applied:
        try:
            self._sender.send(self._writer.prepare, [task.operation for task in self._tasks])
            listing = self._settle()
            self._join_groups()
            if listing is not None:
                _end_recreations(self._outcomes, self._writer, self._work)
            self._tell_what_is_kept()
        except KeyboardInterrupt:
            # What is still sent, such as the logging out, waits for nothing any more.
            self._work.http.hurry.set()
            self._break_off()
            return self._applied(interrupted=True)
        return self._applied()

    def _applied(self, *, interrupted: bool = False) -> Applied:
        return Applied(self._outcomes, interrupted, self._writer.kept, self._writer.groups_untold)

    def _settle(self) -> Listing | None:
        """Write in rounds. Returns what the broker holds in the end, or None where that could not be read."""
        listing = None
        due = [task for task in self._tasks if not task.operation.only_joins]
        for number in range(1, ROUNDS + 1):
            self._send(due)
            listing = self._read_back(due)
            if listing is None:
                break
            due = [task for task in due if task.unsettled]
            due = self._reconsidered(due, listing)
            if not due or self._ended:
                break
            if number < ROUNDS:
                self._work.http.pause(0.5 * number)
        return listing

    def _send(self, due: Sequence[_Task]) -> None:
        """Everything that is due, kind after kind, since names and ids have to be freed first."""
        self._failures, self._halt = 0, None
        self._holders = {name_of(task.operation): task for task in due if task.operation.kind in ("delete", "rename")}
        http = self._work.http
        for kind in CHANGING:
            for batch in _batches([task for task in due if task.operation.kind == kind]):
                futures: list[Future[None]] = []
                try:
                    futures.extend(http.pool.submit(self._carry, task, step) for task, step in batch)
                    wait(futures)
                except KeyboardInterrupt:
                    self._halt = "the run was interrupted"
                    http.hurry.set()
                    wait(futures)
                    raise
                for future in futures:
                    future.result()

    def _carry(self, task: _Task, step: Step) -> None:
        outcome = task.outcome
        if step.operation is not task.operation and step.is_last and not task.temporary_name:
            return  # The step before has failed.
        holder = self._holders.get(name_that_is_taken(step.operation)) if step.is_last else None
        if holder and holder is not task and holder.outcome.error and step.operation.kind in GIVING_A_NAME:
            outcome.error = f"{task.operation.wanted.label} was not tried: another entry still has the name"
            outcome.user, task.unsettled = step.operation.before, holder.unsettled
            return
        if self._halt:
            outcome.error = f"{outcome.operation.wanted.label} was not tried: {self._halt}"
            outcome.user = task.operation.before
            task.unsettled = True
            return
        task.under_way = True
        try:
            sent = self._sender.send(self._writer.write, step.operation)
        except IdentityBrokerError as error:
            outcome.error, outcome.user = str(error), task.operation.before
            outcome.written |= may_have_been_done(error) or self._writer.has_deleted(task.operation)
            task.unsettled = may_pass(error, task.operation)
            self._count_failure(error)
        else:
            outcome.written, task.unsettled = outcome.written or sent, not sent
            # The next listing decides about an entry that was found to be as wanted.
            outcome.error = None if sent else f"{outcome.operation.wanted.label} has the wanted values in no listing."
            task.temporary_name = "" if step.is_last or not step.operation.after else step.operation.after.username
            self._failures = 0
        finally:
            task.under_way = False

    def _count_failure(self, error: IdentityBrokerError) -> None:
        with self._lock:
            # Whoever refuses one user for good is there, and may take the next.
            self._failures = self._failures + 1 if is_passing(error) else 0
            if isinstance(error, AccessEndedError):
                self._ended = True
                self._halt = self._halt or str(error)
            elif self._failures >= FAILURES_IN_A_ROW * self._work.http.concurrency:
                self._halt = self._halt or f"{self._failures} requests in a row failed, the last one so: {error}"

    def _read_back(self, due: Sequence[_Task]) -> Listing | None:
        written = [task.outcome for task in due if task.outcome.written]
        try:
            listing = Listing(self._sender.send(ScimClient.users), self._work.domains)
        except IdentityBrokerError as error:
            for outcome in written:
                label = outcome.operation.wanted.label
                told = f"{outcome.error} It could" if outcome.error else f"{label} was written, but could"
                outcome.error = f"{told} not be read back: {error}"
            return None
        self._writer.standing = listing.documents
        for task in due:
            outcome = task.outcome
            if outcome.written and not task.unsettled and not outcome.error:
                _judge(outcome, listing, self._writer)
            elif outcome.error:
                outcome.user = listing.entry(task.operation)
        return listing

    def _reconsidered(self, due: Sequence[_Task], listing: Listing) -> list[_Task]:
        """What is still to be sent, now that is known what the broker holds."""
        situation = self._work.situation(listing.users, self._writer.begun.values())
        left = []
        for task, (operation, refused) in zip(
            due, plan_again(situation, [task.operation for task in due]), strict=True
        ):
            outcome = task.outcome
            problem = refused or unforeseen(task.operation, operation)
            if problem or operation.kind == "wait":
                outcome.error = problem or f"{outcome.error} It is gone from the broker, and no external_id is given."
            elif operation.changes and not operation.only_joins:
                task.operation = operation
                outcome.operation = outcome.operation if outcome.written else operation
                left.append(task)
            elif outcome.written:
                _judge(outcome, listing, self._writer)
            else:
                # Somebody else did it.
                outcome.operation, outcome.user, outcome.error = operation, operation.after, None
        return left

    def _join_groups(self) -> None:
        """Make the entries members of the groups that were asked for, or that a recreation took from them."""
        joining: dict[str, list[Outcome]] = {}
        names: dict[str, str] = {}
        for outcome in self._outcomes:
            if outcome.error or not outcome.user or not outcome.operation.changes:
                continue
            for group in self._groups_of(outcome):
                names.setdefault(folded(group.name), group.name)
                joining.setdefault(folded(group.name), []).append(outcome)
        for key, outcomes in joining.items():
            members = [outcome.user for outcome in outcomes if outcome.user]
            joined = join_group(self._sender, names[key], members, rounds=ROUNDS, pause=self._work.http.pause)
            for outcome in outcomes:
                self._joined.add((key, id(outcome)))
                outcome.written |= joined.written
                if joined.error and not outcome.error:
                    outcome.error = f"{outcome.operation.wanted.label} is not in the group {names[key]}: {joined.error}"
                outcome.unverified = tuple(dict.fromkeys((*outcome.unverified, *joined.unverified)))
        for outcome in {id(each): each for outcomes in joining.values() for each in outcomes}.values():
            if outcome.user and outcome.operation.after and not outcome.error:
                outcome.user = _with_groups(outcome.user, outcome.operation.after.groups)

    def _groups_of(self, outcome: Outcome) -> list[GroupReference]:
        recreation = self._begun(outcome)
        return [*outcome.operation.join, *(recreation.groups if recreation else ())]

    def _begun(self, outcome: Outcome) -> Recreation | None:
        before = outcome.operation.before
        return self._writer.begun.get(before.id) if before and outcome.operation.kind == "recreate" else None

    def _tell_what_is_kept(self) -> None:
        for task in self._tasks:
            if task.temporary_name:
                outcome = task.outcome
                outcome.error = (
                    f"{outcome.error or outcome.operation.wanted.label + ' was not completed.'} The entry has the temporary "
                    f"user name {task.temporary_name}; run the same task again, with rename: true, and it gets the wanted one."
                )
        for outcome in self._outcomes:
            recreation = self._begun(outcome) if outcome.error else None
            if recreation:
                outcome.error = (
                    f"{outcome.error} The former entry and its groups are kept in {self._work.journal.place(recreation)}; "
                    "run the same task again, and it goes on from there."
                )

    def _break_off(self) -> None:
        for task in self._tasks:
            outcome, label = task.outcome, task.outcome.operation.wanted.label
            groups = dict.fromkeys(
                group.name
                for group in self._groups_of(outcome)
                if (folded(group.name), id(outcome)) not in self._joined
            )
            if task.under_way:
                outcome.error = f"{label} was under way when the run was interrupted, and what came of it is not known"
                outcome.written = True
            elif not outcome.written and not outcome.error:
                outcome.error = f"{label} was not tried: the run was interrupted"
                outcome.user = outcome.operation.before
            elif not outcome.error and groups:
                outcome.error = (
                    f"{label} was written, but may not be a member of {', '.join(groups)} yet: the run was interrupted"
                )
            elif not outcome.error:
                outcome.unverified = tuple(touched(outcome.operation))
        self._tell_what_is_kept()


def _batches(tasks: Sequence[_Task]) -> list[list[tuple[_Task, Step]]]:
    """Return what is sent together, and what after that: a name is free before another entry gets it."""
    if not any(task.operation.kind == "rename" for task in tasks):
        return [[(task, Step(task.operation, task.operation)) for task in tasks]]
    by_operation = {id(task.operation): task for task in tasks}
    batches = rename_batches([task.operation for task in tasks])
    return [[(by_operation[id(step.planned)], step) for step in batch] for batch in batches]


def _judge(outcome: Outcome, listing: Listing, writer: UserWriter) -> None:
    found = verdict(outcome.operation, listing)
    outcome.user, outcome.error = found.user, found.error
    outcome.unverified = (*found.unverified, *writer.unverified(outcome.operation))


def _end_recreations(outcomes: Iterable[Outcome], writer: UserWriter, work: Work) -> None:
    """Forget those whose old entry was never deleted, and those of whom the task has found nothing left to do."""
    if not writer.begun:
        return
    fine = {folded(each.operation.wanted.label) for each in outcomes if _is_whole(each, writer)}
    for recreation in list(writer.begun.values()):
        if recreation.id in writer.standing or folded(recreation.label(work.domains)) in fine:
            writer.end(recreation)


def _is_whole(outcome: Outcome, writer: UserWriter) -> bool:
    operation = outcome.operation
    if outcome.error or operation.kind == "wait":
        return False
    if operation.wanted.state == "absent":
        return outcome.user is None
    left_alone = operation.kind == "none" and operation.join
    return not left_alone and outcome.user is not None and outcome.user.id in writer.standing


def _with_groups(user: User, groups: Sequence[str]) -> User:
    return replace(user, groups=tuple(sorted({*user.groups, *groups})))
