# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root folder in place of global permissions: pyVmomi itself, over real HTTPS, and only where it was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from simulator.permissions import ROOT_FOLDER
from system.playbook import COLLECTIONS, Json, Modules

MUFFIN = {"principal": "muffin", "domain": DEFAULT_DOMAIN, "root_folder": True}
LABEL = f"{DEFAULT_DOMAIN}\\muffin"
FIRST_WRITE = 5
"""How many calls to SOAP go before it: two to log in, one for the services, the permissions and the roles each."""


@pytest.fixture(autouse=True)
def neither(appliance: Appliance) -> None:
    appliance.switches.permissions_api = "none"


def held(appliance: Appliance) -> dict[str, tuple[str, bool]]:
    """What is on the root folder, the permission that was there from the start apart; nothing has become global."""
    rows = appliance.permissions.all()
    assert len([row for row in rows if row.is_global]) == 2
    found = {row.principal.full_name: (row.role, row.propagating) for row in rows if row.object == ROOT_FOLDER}
    assert found.pop("VSPHERE.LOCAL\\vpxd-extension") == ("-1", True)
    return found


def test_a_permission_from_its_creation_to_its_end(modules: Modules, appliance: Appliance) -> None:
    def thrice(operation: str, **options: Any) -> Json:
        before = held(appliance)
        dry = modules.well("global_permission", check=True, **MUFFIN, **options)
        assert held(appliance) == before
        real = modules.well("global_permission", **MUFFIN, **options)
        again = modules.well("global_permission", **MUFFIN, **options)
        assert (dry["operation"], real["operation"], again["operation"]) == (operation, operation, "none")
        assert (dry["changed"], real["changed"], again["changed"]) == (True, True, False)
        assert (dry["diff"], dry["permission"]) == (real["diff"], real["permission"])
        assert real["backend"] == "root_folder"
        assert real["diff"]["after_header"] == "Permissions on the root folder"
        assert "That is not global" in " ".join(real["warnings"])
        assert not [secret for secret in appliance.all_secrets() if secret in str(real)]
        return real

    made = thrice("create", role="Admin")
    assert made["permission"] == {
        "id": None,
        "principal": "muffin",
        "domain": DEFAULT_DOMAIN,
        "principal_type": "user",
        "role": {"id": "-1", "name": "Admin"},
        "propagate": True,
        "global": False,
    }
    thrice("update", role="read-only", propagate=False)
    assert held(appliance) == {LABEL: ("-2", False)}
    thrice("delete", state="absent")
    assert held(appliance) == {}
    assert appliance.state.sessions == {}


def test_groups_and_roles_of_ones_own(modules: Modules, appliance: Appliance) -> None:
    key = appliance.permissions.create_role("Köche & Bäcker", "", [])
    options = {**MUFFIN, "principal": "bäcker & co", "principal_type": "group"}
    result = modules.well("global_permission", role="köche & bäcker", **options)
    assert result["permission"]["role"] == {"id": key, "name": "Köche & Bäcker"}
    listed = modules.well("global_permission_info", root_folder=True, domain=DEFAULT_DOMAIN)
    assert listed["permissions"] == [result["permission"]]
    assert listed["backend"] == "root_folder"
    assert {"id": key, "name": "Köche & Bäcker"} in listed["roles"]
    assert modules.well("global_permission", state="absent", **options)["changed"] is True


@pytest.mark.parametrize("api", ["rest", "legacy"])
def test_where_there_is_an_api_the_root_folder_is_left_alone(modules: Modules, appliance: Appliance, api: Any) -> None:
    appliance.switches.permissions_api = api
    result = modules.well("global_permission", role="Admin", **MUFFIN)
    assert (result["backend"], result["permission"]["global"], result["warnings"]) == (api, True, [])
    assert not [seen for seen in appliance.requests if seen.path.startswith("/sdk")]


def test_whoever_does_not_exist_is_refused(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.unknown_principals = [LABEL]
    result = modules.run("global_permission", role="Admin", **MUFFIN)
    assert (result["failed"], result["changed"]) == (True, False)
    assert (
        f"Could not give the user {LABEL} the permission on the root folder on localhost: UserNotFound" in result["msg"]
    )
    assert "Correct principal, domain or principal_type" in result["msg"]
    assert "The permission was not changed." in result["msg"]


@pytest.mark.parametrize("kind", ["503", "reset_after"])
def test_a_write_without_an_answer_is_looked_for(modules: Modules, appliance: Appliance, kind: Any) -> None:
    appliance.switches.faults = [Fault(match="POST ^/sdk$", kind=kind, after=FIRST_WRITE)]
    assert modules.well("global_permission", role="Admin", **MUFFIN)["changed"] is True
    assert held(appliance) == {LABEL: ("-1", True)}


def test_a_write_that_a_login_page_took_is_an_error(modules: Modules, appliance: Appliance) -> None:
    """pyVmomi takes any page for success, so it is the reading back that tells."""
    appliance.switches.faults = [Fault(match="POST ^/sdk$", kind="html", after=FIRST_WRITE)]
    result = modules.run("global_permission", role="Admin", **MUFFIN)
    assert (result["failed"], result["changed"], held(appliance)) == (True, False, {})
    assert f"written without an error, and yet the user {LABEL} has no permission" in result["msg"]


def test_no_vsphere_is_told(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.faults = [Fault(match="GET ^/sdk/", kind="html")]
    message = modules.failed("global_permission", role="Admin", **MUFFIN)
    assert f"Could not log in to the SOAP API as {appliance.username} on localhost" in message
    assert appliance.state.sessions == {}


def test_a_missing_library_is_told(modules: Modules, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for name in ("pyVim", "pyVmomi"):
        (hidden / f"{name}.py").write_text("raise ImportError")
    environment = {"PYTHONPATH": f"{hidden}:{COLLECTIONS}"}
    message = modules.failed("global_permission", role="Admin", environment=environment, **MUFFIN)
    assert "Failed to import the required Python library (pyvmomi)" in message
    without = {**MUFFIN, "root_folder": False}
    assert "root_folder: true" in modules.failed("global_permission", role="Admin", environment=environment, **without)
