# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SCIM 2.0 (RFC 7644) as the broker speaks it. PRIVATE to this collection."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from ._errors import InputError, ListingError, NotFoundError, UnauthenticatedError, UnreadableAnswerError
from ._http import HttpClient, header_authorization

CONTENT_TYPE = "application/scim+json"
PAGE = 100
SCHEMES = {"hzn": "HZN", "bearer": "Bearer"}


class SchemeChoice:
    """Whether the broker wants C(HZN) or C(Bearer): found out by the first read, then settled for the run."""

    def __init__(self, auth_scheme: str) -> None:
        self.settled = None if auth_scheme == "auto" else SCHEMES[auth_scheme]

    def to_try(self) -> list[str]:
        """The schemes to try, in order."""
        return [self.settled] if self.settled else [SCHEMES["hzn"], SCHEMES["bearer"]]


class ScimClient:
    """The broker's users, seen and written with one token."""

    def __init__(self, http: HttpClient, base_url: str, token: str, schemes: SchemeChoice) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._token = token
        self._schemes = schemes
        self.host = urlsplit(base_url).netloc
        http.hide(token)

    def users(self) -> list[dict[str, Any]]:
        """All users the token sees. Raises ListingError where the pages do not add up to the announced total."""
        attempted = "list the broker's users"
        found: dict[str, dict[str, Any]] = {}
        announced = rows = 0
        for page, total in self._pages("Users", attempted):
            announced = total
            rows += len(page)
            for document in page:
                key = document.get("id") if isinstance(document, dict) else None
                name = document.get("userName") if isinstance(document, dict) else None
                if not (isinstance(key, str) and key and isinstance(name, str) and name):
                    raise UnreadableAnswerError(
                        attempted, self.host, "a user without id or userName came back", "Is this SCIM?", status=200
                    )
                found[key] = document
        if len(found) != announced or rows != announced:
            raise ListingError(
                f"The list of users on {self.host} does not add up: {announced} announced, {rows} sent, {len(found)} "
                "different. Nothing was changed by it.",
                way_out="Try again; if it stays so, something else changes users at this moment.",
            )
        return list(found.values())

    def is_accepted(self) -> bool:
        """Whether the broker accepts the token for reading."""
        try:
            self._send("GET", "Users", "try the token", query={"startIndex": 1, "count": 1})
        except UnauthenticatedError:
            return False
        return True

    def create_user(self, document: dict[str, Any], label: str) -> None:
        """Create a user. Raises ConflictError where the broker holds its name or ExternalId already."""
        self._send("POST", "Users", f"create the user {label}", document)

    def replace_user(self, user_id: str, document: dict[str, Any], label: str) -> None:
        """Replace a user's attributes."""
        self._send("PUT", f"Users/{quote(user_id, safe='')}", f"update the user {label}", document)

    def delete_user(self, user_id: str, label: str) -> None:
        """Delete a user; one that is gone already is fine."""
        with contextlib.suppress(NotFoundError):
            self._send("DELETE", f"Users/{quote(user_id, safe='')}", f"delete the user {label}")

    def _pages(self, resource: str, attempted: str) -> Iterator[tuple[list[Any], int]]:
        start = 1
        while True:
            document = self._send("GET", resource, attempted, query={"startIndex": start, "count": PAGE})
            page, total = self._page(document, attempted)
            yield page, total
            start += len(page)
            if not page or start > total:
                return

    def _page(self, document: Any, attempted: str) -> tuple[list[Any], int]:
        total = document.get("totalResults") if isinstance(document, dict) else None
        if not isinstance(total, int) or isinstance(total, bool):
            raise UnreadableAnswerError(
                attempted,
                self.host,
                "the answer is no SCIM list (totalResults is missing)",
                "Is this SCIM?",
                status=200,
            )
        # RFC 7644 writes Resources, the Omnissa Identity Service's OpenAPI resources.
        page = document.get("Resources", document.get("resources"))
        if page is None and total == 0:
            page = []
        if not isinstance(page, list):
            raise UnreadableAnswerError(
                attempted, self.host, "the answer is no SCIM list (Resources is missing)", "Is this SCIM?", status=200
            )
        return page, total

    def _send(
        self, method: str, path: str, attempted: str, document: Any = None, query: dict[str, str | int] | None = None
    ) -> Any:
        refusal: UnauthenticatedError | None = None
        for scheme in self._schemes.to_try() if method == "GET" else self._schemes.to_try()[:1]:
            try:
                answer = self._http.request(
                    method,
                    f"{self._base}/{path}",
                    attempted=attempted,
                    authorization=header_authorization("Authorization", f"{scheme} {self._token}"),
                    query=query,
                    document=document,
                    content_type=CONTENT_TYPE,
                )
            except UnauthenticatedError as error:
                refusal = refusal or error
                continue
            self._schemes.settled = scheme
            return answer.document
        raise refusal or ValueError("no authorization scheme to try")


def trusted_scim_url(url: str, hostname: str) -> str:
    """A scim_url that the server sent, if a token may go there. Raises InputError."""
    parts = urlsplit(url)
    if parts.scheme != "https" or (parts.hostname or "").casefold() != hostname.casefold():
        raise InputError(
            "scim_url",
            f"{hostname} names {parts.scheme}://{parts.netloc} as its SCIM address, and tokens go only to the host "
            "that was named",
            "Use that name as hostname, or give scim_url if you trust it.",
        )
    return url
