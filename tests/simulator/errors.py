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
