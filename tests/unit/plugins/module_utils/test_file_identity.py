# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file is one file, however it is spelt."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._file_identity import (
    file_identity,
    shared_files,
)


@pytest.fixture
def spellings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Spellings of one file in the present folder."""
    home = tmp_path / "home"
    (home / "below").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(home)
    (home / "link").symlink_to("tok")
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PLACE", str(home))
    return [
        *("tok", "./tok", "below/../tok", str(home / "tok"), "~/tok", "$PLACE/tok", "link"),
        *(str(tmp_path / "linked/tok"), str(tmp_path / "linked/link")),
    ]


@pytest.mark.parametrize("exists", [False, True])
def test_all_spellings_of_a_file_are_equal(spellings: list[str], exists: bool) -> None:
    if exists:
        Path("tok").touch()
        os.link("tok", "hard")
        spellings.append("hard")
    for one, other in combinations(spellings, 2):
        assert file_identity(one) == file_identity(other), (one, other)
        assert shared_files([("a.example.org", one), ("b.example.org", other)]) == [sorted([one, other])]


@pytest.mark.parametrize("exists", [False, True])
def test_other_files_are_others(spellings: list[str], exists: bool) -> None:
    others = ["tok2", "below/tok", "none/tok", "Tok"]
    if exists:
        for name in ("tok", "tok2", "below/tok", "Tok"):
            Path(name).touch()
    for one, other in combinations([spellings[0], *others], 2):
        assert file_identity(one) != file_identity(other), (one, other)
        assert shared_files([("a.example.org", one), ("b.example.org", other)]) == []


def test_hosts_of_one_vcenter_may_share_a_file(spellings: list[str]) -> None:
    assert shared_files([("VCSA.example.org", spellings[0]), ("vcsa.example.org", spellings[1])]) == []
    assert shared_files([]) == []
