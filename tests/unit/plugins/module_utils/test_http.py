# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a server is left alone that asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import LONGEST_PAUSE, _retry_after
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
    assert _retry_after(header, 3) == seconds


def test_a_date_is_so_far_ahead() -> None:
    ahead = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 20 < _retry_after(ahead, 1) <= 30


@given(st.text(max_size=30) | st.dates().map(lambda day: f"{day:%a, %d %b %Y} 00:00:00 +9959"), st.integers(1, 4))
def test_no_header_makes_it_fail_or_wait_for_ever(header: str, attempt: int) -> None:
    assert 0 <= _retry_after(header, attempt) <= LONGEST_PAUSE
