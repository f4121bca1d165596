# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""No text becomes shell syntax, and no text of a log becomes a mark of the script."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_commands import (
    MOST_OUTPUT,
    LogCommands,
    refusal_to_read,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_lines import LOGIN_MARKS
from hypothesis import given
from hypothesis import strategies as st

WORD = "0123456789abcdef01234567"
# An argument of a program cannot hold NUL.
arguments = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20) | st.sampled_from(
    [
        "$(id)",
        "`id`",
        "'; id #",
        '"; id',
        "\n id\n",
        "\\",
        "a'b",
        "${IFS}",
        "-e",
        "--",
        "*",
        "~",
        "!!",
        "&",
        "|",
        "\r",
        "",
    ]
)
lists = st.lists(arguments, max_size=3)
BUILDERS: list[Callable[[LogCommands, str, list[str], list[str], int], tuple[str, list[str]]]] = [
    lambda commands, _file, _one, _two, _number: (commands.open(rotated=True), ["yes"]),
    lambda commands, _file, _one, _two, _number: (commands.open(rotated=False), [""]),
    lambda commands, file, one, _two, number: (
        commands.scan(file, number, one),
        [file, str(number), str(MOST_OUTPUT), "", "", *(part for mark in one for part in ("-e", mark))],
    ),
    lambda commands, file, _one, _two, number: (
        commands.timeline(file, number),
        [file, str(number), str(MOST_OUTPUT), *(mark.lower() for mark in LOGIN_MARKS)],
    ),
    lambda commands, file, one, _two, number: (
        commands.wait(file, number, number, number, one),
        [file, str(number), str(number), str(number), *(part for mark in one for part in ("-e", mark))],
    ),
]


@pytest.mark.parametrize("build", BUILDERS)
@given(arguments, arguments, lists, lists, st.integers(0, 2**40))
def test_every_value_is_one_argument_of_a_fixed_script(
    build: Callable[[LogCommands, str, list[str], list[str], int], tuple[str, list[str]]],
    log: str,
    file: str,
    one: list[str],
    two: list[str],
    number: int,
) -> None:
    command, expected = build(LogCommands(WORD, log), file, one, two, number)
    shell, option, script, *words = shlex.split(command)
    fixed = shlex.split(build(LogCommands(WORD, "/log"), "/file", [], [], 0)[0])[2]
    assert (shell, option, script) == ("/bin/sh", "-c", fixed)
    assert words[:3] == ["sh", WORD, log]
    # What is left over is the pattern of a time stamp, which is fixed as well.
    rest = words[3:]
    assert [word for word in rest if not word.startswith(("^((<[0-9]+>)", "^([,.]"))] == expected


def test_the_whole_mark_stands_in_no_command() -> None:
    commands = LogCommands(WORD, "/var/log/x.log")
    for command in (commands.open(rotated=True), commands.scan("/f", 0, ["m"]), commands.wait("1", 0, 1, 1, ["m"])):
        assert f"@42{WORD}" not in command, "a shell that echoes the command must not seem to have run it"
        assert commands.sections(command) is None
        assert commands.sections(f"Unknown command: `{command}'\n") is None


def mark(name: str, word: str = WORD) -> str:
    """What the script prints before a section."""
    return f"\n@42{word}:{name}\n"


texts = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    [
        "@42",
        "@42:end",
        f"{mark('end', 'f' * 24)}",
        f"\n@42{WORD[:-1]}:end\n",
        f"\n@42{WORD[::-1]}:missing\n",
        "\r\n",
        "\n\n",
    ]
)


@given(texts, texts, texts)
def test_text_without_the_word_forges_no_section(banner: str, first: str, second: str) -> None:
    commands = LogCommands(WORD, "/log")
    output = f"{banner}{mark('lines')}{first}{mark('current')}{second}{mark('end')}"
    assert commands.sections(output) == {"lines": first, "current": second, "end": ""}
    assert commands.sections(output.removesuffix(mark("end"))) is None
    assert commands.sections(f"{banner}{first}{second}") is None


@given(texts)
def test_a_terminal_ends_lines_with_two_characters(text: str) -> None:
    commands = LogCommands(WORD, "/log")
    plain = f"{mark('lines')}{text.replace(chr(13), '')}{mark('end')}"
    assert commands.sections(plain.replace("\n", "\r\n")) == commands.sections(plain)


def test_a_word_of_another_run_is_text() -> None:
    output = f"{mark('lines')}{mark('missing', 'f' * 24)}{mark('end')}"
    found = LogCommands(WORD, "/log").sections(output)
    assert found is not None
    assert refusal_to_read(found) is None


@pytest.mark.parametrize("reason", ["missing", "nofile", "unreadable", "nozcat", "rotated"])
def test_why_the_log_could_not_be_read(reason: str) -> None:
    found = LogCommands(WORD, "/log").sections(f"{mark(reason)}{mark('end')}")
    assert found is not None
    assert refusal_to_read(found) == reason


def test_a_damaged_file_is_said_on_standard_error() -> None:
    commands = LogCommands(WORD, "/log")
    assert commands.is_damaged(f"gzip: unexpected end of file\n{mark('damaged')}")
    assert not commands.is_damaged("gzip: unexpected end of file\n@42:damaged")
