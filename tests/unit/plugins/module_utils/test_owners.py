# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log beside the identity provider: what the provider knows to be somebody's is nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import (
    AttemptList,
    bind,
    contradiction,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import PlanRefusedError
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import Login
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    LAB,
    in_order,
    plan,
    wanted,
)
from hypothesis import given
from hypothesis import strategies as st

CONTEXT = "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10"
IDS = ["P-1", "P-2", "p-1", "N-1", "N-2"]
OWNERS = {"P-1": "muffin", "P-2": "scone"}


def found(*external_ids: str) -> AttemptList:
    attempts = [replace(Login(CONTEXT, value="X", domains=(LAB,)).attempt, external_id=each) for each in external_ids]
    return AttemptList(tuple(attempts), complete=True)


@given(st.lists(st.sampled_from(IDS), max_size=4))
def test_what_the_provider_knows_is_never_bound(seen: Sequence[str]) -> None:
    binding, _problem = bind([wanted("bagel")], found(*seen), [], OWNERS)
    strangers = {each for each in seen if each.startswith("N")}
    assert (binding.external_id if binding else None) == (strangers.pop() if len(strangers) == 1 else None)


@given(st.lists(st.sampled_from(IDS), max_size=4), st.lists(st.sampled_from(IDS), max_size=2))
def test_the_log_speaks_against_the_provider_only_with_what_nobody_has(
    seen: Sequence[str], taken: Sequence[str]
) -> None:
    told = contradiction(wanted("muffin", "P-1"), found(*seen), taken, OWNERS)
    strangers = [each for each in seen if each.startswith("N") and each not in taken]
    assert bool(told) == bool(strangers and "P-1" not in seen)
    if told:
        assert "P-1" in told
        assert strangers[0] in told


def test_a_difference_is_a_problem() -> None:
    desired = in_order([wanted("muffin", "P-1"), wanted("tart", "T-1")])
    with pytest.raises(PlanRefusedError, match="the broker saw is N-1"):
        plan([], desired, login_attempts=found("N-1"), owners=OWNERS, all_or_nothing=True)
    with pytest.raises(PlanRefusedError, match="the broker saw is N-1"):
        plan([], desired, cross_check=found("N-1"), owners=OWNERS, all_or_nothing=True)
    # A comparison binds nobody.
    assert (
        plan([], in_order([wanted("bagel")]), cross_check=found("N-1"), report_missing=True, owners=OWNERS).binding
        is None
    )
    made = plan([], desired, login_attempts=found("P-2", "P-1"), owners=OWNERS)
    assert [op.kind for op in made.operations] == ["create", "create"]


def test_whose_the_refused_external_id_is_is_told() -> None:
    with pytest.raises(PlanRefusedError, match="scone's at the identity provider"):
        plan([], in_order([wanted("bagel")]), login_attempts=found("P-2"), owners=OWNERS, all_or_nothing=True)


def test_somebody_whom_the_provider_does_not_know_is_told_so() -> None:
    with pytest.raises(PlanRefusedError, match="knows nobody of this name"):
        plan([], in_order([wanted("bagel")]), owners=OWNERS, all_or_nothing=True)
