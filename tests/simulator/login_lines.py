# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of federation-service.log that one login leaves, whatever becomes of it.

Known, word for word: a login that is allowed or ends with USER_NOT_FOUND (Broadcom's KB 437271, 440397 and 416480), the
error C(access_denied) of the provider and the keys that are skipped (KB 408234), a client secret that the provider
refuses (KB 390375 and 380642), and the message about a missing claim (KB 419291).

Guessed: the line that carries the message about the claim, which is the one that carries the other messages of
OidcAuthenticationException; the words on a certificate that is not trusted, which are Java's own, in the line of a
failed token endpoint; and the words on an ID token whose time is wrong, which are those of Vert.x, whose JWT class
logs the skipped keys. What else is logged after a failure at the provider is not known, and not written.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeGuard, get_args

from .federation_log import POOL, VIDM, FederationLog

ProviderFailure = Literal[
    "refused_and_sent_back", "claim_missing", "key_or_trust", "client_secret", "clock_skew", "clock_skew_expired"
]
PROVIDER_FAILURES: tuple[ProviderFailure, ...] = get_args(ProviderFailure)
"""What goes wrong between the broker and the provider, before anybody is looked up.

C(clock_skew) is an ID token that is not yet valid by the appliance's clock, C(clock_skew_expired) one that no longer is.
"""

Course = Literal["allowed", "user_not_found"] | ProviderFailure

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SOURCE_IP = "192.0.2.10"
CLAIM = "sAMAccountName"
STEP = timedelta(milliseconds=7)
"""From one line of a login to the next."""

_WORKER = "ForkJoinPool-2-worker-3542"
_EVENT_LOOP = "vert.x-eventloop-thread-0"
_MANAGER = f"{VIDM}.login.context.LoginContextManager"
_RESOLVER = f"{VIDM}.login.processor.AuthResponseUserResolver"
_METRICS = f"{VIDM}.utils.MetricsPublisherUtil"
_EVENTS = f"{VIDM}.login.LoginEventServiceAspect"
_HANDLER = f"{VIDM}.exception.handler.LoginExceptionHandler"
_OIDC = f"{VIDM}.authenticator.oidc.OidcAuthenticator"
_TOKEN_SERVICE = f"{VIDM}.authenticator.oidc.OidcAuthenticationService"
_JWT = "io.vertx.ext.auth.impl.jose.JWT"
_OIDC_EXCEPTION = f"{VIDM}.authenticator.oidc.OidcAuthenticationException"
_DENIED = f"{VIDM}.login.AccessDeniedException: Access denied with reason code"
_UNTRUSTED = (
    "javax.net.ssl.SSLHandshakeException: PKIX path building failed: "
    "sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target"
)
_CLIENT_REFUSED = "io.vertx.core.impl.NoStackTraceThrowable: invalid_client"
_NO_TOKENS = "Unable to get ID token and access token"


@dataclass(frozen=True)
class Attempt:
    """What a login brings along. Values are logged raw, whatever they hold: that is what the appliance does."""

    external_id: str
    domains: Sequence[str]
    source_ip: str = SOURCE_IP
    user_agent: str = USER_AGENT
    attribute: str = "ExternalId"
    claim: str = CLAIM
    context: str = field(default_factory=lambda: str(uuid.uuid4()))
    request: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class _Step:
    level: str
    logger: str
    message: str
    thread: str = POOL
    bracket: Literal["login", "request", "none"] = "login"


def is_provider_failure(failure: str | None) -> TypeGuard[ProviderFailure]:
    return failure in PROVIDER_FAILURES


def lines_of(log: FederationLog, attempt: Attempt, course: Course, at: datetime | None = None) -> list[str]:
    """The lines, each with its end. Without C(at) all of them are of this moment."""
    return [
        log.line(
            step.level,
            step.logger,
            step.message,
            moment=at + STEP * number if at else None,
            thread=step.thread,
            package="",
            **_bracket(attempt, step),
        )
        for number, step in enumerate([*_begin(attempt), *_rest(attempt, course)])
    ]


def _bracket(attempt: Attempt, step: _Step) -> dict[str, str]:
    if step.bracket == "none":
        return {"tenant": "-"}
    known = {"address": attempt.source_ip, "request": attempt.request}
    return known | {"context": attempt.context} if step.bracket == "login" else known


def _begin(attempt: Attempt) -> list[_Step]:
    changed = "changed during login flow from null to"
    return [
        _Step("INFO", _MANAGER, f"Created new login context with id: {attempt.context}", bracket="request"),
        _Step("INFO", _MANAGER, f"Loaded login context: {attempt.context}", bracket="request"),
        _Step("WARN", _MANAGER, f"User agent {changed} {attempt.user_agent}"),
        _Step("WARN", _MANAGER, f"Client IP {changed} {attempt.source_ip}"),
    ]


def _rest(attempt: Attempt, course: Course) -> list[_Step]:
    if course == "allowed":
        return _looked_up(attempt)
    if course == "user_not_found":
        return _looked_up(attempt) + _not_found(attempt)
    return _failed_before(attempt, course)


def _looked_up(attempt: Attempt) -> list[_Step]:
    fetching = f"Fetching user for jit login context: {attempt.context} on attribute"
    domains = ", ".join(attempt.domains)
    return [
        _Step("INFO", _METRICS, "OIDC authentication successful"),
        _Step("INFO", _RESOLVER, f"{fetching} {attempt.attribute}={attempt.external_id}, domains: [{domains}]"),
    ]


def _not_found(attempt: Attempt) -> list[_Step]:
    exception = (
        f"User fetching exception with nameId {attempt.external_id}, nameIdFormat {attempt.attribute}, "
        f"and domains [{', '.join(attempt.domains)}], user not found"
    )
    failing = (
        f"Failing login. contextUuid: {attempt.context}, exception: {_DENIED}: USER_NOT_FOUND, "
        "isAuthenticationForced: false"
    )
    return [
        _Step("WARN", _RESOLVER, exception, _WORKER),
        _Step("INFO", _EVENTS, failing, _WORKER),
        _Step("INFO", _METRICS, "Login failed due to reason: USER_NOT_FOUND", _WORKER),
        _Step("INFO", _HANDLER, f"Access denied for login context: {attempt.context}"),
    ]


def _failed_before(attempt: Attempt, failure: ProviderFailure) -> list[_Step]:
    skipped = [_Step("WARN", _JWT, "JWK skipped: use: sig != enc", _EVENT_LOOP, "none")] * 2
    if failure == "refused_and_sent_back":
        refused = "Authorize request failed with error access_denied"
        return [_Step("ERROR", _OIDC, refused), _no_tokens(refused)]
    if failure == "claim_missing":
        return [_no_tokens(f"ID Token did not return expected nameId claim {attempt.claim}")]
    if failure == "key_or_trust":
        return [*skipped, _token_endpoint(_UNTRUSTED), _no_tokens(_NO_TOKENS)]
    if failure == "client_secret":
        return [_token_endpoint(_CLIENT_REFUSED), _no_tokens(_NO_TOKENS)]
    if failure == "clock_skew":
        return [_no_tokens("Invalid JWT token: nbf > now")]
    return [_no_tokens("Expired JWT token: exp <= now")]


def _token_endpoint(error: str) -> _Step:
    return _Step("ERROR", _TOKEN_SERVICE, f"Token endpoint failed {error}", _EVENT_LOOP, "none")


def _no_tokens(error: str) -> _Step:
    return _Step("WARN", _OIDC, f"Exception occurred while retrieving oidc tokens {_OIDC_EXCEPTION}: {error}")
