# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH server on 127.0.0.1 that needs neither root nor a package of the system."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from .access import Access
from .ssh_shell import run_command
from .switches import Switches


@dataclass
class SshKeys:
    """Keys made for one start, and the files a client needs."""

    client_key: Path
    known_hosts: Path
    host_key: Path
    client_public: str

    @classmethod
    def make(cls, folder: Path) -> SshKeys:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        keys = {}
        for name in ("client_key", "host_key"):
            path = folder / name
            path.unlink(missing_ok=True)
            keys[name] = asyncssh.generate_private_key("ssh-ed25519", comment=f"simulator {name}")
            path.touch(mode=0o600)
            keys[name].write_private_key(str(path))
            keys[name].write_public_key(f"{path}.pub")
        public = keys["client_key"].export_public_key().decode().strip()
        return cls(folder / "client_key", folder / "known_hosts", folder / "host_key", public)

    def write_known_hosts(self, port: int) -> None:
        key = self.host_key.with_name("host_key.pub").read_text().strip()
        names = f"[127.0.0.1]:{port},[localhost]:{port}"
        self.known_hosts.write_text(f"{names} {key}\n")


@dataclass
class SshLog:
    """What callers did. Failures are counted as the appliance's faillock would."""

    connections: int = 0
    logins: int = 0
    failures: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    password_failures: int = 0

    def clear(self) -> None:
        self.connections = self.logins = self.password_failures = 0
        self.failures.clear()
        self.commands.clear()


class ClosedPort:
    """A port that nobody listens on, and that no other program is given meanwhile."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    @property
    def held(self) -> bool:
        return self._socket is not None

    def hold(self, port: int) -> None:
        self._socket = socket.socket()
        # Connections that live on have the same address.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end = time.monotonic() + 5
        while True:
            try:
                self._socket.bind(("127.0.0.1", port))
                return
            except OSError:
                # A process that was just forked for a connection still has the port that its parent listened on.
                if time.monotonic() > end:
                    self.release()
                    raise
            time.sleep(0.01)

    def release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _files(channel: Any) -> asyncssh.SFTPServer:
    return asyncssh.SFTPServer(channel)


class _Caller(asyncssh.SSHServer):
    def __init__(self, server: SshServer) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None
        self._failures = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.standing.add(conn)
        self._server.log.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._connection is not None:
            self._server.standing.discard(self._connection)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return True

    def auth_completed(self) -> None:
        self._server.log.logins += 1
        self._server.log.password_failures = 0

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(
        self,
        username: str,  # noqa: ARG002
        key: asyncssh.SSHKey,
    ) -> bool:
        known = key.export_public_key().split()[1].decode()
        return self._verdict("publickey", known == self._server.keys.client_public.split()[1])

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        right = username == self._server.user
        right &= hmac.compare_digest(password.encode(), self._server.password.encode())
        if not self._verdict("password", right):
            self._server.log.password_failures += 1
            return False
        return True

    def _verdict(self, method: str, right: bool) -> bool:
        switches, log = self._server.switches, self._server.log
        locked = 0 < switches.ssh_lock_after <= log.password_failures
        if right and not locked and not switches.ssh_refuse:
            return True
        log.failures.append(method)
        self._failures += 1
        if self._connection and self._failures >= switches.ssh_max_auth_failures:
            self._connection.disconnect(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many authentication failures"
            )
        return False

    def session_requested(self) -> asyncssh.SSHServerProcess[bytes]:
        files = not self._server.offers_no_shell()
        return asyncssh.SSHServerProcess(self._server.run, _files if files else None, 3, files)


class SshServer:
    def __init__(self, folder: Path, switches: Switches, access: Access, port: int = 0) -> None:
        self.switches = switches
        self._access = access
        self.user = "root"
        self.password: str = secrets.token_urlsafe(18)
        self.keys = SshKeys.make(folder)
        self.log = SshLog()
        self.standing: set[asyncssh.SSHServerConnection] = set()
        self._tools = folder / "tools"
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ssh", daemon=True)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._closed = ClosedPort()

    def start(self) -> int:
        self._thread.start()
        self._port = self._call(self._listen()).result(20)
        self.keys.write_known_hosts(self._port)
        return self._port

    def open(self) -> None:
        """Listen again, where that had ended."""
        if self._closed.held:
            self._closed.release()
            self._call(self._listen()).result(20)

    def close(self) -> None:
        """Refuse new connections; those that are established live on."""
        if not self._closed.held:
            self._call(self._stop_listening()).result(20)
            self._closed.hold(self._port)

    def drop(self) -> None:
        """End every connection without a word, as a network does that fails."""
        self._call(self._drop()).result(20)

    async def _drop(self) -> None:
        for connection in list(self.standing):
            connection.abort()

    def offers_no_shell(self) -> bool:
        """Whether a caller meets the appliance shell: it is root's login shell, or bash is not enabled."""
        return self.switches.login_shell == "appliancesh" or not self._access.shell

    async def _stop_listening(self) -> None:
        if self._acceptor is None:
            return
        # A connection that was just accepted must find its server open, or nobody would ever close it.
        for listener in self._acceptor.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        await asyncio.sleep(0)
        self._acceptor.close()

    async def _listen(self) -> int:
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            self._port,
            server_factory=lambda: _Caller(self),
            server_host_keys=[str(self.keys.host_key)],
            encoding=None,
            line_editor=False,
            kbdint_auth=False,
            agent_forwarding=False,
            x11_forwarding=False,
        )
        return self._acceptor.get_port()

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.log.commands.append(process.command or "")
        await run_command(process, self.switches, self._tools, appliance_shell=self.offers_no_shell())

    def stop(self) -> None:
        self._closed.release()
        if self._thread.is_alive():
            self._call(self._close()).result(20)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        await self._stop_listening()
        if self._acceptor is not None:
            await self._acceptor.wait_closed()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
