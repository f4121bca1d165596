# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: for its owner only, in its folder only, and each host's apart."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._journal import REPORT, SSH_REPORT, Journal
from ansible_collections.homelab.identity_broker.plugins.module_utils._recreation import Recreation
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import GroupReference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HOST = "vcsa.example.org:8443"
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
hostile = st.text(st.sampled_from("abAB/\\.-_:*?[]$`'\" \n\0\u00e9\u4e2d"), min_size=1, max_size=12) | st.sampled_from(
    ["..", ".", "../../x", "/etc/passwd", "~", "~root", "-rf", "con", REPORT, "a" * 5000, "\ud800", ""]
)


def recreation(key: str = "u-1", host: str = HOST, **more: Any) -> Recreation:
    entry = {"id": key, "userName": "muffin", "name": {"givenName": "M\u00fcffin"}, **more}
    return Recreation(host, "2026-02-04T15:05:23Z", entry, (GroupReference("g-1", "cooks"),), "E-new")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "a" / "journal"))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_record_from_its_beginning_to_its_end(journal: Journal, tmp_path: Path) -> None:
    assert journal.recreations(HOST) == []
    journal.check(HOST)
    journal.enter(recreation())
    (file,) = files(tmp_path)
    assert file == journal.place(recreation())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for folder in (file.parent, file.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert Journal(str(tmp_path / "a" / "journal")).recreations(HOST) == [recreation()]
    journal.strike(recreation())
    journal.strike(recreation())
    assert (journal.recreations(HOST), files(tmp_path)) == ([], [])


def test_what_a_killed_run_left_half_written_goes_with_the_record(journal: Journal, tmp_path: Path) -> None:
    journal.check(HOST)
    journal.enter(recreation())
    half = journal.place(recreation()).with_name(f".{journal.place(recreation()).name}.x1y2z3")
    half.write_text('{"vers')
    other = half.with_name(".u-2.json.x1y2z3")
    other.touch()
    assert journal.recreations(HOST) == [recreation()]
    journal.strike(recreation())
    assert files(tmp_path) == [other]


@many
@given(st.lists(hostile.filter(bool), min_size=1, max_size=3, unique=True), hostile)
def test_nothing_leaves_the_folder_and_nothing_is_overwritten(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], host: str
) -> None:
    home = tmp_path_factory.mktemp("home")
    journal = Journal(str(home / "journal"))
    journal.check(host)
    records = [recreation(key, host) for key in keys]
    for record in records:
        journal.enter(record)
    places = [journal.place(record) for record in records]
    assert sorted(files(home)) == sorted(places)
    assert len(set(places)) == len(records)
    for place in places:
        assert place.parent.parent == home / "journal"
        assert place.name.isascii()
        assert place.name != REPORT
    assert sorted(each.id for each in journal.recreations(host)) == sorted(keys)
    for record in records:
        journal.strike(record)
    assert files(home) == []


@many
@given(hostile, hostile)
def test_the_records_of_another_host_are_left(tmp_path_factory: pytest.TempPathFactory, mine: str, other: str) -> None:
    journal = Journal(str(tmp_path_factory.mktemp("journal")))
    for host in sorted({mine, other}):
        journal.check(host)
        journal.enter(recreation(host=host))
    assert journal.recreations(mine) == [recreation(host=mine)]
    journal.strike(recreation(host=mine))
    assert journal.recreations(other) == ([] if mine == other else [recreation(host=other)])


def test_a_record_that_names_another_host_than_its_folder_is_not_followed(journal: Journal) -> None:
    journal.check(HOST)
    journal.enter(recreation())
    moved = {**recreation().to_json(), "host": "other.example.org"}
    journal.place(recreation()).write_text(json.dumps(moved))
    assert journal.recreations(HOST) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"version": 2}', b"\xff\xfe", b"[" * 10_000])
def test_a_record_that_cannot_be_read(journal: Journal, content: bytes) -> None:
    journal.check(HOST)
    journal.place(recreation()).write_bytes(content)
    with pytest.raises(InputError) as caught:
        journal.recreations(HOST)
    assert str(journal.place(recreation())) in str(caught.value)
    assert "restore or remove it" in str(caught.value)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = Journal(str(tmp_path / "file" / "journal"))
    with pytest.raises(InputError, match="cannot be written"):
        journal.check(HOST)
    with pytest.raises(InputError, match="cannot be written"):
        journal.enter(recreation())
    with pytest.raises(InputError, match="cannot be written"):
        journal.report(HOST, ["x"])
    assert journal.take_report(HOST) is None


def test_a_word_is_told_once(journal: Journal) -> None:
    assert journal.take_report(HOST) is None
    file = journal.report(HOST, ["one", "two"])
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (REPORT, 0o600)
    assert journal.recreations(HOST) == []
    assert journal.take_report("other.example.org") is None
    assert journal.take_report(HOST) == "one\ntwo"
    assert journal.take_report(HOST) is None


def test_words_of_two_kinds_are_kept_apart_and_told_together(journal: Journal, tmp_path: Path) -> None:
    assert journal.take_report(HOST) is None
    journal.report(HOST, ["left open"], SSH_REPORT)
    journal.report(HOST, ["interrupted", "run again"])
    assert journal.take_report("other.example.org") is None
    assert journal.take_report(HOST) == "interrupted\nrun again\nleft open"
    assert (journal.take_report(HOST), files(tmp_path)) == (None, [])
