# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMware's SDK for Python talks to the simulator, and its requests equal those of the collection.

The SDK is the packages vmware-vcenter, vmware-vapi-runtime and vmware-sddc-manager. Where its requests differ from ours, the
difference is in DIFFERENCES, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from ansible_collections.homelab.identity_broker.plugins.module_utils._authorization import RestAuthorization
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import HttpClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._permissions import Permission, Principal
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_manager import Login, SddcManagerClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._ssh_access import SHELL, SSH
from ansible_collections.homelab.identity_broker.plugins.module_utils._vcenter import VcenterClient
from com.vmware.appliance.access_client import Shell, Ssh
from com.vmware.cis_client import Session
from com.vmware.vapi.std.errors_client import Error, Unauthenticated
from com.vmware.vapi.std_client import DynamicID
from com.vmware.vcenter.authorization_client import Permissions, Roles
from com.vmware.vcenter.identity.broker.tenants_client import AdminClient
from peers.recording import Sent, recorded
from simulator import Appliance, SddcManager
from vmware.sddc_manager import model_client as model
from vmware.sddc_manager.v1.identity_broker_client import Prechecks, SddcManagerOidc
from vmware.sddc_manager.v1.identity_providers_client import IdentitySources, SyncClient
from vmware.sddc_manager.v1_client import IdentityProviders, Tokens
from vmware.vapi.lib.connect import get_requests_connector
from vmware.vapi.stdlib.client.factories import StubConfigurationFactory

DIFFERENCES = {
    "PUT /api/appliance/access/shell": "the SDK wraps the settings in `config`; the API reference of 9.1 and vmware_rest do not",
    "POST /v1/identity-providers": "the SDK's structure has `name` beside `fedIdpSpec`; the collection leaves it out",
    "roles": "the SDK cannot page them, since its operation has no query; the collection does not change roles",
}


class Sdk:
    """Stubs of the SDK that use the plain JSON format of `/api`, over one `requests` session."""

    def __init__(self, url: str, ca_file: str) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = ca_file
        self._configuration = StubConfigurationFactory.new_std_configuration(
            get_requests_connector(self.http, msg_protocol="rest", url=url)
        )

    def __call__(self, service: Callable[[Any], Any]) -> Any:
        stub = service(self._configuration)
        provider = stub._api_interface._api_provider
        while hasattr(provider, "next_provider"):
            provider = provider.next_provider
        provider.set_rest_format(False)
        return stub


@pytest.fixture
def sdk(appliance: Appliance) -> Iterator[Sdk]:
    """Logged in as the administrator."""
    made = Sdk(f"{appliance.base_url}/api", str(appliance.ca_file))
    made.http.auth = (appliance.username, appliance.password)
    key = made(Session).create()
    made.http.auth = None
    made.http.headers["vmware-api-session-id"] = key
    yield made
    made.http.close()


@pytest.fixture
def vcenter(appliance: Appliance, monkeypatch: pytest.MonkeyPatch) -> Iterator[VcenterClient]:
    """The collection's own client, logged in."""
    monkeypatch.setenv("NO_PROXY", "localhost")
    with our_client(appliance) as client:
        client.log_in()
        yield client


@contextmanager
def our_client(appliance: Appliance) -> Iterator[VcenterClient]:
    with (
        HttpClient(ca_path=str(appliance.ca_file)) as http,
        VcenterClient(
            http,
            hostname="localhost",
            port=appliance.https_port,
            username=appliance.username,
            password=appliance.password,
        ) as client,
    ):
        yield client


def test_a_session_from_login_to_logout(appliance: Appliance, sdk: Sdk) -> None:
    assert sdk(Session).get().user == appliance.username
    sdk(Session).delete()
    with pytest.raises(Unauthenticated):
        sdk(Session).get()


def test_the_admin_token_of_the_broker_reads_users(appliance: Appliance, sdk: Sdk) -> None:
    token = sdk(AdminClient).get("customer")
    appliance.add_user("muffin", "id-of-muffin")
    answer = requests.get(
        f"{appliance.scim_url}/Users",
        headers={"Authorization": f"{token.token_type} {token.access_token}"},
        verify=str(appliance.ca_file),
        timeout=10,
    )
    assert [user["userName"] for user in answer.json()["Resources"]] == ["muffin"]


