# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every documented operation and field of the identity services is covered by an option of a module, or has its reason."""

from __future__ import annotations

import re

import pytest
from simulator.operations import writable_fields
from simulator.operations.identity_services import OPERATIONS
from system.documented import is_documented
from system.playbook import REPOSITORY

DIRECTORY, PROVIDER, CLIENT = "broker_directory", "broker_identity_provider", "broker_oauth2_client"
DOCUMENT = REPOSITORY / "docs/operations_identity_services.md"

_DIRECTORY = {name: f"{DIRECTORY}.{name}" for name in ("name", "domains", "default_domain", "source", "type")}
_DIRECTORY["attributes.attemptDecodeExternalIdAsMSGuid"] = (
    f"{DIRECTORY}.attributes.attempt_decode_external_id_as_ms_guid"
)
_OWN = {"idp_name": "name", "directory_list[].id": "directory_list", "auth_type_list[].id": "auth_type_list"}
_CLIENT_FIELDS = (
    *("client_id", "secret", "scope", "grant_types", "redirect_uris", "post_logout_redirect_uris", "rule_set_names"),
    *("access_token_ttl", "refresh_token_ttl", "refresh_token_idle_ttl"),
)
_CLIENT = {name: f"{CLIENT}.{name}" for name in _CLIENT_FIELDS}
_USER = {
    "userName": "scim_user.username",
    "externalId": "scim_user.external_id",
    "active": "scim_user.active",
    "displayName": "scim_user.display_name",
    "name.givenName": "scim_user.given_name",
    "name.familyName": "scim_user.family_name",
    "emails[].value": "scim_user.email",
    "emails[].primary": "scim_user.email",
    "schemas": "scim_user.wire_form",
}
_GROUP = {"displayName": "scim_group.display_name", "members[].value": "scim_group.members"}
_MEMBERS = dict.fromkeys(("Operations[].op", "Operations[].path", "Operations[].value"), "scim_group.members")
_TOKEN = {
    "?action": "sync_token.directory",
    "generate_token": "sync_token.directory",
    "token_ttl": "sync_token.token_ttl",
}


def _same(name: str) -> str:
    """Of a provider the options are called as the fields."""
    return f"{PROVIDER}.{_OWN.get(name, name.replace('[]', ''))}"


_PROVIDER = {
    name: _same(name)
    for each in OPERATIONS
    if each.name == "createNewIdentityProvider"
    for name in writable_fields(each)
}

COVERED: dict[str, dict[str, str]] = {
    "getAllOAuth2ClientSummaries": {},
    "createNewOAuth2Client": _CLIENT,
    "getOAuth2ClientById": {},
    "patchOAuth2ClientById": {
        **_CLIENT,
        "?revoke_token_on_rule_set_removal": f"{CLIENT}.revoke_token_on_rule_set_removal",
    },
    "deleteOAuth2ClientById": {},
    "rotateSecretForOAuth2ClientById": {
        "?action": f"{CLIENT}.secret_rotation",
        "secondary_secret": f"{CLIENT}.secondary_secret",
        "primary_secret_auto_retire_duration": f"{CLIENT}.primary_secret_auto_retire_duration",
    },
    "getAllDirectories": {},
    "createNewDirectory": _DIRECTORY,
    "getDirectoryById": {},
    "patchDirectoryById": _DIRECTORY,
    "deleteDirectoryById": {},
    "getDirectorySyncClientById": {},
    "generateCredentialsForSyncClient": _TOKEN,
    "getAllIdentityProviders": {},
    "createNewIdentityProvider": _PROVIDER,
    "getIdentityProviderById": {},
    "patchIdentityProviderById": _PROVIDER,
    "deleteIdentityProviderById": {},
    "getSamlServiceProviderMetadataDetails": {},
    "getAccessToken": {"client_id": f"{DIRECTORY}.api_client_id", "client_secret": f"{DIRECTORY}.api_client_secret"},
    "getUserSearch": {},
    "createUser": _USER,
    "putUser": _USER,
    "deleteUser": {},
    "searchGroups": {},
    "getGroup": {},
    "createGroup": _GROUP,
    "putGroup": _GROUP,
    "patchGroup": _MEMBERS,
    "deleteGroup": {},
}

_BROWSER = "what a browser or an application does at a sign-in; nothing of it is a state that can be wanted"
_ALL = "all are listed and compared here, since filters on other attributes than the name are not said to work"
NOT_COVERED: dict[str, str] = {
    "authorize": _BROWSER,
    "logoutGet": _BROWSER,
    "logoutPost": _BROWSER,
    "getUserInfo": _BROWSER,
    "getUserInfoPost": _BROWSER,
    "getOIDCConfiguration": "an application reads it by itself",
    "getJwkKeys": "an application reads it by itself",
    "revoke": "tokens of a task end with their time to live; no other's is known to it",
    "getSamlServiceProviderMetadataXml": "the details are read in its place",
    "getSamlServiceProviderMetadataDownload": "the details are read in its place",
    "getMe": "a token of a client is no person",
    "getUser": _ALL,
    "postUserSearch": _ALL,
    "postGroupsSearch": _ALL,
    "patchUser": "PUT is sent, which keeps what it does not name all the same, since it is read before",
}
_PAGES = "how much is asked for at once, which the modules decide"
_PERSON = "of a person no login or permission needs it; what stands is kept"
FIELDS_NOT_COVERED: dict[str, str] = {
    "start_index|page_size|startIndex|count": _PAGES,
    "filter|sortBy|sortOrder|attributes|excludedAttributes": _ALL,
    "name.middleName|nickName|profileUrl|title|addresses|ims|phoneNumbers|photos|emails[].display": _PERSON,
    "members[].$ref|members[].display": "the value alone says who it is",
    "schemas": "the protocol's own words",
    "createGroup:externalId|putGroup:externalId": "people and permissions know a group by its name",
    "grant_type": "client_credentials alone is for programs",
    "assertion|code|code_verifier|domain|password|redirect_uri|refresh_token|scope|subject_token|subject_token_type|username": (
        "of other grant types, which people and applications use"
    ),
}


def exempt(operation: str, name: str) -> bool:
    names = {name.lstrip("?"), f"{operation}:{name}"}
    return any(names & set(known.split("|")) for known in FIELDS_NOT_COVERED)


def test_every_operation_is_covered_or_has_its_reason() -> None:
    assert {each.name for each in OPERATIONS} == COVERED.keys() | NOT_COVERED.keys()
    assert not COVERED.keys() & NOT_COVERED.keys()


@pytest.mark.parametrize("name", COVERED)
def test_every_field_is_covered_by_an_option_that_there_is(name: str) -> None:
    (operation,) = [each for each in OPERATIONS if each.name == name]
    fields = set(writable_fields(operation))
    assert COVERED[name].keys() <= fields
    assert [each for each in fields - COVERED[name].keys() if not exempt(name, each)] == []
    assert [option for option in COVERED[name].values() if not is_documented(option)] == []


def test_the_documentation_names_each_operation_with_a_task_and_a_test() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", DOCUMENT.read_text(), re.MULTILINE)
    assert sorted(name for name, _rest in rows) == sorted(each.name for each in OPERATIONS)
    for name, rest in rows:
        if name in COVERED:
            task = re.findall(r"`(\w+)`", rest.split("|")[0])
            assert (REPOSITORY / f"plugins/modules/{task[0]}.py").is_file(), name
            for file, test in re.findall(r"`(test_\w+)::(test_\w+)`", rest):
                text = (REPOSITORY / f"tests/system/{file}.py").read_text()
                assert f"def {test}(" in text, (name, test)
            assert "`test_" in rest, name
