# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small random directories and lists of wanted users that collide often; and a broker to carry plans out on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import AttemptList
from ansible_collections.homelab.identity_broker.plugins.module_utils._directory import Situation
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import Plan
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import plan as plan_of_situation
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from hypothesis import assume
from hypothesis import strategies as st

LAB = "lab.example.org"
OTHER = "other.example.org"

NAMES = ["ann", "bob", "cid", "dot", "Ann"]
DOMAINS = [LAB, LAB, LAB, LAB.title(), OTHER]
EXTERNAL_IDS = ["E-1", "E-2", "E-3"]
NO_GROUP: tuple[str, ...] = ()


def picks(*choices: Sequence[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One of each of the choices. A single number stands for all of them, which is drawn in a wink."""
    count = math.prod(len(choice) for choice in choices)

    def taken(number: int) -> tuple[Any, ...]:
        found = []
        number = number * 1_000_003 % count  # small numbers are drawn more often than large ones
        for choice in choices:
            number, index = divmod(number, len(choice))
            found.append(choice[index])
        return tuple(found)

    return st.integers(0, count - 1).map(taken)


def _entry(fields: tuple[Any, ...]) -> User:
    name, domain, form, external_id, given_name, email, active, groups = fields
    return User(
        id="",
        username=f"{name}@{domain}" if form == "qualified" else name,
        domain=None if form == "unknown" else domain,
        external_id=external_id,
        given_name=given_name,
        email=email,
        active=active,
        groups=groups,
    )


def _entries(external_ids: Sequence[str | None], forms: Sequence[str]) -> st.SearchStrategy[User]:
    texts, states, groups = [None, "x", "y"], [True, True, False, None], [NO_GROUP, ("ALL_USERS",)]
    return picks(NAMES, DOMAINS, forms, external_ids, texts, texts, states, groups).map(_entry)


def _numbered(users: Sequence[User]) -> list[User]:
    return [replace(user, id=f"id-{number}") for number, user in enumerate(users)]


def identity(user: User) -> tuple[str, str | None]:
    """Name and domain without case, however the name is spelt: written anew here, not taken from the code."""
    name, domain = user.username.lower(), None if user.domain is None else user.domain.lower()
    if domain is not None and name.endswith(f"@{domain}"):
        name = name[: -len(domain) - 1]
    return name, domain


wild_directories = st.lists(
    _entries([None, *EXTERNAL_IDS, "e-1", "e-2"], ["bare", "qualified"] * 4 + ["unknown"]), max_size=4
).map(_numbered)
"""Directories in which names and ExternalIds may stand several times."""

tidy_directories = st.lists(
    _entries([None, *EXTERNAL_IDS], ["bare", "qualified"]),
    max_size=4,
    unique_by=(identity, lambda user: user.external_id or object()),
).map(_numbered)

directories = wild_directories | tidy_directories


def _wanted(fields: tuple[Any, ...]) -> DesiredUser:
    name, domain, external_id, given_name, email, active, state, recreate, rename, form = fields
    return DesiredUser(
        username=name,
        domain=domain,
        external_id=external_id,
        given_name=given_name,
        email=email,
        active=active,
        state=state,
        recreate=recreate,
        rename=rename,
        username_format=form,
    )


wanted_users = picks(
    NAMES,
    DOMAINS,
    [None, *EXTERNAL_IDS],
    [None, None, "", "x", "y"],
    [None, None, "", "x", "y"],
    [None, None, True, False],
    ["present", "present", "present", "absent"],
    [False, True],
    [False, True],
    ["qualified", "bare"],
).map(_wanted)


def in_order(wanted: Sequence[DesiredUser]) -> list[DesiredUser]:
    """The list with its positions, as the task's options give it."""
    return [replace(each, position=number) for number, each in enumerate(wanted)]


wanted_lists = st.lists(wanted_users, min_size=1, max_size=3).map(in_order)
modest_lists = st.lists(
    wanted_users,
    min_size=1,
    max_size=2,
    unique_by=(lambda w: (w.username.lower(), w.domain.lower()), lambda w: w.external_id or object()),
).map(in_order)


def is_meant(user: User, desired: Sequence[DesiredUser]) -> bool:
    """Whether one of the wanted users has the entry's name and domain."""
    return identity(user) in [(wanted.username.lower(), wanted.domain.lower()) for wanted in desired]


def apply(made: Plan, users: Sequence[User]) -> list[User]:
    """What a broker holds that did exactly as it was told."""
    held = {user.id: user for user in users}
    for number, operation in enumerate(made.writes):
        before, after = operation.before, operation.after
        if before is not None:
            assert held[before.id] == before, "an operation starts from what is there"
            del held[before.id]
        if operation.kind == "delete":
            assert after is None
        else:
            assert after is not None
            kept = before is not None and operation.kind in ("update", "rename")
            if before is not None and kept:
                assert after.id == before.id
            entry_id = after.id if kept else f"new-{number}"
            held[entry_id] = replace(after, id=entry_id)
    return list(held.values())


def plan(users: Sequence[User], desired: Sequence[DesiredUser], **more: Any) -> Plan:
    """The plan where nothing else is in the broker but users."""
    return plan_of_situation(Situation(users), desired, **more)


def planned(users: Sequence[User], desired: Sequence[DesiredUser], found: AttemptList | None = None) -> Plan:
    """The plan of a run that reports who waits; examples whose plan is refused are left out."""
    try:
        return plan(users, desired, login_attempts=found, report_missing=True, all_or_nothing=True)
    except PlanRefusedError:
        assume(False)
        raise


def user(username: str = "muffin", external_id: str | None = "E-1", domain: str | None = LAB, **more: Any) -> User:
    """An entry for an example with a name."""
    return User(id=f"id-{username}", username=username, domain=domain, external_id=external_id, **more)


def wanted(username: str = "muffin", external_id: str | None = None, domain: str = LAB, **more: Any) -> DesiredUser:
    """A wanted user for an example with a name."""
    return DesiredUser(username=username, domain=domain, external_id=external_id, **more)
