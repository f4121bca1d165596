# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH server on 127.0.0.1 that needs neither root nor a package of the system."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

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


def _files(channel: Any) -> asyncssh.SFTPServer:
    return asyncssh.SFTPServer(channel)


class _Caller(asyncssh.SSHServer):
    def __init__(self, server: SshServer) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None
        self._failures = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.log.connections += 1

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
        files = self._server.switches.login_shell == "sh"
        return asyncssh.SSHServerProcess(self._server.run, _files if files else None, 3, files)


class SshServer:
    def __init__(self, folder: Path, switches: Switches, port: int = 0) -> None:
        self.switches = switches
        self.user = "root"
        self.password: str = secrets.token_urlsafe(18)
        self.keys = SshKeys.make(folder)
        self.log = SshLog()
        self._tools = folder / "tools"
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ssh", daemon=True)
        self._acceptor: asyncssh.SSHAcceptor | None = None

    def start(self) -> int:
        self._thread.start()
        port: int = self._call(self._listen()).result(20)
        self.keys.write_known_hosts(port)
        return port

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
        await run_command(process, self.switches, self._tools)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._call(self._close()).result(20)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
