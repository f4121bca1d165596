# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""For how long a sync token lives, as far as that can be known, whether one is minted or not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from simulator import Appliance, Fault
from system.playbook import Json, Modules

HOUR = 3600


def told(result: Json) -> tuple[str | None, int | None]:
    return result["expires_at"], result["expires_in"]


def until(moment: str) -> float:
    return (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()


@pytest.fixture
def standing(appliance: Appliance) -> str:
    """A token of an hour."""
    appliance.switches.token_ttl = HOUR
    return appliance.mint()


def test_a_minted_token_tells_how_long_it_lives(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.token_ttl = HOUR
    result = modules.well("sync_token")
    assert HOUR - 120 < result["expires_in"] <= HOUR
    assert abs(until(result["expires_at"]) - result["expires_in"]) < 120


@pytest.mark.parametrize("check", [False, True])
def test_a_kept_token_tells_how_long_it_lives(modules: Modules, standing: str, *, check: bool) -> None:
    result = modules.well("sync_token", current_token=standing, check=check)
    assert (result["changed"], result["token"]) == (False, standing)
    assert HOUR - 120 < result["expires_in"] <= HOUR


@pytest.mark.parametrize("options", [{"force": True}, {"renew_before": 2 * HOUR}])
def test_check_mode_tells_of_the_standing_token_where_one_would_be_minted(
    modules: Modules, appliance: Appliance, standing: str, options: Json, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.touch(mode=0o600)
    kept.write_text(standing)
    for source in ({"current_token": standing}, {"token_file": str(kept)}):
        result = modules.well("sync_token", check=True, **source, **options)
        assert (result["changed"], result["token"]) == (True, None)
        assert result["expires_at"]
        assert HOUR - 120 < result["expires_in"] <= HOUR
    assert (appliance.mintings(), appliance.current_sync_token) == ([], standing)
    assert kept.read_text() == standing


@pytest.mark.parametrize("force", [False, True])
def test_a_token_that_was_revoked_lives_no_more(
    modules: Modules, appliance: Appliance, standing: str, *, force: bool
) -> None:
    appliance.mint()
    result = modules.well("sync_token", check=True, current_token=standing, force=force)
    assert (result["changed"], result["expires_in"]) == (True, 0)
    assert result["expires_at"]


def test_a_token_that_has_ended_is_not_even_tried(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.token_ttl = 0
    ended = appliance.mint()
    appliance.clear_requests()
    assert modules.well("sync_token", check=True, current_token=ended)["expires_in"] == 0
    assert not [seen for seen in appliance.requests if seen.path.endswith("/Users")]


def test_an_opaque_token_tells_nothing(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.opaque_token = True
    minted = modules.well("sync_token")
    assert told(minted) == (None, None)
    assert told(modules.well("sync_token", current_token=minted["token"])) == (None, None)
    assert told(modules.well("sync_token", check=True, force=True, current_token=minted["token"])) == (None, None)
    # Unless it is known to be dead.
    appliance.mint()
    assert told(modules.well("sync_token", check=True, current_token=minted["token"])) == (None, 0)


def test_where_none_stands_there_is_nothing_to_tell(modules: Modules, tmp_path: Path) -> None:
    assert told(modules.well("sync_token", check=True)) == (None, None)
    assert told(modules.well("sync_token", check=True, token_file=str(tmp_path / "none"))) == (None, None)


def test_a_broker_that_cannot_be_asked_hinders_no_minting(
    modules: Modules, appliance: Appliance, standing: str
) -> None:
    """With force, the answer would decide nothing, so check mode fails no more than the run does."""
    appliance.switches.faults = [Fault(match="GET /Users", kind="html", times=99)]
    result = modules.well("sync_token", check=True, force=True, current_token=standing)
    assert HOUR - 120 < result["expires_in"] <= HOUR
