# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""vCenter's REST API: the session, the broker's providers and the two ways to a token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from .answers import json_answer
from .errors import ApiError, LegacyError
from .identity_services import IdentityServices
from .state import Session, State, Token
from .switches import Provider, Switches

PROVIDERS = "/api/vcenter/identity/broker/tenants/<tenant>/providers"
ADMIN_CLIENT = "/api/vcenter/identity/broker/tenants/<tenant>/admin-client"
LEGACY_SESSION = "/rest/com/vmware/cis/session"
OPERATOR_IDP = "00000000-0000-4000-8000-0000000000ff"


def vcenter_api(state: State, switches: Switches, scim_url: Callable[[], str], services: IdentityServices) -> Blueprint:
    api = Blueprint("vcenter", __name__)

    def providers() -> list[Provider]:
        """Those of the switches, and whatever was made through the broker's own API."""
        known = {provider.idp for provider in switches.providers}
        return [*switches.providers, *(each for each in services.made() if each.idp not in known)]

    _add_session(api, state)
    _add_providers(api, state, switches, providers)
    _add_tokens(api, state, switches, scim_url, services, providers)
    return api


def _add_session(api: Blueprint, state: State) -> None:
    @api.post("/api/session")
    def log_in() -> Response:
        session = _new_session(state)
        if session is None:
            raise ApiError(401, "UNAUTHENTICATED")
        return json_answer(session, 201)

    @api.get("/api/session")
    def read_session() -> Response:
        return json_answer(_session_info(require_session(state)))

    @api.delete("/api/session")
    def log_out() -> Response:
        require_session(state)
        state.log_out(request.headers["vmware-api-session-id"])
        return Response(status=204)

    # Older clients log in here: vmware.vmware_rest, govmomi and shell scripts. The session opens both families.
    @api.post(LEGACY_SESSION)
    def log_in_or_read_at_the_older_address() -> Response:
        action = request.args.get("~action")
        if action == "get":
            return json_answer({"value": _session_info(_legacy_session(state))})
        if action is not None:
            raise LegacyError.nothing_there()
        session = _new_session(state)
        if session is None:
            raise LegacyError.unauthenticated()
        return json_answer({"value": session})

    @api.delete(LEGACY_SESSION)
    def log_out_at_the_older_address() -> Response:
        _legacy_session(state)
        state.log_out(request.headers["vmware-api-session-id"])
        return json_answer({})


def _add_providers(api: Blueprint, state: State, switches: Switches, providers: Callable[[], list[Provider]]) -> None:
    @api.get(PROVIDERS)
    def list_providers(tenant: str) -> Response:
        require_session(state)
        _known_tenant(tenant)
        if switches.providers_shape == "missing":
            raise ApiError(404, "OPERATION_NOT_FOUND", "The operation does not exist")
        rows = [_row(provider) for provider in providers()]
        if switches.providers_shape == "list":
            return json_answer(rows)
        return json_answer({switches.providers_shape: rows})

    @api.get("/api/vcenter/identity/authbrokeridp")
    def list_broker_providers() -> Response:
        require_session(state)
        rows = [{"tenant_type": "OPERATOR", "idp": OPERATOR_IDP}]
        rows += [{"tenant_type": "CUSTOMER", "idp": item.idp} for item in providers()]
        return json_answer({"summary_list": rows})


def _add_tokens(
    api: Blueprint,
    state: State,
    switches: Switches,
    scim_url: Callable[[], str],
    services: IdentityServices,
    providers: Callable[[], list[Provider]],
) -> None:
    @api.get(ADMIN_CLIENT)
    def admin_client(tenant: str) -> Response:
        require_session(state)
        _known_tenant(tenant)
        if switches.read_token == "endpoint_403":
            raise ApiError(403, "UNAUTHORIZED", "The privilege VcIdentityProviders.Manage is missing")
        if switches.read_token == "endpoint_404":
            raise ApiError(404, "NOT_FOUND", "The tenant has no admin client")
        return json_answer(_token_info(state.issue("read"), switches))

    @api.post(PROVIDERS + "/<idp>/sync-client")
    def generate(tenant: str, idp: str) -> Response:
        require_session(state)
        _known_tenant(tenant)
        if request.args.get("action") != "generate-result":
            raise ApiError(404, "OPERATION_NOT_FOUND", "The operation does not exist")
        if request.get_data():
            raise ApiError(400, "INVALID_ARGUMENT", "The operation takes no body")
        if idp not in [provider.idp for provider in providers()]:
            raise ApiError(404, "NOT_FOUND", "The provider does not exist")
        info = _token_info(state.issue("sync", services.scope_of(idp)), switches)
        answer: dict[str, Any] = {"token_info": info} if switches.token_shape == "nested" else info
        if switches.scim_url != "omitted":
            own = scim_url()
            answer["scim_url"] = own if switches.scim_url == "normal" else _other_host(own)
        if switches.scim_url_text is not None:
            answer["scim_url"] = switches.scim_url_text
        return json_answer(answer)


def _new_session(state: State) -> str | None:
    given = request.authorization
    if given is None or given.type != "basic":
        return None
    return state.log_in(given.username or "", given.password or "")


def require_session(state: State) -> Session:
    session = state.session(request.headers.get("vmware-api-session-id", ""))
    if session is None:
        raise ApiError(401, "UNAUTHENTICATED", "The session is not authenticated")
    return session


def _legacy_session(state: State) -> Session:
    session = state.session(request.headers.get("vmware-api-session-id", ""))
    if session is None:
        raise LegacyError.unauthenticated()
    return session


def _session_info(session: Session) -> dict[str, Any]:
    return {
        "user": session.user,
        "created_time": _time(session.created),
        "last_accessed_time": _time(session.last_used),
    }


def _known_tenant(tenant: str) -> None:
    if tenant != "customer":
        raise ApiError(404, "NOT_FOUND", "The tenant does not exist")


def _row(provider: Provider) -> dict[str, Any]:
    return {
        "idp": provider.idp,
        "name": provider.name,
        "domains": provider.domains,
        "tenant_type": "CUSTOMER",
    }


def _token_info(token: Token, switches: Switches) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "access_token": token.value,
        "expires_in": switches.token_ttl,
    }


def _other_host(scim_url: str) -> str:
    return "https://vcsa.example.net/" + scim_url.split("/", 3)[3]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
