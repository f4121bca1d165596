# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import decisive_lines
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_lines import log_line
from ansible_collections.homelab.identity_broker.plugins.module_utils._login_failures import (
    CAUSES,
    FAILURE_MARKS,
    failure_from_result,
    read_failures,
)
from hypothesis import given
from hypothesis import strategies as st

OIDC = "com.vmware.vidm.federation.authenticator.oidc."
TOKENS = f"Exception occurred while retrieving oidc tokens {OIDC}OidcAuthenticationException: "
CONTEXT = "898f3c9c-8385-4cd1-8e65-55469e40d480"
OTHER = "00000000-0000-4000-8000-000000000001"
START = datetime(2026, 2, 4, 15, 5, 23)  # noqa: DTZ001


def line(logger: str, message: str, at: float = 0, context: str | None = CONTEXT, address: str = "192.0.2.10") -> str:
    stamp = (START + timedelta(seconds=at)).isoformat(timespec="milliseconds").replace(".", ",")
    bracket = f"[CUSTOMER;-;{address};r;-;{context}] " if context else "[-;-;-;-;-;-] "
    return f"{stamp} WARN  vcsa:federation (worker-1) {bracket}{logger} - {message}"


def authenticator(message: str, at: float = 0, context: str | None = CONTEXT) -> str:
    return line(f"{OIDC}OidcAuthenticator", message, at, context)


def event_loop(message: str, at: float = 0) -> str:
    return line(f"{OIDC}OidcAuthenticationService", message, at, None)


def causes(*lines: str) -> list[tuple[str, str | None]]:
    return [(failure.cause, failure.context_id) for failure in read_failures("\n".join(lines))]


@pytest.mark.parametrize(
    ("message", "cause", "value"),
    [
        ("Authorize request failed with error access_denied", "refused_at_provider", "access_denied"),
        (f"{TOKENS}Authorize request failed with error access_denied", "refused_at_provider", "access_denied"),
        ("Authorize request failed with error server_error", "provider_error", "server_error"),
        (f"{TOKENS}ID Token did not return expected nameId claim sub", "claim_missing", "sub"),
        ("ID Token did not return expected nameId claim {{x}}", "claim_missing", "\\u007b\\u007bx\\u007d\\u007d"),
        (f"{TOKENS}Invalid JWT token: nbf > now", "clock_skew", "Invalid JWT token: nbf > now"),
        (f"{TOKENS}Expired JWT token: exp <= now", "clock_skew", "Expired JWT token: exp <= now"),
        (f"{TOKENS}Unable to get ID token and access token", "no_tokens", "Unable to get ID token and access token"),
    ],
)
def test_a_line_of_a_login(message: str, cause: str, value: str) -> None:
    (failure,) = read_failures(authenticator(message))
    assert (failure.cause, failure.value, failure.context_id) == (cause, value, CONTEXT)
    assert failure.source_ip == "192.0.2.10"
    assert failure_from_result(failure.result()) == failure


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("javax.net.ssl.SSLHandshakeException: PKIX path building failed: x", "key_or_trust"),
        ("io.vertx.core.impl.NoStackTraceThrowable: invalid_client", "client_secret"),
        ("java.net.ConnectException: refused", "provider_error"),
    ],
)
def test_what_the_event_loop_says_right_before_is_the_cause(error: str, cause: str) -> None:
    lines = [event_loop(f"Token endpoint failed {error}"), authenticator(f"{TOKENS}Unable to get", 0.007)]
    assert causes(*lines) == [(cause, CONTEXT)]
    skipped = line("io.vertx.ext.auth.impl.jose.JWT", "JWK skipped: use: sig != enc", 0, None)
    assert causes(lines[0], skipped, lines[1]) == [(cause, CONTEXT)]
    # Long before, it is another's.
    assert ("no_tokens", CONTEXT) in causes(lines[0], authenticator(f"{TOKENS}Unable to get", 5))


def test_two_logins_at_one_time_are_not_mistaken_for_each_other() -> None:
    lines = [
        event_loop("Token endpoint failed invalid_client", 0),
        event_loop("Token endpoint failed PKIX path building failed", 0.002),
        authenticator(f"{TOKENS}Unable to get", 0.007),
        authenticator(f"{TOKENS}Unable to get", 0.009, OTHER),
    ]
    assert sorted(causes(*lines)) == [("no_tokens", OTHER), ("no_tokens", CONTEXT)]


@given(st.lists(st.text(max_size=60), max_size=8), st.sampled_from(FAILURE_MARKS))
def test_nothing_but_the_loggers_lines_count(texts: list[str], mark: str) -> None:
    """What somebody brings along, such as a user agent, may hold anything."""
    forged = [line("com.vmware.vidm.federation.login.context.LoginContextManager", mark + text) for text in texts]
    assert read_failures("\n".join([*texts, *forged])) == []


@given(st.text(max_size=200))
def test_every_value_is_dead_text(text: str) -> None:
    for failure in read_failures(authenticator(f"{TOKENS}{text}")):
        assert failure.cause in CAUSES
        for shown in (failure.value or "", failure.line):
            assert shown.isprintable()
            assert "{" not in shown
            assert "}" not in shown


@given(st.text(max_size=100))
def test_any_text_is_read(text: str) -> None:
    read_failures(text)
    log_line(text)
    assert decisive_lines(text) == {}


@pytest.mark.parametrize(
    "item",
    [
        None,
        {},
        {"timestamp": "x", "cause": "clock_skew", "line": ""},
        {"timestamp": "2026-01-01", "cause": "y", "line": ""},
    ],
)
def test_something_else(item: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        failure_from_result(item)
