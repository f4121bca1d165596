# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP of the broker's own API: who may ask what, in which media type, and the status codes.

Nothing is let through that the table of documented operations does not allow. Where the paths begin, and whether a tenant is in
them, is said where the blueprint is registered.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, request

from simulator.answers import API_JSON, json_answer
from simulator.errors import BrokerError
from simulator.operations import Operation, faults, matching
from simulator.operations.identity_services import OPERATIONS
from simulator.state import State, Token
from simulator.switches import Switches

from .model import IdentityServices, Json

PAGE = 20
CLIENT_PATH = "/acs/broker/oauth2-clients"


def identity_services_api(
    state: State, services: IdentityServices, switches: Switches, address: Callable[[], str], tenant: str = ""
) -> Blueprint:
    """`tenant` is what stands between a service and its paths, with a variable of that name."""
    api = Blueprint("identity_services", __name__)

    @api.url_value_preprocessor
    def keep_tenant(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.tenant = (values or {}).pop("tenant", None)

    def base_url(service: str) -> str:
        return f"{address()}/{service}{tenant.replace('<tenant>', 'CUSTOMER')}"

    @api.before_request
    def refuse() -> None:
        state.lock.acquire()
        g.locked = True
        if switches.native_api == "missing":
            raise BrokerError(404, "operation.not.found", "Not Found")
        operation = _operation()
        if operation.name == "getAccessToken":
            return
        _check_caller(state, switches, operation)
        _check_types(switches, operation)
        g.body = _body(operation)
        if found := faults(operation, request.args.to_dict(), g.body, partial=operation.method == "PATCH"):
            raise BrokerError(400, "invalid.request", "; ".join(found))

    @api.teardown_request
    def release(_error: BaseException | None) -> None:
        if g.pop("locked", False):
            state.lock.release()

    _add_tokens(api, f"/acs{tenant}/token", state, services)
    _add_clients(api, f"/acs{tenant}/broker/oauth2-clients", services, switches, base_url)
    _add_directories(api, f"/usergroup{tenant}/broker/directories", services, switches)
    _add_providers(api, f"/federation{tenant}/broker", services, switches, base_url)
    return api


def _operation() -> Operation:
    """The row of the table, which knows no tenant."""
    path = request.path if g.tenant is None else request.path.replace(f"/t/{g.tenant}", "", 1)
    found = matching(OPERATIONS, request.method, path)
    if found is None:
        raise BrokerError(404, "operation.not.found", f"{request.method} {path} is not documented")
    return found


def _check_caller(state: State, switches: Switches, operation: Operation) -> None:
    scheme, _space, value = request.headers.get("Authorization", "").partition(" ")
    token = state.token(value)
    if token is None or scheme.lower() != "bearer" or token.kind != "read" or switches.native_api == "refused_401":
        raise BrokerError(401, "401", "Unauthorized")
    if not _is_allowed(token, operation) or switches.native_api == "refused_403":
        raise BrokerError(403, "access.denied", "The client's rule sets do not permit the operation")
    if g.tenant not in (None, "CUSTOMER"):
        raise BrokerError(404, "tenant.not.found", "The tenant does not exist")


def _is_allowed(token: Token, operation: Operation) -> bool:
    """The admin client of the appliance may do everything; others what their rule sets say."""
    if token.client is None or "TENANT_ADMIN" in token.rules:
        return True
    if "READ_ONLY_TENANT_ADMIN" in token.rules and operation.method == "GET":
        return True
    return "IDP_AND_DIRECTORY_ADMIN" in token.rules and not operation.path.startswith(CLIENT_PATH)


def _check_types(switches: Switches, operation: Operation) -> None:
    if not operation.media_type:
        return
    taken = {"both": (API_JSON, operation.media_type), "json": (API_JSON,), "vendor": (operation.media_type,)}
    allowed = [name.lower() for name in taken[switches.media_types]]
    accepted = request.headers.get("Accept", "*/*").lower()
    if "*/*" not in accepted and not any(name in accepted for name in allowed):
        raise BrokerError(406, "not.acceptable", f"{operation.media_type} is sent")
    if request.get_data() and request.mimetype.lower() not in allowed:
        raise BrokerError(415, "unsupported.media.type", f"{operation.media_type} is taken")


def _body(operation: Operation) -> Any:
    if not request.get_data():
        return None if operation.body is None else {}
    try:
        return json.loads(request.get_data())
    except ValueError:
        raise BrokerError(400, "invalid.json", "The body is not JSON") from None


def _answer(body: Any, status: int = 200) -> Response:
    operation = _operation()
    vendor = operation.media_type and operation.media_type.lower() in request.headers.get("Accept", "").lower()
    return json_answer(body, status, operation.media_type if vendor else API_JSON)


def _listed(rows: list[Json], switches: Switches, **about: Any) -> Response:
    if switches.native_list == "bare":
        return _answer(rows)
    return _answer({switches.native_list: rows, **about})


def _add_tokens(api: Blueprint, path: str, state: State, services: IdentityServices) -> None:
    @api.post(path)
    def token() -> Response:
        form = request.form.to_dict()
        if found := faults(_operation(), request.args.to_dict(), form):
            raise BrokerError(400, "invalid_request", "; ".join(found))
        given = request.authorization
        basic = given is not None and given.type == "basic"
        client = services.client_named((given.username or "") if given is not None and basic else "")
        if client is None or given is None or not client.accepts(given.password or ""):
            return json_answer({"error": "invalid_client", "error_description": "Bad client credentials"}, 401)
        if form["grant_type"] != "client_credentials" or "client_credentials" not in client.body["grant_types"]:
            return json_answer({"error": "unauthorized_client", "error_description": "Not this grant type"}, 400)
        rules = tuple(client.body.get("rule_set_names", []))
        ttl = 60 * client.body.get("access_token_ttl", 10080)
        issued = state.issue("read", ttl=ttl, client=client.client_id, rules=rules)
        answer = {"access_token": issued.value, "token_type": "Bearer", "expires_in": ttl}
        return json_answer({**answer, "scope": " ".join(client.body["scope"])}, 200, "application/json;charset=UTF-8")


def _add_clients(
    api: Blueprint, path: str, services: IdentityServices, switches: Switches, base_url: Callable[[str], str]
) -> None:
    @api.get(path)
    def list_clients() -> Response:
        size = int(request.args.get("page_size", PAGE))
        start = int(request.args.get("start_index", 1))
        if start < 1 or size < 1:
            raise BrokerError(400, "invalid.paging", "Invalid starting index or page size")
        size = min(size, switches.page_cap)
        first = start - 1 if switches.start_index == "item" else (start - 1) * size
        clients = list(services.clients.values())
        rows = [
            {
                "client_id": each.client_id,
                "scope": each.body["scope"],
                "_links": {
                    "self": {"href": f"{base_url('acs')}/broker/oauth2-clients/{_address(each.body, switches)}"}
                },
            }
            for each in clients[first : first + size]
        ]
        pages = -(-len(clients) // size)
        return _listed(
            rows, switches, totalCount=len(clients), pageNumber=first // size + 1, totalPages=pages, pageSize=size
        )

    @api.post(path)
    def create_client() -> Response:
        return _answer(services.create_client(g.body), 201)

    @api.get(f"{path}/<key>")
    def read_client(key: str) -> Response:
        return _answer(services.show_client(services.client(key)))

    @api.patch(f"{path}/<key>")
    def change_client(key: str) -> Response:
        revoke = request.args.get("revoke_token_on_rule_set_removal") != "false"
        return _answer(services.change_client(key, g.body, revoke=revoke))

    @api.delete(f"{path}/<key>")
    def delete_client(key: str) -> Response:
        services.delete_client(key)
        return Response(status=204)

    @api.post(f"{path}/<key>")
    def rotate(key: str) -> Response:
        services.rotate(key, request.args["action"], g.body)
        return Response(status=204)


def _add_directories(api: Blueprint, path: str, services: IdentityServices, switches: Switches) -> None:
    @api.get(path)
    def list_directories() -> Response:
        return _listed(services.list_directories(), switches)

    @api.post(path)
    def create_directory() -> Response:
        return _answer(services.create_directory(g.body), 201)

    @api.get(f"{path}/<key>")
    def read_directory(key: str) -> Response:
        return _answer(services.directory(key).body)

    @api.patch(f"{path}/<key>")
    def change_directory(key: str) -> Response:
        return _answer(services.change_directory(key, g.body))

    @api.delete(f"{path}/<key>")
    def delete_directory(key: str) -> Response:
        services.delete_directory(key)
        return Response(status=202)

    @api.get(f"{path}/<key>/sync-client")
    def read_sync_client(key: str) -> Response:
        directory = services.directory(key)
        shown: Json = {"generate_token": directory.generate_token, "token_ttl": directory.sync_ttl}
        return _answer(shown if directory.generate_token else {**shown, "client_id": directory.sync_client_id})

    @api.post(f"{path}/<key>/sync-client")
    def generate(key: str) -> Response:
        return _answer(services.generate(key, g.body))


def _add_providers(
    api: Blueprint, broker: str, services: IdentityServices, switches: Switches, base_url: Callable[[str], str]
) -> None:
    path = f"{broker}/identity-providers"

    @api.get(path)
    def list_providers() -> Response:
        return _listed(services.list_providers(), switches)

    @api.post(path)
    def create_provider() -> Response:
        return _answer(services.create_provider(g.body), 201)

    @api.get(f"{path}/<key>")
    def read_provider(key: str) -> Response:
        return _answer(services.provider(key))

    @api.patch(f"{path}/<key>")
    def change_provider(key: str) -> Response:
        return _answer(services.change_provider(key, g.body))

    @api.delete(f"{path}/<key>")
    def delete_provider(key: str) -> Response:
        services.delete_provider(key)
        return Response(status=204)

    @api.get(f"{broker}/saml-sp-metadata/details")
    def saml_metadata() -> Response:
        if not services.takes_saml:
            raise BrokerError(404, "saml.metadata.not.found", "The SAML metadata does not exist")
        federation = base_url("federation")
        return _answer(
            {
                "entityId": f"{federation}/saml-sp-metadata/xml",
                "acsUrl": f"{federation}/auth/response/saml",
                "acsBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
                "sloResponseUrl": f"{federation}/auth/slo/response/saml",
                "wantAssertionSigned": True,
                "certificates": {"signing": {"certificate": "-----BEGIN CERTIFICATE-----", "subject": "CN=Example"}},
            }
        )


def _address(body: Json, switches: Switches) -> str:
    return str(body["id"] if switches.client_key == "id" else body["client_id"])
