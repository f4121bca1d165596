# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose certificates are trusted. PRIVATE to this collection."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

from ._errors import InputError

# It comes with requests, whose absence _module reports.
with contextlib.suppress(ImportError):
    import certifi


def tls_context(validate_certs: bool, ca_path: str | None) -> ssl.SSLContext:
    """Trust the system's store and certifi, or the authorities of C(ca_path) in their place. Raises InputError."""
    if not validate_certs:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if ca_path is None:
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=certifi.where())
        return context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    path = Path(ca_path)
    if not path.exists():
        raise InputError("ca_path", f"{ca_path} does not exist", "Give a PEM file, or a folder made by c_rehash.")
    try:
        if path.is_dir():
            context.load_verify_locations(capath=ca_path)
        else:
            context.load_verify_locations(cafile=ca_path)
    except OSError as error:
        reason = error.strerror or "it holds no PEM certificate"
        raise InputError("ca_path", f"{ca_path} cannot be used ({reason})", "Give a readable PEM file.") from None
    return context
