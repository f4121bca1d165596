# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the SCIM servers that others wrote, and Keycloak, on loopback with a certificate of their own.

`tests/tools/peers.sh` builds them in `.cache/peers`. A peer that was not built is skipped with the reason.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate
from system.playbook import REPOSITORY

BUILT = REPOSITORY / ".cache/peers"
START_SECONDS = 120


@dataclass(frozen=True)
class Peer:
    """A running SCIM server."""

    scim_url: str
    token: str
    ca_file: Path


@dataclass(frozen=True)
class Certificate:
    """Files for `localhost`: the authority, the chain, the key, and both in one PKCS 12 file."""

    ca_file: Path
    chain: Path
    key: Path
    keystore: Path
    password: str


def make_certificate(folder: Path) -> Certificate:
    """Return a certificate of an authority that nothing else trusts."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    made = Certificate(
        *(folder / name for name in ("ca.pem", "chain.pem", "key.pem", "keys.p12")), secrets.token_hex(16)
    )
    authority.cert_pem.write_to_path(str(made.ca_file))
    issued.private_key_pem.write_to_path(str(made.key))
    made.chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    made.keystore.write_bytes(
        serialize_key_and_certificates(
            b"peer",
            load_pem_private_key(issued.private_key_pem.bytes(), None),  # type: ignore[arg-type]
            load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()),
            [load_pem_x509_certificate(each.bytes()) for each in issued.cert_chain_pems[1:]],
            BestAvailableEncryption(made.password.encode()),
        )
    )
    return made


def built(name: str) -> Path:
    """Return the folder in which a peer was built, or skip the test with the reason."""
    reason = BUILT / f"{name}.skipped"
    if reason.is_file():
        pytest.skip(reason.read_text().strip())
    folder = BUILT / name
    if not folder.is_dir():
        pytest.skip(f"{name} was not built: run make peers")
    return folder


COMMANDS: Mapping[str, Sequence[str]] = {
    "scimmy": ("node", "server.js"),
    "elimity": ("./peer",),
    "scim_sdk": (
        "java",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",
        "target/classes:target/lib/*",
        "Peer",
    ),
}


@contextmanager
def scim_server(name: str, certificate: Certificate, log: Path, *, extension: bool) -> Iterator[Peer]:
    """Run one of the small servers, with or without the extension that carries a user's domain."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(log.parent),
        "PEER_TOKEN": certificate.password,
        "PEER_CERT": str(certificate.chain),
        "PEER_KEY": str(certificate.key),
        "PEER_KEYSTORE": str(certificate.keystore),
        **({"PEER_EXTENSION": "1"} if extension else {}),
    }
    with _started(COMMANDS[name], built(name), environment, log):
        port = announced_port(log)
        yield Peer(f"https://localhost:{port}/scim/v2", certificate.password, certificate.ca_file)


@contextmanager
def keycloak_server(certificate: Certificate, log: Path) -> Iterator[str]:
    """Run Keycloak; its address. The bootstrap administrator is `admin`, the password the certificate's."""
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(log.parent),
        "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
        "KC_BOOTSTRAP_ADMIN_PASSWORD": certificate.password,
        "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx768m",
    }
    command = (
        *("bash", "bin/kc.sh", "start", "--optimized", "--http-host=127.0.0.1", f"--https-port={port}"),
        *(f"--https-certificate-file={certificate.chain}", f"--https-certificate-key-file={certificate.key}"),
        *("--hostname-strict=false", "--http-enabled=false", "--cache=local"),
    )
    address = f"https://localhost:{port}"
    with _started(command, built("keycloak"), environment, log) as process:
        _wait_until_it_answers(f"{address}/realms/master", certificate, process, log)
        yield address


@contextmanager
def _started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def announced_port(log: Path) -> int:
    """Return the port that a starting server prints as `ready PORT`."""
    for _number in range(START_SECONDS * 10):
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("ready "):
                return int(line.removeprefix("ready "))
        time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_answers(url: str, certificate: Certificate, process: subprocess.Popen[bytes], log: Path) -> None:
    for _number in range(START_SECONDS * 2):
        if process.poll() is not None:
            break
        try:
            if requests.get(url, verify=str(certificate.ca_file), timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    pytest.fail(f"Keycloak did not start:\n{log.read_text(errors='replace')}")
