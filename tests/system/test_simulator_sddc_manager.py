# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated SDDC Manager refuses by its table, answers as documented, and keeps its secrets."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import requests
from simulator import Fault, SddcManager
from simulator.operations import Operation
from simulator.operations import sddc_manager as table
from system import sddc_examples as printed

PROVIDERS = "/v1/identity-providers"
OKTA = printed.PROVIDERS["Okta"][1]


class Caller:
    def __init__(self, sddc: SddcManager) -> None:
        self.sddc = sddc
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(sddc.ca_file)
        login = self("POST", "/v1/tokens", json={"username": sddc.username, "password": sddc.password})
        assert login.status_code == 201
        self.refresh = login.json()["refreshToken"]["id"]
        self.use(login.json()["accessToken"])

    def use(self, token: str) -> None:
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.sddc.base_url + path, timeout=10, **options)


@pytest.fixture
def ask(sddc: SddcManager) -> Caller:
    return Caller(sddc)


@pytest.mark.parametrize("name", printed.PROVIDERS)
def test_the_printed_requests_are_taken_and_told_without_secrets(ask: Caller, name: str) -> None:
    sent = printed.PROVIDERS[name][1]
    added = ask("POST", PROVIDERS, json=sent)
    assert (added.status_code, len(added.json())) == (201, 36)
    path = f"{PROVIDERS}/{added.json()}"
    told = ask("GET", path)
    assert told.json() in ask("GET", PROVIDERS).json()["elements"]
    assert not [secret for secret in (printed.SECRET, printed.PASSWORD) if secret in told.text]
    assert ask("PATCH", path, json=sent).status_code == 204
    assert ask("DELETE", path).status_code == 204
    assert [ask(method, path).status_code for method in ("DELETE", "GET")] == [404, 500]


def test_what_is_told_has_the_printed_shape(ask: Caller, sddc: SddcManager) -> None:
    def shape(document: Any) -> Any:
        if isinstance(document, dict):
            return {key: shape(value) for key, value in document.items()}
        return type(document)

    sddc.add_source(copy.deepcopy(printed.SOURCE_SENT))
    sddc.add_provider(copy.deepcopy(printed.ADFS_SENT))
    okta = sddc.add_provider(copy.deepcopy(OKTA))
    assert ask("POST", f"{PROVIDERS}/{okta['id']}/sync-client?syncClientTokenTTL=5").status_code == 200
    embedded, adfs, okta = ask("GET", PROVIDERS).json()["elements"]
    assert shape(embedded) == shape(printed.EMBEDDED)
    assert shape(embedded["identitySources"][2]) == shape(printed.EMBEDDED["identitySources"][2])
    assert shape(adfs) == shape(printed.ADFS_TOLD)
    assert shape(okta) == shape(printed.OKTA_TOLD)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"type": "OTHER"}, "type: not one of"),
        ({"type": None}, "type: no str"),
        ({"other": 1}, "other: unknown"),
        ({"fedIdpSpec": {}}, "fedIdpSpec.directory: missing"),
        ({"type": "AD_FS"}, "oidc: missing"),
        ({"certChain": [1]}, "certChain[0]: no str"),
    ],
)
def test_a_wrong_body_is_refused_with_its_fault(ask: Caller, change: dict[str, Any], told: str) -> None:
    answer = ask("POST", PROVIDERS, json={**OKTA, **change})
    assert answer.status_code == 400
    assert told in answer.json()["causes"][0]["message"]


def test_what_the_table_does_not_name_is_refused(ask: Caller, sddc: SddcManager) -> None:
    assert ask("GET", f"{PROVIDERS}?page=1").status_code == 400
    assert ask("GET", "/v1/identity-broker/prechecks?type=GENERIC").status_code == 404
    assert ask("PUT", f"{PROVIDERS}/x", json=OKTA).status_code == 404
    key = sddc.add_provider(copy.deepcopy(OKTA))["id"]
    assert ask("POST", f"{PROVIDERS}/{key}/sync-client", json={}).status_code == 404


@pytest.mark.parametrize("operation", table.OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("wrong", [{"params": {"unknown": "1"}}, {"data": "no JSON"}], ids=["query", "body"])
def test_what_cannot_be_read_is_refused_with_a_documented_status(
    ask: Caller, operation: Operation, wrong: dict[str, Any]
) -> None:
    path = operation.path.format(id="x", domainName="lab.example.org")
    answer = ask(operation.method, path, headers={"Content-Type": "application/json"}, **wrong)
    assert answer.status_code in (operation.errors or (400,))
    assert answer.status_code != 401
    assert answer.json()["errorCode"]


def test_the_domain_and_its_alias_cannot_be_changed(ask: Caller, sddc: SddcManager) -> None:
    sddc.add_source(copy.deepcopy(printed.SOURCE_SENT))
    path = f"{PROVIDERS}/{sddc.kept.embedded_id}/identity-sources/embedded-ids.com"
    for name in ("domainName", "domainAlias"):
        body = copy.deepcopy(printed.SOURCE_SENT)
        body["ldap"][name] = "other"
        assert ask("PATCH", path, json=body).status_code == 400
    assert ask("PATCH", path, json=printed.SOURCE_SENT).status_code == 204


def test_logins(ask: Caller, sddc: SddcManager) -> None:
    assert ask("POST", "/v1/tokens", json={"username": sddc.username, "password": "wrong"}).status_code == 401
    sddc.switches.faults = [Fault("GET /v1", "expire_token")]
    assert [ask("GET", PROVIDERS).status_code for _time in range(2)] == [401, 401]
    refreshed = ask("PATCH", "/v1/tokens/access-token/refresh", json=ask.refresh)
    ask.use(refreshed.json())
    assert ask("GET", PROVIDERS).status_code == 200
    # An object is no bare string.
    assert ask("PATCH", "/v1/tokens/access-token/refresh", json={"id": ask.refresh}).status_code == 400
    assert ask("DELETE", "/v1/tokens/refresh-token", json=ask.refresh).status_code == 204
    assert ask("PATCH", "/v1/tokens/access-token/refresh", json=ask.refresh).status_code == 404


def test_two_schemas_of_errors(ask: Caller, sddc: SddcManager) -> None:
    sddc.switches.refuse = {table.LIST.name: 400, table.REMOVE.name: 500}
    assert "cause" in ask("GET", PROVIDERS).json()
    assert "causes" in ask("DELETE", f"{PROVIDERS}/x").json()
