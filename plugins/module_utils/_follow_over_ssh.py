# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The event source that follows the log over SSH. PRIVATE to this collection."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._errors import IdentityBrokerError, InputError
from ._event_source import (
    COMMON_OPTIONS,
    AllowListFile,
    Memory,
    Teller,
    check_names,
    choice_of,
    default_state_file,
    needed,
    number_of,
    path_of,
    read_telling,
    text_of,
)
from ._federation_log import DEFAULT_LOG
from ._log_follower import LogFollower, LogMissingError

if TYPE_CHECKING:
    import asyncssh

logger = logging.getLogger("homelab.identity_broker")

OPTIONS = COMMON_OPTIONS | {"host", "port", "user", "private_key", "known_hosts", "log_path", "start"}
BLOCK = 20
"""Seconds for which one command waits on the appliance for something new."""
LONGEST_ANSWER = 60
CONNECT_TIMEOUT = 20
KEEPALIVE = 10
LONGEST_PAUSE = 30.0


class ConnectionEndedError(Exception):
    """The connection ended while a command ran."""


@dataclass(frozen=True)
class Login:
    """How to reach the appliance."""

    host: str
    port: int
    user: str
    private_key: Path | None
    known_hosts: Path


async def follow(queue: asyncio.Queue[Any], args: Mapping[str, Any]) -> None:
    """Tell of login attempts until cancelled. Raises IdentityBrokerError where trying again is of no use."""
    check_names(args, OPTIONS)
    login = _read_login(args)
    log_path = text_of(args, "log_path", DEFAULT_LOG) or DEFAULT_LOG
    allowed = AllowListFile(path_of(needed(args, "allow_list", "Name the YAML file of those who may be provisioned.")))
    default = default_state_file("federation_log", f"{login.host}-{login.port}")
    memory = Memory(path_of(text_of(args, "state_file", default) or default), f"{login.host}:{login.port}:{log_path}")
    telling = read_telling(args)
    at_end = choice_of(args, "start", ("end", "beginning")) == "end"
    with memory.held():
        teller = Teller(queue, allowed, telling, memory)
        follower = LogFollower(log_path, teller.place, at_end=at_end)
        try:
            await _follow(login, follower, teller)
        finally:
            teller.save()


def _read_login(args: Mapping[str, Any]) -> Login:
    key = text_of(args, "private_key")
    known_hosts = path_of(text_of(args, "known_hosts", "~/.ssh/known_hosts") or "")
    for name, file in (("known_hosts", known_hosts), ("private_key", path_of(key) if key else None)):
        if file is not None and not file.is_file():
            way_out = "It holds the appliance's host key, which is always verified (ssh-keyscan, then compare it)."
            raise InputError(name, f"{file} is no file", way_out if name == "known_hosts" else "Name the key's file.")
    return Login(
        host=needed(args, "host", "Give the appliance's fully qualified domain name."),
        port=number_of(args, "port", 22, 65535),
        user=text_of(args, "user", "root") or "root",
        private_key=path_of(key) if key else None,
        known_hosts=known_hosts,
    )


async def _follow(login: Login, follower: LogFollower, teller: Teller) -> None:
    asyncssh = _library()
    pause = 1.0
    while True:
        try:
            async with await _connect(asyncssh, login) as connection:
                logger.info("Connected to %s.", login.host)
                pause = 1.0
                await _read(connection, follower, teller)
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyImportError, asyncssh.PermissionDenied) as error:
            raise _cannot_log_in(login, asyncssh, error) from None
        except (asyncssh.Error, OSError, ConnectionEndedError) as error:
            said = str(error) or type(error).__name__
            logger.warning("No connection to %s (%s); trying again in %d s.", login.host, said[:200], pause)
        await _rest(teller, follower, pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _read(connection: asyncssh.SSHClientConnection, follower: LogFollower, teller: Teller) -> None:
    seconds = BLOCK

    async def execute(command: str) -> tuple[str, str]:
        limit = BLOCK + LONGEST_ANSWER
        done = await connection.run(
            command, encoding=None, check=False, timeout=limit, stdin=asyncio.subprocess.DEVNULL
        )
        if done.exit_status is None:
            raise ConnectionEndedError("the connection ended")
        output, errors = (part if isinstance(part, bytes) else b"" for part in (done.stdout, done.stderr))
        return output.decode("utf-8", "surrogateescape"), errors.decode("utf-8", "replace")

    while True:
        try:
            text, gap = await follower.read(execute, seconds)
        except LogMissingError as error:
            logger.warning("%s", error)
            await _rest(teller, follower, 1.0)
            continue
        await teller.tell(text, place=follower.place, gap=gap)
        wait = teller.wait(BLOCK)
        # The appliance's shell counts whole seconds.
        seconds = math.floor(wait)
        if seconds < 1 and not text:
            await _rest(teller, follower, wait)


async def _rest(teller: Teller, follower: LogFollower, seconds: float) -> None:
    """Wait, and go on telling what becomes due."""
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(left, max(0.05, teller.wait(left))))
        await teller.tell(place=follower.place)


async def _connect(library: Any, login: Login) -> asyncssh.SSHClientConnection:
    keys: dict[str, Any] = {}
    if login.private_key is not None:
        # The agent's other keys would count as failures, and three of these lock root.
        keys = {"client_keys": [str(login.private_key)], "agent_path": None}
    connection: asyncssh.SSHClientConnection = await library.connect(
        login.host,
        login.port,
        username=login.user,
        known_hosts=str(login.known_hosts),
        config=None,
        preferred_auth="publickey",
        connect_timeout=CONNECT_TIMEOUT,
        login_timeout=CONNECT_TIMEOUT,
        keepalive_interval=KEEPALIVE,
        keepalive_count_max=3,
        **keys,
    )
    return connection


def _cannot_log_in(login: Login, asyncssh: Any, error: Exception) -> IdentityBrokerError:
    way_out = f"Give a private_key that {login.user} may log in with, or one to the agent."
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        way_out = (
            f"Its host key is not the one in {login.known_hosts}. Compare it with the one on the appliance's console before "
            "you put it there."
        )
    said = " ".join(str(error).split())[:200]
    return IdentityBrokerError(f"Could not log in to {login.host}:{login.port} over SSH: {said}.", way_out=way_out)


def _library() -> Any:
    try:
        import asyncssh
    except ImportError:
        raise IdentityBrokerError(
            "The Python library asyncssh is missing.",
            way_out="Install it for the Python that runs ansible-rulebook: pip install asyncssh",
        ) from None
    asyncssh.set_log_level(logging.WARNING)  # it tells of every command
    return asyncssh
