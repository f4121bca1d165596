# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The printed examples of SDDC Manager's identity API, each read by a module, and each sent by one for the same intent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from simulator import SddcManager
from simulator.operations import sddc_manager as table
from system import sddc_examples as printed
from system.playbook import Modules


def told(sddc: SddcManager, text: str) -> None:
    sddc.switches.canned = {table.LIST.name: text}


# Answers


def test_the_list_with_ad_fs_is_read(managing: Modules, sddc: SddcManager) -> None:
    told(sddc, printed.LIST_WITH_ADFS)
    embedded, adfs = managing.well("sddc_identity_provider_info")["providers"]
    ldap = {
        "domain_name": "external-idp.com",
        "domain_alias": "external-idp",
        "username": printed.READER,
        "users_base_dn": "users-base-dn",
        "groups_base_dn": "groups-base-dn",
        "server_endpoints": printed.SERVERS,
    }
    assert [(each["name"], each["type"]) for each in embedded["identity_sources"]] == [
        ("vsphere.local", "SystemDomain"),
        ("localos", "LocalOs"),
        ("embedded-ids-name", "ActiveDirectory"),
    ]
    assert embedded["identity_sources"][2]["domain_names"] == ["embedded-ids.com"]
    own = {"domain_name": "embedded-ids.com", "domain_alias": "embedded-ids", "cert_chain": []}
    assert embedded["identity_sources"][2]["ldap"] == {**ldap, "type": "ActiveDirectory", **own}
    assert (embedded["type"], embedded["status"], embedded["sync_client"]) == ("Embedded", "inactive", None)
    assert (adfs["type"], adfs["status"], adfs["domain_names"]) == ("AD_FS", "active", ["external-idp.com"])
    assert adfs["ldap"] == {**ldap, "type": "Oidc", "cert_chain": None}
    assert adfs["oidc"]["client_id"] == printed.CLIENT
    assert adfs["oidc"]["discovery_endpoint"] == printed.DISCOVERY
    assert embedded.keys() == adfs.keys()


def test_the_list_with_okta_is_read(managing: Modules, sddc: SddcManager) -> None:
    told(sddc, printed.LIST_WITH_OKTA)
    (okta,) = managing.well("sddc_identity_provider_info", type="FEDERATED_IDP_BROKER")["providers"]
    assert okta["directory"] == {
        "id": None,
        "name": "OktaDirectory",
        "default_domain": "external-okta-idp.com",
        "domains": ["external-okta-idp.com"],
    }
    assert (okta["source"], okta["oidc"]["client_id"]) == ("OKTA", printed.CLIENT)
    assert okta["sync_client"] == {
        "ttl": 263000,
        "expires_at": printed.MINTED_END,
        "scim_url": "https://domain.com/usergroup/t/CUSTOMER/scim/v2",
    }