def test_ssh_and_the_shell(sdk: Sdk) -> None:
    sdk(Ssh).set(False)
    assert sdk(Ssh).get() is False
    sdk(Ssh).set(True)
    assert sdk(Ssh).get() is True
    sdk(Shell).set(Shell.ShellConfig(enabled=True, timeout=600))
    assert sdk(Shell).get().enabled is True


def test_roles_page_by_page(appliance: Appliance, sdk: Sdk) -> None:
    made = sdk(Roles).create(Roles.CreateSpec(name="Bakers", description="They bake", privileges={"System.Read"}))
    assert sdk(Roles).get(made).name == "Bakers"
    assert {item.info.name for item in sdk(Roles).list().items} == {"Admin", "ReadOnly", "NoAccess", "Bakers"}
    appliance.switches.permissions_page_cap = 3
    first = sdk(Roles).list()
    assert (len(first.items), bool(first.marker)) == (3, True)
    appliance.switches.permissions_page_cap = 200
    sdk(Roles).update(made, Roles.UpdateSpec(description="They bake bread"))
    sdk(Roles).delete(made)
    with pytest.raises(Error, match="NOT_FOUND"):
        sdk(Roles).get(made)


def permission_spec(role: str) -> Any:
    return Permissions.CreateSpec(
        object=DynamicID(type="GlobalAcl", id="GlobalAcl"),
        principal=Permissions.Principal(type=Permissions.Principal.Type.USER, name="muffin", domain="lab.example.org"),
        role=role,
        propagating=True,
    )


def test_permissions_of_the_sdk_and_of_the_collection_are_the_same_requests(
    appliance: Appliance, sdk: Sdk, vcenter: VcenterClient
) -> None:
    with recorded(appliance) as theirs:
        key = sdk(Permissions).create(permission_spec("-2"))
        sdk(Permissions).list(iterate=Permissions.IterationSpec(page_size=200))
        sdk(Permissions).update(key, Permissions.UpdateSpec(role="-5", is_propagating=False))
        sdk(Permissions).delete(key)
    ours_api = RestAuthorization(vcenter)
    wanted = Permission(Principal("user", "muffin", "lab.example.org"), "-2", propagate=True)
    with recorded(appliance) as ours:
        ours_api.create(wanted)
        (found,) = [each for each in ours_api.permissions() if each.principal.name == "muffin"]
        ours_api.update(found, Permission(found.principal, "-5", propagate=False, id=found.id))
        ours_api.delete(found)
    assert ours == theirs


def test_switching_ssh_is_the_same_request(appliance: Appliance, sdk: Sdk, vcenter: VcenterClient) -> None:
    with recorded(appliance) as theirs:
        sdk(Ssh).get()
        sdk(Ssh).set(True)
        sdk(Shell).get()
        sdk(Shell).set(Shell.ShellConfig(enabled=True, timeout=600))
    with recorded(appliance) as ours:
        vcenter.call("GET", SSH.path, "read")
        vcenter.call("PUT", SSH.path, "enable", document=SSH.document(enabled=True, seconds=600))
        vcenter.call("GET", SHELL.path, "read")
        vcenter.call("PUT", SHELL.path, "enable", document=SHELL.document(enabled=True, seconds=600))
    assert ours[:3] == theirs[:3]
    # See DIFFERENCES.
    assert {"config": ours[3].body} == theirs[3].body


