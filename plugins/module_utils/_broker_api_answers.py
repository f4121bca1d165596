# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tolerant reading of what the broker's own API answers, and in which media types it is asked. PRIVATE to this collection.

Each function takes the decoded JSON document, and raises ValueError with the keys it found, never with their values, where
the document does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ._broker_answers import Provider, SyncToken, describe

JSON = "application/json"
REFUSED = (406, 415)
_LISTS = ("items", "value", "resources", "Resources", "elements")


class MediaTypes:
    """Which media types the broker takes: found out by the first answer, then settled for the run."""

    def __init__(self, media_type: str, *, vendor_first: bool) -> None:
        self.settled = None if media_type == "auto" else media_type == "vendor"
        self._vendor_first = vendor_first

    def to_try(self) -> list[bool]:
        """Whether the vendor's own type is sent, for each try."""
        if self.settled is not None:
            return [self.settled]
        return [self._vendor_first, not self._vendor_first]


@dataclass(frozen=True, slots=True)
class Rows:
    """A part of a list. C(total) and C(number), of the page, are None where they are not told."""

    rows: list[dict[str, Any]]
    total: int | None = None
    number: int | None = None


def read_rows(document: Any) -> Rows:
    """A list, however it is wrapped."""
    if isinstance(document, list) and all(isinstance(row, dict) for row in document):
        return Rows(document)
    if not isinstance(document, Mapping):
        raise ValueError(f"no list in an answer with {describe(document)}")
    total, number = (_number(document.get(name)) for name in ("totalCount", "pageNumber"))
    held = [document[key] for key in _LISTS if isinstance(document.get(key), list)]
    rows: Any = held[0] if held else [] if total == 0 else None
    if rows is None or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"no list in an answer with {describe(document)}")
    return Rows(rows, total, number)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_object(document: Any) -> dict[str, Any]:
    """One object with its id."""
    if not isinstance(document, dict) or not isinstance(document.get("id"), str) or not document["id"]:
        raise ValueError(f"no id in an answer with {describe(document)}")
    return document


def read_access_token(document: Any) -> str:
    """The access token of a token response (RFC 6749 section 5.1)."""
    token = document.get("access_token") if isinstance(document, Mapping) else None
    if not isinstance(token, str) or not token:
        raise ValueError(f"no access_token in an answer with {describe(document)}")
    return token


def read_generated(document: Any, now: datetime) -> SyncToken:
    """What generating credentials answers; it tells in how many seconds the token ends."""
    token = read_access_token(document)
    left = document.get("access_token_expire_in")
    known = isinstance(left, int) and not isinstance(left, bool) and left >= 0
    return SyncToken(token, None, now + timedelta(seconds=left) if known else None)


def as_providers(rows: list[dict[str, Any]]) -> list[Provider]:
    """Directories as what a sync token is for."""
    return [
        Provider(str(row["id"]), row.get("name"), tuple(map(str, row.get("domains") or ())))
        for row in rows
        if row.get("id") and not row.get("delete_in_progress")
    ]


def addresses_of_client(row: Mapping[str, Any]) -> list[str]:
    """By what an OAuth 2.0 client of the list may be addressed.

    The documentation calls it the ID; the list has just the client id, and newer brokers an id besides.
    """
    links = row.get("_links")
    link = links.get("self") if isinstance(links, Mapping) else None
    href = str(link.get("href") or "") if isinstance(link, Mapping) else ""
    last = href.rstrip("/").rpartition("/")[2]
    found = [row.get("client_id"), row.get("id"), row.get("client_uuid"), last]
    return list(dict.fromkeys(str(each) for each in found if each))


def saml_metadata_shown(document: Any) -> dict[str, Any]:
    """The broker's SAML metadata in our form."""
    if not isinstance(document, Mapping) or not document.get("entityId"):
        raise ValueError(f"no entityId in an answer with {describe(document)}")
    return {
        "entity_id": document["entityId"],
        "acs_url": document.get("acsUrl"),
        "acs_binding": document.get("acsBinding"),
        "slo_response_url": document.get("sloResponseUrl"),
        "want_assertion_signed": document.get("wantAssertionSigned"),
        "certificates": document.get("certificates") or {},
    }
