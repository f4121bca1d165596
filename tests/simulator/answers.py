# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small things that every part of the HTTP API needs."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from .errors import BrokerError

API_JSON = "application/json"
SCIM_JSON = "application/scim+json;charset=UTF-8"


def json_answer(body: Any, status: int = 200, content_type: str = API_JSON) -> Response:
    """Compact, as the appliance writes it: public scripts search the text for `"idp":"`."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status, content_type=content_type)


def path_id(key: str) -> str:
    """An id from a path. The web server unescapes paths, all but the slashes in them."""
    return key.replace("%2F", "/")


def json_body() -> dict[str, Any]:
    if (request.mimetype or "") not in ("application/scim+json", "application/json"):
        raise BrokerError(415, "unsupported.media.type", "The body is not application/scim+json")
    try:
        body = json.loads(request.get_data())
    except ValueError:
        raise BrokerError(400, "invalid.json", "The body is not JSON") from None
    if not isinstance(body, dict):
        raise BrokerError(400, "invalid.json", "The body is not an object")
    return body
