# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of SDDC Manager's identity API, and all that its requests may hold, has an option of a module."""

from __future__ import annotations

import pytest
from simulator.operations import Operation, writable_fields
from simulator.operations.sddc_manager import OPERATIONS
from system.documented import is_documented
from system.playbook import REPOSITORY

_LDAP = {
    "ldap.domainAlias": "ldap.domain_alias",
    "ldap.password": "ldap.password",
    "ldap.sourceDetails.certChain": "ldap.cert_chain",
    "ldap.sourceDetails.groupsBaseDn": "ldap.groups_base_dn",
    "ldap.sourceDetails.serverEndpoints": "ldap.server_endpoints",
    "ldap.sourceDetails.usersBaseDn": "ldap.users_base_dn",
    "ldap.type": "ldap.type",
    "ldap.username": "ldap.username",
}
_OIDC = {"clientId": "client_id", "clientSecret": "client_secret", "discoveryEndpoint": "discovery_endpoint"}
_DIRECTORY = {
    "name": "directory.name",
    "defaultDomain": "directory.default_domain",
    "domains": "directory.domains",
    "federatedIdpSourceType": "source",
    "directoryId": "directory.id",
}
PROVIDER = {
    field: f"sddc_identity_provider.{option}"
    for field, option in {
        "name": "name",
        "type": "type",
        "certChain": "cert_chain",
        "ldap.domainName": "ldap.domain_name",
        **_LDAP,
        **{f"oidc.{field}": f"oidc.{option}" for field, option in _OIDC.items()},
        **{f"fedIdpSpec.oidcSpec.{field}": f"oidc.{option}" for field, option in _OIDC.items()},
        **{f"fedIdpSpec.directory.{field}": option for field, option in _DIRECTORY.items()},
        "fedIdpSpec.name": "name",
    }.items()
}
SOURCE = {
    field: f"sddc_identity_source.{option}"
    for field, option in {"name": "name", "ldap.domainName": "domain_name", **_LDAP}.items()
}
LOGIN = {"username": "username", "password": "password", "apiKey": "api_key", "idToken": "id_token"}

COVERED: dict[str, dict[str, str]] = {
    "createToken": {field: f"sddc_oidc_info.{option}" for field, option in LOGIN.items()},
    "addExternalIdentityProvider": PROVIDER,
    "updateExternalIdentityProvider": PROVIDER,
    "addEmbeddedIdentitySource": SOURCE,
    "updateEmbeddedIdentitySource": SOURCE,
    "generateSyncClientToken": {"?syncClientTokenTTL": "sddc_sync_token.ttl"},
    "getIdentityPrecheckResult": {"?type": "sddc_identity_precheck_info.source"},
}
EXCEPTIONS = {
    ("refreshAccessToken", "body"): "the refresh token of the run's own login, which a task never sees",
    ("invalidateRefreshToken", "body"): "the refresh token of the run's own login, which a task never sees",
    **dict.fromkeys(
        (
            ("addExternalIdentityProvider", "fedIdpSpec.syncClientTokenTTL"),
            ("updateExternalIdentityProvider", "fedIdpSpec.syncClientTokenTTL"),
        ),
        "deprecated: given when a token is minted, as sddc_sync_token.ttl",
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_field_has_an_option(operation: Operation) -> None:
    fields = set(writable_fields(operation))
    covered = COVERED.get(operation.name, {})
    exceptions = {field for name, field in EXCEPTIONS if name == operation.name}
    assert fields - covered.keys() == exceptions
    assert covered.keys() <= fields
    assert [option for option in covered.values() if not is_documented(option)] == []


def test_every_operation_is_in_the_documentation_with_a_test_that_there_is() -> None:
    text = (REPOSITORY / "docs/operations_sddc_manager.md").read_text()
    rows = {
        cells[0]: cells
        for line in text.splitlines()
        if line.startswith("| ") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4
    }
    del rows["operation"]
    assert rows.keys() == {operation.name for operation in OPERATIONS}
    for operation in OPERATIONS:
        _name, request, task, test = rows[operation.name]
        assert request == f"`{operation.method} {operation.path}`"
        assert "`sddc_" in task
        assert (REPOSITORY / test).is_file()


def test_a_field_that_nothing_covers_would_be_found() -> None:
    assert not is_documented("sddc_identity_provider.oidc.nothing")
    assert not is_documented("sddc_identity_provider.nothing")
    assert is_documented("sddc_identity_provider.oidc.client_id")
