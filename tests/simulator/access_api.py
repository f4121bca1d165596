# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH and the shell of the appliance, as vCenter's API switches them on and off.

Shapes as in the vSphere Automation API: SSH is read as a bare boolean and set by C({"enabled"}), the shell is read and
set as C({"enabled", "timeout"}) in seconds. Not documented, and chosen here: the timeout that is read is what is left
of the one that was set, and one that is out of range is an invalid argument.
"""

from __future__ import annotations

from flask import Blueprint, Response

from .access import LONGEST, Access
from .answers import json_answer
from .api_bodies import optional, read_body, required
from .errors import ApiError
from .state import State
from .switches import Switches
from .vcenter_api import require_session


def access_api(state: State, access: Access, switches: Switches) -> Blueprint:
    api = Blueprint("access", __name__, url_prefix="/api/appliance/access")

    @api.before_request
    def open_to_sessions() -> None:
        require_session(state)
        if switches.access_api == "none":
            raise ApiError(404, "OPERATION_NOT_FOUND", "The operation does not exist")

    @api.get("/ssh")
    def read_ssh() -> Response:
        return json_answer(access.ssh)

    @api.put("/ssh")
    def set_ssh() -> Response:
        access.ssh = required(read_body(), "enabled", bool)
        return Response(status=204)

    @api.get("/shell")
    def read_shell() -> Response:
        left = access.shell_timeout
        return json_answer({"enabled": left > 0, "timeout": left})

    @api.put("/shell")
    def set_shell() -> Response:
        body = read_body()
        # The SDK for Python wraps the settings; the API reference and vmware.vmware_rest do not.
        body = optional(body, "config", dict) or body
        enabled, timeout = required(body, "enabled", bool), required(body, "timeout", int)
        if not 0 <= timeout <= LONGEST:
            raise ApiError(400, "INVALID_ARGUMENT", f"timeout is not between 0 and {LONGEST} seconds")
        access.set_shell(enabled=enabled, timeout=timeout)
        return Response(status=204)

    return api
