# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Flask application: the parts put together, refusals turned into answers."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from .answers import SCIM_JSON, json_answer
from .errors import ApiError, BrokerError, LegacyError

BROKER_PATHS = ("/usergroup/", "/federation/", "/acs/")


def web_application(fqdn: str, broker_is_down: Callable[[], bool]) -> Flask:
    app = Flask("simulator")

    @app.before_request
    def keep_from_the_broker() -> Response | None:
        if not request.path.startswith(BROKER_PATHS):
            return None
        if broker_is_down():
            # What stands before vCenter's services says so of any of them; that it does of the broker is a guess.
            return Response("no healthy upstream", 503, content_type="text/plain")
        host = request.headers.get("Host", "").partition(":")[0]
        return Response(b"", 444) if host.casefold() != fqdn.casefold() else None

    @app.errorhandler(BrokerError)
    def broker_refuses(error: BrokerError) -> Response:
        return json_answer(error.body, error.status, SCIM_JSON)

    @app.errorhandler(ApiError)
    def api_refuses(error: ApiError) -> Response:
        return json_answer(error.body, error.status)

    @app.errorhandler(LegacyError)
    def legacy_refuses(error: LegacyError) -> Response:
        return json_answer(error.body, error.status)

    @app.errorhandler(HTTPException)
    def nothing_there(error: HTTPException) -> Response:
        status = error.code or 500
        if request.path.startswith(BROKER_PATHS):
            code = "operation.not.found" if status == 404 else "request.refused"
            return json_answer(BrokerError(status, code, error.name).body, status, SCIM_JSON)
        if request.path.startswith("/rest/") and status in (404, 405):
            return json_answer(LegacyError.nothing_there().body, 404)
        refused = ApiError(status, "OPERATION_NOT_FOUND" if status in (404, 405) else "ERROR")
        return json_answer(refused.body, 404 if status == 405 else status)

    return app
