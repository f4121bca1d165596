# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""No credential is sent to a host that the task does not name, whoever names another one."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import Json, Modules

MUFFIN = {"username": "muffin", "external_id": "AbC", "domain": DEFAULT_DOMAIN}


class Thief:
    """Listens, and knows whether somebody has connected."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        server.setblocking(False)

    @property
    def address(self) -> str:
        """What one parser reads as localhost, and the HTTP library as this server."""
        return rf"https://127.0.0.1:{self._server.getsockname()[1]}\@localhost/usergroup/t/CUSTOMER/scim/v2"

    def was_reached(self) -> bool:
        try:
            self._server.accept()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def thief() -> Iterator[Thief]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Thief(server)


def test_the_broker_names_an_address_that_parsers_read_differently(
    modules: Modules, appliance: Appliance, thief: Thief, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    appliance.switches.scim_url_text = thief.address
    for _number in range(2):
        message = modules.failed("scim_user", **MUFFIN, token_file=str(file))
        assert "scim_url" in message
        assert "backslash" in message
    assert "backslash" in modules.failed("sync_token", token_file=str(file))
    assert not file.exists()
    assert not thief.was_reached()


def test_a_token_file_names_such_an_address(
    modules: Modules, appliance: Appliance, thief: Thief, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"token": appliance.mint(), "scim_url": thief.address}))
    appliance.clear_requests()
    for module, options in (("scim_user", MUFFIN), ("scim_user_info", {}), ("sync_token", {})):
        message = modules.failed(module, **options, token_file=str(file))
        assert "token_file" in message
        assert "backslash" in message
    assert appliance.mintings() == appliance.writes() == []
    assert not thief.was_reached()


@pytest.mark.parametrize(
    "module", ["scim_user", "scim_users", "scim_user_info", "scim_group_info", "login_diagnosis_info"]
)
def test_the_task_gives_such_an_address(modules: Modules, appliance: Appliance, thief: Thief, module: str) -> None:
    options: Json = {"scim_user": MUFFIN, "scim_users": {"users": [MUFFIN]}}.get(module, {})
    for url in (thief.address, thief.address.replace("\\", ""), f" {appliance.scim_url}", f"{appliance.scim_url}\n"):
        message = modules.failed(module, **options, token="a.b.c", scim_url=url)
        assert "scim_url" in message
    assert appliance.requests == []
    assert not thief.was_reached()


def test_other_options_that_name_a_server(modules: Modules, appliance: Appliance, thief: Thief) -> None:
    assert "no host name" in modules.failed("scim_user_info", hostname=thief.address.removeprefix("https://"))
    assert "no host name" in modules.failed("broker_provider_info", hostname="muffin@localhost")
    workspace_one: Json = {"platform": "workspace_one", "api_client_id": "id", "api_client_secret": "word"}
    assert "base_url" in modules.failed("scim_user_info", base_url=thief.address, **workspace_one)
    assert "url" in modules.failed("pocket_id_user_info", url=thief.address, api_key="key")
    assert "scim_url" in modules.failed("sddc_sync_token", scim_url=thief.address)
    assert appliance.requests == []
    assert not thief.was_reached()


def test_only_the_path_of_what_the_broker_names_is_used(modules: Modules, appliance: Appliance, tmp_path: Path) -> None:
    """Behind a forwarded port the broker names the port that it knows."""
    file = tmp_path / "token"
    appliance.switches.scim_url_text = "https://LOCALHOST/usergroup/t/CUSTOMER/scim/v2"
    modules.well("scim_user", **MUFFIN, token_file=str(file))
    assert json.loads(file.read_text())["scim_url"] == appliance.scim_url
    assert modules.well("scim_user", **MUFFIN, token_file=str(file))["minted"] is False
