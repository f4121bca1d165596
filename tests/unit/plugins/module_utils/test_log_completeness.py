# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens to the lines of a refused login, another login is not bound in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import AttemptList, bind
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import read_attempts
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_completeness import Completeness, judge
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_lines import LogLine, log_line, login_lines
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_window import Window
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_shapes import UNKNOWN, WRAPPINGS
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import (
    END,
    TRACE,
    Login,
    addresses,
    interleaved,
    login_lists,
    logins,
    text_of,
)
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import LAB, user, wanted
from hypothesis import given
from hypothesis import strategies as st

VICTIM = Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", value="id-of-the-victim", domains=(LAB,))
ATTACKER = Login("c7d1e2f3-0a9b-4c8d-9e7f-1234567890ab", value="id-of-the-attacker", domains=(LAB,))


def bound(text: str, held: Sequence[str] = ()) -> str | None:
    """The ExternalId that is bound to the one user who waits."""
    completeness = judge(login_lines(text), LAB, Window())
    found = AttemptList(
        tuple(read_attempts(text, END)),
        not completeness.gaps,
        tuple(completeness.gaps),
        completeness.unresolved,
        tuple(completeness.shown),
    )
    users = [user(f"user{number}", external_id) for number, external_id in enumerate(held)]
    binding, _problem = bind([wanted("muffin")], found, held, users=users)
    return binding.external_id if binding else None


@st.composite
def damaged(draw: st.DrawFn) -> list[str]:
    """The lines of the victim's login after something happened to them."""
    lines = list(replace(VICTIM, source=draw(st.none() | addresses)).lines)
    if draw(st.booleans()):
        shape = draw(st.sampled_from([*UNKNOWN.values(), *WRAPPINGS.values()]))
        return [shape(line) if draw(st.booleans()) else line for line in lines]
    number = draw(st.integers(0, len(lines) - 1))
    cut = draw(st.integers(0, len(lines[number])))
    kept: list[Callable[[str], str]] = [lambda line: line[:cut], lambda line: line[cut:], lambda line: line[:0]]
    lines[number] = draw(st.sampled_from(kept))(lines[number])
    return lines


@given(damaged(), st.booleans(), st.data())
def test_no_damage_to_the_lines_of_one_login_makes_another_the_lone_candidate(
    lines: list[str], is_first: bool, data: st.DataObject
) -> None:
    others = list(data.draw(st.permutations([*ATTACKER.lines, *TRACE])))
    text = text_of(*(lines + others if is_first else others + lines))
    assert bound(text) != ATTACKER.value


@given(interleaved())
def test_whole_logins_are_complete(written: tuple[list[Login], list[str]]) -> None:
    several, lines = written
    completeness = judge(login_lines(text_of(*lines)), None, Window())
    assert completeness.gaps == []
    expected = {login.value for login in several if login.reason is None}
    assert {attempt.external_id for attempt in completeness.unresolved} == expected


@given(login_lists, st.sampled_from(["as it is", "RFC 5424", "container", "coloured parts", "Z after the stamp"]))
def test_beside_users_of_the_broker_the_one_refused_login_is_bound(several: list[Login], wrapping: str) -> None:
    others = [login for login in several if login.value not in (VICTIM.value, ATTACKER.value)]
    lines = [*VICTIM.lines, *(line for login in others for line in login.lines)]
    text = text_of(*map(WRAPPINGS[wrapping], lines))
    assert bound(text, [login.value for login in others]) == VICTIM.value


@given(logins, st.sampled_from(list(WRAPPINGS)))
def test_a_wrapping_changes_nothing_but_the_zone(login: Login, wrapping: str) -> None:
    lines = [WRAPPINGS[wrapping](line) for line in login.lines]
    assert read_attempts(text_of(*lines), END) == read_attempts(text_of(*login.lines), END)


@given(st.sampled_from(list(WRAPPINGS)), st.sampled_from(list(WRAPPINGS)), logins)
def test_no_line_is_found_inside_a_longer_one(outer: str, inner: str, login: Login) -> None:
    agent = login.line("WARN", "com.vmware.vidm.federation.login.context.LoginContextManager", "User agent changed to ")
    for line in VICTIM.lines:
        text = WRAPPINGS[outer](f"{agent}{WRAPPINGS[inner](line)}")
        assert read_attempts(text_of(text), END) == []
        assert judge(login_lines(text), None, Window()) == Completeness()


@pytest.mark.parametrize("zone", ["+0200", "+02:00", " +0200"])
def test_a_zone_is_taken_into_account(zone: str) -> None:
    line: LogLine | None = log_line(VICTIM.lookup.replace(",000", f",000{zone}", 1))
    assert line is not None
    assert line.is_zoned
    assert line.timestamp == VICTIM.moment - timedelta(hours=2)


def test_a_bracket_less_line_belongs_to_the_login_with_the_same_look_up() -> None:
    login = replace(VICTIM, source=None)
    not_found = VICTIM.not_found.replace(f"[CUSTOMER;-;{VICTIM.source};", "[CUSTOMER;-;-;")
    bare = not_found.partition(" [")[0] + " " + not_found.partition("] ")[2]
    whole = [login.lookup, bare, login.refusal]
    assert judge(login_lines(text_of(*whole)), LAB, Window()) == Completeness()
    assert judge(login_lines(text_of(bare, login.refusal)), LAB, Window()).without_lookup == 2
    assert judge(login_lines(text_of(login.lookup, bare)), LAB, Window()).without_refusal == 1
    assert judge(login_lines(text_of(login.lookup, bare)), "other.example.org", Window()) == Completeness()


@pytest.mark.parametrize("reason", ["U", "USER", "USER_NOT_FOUN"])
def test_a_half_written_reason_is_not_another_reason(reason: str) -> None:
    line = VICTIM.refusal.partition("USER_NOT_FOUND")[0] + reason
    assert len(judge(login_lines(line), LAB, Window()).unread) == 1
    assert judge(login_lines(f"{line}, isAuthenticationForced: false"), LAB, Window()) == Completeness()


def test_domains_in_another_form_are_not_one_domain() -> None:
    line = VICTIM.lookup.replace(f"[{LAB}]", f"[{LAB},other.example.org]")
    assert len(judge(login_lines(line), None, Window()).unread) == 1
