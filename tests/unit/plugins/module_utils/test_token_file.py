# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token on disk: for its owner only, never half written, never in a message."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_answers import SyncToken
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_file import (
    check_token_file,
    kept_for,
    read_token_file,
    write_token_file,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TOKEN = SyncToken("eyJ0eXAi.s3cr3t.sig", "https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the token is kept."""
    return tmp_path / "token file's.json"


def written(path: Path, text: str | bytes, mode: int = 0o600) -> str:
    """A file that somebody else made."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return str(path)


def refusal(path: Path | str) -> InputError:
    """What reading is refused with."""
    with pytest.raises(InputError) as caught:
        read_token_file(str(path))
    assert caught.value.field == "token_file"
    assert str(path) in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    return caught.value


# The folder is the same for all examples on purpose: each writes over the one before.
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1), st.none() | st.text(min_size=1))
def test_a_token_is_kept(path: Path, token: str, url: str | None) -> None:
    write_token_file(str(path), SyncToken(token, url))
    assert read_token_file(str(path)) == SyncToken(token, url)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o177])
def test_the_file_is_its_owner_s_only_whatever_the_mask(path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_token_file(str(path), TOKEN)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_wider_file_is_replaced_by_a_narrow_one(path: Path) -> None:
    written(path, "old", 0o644)
    write_token_file(str(path), TOKEN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666, 0o777])
def test_a_file_that_others_can_read_or_write_is_refused(path: Path, mode: int) -> None:
    assert "chmod 600" in refusal(written(path, json.dumps({"token": "s3cr3t"}), mode)).way_out


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_the_owner_s_is_read(path: Path, mode: int) -> None:
    assert read_token_file(written(path, "eyJ.s3cr3t.sig\n", mode)) == SyncToken("eyJ.s3cr3t.sig", None)


@pytest.mark.parametrize("text", ["", "\n", "  \n"])
def test_no_file_or_an_empty_one_is_no_token(path: Path, text: str) -> None:
    assert read_token_file(str(path)) is None
    assert read_token_file(written(path, text)) is None


@pytest.mark.parametrize(
    ("document", "token"),
    [
        ({"token": "t", "scim_url": None}, SyncToken("t", None)),
        ({"token": "t"}, SyncToken("t", None)),
        ({"token": "t", "scim_url": ""}, SyncToken("t", None)),
        ({"token": "t", "scim_url": 5}, SyncToken("t", None)),
        ({"token": "t", "scim_url": "https://h", "more": 1}, SyncToken("t", "https://h")),
    ],
)
def test_json_with_a_token_is_read(path: Path, document: object, token: SyncToken) -> None:
    assert read_token_file(written(path, json.dumps(document))) == token


@pytest.mark.parametrize(
    "document",
    [{}, {"token": ""}, {"token": None}, {"token": ["s3cr3t"]}, {"access_token": "s3cr3t"}, ["s3cr3t"], "s3cr3t"],
)
def test_json_without_a_token_is_refused(path: Path, document: object) -> None:
    refusal(written(path, json.dumps(document)))


def test_what_is_no_text_or_no_file_is_refused(path: Path, tmp_path: Path) -> None:
    refusal(written(path, b"\xff\xfe\x00s3cr3t"))
    refusal(tmp_path)
    refusal(f"{path}/below")


def test_a_write_that_fails_leaves_the_old_token_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_token_file(str(path), TOKEN)

    def broken(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(InputError, match="No space left") as caught:
            write_token_file(str(path), SyncToken("n3w-s3cr3t", None))
    assert "s3cr3t" not in str(caught.value)
    assert read_token_file(str(path)) == TOKEN
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupt_leaves_the_old_token_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_token_file(str(path), TOKEN)

    def broken(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", broken)
        with pytest.raises(KeyboardInterrupt):
            write_token_file(str(path), SyncToken("new", None))
    assert read_token_file(str(path)) == TOKEN
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_found_before_a_token_is_made(tmp_path: Path) -> None:
    check_token_file(str(tmp_path / "token"))
    for path in (tmp_path / "none" / "token", Path(written(tmp_path / "file", "")) / "token"):
        with pytest.raises(InputError) as caught:
            check_token_file(str(path))
        assert caught.value.field == "token_file"
        with pytest.raises(InputError):
            write_token_file(str(path), TOKEN)


OWN = "https://vcsa.example.org:8443/usergroup/t/CUSTOMER/scim/v2"


@pytest.mark.parametrize(
    "url",
    [
        "https://vcsa.example.org/other/scim/v2",
        "https://VCSA.Example.ORG:9443/other/scim/v2",
        "http://vcsa.example.org:80/other/scim/v2",
    ],
)
def test_only_the_path_is_taken_from_the_file(url: str) -> None:
    kept = kept_for("/token", SyncToken("s3cr3t", url), OWN)
    assert kept == SyncToken("s3cr3t", "https://vcsa.example.org:8443/other/scim/v2")


@pytest.mark.parametrize("url", [None, "", "https://vcsa.example.org"])
def test_a_file_that_names_no_path_leaves_the_address_of_the_task(url: str | None) -> None:
    assert kept_for("/token", SyncToken("bare", url), OWN).scim_url == OWN


def test_the_token_of_another_host_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        kept_for("/token", TOKEN, "https://other.example.org/usergroup/t/CUSTOMER/scim/v2")
    for part in ("/token", "vcsa.example.org", "other.example.org", "inventory_hostname", "as hostname"):
        assert part in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        r"https://127.0.0.1:9\@vcsa.example.org/scim",
        "https://user:word@vcsa.example.org/scim",
        "https://vcsa.example.org/ scim",
        "ftp://vcsa.example.org/scim",
        "vcsa.example.org",
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        kept_for("/token", SyncToken("s3cr3t", url), OWN)
    assert (caught.value.field, "/token" in str(caught.value)) == ("token_file", True)
    assert "s3cr3t" not in str(caught.value)
