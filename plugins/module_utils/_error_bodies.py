# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the bodies of error answers say. PRIVATE to this collection."""

from __future__ import annotations

import json

from ._sddc_answers import read_error


def error_said(content: bytes, text: str) -> tuple[str, str]:
    """Return the code and the text of an error body, given as it came and as text.

    The forms are those of vSphere, the broker, SCIM (RFC 7644 section 3.12), Pocket ID and SDDC Manager.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return "", text
    if not isinstance(document, dict):
        return "", text
    if told := read_error(document):
        return told
    if isinstance(document.get("value"), dict) and isinstance(document.get("type"), str):
        # Below /rest: the name of the error's type is the code below /api.
        document = {"error_type": document["type"].rpartition(".")[2].upper(), **document["value"]}
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = str(
        document.get("error_type") or document.get("scimType") or first.get("code") or document.get("code") or ""
    )
    messages = document.get("messages")
    texts = (
        [str(m.get("default_message") or "") for m in messages if isinstance(m, dict)]
        if isinstance(messages, list)
        else []
    )
    said = first.get("message") or document.get("detail") or "; ".join(texts)
    # RFC 6749 section 5.2, and Pocket ID.
    said = said or document.get("error_description") or document.get("error")
    return code, str(said or "")
