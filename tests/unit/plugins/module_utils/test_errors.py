# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user is told: the text of the exception is the whole message."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import (
    AnswerError,
    ConflictError,
    ForbiddenError,
    IdentityBrokerError,
    InputError,
    ListingError,
    NotFoundError,
    PlanRefusedError,
    TransportError,
    UnauthenticatedError,
    UnreadableAnswerError,
    as_part_of_a_run,
)


def test_an_input_error_names_field_problem_and_way_out() -> None:
    error = InputError("users[1].external_id", "is 7 (int) and not a string", "Quote it.")
    assert str(error) == "users[1].external_id: is 7 (int) and not a string. Quote it."
    assert (error.field, error.way_out) == ("users[1].external_id", "Quote it.")


def test_one_problem_is_told_on_one_line_and_several_on_one_each() -> None:
    assert as_part_of_a_run(PlanRefusedError(["a: wrong.", "b: too."])) == "a: wrong.\nb: too."
    assert as_part_of_a_run(InputError("x", "is wrong", "Mend it.")) == "x: is wrong. Mend it."
    assert str(PlanRefusedError(["a: wrong."])) == "Nothing was changed: a: wrong."
    assert str(PlanRefusedError(["a: wrong.", "b: too."])) == "Nothing was changed, 2 problems:\na: wrong.\nb: too."


def test_a_transport_error_names_what_was_attempted_and_the_host() -> None:
    error = TransportError("log in", "vcsa.example.org", "the name is not known", "Is it spelt right?")
    assert str(error) == "Could not log in on vcsa.example.org: the name is not known. Is it spelt right?"
    assert str(TransportError("log in", "h", "no answer")) == "Could not log in on h: no answer."


@pytest.mark.parametrize(
    "kind", [AnswerError, UnauthenticatedError, ForbiddenError, NotFoundError, ConflictError, UnreadableAnswerError]
)
def test_an_answer_error_keeps_status_and_code(kind: type[AnswerError]) -> None:
    error = kind("list users", "h", "HTTP 444", "Use the FQDN.", status=444, code="X")
    assert str(error) == "Could not list users on h: HTTP 444. Use the FQDN."
    assert (error.host, error.status, error.code) == ("h", 444, "X")
    assert isinstance(error, IdentityBrokerError)


@pytest.mark.parametrize("kind", [IdentityBrokerError, ListingError])
def test_a_message_without_a_way_out_has_no_end_that_hangs(kind: type[IdentityBrokerError]) -> None:
    assert str(kind("It broke.")) == "It broke."
    assert str(kind("It broke.", way_out="Mend it.")) == "It broke. Mend it."
