# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command that takes a token gets it on standard input and nowhere else."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.action.rotate_token import run_command
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError

TOKEN = "eyJ0eXAi.cGF5bG9hZC1vZi1pdA.c2lnbmF0dXJlLW9mLWl0"
READ = "import sys; token = sys.stdin.buffer.read()"


def python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", f"{READ}; {script}", *arguments]


def failure(command: list[str], timeout: float = 60) -> str:
    with pytest.raises(IdentityBrokerError) as caught:
        run_command(command, TOKEN, timeout)
    assert f"Handing the new sync token to the command {command[0]} failed" in str(caught.value)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_a_command_gets_the_bare_token(tmp_path: Path) -> None:
    path = tmp_path / "pushed"
    run_command(python("open(sys.argv[1], 'wb').write(token)", str(path)), TOKEN, 60)
    assert path.read_bytes() == TOKEN.encode()


def test_a_command_that_reads_nothing_may_go_well() -> None:
    run_command([sys.executable, "-c", ""], TOKEN, 60)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("sys.exit(7)", "exit status 7."),
        ("sys.exit('no such key')", "exit status 1 and said: no such key"),
        ("print('to stdout'); sys.exit(2)", "exit status 2 and said: to stdout"),
        ("sys.exit(b'got ' + token)", "********"),
        ("sys.exit(token.decode().split('.')[1])", "said: ********"),
        ("import base64; sys.exit(base64.b64encode(token).decode())", "********"),
        ("sys.stderr.buffer.write(b'\\xff\\x1b[2J bad'); sys.exit(1)", "bad"),
        ("import os; os.kill(os.getpid(), 15)", "signal 15"),
    ],
)
def test_a_command_that_fails_is_told_without_the_token(script: str, says: str) -> None:
    message = failure(python(script))
    assert says in message
    assert message.isprintable()
    for secret in (*TOKEN.split(".")[1:], base64.b64encode(TOKEN.encode()).decode().rstrip("=")):
        assert secret not in message


def test_a_command_that_does_not_end_is_killed() -> None:
    assert "did not end within 0.1 s" in failure([sys.executable, "-c", "import time; time.sleep(60)"], 0.1)


def test_a_command_that_cannot_be_started(tmp_path: Path) -> None:
    assert "cannot be started (No such file" in failure([str(tmp_path / "none")])
