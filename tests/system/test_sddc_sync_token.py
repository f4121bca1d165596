# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""sddc_sync_token: minted, kept while it serves, and taken by scim_users as it is."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault, SddcManager
from simulator.operations import sddc_manager as table
from system import sddc_examples as printed
from system.playbook import Json, Modules
from system.scenes import held, person

MODULE = "sddc_sync_token"
TTL = 263000
LIFE = TTL * 60


@pytest.fixture
def okta(sddc: SddcManager) -> SddcManager:
    sddc.add_provider(copy.deepcopy(printed.PROVIDERS["Okta"][1]))
    return sddc


def mintings(sddc: SddcManager) -> list[Json]:
    return [each.query for each in sddc.sent if each.operation == table.MINT.name]


def near(seconds: int, wanted: int) -> bool:
    return wanted - 120 < seconds <= wanted


@pytest.mark.parametrize("minted", ["example", "schema"])
def test_minted(managing: Modules, okta: SddcManager, minted: str) -> None:
    okta.switch({"minted": minted})
    dry = managing.well(MODULE, check=True, ttl=TTL)
    assert (mintings(okta), dry["changed"], dry["token"], dry["expires_at"]) == ([], True, None, None)
    result = managing.well(MODULE, ttl=TTL)
    assert mintings(okta) == [{"syncClientTokenTTL": str(TTL)}]
    (external,) = okta.kept.external.values()
    assert (result["token"], result["scim_url"]) == (external.token, external.scim_url)
    assert result["provider_id"] == external.id
    assert near(result["expires_in"], LIFE)
    end = datetime.fromisoformat(result["expires_at"])
    assert near(int((end - datetime.now(UTC)).total_seconds()), LIFE)
    assert (result["warnings"], result["diff"]) == ([], dry["diff"])


def test_each_run_mints_without_a_standing_token(managing: Modules, okta: SddcManager) -> None:
    first, second = managing.well(MODULE), managing.well(MODULE)
    assert first["token"] != second["token"]
    assert mintings(okta) == [{}, {}]


def test_kept_while_it_serves(managing: Modules, okta: SddcManager) -> None:
    token = managing.well(MODULE, ttl=60)["token"]
    kept = managing.well(MODULE, ttl=60, current_token=token)
    assert (kept["changed"], kept["token"], len(mintings(okta))) == (False, token, 1)
    assert kept["scim_url"].endswith("/usergroup/t/CUSTOMER/scim/v2")
    assert near(kept["expires_in"], 3600)
    for more in ({"force": True}, {"renew_before": 7200}):
        dry = managing.well(MODULE, check=True, current_token=token, **more)
        assert (dry["changed"], dry["token"]) == (True, None)
        assert near(dry["expires_in"], 3600)
    assert len(mintings(okta)) == 1
    assert managing.well(MODULE, current_token=token, renew_before=7200)["token"] != token


def test_one_that_another_minting_may_have_revoked_is_told_and_kept(managing: Modules, okta: SddcManager) -> None:
    """Its end is not the one that SDDC Manager tells. A minting on a guess would cost somebody his token."""
    token = managing.well(MODULE, ttl=60)["token"]
    managing.well(MODULE, ttl=120)
    kept = managing.well(MODULE, current_token=token)
    assert (kept["changed"], kept["token"]) == (False, token)
    assert any("may have revoked it. Give scim_url" in warning for warning in kept["warnings"])
    assert len(mintings(okta)) == 2


