# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and files that take a token: it goes to standard input and nowhere else."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.action.rotate_token import run_command
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError, InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_targets import (
    check_command,
    check_file,
    token_in_file,
    write_file,
)

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
    plain = tmp_path / "plain"
    plain.write_text("")
    for command in ([str(tmp_path / "none")], [str(plain)], ["no such program"]):
        with pytest.raises(InputError) as caught:
            check_command(command)
        assert caught.value.field == "command"
    check_command(["sh", "-c", "true"])


def test_what_cannot_be_replaced_is_found_before(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", ".", "none/file"):
        with pytest.raises(InputError) as caught:
            check_file("vault_file", str(tmp_path / name))
        assert caught.value.field == "vault_file"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "token")
    assert token_in_file("file", path) is None
    write_file("file", path, TOKEN)
    assert token_in_file("file", path) == TOKEN
    assert Path(path).read_text() == TOKEN
    with pytest.raises(InputError, match="cannot be written"):
        write_file("file", f"{path}/below", TOKEN)


def test_something_else_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    write_file("file", str(path), "Dear diary,\n")
    with pytest.raises(InputError, match="something other than a token"):
        token_in_file("file", str(path))
