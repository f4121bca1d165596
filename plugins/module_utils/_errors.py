# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exception family. PRIVATE to this collection.

Every message says what was attempted, on which host, what came back and what to do next.
Whoever raises one has already taken every secret out of it.
"""

from __future__ import annotations

from collections.abc import Sequence

TOO_MANY, SERVER_ERROR, NOT_IMPLEMENTED = 429, 500, 501
NAMES_SHOWN = 10


class IdentityBrokerError(Exception):
    """What a user is told: the text of the exception is the whole message."""

    while_reading = False
    """Whether it happened in a read that a write needs, so that nothing was written."""

    def __init__(self, message: str, *, way_out: str = "") -> None:
        self.message = message
        self.way_out = way_out
        super().__init__(f"{message} {way_out}".strip())


class InputError(IdentityBrokerError):
    """An option's value cannot be used: names the field, the problem and the way out."""

    def __init__(self, field: str, problem: str, way_out: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}.", way_out=way_out)


class PlanRefusedError(IdentityBrokerError):
    """The laws forbid what was asked. Nothing has been changed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        headline = "Nothing was changed:" if len(problems) == 1 else f"Nothing was changed, {len(problems)} problems:"
        super().__init__("\n".join([headline, *problems]) if len(problems) > 1 else f"{headline} {problems[0]}")


def as_part_of_a_run(error: IdentityBrokerError) -> str:
    """Return the message of an error for a run that may have changed something before it."""
    return "\n".join(error.problems) if isinstance(error, PlanRefusedError) else str(error)


class AccessEndedError(IdentityBrokerError):
    """No token serves any more, so nothing else can be sent either."""


class TransportError(IdentityBrokerError):
    """No HTTP answer: name, TLS, connection or time-out."""

    def __init__(self, attempted: str, host: str, problem: str, way_out: str = "") -> None:
        self.host = host
        super().__init__(f"Could not {attempted} on {host}: {problem}.", way_out=way_out)


class AnswerError(IdentityBrokerError):
    """An HTTP answer that is not the one hoped for."""

    def __init__(
        self, attempted: str, host: str, problem: str, way_out: str = "", *, status: int, code: str = ""
    ) -> None:
        self.host = host
        self.problem = problem
        self.status = status
        self.code = code
        super().__init__(f"Could not {attempted} on {host}: {problem}.", way_out=way_out)


class UnauthenticatedError(AnswerError):
    """401: the credential is wrong, expired or revoked. The request had no effect."""


class ForbiddenError(AnswerError):
    """403: the credential is known, and not enough."""


class NotFoundError(AnswerError):
    """404, or vSphere's OPERATION_NOT_FOUND."""


class NoProviderError(NotFoundError):
    """The broker says in the shape of older versions that it has no external identity provider."""


class ConflictError(AnswerError):
    """409 from SCIM, or vSphere's ALREADY_EXISTS (a 400)."""


class UnreadableAnswerError(AnswerError):
    """The answer's status is fine, and its body is not what was asked for."""


class ListingError(IdentityBrokerError):
    """A listing that does not add up; nothing may be decided by it."""


def may_have_been_done(error: IdentityBrokerError) -> bool:
    """Whether a write may have been carried out although its answer was no success."""
    return _says_nothing(error) and not error.while_reading


def is_passing(error: IdentityBrokerError) -> bool:
    """Whether the same may go well a little later, since nothing was said against what was asked."""
    return _says_nothing(error) or (isinstance(error, AnswerError) and error.status == TOO_MANY)


def _says_nothing(error: IdentityBrokerError) -> bool:
    """Whether an error leaves open what the server did."""
    if isinstance(error, AnswerError) and not isinstance(error, UnreadableAnswerError):
        return error.status >= SERVER_ERROR and error.status != NOT_IMPLEMENTED
    return isinstance(error, TransportError | UnreadableAnswerError)


def some_of(names: Sequence[str]) -> str:
    """The names for a message, the first of very many."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
