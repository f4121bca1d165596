# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets a new sync token, what may be overwritten by it, and what is told of it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError, InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_rotation import (
    DEFAULT_VARIABLE,
    Life,
    Targets,
    check_minted,
    check_standing,
    checked_token,
    duration,
    read_targets,
    summary,
    undelivered,
    variable_text,
    variable_token,
    without_token,
)
from hypothesis import given
from hypothesis import strategies as st

TOKENS = st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True)
NO_TOKENS = st.text().filter(lambda text: not text.isascii() or any(char in text for char in " \n\t\"'{}%#$\\:!\0"))
NAMES = st.sampled_from(["yes", "null", "True"]) | st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
NONE: dict[str, Any] = {"file": None, "vault_file": None, "vault_variable": DEFAULT_VARIABLE, "command": None}
ALL = Targets("/f", "/v", "t", ("push", "--to", "s3cr3t"))


def refusal(field: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_targets({**NONE, **options})
    assert caught.value.field == field
    return str(caught.value)


def test_at_least_one_target_is_needed() -> None:
    assert "rotate_token_file" in refusal("file, vault_file, command")
    for name, value in (("file", "/f"), ("vault_file", "/v"), ("command", ["push"])):
        assert list(read_targets({**NONE, name: value}).names) == [name]


def test_the_command_comes_first_and_its_arguments_are_not_told() -> None:
    assert list(ALL.names.items()) == [
        ("command", "the command push"),
        ("vault_file", "the variable t in /v"),
        ("file", "the file /f"),
    ]


@pytest.mark.parametrize("command", [[], [""], ["", "x"], ["push", "a\0b"], ["\0"]])
def test_a_command_that_is_none(command: list[str]) -> None:
    refusal("command", command=command, file="/f")


@pytest.mark.parametrize("variable", ["", "a b", "a-b", "1a", "für", "for", "None", "a\n"])
def test_a_variable_that_is_none(variable: str) -> None:
    refusal("vault_variable", vault_file="/v", vault_variable=variable)


def test_paths_that_are_none() -> None:
    refusal("file", file="")
    refusal("vault_file", vault_file="a\nb")


@given(TOKENS)
def test_a_standing_token_is_a_token(token: str) -> None:
    check_standing(None, token, ALL)
    check_minted(token)
    assert checked_token("file", token) == token


@given(NO_TOKENS)
def test_anything_else_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(InputError) as standing:
        check_standing(None, text, ALL)
    with pytest.raises(InputError) as kept:
        checked_token("file", text)
    with pytest.raises(IdentityBrokerError) as minted:
        check_minted(text)
    if len(text) > 30:
        assert not [caught for caught in (standing, kept, minted) if text in str(caught.value)]


def test_a_token_is_kept_only_where_it_can_be_known() -> None:
    command = Targets(None, None, "t", ("push",))
    check_standing(None, None, command)
    check_standing(5, "a.b.c", command)
    check_standing(0, None, Targets("/f", None, "t", ("push",)))
    check_standing(5, None, Targets(None, "/v", "t", ()))
    for renew_before, targets in ((5, command), (-1, ALL)):
        with pytest.raises(InputError) as caught:
            check_standing(renew_before, None, targets)
        assert caught.value.field == "renew_before"


@given(NAMES, TOKENS)
def test_what_is_written_is_read_as_the_same_text(variable: str, token: str) -> None:
    document = yaml.safe_load(variable_text(variable, token))
    assert document == {variable: token}
    assert variable_token(document, "/v", variable) == token


@pytest.mark.parametrize(
    "document", [[], "x", 5, {"t": "a.b.c", "other": 1}, {"other": 1}, {"t": 5}, {"t": ["x"]}, {"t": "a b"}]
)
def test_variables_that_would_be_lost_are_refused(document: Any) -> None:
    with pytest.raises(InputError) as caught:
        variable_token(document, "/v", "t")
    assert caught.value.field == "vault_file"


@pytest.mark.parametrize("document", [None, {}, {"t": None}, {"t": ""}])
def test_no_variable_yet(document: Any) -> None:
    assert variable_token(document, "/v", "t") is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (2 * 86400 - 1, "47 hours"),
        (2 * 86400, "2 days"),
        (15552000, "180 days"),
    ],
)
def test_spans_for_people(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def told(life: Life, **what: Any) -> list[str]:
    return summary(
        "vcsa", life, **{"known": True, "minted": False, "kept": False, "check_mode": False, "got": ["A"], **what}
    )


def test_what_is_told() -> None:
    life = Life("2026-08-04T15:05:23Z", 86400 * 180)
    minted = told(life, minted=True, got=["A", "B", "C"])
    assert minted[0] == "A new sync token was minted for vcsa. It ends at 2026-08-04T15:05:23Z, in 180 days."
    assert minted[1] == "It was handed to A, B and C."
    assert "revoked" in minted[2]
    assert told(Life(None, None), minted=True)[0].endswith("It does not tell when it ends.")
    assert told(life, kept=True, got=[]) == [
        "The sync token of vcsa is kept: the broker accepts it. It ends at 2026-08-04T15:05:23Z, in 180 days."
    ]
    assert told(life, kept=True)[1] == "It was handed to A, where it was not yet."
    assert told(life, kept=True, check_mode=True)[1].startswith("It would be handed to A")
    assert "Would mint" in told(life, check_mode=True)[0]
    assert "The standing one ends at" in told(life, check_mode=True)[0]
    assert "The standing one does not tell" in told(Life(None, None), check_mode=True)[0]
    assert "The standing one has ended, or was revoked" in told(Life(None, 0), check_mode=True)[0]
    assert "Nothing is known" in told(Life(None, None), check_mode=True, known=False)[0]


def test_who_missed_it_is_told() -> None:
    nobody = undelivered("The disk is full.", [], ["A", "B"])
    assert nobody.startswith(
        "The disk is full. The token before is revoked already, and the new one has not reached A and B:"
    )
    assert "has reached A only, and not B:" in undelivered("x", ["A"], ["B"])
    assert "run it again" in nobody


@given(TOKENS.filter(lambda token: len(token) > 3 and "*" not in token), st.text(max_size=20), st.text(max_size=20))
def test_what_a_command_says_is_shown_without_the_token(token: str, before: str, after: str) -> None:
    said = without_token(f"{before}{token}{after}\nnext", token)
    assert token not in said
    assert said.isprintable()
    assert len(said) <= 510


def test_parts_of_the_token_are_not_shown_either() -> None:
    payload = base64.urlsafe_b64encode(json.dumps({"sub": "x" * 20}).encode()).decode()
    token = f"eyJ0eXAi.{payload}.signature-of-it"
    for part in (payload, "signature-of-it"):
        assert without_token(f"bad part: {part}", token) == "bad part: ********"
    assert without_token("x " * 1000, token).startswith("...")
