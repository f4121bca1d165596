# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a group that is and one that is wanted to what is written. PRIVATE to this collection.

Every member that the task does not mean is left as it is.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ._errors import PlanRefusedError, some_of
from ._groups import (
    GROUP_SCHEMA,
    DesiredGroup,
    Group,
    Member,
    Principals,
    member_entries,
    member_id,
    member_reference,
    result,
)

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SLICE = 100


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What becomes of the group, and the ids that join and leave it. C(after) is None where no group will be left."""

    operation: str
    wanted: DesiredGroup
    before: Group | None = None
    after: Group | None = None
    joining: tuple[Member, ...] = ()
    leaving: tuple[Member, ...] = ()
    named: tuple[Member, ...] = ()
    """The members that the task names."""

    @property
    def changes(self) -> bool:
        """Whether carrying it out writes."""
        return self.operation != "none"

    @property
    def signature(self) -> tuple[Any, ...]:
        """What two plans must have in common for one to be carried out in place of the other."""
        return self.operation, self.before and self.before.id, frozenset(self.joining), frozenset(self.leaving)

    @property
    def empties(self) -> bool:
        """Whether the group has no members once the plan has been carried out."""
        return self.after is not None and self.after.members == ()

    def document_for_creation(self) -> dict[str, Any]:
        """The body of C(POST /Groups): without members, since only their PATCH and PUT are known to work."""
        return {"schemas": [GROUP_SCHEMA], "displayName": self.wanted.display_name}

    def patches(self) -> list[dict[str, Any]]:
        """Return the bodies of `PATCH /Groups/{id}`: removals first, since a right that has ended must end at once.

        A removal names each member in a filter. By RFC 7644 section 3.5.2.2 a removal whose path has no filter removes
        every member, whatever values come with it.
        """
        removals = [[_removal(member) for member in part] for part in _sliced(self.leaving)]
        return [_patch(operations) for operations in (*removals, *(_additions(part) for part in _sliced(self.joining)))]

    def document_for_replacement(self, standing: Mapping[str, Any]) -> dict[str, Any]:
        """The body of C(PUT /Groups/{id}): the standing resource, with who joins and without who leaves.

        C(meta) is left out since it is read-only (RFC 7643 section 3.1).
        """
        leaving = {member.id for member in self.leaving}
        kept = [entry for entry in member_entries(standing) or () if member_id(entry) not in leaving]
        return with_members({**standing, "members": kept}, self.joining)

    def lost(self, kept: Group | None) -> list[Member]:
        """Return the members whom nobody asked to remove, and who are not in the group that was read back.

        A group that showed its members before and shows none now has none: servers leave out an empty list.
        """
        if kept is None or self.before is None:
            return []
        gone = [member for member in self.others if member.id not in kept.seen]
        if kept.members is None and kept.named_by_users:
            # No user's entry tells of a nested group.
            return [member for member in gone if member.kind == "user"]
        return gone

    @property
    def others(self) -> list[Member]:
        """The members of before whom nobody asked to remove."""
        leaving = set(self.leaving)
        return [member for member in (self.before.members or () if self.before else ()) if member not in leaving]

    def had_no_effect(self, kept: Group | None) -> bool:
        """Whether members who should be in the group that was read back are not, or the other way round."""
        if kept is None or not self.can_be_judged_by(kept):
            return False
        return any(m.id not in kept.seen for m in self.joining) or any(m.id in kept.seen for m in self.leaving)

    def can_be_judged_by(self, kept: Group) -> bool:
        """Whether the group that was read back shows what became of everybody who was to join or leave."""
        if kept.members is not None:
            return True
        return kept.named_by_users is not None and all(m.kind == "user" for m in (*self.joining, *self.leaving))

    def unkept(self, kept: Group, principals: Principals) -> list[str]:
        """Return how the group that was read back differs from what was asked for."""
        held, leaving = kept.seen, {member.id for member in self.leaving}
        before = set(self.before.ids()) if self.before else set()
        expected = set(self.after.ids()) if self.after else set()
        strangers = set()
        if self.wanted.members_state == "exact":
            strangers = {member.id for member in kept.members or () if _is_named_kind(self.wanted, member)} - expected
        differences = (
            ("is not in it", expected - before - held),
            ("is still in it", leaving & held),
            ("is no longer in it, though nobody asked for that", {member.id for member in self.lost(kept)}),
            ("is in it, though nobody asked for that", strangers - leaving),
        )
        return [f"{some_of(principals.names(keys))} {what}" for what, keys in differences if keys]

    def is_untouched(self, kept: Group | None) -> bool:
        """Whether the group that was read back is still as it was before."""
        if self.before is None or kept is None:
            return self.before is kept
        return self.before.seen == kept.seen

    def progress(self, kept: Group | None) -> str:
        """What was done before a request broke."""
        name, held = self.wanted.display_name, kept.seen if kept else frozenset()
        if kept is None:
            return f"{name} is not in the broker any more."
        if not self.can_be_judged_by(kept):
            return f"What came of it is not known, since the broker does not show the members of {name}."
        joined = sum(member.id in held for member in self.joining)
        left = sum(member.id not in held for member in self.leaving)
        told = [f"{joined} of {len(self.joining)} new members are in it"] if self.joining else []
        told += [f"{left} of {len(self.leaving)} have left it"] if self.leaving else []
        done = "The group was created; " if self.before is None else "Some of it was done: "
        return f"{done}{', '.join(told) or 'its members are as asked'}. Running the task again does the rest."

    def diff(self, principals: Principals) -> dict[str, Any]:
        """Before and after in Ansible's form, in names; the same in check mode and in the run."""
        diff: dict[str, Any] = {"before": {}, "after": {}}
        if self.changes:
            for side, group in (("before", self.before), ("after", self.after)):
                if group:
                    diff[side] = {group.display_name: _shown(group, principals)}
        return {**diff, "before_header": "Identity Broker groups", "after_header": "Identity Broker groups"}


