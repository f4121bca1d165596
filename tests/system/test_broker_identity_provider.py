# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""broker_identity_provider and its info, in both homes: made, unchanged, each field changed alone, deleted, and mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import trustme
from system.homes import DIRECTORY, OIDC, PROVIDER, Home
from system.playbook import Json

MODULE, INFO = "broker_identity_provider", "broker_identity_provider_info"
ONE = {"name": PROVIDER["name"]}
SAML: Json = {
    "name": "Saml",
    "directory_list": ["Lab"],
    "saml_profile": {
        "saml_metadata_url": "https://id.example.org/metadata.xml",
        "saml_name_id_user_attribute_mapping": {"email": "mail"},
        "saml_slo_configuration": {"enabled": True, "slo_url": "https://id.example.org/slo"},
    },
}


@pytest.fixture
def lab(home: Home) -> Home:
    home.well("broker_directory", **DIRECTORY)
    return home


@pytest.fixture
def cloud_lab(in_cloud_home: Home) -> Home:
    in_cloud_home.well("broker_directory", **DIRECTORY)
    return in_cloud_home


def pem() -> str:
    return trustme.CA().cert_pem.bytes().decode()


def test_made_and_then_unchanged(lab: Home) -> None:
    made = lab.converges(MODULE, **PROVIDER)
    assert made["operation"] == "create"
    assert made["diff"]["after"]["oidc_profile"]["client_secret"] == "(set)"
    provider = made["identity_provider"]
    assert lab.services.secrets[provider["id"]] == OIDC["client_secret"]
    assert OIDC["client_secret"] not in str(made)
    assert provider["directory_list"][0]["name"] == "Lab"
    assert provider["oidc_profile"]["open_id_user_identifier_attribute"] == "sub"
    assert provider["oidc_profile"]["internal_user_identifier_attribute"] == "ExternalId"
    tenant = "" if lab.modules.workspace_one else "/t/CUSTOMER"
    assert made["redirect_uri"] == f"{lab.server.base_url}/federation{tenant}/auth/response/oauth2"
    (told,) = lab.well(INFO, name="POCKET")["identity_providers"]
    assert told == provider


def test_each_part_of_the_oidc_profile_changes_alone(cloud_lab: Home) -> None:
    key = cloud_lab.well(MODULE, **PROVIDER)["identity_provider"]["id"]
    parts: Json = {
        "configuration_url": "https://id2.example.org/.well-known/openid-configuration",
        "client_id": "another",
        "oidc_user_attribute_mapping": {"email": "mail"},
        "authorize_params": {"prompt": "login"},
        "token_params": {"resource": "broker"},
        "pass_through_claims": True,
        "open_id_user_identifier_attribute": "preferred_username",
        "internal_user_identifier_attribute": "userName",
        "login_hint_user_attribute": "email",
        "send_login_hint_in_request": True,
    }
    emptied = {name: {} for name, value in parts.items() if isinstance(value, dict)}
    changes = [*parts.items(), *emptied.items()]
    cloud_lab.changes_alone(
        MODULE,
        "identity_provider",
        ONE,
        [(f"oidc_profile.{name}", {"oidc_profile": {name: value}}) for name, value in changes],
    )
    assert cloud_lab.services.secrets[key] == OIDC["client_secret"]


def test_directories_change_alone_by_name_and_id(cloud_lab: Home) -> None:
    other = cloud_lab.well("broker_directory", name="Other", domains=["third.example.com"])["directory"]["id"]
    cloud_lab.well(MODULE, **PROVIDER)
    changed = cloud_lab.converges(MODULE, **ONE, directory_list=["lab", other])
    assert [row["name"] for row in changed["identity_provider"]["directory_list"]] == ["Lab", "Other"]
    assert cloud_lab.converges(MODULE, **ONE, directory_list=[])["identity_provider"]["directory_list"] == []