def test_kept_in_a_file(managing: Modules, okta: SddcManager, tmp_path: Path) -> None:
    path = tmp_path / "token"
    first = managing.well(MODULE, ttl=60, token_file=str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    second = managing.well(MODULE, ttl=60, token_file=str(path))
    assert (second["changed"], second["token"], second["scim_url"]) == (False, first["token"], first["scim_url"])
    assert len(mintings(okta)) == 1
    assert "does not exist" in managing.failed(MODULE, token_file=str(tmp_path / "none/token"))
    assert len(mintings(okta)) == 1


def test_an_end_that_only_the_list_tells(managing: Modules, okta: SddcManager) -> None:
    okta.switches.minted = "opaque"
    result = managing.well(MODULE, ttl=60)
    assert near(result["expires_in"], 3600)
    kept = managing.well(MODULE, current_token=result["token"])
    assert (kept["changed"], near(kept["expires_in"], 3600)) == (False, True)


def test_a_token_that_was_taken_for_seconds_is_warned_of(managing: Modules, okta: SddcManager) -> None:
    okta.switches.ttl_unit = "seconds"
    result = managing.well(MODULE, ttl=TTL)
    assert "took ttl=263000 for seconds" in result["warnings"][0]
    assert near(result["expires_in"], TTL)


def test_an_answer_without_a_token(managing: Modules, okta: SddcManager) -> None:
    okta.switches.minted = "nothing"
    message = managing.failed(MODULE)
    assert "no body" in message
    assert "may have been minted all the same" in message


def test_which_provider(managing: Modules, okta: SddcManager) -> None:
    okta.add_provider(copy.deepcopy(printed.ADFS_SENT))
    other = okta.add_provider(copy.deepcopy(printed.PROVIDERS["Entra"][1]))
    message = managing.failed(MODULE)
    assert other["id"] in message
    assert "My ADFS" not in message
    assert managing.well(MODULE, name="entra id")["provider_id"] == other["id"]
    assert managing.well(MODULE, provider_id=other["id"])["provider_id"] == other["id"]
    assert "none fits nobody" in managing.failed(MODULE, name="nobody")


def test_none_to_mint_for(managing: Modules, sddc: SddcManager) -> None:
    sddc.add_provider(copy.deepcopy(printed.ADFS_SENT))
    assert "no provider of type FEDERATED_IDP_BROKER" in managing.failed(MODULE)
    assert "ttl: 0" in managing.failed(MODULE, ttl=0)


def test_scim_users_takes_its_result(managing: Modules, okta: SddcManager, appliance: Appliance) -> None:
    okta.mint = lambda: (appliance.mint(), appliance.scim_url)
    sync = managing.well(MODULE, ttl=60)
    where = {"hostname": None, "username": None, "password": None, "port": None}
    given = {"token": sync["token"], "scim_url": sync["scim_url"], **where}
    result = managing.well("scim_users", users=[person("muffin")], domain=DEFAULT_DOMAIN, **given)
    assert (result["minted"], set(held(appliance))) == (False, {"muffin"})


def test_tried_where_the_task_says(managing: Modules, okta: SddcManager, appliance: Appliance, tmp_path: Path) -> None:
    """Both are asked with one bundle of certificate authorities."""
    okta.mint = lambda: (appliance.mint(), appliance.scim_url)
    bundle = tmp_path / "both.pem"
    bundle.write_text(okta.ca_file.read_text() + appliance.ca_file.read_text())
    asked = {"ca_path": str(bundle), "scim_url": appliance.scim_url}
    token = managing.well(MODULE, ttl=60)["token"]
    assert managing.well(MODULE, current_token=token, **asked)["changed"] is False
    # Whatever SDDC Manager tells of its end.
    (external,) = okta.kept.external.values()
    assert external.expires is not None
    external.expires += 86400
    assert managing.well(MODULE, current_token=token)["warnings"]
    kept = managing.well(MODULE, current_token=token, **asked)
    assert (kept["changed"], kept["warnings"]) == (False, [])
    # Somebody mints where SDDC Manager does not see it.
    appliance.mint()
    dry = managing.well(MODULE, check=True, current_token=token, **asked)
    assert (dry["changed"], dry["expires_in"]) == (True, 0)
    dry = managing.well(MODULE, check=True, force=True, current_token=token, **asked)
    assert (dry["changed"], dry["expires_in"]) == (True, 0)
    assert len(mintings(okta)) == 1


def test_a_minting_whose_answer_is_lost(managing: Modules, okta: SddcManager) -> None:
    okta.switches.faults = [Fault(match="POST /sync-client", kind="reset_after")]
    assert "may have been minted all the same" in managing.failed(MODULE)
    assert len(mintings(okta)) == 1
