# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of VMware (Omnissa) Identity Services, which is that of the broker in vCenter, where /t/TENANT follows the service.

Names, types and codes are those of the documentation (github.com/euc-dev/ws1-identity-services-api); which fields PATCH
takes, of its hints to patching. What an end user's browser does is in it by its name alone.
"""

from __future__ import annotations

from . import Field, Operation

_VENDOR = "application/vnd.vmware."
_CLIENT = f"{_VENDOR}horizon.manager.accesscontrol.broker.oauth2client"
_DIRECTORY = f"{_VENDOR}vidm.usergroup.broker.directory"
_PROVIDER = f"{_VENDOR}vidm.federation.broker.identityprovider"

_TEXTS = Field(list, shape=Field(str))
_OPTIONAL = Field(str)
_FLAG = Field(bool)
_NAMED = Field(dict)

CLIENT = {
    "client_id": Field(str, required=True, fixed=True, filled=True, pattern=r"[a-zA-Z0-9-_.@]+", longest=256),
    "secret": Field(str, fixed=True, write_only=True),
    "scope": Field(list, required=True, filled=True, shape=Field(str)),
    "grant_types": Field(
        list,
        required=True,
        filled=True,
        shape=Field(
            str,
            values=("password", "client_credentials", "refresh_token", "authorization_code", "token", "id_token"),
        ),
    ),
    "redirect_uris": _TEXTS,
    "post_logout_redirect_uris": _TEXTS,
    "rule_set_names": Field(
        list, shape=Field(str, values=("TENANT_ADMIN", "IDP_AND_DIRECTORY_ADMIN", "READ_ONLY_TENANT_ADMIN"))
    ),
    "access_token_ttl": Field(int),
    "refresh_token_ttl": Field(int),
    "refresh_token_idle_ttl": Field(int),
    "id": Field(str, read_only=True),
    "rotate_secret": Field(bool, read_only=True),
    "primary_secret_auto_retires_at": Field(int, read_only=True),
}
ROTATION = {
    "secondary_secret": Field(str, longest=4096, write_only=True),
    "primary_secret_auto_retire_duration": Field(int, between=(0, 10080), write_only=True),
}
DIRECTORY = {
    "name": Field(str, required=True, filled=True, pattern=r"[\w -]*", longest=128),
    "domains": Field(list, required=True, filled=True, shape=Field(str), longest=30),
    "default_domain": Field(str, longest=100),
    "source": Field(str, values=("AZURE", "PING", "OKTA", "ACCESS", "GENERIC")),
    "type": Field(str, fixed=True, values=("PROVISIONED", "JIT")),
    "attributes": Field(dict, shape={"attemptDecodeExternalIdAsMSGuid": _FLAG}),
    "id": Field(str, read_only=True),
    "delete_in_progress": Field(bool, read_only=True),
}
SYNC_CLIENT = {
    "generate_token": _FLAG,
    "token_ttl": Field(int, between=(1, 1051200)),
    "client_id": Field(str, read_only=True),
    "client_secret": Field(str, read_only=True, write_only=True),
    "access_token": Field(str, read_only=True, write_only=True),
    "access_token_expire_in": Field(int, read_only=True),
}
OIDC_PROFILE = {
    "configuration_url": Field(str, required=True, filled=True),
    "client_id": Field(str, required=True, filled=True),
    "client_secret": Field(str, required=True, filled=True, write_only=True),
    "oidc_user_attribute_mapping": _NAMED,
    "authorize_params": _NAMED,
    "token_params": _NAMED,
    "pass_through_claims": _FLAG,
    "open_id_user_identifier_attribute": _OPTIONAL,
    "internal_user_identifier_attribute": _OPTIONAL,
    "login_hint_user_attribute": _OPTIONAL,
    "send_login_hint_in_request": _FLAG,
}
_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-"
SAML_PROFILE = {
    "saml_metadata": _OPTIONAL,
    "saml_metadata_url": _OPTIONAL,
    "saml_name_id_user_attribute_mapping": _NAMED,
    "saml_identity_user_attribute_mapping": Field(
        dict,
        shape={
            "saml_attribute_name": Field(str, required=True, filled=True),
            "saml_attribute_format": Field(str, required=True, filled=True),
            "idm_attribute": _OPTIONAL,
        },
    ),
    "request_name_id_format_type": _OPTIONAL,
    "request_preferred_binding": Field(str, filled=True, values=(f"{_BINDING}Redirect", f"{_BINDING}POST")),
    "send_subject_in_request": _FLAG,
    "send_subject_with_mapping": _FLAG,
    "jit_group_membership_attr_name": _OPTIONAL,
    "saml_pass_through_claim_names": _TEXTS,
    "saml_slo_configuration": Field(
        dict,
        shape={
            "enabled": Field(bool, write_only=True),
            "slo_url": _OPTIONAL,
            "relay_state_param": _OPTIONAL,
        },
    ),
}
PROVIDER = {
    "idp_name": Field(str, required=True, filled=True, pattern=r"[\w -]*", longest=100),
    "idp_type": Field(str, required=True, fixed=True, values=("OIDC", "SAML")),
    "idp_source_type": Field(str, fixed=True, values=("GENERIC", "ENTRA", "OKTA")),
    "directory_list": Field(list, required=True, shape=Field(dict, shape={"id": Field(str, required=True)})),
    "oidc_profile": Field(dict, shape=OIDC_PROFILE),
    "saml_profile": Field(dict, shape=SAML_PROFILE),
    "trust_certificates": Field(list, shape=Field(str), longest=3),
    # Its text says that it is defaulted when a provider is made, though its schema requires it; and that the id of a
    # method goes along when that is changed, though its schema says that the id is read only.
    "auth_type_list": Field(
        list,
        filled=True,
        shape=Field(
            dict,
            shape={
                "id": _OPTIONAL,
                "auth_method_name": Field(str, required=True, filled=True),
                "saml_authn_context": Field(str, required=True),
            },
        ),
    ),
    "id": Field(str, read_only=True),
}
_MORE_OF_TOKEN = (
    *("assertion", "code", "code_verifier", "domain", "password", "redirect_uri", "refresh_token", "scope"),
    *("subject_token", "subject_token_type", "username"),
)
TOKEN = {
    "grant_type": Field(
        str,
        required=True,
        values=(
            *("authorization_code", "password", "client_credentials", "refresh_token"),
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ),
    ),
    "client_id": Field(str, longest=256),
    "client_secret": Field(str, longest=4096, write_only=True),
    **dict.fromkeys(_MORE_OF_TOKEN, _OPTIONAL),
}
_PAGING = {name: Field(int) for name in ("start_index", "page_size")}

USER = {
    "userName": Field(str, required=True),
    "externalId": _OPTIONAL,
    "active": _FLAG,
    "displayName": _OPTIONAL,
    "name": Field(dict, shape=dict.fromkeys(("givenName", "familyName", "middleName"), _OPTIONAL)),
    "emails": Field(list, shape=Field(dict, shape=dict.fromkeys(("value", "primary", "display"), _OPTIONAL))),
    "schemas": _TEXTS,
    **dict.fromkeys(("nickName", "profileUrl", "title"), _OPTIONAL),
    **{name: Field(list) for name in ("addresses", "ims", "phoneNumbers", "photos")},
}
GROUP = {
    "displayName": Field(str, required=True),
    "externalId": _OPTIONAL,
    "members": Field(list, shape=Field(dict, shape=dict.fromkeys(("value", "$ref", "display"), _OPTIONAL))),
    "schemas": _TEXTS,
}
_PATCH = {
    "Operations": Field(
        list,
        required=True,
        shape=Field(dict, shape={"op": Field(str, required=True), "path": _OPTIONAL, "value": Field(object)}),
    ),
    "schemas": _TEXTS,
}
_SELECTION = dict.fromkeys(("attributes", "excludedAttributes"), _OPTIONAL)
_SEARCH = {
    "filter": Field(str, longest=2000),
    "sortBy": _OPTIONAL,
    "sortOrder": _OPTIONAL,
    "startIndex": Field(int),
    "count": Field(int),
    **_SELECTION,
}


def _scim(kind: str, singular: str, body: dict[str, Field], names: tuple[str, ...]) -> tuple[Operation, ...]:
    path = f"/usergroup/scim/v2/{kind}"
    search, read, create, post_search, replace, patch, delete = names
    refused = (404, 409) if singular == "group" else (404,)
    return (
        Operation(search, "GET", path, query=_SEARCH, errors=(400,)),
        Operation(create, "POST", path, body, success=(201,), errors=(400,)),
        Operation(post_search, "POST", f"{path}/.search", _SEARCH),
        Operation(read, "GET", f"{path}/{{id}}", query=_SELECTION, errors=(404,)),
        Operation(replace, "PUT", f"{path}/{{id}}", body, errors=(400, 404, 409)),
        Operation(patch, "PATCH", f"{path}/{{id}}", _PATCH, errors=(400, 404, 409)),
        Operation(delete, "DELETE", f"{path}/{{id}}", success=(204,), errors=refused),
    )


OPERATIONS = (
    # OAuth 2.0 clients
    Operation(
        "getAllOAuth2ClientSummaries",
        "GET",
        "/acs/broker/oauth2-clients",
        query=_PAGING,
        errors=(400,),
        media_type=f"{_CLIENT}.list+json",
    ),
    Operation(
        "createNewOAuth2Client",
        "POST",
        "/acs/broker/oauth2-clients",
        CLIENT,
        success=(201,),
        errors=(400, 409),
        media_type=f"{_CLIENT}.with.rule.sets+json",
    ),
    Operation(
        "getOAuth2ClientById",
        "GET",
        "/acs/broker/oauth2-clients/{id}",
        errors=(404,),
        media_type=f"{_CLIENT}.with.rule.sets+json",
    ),
    Operation(
        "patchOAuth2ClientById",
        "PATCH",
        "/acs/broker/oauth2-clients/{id}",
        CLIENT,
        query={"revoke_token_on_rule_set_removal": _FLAG},
        errors=(400, 404),
        media_type=f"{_CLIENT}.with.rule.sets+json",
    ),
    Operation("deleteOAuth2ClientById", "DELETE", "/acs/broker/oauth2-clients/{id}", success=(204,), errors=(404,)),
    Operation(
        "rotateSecretForOAuth2ClientById",
        "POST",
        "/acs/broker/oauth2-clients/{id}",
        ROTATION,
        query={"action": Field(str, required=True, values=("start-rotate-secret", "retire-primary-secret"))},
        success=(204,),
        errors=(400, 404),
        media_type=f"{_CLIENT}.secret.rotation+json",
    ),
    # directories and their sync clients
    Operation("getAllDirectories", "GET", "/usergroup/broker/directories", media_type=f"{_DIRECTORY}.list+json"),
    Operation(
        "createNewDirectory",
        "POST",
        "/usergroup/broker/directories",
        DIRECTORY,
        success=(201,),
        errors=(400, 409),
        media_type=f"{_DIRECTORY}+json",
    ),
    Operation(
        "getDirectoryById",
        "GET",
        "/usergroup/broker/directories/{id}",
        errors=(404, 409),
        media_type=f"{_DIRECTORY}+json",
    ),
    Operation(
        "patchDirectoryById",
        "PATCH",
        "/usergroup/broker/directories/{id}",
        DIRECTORY,
        errors=(400, 404, 409),
        media_type=f"{_DIRECTORY}+json",
    ),
    Operation("deleteDirectoryById", "DELETE", "/usergroup/broker/directories/{id}", success=(202,), errors=(404,)),
    Operation(
        "getDirectorySyncClientById",
        "GET",
        "/usergroup/broker/directories/{id}/sync-client",
        errors=(404, 409),
        media_type=f"{_DIRECTORY}.syncclientconfiguration+json",
    ),
    Operation(
        "generateCredentialsForSyncClient",
        "POST",
        "/usergroup/broker/directories/{id}/sync-client",
        SYNC_CLIENT,
        query={"action": Field(str, required=True, values=("generate_credentials",))},
        errors=(400, 404, 409),
        media_type=f"{_DIRECTORY}.syncclientconfiguration+json",
    ),
    # identity providers
    Operation(
        "getAllIdentityProviders", "GET", "/federation/broker/identity-providers", media_type=f"{_PROVIDER}.list+json"
    ),
    Operation(
        "createNewIdentityProvider",
        "POST",
        "/federation/broker/identity-providers",
        PROVIDER,
        success=(201,),
        errors=(400, 409),
        media_type=f"{_PROVIDER}+json",
    ),
    Operation(
        "getIdentityProviderById",
        "GET",
        "/federation/broker/identity-providers/{idpId}",
        errors=(404,),
        media_type=f"{_PROVIDER}+json",
    ),
    Operation(
        "patchIdentityProviderById",
        "PATCH",
        "/federation/broker/identity-providers/{idpId}",
        PROVIDER,
        errors=(400, 404, 409),
        media_type=f"{_PROVIDER}+json",
    ),
    Operation(
        "deleteIdentityProviderById",
        "DELETE",
        "/federation/broker/identity-providers/{idpId}",
        success=(204,),
        errors=(404, 409),
    ),
    Operation(
        "getSamlServiceProviderMetadataDetails",
        "GET",
        "/federation/broker/saml-sp-metadata/details",
        errors=(404,),
        media_type=f"{_VENDOR}vidm.federation.broker.samlspmetadata.details+json",
    ),
    Operation("getSamlServiceProviderMetadataXml", "GET", "/federation/broker/saml-sp-metadata/xml", errors=(404,)),
    Operation(
        "getSamlServiceProviderMetadataDownload",
        "GET",
        "/federation/broker/saml-sp-metadata/download-xml",
        errors=(404,),
    ),
    # tokens
    Operation("getAccessToken", "POST", "/acs/token", TOKEN, errors=(400,)),
    Operation(
        "revoke",
        "POST",
        "/acs/revoke",
        {"token": Field(str, required=True), "token_type_hint": _OPTIONAL},
        errors=(400,),
    ),
    # sign-ins of people
    Operation("authorize", "GET", "/acs/authorize", errors=(400,)),
    Operation("getOIDCConfiguration", "GET", "/acs/.well-known/openid-configuration"),
    Operation("getJwkKeys", "GET", "/acs/jwks", errors=(404,)),
    Operation("logoutGet", "GET", "/acs/openid/logout", success=(302,), errors=(400,)),
    Operation("logoutPost", "POST", "/acs/openid/logout", success=(302,), errors=(400,)),
    Operation("getUserInfo", "GET", "/acs/userinfo"),
    Operation("getUserInfoPost", "POST", "/acs/userinfo"),
    # SCIM
    *_scim(
        "Users",
        "user",
        USER,
        (*("getUserSearch", "getUser", "createUser", "postUserSearch"), *("putUser", "patchUser", "deleteUser")),
    ),
    *_scim(
        "Groups",
        "group",
        GROUP,
        (*("searchGroups", "getGroup", "createGroup", "postGroupsSearch"), *("putGroup", "patchGroup", "deleteGroup")),
    ),
    Operation("getMe", "GET", "/usergroup/scim/v2/Me", query={"attributes": _OPTIONAL}, errors=(400, 404)),
)
