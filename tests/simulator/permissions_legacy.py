# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Global permissions as every vSphere offers them, below /rest."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, request

from .answers import json_answer, path_id
from .errors import LegacyError
from .permissions import Kind, Permission, Permissions, Principal, RefusedError
from .resources import Json
from .state import State
from .switches import Switches

BASE = "/rest/com/vmware/cis/authz/permission"
FOLDER = {"type": "PermissionFolder", "id": "global-permission"}
NAMES: dict[Kind, str] = {"USER": "user_name", "GROUP": "group_name"}


def legacy_permissions_api(state: State, permissions: Permissions, switches: Switches) -> Blueprint:
    api = Blueprint("legacy_permissions", __name__, url_prefix=BASE)

    @api.before_request
    def open_to_sessions() -> None:
        if state.session(request.headers.get("vmware-api-session-id", "")) is None:
            raise LegacyError.unauthenticated()
        if switches.permissions_api not in ("both", "legacy"):
            raise LegacyError.nothing_there()

    @api.errorhandler(RefusedError)
    def refused(error: RefusedError) -> Response:
        status = 404 if error.kind == "not_found" else 400
        message_id = f"com.vmware.vcenter.authorization.permissions.{error.reason}"
        answer = LegacyError(status, error.kind, message_id, error.message, error.arguments)
        return json_answer(answer.body, status)

    _add_operations(api, permissions)
    return api


def _add_operations(api: Blueprint, permissions: Permissions) -> None:
    @api.get("")
    def list_ids() -> Response:
        return _value([row.id for row in _globals(permissions)])

    @api.post("")
    def create_or_list() -> Response:
        action = request.args.get("~action")
        if action == "list-detail":
            return _value([_detail(row) for row in _globals(permissions)])
        if action is not None:
            raise LegacyError.nothing_there()
        return _value(permissions.create(_wanted()).id)

    @api.get("/id:<path:key>")
    def read(key: str) -> Response:
        return _value(_detail(permissions.get(path_id(key))))

    @api.delete("/id:<path:key>")
    def delete(key: str) -> Response:
        permissions.delete(path_id(key))
        return Response(status=200)


def _value(value: Any) -> Response:
    return json_answer({"value": value})


def _globals(permissions: Permissions) -> list[Permission]:
    return [row for row in permissions.all() if row.is_global]


def _detail(permission: Permission) -> Json:
    kind = permission.principal.type
    return {
        "id": permission.id,
        "resource_id": FOLDER,
        "principal": {"type": kind, NAMES[kind]: permission.principal.full_name},
        "role_id": [permission.role],
        "propagate": permission.propagating,
    }


def _wanted() -> Permission:
    try:
        spec = json.loads(request.get_data())["create_spec"]
        resource, principal, roles = spec["resource_id"], spec["principal"], spec["role_id"]
        propagate = spec["propagate"]
        kind: Kind = principal["type"]
        spelling = principal[NAMES[kind]]
    except (ValueError, KeyError, TypeError):
        raise LegacyError(400, "invalid_argument") from None
    if resource != FOLDER:
        raise LegacyError(400, "unsupported")
    # A permission grants exactly one role.
    one_role = isinstance(roles, list) and len(roles) == 1 and isinstance(roles[0], str)
    if not (one_role and isinstance(spelling, str) and isinstance(propagate, bool)):
        raise LegacyError(400, "invalid_argument")
    return Permission(Principal.spelt(kind, spelling), roles[0], propagate)