def test_one_provider_is_read(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.canned = {table.LIST.name: printed.LIST_WITH_ADFS, table.READ.name: printed.ONE_PROVIDER}
    (adfs,) = managing.well("sddc_identity_provider_info", id=printed.EXTERNAL_ID)["providers"]
    assert adfs["name"] == "My AD Identity Source"
    assert [each.path for each in sddc.sent if each.operation == table.READ.name] == [
        f"/v1/identity-providers/{printed.EXTERNAL_ID}"
    ]


def test_who_stands_in_a_printed_list_needs_no_writing(managing: Modules, sddc: SddcManager) -> None:
    told(sddc, printed.LIST_WITH_ADFS)
    managing.well("sddc_identity_source", **{**printed.SOURCE_TASK, "name": "embedded-ids-name"})
    managing.well("sddc_identity_provider", **{**printed.ADFS_TASK, "name": "My AD Identity Source"})
    told(sddc, printed.LIST_WITH_OKTA)
    okta = printed.federated_task("Okta", "OktaDirectory", "OKTA")
    okta["directory"] |= {"default_domain": "external-okta-idp.com", "domains": ["external-okta-idp.com"]}
    result = managing.well("sddc_identity_provider", **okta)
    assert result["changed"] is False
    assert sddc.writes() == []


def test_the_answers_that_are_no_json(managing: Modules, sddc: SddcManager) -> None:
    """The id of the new provider, and a sentence; what they say is true then."""
    sddc.switches.canned = {table.ADD.name: printed.ADDED_PROVIDER, table.ADD_SOURCE.name: printed.ADDED_SOURCE}
    adfs = {**printed.ADFS_TASK, "name": "My AD Identity Source"}
    assert "is not there" in managing.failed("sddc_identity_provider", **adfs)
    assert "is not there" in managing.failed("sddc_identity_source", **printed.SOURCE_TASK)
    sddc.add_provider(printed.ADFS_SENT, id=printed.ADDED_PROVIDER)
    # Found by the id that was told, though the name is another one.
    result = managing.run("sddc_identity_provider", **adfs)
    assert "name is 'My ADFS' instead of 'My AD Identity Source'" in result["msg"]


def test_the_precheck_is_read(managing: Modules, sddc: SddcManager) -> None:
    sddc.switches.canned = {table.PRECHECK.name: printed.PRECHECK}
    for source in ("OKTA", "MICROSOFT_ENTRA_ID"):
        result = managing.well("sddc_identity_precheck_info", source=source)
        assert (result["status"], result["details"]) == ("SUCCESS", [])
    queries = [each.query for each in sddc.sent if each.operation == table.PRECHECK.name]
    assert queries == [{"type": "OKTA"}, {"type": "MICROSOFT_ENTRA_ID"}]


def test_the_minted_token_is_read(managing: Modules, sddc: SddcManager) -> None:
    """Its expireIn is the time of its end, and that has come."""
    sddc.switches.canned = {table.LIST.name: printed.LIST_WITH_OKTA, table.MINT.name: printed.MINTED}
    result = managing.well("sddc_sync_token", ttl=263000)
    assert (result["token"], result["scim_url"]) == (printed.MINTED_TOKEN, printed.SCIM_URL)
    assert (result["expires_at"], result["expires_in"]) == (printed.MINTED_END, 0)
    assert datetime.fromisoformat(result["expires_at"]) < datetime.now(UTC)
    (sent,) = [each for each in sddc.sent if each.operation == table.MINT.name]
    assert sent.path == f"/v1/identity-providers/{printed.EXTERNAL_ID}/sync-client"
    assert (sent.query, sent.body) == ({"syncClientTokenTTL": "263000"}, None)


# Requests


def test_an_identity_source_is_added_as_printed(managing: Modules, sddc: SddcManager) -> None:
    managing.well("sddc_identity_source", **printed.SOURCE_TASK)
    assert sddc.bodies(table.ADD_SOURCE) == [printed.SOURCE_SENT]
    (sent,) = [each for each in sddc.sent if each.operation == table.ADD_SOURCE.name]
    assert sent.path == f"/v1/identity-providers/{sddc.kept.embedded_id}/identity-sources"


def test_an_identity_source_is_updated_and_deleted_as_printed(managing: Modules, sddc: SddcManager) -> None:
    sddc.add_source({**printed.SOURCE_SENT, "name": "embedded-ids-name"})
    managing.well("sddc_identity_source", **printed.SOURCE_TASK)
    assert sddc.bodies(table.UPDATE_SOURCE) == [printed.SOURCE_SENT]
    managing.well("sddc_identity_source", domain_name="embedded-ids.com", state="absent")
    paths = {each.path for each in sddc.sent if "identity-sources" in each.path}
    assert paths == {f"/v1/identity-providers/{sddc.kept.embedded_id}/identity-sources/embedded-ids.com"}
    assert sddc.bodies(table.REMOVE_SOURCE) == [None]


@pytest.mark.parametrize("name", printed.PROVIDERS)
def test_a_provider_is_added_updated_and_deleted_as_printed(managing: Modules, sddc: SddcManager, name: str) -> None:
    task, sent = printed.PROVIDERS[name]
    managing.well("sddc_identity_provider", **task)
    assert sddc.bodies(table.ADD) == [sent]
    # The printed updates differ in the OIDC client.
    other = ("20d617c4-01db-41c3-b2fa-d0bee65f0756", "a54093d5-5f44-4551-80ef-d5d4233f4915")
    managing.well("sddc_identity_provider", **printed.with_client(task, "client_id", *other))
    assert sddc.bodies(table.UPDATE) == [printed.with_client(sent, "clientId", *other)]
    managing.well("sddc_identity_provider", name=task["name"], state="absent")
    assert sddc.bodies(table.REMOVE) == [None]
    assert sddc.specs == []
    operations = [each.operation for each in sddc.sent if each.operation in (table.PRECHECK.name, table.ADD.name)]
    # The printed steps run the precheck first, for all but AD FS.
    assert operations == ([] if name == "AD FS" else [table.PRECHECK.name]) + [table.ADD.name]
