# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the broker's log says of logins that failed before anybody was looked up. PRIVATE to this collection.

Known from Broadcom's articles are the provider's error C(access_denied) and keys that are skipped (KB 408234), the client
secret that the provider refuses (KB 390375, 380642), and the claim that is missing (KB 419291). The words on certificates are
Java's, those on the time of an ID token are Vert.x's; where the broker puts them is not known.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ._federation_log import escaped
from ._log_lines import log_line

FAILURE_MARKS = (
    "Authorize request failed with error ",
    "Exception occurred while retrieving oidc tokens ",
    "ID Token did not return expected nameId claim ",
    "Token endpoint failed ",
)
"""One of these stands in every line that tells of a login that failed."""
KEY_MARK = "JWK skipped: "
"""Stands in lines that are there whenever keys are read, also where nothing is wrong: only a failure makes them tell something."""

REFUSED = "refused_at_provider"
CLAIM_MISSING = "claim_missing"
KEY_OR_TRUST = "key_or_trust"
CLIENT_SECRET = "client_secret"  # noqa: S105
CLOCK = "clock_skew"
PROVIDER_ERROR = "provider_error"
NO_TOKENS = "no_tokens"
CAUSES = (REFUSED, CLAIM_MISSING, KEY_OR_TRUST, CLIENT_SECRET, CLOCK, PROVIDER_ERROR, NO_TOKENS)

_TOGETHER = timedelta(milliseconds=100)
"""A line of the event loop carries no login context; the login that it belongs to fails right after it."""

_AUTHENTICATOR = "com.vmware.vidm.federation.authenticator.oidc.OidcAuthenticator"
_TOKEN_SERVICE = "com.vmware.vidm.federation.authenticator.oidc.OidcAuthenticationService"  # noqa: S105
_JWT = "io.vertx.ext.auth.impl.jose.JWT"

_AUTHORIZE = re.compile(r"Authorize request failed with error (?P<error>\S{1,100})(?: .*)?", re.DOTALL)
_TOKENS = re.compile(
    r"(?:Exception occurred while retrieving oidc tokens [\w.$]*OidcAuthenticationException: )?(?P<error>.*)", re.DOTALL
)
_CLAIM = re.compile(r"ID Token did not return expected nameId claim (?P<claim>\S{1,256})")
_ENDPOINT = re.compile(r"Token endpoint failed (?P<error>.*)", re.DOTALL)
_TIME = re.compile(
    r"(?:Invalid|Expired) JWT(?: token)?: (?:nbf|iat|exp) [<>]=? now|(?:Expired JWT|JWT before use time)"
)
_TRUST = re.compile(r"PKIX path building failed|SSLHandshakeException|unable to find valid certification path")


@dataclass(frozen=True, slots=True)
class LoginFailure:
    """A login that the provider, or the way to it, made fail. C(timestamp) is the log's own local time."""

    timestamp: datetime
    cause: str
    context_id: str | None
    source_ip: str | None
    value: str | None
    line: str

    def result(self) -> dict[str, Any]:
        """The failure as C(externalid_fact) returns it; its time must be UTC by now."""
        return {
            "timestamp": f"{self.timestamp.isoformat(timespec='milliseconds')}Z",
            "cause": self.cause,
            "context_id": self.context_id,
            "source_ip": self.source_ip,
            "value": self.value,
            "line": self.line,
        }


def is_unexplained(failures: Iterable[LoginFailure]) -> bool:
    """Whether a login got no token, and no other line says why."""
    return any(failure.cause == NO_TOKENS for failure in failures)


