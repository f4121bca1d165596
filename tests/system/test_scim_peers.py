# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that others wrote: scim2-tester against our appliance, our client against scim2-server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import requests
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import (
    AnswerError,
    ConflictError,
    NotFoundError,
    UnauthenticatedError,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import HttpClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._scim import ScimClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import (
    DesiredUser,
    document_for_creation,
    document_for_replacement,
    user_from_scim,
)
from scim2_client import BaseSyncSCIMClient
from scim2_models import (
    URN,
    Bulk,
    CaseExact,
    ChangePassword,
    ETag,
    Extension,
    Filter,
    Group,
    Mutability,
    Patch,
    Required,
    ResourceType,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    User,
)
from scim2_server.memory import InMemoryStorage
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_tester import CheckResult, Status, check_server
from simulator import DEFAULT_DOMAIN, WS1B_SCHEMA, Appliance, Switches
from simulator.https_server import HttpsServer

# What the broker serves. It publishes none of this itself.


class Directory(Extension):
    """The extension that carries a user's domain."""

    __schema__ = URN(WS1B_SCHEMA)
    domain: str | None = None


class BrokerUser(User):
    """The broker wants an externalId, and never changes it."""

    __schema__ = URN(str(User.__schema__))
    external_id: Annotated[str | None, Mutability.immutable, Required.true, CaseExact.true] = None


def description(page: int, *, user: type[User]) -> ScimProvider:
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=page),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=False),
        etag=ETag(supported=False),
        authentication_schemes=[BEARER_TOKEN_SCHEME],
    )
    composed: Any = user[Directory]  # type: ignore[index]
    types = [ResourceType.from_resource(composed), ResourceType.from_resource(Group)]
    return ScimProvider([user, Directory, Group], types, config)


# scim2-tester against the appliance

OWN_ERRORS = "the broker's refusals are {'errors': [...]}, no SCIM error"
NO_DISCOVERY = "the broker has no ServiceProviderConfig, Schemas or ResourceTypes"

CANNOT_HOLD = {
    (None, "service_provider_config_endpoint", ""): NO_DISCOVERY,
    (None, "service_provider_config_endpoint_methods", ""): NO_DISCOVERY,
    (None, "query_all_resource_types", ""): NO_DISCOVERY,
    (None, "access_invalid_resource_type", ""): NO_DISCOVERY,
    (None, "resource_types_endpoint_methods", ""): NO_DISCOVERY,
    (None, "query_all_schemas", ""): NO_DISCOVERY,
    (None, "access_invalid_schema", ""): NO_DISCOVERY,
    (None, "schemas_endpoint_methods", ""): NO_DISCOVERY,
    (None, "random_url", ""): OWN_ERRORS,
    # The deletion itself is done; what fails is the form of the 404 that follows it.
    ("User", "object_deletion", "answered 404 without a SCIM error"): OWN_ERRORS,
    ("Group", "object_deletion", "answered 404 without a SCIM error"): OWN_ERRORS,
    ("User", "search_with_attributes", ""): "the broker searches /Users/.search, not /.search",
    ("Group", "search_with_attributes", ""): "the broker searches /Users/.search, not /.search",
    ("User", "check_remove_attribute", "'active'"): "a user without the attribute is active",
    ("User", "check_remove_attribute", f"'{WS1B_SCHEMA}'"): "a user without a domain is in the directory's own",
    ("User", "check_remove_attribute", f"'{WS1B_SCHEMA}:domain'"): "a user without a domain is in the directory's own",
    ("Group", "check_remove_attribute", "'externalId'"): "an externalId that was set stays",
    ("Group", "check_add_attribute", "'members'"): "of a member only its id counts; $ref and type are not kept",
    ("Group", "check_replace_attribute", "'members'"): "of a member only its id counts; $ref and type are not kept",
}
MUST_HOLD = {
    "object_creation",
    "object_query",
    "object_query_without_id",
    "object_query_with_attributes",
    "object_list_with_attributes",
    "object_replacement",
    "check_add_attribute",
    "check_remove_attribute",
    "check_replace_attribute",
}


class TestersClient(BaseSyncSCIMClient):
    """scim2-client over requests, which this project has anyway."""

    __test__ = False

    def __init__(self, appliance: Appliance, http: requests.Session, provider: ScimProvider) -> None:
        super().__init__(provider=provider)
        self._base = appliance.scim_url
        self._http = http

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        address = url if url.startswith(f"{self._base}/") else f"{self._base}/{url.lstrip('/')}"
        return self._http.request(method, address, timeout=10, **options)


