# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines as Broadcom's articles show them, and named examples of each rule."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import (
    LoginAttempt,
    context_ids,
    in_domain,
    read_attempts,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_completeness import Completeness, judge
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_lines import login_lines, timestamp_of
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_window import Window
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import (
    CONTEXTS,
    END,
    START,
    TRACE,
    Login,
    fixture,
    log_line,
    text_of,
)

ONE = "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10"
TWO = "c7d1e2f3-0a9b-4c8d-9e7f-1234567890ab"

ARTICLES = {
    "kb_409564.txt": [
        LoginAttempt(
            timestamp=datetime.fromisoformat("2026-02-04T15:12:41.918"),
            context_id="8a4c91f7-d6da-4f6a-a626-31c0b7de5a10",
            external_id="3b7de0c4-f0eb-49d9-a318-7c55d1a90e21",
            domains=("lab.example.org",),
            outcome="denied",
            reason="USER_NOT_FOUND",
            source_ip="192.0.2.44",
            malformed=False,
        )
    ],
    "kb_437271.txt": [
        LoginAttempt(
            timestamp=datetime.fromisoformat("2026-03-11T08:01:22.645"),
            context_id="c7d1e2f3-0a9b-4c8d-9e7f-1234567890ab",
            external_id="muffin@example.org",
            domains=("example.org",),
            outcome="denied",
            reason="USER_NOT_FOUND",
            source_ip="198.51.100.17",
            malformed=False,
            attribute="ExternalID",
        )
    ],
    "kb_440397.txt": [
        LoginAttempt(
            timestamp=datetime.fromisoformat("2026-04-20T11:41:57.090"),
            context_id="1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b",
            external_id="00u1fbz7mnXk2YQ3w5d7",
            domains=("labs.example.org", "corp.example.org"),
            outcome="denied",
            reason="USER_NOT_FOUND",
            source_ip=None,
            malformed=False,
        ),
        # Looked up by userName: the value is no ExternalId, whatever it looks like.
        LoginAttempt(
            timestamp=datetime.fromisoformat("2026-04-20T11:30:02.412"),
            context_id="898f3c9c-8385-4cd1-8e65-55469e40d480",
            external_id="muffin@labs.example.org",
            domains=("labs.example.org",),
            outcome="denied",
            reason="USER_NOT_FOUND",
            source_ip=None,
            malformed=True,
            attribute="userName",
        ),
    ],
    "kb_440496.txt": [
        LoginAttempt(
            timestamp=datetime.fromisoformat("2026-05-02T06:59:58.777"),
            context_id="0d9c8b7a-6f5e-4d3c-8b2a-190817263544",
            external_id="b5f0a1de-7a0c-4f0e-9a56-b7b4d1f3c0aa",
            domains=("domain.local",),
            outcome="denied",
            reason="USER_NOT_FOUND",
            source_ip="2001:db8::2c",
            malformed=False,
        )
    ],
}


@pytest.mark.parametrize("name", ARTICLES)
def test_the_lines_of_the_articles_are_read(name: str) -> None:
    assert read_attempts(fixture(name)) == ARTICLES[name]
    assert judge(login_lines(fixture(name)), None, Window()) == Completeness()


@pytest.mark.parametrize("name", ARTICLES)
def test_the_articles_end_their_lines_with_a_space(name: str) -> None:
    assert read_attempts(fixture(name).replace("\n", " \n")) == ARTICLES[name]


def test_the_articles_one_after_the_other_are_one_log() -> None:
    text = "".join(fixture(name) for name in ARTICLES)
    expected = sorted((a for each in ARTICLES.values() for a in each), key=lambda a: a.timestamp, reverse=True)
    assert read_attempts(text) == expected
    assert context_ids(text) == [
        "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10",
        "c7d1e2f3-0a9b-4c8d-9e7f-1234567890ab",
        "898f3c9c-8385-4cd1-8e65-55469e40d480",
        "1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b",
        "0d9c8b7a-6f5e-4d3c-8b2a-190817263544",
    ]


@pytest.mark.parametrize("text", ["", "\n", "no log at all\n", text_of(*TRACE)])
def test_other_text_holds_no_attempt(text: str) -> None:
    assert read_attempts(text, END) == []
    assert context_ids(text) == []


def test_attempts_of_one_moment_keep_the_order_of_the_log_newest_first() -> None:
    logins = [Login(ONE, value="first"), Login(TWO, value="second")]
    text = text_of(*(line for login in logins for line in login.lines))
    assert [attempt.external_id for attempt in read_attempts(text)] == ["second", "first"]


