# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each login attempt is told once, however its lines arrive, and whenever the stream is saved and restored."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils import _login_stream
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import LoginAttempt, read_attempts
from ansible_collections.homelab.identity_broker.plugins.module_utils._login_stream import LoginStream
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_shapes import UNKNOWN, WRAPPINGS
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import (
    END,
    START,
    TRACE,
    Login,
    login_lists,
    text_of,
)
from hypothesis import given
from hypothesis import strategies as st

LONG = 1000.0


def restored(stream: LoginStream) -> LoginStream:
    return LoginStream.restored(json.loads(json.dumps(stream.state())))


@given(login_lists, st.data())
def test_whatever_the_pieces_and_restarts_each_attempt_is_finished_once(
    several: list[Login], data: st.DataObject
) -> None:
    waiting = [list(login.lines) for login in several]
    turns = data.draw(st.permutations([number for number, lines in enumerate(waiting) for _line in lines]))
    lines = [line for number in turns for line in (*TRACE, waiting[number].pop(0))]
    stream, found = LoginStream(), list[LoginAttempt]()
    while lines:
        size = data.draw(st.integers(1, len(lines)))
        stream.feed(text_of(*lines[:size]), 0.0)
        lines = lines[size:]
        found += stream.finished(0.0)
        if data.draw(st.booleans()):
            stream = restored(stream)
    found += stream.finished(LONG)
    found += restored(stream).finished(2 * LONG)
    wanted = read_attempts("".join(text_of(*login.lines) for login in several), log_end=END)
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


def test_a_refusal_is_finished_at_once_and_what_is_allowed_when_no_refusal_came() -> None:
    refused, allowed = (Login(str(UUID(int=number))) for number in (1, 2))
    stream = LoginStream()
    stream.feed(text_of(*refused.lines, allowed.lookup), 100.0)
    assert stream.next_due == 100.0 + _login_stream.SETTLE
    assert [attempt.outcome for attempt in stream.finished(101.0)] == ["denied"]
    assert stream.finished(104.9) == []
    assert [attempt.outcome for attempt in stream.finished(105.0)] == ["allowed"]
    stream.feed(text_of(*refused.lines), 106.0)
    assert stream.finished(LONG) == []


def test_lines_that_contradict_each_other_are_malformed() -> None:
    login = Login(str(UUID(int=3)))
    other = Login(login.context, value="somebody-else")
    stream = LoginStream()
    stream.feed(text_of(*login.lines, other.lookup), 0.0)
    (attempt,) = stream.finished(1.0)
    assert attempt.malformed


def test_what_never_ends_is_bounded() -> None:
    stream = LoginStream()
    for number in range(1, 12_001):
        login = Login(str(UUID(int=number)), value="x" * 20, moment=START + timedelta(milliseconds=number))
        stream.feed(text_of(login.lookup), 0.0)
        if number % 500 == 0:
            stream.finished(0.0)
    assert len(stream._open) <= _login_stream.MOST_OPEN
    assert len(stream._finished) <= _login_stream.MOST_FINISHED
    one = Login(str(UUID(int=1)), value="x" * _login_stream.LONGEST_LINE)
    other = LoginStream()
    other.feed(text_of(*[one.lookup] * 3, *[one.refusal] * 100), 0.0)
    assert sum(len(login.lines) for login in other._open.values()) == _login_stream.MOST_LINES
    (attempt,) = other.finished(1.0)
    assert (attempt.malformed, attempt.external_id) == (True, None)


@pytest.mark.parametrize("shape", UNKNOWN)
def test_lines_that_cannot_be_read_are_counted_and_nobody_is_taken_for_let_in(shape: str) -> None:
    login = Login(str(UUID(int=4)))
    lines = [UNKNOWN[shape](line) for line in login.lines]
    stream = LoginStream()
    stream.feed(text_of(*lines), 0.0)
    found = restored(stream).finished(LONG)
    assert "allowed" not in [attempt.outcome for attempt in found]
    unread = stream.take_unread()
    assert len(unread) == len([line for line in lines if line not in login.lines])
    assert all(line.isprintable() and len(line) < 6 * _login_stream.LONGEST_UNREAD for line in unread)
    assert stream.take_unread() == []


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_forwarded_log_is_followed(wrapping: str) -> None:
    login = Login(str(UUID(int=5)))
    stream = LoginStream()
    stream.feed(text_of(*map(WRAPPINGS[wrapping], login.lines)), 0.0)
    assert stream.finished(1.0) == [login.attempt]
    assert stream.take_unread() == []
