# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of a diagnosis: nobody is named by the log alone, no command holds what a log or a server may have made up."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from datetime import datetime, timedelta

from ansible_collections.homelab.identity_broker.plugins.module_utils._diagnosis import Known, diagnose, told
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import LoginAttempt
from ansible_collections.homelab.identity_broker.plugins.module_utils._next_steps import CASES, next_step
from ansible_collections.homelab.identity_broker.plugins.module_utils._permissions import Permission, Principal
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_users import ProviderUsers
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import User
from hypothesis import given
from hypothesis import strategies as st

LAB, OTHER = "lab.example.org", "other.example.org"
NAMES = ("ann", "bob", "carl")
IDS = ("id-1", "id-2", "ID-1", "id-3")
START = datetime(2026, 2, 4)  # noqa: DTZ001


def attempt_of(external_id: str, outcome: str, number: int = 0, domains: tuple[str, ...] = (LAB,)) -> LoginAttempt:
    return LoginAttempt(
        timestamp=START - timedelta(minutes=number),
        context_id=f"context-{number}",
        external_id=external_id,
        domains=domains,
        outcome=outcome,
        reason="USER_NOT_FOUND" if outcome == "denied" else None,
        source_ip="192.0.2.1",
        malformed=False,
    )


users = st.lists(
    st.builds(
        User,
        id=st.uuids().map(str),
        username=st.sampled_from(NAMES),
        domain=st.sampled_from((LAB, OTHER)),
        external_id=st.sampled_from(IDS),
        active=st.sampled_from((True, False, None)),
        groups=st.lists(st.sampled_from(("cooks", "ALL_USERS")), max_size=2).map(tuple),
    ),
    max_size=4,
    unique_by=(lambda user: user.external_id, lambda user: (user.username, user.domain)),
)
attempts = st.lists(
    st.builds(
        lambda number, external_id, domains, outcome, malformed: replace(
            attempt_of(external_id, outcome, number, domains), malformed=malformed
        ),
        st.integers(0, 500),
        st.sampled_from((*IDS, "id-of-a-stranger")),
        st.sampled_from(((LAB,), (OTHER,), ())),
        st.sampled_from(("denied", "allowed", "unknown")),
        st.booleans(),
    ),
    max_size=6,
    # Each login is one of its own, also in the log.
    unique_by=lambda attempt: attempt.context_id,
).map(lambda found: sorted(found, key=lambda attempt: attempt.timestamp, reverse=True))
permissions = st.none() | st.lists(
    st.builds(
        Permission,
        st.builds(Principal, st.sampled_from(("user", "group")), st.sampled_from((*NAMES, "cooks")), st.just(LAB)),
        st.sampled_from(("-1", "-2", "-5")),
        st.booleans(),
    ),
    max_size=4,
)
provider = st.none() | st.builds(
    lambda owners, disabled: ProviderUsers({}, {}, owners, (), frozenset(disabled)),
    st.dictionaries(st.sampled_from(IDS), st.sampled_from(NAMES), max_size=3).filter(
        lambda owners: len(set(owners.values())) == len(owners)
    ),
    st.sets(st.sampled_from(IDS)),
)
known = st.builds(
    Known,
    attempts=attempts,
    users=st.none() | users,
    domains=st.just((LAB,)),
    provider=provider,
    permissions=permissions,
)
asked = st.lists(st.sampled_from((*NAMES, f"ann@{LAB}", "zoe")), max_size=3, unique=True)


def found(known: Known, names: list[str]) -> list[dict[str, object]]:
    try:
        return [finding.result() for finding in diagnose(known, names, LAB, 0)]
    except InputError:
        return []


@given(known, asked)
def test_no_command_holds_an_external_id(known: Known, names: list[str]) -> None:
    for finding in found(known, names):
        assert not any(external_id in str(finding["command"] or "") for external_id in (*IDS, "id-of-a-stranger"))


