# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SCIM of the broker: who may ask what, and the status codes. The model decides the rest.

Where it is, and whether a tenant is in the path, is said where the blueprints are registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from .answers import SCIM_JSON, json_answer, json_body
from .broker import Broker
from .errors import BrokerError
from .resources import LIST_SCHEMA, Json, Page
from .scim_variants import (
    as_we_spell_it,
    check_precondition,
    refuse_undeclared,
    respelt,
    service_provider_config,
    version_of,
)
from .state import State, Token
from .switches import Switches

SCHEMES = {"both": ("hzn", "bearer"), "hzn": ("hzn",), "bearer": ("bearer",)}


class _Door:
    """Lets a caller in by its token, and says what part of the tenant it sees."""

    def __init__(self, state: State, switches: Switches) -> None:
        self._state = state
        self._switches = switches

    def token(self, tenant: str) -> Token:
        scheme, _space, value = request.headers.get("Authorization", "").partition(" ")
        known = self._state.token(value)
        refused = self._switches.read_token
        read = known is not None and known.kind == "read"
        schemes = self._switches.sync_token_schemes
        allowed = scheme.lower() in SCHEMES[self._switches.auth_schemes if read or schemes == "same" else schemes]
        if known is None or not allowed or (read and refused == "refused_401"):
            raise BrokerError(401, "invalid.token", "The access token is not valid")
        if read and (refused == "refused_403" or request.method != "GET"):
            raise BrokerError(403, "access.denied", "The token does not permit the operation")
        if tenant != "CUSTOMER":
            raise BrokerError(404, "tenant.not.found", "The tenant does not exist")
        return known

    def provider(self, tenant: str) -> str:
        return self.token(tenant).provider or ""


