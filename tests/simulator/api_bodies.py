# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the bodies that vCenter's own API is sent. What does not fit is refused as it refuses it."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from flask import request

from .errors import ApiError
from .resources import Json

T = TypeVar("T")


def read_body() -> Json:
    if request.mimetype != "application/json":
        raise ApiError(415, "INVALID_REQUEST", "The body is not application/json")
    try:
        return structure(json.loads(request.get_data()))
    except ValueError:
        raise ApiError(400, "INVALID_ARGUMENT", "The body is not JSON") from None


def structure(item: Any) -> Json:
    if not isinstance(item, dict):
        raise ApiError(400, "INVALID_ARGUMENT", "A structure was expected")
    return item


def optional(body: Json, name: str, kind: type[T]) -> T | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ApiError(400, "INVALID_ARGUMENT", f"{name} has a wrong type")
    return value


def required(body: Json, name: str, kind: type[T]) -> T:
    value = optional(body, name, kind)
    if value is None:
        raise ApiError(400, "INVALID_ARGUMENT", f"{name} is missing")
    return value
