# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The event source that listens for syslog over TLS. PRIVATE to this collection."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._errors import IdentityBrokerError, InputError
from ._event_source import (
    COMMON_OPTIONS,
    AllowListFile,
    Memory,
    Teller,
    check_names,
    default_state_file,
    needed,
    number_of,
    path_of,
    read_telling,
    text_of,
)
from ._syslog_frames import Frames, FramingError, line_of

logger = logging.getLogger("homelab.identity_broker")

OPTIONS = COMMON_OPTIONS | {"host", "port", "certificate", "certificate_key", "client_ca", "allow_from"}
READ_BYTES = 65536
MOST_SENDERS = 64
LONGEST_WAIT = 1.0
HANDSHAKE_TIMEOUT = 10


async def listen(queue: asyncio.Queue[Any], args: Mapping[str, Any]) -> None:
    """Tell of login attempts until cancelled. Raises IdentityBrokerError where it cannot listen."""
    check_names(args, OPTIONS)
    host = text_of(args, "host", "0.0.0.0") or ""  # noqa: S104 the sender is another machine
    port = number_of(args, "port", 6514, 65535)
    context, networks = _tls(args), _networks(args)
    allowed = AllowListFile(path_of(needed(args, "allow_list", "Name the YAML file of those who may be provisioned.")))
    default = default_state_file("federation_syslog", str(port))
    memory = Memory(path_of(text_of(args, "state_file", default) or default), f"syslog on port {port}")
    with memory.held():
        teller = Teller(queue, allowed, read_telling(args), memory)
        listener = _Listener(teller, networks)
        try:
            server = await asyncio.start_server(
                listener.serve, host, port, ssl=context, ssl_handshake_timeout=HANDSHAKE_TIMEOUT
            )
        except OSError as error:
            said = error.strerror or str(error)
            raise IdentityBrokerError(
                f"Could not listen on {host} port {port}: {said}.", way_out="Choose another port or host."
            ) from None
        try:
            logger.info("Listening for syslog over TLS on %s port %d.", host, port)
            await listener.tell()
        finally:
            server.close()
            listener.end()
            teller.save()


class _Listener:
    def __init__(self, teller: Teller, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> None:
        self._teller = teller
        self._networks = networks
        self._lines: asyncio.Queue[str] = asyncio.Queue(1000)
        self._senders: set[asyncio.Task[None]] = set()

    async def tell(self) -> None:
        """One after the other, from whichever connection they come."""
        while True:
            line = ""
            with contextlib.suppress(TimeoutError):
                line = await asyncio.wait_for(self._lines.get(), max(0.01, self._teller.wait(LONGEST_WAIT)))
            lines = [line] if line else []
            while not self._lines.empty():
                lines.append(self._lines.get_nowait())
            await self._teller.tell("\n".join(lines))

    def end(self) -> None:
        for sender in self._senders:
            sender.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender = asyncio.current_task()
        peer = writer.get_extra_info("peername")
        address = str(peer[0]) if peer else "?"
        if sender is None or len(self._senders) >= MOST_SENDERS or not self._may_send(address):
            logger.warning("A connection from %s was refused.", address)
            writer.close()
            return
        self._senders.add(sender)
        try:
            await self._receive(reader)
        except (OSError, FramingError) as error:
            logger.warning("The connection from %s was ended: %s.", address, error)
        except asyncio.CancelledError:
            pass
        finally:
            self._senders.discard(sender)
            writer.close()

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        frames = Frames()
        while data := await reader.read(READ_BYTES):
            for frame in frames.feed(data):
                line = line_of(frame)
                if line is not None:
                    await self._lines.put(line)

    def _may_send(self, address: str) -> bool:
        if not self._networks:
            return True
        try:
            sender = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(sender, ipaddress.IPv6Address) and sender.ipv4_mapped:
            sender = sender.ipv4_mapped
        return any(sender in network for network in self._networks)


def _tls(args: Mapping[str, Any]) -> ssl.SSLContext:
    files: dict[str, Path] = {
        "certificate": path_of(needed(args, "certificate", "Name the PEM file that the appliance trusts."))
    }
    for name in ("certificate_key", "client_ca"):
        text = text_of(args, name)
        if text is not None:
            files[name] = path_of(text)
    for name, file in files.items():
        if not file.is_file():
            raise InputError(name, f"{file} is no file", "Name a PEM file.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    name = "certificate"
    try:
        context.load_cert_chain(files["certificate"], files.get("certificate_key"))
        if "client_ca" in files:
            name = "client_ca"
            context.load_verify_locations(files["client_ca"])
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        said = getattr(error, "reason", None) or error.strerror or "no PEM"
        raise InputError(name, f"{files[name]} cannot be used ({said})", "Name a PEM file with its key.") from None
    return context


def _networks(args: Mapping[str, Any]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    given = args.get("allow_from")
    texts = [given] if isinstance(given, str) else given or []
    try:
        return [ipaddress.ip_network(str(text), strict=False) for text in texts]
    except (TypeError, ValueError):
        raise InputError("allow_from", "it names no network", "Write 192.0.2.10 or 192.0.2.0/24.") from None
