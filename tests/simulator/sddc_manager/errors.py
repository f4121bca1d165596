# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals of SDDC Manager, in its two schemas."""

from __future__ import annotations

from typing import Any

from flask import Response

from simulator.answers import json_answer
from simulator.operations import Operation
from simulator.operations.sddc_manager import ERROR_RESPONSES


class SddcError(Exception):
    def __init__(self, status: int, code: str, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.cause = cause

    def answer(self, operation: Operation | None) -> Response:
        old = operation is not None and (operation.name, self.status) in ERROR_RESPONSES
        body: dict[str, Any] = {
            "errorCode": self.code,
            "arguments": [],
            "context": {},
            "message": self.message,
            "remediationMessage": "Look into the log of the common services.",
            "referenceToken": "H0IO1S",
        }
        if self.cause:
            causes = [{"type": "com.vmware.evo.sddc.IdentityException", "message": self.cause}]
            body["cause" if old else "causes"] = causes
        if not old:
            body["errorType"] = "CLIENT" if self.status < 500 else "SERVER"
        return json_answer(body, self.status)


def faulty(found: list[str], operation: Operation | None = None) -> SddcError:
    """Return the refusal of a request that does not fit, with a status that is documented for the operation."""
    documented = operation.errors if operation else ()
    status = next((each for each in (400, 404, 500) if each in documented), 400)
    return SddcError(status, "IDENTITY_INVALID_SPEC", "The specification is not valid", "; ".join(found))


def unauthorized() -> SddcError:
    return SddcError(401, "UNAUTHORIZED", "The access token is not valid")


def not_found(what: str) -> SddcError:
    return SddcError(404, "IDENTITY_NOT_FOUND", f"{what} is not found")


def refused(operation: Operation, status: int) -> SddcError:
    return SddcError(status, f"{operation.name.upper()}_REFUSED", f"{operation.name} is refused", "as a test wanted")