def test_certificates_are_compared_and_not_their_text(cloud_lab: Home) -> None:
    first, second = pem(), pem()
    chain = cloud_lab.converges(MODULE, **PROVIDER, trust_certificates=[first.replace("\n", "\r\n") + second])
    assert len(chain["identity_provider"]["trust_certificates"]) == 1
    assert cloud_lab.well(MODULE, **ONE, trust_certificates=[f"  {first}\n\n{second}  "])["changed"] is False
    apart = cloud_lab.converges(MODULE, **ONE, trust_certificates=[first, second])
    assert len(apart["identity_provider"]["trust_certificates"]) == 2
    assert cloud_lab.converges(MODULE, **ONE, trust_certificates=[])["identity_provider"]["trust_certificates"] == []


def test_authentication_methods_which_a_new_provider_has_a_default_of(cloud_lab: Home) -> None:
    methods = [{"auth_method_name": "Passkey", "saml_authn_context": "urn:passkey"}]
    made = cloud_lab.converges(MODULE, **PROVIDER, auth_type_list=methods)
    (method,) = made["identity_provider"]["auth_type_list"]
    assert (method["auth_method_name"], method["saml_authn_context"]) == ("Passkey", "urn:passkey")
    more = [*methods, {"auth_method_name": "Password", "saml_authn_context": ""}]
    changed = cloud_lab.converges(MODULE, **ONE, auth_type_list=more)
    kept = {row["auth_method_name"]: row["id"] for row in changed["identity_provider"]["auth_type_list"]}
    assert kept["Passkey"] == method["id"]


def test_a_secret_is_written_when_it_is_said(cloud_lab: Home) -> None:
    key = cloud_lab.well(MODULE, **PROVIDER)["identity_provider"]["id"]
    new = {"client_secret": "another-secret-at-the-provider"}
    kept = cloud_lab.well(MODULE, **ONE, oidc_profile=new)
    assert (kept["changed"], cloud_lab.services.secrets[key]) == (False, OIDC["client_secret"])
    cloud_lab.well(MODULE, **ONE, oidc_profile={**new, "client_id": "other"})
    assert cloud_lab.services.secrets[key] == OIDC["client_secret"]
    written = cloud_lab.converges(MODULE, **ONE, oidc_profile=new, update_secret="always")
    assert cloud_lab.services.secrets[key] == new["client_secret"]
    assert written["diff"]["before"]["oidc_profile"]["client_secret"] == "(set)"
    assert written["diff"]["after"]["oidc_profile"]["client_secret"] == "(set anew)"
    assert new["client_secret"] not in str(written)


def test_saml(cloud_lab: Home) -> None:
    made = cloud_lab.converges(MODULE, **SAML)
    provider = made["identity_provider"]
    assert (provider["idp_type"], provider["oidc_profile"]) == ("SAML", None)
    assert provider["saml_profile"]["saml_slo_configuration"] == {
        "slo_url": "https://id.example.org/slo",
        "relay_state_param": None,
    }
    assert cloud_lab.services.providers[provider["id"]]["saml_profile"]["saml_slo_configuration"]["enabled"] is True


def test_each_part_of_the_saml_profile_changes_alone(cloud_lab: Home) -> None:
    cloud_lab.well(MODULE, **SAML)
    identity = {"saml_attribute_name": "uid", "saml_attribute_format": "urn:basic", "idm_attribute": "userName"}
    parts: Json = {
        "saml_metadata": "PHhtbC8+",
        "saml_metadata_url": "https://id2.example.org/metadata.xml",
        "saml_name_id_user_attribute_mapping": {"userName": "uid"},
        "saml_identity_user_attribute_mapping": identity,
        "request_name_id_format_type": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
        "request_preferred_binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        "send_subject_in_request": True,
        "send_subject_with_mapping": True,
        "jit_group_membership_attr_name": "groups",
        "saml_pass_through_claim_names": ["one", "two"],
        "saml_slo_configuration": {"slo_url": "https://id.example.org/slo2", "relay_state_param": "state"},
    }
    changes = [*parts.items(), ("saml_metadata_url", "")]
    cloud_lab.changes_alone(
        MODULE,
        "identity_provider",
        {"name": "Saml"},
        [(f"saml_profile.{name}", {"saml_profile": {name: value}}) for name, value in changes],
    )


