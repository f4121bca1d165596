# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The appliance's CA, as its page "Download trusted root CA certificates" hands it out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, Response

# The file is named by a hash of the CA's subject, which nobody here asks for.
NAME = "a1b2c3d4"


def certs_api(ca_file: Callable[[], Path]) -> Blueprint:
    api = Blueprint("certs", __name__, url_prefix="/certs")

    @api.get("/download.zip")
    def download() -> Response:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name in (f"lin/{NAME}.0", f"mac/{NAME}.0", f"win/{NAME}.0.crt"):
                archive.writestr(f"certs/{name}", ca_file().read_bytes())
        return Response(packed.getvalue(), content_type="application/zip")

    return api