def plan_group(principals: Principals, standing: Group | None, wanted: DesiredGroup) -> GroupPlan:
    """Decide what becomes of the group. Raises PlanRefusedError with every problem found."""
    if wanted.state == "absent":
        return GroupPlan("delete" if standing else "none", wanted, standing)
    users, problems = principals.user_ids(wanted.members or ())
    groups, more = principals.group_ids(wanted.member_groups or ())
    problems += more
    if standing and standing.id in groups:
        problems.append(f"member_groups: {standing.display_name} cannot be a member of itself.")
    if standing and wanted.members_state == "exact":
        problems += _not_exact(principals, standing, wanted)
    if problems:
        raise PlanRefusedError(problems)
    held = standing.members or () if standing else ()
    asked = dict.fromkeys([*users, *groups])
    if standing and standing.members is None and wanted.members_state != "present" and wanted.names_members:
        raise PlanRefusedError([_unknown_members(standing)])
    joining: tuple[Member, ...] = ()
    leaving: tuple[Member, ...] = ()
    if wanted.members_state == "absent":
        leaving = tuple(member for member in held if member.id in asked)
    else:
        there = {member.id for member in held} | (standing.seen if standing else frozenset())
        joining = tuple(principals.member(key) for key in asked if key not in there)
    if wanted.members_state == "exact":
        leaving = tuple(member for member in held if _may_leave(wanted, member) and member.id not in asked)
    gone = set(leaving)
    after = tuple(member for member in held if member not in gone) + joining
    named = tuple(principals.member(key) for key in asked)
    if standing is None:
        return GroupPlan("create", wanted, None, Group("", wanted.display_name, after), joining, named=named)
    if not joining and not leaving:
        return GroupPlan("none", wanted, standing, standing, named=named)
    return GroupPlan("update", wanted, standing, replace(standing, members=after), joining, leaving, named)


def _unknown_members(standing: Group) -> str:
    return (
        f"{standing.display_name}: the server does not show the members of the group, so it is not known who would be removed. "
        "Only members_state: present is possible there."
    )


def _not_exact(principals: Principals, standing: Group, wanted: DesiredGroup) -> list[str]:
    """What stands in the way of C(exact): members that the task could not have named, or would remove unnamed."""
    problems: list[str] = []
    nested = standing.ids("group")
    if nested and wanted.member_groups is None:
        problems.append(
            f"{standing.display_name} has groups as members: {some_of(principals.names(nested))}. Name in "
            "member_groups those that are to stay; an empty list means none."
        )
    unknown = standing.ids("unknown")
    if unknown:
        problems.append(
            f"{standing.display_name} has members that are no users or groups this token shows, by their ids: "
            f"{some_of(sorted(unknown))}. So exact cannot be told; say members_state: present or absent."
        )
    return problems


def _may_leave(wanted: DesiredGroup, member: Member) -> bool:
    return wanted.may_remove and member.id not in wanted.held and _is_named_kind(wanted, member)


def _is_named_kind(wanted: DesiredGroup, member: Member) -> bool:
    named = {"user": wanted.members is not None, "group": wanted.member_groups is not None}
    return named.get(member.kind, False)


def _shown(group: Group, principals: Principals) -> dict[str, Any]:
    """A group in a diff: no id, which is not known before creation."""
    return {
        key: value for key, value in result(group, principals).items() if key not in ("id", "display_name") and value
    }


def with_members(standing: Mapping[str, Any], members: Sequence[Member]) -> dict[str, Any]:
    """Return the body of `PUT /Groups/{id}` that adds members to those that the resource shows."""
    document = copy.deepcopy({key: value for key, value in standing.items() if key != "meta"})
    kept = member_entries(document) or []
    there = {member_id(entry) for entry in kept}
    document["members"] = [*kept, *(member_reference(member) for member in members if member.id not in there)]
    return document


def put_back(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Return the bodies of `PATCH /Groups/{id}` that make members of those whom a server removed unasked."""
    return [_patch(_additions(part)) for part in _sliced(members)]


def _removal(member: Member) -> dict[str, Any]:
    # A string in a filter is quoted as in JSON (RFC 7644 section 3.4.2.2).
    return {"op": "remove", "path": f"members[value eq {json.dumps(member.id)}]"}


def _additions(members: Sequence[Member]) -> list[dict[str, Any]]:
    return [{"op": "add", "path": "members", "value": [member_reference(member) for member in members]}]


def _patch(operations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"schemas": [PATCH_SCHEMA], "Operations": list(operations)}


def _sliced(members: Sequence[Member]) -> list[Sequence[Member]]:
    return [members[start : start + SLICE] for start in range(0, len(members), SLICE)]
