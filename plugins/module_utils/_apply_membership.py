# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes users members of groups that stand. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ._access import Sender
from ._apply_group import carry_out_group
from ._errors import IdentityBrokerError, as_part_of_a_run
from ._group_plan import plan_group
from ._groups import DesiredGroup, Principals, group_from_scim, member_entries
from ._scim import ScimClient
from ._users import DesiredUser, User, users_from_scim


class Joined(NamedTuple):
    """What went wrong, if anything, what the broker does not tell, and whether anything was written."""

    error: str | None = None
    unverified: tuple[str, ...] = ()
    written: bool = False
    passing: bool = False


def join_group(
    sender: Sender, name: str, users: Sequence[User], *, rounds: int, pause: Callable[[float], object]
) -> Joined:
    """Add users to a group, and read back; where that may go well a little later, again in so many rounds."""
    joined = _joined(sender, name, users)
    for number in range(1, rounds):
        if not joined.passing:
            break
        pause(0.5 * number)
        before, joined = joined, _joined(sender, name, users)
        joined = joined._replace(written=joined.written or before.written)
    return joined


def _joined(sender: Sender, name: str, users: Sequence[User]) -> Joined:
    """Add to a group those of the users who are not in it, and read back."""
    try:
        principals = Principals(users, sender.send(ScimClient.groups))
        principals.refuse_shared_ids()
        key = principals.group_id(name)
        if key is None:
            return Joined(
                f"The broker has no group {name} any more. Create it with scim_group, and run the task again."
            )
        document = sender.send(ScimClient.group, key, name)
        if member_entries(document) is None:
            # The other users may be members, too.
            principals = principals.seen_again(users_from_scim(sender.send(ScimClient.users_with_groups), ()))
        standing = group_from_scim(document, principals)
        members = tuple(
            DesiredUser(username=user.bare_name, domain=user.domain or "", external_id=user.external_id)
            for user in users
        )
        plan = plan_group(principals, standing, DesiredGroup(name, members))
        if not plan.changes:
            return Joined()
        outcome = carry_out_group(plan, principals, sender)
    except IdentityBrokerError as error:
        return Joined(as_part_of_a_run(error))
    unverified = tuple("groups" if name == "members" else name for name in outcome.unverified)
    return Joined(outcome.error, unverified, outcome.changed, outcome.passing)
