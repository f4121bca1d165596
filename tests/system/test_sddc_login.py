# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules log in to SDDC Manager, stay logged in, log out, and what they say of each documented refusal."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from simulator import Fault, SddcManager
from simulator.operations import Operation
from simulator.operations import sddc_manager as table
from system import sddc_examples as printed
from system.playbook import Json, Modules

INFO = "sddc_identity_provider_info"
NO_LOGIN: Json = {"username": None, "password": None}


def sessions(sddc: SddcManager) -> list[str]:
    """The operations of a run that are about its login."""
    names = {table.LOG_IN.name: "in", table.REFRESH.name: "refresh", table.LOG_OUT.name: "out"}
    return [names[each.operation] for each in sddc.sent if each.operation in names]


def test_one_login_that_ends(managing: Modules, sddc: SddcManager) -> None:
    managing.well(INFO)
    assert sessions(sddc) == ["in", "out"]
    assert sddc.bodies(table.LOG_IN) == [{"username": sddc.username, "password": sddc.password}]
    # The bare refresh token, as a JSON string.
    (token,) = sddc.bodies(table.LOG_OUT)
    assert isinstance(token, str)
    assert token in sddc.all_secrets()
    assert sddc.refresh_tokens == set()


@pytest.mark.parametrize("proof", ["api_key", "id_token"])
def test_other_proofs(managing: Modules, sddc: SddcManager, proof: str) -> None:
    """They go before a user name that the environment may hold."""
    wire = {"api_key": "apiKey", "id_token": "idToken"}[proof]
    for more in (NO_LOGIN, {}):
        managing.well(INFO, **{proof: getattr(sddc, proof)}, **more)
    assert sddc.bodies(table.LOG_IN) == [{wire: getattr(sddc, proof)}] * 2


def test_the_connection_from_the_environment(managing: Modules, sddc: SddcManager) -> None:
    environment = {
        "SDDC_MANAGER_HOST": sddc.fqdn,
        "SDDC_MANAGER_PORT": str(sddc.https_port),
        "SDDC_MANAGER_USER": sddc.username,
        "SDDC_MANAGER_PASSWORD": sddc.password,
        "SDDC_MANAGER_CA_PATH": str(sddc.ca_file),
        "SDDC_MANAGER_VALIDATE_CERTS": "true",
    }
    none: Json = dict.fromkeys(("hostname", "port", "username", "password", "ca_path"))
    managing.well(INFO, environment=environment, **none)
    for name in ("USER", "PASSWORD"):
        del environment[f"SDDC_MANAGER_{name}"]
    for name in ("api_key", "id_token"):
        more = {f"SDDC_MANAGER_{name.upper()}": getattr(sddc, name)}
        managing.well(INFO, environment={**environment, **more}, **none)


@pytest.mark.parametrize("refreshed", ["json", "text"])
def test_a_login_that_ends_in_the_midst_is_refreshed(managing: Modules, sddc: SddcManager, refreshed: str) -> None:
    sddc.switch({"refreshed": refreshed, "faults": [{"match": "POST /v1/identity-providers", "kind": "expire_token"}]})
    managing.well("sddc_identity_provider", **printed.PROVIDERS["Okta"][0])
    assert sessions(sddc) == ["in", "refresh", "out"]
    assert sddc.bodies(table.REFRESH) == sddc.bodies(table.LOG_OUT)
    assert len(sddc.specs) == 1


