# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a server is left alone that asks for it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote, quote_plus, urlencode

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import HttpClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._retry import (
    LONGEST_PAUSE,
    MAX_WAIT,
    TRIES,
    Patience,
    retry_after,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("60", 60.0),
        ("61", 60.0),
        ("1000000000", 60.0),
        ("9" * 5000, 60.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 9998 07:28:00 GMT", 60.0),
        # Nonsense, so as if nothing was said.
        (None, 2.0),
        ("", 2.0),
        (" ", 2.0),
        ("soon", 2.0),
        ("-5", 2.0),
        ("1.5", 2.0),
        ("1e9", 2.0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", 2.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", 2.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 2.0),
        ("\u00b2", 2.0),
    ],
)
def test_what_is_asked_for_is_kept_within_reason(header: str | None, seconds: float) -> None:
    assert retry_after(header, 3) == seconds


def test_a_date_is_so_far_ahead() -> None:
    ahead = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 20 < retry_after(ahead, 1) <= 30


@given(st.text(max_size=30) | st.dates().map(lambda day: f"{day:%a, %d %b %Y} 00:00:00 +9959"), st.integers(1, 4))
def test_no_header_makes_it_fail_or_wait_for_ever(header: str, attempt: int) -> None:
    assert 0 <= retry_after(header, attempt) <= LONGEST_PAUSE


def test_a_busy_server_is_waited_for_up_to_the_limit() -> None:
    """Six waits of a minute are more than one request has."""
    patience = Patience()
    waits = []
    for _number in range(6):
        patience.attempt += 1
        waits.append(patience.seconds_for("60"))
    assert waits == [60.0] * 5 + [None]
    assert MAX_WAIT == 300


@pytest.mark.parametrize("header", ["301", "9" * 5000, "Wed, 21 Oct 9998 07:28:00 GMT"])
def test_a_longer_wait_than_the_limit_is_not_begun(header: str) -> None:
    patience = Patience(attempt=1)
    assert patience.seconds_for(header) is None


@given(st.lists(st.none() | st.sampled_from(["0", "1", "60", "300", "soon"]), max_size=400))
def test_no_server_is_waited_for_without_an_end(headers: list[str | None]) -> None:
    patience = Patience()
    waits = []
    for header in headers:
        patience.attempt += 1
        if (wait := patience.seconds_for(header)) is None:
            break
        waits.append(wait)
    assert sum(waits) <= MAX_WAIT + TRIES * LONGEST_PAUSE
    assert len(waits) <= MAX_WAIT + TRIES


SECRET = 'p\u00e4ss "w\u00f6rd"\\/+&=%'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        urlencode({"secret": SECRET}).partition("=")[2],
    ],
)
def test_every_form_in_which_a_secret_is_sent_is_hidden(form: str) -> None:
    with HttpClient() as http:
        http.hide(SECRET)
        assert http.scrubbed(f"before {form} after") == "before ******** after"
        assert form in http.secrets


def test_what_basic_authentication_sends_is_hidden() -> None:
    with HttpClient() as http:
        http.hide_basic("j\u00fcrgen", SECRET)
        sent = base64.b64encode(f"j\u00fcrgen:{SECRET}".encode()).decode()
        assert http.scrubbed(f"Basic {sent}") == "Basic ********"
        assert http.scrubbed(SECRET) == "********"


@given(st.text(st.characters(), min_size=1), st.text())
def test_no_secret_ends_in_an_exception(secret: str, username: str) -> None:
    with HttpClient() as http:
        http.hide_basic(username, secret)
        assert secret in http.secrets
