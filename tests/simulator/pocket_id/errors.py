# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals of Pocket ID, and the form in which it tells them."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response

from simulator.answers import json_answer

from .switches import PocketIdSwitches

JSON = "application/json; charset=utf-8"


class PocketIdError(Exception):
    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        details: dict[str, str] | None = None,
        fields: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details: dict[str, Any] = dict(details or {})
        if fields:
            self.details["fields"] = fields

    def answer(self, switches: PocketIdSwitches) -> Response:
        if self.status == 409:
            self.status = switches.duplicate_status
        body: dict[str, Any] = {"error": self.message[:1].upper() + self.message[1:]}
        if self.code in ("not_found", "user_not_found") and switches.error_form == "plain":
            body["error"] = "Record not found"
        # What no part of it answers for has no code in any version.
        if self.code is None or switches.error_form == "plain":
            return json_answer(body, self.status, JSON)
        body["code"] = self.code
        if self.details:
            body["details"] = self.details
        body["request_id"] = str(uuid.uuid4())
        response = json_answer(body, self.status, JSON)
        response.headers["X-Request-ID"] = body["request_id"]
        return response


def not_signed_in() -> PocketIdError:
    return PocketIdError(401, "not_signed_in", "Nobody is signed in")


def user_disabled() -> PocketIdError:
    return PocketIdError(403, "user_disabled", "The account is disabled")


def no_permission() -> PocketIdError:
    return PocketIdError(403, "forbidden", "Permission missing")


def access_denied() -> PocketIdError:
    return PocketIdError(403, "oidc_access_denied", "No access to this client")


def no_email() -> PocketIdError:
    return PocketIdError(400, "user_email_not_set", "The user has no email address")


def no_user() -> PocketIdError:
    return PocketIdError(404, "user_not_found", "User not found")


def not_found(resource: str) -> PocketIdError:
    return PocketIdError(404, "not_found", f"{resource} not found", details={"resource": resource})


def nothing_there() -> PocketIdError:
    return PocketIdError(404, None, "No such API endpoint")


def already_in_use(attribute: str) -> PocketIdError:
    return PocketIdError(409, "already_in_use", f"{attribute} already in use", details={"property": attribute})


def client_id_taken() -> PocketIdError:
    return PocketIdError(409, "client_id_already_exists", "The client id is taken")


def invalid_body() -> PocketIdError:
    return PocketIdError(400, "invalid_request_body", "The body cannot be read")


def invalid(message: str) -> PocketIdError:
    return PocketIdError(400, "validation_failed", message)


def invalid_fields(found: list[tuple[str, str, str]]) -> PocketIdError:
    """Each a field, a code and what it must be."""
    fields = [{"field": field, "code": code, "message": message} for field, code, message in found]
    message = ", ".join(f"{field} {text}" for field, _code, text in found)
    return PocketIdError(400, "validation_failed", message, fields=fields)


def too_many() -> PocketIdError:
    return PocketIdError(429, "rate_limited", "Too many requests")


def internal() -> PocketIdError:
    return PocketIdError(500, "internal_error", "An internal error")