def test_what_a_saml_provider_must_know(cloud_lab: Home) -> None:
    told = cloud_lab.well(INFO, saml_metadata=True)["saml_metadata"]
    assert told["entity_id"] == f"{cloud_lab.server.base_url}/federation/saml-sp-metadata/xml"
    assert told["acs_url"].endswith("/federation/auth/response/saml")
    assert told["want_assertion_signed"] is True
    assert told["certificates"]["signing"]["subject"] == "CN=Example"


def test_vcenter_has_no_saml(modules: Any, appliance: Any) -> None:
    home = Home(modules, appliance)
    home.well("broker_directory", **DIRECTORY)
    assert home.well(INFO, saml_metadata=True)["saml_metadata"] is None
    assert "saml.not.supported" in home.failed(MODULE, **SAML)


def test_renamed_and_deleted(lab: Home) -> None:
    key = lab.well(MODULE, **PROVIDER)["identity_provider"]["id"]
    assert lab.converges(MODULE, id=key, name="Bakery")["identity_provider"]["name"] == "Bakery"
    lab.switches.provider_in_use = True
    refused = lab.modules.run(MODULE, name="Bakery", state="absent")
    assert (refused["failed"], refused["changed"]) == (True, False)
    assert "Access policies" in refused["msg"]
    assert "Remove those rules" in refused["msg"]
    lab.switches.provider_in_use = False
    gone = lab.converges(MODULE, name="Bakery", state="absent")
    assert (gone["operation"], gone["identity_provider"]) == ("delete", None)


def test_a_directory_that_an_earlier_task_makes_is_foretold(in_cloud_home: Home) -> None:
    foretold = in_cloud_home.well(MODULE, check=True, **PROVIDER)
    assert foretold["operation"] == "create"
    assert any("no directory 'Lab' yet" in warning for warning in foretold["warnings"])
    assert "no directory 'Lab'" in in_cloud_home.failed(MODULE, **PROVIDER)


@pytest.mark.parametrize("part", ["configuration_url", "client_id", "client_secret"])
def test_a_new_one_needs_its_profile(in_cloud_home: Home, part: str) -> None:
    profile = {name: value for name, value in OIDC.items() if name != part}
    message = in_cloud_home.failed(MODULE, check=True, **{**PROVIDER, "oidc_profile": profile})
    assert f"oidc_profile.{part}" in message


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "Bakery", "oidc_profile": OIDC}, ("directory_list", "a new identity provider needs it")),
        ({"name": "Bakery", "directory_list": ["Lab"]}, ("idp_type", "needs it")),
        ({"name": "Bakery", "directory_list": ["Lab"], "saml_profile": {}, "idp_type": "SAML"}, ("saml_metadata",)),
        ({"name": "x" * 101}, ("name", "100")),
        ({**ONE, "directory_list": ["None"]}, ("directory_list", "no directory 'None'", "Lab")),
        ({**ONE, "idp_type": "SAML"}, ("idp_type", "does not change it")),
        ({**ONE, "oidc_profile": {"configuration_url": ""}}, ("oidc_profile.configuration_url", "is empty")),
        ({**ONE, "auth_type_list": []}, ("auth_type_list", "is empty")),
        ({**ONE, "trust_certificates": ["no certificate"]}, ("trust_certificates[0]", "PEM")),
        ({**ONE, "trust_certificates": ["x"] * 4}, ("trust_certificates", "4 chains")),
    ],
)
def test_mistakes(cloud_lab: Home, options: Json, told: tuple[str, ...]) -> None:
    cloud_lab.well(MODULE, **PROVIDER)
    before = cloud_lab.held()
    message = cloud_lab.failed(MODULE, **options)
    for part in told:
        assert part in message
    assert cloud_lab.held() == before