def test_sessions_and_tokens_are_the_same_requests(appliance: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    sdk = Sdk(f"{appliance.base_url}/api", str(appliance.ca_file))
    with recorded(appliance) as theirs:
        sdk.http.auth = (appliance.username, appliance.password)
        sdk.http.headers["vmware-api-session-id"] = sdk(Session).create()
        sdk.http.auth = None
        sdk(AdminClient).get("customer")
        sdk(Session).delete()
    with recorded(appliance) as ours, our_client(appliance) as client:
        client.read_token()
    assert [without_empty_body(each) for each in ours] == [without_empty_body(each) for each in theirs]


def without_empty_body(sent: Sent) -> Sent:
    """The SDK sends `{}` where an operation has no body."""
    return sent._replace(body=sent.body or None)


# SDDC Manager

PROVIDER = {
    "name": "Bakery",
    "type": "FEDERATED_IDP_BROKER",
    "fedIdpSpec": {
        "name": "Bakery",
        "directory": {
            "name": "Bakery",
            "defaultDomain": "lab.example.org",
            "domains": ["lab.example.org"],
            "federatedIdpSourceType": "OKTA",
        },
        "oidcSpec": {
            "clientId": "client",
            "clientSecret": "secret of the client",
            "discoveryEndpoint": "https://id.example.org/.well-known/openid-configuration",
        },
    },
}
SOURCE = {
    "name": "lab.example.org",
    "ldap": {
        "type": "ActiveDirectory",
        "domainName": "lab.example.org",
        "domainAlias": "LAB",
        "username": "cn=reader",
        "password": "password of the reader",
        "sourceDetails": {
            "usersBaseDn": "ou=users",
            "groupsBaseDn": "ou=groups",
            "serverEndpoints": ["ldaps://ldap.example.org"],
            "certChain": ["certificate"],
        },
    },
}


def bindings(document: Any, spec: Any, **parts: Any) -> Any:
    """Build a structure of the SDK from the JSON of the API."""
    snake = {"".join(["_" + c.lower() if c.isupper() else c for c in name]): value for name, value in document.items()}
    return spec(**{**snake, **parts})


def provider_spec() -> Any:
    federated = PROVIDER["fedIdpSpec"]
    return model.IdentityProviderSpec(
        name="Bakery",
        type="FEDERATED_IDP_BROKER",
        fed_idp_spec=bindings(
            federated,
            model.FederatedIdentityProviderSpec,
            directory=bindings(federated["directory"], model.IdentityProviderDirectory),  # type: ignore[index]
            oidc_spec=bindings(federated["oidcSpec"], model.OidcSpec),  # type: ignore[index]
        ),
    )


def source_spec() -> Any:
    ldap: Any = SOURCE["ldap"]
    details = bindings(ldap["sourceDetails"], model.SourceDetails)
    return model.IdentitySourceSpec(name="lab.example.org", ldap=bindings(ldap, model.LdapSpec, source_details=details))


def test_sddc_manager_gets_the_same_requests(sddc: SddcManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    sdk = Sdk(sddc.base_url, str(sddc.ca_file))
    with recorded(sddc) as theirs:
        pair = sdk(Tokens).create_token(model.TokenCreationSpec(username=sddc.username, password=sddc.password))
        sdk.http.headers["Authorization"] = f"Bearer {pair.access_token}"
        sdk(IdentityProviders).get_identity_providers()
        sdk(Prechecks).get_identity_precheck_result("OKTA")
        sdk(SddcManagerOidc).get_sddc_ws1b_oidc_info()
        # The SDK declares no result; the API reference has the id.
        sdk(IdentityProviders).add_external_identity_provider(provider_spec())
        (key,) = sddc.kept.external
        sdk(IdentityProviders).get_identity_provider_by_id(key)
        sdk(SyncClient).generate_sync_client_token(key, 60)
        sdk(IdentityProviders).update_external_identity_provider(key, provider_spec())
        sdk(IdentityProviders).delete_external_identity_provider(key)
        embedded = sddc.kept.embedded_id
        sdk(IdentitySources).add_embedded_identity_source(embedded, source_spec())
        sdk(IdentitySources).update_embedded_identity_source(embedded, "lab.example.org", source_spec())
        sdk(IdentitySources).delete_identity_source(embedded, "lab.example.org")
    sddc.reset()
    login = Login(username=sddc.username, password=sddc.password)
    with (
        recorded(sddc) as ours,
        HttpClient(ca_path=str(sddc.ca_file)) as http,
        SddcManagerClient(http, hostname="localhost", port=sddc.https_port, login=login) as client,
    ):
        client.providers()
        client.precheck("OKTA")
        client.oidc_info()
        mine = client.add_provider(PROVIDER, "Bakery")
        assert mine is not None
        client.provider(mine)
        client.mint_sync_token(mine, 60)
        client.update_provider(mine, PROVIDER, "Bakery")
        client.delete_provider(mine, "Bakery")
        client.add_source(embedded, SOURCE, "lab.example.org")
        client.update_source(embedded, "lab.example.org", SOURCE, "lab.example.org")
        client.delete_source(embedded, "lab.example.org", "lab.example.org")
        sent = list(ours)
    expected = [each._replace(path=each.path.replace(key, mine), body=each.body or None) for each in theirs]
    assert [each._replace(body=each.body or None) for each in sent] == expected
