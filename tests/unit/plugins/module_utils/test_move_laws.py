# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of a foreign domain is taken only if name, that domain and ExternalId all match, and then loses nothing."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.homelab.identity_broker.plugins.module_utils._guards import Guards, Limit
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import Plan
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    LAB,
    OTHER,
    apply,
    directories,
    identity,
    is_meant,
    modest_lists,
    plan,
    user,
    wanted,
)
from hypothesis import given

FREE = Guards(recreates=Limit(100))


def moved(users: list[User], desired: list[DesiredUser]) -> tuple[Plan, list[DesiredUser]]:
    """The plan in which every user of the one domain with an ExternalId may come from the other."""
    moving = [
        replace(each, move_from_domain=OTHER) if each.domain == LAB and each.external_id else each for each in desired
    ]
    return plan(users, moving, guards=FREE, report_missing=True), moving


@given(directories, modest_lists)
def test_only_the_entry_that_matches_in_all_three_is_taken(users: list[User], desired: list[DesiredUser]) -> None:
    made, moving = moved(users, desired)
    after = {each.id: each for each in apply(made, users)}
    renamed_there = {each.external_id for each in desired if each.rename and each.external_id and each.domain == OTHER}
    for entry in users:
        if entry.domain != OTHER or is_meant(entry, desired) or after.get(entry.id) == entry:
            continue
        if entry.external_id in renamed_there:
            continue
        names = {name for each in moving for name in (each.username.lower(), each.label.lower())}
        assert identity(entry)[0] in names
        takers = [each for each in moving if each.move_from_domain and each.external_id == entry.external_id]
        assert len(takers) == 1
        (arrived,) = [each for each in after.values() if identity(each) == (takers[0].username.lower(), LAB)] or [None]
        if takers[0].state == "absent":
            assert arrived is None
        else:
            assert arrived is not None
            assert (arrived.external_id, arrived.groups) == (entry.external_id, entry.groups)
            assert takers[0].given_name is not None or arrived.given_name == entry.given_name


@given(directories, modest_lists)
def test_a_move_ends(users: list[User], desired: list[DesiredUser]) -> None:
    made, moving = moved(users, desired)
    if any(op.unverified for op in made.operations):
        return
    again = plan(apply(made, users), moving, guards=FREE, report_missing=True)
    for first, second in zip(made.operations, again.operations, strict=True):
        assert first.kind != "recreate" or second.kind != "recreate"


def test_a_move_is_a_recreation() -> None:
    entry = user("bob", "E-1", domain=OTHER, groups=("Bakers",))
    (operation,) = plan([entry], [wanted("bob", "E-1", move_from_domain=OTHER)]).operations
    assert (operation.kind, operation.before) == ("recreate", entry)
    assert operation.after is not None
    assert (operation.after.domain, operation.after.groups) == (LAB, ("Bakers",))
