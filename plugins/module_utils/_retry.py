# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long to wait before a request is sent again. PRIVATE to this collection."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TRIES = 4
LONGEST_PAUSE = 60.0
MAX_WAIT = 300.0
"""How many seconds one request waits in all for a server that answers 429 and says how long to wait (Retry-After)."""


@dataclass
class Patience:
    """How often one request is tried, and how long it waits for a server that answers 429."""

    attempt: int = 0
    waited: float = 0.0

    @property
    def may_try_again(self) -> bool:
        """Whether another try is left."""
        return self.attempt < TRIES

    def seconds_for(self, header: str | None) -> float | None:
        """Return how long to wait after a 429 with this Retry-After; None where the limit is reached."""
        asked = seconds_asked(header)
        if not asked:
            return retry_after(header, self.attempt) if self.may_try_again else None
        # A wait that was asked for is no failed try.
        self.attempt -= 1
        self.waited += asked
        return asked if self.waited <= MAX_WAIT else None


def back_off(attempt: int) -> float:
    """Return the seconds to wait after a failed attempt, counted from 1."""
    return 0.5 * 2.0 ** (attempt - 1)


def retry_after(header: str | None, attempt: int) -> float:
    """Return the seconds to wait before another try, within reason."""
    asked = seconds_asked(header)
    return min(back_off(attempt) if asked is None else asked, LONGEST_PAUSE)


def seconds_asked(header: str | None) -> float | None:
    """Return what Retry-After asks for: it holds seconds or a date (RFC 9110 section 10.2.3). None for anything else."""
    if header is not None and header.strip().isdecimal():
        return float(header)
    if header is not None:
        with contextlib.suppress(TypeError, ValueError):
            return max((parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds(), 0.0)
    return None
