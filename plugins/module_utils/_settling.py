# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide what an operation that did not go well, or met another entry, means for the next round. PRIVATE to this collection."""

from __future__ import annotations

from ._directory import Operation
from ._errors import (
    AnswerError,
    ConflictError,
    IdentityBrokerError,
    NotFoundError,
    TransportError,
    UnreadableAnswerError,
    is_passing,
)


def may_pass(error: IdentityBrokerError, operation: Operation) -> bool:
    """Return whether reading again may show that it is done, or that something else is to be done."""
    if isinstance(error, NotFoundError):
        return operation.kind in ("update", "rename")
    if isinstance(error, AnswerError) and not isinstance(error, ConflictError | UnreadableAnswerError):
        return is_passing(error)
    return isinstance(error, TransportError | AnswerError)


def unforeseen(planned: Operation, now: Operation) -> str | None:
    """Return why an operation may not take the planned one's place: nobody was shown that this entry would go or be renamed."""
    entry = now.before
    if now.kind not in ("delete", "rename", "recreate") or entry is None:
        return None
    if planned.before is not None and planned.before.id == entry.id:
        return None
    return (
        f"{now.wanted.label}: somebody else made {entry.label} with ExternalId {entry.external_id} at this moment. Look at "
        "that entry, and run the task again."
    )
