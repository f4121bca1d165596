# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Texts as people give them: what an option may hold, and which names are one. PRIVATE to this collection."""

from __future__ import annotations

import unicodedata
from typing import Any

from ._errors import InputError

SET, SET_ANEW = "(set)", "(set anew)"
"""How a diff shows a secret that stands, and one that is written over it."""


def folded(name: str) -> str:
    """Return what all spellings of a user name or domain have in common: no case, and Unicode NFC.

    `casefold()` would also turn strau\u00df into strauss, which is another person's name.
    """
    return name.lower() if name.isascii() else composed(composed(name).lower())


def composed(name: str) -> str:
    """Return a name in Unicode NFC, the form in which new entries are sent."""
    return unicodedata.normalize("NFC", name)


def same_name(left: str, right: str) -> bool:
    """Compare user names or domains without case and in Unicode NFC. ExternalIds compare exactly, never with this."""
    return folded(left) == folded(right)


def required_text(field: str, value: Any) -> str:
    """A string that YAML must not have rewritten."""
    if value is not None and not isinstance(value, str):
        raise InputError(
            field,
            f"is {value!r} ({type(value).__name__}) and not a string",
            'Quote it, as in "0123": YAML rewrites bare numbers.',
        )
    if not value:
        raise InputError(field, "is empty", "Give it a value.")
    text = str(value)  # Ansible's tagged strings become plain ones.
    if not text.isprintable():
        raise InputError(field, f"{text!a} holds characters that cannot be printed", "Remove them.")
    return text


def text_option(field: str, value: Any) -> str | None:
    """The same, where it may be missing."""
    return None if value is None else required_text(field, value)
