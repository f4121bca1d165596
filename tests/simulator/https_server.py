# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS on 127.0.0.1, on a port that the system chooses, with a certificate made for the start."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import trustme
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Gateway_10, Server

CONNECTION = "simulator.connection"
FLASK_TYPE = "text/html; charset=utf-8"
"""The content type of an answer that was given none."""

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Gateway(Gateway_10):
    """Lets the application reach the connection, which a fault may break.

    An answer without content has no content type (RFC 9110 section 8.3). Flask gives it one, and the SDK for Python refuses
    such an answer.
    """

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        of_flask = {("content-type", FLASK_TYPE)} if ("Content-Length", "0") in headers else set()
        without_content = status.startswith(("204", "304"))
        kept = [
            (name, value)
            for name, value in headers
            if (name.lower(), value) not in of_flask and not (without_content and name.lower() == "content-type")
        ]
        return super().start_response(status, kept, exc_info)

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        environ[CONNECTION] = Connection(self.req)
        return environ


class Connection:
    def __init__(self, request: Any) -> None:
        self._request = request

    def close_after_answer(self) -> None:
        self._request.close_connection = True

    def wait_for_the_caller_to_go(self, stopping: threading.Event) -> None:
        """Until then the caller hears nothing. It has sent its request, so more from it is the end of the connection."""
        poll = select.poll()
        poll.register(self._request.conn.socket.fileno(), select.POLLIN)
        while not poll.poll(0) and not stopping.wait(0.05):
            pass

    def reset(self) -> None:
        """Ends the connection with a TCP reset, as a crashed or overrun server does."""
        connection = self._request.conn
        broken = connection.socket
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(broken.detach())
        # cheroot shuts its socket down afterwards and tolerates only one that is not connected.
        connection.socket = socket.socket()
        raise ConnectionResetError(errno.ECONNRESET, "reset by a fault of the simulator")


class HttpsServer:
    def __init__(self, application: WsgiApp, folder: Path, fqdn: str, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        certificate, key = folder / "server.pem", folder / "server.key"
        authority = trustme.CA(organization_name="Appliance of the tests")
        issued = authority.issue_cert(*dict.fromkeys((fqdn, "localhost", "127.0.0.1")))
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(key))
        self._server = Server(
            ("127.0.0.1", port),
            application,
            numthreads=24,
            max=24,
            request_queue_size=128,
            timeout=60,
            shutdown_timeout=1,
        )
        self._server.gateway = _Gateway
        self._server.keep_alive_conn_limit = 128
        self._server.ssl_adapter = BuiltinSSLAdapter(str(certificate), str(key))
        self._server.error_log = _quiet  # type: ignore[method-assign, assignment]
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, name="https", daemon=True)
        self._thread.start()
        return int(self._server.bind_addr[1])

    def stop(self) -> None:
        self._server.stop()
        if self._thread is not None:
            self._thread.join()


def _quiet(message: str = "", level: int = 20, traceback: bool = False) -> None:
    """Clients that break off are what the tests are about; cheroot would print each of them."""
