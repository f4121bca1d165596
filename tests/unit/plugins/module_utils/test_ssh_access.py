# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is opened for the reading of a log, what is put back, and what is said of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._ssh_access import (
    LONGEST_PAUSE,
    LONGEST_SHELL,
    SHELL,
    SSH,
    labels,
    left_by_a_run,
    listens_not_yet,
    off_in_check_mode,
    pause_before,
    still_open,
    to_open,
    to_put_back,
    wanted,
    ways_out,
    word_for_the_next_run,
)
from hypothesis import given
from hypothesis import strategies as st

HOST = "vcsa.example.org:8443"
names = st.sets(st.sampled_from(["ssh", "shell"]))
standings = st.dictionaries(st.sampled_from(["ssh", "shell"]), st.booleans())


@given(standings)
def test_what_is_put_back_is_what_was_opened(standing: dict[str, bool]) -> None:
    opened = to_open(standing)
    assert {switch.name for switch in opened} == {name for name, on in standing.items() if not on}
    # What lets people in is open for the shorter time.
    assert to_put_back({switch.name for switch in opened}) == tuple(reversed(opened))


@given(names)
def test_nothing_else_is_put_back(opened: set[str]) -> None:
    assert {switch.name for switch in to_put_back(opened | {"other"})} == opened


def test_what_the_reading_needs() -> None:
    assert wanted(shell=False) == (SSH,)
    assert wanted(shell=True) == (SHELL, SSH)


@given(st.booleans(), st.integers(0, 10**6))
def test_what_is_set_can_be_read(enabled: bool, seconds: int) -> None:
    assert SSH.document(enabled=enabled, seconds=seconds) == {"enabled": enabled}
    shell = SHELL.document(enabled=enabled, seconds=seconds)
    assert shell == {"enabled": enabled, "timeout": min(seconds, LONGEST_SHELL)}
    for switch in (SSH, SHELL):
        for document in (enabled, {"enabled": enabled}, {"value": enabled}, {"value": {"enabled": enabled}}, shell):
            assert switch.is_on(document) is enabled


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["enabled", "value", "x"]), inner),
    )
)
def test_what_is_no_answer_is_told(document: Any) -> None:
    """Not even 0 or an empty text is taken for an answer."""
    with pytest.raises(ValueError, match="whether SSH is enabled"):
        SSH.is_on(document)


@given(st.integers(2, 100))
def test_pauses_grow_to_a_bound(attempt: int) -> None:
    assert 1 <= pause_before(attempt) <= pause_before(attempt + 1) <= LONGEST_PAUSE


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ssh: connect to host 127.0.0.1 port 22: Connection refused", True),
        ("[Errno None] Unable to connect to port 22 on 127.0.0.1", True),
        ("kex_exchange_identification: Connection closed by remote host", True),
        ("root@vcsa: Permission denied (publickey,password).", False),
        ("Invalid/incorrect password: Permission denied, please try again.", False),
        ("Host key verification failed.", False),
        ("Connection timed out", False),
    ],
)
def test_a_password_that_was_refused_is_never_tried_again(said: str, expected: bool) -> None:
    assert listens_not_yet(said) is expected


# What is said


@given(st.sets(st.sampled_from(["ssh", "shell"]), min_size=1))
def test_what_stands_open_is_one_line_with_the_way_to_close_it(opened: set[str]) -> None:
    line = still_open(HOST, opened)
    assert "\n" not in line
    assert line.startswith(f"STILL OPEN on {HOST}: ")
    assert "https://vcsa.example.org:5480" in line
    for name in ("ssh", "shell"):
        assert (f"/api/appliance/access/{name} " in line) is (name in opened)
    for part in line.split("PUT ")[1:]:
        body = part.partition(" ")[2].rstrip(".").rpartition("}")
        assert json.loads(body[0] + body[1])["enabled"] is False
    assert word_for_the_next_run(HOST, opened, "Why.", "2026-02-04T15:05:23Z")[-1] == line


def test_the_words() -> None:
    assert labels((SHELL, SSH)) == "SSH and the shell"
    assert off_in_check_mode(HOST, (SHELL,)).startswith(f"The shell is disabled on {HOST}, so")
    assert off_in_check_mode(HOST, (SHELL, SSH)).startswith(f"SSH and the shell are disabled on {HOST}, so")
    assert left_by_a_run(HOST, ["shell", "ssh"], "then").startswith(f"SSH and the shell of {HOST} were opened at then")
    assert left_by_a_run(HOST, ["shell"], "then").startswith(f"The shell of {HOST} was opened at then")
    first, _last = word_for_the_next_run(HOST, ["ssh"], "", "2026-02-04T15:05:23Z")
    assert first.endswith("put back.")
    for text in ways_out(HOST, "muffin@vsphere.local").values():
        assert "https://vcsa.example.org:5480" in text
    assert "muffin@vsphere.local" in ways_out(HOST, "muffin@vsphere.local")[403]