def explained(result: CheckResult) -> tuple[str | None, str, str] | None:
    for resource, title, fragment in CANNOT_HOLD:
        if (resource, title) == (result.resource_type, result.title) and fragment in str(result.reason):
            return resource, title, fragment
    return None


def test_the_tester_finds_what_is_known_and_nothing_else() -> None:
    with Appliance(ssh=None) as appliance, requests.Session() as http:
        http.trust_env = False
        http.verify = str(appliance.ca_file)
        http.headers["Authorization"] = f"Bearer {appliance.mint()}"
        client = TestersClient(appliance, http, description(appliance.switches.page_cap, user=BrokerUser))
        results = check_server(client)
        left = appliance.broker.users
    failures = [result for result in results if result.status not in (Status.SUCCESS, Status.COMPLIANT)]
    assert [result for result in failures if explained(result) is None] == []
    assert {explained(result) for result in failures} == set(CANNOT_HOLD), "something that is listed holds by now"
    held = {(result.resource_type, result.title) for result in results if result.status is Status.SUCCESS}
    both = {(resource, title) for resource in ("User", "Group") for title in MUST_HOLD}
    # Nothing else of a group can be removed than what the table above tells of.
    assert both - held <= {("Group", "check_remove_attribute")}
    assert left == []


# Our client against scim2-server

TOKEN = "token-of-the-peer"
PAGE = 3
MUFFIN = DesiredUser(
    username="muffin",
    domain=DEFAULT_DOMAIN,
    external_id="d0e47cc3-ff12-45fd-b4ba-6a30628bd50e",
    given_name="Muffin",
    family_name="Muffinson",
    email="muffin@example.org",
)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, InMemoryStorage]]:
    """The address, its CA and what the server keeps."""
    storage = InMemoryStorage()
    application = BearerTokenApplication(storage, description(PAGE, user=User), bearer_tokens=[TOKEN])
    server = HttpsServer(application, tmp_path_factory.mktemp("peer"), "localhost")
    port = server.start()
    yield f"https://127.0.0.1:{port}/v2", server.ca_file, storage
    server.stop()


@pytest.fixture
def storage(peer: tuple[str, Path, InMemoryStorage]) -> InMemoryStorage:
    peer[2].resources = []
    return peer[2]


@pytest.fixture
def http(peer: tuple[str, Path, InMemoryStorage], monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpClient]:
    # A proxy of the environment knows nothing of this machine's own ports.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HttpClient(ca_path=str(peer[1])) as client:
        yield client


@pytest.fixture
def client(peer: tuple[str, Path, InMemoryStorage], storage: InMemoryStorage, http: HttpClient) -> ScimClient:
    assert storage.resources == []
    return ScimClient(http, peer[0], TOKEN, "bearer")


def create(client: ScimClient, wanted: DesiredUser) -> dict[str, Any]:
    """Creates somebody, and reads back what the server has made of it."""
    client.create_user(document_for_creation(wanted), wanted.label)
    return next(document for document in client.users() if document["userName"] == wanted.wire_name)


def test_an_empty_list(client: ScimClient, http: HttpClient) -> None:
    assert client.users() == []
    assert http.sent == {"GET": 1}


@pytest.mark.parametrize(("number", "pages"), [(PAGE, 1), (PAGE + 1, 2), (2 * PAGE + 1, 3)])
def test_several_pages(client: ScimClient, http: HttpClient, number: int, pages: int) -> None:
    names = [f"baker{position}" for position in range(number)]
    for name in names:
        wanted = replace(MUFFIN, username=name, external_id=f"id-of-{name}")
        client.create_user(document_for_creation(wanted), wanted.label)
    users = [user_from_scim(document, ()) for document in client.users()]
    assert sorted(user.bare_name for user in users) == names
    assert {user.domain for user in users} == {DEFAULT_DOMAIN}
    assert http.sent == {"POST": number, "GET": pages + 1}, "ServiceProviderConfig is read once"


def test_a_user_as_we_write_it_is_read_back_by_the_peer(client: ScimClient, storage: InMemoryStorage) -> None:
    user = user_from_scim(create(client, MUFFIN), ())
    assert (user.username, user.domain, user.external_id) == (MUFFIN.label, DEFAULT_DOMAIN, MUFFIN.external_id)
    assert (user.given_name, user.family_name, user.email) == ("Muffin", "Muffinson", "muffin@example.org")
    assert (user.active, user.display_name) == (True, None)
    [kept] = storage.resources
    assert isinstance(kept, User)
    assert (kept.user_name, kept.external_id, kept.active) == (MUFFIN.label, MUFFIN.external_id, True)


