# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions and roles as vSphere 9 offers them, below /api."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from .answers import json_answer, path_id
from .api_bodies import optional, read_body, required, structure
from .errors import ApiError
from .permissions import GLOBAL, LOCAL_OS, ROOT_FOLDER, Kind, Permission, Permissions, Principal, RefusedError, Role
from .resources import Json
from .state import State
from .switches import Switches
from .vcenter_api import require_session

BASE = "/api/vcenter/authorization"
DEFAULT_PAGE = 200


def permissions_api(state: State, permissions: Permissions, switches: Switches) -> Blueprint:
    api = Blueprint("permissions", __name__, url_prefix=BASE)

    @api.before_request
    def open_to_sessions() -> None:
        require_session(state)
        if switches.permissions_api not in ("both", "rest"):
            raise ApiError(404, "OPERATION_NOT_FOUND", "The operation does not exist")

    @api.errorhandler(RefusedError)
    def refused(error: RefusedError) -> Response:
        status = 404 if error.kind == "not_found" else 400
        answer = ApiError(status, error.kind.upper()).body
        message_id = f"com.vmware.vcenter.authorization.permissions.{error.reason}"
        answer["messages"] = [{"id": message_id, "default_message": error.message, "args": error.arguments}]
        return json_answer(answer, status)

    _add_permissions(api, permissions, switches)
    _add_roles(api, permissions, switches)
    return api


def _add_permissions(api: Blueprint, permissions: Permissions, switches: Switches) -> None:
    # A GET of the collection is not offered: listing is an action.
    @api.post("/permissions")
    def create_or_list() -> Response:
        action = request.args.get("action")
        if action == "list":
            return json_answer(_list(permissions, switches))
        if action is not None:
            raise ApiError(404, "OPERATION_NOT_FOUND", "The operation does not exist")
        return json_answer(permissions.create(_wanted(read_body())).id, 201)

    @api.get("/permissions/<path:key>")
    def read(key: str) -> Response:
        return json_answer(_info(permissions.get(path_id(key))))

    @api.patch("/permissions/<path:key>")
    def update(key: str) -> Response:
        body = read_body()
        permissions.update(path_id(key), optional(body, "role", str), optional(body, "is_propagating", bool))
        return Response(status=204)

    @api.delete("/permissions/<path:key>")
    def delete(key: str) -> Response:
        permissions.delete(path_id(key))
        return Response(status=204)


def _add_roles(api: Blueprint, permissions: Permissions, switches: Switches) -> None:
    @api.get("/roles")
    def list_roles() -> Response:
        return json_answer(_roles(permissions, switches))

    @api.post("/roles")
    def create_role() -> Response:
        body = read_body()
        name, description = required(body, "name", str), required(body, "description", str)
        return json_answer(permissions.create_role(name, description, _privileges(body) or []), 201)

    @api.get("/roles/<key>")
    def read_role(key: str) -> Response:
        return json_answer(permissions.role(key).to_json())

    @api.patch("/roles/<key>")
    def update_role(key: str) -> Response:
        body = read_body()
        texts = {name: optional(body, name, str) for name in ("name", "description")}
        changes: Json = {**texts, "privileges": _privileges(body)}
        permissions.update_role(key, {name: value for name, value in changes.items() if value is not None})
        return Response(status=204)

    @api.delete("/roles/<key>")
    def delete_role(key: str) -> Response:
        permissions.delete_role(key)
        return Response(status=204)


# Listing


def _list(permissions: Permissions, switches: Switches) -> Json:
    body = read_body() if request.get_data() else {}
    wanted, iterate = optional(body, "filter", dict), optional(body, "iterate", dict) or {}
    last, marker = "", optional(iterate, "marker", str)
    if marker is not None:
        if wanted is not None:
            raise ApiError(400, "INVALID_ARGUMENT", "A filter and a marker do not go together")
        last, wanted = _position(marker)
    size = optional(iterate, "page_size", int)
    size = DEFAULT_PAGE if size is None else size
    if size < 1:
        raise ApiError(400, "INVALID_ARGUMENT", "page_size is below 1")
    matches = _filter(wanted or {})
    rows = [permission for permission in permissions.all() if permission.id > last and matches(permission)]
    page = rows[: min(size, switches.permissions_page_cap)]
    answer: Json = {"items": [{"permission": row.id, "info": _info(row)} for row in page]}
    if len(rows) > len(page):
        answer["marker"] = _marker(page[-1].id, wanted)
    return answer


