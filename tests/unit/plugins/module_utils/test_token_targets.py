# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What could not take a token is found before one is made, and nothing else is overwritten by it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_rotation import Targets
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_targets import (
    check_command,
    check_file,
    check_targets,
    token_in_file,
    write_file,
)

TOKEN = "eyJ0eXAi.cGF5bG9hZC1vZi1pdA.c2lnbmF0dXJlLW9mLWl0"


def test_a_program_that_is_not_there_is_found_before(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("vault_file", ["token", "./token", "link"])
def test_two_targets_that_are_one_file(vault_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("token")
    with pytest.raises(InputError, match="is the same file as") as caught:
        check_targets(Targets(str(tmp_path / "token"), vault_file, "vault_sync_token", ()))
    assert caught.value.field == "vault_file"
    check_targets(Targets("token", "vault.yml", "vault_sync_token", ()))
    check_targets(Targets(None, vault_file, "vault_sync_token", ()))


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