def test_a_user_is_replaced(client: ScimClient) -> None:
    standing = create(client, MUFFIN)
    changes: dict[str, str | bool] = {"given_name": "Mia", "display_name": "Mia M.", "email": "", "active": False}
    client.update_user(standing["id"], MUFFIN.label, lambda now: document_for_replacement(now, changes, None))
    [document] = client.users()
    user = user_from_scim(document, ())
    assert (user.id, user.username, user.domain) == (standing["id"], MUFFIN.label, DEFAULT_DOMAIN)
    assert (user.given_name, user.family_name, user.display_name) == ("Mia", "Muffinson", "Mia M.")
    assert (user.email, user.active) == (None, False)


def test_a_user_is_renamed(client: ScimClient) -> None:
    standing = create(client, MUFFIN)
    renamed = f"scone@{DEFAULT_DOMAIN}"
    client.update_user(standing["id"], MUFFIN.label, lambda now: document_for_replacement(now, {}, renamed))
    assert [(user["id"], user["userName"]) for user in client.users()] == [(standing["id"], renamed)]


def test_a_user_is_deleted_and_may_be_gone_already(client: ScimClient, http: HttpClient) -> None:
    standing = create(client, MUFFIN)
    client.delete_user(standing["id"], MUFFIN.label)
    assert client.users() == []
    client.delete_user(standing["id"], MUFFIN.label)
    assert http.sent["DELETE"] == 2


def test_what_is_gone_is_not_replaced(client: ScimClient) -> None:
    standing = create(client, MUFFIN)
    client.delete_user(standing["id"], MUFFIN.label)
    with pytest.raises(NotFoundError, match=r"read the user muffin@lab.example.org to update it"):
        client.update_user(standing["id"], MUFFIN.label, lambda now: document_for_replacement(now, {}, None))


def test_a_duplicate_is_a_conflict(client: ScimClient, http: HttpClient) -> None:
    create(client, MUFFIN)
    wanted = replace(MUFFIN, username="MUFFIN", external_id="another")
    with pytest.raises(ConflictError, match="create the user MUFFIN") as caught:
        client.create_user(document_for_creation(wanted), wanted.label)
    assert (caught.value.status, caught.value.code) == (409, "uniqueness")
    assert http.sent["POST"] == 2
    assert len(client.users()) == 1


def test_a_refusal_is_told_in_the_peers_words(client: ScimClient) -> None:
    with pytest.raises(AnswerError, match=r"invalidSyntax|invalidValue") as caught:
        client.create_user({"schemas": [str(User.__schema__)]}, "nobody")
    assert caught.value.status == 400


def test_the_form_of_the_article_is_refused_by_a_strict_server(client: ScimClient) -> None:
    """The article sends an extension that `schemas` does not list (RFC 7643 section 3)."""
    with pytest.raises(AnswerError) as caught:
        client.create_user(document_for_creation(replace(MUFFIN, wire_form="mfa")), MUFFIN.label)
    assert caught.value.status == 400
    assert client.users() == []


def test_a_wrong_token_is_refused_and_never_shown(
    peer: tuple[str, Path, InMemoryStorage], storage: InMemoryStorage, http: HttpClient
) -> None:
    stranger = ScimClient(http, peer[0], "wrong-token", "bearer")
    assert not stranger.is_accepted()
    with pytest.raises(UnauthenticatedError) as caught:
        stranger.users()
    assert "wrong-token" not in str(caught.value)
    with pytest.raises(UnauthenticatedError):
        stranger.create_user(document_for_creation(MUFFIN), MUFFIN.label)
    assert storage.resources == []


def test_the_scheme_is_found_out(
    peer: tuple[str, Path, InMemoryStorage], storage: InMemoryStorage, http: HttpClient
) -> None:
    """The peer knows Bearer only: HZN is tried first, and not again."""
    seeking = ScimClient(http, peer[0], TOKEN, "auto")
    assert seeking.is_accepted()
    assert http.sent == {"GET": 2}
    create(seeking, MUFFIN)
    assert http.sent == {"GET": 4, "POST": 1}
    assert len(storage.resources) == 1


def test_our_page_size_is_kept_to_by_the_appliance() -> None:
    """The other end of the same: our client against our appliance, whose pages are smaller than asked for."""
    with Appliance(ssh=None, switches=Switches(page_cap=2)) as appliance:
        for number in range(5):
            appliance.add_user(f"baker{number}", f"id-{number}")
        with HttpClient(ca_path=str(appliance.ca_file)) as http:
            client = ScimClient(http, appliance.scim_url, appliance.mint(), "auto")
            assert len(client.users()) == 5
            assert http.sent == {"GET": 3}