def _roles(permissions: Permissions, switches: Switches) -> Json:
    """Return a page of the roles. Filter and position come in the query; a marker carries the filter on."""
    wanted: Json = {
        "names": request.args.getlist("names"),
        "privileges": request.args.getlist("privileges"),
        "is_system": request.args.get("is_system"),
    }
    last = ""
    if marker := request.args.get("marker"):
        if any(wanted.values()):
            raise ApiError(400, "INVALID_ARGUMENT", "A filter and a marker do not go together")
        last, wanted = _position_of_roles(marker)
    matches = _role_filter(wanted)
    size = request.args.get("page_size", str(DEFAULT_PAGE))
    if not size.isdecimal() or int(size) < 1:
        raise ApiError(400, "INVALID_ARGUMENT", "page_size is no number above 0")
    rows = [(key, role) for key, role in sorted(permissions.roles().items()) if key > last and matches(role)]
    page = rows[: min(int(size), switches.permissions_page_cap)]
    answer: Json = {"items": [{"role": key, "info": role.to_json()} for key, role in page]}
    if len(rows) > len(page):
        answer["marker"] = _marker(page[-1][0], wanted)
    return answer


def _role_filter(wanted: Json) -> Callable[[Role], bool]:
    """All conditions that are named must hold."""
    names, privileges, system = wanted["names"], set(wanted["privileges"]), wanted["is_system"]
    if system not in (None, "true", "false"):
        raise ApiError(400, "INVALID_ARGUMENT", "is_system is no boolean")

    def matches(role: Role) -> bool:
        return (
            (not names or role.name in names)
            and privileges <= set(role.privileges)
            and (system is None or role.system == (system == "true"))
        )

    return matches


def _position_of_roles(marker: str) -> tuple[str, Json]:
    last, wanted = _position(marker)
    if wanted is None or set(wanted) != {"names", "privileges", "is_system"}:
        raise ApiError(400, "INVALID_ARGUMENT", "The marker is not one of this list's")
    return last, wanted


def _marker(last: str, wanted: Json | None) -> str:
    """Opaque to clients. It carries the filter on, as filter and marker exclude each other."""
    return base64.urlsafe_b64encode(json.dumps([last, wanted]).encode()).decode()


def _position(marker: str) -> tuple[str, Json | None]:
    try:
        last, wanted = json.loads(base64.urlsafe_b64decode(marker))
    except ValueError:
        raise ApiError(400, "INVALID_ARGUMENT", "The marker is not one of this server's") from None
    return str(last), wanted


def _filter(wanted: Json) -> Callable[[Permission], bool]:
    """All conditions that are named must hold."""
    objects = optional(wanted, "objects", list)
    principals = optional(wanted, "principals", list)
    roles = optional(wanted, "roles", list)
    propagating = optional(wanted, "is_propagating", bool)
    targets = None if objects is None else [_object(item) for item in objects]
    keys = None if principals is None else [_principal(item).key() for item in principals]

    def matches(permission: Permission) -> bool:
        return (
            (targets is None or permission.object in targets)
            and (keys is None or permission.principal.key() in keys)
            and (roles is None or permission.role in roles)
            and (propagating is None or permission.propagating == propagating)
        )

    return matches


# Bodies


def _wanted(body: Json) -> Permission:
    target = _object(required(body, "object", dict))
    if target not in (GLOBAL, ROOT_FOLDER):
        raise ApiError(400, "INVALID_ARGUMENT", "The object does not exist")
    principal = _principal(required(body, "principal", dict))
    return Permission(principal, required(body, "role", str), required(body, "propagating", bool), target)


def _info(permission: Permission) -> Json:
    principal = permission.principal
    return {
        "object": {"type": permission.object[0], "id": permission.object[1]},
        "principal": {"type": principal.type, "name": principal.name, "domain": principal.domain},
        "role": permission.role,
        "propagating": permission.propagating,
    }


def _object(item: Any) -> tuple[str, str]:
    item = structure(item)
    return required(item, "type", str), required(item, "id", str)


def _principal(item: Any) -> Principal:
    item = structure(item)
    kinds: dict[str, Kind] = {"USER": "USER", "GROUP": "GROUP"}
    kind = kinds.get(required(item, "type", str))
    if kind is None:
        raise ApiError(400, "INVALID_ARGUMENT", "The principal's type is neither USER nor GROUP")
    return Principal(kind, required(item, "name", str), optional(item, "domain", str) or LOCAL_OS)


def _privileges(body: Json) -> list[str] | None:
    names = optional(body, "privileges", list)
    if names is not None and not all(isinstance(name, str) for name in names):
        raise ApiError(400, "INVALID_ARGUMENT", "privileges is not a list of names")
    return names
