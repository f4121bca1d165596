# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read, plan and, unless in check mode, act: the one way for one user and for many. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ._access import ScimAccess
from ._apply import Outcome, carry_out, read_users, untouched
from ._candidates import AttemptList
from ._plan import Plan, plan, refuse_duplicates
from ._users import DesiredUser, User


@dataclass(frozen=True)
class Provisioned:
    """A plan and what came of it."""

    plan: Plan
    outcomes: Sequence[Outcome]

    @property
    def changed(self) -> bool:
        """Whether the run changed the broker, or would in check mode."""
        return any(o.written or (o.operation.changes and not o.error) for o in self.outcomes)

    @property
    def errors(self) -> list[str]:
        """What failed."""
        return [outcome.error for outcome in self.outcomes if outcome.error]


def provision(
    access: ScimAccess,
    desire: Callable[[Sequence[str] | None], list[DesiredUser]],
    *,
    check_mode: bool,
    login_attempts: AttemptList | None = None,
    login_attempts_of: Sequence[str] | None = None,
    report_missing: bool = False,
) -> Provisioned:
    """Bring the broker's users to what is desired.

    C(desire) reads the task's options, given the provider's domains, or None while they are not known.
    """
    # Before anything is sent: a misspelt option must not cost a minting.
    as_written = desire(None)
    refuse_duplicates(as_written)
    domain_needed = any(not wanted.domain for wanted in as_written)
    documents, users, domains = read_users(access, domain_needed=domain_needed)
    desired = desire(domains)

    def planned(actual: list[User]) -> Plan:
        return plan(
            actual,
            desired,
            login_attempts=login_attempts,
            login_attempts_of=login_attempts_of,
            report_missing=report_missing,
        )

    first = planned(users)
    if check_mode:
        return Provisioned(first, untouched(first))
    return Provisioned(first, carry_out(first, access, documents, domains, planned))