def scim_api(state: State, broker: Broker, switches: Switches) -> Blueprint:
    api = Blueprint("scim", __name__)
    door = _Door(state, switches)
    wire = _Wire(switches)
    users = "/Users"

    @api.route("/ServiceProviderConfig", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def describe(tenant: str) -> Response:
        door.token(tenant)
        return wire.description()

    @api.get(users)
    def list_users(tenant: str) -> Response:
        scope = door.token(tenant).provider
        expression, page = _query()
        return wire.answer(_selected(broker.list_users(expression, page, scope, _asked()), request.args))

    @api.post(users + "/.search")
    def search_users(tenant: str) -> Response:
        scope = door.token(tenant).provider
        body = wire.body()
        page = Page.of(body.get("startIndex"), body.get("count"), body.get("cursor"))
        return wire.answer(
            _selected(broker.list_users(body.get("filter"), page, scope, _names(body.get("attributes"))), body)
        )

    @api.post(users)
    def create_user(tenant: str) -> Response:
        provider = door.provider(tenant)
        return wire.answer(broker.create_user(wire.body(), provider), switches.create_status)

    @api.get(users + "/<key>")
    def read_user(tenant: str, key: str) -> Response:
        return wire.answer(_selected(broker.user(key, door.token(tenant).provider, _asked()), request.args))

    @api.put(users + "/<key>")
    def replace_user(tenant: str, key: str) -> Response:
        scope = door.token(tenant).provider
        with broker.lock:
            version = wire.precondition(broker.user(key, scope))
            return wire.updated(broker.replace_user(key, wire.body(), scope, version))

    @api.patch(users + "/<key>")
    def patch_user(tenant: str, key: str) -> Response:
        scope = door.token(tenant).provider
        _refuse_patch(switches)
        with broker.lock:
            version = wire.precondition(broker.user(key, scope))
            return wire.updated(broker.patch_user(key, json_body(), scope, version))

    @api.delete(users + "/<key>")
    def delete_user(tenant: str, key: str) -> Response:
        scope = door.token(tenant).provider
        with broker.lock:
            wire.precondition(broker.user(key, scope))
            broker.delete_user(key, scope)
        return Response(status=switches.delete_status)

    return api


def scim_groups_api(state: State, broker: Broker, switches: Switches) -> Blueprint:
    api = Blueprint("scim_groups", __name__)
    door = _Door(state, switches)
    wire = _Wire(switches)
    groups = "/Groups"

    @api.get(groups)
    def list_groups(tenant: str) -> Response:
        scope = door.token(tenant).provider
        expression, page = _query()
        with broker.lock:
            return wire.answer(_selected(broker.groups.list(expression, page, scope, _asked()), request.args))

    @api.post(groups)
    def create_group(tenant: str) -> Response:
        provider = door.provider(tenant)
        with broker.lock:
            return wire.answer(broker.groups.create(wire.body(), provider), switches.create_status)

    @api.get(groups + "/<key>")
    def read_group(tenant: str, key: str) -> Response:
        scope = door.token(tenant).provider
        with broker.lock:
            return wire.answer(_selected(broker.groups.get(key, scope, _asked()), request.args))

    @api.put(groups + "/<key>")
    def replace_group(tenant: str, key: str) -> Response:
        scope = door.token(tenant).provider
        with broker.lock:
            wire.precondition(broker.groups.get(key, scope))
            return wire.updated(broker.groups.replace(key, wire.body(), scope))

    @api.patch(groups + "/<key>")
    def patch_group(tenant: str, key: str) -> Response:
        scope = door.token(tenant).provider
        _refuse_patch(switches)
        with broker.lock:
            wire.precondition(broker.groups.get(key, scope))
            return wire.updated(broker.groups.patch(key, json_body(), scope))

    @api.delete(groups + "/<key>")
    def delete_group(tenant: str, key: str) -> Response:
        scope = door.token(tenant).provider
        with broker.lock:
            wire.precondition(broker.groups.get(key, scope))
            broker.groups.delete(key, scope)
        return Response(status=switches.delete_status)

    return api


class _Wire:
    """Bodies, versions and answers in the form that the switches say."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def body(self) -> Json:
        return refuse_undeclared(self._switches, as_we_spell_it(json_body(), self._switches))

    def precondition(self, standing: Json) -> str | None:
        return check_precondition(self._switches, request.headers.get("If-Match"), standing["meta"]["version"])

    def description(self) -> Response:
        """Where there is none, no method is known."""
        if self._switches.service_provider_config == "absent":
            raise BrokerError(404, "operation.not.found", "Not Found")
        if request.method != "GET":
            raise BrokerError(405, "request.refused", "Method Not Allowed")
        return self.answer(service_provider_config(self._switches))

    def answer(self, body: Json, status: int = 200) -> Response:
        answer = json_answer(respelt(body, self._switches), status, SCIM_JSON)
        answer.headers.extend(version_of(body, self._switches))
        if status == 201:
            # RFC 7644 section 3.3.
            answer.headers["Location"] = body["meta"]["location"]
        return answer

    def updated(self, body: Json) -> Response:
        if self._switches.update_status == 204:
            return Response(status=204, headers=version_of(body, self._switches))
        return self.answer(body, self._switches.update_status)


def _query() -> tuple[str | None, Page]:
    page = Page.of(*(request.args.get(name) for name in ("startIndex", "count", "cursor")))
    return request.args.get("filter"), page


def _selected(answer: Json, asked: Mapping[str, Any]) -> Json:
    """With only the attributes that were asked for, or without those that were not wanted (whole ones only)."""
    only, without = _names(asked.get("attributes")), _names(asked.get("excludedAttributes"))

    def selected(resource: Json) -> Json:
        return {
            name: value
            for name, value in resource.items()
            if name in ("schemas", "id") or ((not only or name in only) and name not in without)
        }

    if LIST_SCHEMA not in answer["schemas"]:
        return selected(answer)
    return {
        name: [selected(row) for row in value] if name.lower() == "resources" else value
        for name, value in answer.items()
    }


def _asked() -> list[str]:
    return _names(request.args.get("attributes"))


def _names(value: object) -> list[str]:
    """In a URL they are joined by commas, in the body of a search they are a list."""
    if isinstance(value, list):
        return [str(name) for name in value]
    return str(value).split(",") if value else []


def _refuse_patch(switches: Switches) -> None:
    if switches.patch_refused:
        raise BrokerError(switches.patch_refusal, "method.not.allowed", "PATCH is not supported")
