# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record the requests that a server of the simulator gets, with their bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from simulator.gate import Answer, Environ, straight
from simulator.service import Service
from werkzeug.wrappers import Response


class Sent(NamedTuple):
    """One request. `body` is the parsed JSON, None without a body."""

    method: str
    path: str
    query: str
    body: Any


@contextmanager
def recorded(server: Service[Any]) -> Iterator[list[Sent]]:
    """Record what reaches the server within the block."""
    requests: list[Sent] = []

    def record(environ: Environ, answer: Answer) -> Response:
        text = environ["wsgi.input"].getvalue() if environ.get("CONTENT_LENGTH") else b""
        body = json.loads(text) if text else None
        requests.append(Sent(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""), body))
        return answer(environ)

    server.gate.around = record
    try:
        yield requests
    finally:
        server.gate.around = straight
