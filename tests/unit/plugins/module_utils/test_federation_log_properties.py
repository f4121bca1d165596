# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is read back; and what a visitor writes into his own lines stays in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import (
    LoginAttempt,
    attempt_from_result,
    context_ids,
    read_attempts,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_lines import USER_NOT_FOUND
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import (
    CONTEXTS,
    END,
    REQUEST,
    RESOLVER,
    Login,
    domain_names,
    external_ids,
    interleaved,
    log_line,
    logins,
    text_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

# Everything that some reader takes for the end of a line, but the one that is.
SEPARATORS = ["\r", "\r\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x00", "\t", " ", ""]
ANY_VALUE = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=60)


def candidates(attempts: list[LoginAttempt]) -> set[tuple[str, str | None]]:
    """The attempts that could be bound."""
    return {
        (attempt.context_id, attempt.external_id)
        for attempt in attempts
        if attempt.outcome == "denied" and attempt.reason == USER_NOT_FOUND and not attempt.malformed
    }


@given(interleaved())
def test_written_logins_are_read_back_newest_first(written: tuple[list[Login], list[str]]) -> None:
    several, lines = written
    expected = sorted((login.attempt for login in several), key=lambda a: a.timestamp, reverse=True)
    assert read_attempts(text_of(*lines), END) == expected
    assert set(context_ids(text_of(*lines))) == {login.context for login in several}


@given(interleaved(), st.data())
def test_a_text_cut_anywhere_holds_no_candidate_that_the_whole_has_not(
    written: tuple[list[Login], list[str]], data: st.DataObject
) -> None:
    text = text_of(*written[1])
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert candidates(read_attempts(text[start:end], END)) <= candidates(read_attempts(text, END))


def test_a_half_written_last_line_holds_no_candidate_that_the_whole_has_not() -> None:
    text = text_of(*Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", domains=("a.example", "b.example")).lines)
    whole = candidates(read_attempts(text))
    assert len(whole) == 1
    for end in range(len(text)):
        assert candidates(read_attempts(text[:end])) <= whole


@given(logins)
def test_a_result_is_read_back_as_the_same_attempt(login: Login) -> None:
    assert attempt_from_result(login.attempt.result()) == login.attempt


@given(logins, ANY_VALUE)
def test_any_value_stays_in_its_own_attempt_and_on_one_line(login: Login, value: str) -> None:
    text = text_of(*replace(login, value=value).lines)
    attempts = read_attempts(text, END)
    assert [attempt.context_id for attempt in attempts] == [login.context]
    (attempt,) = attempts
    if not attempt.malformed:
        assert attempt.external_id == value
    shown = attempt.external_id or ""
    assert shown == "" or shown.isprintable()
    assert not set("{}") & set(shown)


@pytest.mark.parametrize("separator", SEPARATORS)
@settings(max_examples=12)
@given(logins, logins, external_ids)
def test_a_forged_line_inside_a_value_is_no_attempt(separator: str, login: Login, forged: Login, bait: str) -> None:
    victim = replace(forged, context="11111111-2222-4333-8444-555555555555", reason=USER_NOT_FOUND)
    for line in victim.lines:
        for value in (f"{bait}{separator}{line}", f"{line}{separator}{bait}", f"{bait}{separator}{line}{separator}x"):
            attempts = read_attempts(text_of(*replace(login, value=value).lines), END)
            assert [attempt.context_id for attempt in attempts] == [login.context]
            assert attempts[0].malformed


@given(logins, logins, domain_names, st.sampled_from(SEPARATORS))
def test_a_forged_line_elsewhere_is_no_attempt(login: Login, forged: Login, name: str, separator: str) -> None:
    victim = replace(forged, context="11111111-2222-4333-8444-555555555555", reason=USER_NOT_FOUND)
    for line in victim.lines:
        agent = login.line("WARN", CONTEXTS, f"User agent changed during login flow from null to {separator}{line}")
        in_domain = replace(login, domains=(name, f"{separator}{line}")).lines
        in_address = replace(login, source=f"{separator}{line}").lines
        for lines in ([agent], in_domain, in_address):
            assert victim.context not in [a.context_id for a in read_attempts(text_of(*lines), END)]


@given(logins, logins)
def test_a_forged_line_of_its_own_makes_the_contradicted_login_malformed(login: Login, forged: Login) -> None:
    real = replace(login, reason=USER_NOT_FOUND, source="192.0.2.44")
    lie = replace(forged, context=real.context, value=f"not-{real.value}"[:256], source="192.0.2.44")
    carrier = replace(forged, context="11111111-2222-4333-8444-555555555555", value=f"x\n{lie.lookup}\ny")
    for lines in ([*real.lines, *carrier.lines], [*carrier.lines, *real.lines]):
        found = {attempt.context_id: attempt for attempt in read_attempts(text_of(*lines), END)}
        assert found[real.context].malformed


@pytest.mark.parametrize(
    "value",
    [
        "{{ lookup('ansible.builtin.pipe', 'id') }}",
        "{{7*7}}",
        "{%for-x-in-y%}",
        "${IFS}id",
        "$(rm -rf /)",
        "; id",
        "a b",
        "a,b",
        "[a]",
        "a\x00b",
        "a\r",
        "a\u2028b",
        "a\x0cb",
        "a\u202eb",
        "a\ufffdb",
        "x" * 257,
        "",
    ],
)
def test_a_value_that_is_no_external_id_is_listed_escaped(value: str) -> None:
    login = Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", value=value)
    (attempt,) = read_attempts(text_of(*login.lines), END)
    assert attempt.malformed
    assert attempt.outcome == "denied"
    shown = attempt.external_id or ""
    assert len(shown) <= 256 * 6 + 3
    assert not set("{}") & set(shown)
    assert shown == "" or shown.isprintable()


@pytest.mark.parametrize("domain", ["{{ 7*7 }}", "a b", "\x00", "a\rb", "x" * 300])
def test_a_domain_that_is_none_makes_the_attempt_malformed_and_is_escaped(domain: str) -> None:
    login = Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", domains=("lab.example.org", domain))
    (attempt,) = read_attempts(text_of(*login.lines), END)
    assert attempt.malformed
    assert all(name.isprintable() and not set("{}") & set(name) for name in attempt.domains)


@given(logins, st.text(st.characters(codec="utf-8", exclude_characters="\n[];"), max_size=20))
def test_a_source_address_is_an_address_and_nothing_else(login: Login, zone: str) -> None:
    for source in (zone, f"192.0.2.44{zone}", f"fe80::1%{zone}"):
        for attempt in read_attempts(text_of(*replace(login, source=source).lines), END):
            shown = attempt.source_ip or ""
            assert shown == "" or shown.isprintable()
            assert not set("{} ") & set(shown)


@given(logins, st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=300))
def test_no_text_behind_a_line_is_read_as_part_of_it(login: Login, tail: str) -> None:
    lines = [f"{line}{tail}" for line in login.lines]
    found = candidates(read_attempts(text_of(*lines), END))
    assert found <= {(login.context, login.value)}


def test_a_long_hostile_line_is_read_quickly() -> None:
    value = ", domains: [x" * 50_000
    text = text_of(log_line("INFO", RESOLVER, f"Fetching user for jit login context: {REQUEST} on attribute a={value}"))
    assert read_attempts(text * 3) == []
