# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals of the broker and of vCenter's API, with the bodies they carry."""

from __future__ import annotations

from typing import Any


class BrokerError(Exception):
    """A refusal of the broker: {"errors": [{"code", "message", "parameters"}]}."""

    def __init__(self, status: int, code: str, message: str, **parameters: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"errors": [{"code": code, "message": message, "parameters": parameters}]}


class ApiError(Exception):
    """A refusal of vCenter's own API: {"error_type", "messages"}."""

    def __init__(self, status: int, error_type: str, message: str | None = None) -> None:
        super().__init__(message or error_type)
        self.status = status
        messages = []
        if message:
            messages.append({"id": f"com.vmware.{error_type.lower()}", "default_message": message, "args": []})
        self.body = {"error_type": error_type, "messages": messages}


class LegacyError(Exception):
    """A refusal of the older API below /rest: {"type", "value": {"messages"}}."""

    def __init__(
        self,
        status: int,
        kind: str,
        message_id: str | None = None,
        message: str = "",
        arguments: list[str] | None = None,
    ) -> None:
        super().__init__(message or kind)
        self.status = status
        messages = []
        if message_id:
            messages.append({"id": message_id, "default_message": message, "args": arguments or []})
        self.body = {"type": f"com.vmware.vapi.std.errors.{kind}", "value": {"messages": messages}}

    @classmethod
    def unauthenticated(cls) -> LegacyError:
        """Return the refusal of a request without a valid session or password."""
        return cls(
            401,
            "unauthenticated",
            "com.vmware.vapi.endpoint.method.authentication.required",
            "Authentication required.",
        )

    @classmethod
    def nothing_there(cls) -> LegacyError:
        """What an address answers that no service stands behind."""
        kind = "com.vmware.vapi.rest.httpNotFound"
        error = cls(404, "not_found", kind, "Not found.")
        error.body["type"] = kind
        return error