def read_failures(text: str) -> list[LoginFailure]:
    """Read them from log text, newest first: one for each login context, and those that belong to none."""
    found = [failure for line in text.split("\n") if (failure := _failure(line))]
    found.sort(key=lambda failure: failure.timestamp)
    alone = [failure for failure in found if failure.context_id is None]
    moments = [failure.timestamp for failure in alone]
    read: list[LoginFailure] = []
    belonging: set[int] = set()
    for failure in _most_telling(found):
        near = range(bisect_left(moments, failure.timestamp - _TOGETHER), bisect_right(moments, failure.timestamp))
        belonging.update(near)
        read.append(_explained(failure, [alone[at] for at in near]) if failure.cause == NO_TOKENS else failure)
    read += [failure for at, failure in enumerate(alone) if at not in belonging and KEY_MARK not in failure.line]
    return sorted(read, key=lambda failure: failure.timestamp, reverse=True)


def failure_from_result(item: Any) -> LoginFailure:
    """Read one back from what C(externalid_fact) returned. Raises ValueError that names the key that does not fit."""
    if not isinstance(item, dict):
        raise ValueError("not a dictionary")
    for key in ("timestamp", "cause", "line"):
        if not isinstance(item.get(key), str):
            raise ValueError(f"{key} is missing")
    for key in ("context_id", "source_ip", "value"):
        if item.get(key) is not None and not isinstance(item[key], str):
            raise ValueError(f"{key} is not a string")
    if item["cause"] not in CAUSES:
        raise ValueError("cause is unknown")
    try:
        timestamp = datetime.fromisoformat(item["timestamp"]).replace(tzinfo=None)
    except ValueError:
        raise ValueError("timestamp is no time") from None
    return LoginFailure(
        timestamp, item["cause"], item.get("context_id"), item.get("source_ip"), item.get("value"), item["line"]
    )


def _failure(text: str) -> LoginFailure | None:
    line = log_line(text)
    if line is None:
        return None
    cause, value = _cause(line.logger, line.message)
    if cause is None:
        return None
    return LoginFailure(
        line.timestamp,
        cause,
        line.context,
        line.source_ip,
        escaped(value) if value else None,
        escaped(text, most=1000),
    )


def _cause(logger: str, message: str) -> tuple[str | None, str | None]:
    if logger == _JWT and message.startswith(KEY_MARK):
        return KEY_OR_TRUST, message
    if logger == _TOKEN_SERVICE and (endpoint := _ENDPOINT.fullmatch(message)):
        error = endpoint["error"]
        if _TRUST.search(error):
            return KEY_OR_TRUST, error
        return (CLIENT_SECRET if "invalid_client" in error else PROVIDER_ERROR), error
    if logger != _AUTHENTICATOR:
        return None, None
    if authorize := _AUTHORIZE.fullmatch(message):
        return (REFUSED if authorize["error"] == "access_denied" else PROVIDER_ERROR), authorize["error"]
    tokens = _TOKENS.fullmatch(message)
    error = tokens["error"] if tokens else message
    if authorize := _AUTHORIZE.fullmatch(error):
        return (REFUSED if authorize["error"] == "access_denied" else PROVIDER_ERROR), authorize["error"]
    if claim := _CLAIM.fullmatch(error):
        return CLAIM_MISSING, claim["claim"]
    if _TIME.fullmatch(error):
        return CLOCK, error
    if _TRUST.search(error):
        return KEY_OR_TRUST, error
    return (NO_TOKENS, error) if error != message else (None, None)


def _most_telling(failures: Iterable[LoginFailure]) -> list[LoginFailure]:
    """One for each login context."""
    by_context: dict[str, list[LoginFailure]] = {}
    for failure in failures:
        if failure.context_id is not None:
            by_context.setdefault(failure.context_id, []).append(failure)
    return [min(lines, key=lambda failure: CAUSES.index(failure.cause)) for lines in by_context.values()]


def _explained(failure: LoginFailure, before: Sequence[LoginFailure]) -> LoginFailure:
    """With the cause that the event loop told right before, if that was one."""
    # Keys are skipped on every reading of the keys; an endpoint that failed says more.
    telling = [other for other in before if KEY_MARK not in other.line] or before
    if len({other.cause for other in telling}) != 1:
        return failure
    return replace(failure, cause=telling[-1].cause, value=telling[-1].value, line=telling[-1].line)
