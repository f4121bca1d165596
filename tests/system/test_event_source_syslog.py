# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source that listens for syslog, over real TLS, in both framings."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance
from system.event_source import Source, until, write_allow_list

MUFFIN = {"external_id": PEOPLE["muffin"], "username": "muffin"}
HEADER = "<14>1 2026-02-04T15:05:23.412Z vcsa.example.org federation 811 - - "


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Peer:
    """The appliance's end."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.others = trustme.CA(), trustme.CA()
        self.port = free_port()
        server = folder / "server.pem"
        self.ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(server))
        self.ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.options: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "certificate": str(server),
            "allow_list": str(write_allow_list(folder / "allow_list.yml", [MUFFIN])),
            "domain": DEFAULT_DOMAIN,
            "state_file": str(folder / "state/syslog.json"),
        }
        self.with_client_ca = {"client_ca": str(folder / "ca.pem")}

    async def send(self, data: bytes, *, client: trustme.LeafCert | None = None) -> bool:
        """Whether the other end took it."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if client:
            client.configure_cert(context)
        for _attempt in range(200):
            with contextlib.suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection("localhost", self.port, ssl=context)
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("nobody listens")
        try:
            for at in range(0, len(data), 700):
                writer.write(data[at : at + 700])
                await writer.drain()
            return await asyncio.wait_for(reader.read(1), 0.5) != b""
        except TimeoutError:
            return True
        except (ConnectionError, ssl.SSLError):
            return False
        finally:
            writer.close()


def lines_of(appliance: Appliance, **options: Any) -> list[str]:
    """What a login writes."""
    appliance.log.reset()
    appliance.login(**options)
    return appliance.log_path.read_text().split("\n")[:-1]


def framed(lines: list[str], *, counted: bool) -> bytes:
    messages = [f"{HEADER}{line}".encode() for line in lines]
    return b"".join(b"%d %s" % (len(m), m) if counted else m + b"\n" for m in messages)


@pytest.mark.parametrize("counted", [True, False])
def test_a_refused_login_is_told(appliance: Appliance, tmp_path: Path, counted: bool) -> None:
    peer = Peer(tmp_path)
    source = Source("federation_syslog", peer.options)
    lines = lines_of(appliance, person="muffin") + lines_of(appliance, sub="{{ 7*7 }}")

    async def run() -> None:
        async with source.running():
            await peer.send(framed(lines, counted=counted))
            await until(lambda: len(source.events) == 2, "both are told")

    asyncio.run(run())
    assert (source.denied, source.strangers) == (["muffin"], 1)
    assert source.state_file.stat().st_mode & 0o777 == 0o600


def test_only_who_may_send_is_listened_to(appliance: Appliance, tmp_path: Path) -> None:
    peer = Peer(tmp_path)
    data = framed(lines_of(appliance, person="muffin"), counted=True)

    async def told(source: Source, *, client: trustme.LeafCert | None) -> bool:
        async with source.running():
            await peer.send(data, client=client)
            await asyncio.sleep(1)
        return bool(source.denied)

    def source(**more: Any) -> Source:
        Path(peer.options["state_file"]).unlink(missing_ok=True)
        return Source("federation_syslog", {**peer.options, **more})

    async def run() -> None:
        assert not await told(source(allow_from=["192.0.2.0/24"]), client=None)
        assert await told(source(allow_from=["127.0.0.0/8"]), client=None)
        assert not await told(source(**peer.with_client_ca), client=None)
        assert not await told(source(**peer.with_client_ca), client=peer.others.issue_cert("vcsa.example.org"))
        assert await told(source(**peer.with_client_ca), client=peer.ca.issue_cert("vcsa.example.org"))

    asyncio.run(run())


def test_who_speaks_something_else_disturbs_nobody(appliance: Appliance, tmp_path: Path) -> None:
    peer = Peer(tmp_path)
    source = Source("federation_syslog", peer.options)
    data = framed(lines_of(appliance, person="muffin"), counted=False)

    async def run() -> None:
        async with source.running():
            assert not await peer.send(b"GET / HTTP/1.1\r\n\r\n")
            await peer.send(data)
            await until(lambda: source.denied, "muffin is told")

    asyncio.run(run())


def test_bad_options_are_named(tmp_path: Path) -> None:
    peer = Peer(tmp_path)
    (tmp_path / "no.pem").write_text("no")

    def failure(**more: Any) -> str:
        return Source("federation_syslog", {**peer.options, **more}).failure()

    assert "certificate: it is missing" in failure(certificate=None)
    assert "certificate: " in failure(certificate=str(tmp_path / "no.pem"))
    assert "client_ca: " in failure(client_ca=str(tmp_path / "none.pem"))
    assert "allow_from: it names no network" in failure(allow_from=["everybody"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", peer.port))
        taken.listen()
        assert "Could not listen on 127.0.0.1" in failure()
