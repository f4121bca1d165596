# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity part of SDDC Manager's API as a table (VMware Cloud Foundation API 9.0.2, schemas by their names there).

Where the printed examples and the schemas disagree, the examples count: they leave out the name of an
IdentityProviderSpec that has a fedIdpSpec, and the type of the LdapSpec of AD FS.
"""

from __future__ import annotations

from . import Field, Operation

TEXT = Field(str)
NEEDED = Field(str, required=True)
TEXTS = Field(list, shape=TEXT)
NEEDED_TEXTS = Field(list, required=True, shape=TEXT)
SECRET = Field(str, required=True, write_only=True)
SOURCE_TYPES = ("OKTA", "MICROSOFT_ENTRA_ID", "PING_FEDERATE")

_DETAILS = {"usersBaseDn": NEEDED, "groupsBaseDn": NEEDED, "serverEndpoints": NEEDED_TEXTS, "certChain": TEXTS}
_LDAP = {
    "domainName": NEEDED,
    "domainAlias": TEXT,
    "username": NEEDED,
    "password": SECRET,
    "sourceDetails": Field(dict, required=True, shape=_DETAILS),
}
_KINDS = ("OpenLdap", "ActiveDirectory")
_OIDC = {"clientId": NEEDED, "clientSecret": SECRET, "discoveryEndpoint": NEEDED}
_DIRECTORY = {
    # Letters of any language.
    "name": Field(str, required=True, pattern=r"[\w -]+"),
    "defaultDomain": NEEDED,
    "domains": NEEDED_TEXTS,
    "federatedIdpSourceType": Field(str, required=True, values=SOURCE_TYPES),
    "directoryId": TEXT,
}
_FEDERATED = {
    "name": NEEDED,
    "directory": Field(dict, required=True, shape=_DIRECTORY),
    "oidcSpec": Field(dict, required=True, shape=_OIDC),
    "syncClientTokenTTL": Field(int),
}
PROVIDER_SPEC = {
    "name": TEXT,
    "type": Field(str, required=True, values=("AD_FS", "FEDERATED_IDP_BROKER")),
    "certChain": TEXTS,
    "ldap": Field(dict, shape={"type": Field(str, values=_KINDS), **_LDAP}),
    "oidc": Field(dict, shape=_OIDC),
    "fedIdpSpec": Field(dict, shape=_FEDERATED),
}
SOURCE_SPEC = {
    "name": NEEDED,
    "ldap": Field(dict, required=True, shape={"type": Field(str, required=True, values=_KINDS), **_LDAP}),
}
LOGIN_SPEC = {
    "username": TEXT,
    "password": Field(str, write_only=True),
    "apiKey": Field(str, write_only=True),
    "idToken": Field(str, write_only=True),
}
REFRESH_TOKEN = Field(str, required=True, write_only=True)

_PROVIDERS = "/v1/identity-providers"
_PROVIDER = f"{_PROVIDERS}/{{id}}"
_SOURCE = f"{_PROVIDER}/identity-sources/{{domainName}}"

LOG_IN = Operation("createToken", "POST", "/v1/tokens", LOGIN_SPEC, success=(201,), errors=(400, 500))
REFRESH = Operation(
    "refreshAccessToken", "PATCH", "/v1/tokens/access-token/refresh", REFRESH_TOKEN, errors=(400, 404, 500)
)
LOG_OUT = Operation("invalidateRefreshToken", "DELETE", "/v1/tokens/refresh-token", REFRESH_TOKEN, success=(204,))
LIST = Operation("getIdentityProviders", "GET", _PROVIDERS, errors=(400, 401, 500))
READ = Operation("getIdentityProviderById", "GET", _PROVIDER, errors=(401, 500))
ADD = Operation("addExternalIdentityProvider", "POST", _PROVIDERS, PROVIDER_SPEC, success=(201,), errors=(400, 500))
UPDATE = Operation(
    "updateExternalIdentityProvider", "PATCH", _PROVIDER, PROVIDER_SPEC, success=(204,), errors=(400, 404, 500)
)
REMOVE = Operation("deleteExternalIdentityProvider", "DELETE", _PROVIDER, success=(204,), errors=(404, 500))
MINT = Operation(
    "generateSyncClientToken",
    "POST",
    f"{_PROVIDER}/sync-client",
    query={"syncClientTokenTTL": Field(int)},
    errors=(401, 404, 500),
)
# The schema says 204, the example 201.
ADD_SOURCE = Operation(
    "addEmbeddedIdentitySource",
    "POST",
    f"{_PROVIDER}/identity-sources",
    SOURCE_SPEC,
    success=(201, 204),
    errors=(400, 404, 500),
)
UPDATE_SOURCE = Operation(
    "updateEmbeddedIdentitySource", "PATCH", _SOURCE, SOURCE_SPEC, success=(204,), errors=(400, 404, 500)
)
REMOVE_SOURCE = Operation("deleteIdentitySource", "DELETE", _SOURCE, success=(204,), errors=(400, 404, 500))
PRECHECK = Operation(
    "getIdentityPrecheckResult",
    "GET",
    "/v1/identity-broker/prechecks",
    query={"type": Field(str, values=SOURCE_TYPES)},
    errors=(404, 500),
)
OIDC_INFO = Operation("getSddcWs1bOidcInfo", "GET", "/v1/identity-broker/sddc-manager-oidc", errors=(400, 401, 500))

OPERATIONS = (
    *(LOG_IN, REFRESH, LOG_OUT),
    *(LIST, READ, ADD, UPDATE, REMOVE, MINT),
    *(ADD_SOURCE, UPDATE_SOURCE, REMOVE_SOURCE),
    *(PRECHECK, OIDC_INFO),
)

ERROR_RESPONSES = {
    (operation.name, status) for operation in (LIST, PRECHECK, OIDC_INFO) for status in operation.errors
} | {(READ.name, 401)}
"""What is told as ErrorResponse, whose causes are in C(cause); all else is an Error, which has C(causes)."""