def test_a_login_without_a_refusal_is_allowed_once_a_refusal_would_have_come() -> None:
    text = text_of(*Login(ONE, reason=None).lines)
    assert [a.outcome for a in read_attempts(text, START + timedelta(seconds=5))] == ["allowed"]
    assert [a.outcome for a in read_attempts(text, START + timedelta(seconds=4.999))] == ["unknown"]
    assert [a.outcome for a in read_attempts(text)] == ["unknown"]


def test_a_user_who_was_not_found_is_never_taken_for_allowed() -> None:
    login = Login(ONE)
    (attempt,) = read_attempts(text_of(login.lookup, login.not_found), END)
    assert (attempt.outcome, attempt.reason) == ("unknown", None)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (Login(ONE, value="another").lookup, "another value looked up"),
        (Login(ONE, value="another").not_found, "another value refused"),
        (Login(ONE, domains=("other.example.org",)).lookup, "other domains looked up"),
        (Login(ONE, domains=("other.example.org",)).not_found, "other domains refused"),
        (Login(ONE, domains=("lab.example.org", "b")).not_found, "one domain more"),
        (Login(ONE, domains=()).not_found, "no domain"),
        (Login(ONE, reason="USER_DISABLED").refusal, "another reason"),
        (Login(ONE, source="192.0.2.45").refusal, "another address"),
        (Login(ONE, attribute="userName").not_found, "another attribute"),
        (Login(ONE).refusal.replace(f";{ONE}]", f";{TWO}]"), "the bracket of another login"),
        (Login(ONE).lookup.replace(f";{ONE}]", ";-]"), "a bracket without a login"),
    ],
)
def test_lines_of_one_login_that_disagree_make_it_malformed(other: str, why: str) -> None:
    for lines in ([*Login(ONE).lines, other], [other, *Login(ONE).lines]):
        attempts = {attempt.context_id: attempt for attempt in read_attempts(text_of(*lines), END)}
        assert attempts[ONE].malformed, why


def test_domains_in_another_order_or_case_agree() -> None:
    login = Login(ONE, domains=("a.example", "b.example"))
    text = text_of(login.lookup, Login(ONE, domains=("B.example", "a.example")).not_found, login.refusal)
    (attempt,) = read_attempts(text)
    assert not attempt.malformed
    assert {domain.lower() for domain in attempt.domains} == {"a.example", "b.example"}


@pytest.mark.parametrize("attribute", ["userName", "email", "ExternalIdx", "sub"])
def test_only_the_attribute_external_id_counts(attribute: str) -> None:
    (attempt,) = read_attempts(text_of(*Login(ONE, attribute=attribute).lines), END)
    assert attempt.malformed


def test_user_agents_and_stack_traces_are_not_lines_of_a_login() -> None:
    login = Login(ONE)
    agent = login.line("WARN", CONTEXTS, f"User agent changed during login flow from null to {Login(TWO).lookup}")
    text = text_of(agent, login.lookup, *TRACE, login.not_found, *TRACE, login.refusal, *TRACE, agent)
    assert read_attempts(text, END) == [login.attempt]


@pytest.mark.parametrize(
    "broken",
    [
        Login(ONE).lookup.replace("INFO ", "NOTE "),
        Login(ONE).lookup.replace(":federation", ":usergroup"),
        Login(ONE).lookup.replace(".AuthResponseUserResolver", ".SomethingElse"),
        Login(ONE).lookup.replace("2026-02-04", "2026-13-04"),
        Login(ONE).lookup.replace("2026-02-04T", "2026-02-04 "),
        "x" + Login(ONE).lookup,
        Login(ONE).lookup + "x",
        Login(ONE).lookup.replace(ONE, ONE[:-1]),
        Login(ONE).lookup.replace("[CUSTOMER;", "[CUSTOMER;-;"),
    ],
)
def test_a_line_of_another_shape_is_no_line_of_a_login(broken: str) -> None:
    assert read_attempts(text_of(broken), END) == []


def test_the_time_of_a_line() -> None:
    assert timestamp_of(log_line("INFO", "a.B", "c", START)) == START
    assert timestamp_of(log_line("INFO", "a.B", "c", START).replace(",000", ".25")) == START + timedelta(seconds=0.25)
    assert timestamp_of(log_line("INFO", "a.B", "c", START).replace(",000", "")) == START
    assert timestamp_of(f"{START:%Y-%m-%dT%H:%M:%S},000 half a li") is None
    assert timestamp_of("") is None


def test_in_domain_compares_without_case() -> None:
    attempt = Login(ONE, domains=("Lab.Example.Org", "b")).attempt
    assert in_domain(attempt, "lab.example.org")
    assert in_domain(attempt, None)
    assert not in_domain(attempt, "example.org")
    assert not in_domain(Login(ONE, domains=()).attempt, "lab.example.org")
