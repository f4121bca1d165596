# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A sync token kept in a file of the control node. PRIVATE to this collection.

The file holds JSON, C({"token": ..., "scim_url": ...}), or the bare token that somebody put there.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

from ._address import OtherHostError, on_this_host, read_address
from ._broker_answers import SyncToken
from ._errors import InputError
from ._file_identity import resolved
from ._private_file import write_private_file


def read_token_file(path: str, *, field: str = "token_file") -> SyncToken | None:
    """The kept token; None where there is none yet. Raises InputError where others could read it.

    C(field) is the name of the option that holds the path.
    """
    file = Path(path)
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(field, f"{path} cannot be read ({reason})", "Correct it or remove it.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise InputError(field, f"{path} can be read or written by others", f"Run: chmod 600 {path}")
    if not text:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        return SyncToken(text, None)
    if not isinstance(document, dict) or not isinstance(document.get("token"), str) or not document["token"]:
        raise InputError(field, f"{path} is JSON without a token", "Remove it; it is written anew.")
    url = document.get("scim_url")
    return SyncToken(document["token"], url if isinstance(url, str) and url else None)


def kept_for(path: str, kept: SyncToken, own: str) -> SyncToken:
    """Return the kept token with the path that its file names on the host of the task. Raises InputError.

    `own` is the SCIM address that follows from the task. A file never decides to which host its token is sent, and the token of
    another host is refused, since that host's users would be read and written in place of this one's.
    """
    base = read_address(own)
    try:
        return replace(kept, scim_url=str(on_this_host(base, kept.scim_url) if kept.scim_url else base))
    except OtherHostError as error:
        raise InputError(
            "token_file",
            f"{path} holds a token of {error.host}, not of {base.host}",
            f"If both are the same server, give {error.host} as hostname. Otherwise give each host a file of its own, such as "
            "one with {{ inventory_hostname }} in its name.",
        ) from None
    except ValueError as error:
        raise InputError("token_file", f"the scim_url in {path} {error}", "Correct it, or remove the file.") from None


def write_token_file(path: str, token: SyncToken) -> None:
    """Keep a token, readable by its owner only, and never half written."""
    try:
        # A link stays a link to the file of the token.
        write_private_file(resolved(path), json.dumps({"token": token.token, "scim_url": token.scim_url}))
    except OSError as error:
        raise InputError(
            "token_file",
            f"{path} cannot be written ({error.strerror})",
            "Give a path in a folder of yours that exists.",
        ) from None


def check_token_file(path: str, *, field: str = "token_file") -> None:
    """Raise InputError where a new token could not be kept, before one is minted."""
    folder = resolved(path).parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(field, f"the folder {folder} does not exist or cannot be written", "Make it first.")
