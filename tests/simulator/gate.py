# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every request passes before and after the application: latency, faults, the record."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Response

from .https_server import CONNECTION, Connection, WsgiApp
from .state import Record, Seen
from .switches import BaseSwitches, Fault

CONTROL = "/simulator/"
Environ = dict[str, Any]
Answer = Callable[[Environ], Response]
_HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Proxy</body></html>"


def straight(environ: Environ, answer: Answer) -> Response:
    """Nobody has a say."""
    return answer(environ)


class Gate:
    def __init__(
        self,
        application: WsgiApp,
        record: Record,
        switches: BaseSwitches,
        expire: Callable[[Environ], None],
        too_busy: Callable[[int], Response],
    ) -> None:
        """What a caller shows in a request and how that ends, and the words of a 429, knows the server alone."""
        self._application = application
        self._requests = record
        self._switches = switches
        self._expire = expire
        self._too_busy = too_busy
        self.stopping = threading.Event()
        self.around: Callable[[Environ, Answer], Response] = straight
        """What has a say in each request: it may answer itself, or do something before and after."""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        # An unread body would be taken for the next request of the connection.
        if environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
        if str(environ["PATH_INFO"]).startswith(CONTROL):
            return self._application(environ, start_response)
        if self._switches.latency_ms:
            self.stopping.wait(self._switches.latency_ms / 1000)
        response = self.around(environ, self._answer)
        return response(environ, start_response)

    def _answer(self, environ: Environ) -> Response:
        fault = self._fault(environ)
        if fault is None:
            return self.recorded(environ, self._apply(environ))
        connection: Connection = environ[CONNECTION]
        if fault.kind == "expire_token":
            self._expire(environ)
            return self.recorded(environ, self._apply(environ))
        if fault.kind in ("reset_before", "hang"):
            self._record(environ, 0)
            if fault.kind == "hang":
                connection.wait_for_the_caller_to_go(self.stopping)
            connection.reset()
        if fault.kind in ("429", "503"):
            return self.recorded(environ, _later(self._too_busy(int(fault.kind)), fault))
        if fault.kind == "html":
            return self.recorded(environ, Response(_HTML, 200, content_type="text/html"))
        response = self._apply(environ)
        if fault.kind == "reset_after":
            self._record(environ, 0)
            connection.reset()
        if fault.kind == "truncated":
            _truncate(response)
            connection.close_after_answer()
        else:
            response.set_data(b"" if fault.kind == "empty" else b'{"unexpected":[1,2]}')
        return self.recorded(environ, response)

    def _fault(self, environ: Environ) -> Fault | None:
        """Every matching fault counts the request; the first that is due strikes."""
        method, target = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if environ.get("QUERY_STRING"):
            target = f"{target}?{environ['QUERY_STRING']}"
        due: Fault | None = None
        with self._requests.lock:
            for fault in self._switches.faults:
                wanted, _space, pattern = fault.match.partition(" ")
                if wanted not in ("*", method) or not re.search(pattern, target):
                    continue
                number = fault.seen
                fault.seen += 1
                if due is None and fault.is_due(number):
                    due = fault
        return due

    def _apply(self, environ: Environ) -> Response:
        return Response.from_app(self._application, environ, buffered=True)

    def recorded(self, environ: Environ, response: Response) -> Response:
        """The response, with its request in the record."""
        self._record(environ, response.status_code)
        return response

    def _record(self, environ: Environ, status: int) -> None:
        authorization = str(environ.get("HTTP_AUTHORIZATION", ""))
        self._requests.record(
            Seen(
                environ["REQUEST_METHOD"],
                environ["PATH_INFO"],
                environ.get("QUERY_STRING", ""),
                status,
                authorization.split(" ", 1)[0] or None,
            )
        )


def _later(response: Response, fault: Fault) -> Response:
    if isinstance(fault.retry_after, int) and fault.retry_as_date:
        response.headers["Retry-After"] = http_date(fault.retry_after)
    elif fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def _truncate(response: Response) -> None:
    body = response.get_data()
    response.set_data(body[: len(body) // 2])
    response.headers["Content-Length"] = str(max(len(body), 2))


def http_date(seconds_from_now: float) -> str:
    """For the header Retry-After, which may be a date."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds_from_now))
