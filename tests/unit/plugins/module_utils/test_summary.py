# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads at the end of a run."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import Binding
from ansible_collections.homelab.identity_broker.plugins.module_utils._summary import failure, summary
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import Login
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import LAB, picks, wanted
from hypothesis import given
from hypothesis import strategies as st

KINDS = ["create", "update", "rename", "recreate", "delete", "none", "wait"]
ATTEMPT = Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", value="N-1").attempt

results = st.lists(
    picks(["ann", "bob"], [None, "E-1"], KINDS, [None, None, "it broke"]).map(
        lambda fields: (wanted(fields[0], fields[1]), fields[2], fields[3])
    ),
    max_size=6,
)


@given(results, st.booleans(), st.booleans())
def test_everybody_is_told_of_or_counted(
    done: list[tuple[DesiredUser, str, str | None]], check_mode: bool, minted: bool
) -> None:
    lines = summary(done, [], check_mode=check_mode, minted=minted)
    unchanged = [kind for _wanted, kind, error in done if kind == "none" and not error]
    assert len(lines) == max(1, len(done) - len(unchanged) + bool(unchanged) + minted)
    assert all(line and "\n" not in line for line in lines)
    assert sum("would be" in line for line in lines) == (
        sum(kind not in ("none", "wait") and not error for _wanted, kind, error in done) if check_mode else 0
    )
    assert sum(line.startswith("FAILED") for line in lines) == sum(1 for _wanted, _kind, error in done if error)
    if unchanged:
        assert f"left as they are: {len(unchanged)} of {len(done)}" in lines


@pytest.mark.parametrize("kind", ["create", "update", "rename", "recreate", "delete"])
def test_what_was_done_names_the_user(kind: str) -> None:
    (line,) = summary([(wanted("muffin", "E-1"), kind, None)], [], check_mode=False, minted=False)
    assert f"muffin@{LAB}" in line
    assert ("E-1" in line) == (kind in ("create", "recreate")), "a new ExternalId is always told"


def test_who_waits_is_told_for_what() -> None:
    (line,) = summary([(wanted("muffin"), "wait", None)], [], check_mode=True, minted=False)
    assert f"muffin@{LAB}" in line
    assert "external_id" in line


def test_what_was_bound_is_a_matter_of_trust_and_told() -> None:
    binding = Binding(wanted("muffin"), ATTEMPT)
    lines = summary([(wanted("muffin", "N-1"), "create", None)], [binding.announcement], check_mode=False, minted=False)
    told = [line for line in lines if line.startswith("TRUST")]
    assert len(told) == 1
    for part in ("N-1", "192.0.2.44", "15:00:00Z", f"muffin@{LAB}"):
        assert part in told[0]


def test_a_minting_is_told_with_what_it_revokes() -> None:
    assert "revoked" in " ".join(summary([], [], check_mode=False, minted=True))


def test_an_empty_list_is_told() -> None:
    assert summary([], [], check_mode=False, minted=False) == ["nothing asked for"]


FAILURES = st.lists(st.sampled_from([f"problem {number} of 40" for number in range(40)]), max_size=30)


@given(FAILURES, FAILURES, st.booleans())
def test_a_failure_names_each_user_and_is_short(problems: list[str], groups: list[str], changed: bool) -> None:
    users = [(f"user{number}@{LAB}", problem) for number, problem in enumerate(problems)]
    said = failure(users, len(users) + 3, groups, changed=changed)
    errors = list(dict.fromkeys(problems + groups))
    assert said.startswith("Nothing was changed") == (bool(errors) and not changed)
    if len(users) + len(groups) < 2:
        return
    head = said.partition(" failed:")[0]
    assert (f"{len(users)} of {len(users) + 3} users" in head) == bool(users)
    assert (f"{len(groups)} of the groups" in head) == bool(groups)
    assert all(error in said for error in errors[:10])
    assert all(problem in errors[:10] or name in said for name, problem in users)
    assert ("groups[].error" in said) == any(error not in errors[:10] for error in groups)
    assert len(said.splitlines()) <= 13


def test_a_lone_failure_speaks_for_itself() -> None:
    said = failure([("muffin", "muffin was refused")], 5)
    assert said == failure([], 5, ["muffin was refused"]) == "muffin was refused"
    assert failure([("muffin", "muffin is wrong.")], 5, changed=False) == "Nothing was changed: muffin is wrong."
    assert failure([], 5, changed=False) == ""


def test_a_problem_of_several_lines_is_one_line_of_the_summary() -> None:
    lines = summary([(wanted("muffin"), "wait", "muffin waits.\n  a\n  b")], [], check_mode=False, minted=False)
    assert lines == ["FAILED   muffin waits."]
