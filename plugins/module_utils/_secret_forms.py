# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How credentials are encoded, and the forms in which a server may repeat them. PRIVATE to this collection."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

# What Ansible could not decode comes as surrogates, and must not end in an exception here.
ERRORS = "surrogatepass"


def basic_credential(username: str, password: str) -> str:
    """Return what follows `Basic` in the header (RFC 7617). In UTF-8: the HTTP library by itself would take Latin-1."""
    return base64.b64encode(f"{username}:{password}".encode("utf-8", ERRORS)).decode("ascii")


def secret_forms(secret: str) -> frozenset[str]:
    """Return the secret as it is, in JSON, and in URLs and forms."""
    return frozenset(
        {
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            quote(secret, errors=ERRORS),
            quote(secret, safe="", errors=ERRORS),
            quote_plus(secret, errors=ERRORS),
        }
    )
