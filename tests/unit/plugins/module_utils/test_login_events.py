# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is on the list is told by its key, everybody else by numbers; nothing is lost, and nothing of the log gets through."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._allow_list import AllowList, read_allow_list
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import LoginAttempt
from ansible_collections.homelab.identity_broker.plugins.module_utils._login_events import (
    LONGEST_DIGEST,
    LoginEvents,
    Telling,
    digest_of,
)
from hypothesis import given
from hypothesis import strategies as st

DOMAIN = "lab.example.org"
WHEN = datetime.fromisoformat("2026-02-04T15:00:00")
ALLOWED = read_allow_list(
    [{"external_id": f"id-{name}", "username": name, "domain": DOMAIN} for name in ("muffin", "scone", "crumpet")]
)
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@:+/=-")


def attempt(external_id: str | None, outcome: str = "denied", **more: Any) -> LoginAttempt:
    said: dict[str, Any] = {
        "timestamp": WHEN,
        "context_id": "c",
        "external_id": external_id,
        "domains": (DOMAIN,),
        "outcome": outcome,
        "reason": "USER_NOT_FOUND" if outcome == "denied" else None,
        "source_ip": None,
        "malformed": False,
    }
    return LoginAttempt(**said | more)


def told(events: LoginEvents, *attempts: LoginAttempt, now: float = 0, allowed: AllowList = ALLOWED) -> list[Any]:
    return [
        (*(event["login"][name] for name in ("outcome", "people", "attempts")),) if "login" in event else event
        for event in events.tell(attempts, allowed, now)
    ]


def test_somebody_on_the_list_is_told_at_once_by_the_lists_key() -> None:
    events = LoginEvents(Telling())
    assert told(events, attempt("id-muffin")) == [("denied", ["muffin"], 1)]


@pytest.mark.parametrize(
    "other",
    [
        attempt("ID-MUFFIN"),
        attempt("id-muffin "),
        attempt("id-muffin", malformed=True),
        attempt("muffin"),
        attempt(None),
        attempt("id-muffin", "unknown"),
    ],
)
def test_nobody_else_is_taken_for_them(other: LoginAttempt) -> None:
    events = LoginEvents(Telling())
    assert told(events, other) == []
    (event,) = told(events, now=2)
    assert event["unknown_attempt"]["attempts"] == 1


def test_another_reason_or_domain_is_no_case_for_provisioning() -> None:
    assert told(LoginEvents(Telling()), attempt("id-muffin", reason="USER_DISABLED")) == [("refused", ["muffin"], 1)]
    assert told(LoginEvents(Telling()), attempt("id-muffin", domains=("b.example",))) == [("refused", ["muffin"], 1)]


def test_further_refusals_are_told_as_one_and_not_at_all_once_the_person_is_in() -> None:
    events = LoginEvents(Telling(every_outcome=True))
    assert told(events, attempt("id-muffin"), attempt("id-scone"), attempt("id-muffin"), attempt("id-scone")) == [
        ("denied", ["muffin", "scone"], 2),
    ]
    assert told(events, attempt("id-scone", "allowed"), now=10) == [("allowed", ["scone"], 1)]
    assert told(events, attempt("id-muffin"), now=59) == []
    assert told(events, now=60) == [("denied", ["muffin"], 2)]
    assert told(events, now=LONG) == []


LONG = 10_000.0


def test_who_comes_shortly_after_another_is_told_together_with_others() -> None:
    events = LoginEvents(Telling())
    assert told(events, attempt("id-muffin")) == [("denied", ["muffin"], 1)]
    assert told(events, attempt("id-scone"), now=1) == []
    assert told(events, attempt("id-crumpet"), now=2) == []
    assert events.next_due == 3
    assert told(events, now=3) == [("denied", ["scone", "crumpet"], 2)]


def test_nobody_is_told_who_was_let_in_or_left_the_list_before() -> None:
    events = LoginEvents(Telling())
    told(events, attempt("id-muffin"), attempt("id-scone"), now=0)
    told(events, attempt("id-crumpet"), now=1)
    told(events, attempt("id-crumpet", "allowed"), now=2)
    assert told(events, now=3) == []
    events = LoginEvents(Telling())
    told(events, attempt("id-muffin"))
    told(events, attempt("id-crumpet"), now=1)
    fewer = read_allow_list([{"external_id": "id-muffin", "username": "muffin"}])
    assert told(events, now=3, allowed=fewer) == []
    assert told(events, now=LONG) == []


def test_a_flood_is_told_as_one_event() -> None:
    events = LoginEvents(Telling())
    assert told(events, *(attempt(f"stranger-{number}") for number in range(5000))) == []
    (event,) = told(events, now=2)
    assert {**event["unknown_attempt"], "digest": len(event["unknown_attempt"]["digest"])} == {
        "attempts": 5000,
        "external_ids": 1000,
        "malformed": 0,
        "digest": 5,
        "number": 1,
    }
    assert told(events, attempt("stranger"), now=3) == []
    assert told(events, now=61) == []
    (event,) = told(events, now=62)
    assert event["unknown_attempt"]["attempts"] == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["id-muffin", "id-scone", "id-crumpet", "a", "b", "{{ c }}"]),
            st.floats(0, 50),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_no_refusal_is_lost_whatever_the_times_and_restarts(tries: list[tuple[str, float, bool]]) -> None:
    events, now, counted, people, numbers = LoginEvents(Telling()), 0.0, Counter[str](), set[str](), list[int]()

    def take(found: list[dict[str, Any]]) -> None:
        for event in found:
            (details,) = event.values()
            if "people" in details:
                people.update(details["people"])
            counted["unknown" if "digest" in details else "known"] += details["attempts"]
            numbers.append(details["number"])

    for external_id, later, restart in tries:
        now += later
        take(events.tell([attempt(external_id)], ALLOWED, now))
        if restart:
            events = LoginEvents.restored(Telling(), json.loads(json.dumps(events.state())))
    for _round in range(3):
        now += 61
        take(events.tell([], ALLOWED, now))
    assert events.next_due is None
    assert people == {key.removeprefix("id-") for key, _later, _restart in tries if key.startswith("id-")}
    assert counted == Counter("known" if key.startswith("id-") else "unknown" for key, _later, _restart in tries)
    assert numbers == list(range(1, len(numbers) + 1))


@given(st.text(max_size=200))
def test_nothing_of_the_log_gets_through_alive(value: str) -> None:
    digest = digest_of(value)
    assert set(digest) <= SAFE
    assert len(digest) <= LONGEST_DIGEST + 3
    events = LoginEvents(Telling())
    said = json.dumps([told(events, attempt(value, malformed=True)), told(events, now=5)])
    assert "{{" not in said.replace("{}", "")
    assert all(mark not in said for mark in ("{%", "{#", "\\u", "\\n"))


def test_login_lines_that_cannot_be_read_count_as_malformed_attempts() -> None:
    events = LoginEvents(Telling())
    events.count_unread(0, 0)
    assert events.next_due is None
    events.count_unread(3, 0)
    assert events.tell([attempt("id-of-a-stranger")], ALLOWED, 1) == []
    (event,) = events.tell([], ALLOWED, Telling().gather)
    told_of = event["unknown_attempt"]
    assert (told_of["attempts"], told_of["malformed"], told_of["external_ids"]) == (4, 3, 1)