def test_where_refreshing_is_refused_it_logs_in_again(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.refresh_refused = True
    sddc.switches.faults = [Fault(match="GET /v1/identity-providers$", kind="expire_token")]
    managing.well(INFO)
    assert sessions(sddc) == ["in", "refresh", "in", "out"]


def test_in_the_end_it_fails(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.faults = [Fault(match="GET /v1/identity-providers$", kind="expire_token", times=99)]
    message = managing.failed(INFO)
    assert "HTTP 401 UNAUTHORIZED" in message
    assert sessions(sddc) == ["in", "refresh", "in", "out", "out"]
    assert sddc.refresh_tokens == set()


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_login_is_tried_once(managing: Modules, sddc: SddcManager, status: int) -> None:
    sddc.switch({"refused_login": status})
    message = managing.failed(INFO, password="not-the-password")
    assert f"Could not log in as {sddc.username} on localhost:{sddc.https_port}: HTTP {status}" in message
    assert "tried once" in message
    assert sessions(sddc) == ["in"]


def test_a_logout_that_fails_is_warned_of(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.faults = [Fault(match="DELETE /v1/tokens/refresh-token", kind="503", times=9)]
    assert "refresh token" in managing.well(INFO)["warnings"][0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hostname": None}, ("hostname", "SDDC_MANAGER_HOST")),
        ({"hostname": "https://sddc.example.org/"}, ("hostname", "no host name")),
        ({"username": None}, ("username", "SDDC_MANAGER_USER")),
        ({"password": None}, ("password", "SDDC_MANAGER_PASSWORD")),
        ({"api_key": "key-of-somebody", "id_token": "token-of-somebody"}, ("api_key", "id_token too")),
        ({"ca_path": None}, ("certificate is not trusted", "ca_path")),
        ({"port": 1}, ("refused", "not vCenter's")),
    ],
)
def test_mistakes(managing: Modules, sddc: SddcManager, options: Json, told: tuple[str, ...]) -> None:
    message = managing.failed(INFO, **options)
    for part in told:
        assert part in message
    assert sddc.sent == []


def test_another_server(managing: Modules, sddc: SddcManager) -> None:
    """vCenter knows no such login."""
    appliance = managing.appliance
    message = managing.failed(INFO, port=appliance.https_port, ca_path=str(appliance.ca_file))
    assert "no SDDC Manager here" in message
    sddc.switches.faults = [Fault(match="POST /v1/tokens", kind="html")]
    assert "a proxy or a login page" in managing.failed(INFO)
    sddc.switches.faults = [Fault(match="GET /v1/identity-providers", kind="wrong_json", times=9)]
    assert "no list of elements" in managing.failed(INFO)


def test_a_spoilt_list_is_read_again_and_never_shown(managing: Modules, sddc: SddcManager) -> None:
    """It may hold a sync token."""
    sddc.switches.faults = [Fault(match="GET /v1/identity-providers$", kind="truncated")]
    assert len(managing.well(INFO)["providers"]) == 1
    sddc.switches.canned = {table.LIST.name: '{"token": "a-token-that-nobody-knows"'}
    message = managing.failed(INFO)
    assert "is not JSON" in message
    assert "a-token-that-nobody-knows" not in message


# What each operation may be refused with, and the task that asks for it

OKTA = printed.PROVIDERS["Okta"][0]
TASKS: dict[str, tuple[str, Json]] = {
    table.LIST.name: (INFO, {}),
    table.READ.name: (INFO, {"id": printed.EXTERNAL_ID}),
    table.ADD.name: ("sddc_identity_provider", {**OKTA, "name": "new"}),
    table.UPDATE.name: ("sddc_identity_provider", {**OKTA, "source": "PING_FEDERATE"}),
    table.REMOVE.name: ("sddc_identity_provider", {"name": "okta", "state": "absent"}),
    table.MINT.name: ("sddc_sync_token", {}),
    table.ADD_SOURCE.name: ("sddc_identity_source", {**printed.SOURCE_TASK, "domain_name": "new.com", "name": "New"}),
    table.UPDATE_SOURCE.name: ("sddc_identity_source", {**printed.SOURCE_TASK, "name": "Other"}),
    table.REMOVE_SOURCE.name: ("sddc_identity_source", {"domain_name": "embedded-ids.com", "state": "absent"}),
    table.PRECHECK.name: ("sddc_identity_precheck_info", {"source": "OKTA"}),
    table.OIDC_INFO.name: ("sddc_oidc_info", {}),
}
REFUSALS = [(operation, status) for operation in table.OPERATIONS for status in operation.errors]


@pytest.mark.parametrize(("operation", "status"), REFUSALS, ids=lambda value: getattr(value, "name", str(value)))
def test_every_documented_refusal(managing: Modules, sddc: SddcManager, operation: Operation, status: int) -> None:
    """In both schemas: the code, the text, the cause and the remedy are told."""
    sddc.add_provider(copy.deepcopy(printed.PROVIDERS["Okta"][1]), id=printed.EXTERNAL_ID)
    sddc.add_source(copy.deepcopy(printed.SOURCE_SENT))
    sddc.switches.refuse = {operation.name: status}
    if operation.name == table.REFRESH.name:
        sddc.switches.faults = [Fault(match="GET /v1/identity-providers$", kind="expire_token")]
    module, options = TASKS.get(operation.name, (INFO, {}))
    result = managing.run(module, **options)
    if operation.name == table.REFRESH.name and status < 500:
        # There is another way.
        assert not result.get("failed")
        return
    gone = operation.name in (table.REMOVE.name, table.REMOVE_SOURCE.name) and status == 404
    if gone:
        assert "is still there" in result["msg"]
        return
    message = result["msg"]
    assert f"HTTP {status} {operation.name.upper()}_REFUSED" in message
    if (operation.name, status) != (table.LOG_IN.name, 400):
        for part in (f"{operation.name} is refused", "as a test wanted", "log of the common services"):
            assert part in message
    assert message.startswith("Could not ")
    assert sddc.refresh_tokens == set()


def test_a_precheck_that_there_is_not_can_be_left_out(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.refuse = {table.PRECHECK.name: 404}
    message = managing.failed("sddc_identity_provider", **OKTA)
    assert "prechecks: false" in message
    assert "Nothing was changed" in message
    assert managing.well("sddc_identity_provider", prechecks=False, **OKTA)["changed"] is True


def test_the_oidc_client_is_read(managing: Modules, sddc: SddcManager) -> None:
    sddc.add_provider(copy.deepcopy(printed.PROVIDERS["Okta"][1]))
    told: dict[str, Any] = managing.well("sddc_oidc_info")["oidc"]
    assert (told["client_id"], told["idp_type"], told["source"]) == ("sddc-manager", "FEDERATED_IDP_BROKER", "OKTA")
    assert told["authorization_endpoint"].endswith("/authorize")
    assert told["end_session_endpoint"].endswith("/logout")


def test_a_precheck_of_nothing_in_particular(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.precheck = "warning"
    assert managing.well("sddc_identity_precheck_info")["status"] == "WARNING"
    assert [each.query for each in sddc.sent if each.operation == table.PRECHECK.name] == [{}]