@given(known)
def test_the_log_alone_names_nobody(known: Known) -> None:
    """A login is somebody's only where the broker's entry or the provider has its ExternalId."""
    held = {user.external_id.casefold() for user in known.users or () if user.external_id}
    owned = set(known.provider.names) if known.provider else set()
    by_context = {attempt.context_id: attempt for attempt in known.attempts}
    for finding in found(known, []):
        attempt = by_context.get(str(finding["context_id"]))
        if attempt and finding["username"] is not None:
            assert str(attempt.external_id).casefold() in held or attempt.external_id in owned
            assert not attempt.malformed


@given(known, asked)
def test_every_finding_is_whole(known: Known, names: list[str]) -> None:
    for finding in found(known, names):
        assert finding["case"] in CASES
        assert finding["finding"]
        assert finding["next_step"]
        assert (finding["context_id"] is None) == bool(names)


@given(known, asked)
def test_it_is_told_in_lines(known: Known, names: list[str]) -> None:
    try:
        findings = diagnose(known, names, LAB, 0)
    except InputError:
        return
    lines = told(findings)
    assert lines
    assert all(finding.says in lines for finding in findings)


@given(users, permissions)
def test_who_is_let_in_has_a_permission_as_far_as_is_known(
    users: list[User], permissions: list[Permission] | None
) -> None:
    held = [
        LoginAttempt(START, f"c{n}", user.external_id, (user.domain or "",), "allowed", None, None, malformed=False)
        for n, user in enumerate(users)
    ]
    for finding in found(Known(attempts=held, users=users, permissions=permissions), []):
        if finding["case"] == "allowed" and permissions is not None:
            assert any(each.role_id != "-5" and each.propagate for each in permissions)
        if permissions is None:
            assert finding["case"] in ("allowed", "inactive")


@given(st.sampled_from(sorted(CASES)), st.text(max_size=20) | st.sampled_from(NAMES), st.text(max_size=20) | st.none())
def test_no_name_becomes_shell_or_template(case: str, name: str, domain: str | None) -> None:
    command = next_step(case, name, domain).command
    if command is None:
        return
    words = shlex.split(command)
    assert words[0] in ("ansible", "ansible-playbook")
    assert "{{" not in command
    assert not re.search(r"[;&|`$<>\n]", command)
    for word in words:
        if word.startswith("{"):
            assert json.loads(word)["delete_users"] == [name]


def test_an_unknown_external_id_is_shown_as_somebodys_and_not_as_that_of_who_is_asked_about() -> None:
    refused = attempt_of("id-of-a-stranger", "denied")
    (finding,) = found(Known(attempts=(refused,), users=(), domains=(LAB,)), ["ann"])
    assert finding["case"] == "user_not_found"
    assert [each["value"] for each in finding["evidence"]] == [  # type: ignore[attr-defined]
        "somebody's unknown ExternalId id-of-a-stranger, denied, from 192.0.2.1"
    ]


def test_who_was_refused_and_has_an_entry_by_now_is_told_that_a_permission_lacks() -> None:
    ann = User(id="1", username="ann", domain=LAB, external_id="id-1")
    known = Known(attempts=(attempt_of("id-1", "denied"),), users=(ann,), domains=(LAB,), permissions=())
    assert [finding["case"] for finding in found(known, ["ann"])] == ["no_permission"]
    own = Permission(Principal("user", "ann", LAB), "-1", True)
    known = Known(attempts=known.attempts, users=(ann,), domains=(LAB,), permissions=(own,))
    assert [finding["case"] for finding in found(known, ["ann"])] == ["would_be_let_in"]


def test_a_look_up_by_another_attribute_is_a_case_of_its_own() -> None:
    attempt = replace(attempt_of("ann", "denied"), attribute="userName", malformed=True)
    spelt = replace(attempt_of("id-9", "denied", 1), attribute="ExternalID")
    known = Known(attempts=[attempt, spelt], users=[])
    first, second = diagnose(known, [], LAB, 0)
    assert (first.case, first.username, second.case) == ("other_attribute", None, "unknown_external_id")
    assert "userName" in first.says
    assert "ExternalId" in next_step(first.case, None, None).says
    # It concerns every user, so it is also said when users are named.
    general, named = diagnose(known, ["ann"], LAB, 0)
    assert (general.case, named.case) == ("other_attribute", "user_not_found")
    assert "userName" in told([general])[0]
