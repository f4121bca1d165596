# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SCIM 2.0 (RFC 7644) as the broker speaks it. PRIVATE to this collection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from ._errors import InputError, ListingError, NotFoundError, UnauthenticatedError, UnreadableAnswerError
from ._http import HttpClient, header_authorization

CONTENT_TYPE = "application/scim+json"
PAGE = 100
READINGS = 3
SCHEMES = {"auto": ("HZN", "Bearer"), "hzn": ("HZN",), "bearer": ("Bearer",)}
"""The authorization schemes to try for a token, in order, by the value of `auth_scheme`."""


_Page = tuple[list[Any], int]
"""The rows of a page, and the announced total."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of resource: where it is, what it is called in messages, and the attribute that names one."""

    path: str
    noun: str
    named_by: str


USERS = _Kind("Users", "user", "userName")
GROUPS = _Kind("Groups", "group", "displayName")


class ScimClient:
    """The broker's users and groups, seen and written with one token."""

    def __init__(self, http: HttpClient, base_url: str, token: str, auth_scheme: str) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._token = token
        # Of this token alone: a broker may take the admin token with one scheme and the sync token with another.
        self._schemes = SCHEMES[auth_scheme]
        # Spelt in one way, since the journal of a host is found by it.
        self.host = urlsplit(base_url).netloc.rpartition("@")[2].lower().removesuffix(":443")
        http.hide(token)

    def users(self) -> list[dict[str, Any]]:
        """All users the token sees. Raises ListingError where the pages do not add up to the announced total."""
        return self._listing(USERS)

    def groups(self) -> list[dict[str, Any]]:
        """All groups the token sees, maybe without their members. Raises ListingError as C(users) does."""
        return self._listing(GROUPS)

    def group(self, group_id: str, label: str) -> dict[str, Any]:
        """One group, with its members where the broker tells them. Raises NotFoundError."""
        attempted = f"read the group {label}"
        document = self._send("GET", _address(GROUPS, group_id), attempted)
        return _identified(GROUPS, document, attempted, self.host)

    def is_accepted(self) -> bool:
        """Whether the broker accepts the token for reading."""
        try:
            self._send("GET", "Users", "try the token", query={"startIndex": 1, "count": 1})
        except UnauthenticatedError:
            return False
        return True

    def create_user(self, document: dict[str, Any], label: str) -> None:
        """Create a user. Raises ConflictError where the broker holds its name or ExternalId already."""
        self._create(USERS, document, label)

    def replace_user(self, user_id: str, document: dict[str, Any], label: str) -> None:
        """Replace a user's attributes."""
        self._replace(USERS, user_id, document, label)

    def delete_user(self, user_id: str, label: str) -> None:
        """Delete a user; one that is gone already is fine."""
        self._delete(USERS, user_id, label)

    def create_group(self, document: dict[str, Any], label: str) -> None:
        """Create a group. Raises ConflictError where the broker holds its name already, or forbids it."""
        self._create(GROUPS, document, label)

    def patch_group(self, group_id: str, document: dict[str, Any], label: str) -> None:
        """Change a group's members, as RFC 7644 section 3.5.2 writes it; not every broker allows it."""
        self._send("PATCH", _address(GROUPS, group_id), f"update the group {label}", document)

    def replace_group(self, group_id: str, document: dict[str, Any], label: str) -> None:
        """Replace a group with all its members."""
        self._replace(GROUPS, group_id, document, label)

    def delete_group(self, group_id: str, label: str) -> None:
        """Delete a group; one that is gone already is fine."""
        self._delete(GROUPS, group_id, label)

    def _create(self, kind: _Kind, document: dict[str, Any], label: str) -> None:
        self._send("POST", kind.path, f"create the {kind.noun} {label}", document)

    def _replace(self, kind: _Kind, key: str, document: dict[str, Any], label: str) -> None:
        self._send("PUT", _address(kind, key), f"update the {kind.noun} {label}", document)

    def _delete(self, kind: _Kind, key: str, label: str) -> None:
        with contextlib.suppress(NotFoundError):
            self._send("DELETE", _address(kind, key), f"delete the {kind.noun} {label}")

    def _listing(self, kind: _Kind) -> list[dict[str, Any]]:
        """Reading is safe to repeat: a list that changed while it was paged may add up the next time."""
        for attempt in range(1, READINGS):
            try:
                return self._one_listing(kind, self._pages)
            except (ListingError, UnreadableAnswerError):
                self._http.pause(attempt)
        return self._one_listing(kind, self._pages_one_by_one)

    def _one_listing(self, kind: _Kind, pages: Callable[[str, str], Iterable[_Page]]) -> list[dict[str, Any]]:
        attempted = f"list the broker's {kind.noun}s"
        found: dict[str, dict[str, Any]] = {}
        totals: set[int] = set()
        rows = 0
        for page, total in pages(kind.path, attempted):
            totals.add(total)
            rows += len(page)
            for document in page:
                found[_identified(kind, document, attempted, self.host)["id"]] = document
            if rows != len(found):
                break
        if totals != {rows} or rows != len(found):
            announced = " or ".join(str(total) for total in sorted(totals))
            raise ListingError(
                f"The list of {kind.noun}s on {self.host} does not add up: {announced} announced, {rows} sent, "
                f"{len(found)} different. Nothing was changed by it.",
                way_out=f"Try again; if it stays so, something else changes {kind.noun}s at this moment.",
            )
        return list(found.values())

    def _pages(self, resource: str, attempted: str) -> Iterator[_Page]:
        """The first page tells how many rows the broker gives at a time, and the others are read side by side."""
        first = self._read_page(resource, attempted, 1)
        yield first
        page, total = first
        if page and len(page) < total:
            starts = range(1 + len(page), total + 1, len(page))
            for page, total in self._http.side_by_side(
                lambda start: self._read_page(resource, attempted, start), starts
            ):
                yield page, total
                # An announced total may be beyond all reason.
                if not page:
                    return

    def _pages_one_by_one(self, resource: str, attempted: str) -> Iterator[_Page]:
        """For a broker whose pages differ in length."""
        start = 1
        while True:
            page, total = self._read_page(resource, attempted, start)
            yield page, total
            start += len(page)
            if not page or start > total:
                return

    def _read_page(self, resource: str, attempted: str, start: int) -> _Page:
        document = self._send("GET", resource, attempted, query={"startIndex": start, "count": PAGE})
        return self._page(document, attempted)

    def _page(self, document: Any, attempted: str) -> _Page:
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
        """Send a request with each scheme until one is accepted. A 401 means that nothing was done."""
        refusals: dict[str, UnauthenticatedError] = {}
        for scheme in self._schemes:
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
                refusals[scheme] = error
                continue
            # The one that was accepted is tried first from now on.
            self._schemes = (scheme, *(other for other in self._schemes if other != scheme))
            return answer.document
        raise _refused_with_each(attempted, refusals)


def _address(kind: _Kind, key: str) -> str:
    return f"{kind.path}/{quote(key, safe='')}"


def _identified(kind: _Kind, document: Any, attempted: str, host: str) -> dict[str, Any]:
    """The document, if it says which resource it is."""
    if isinstance(document, dict):
        values = [document.get(attribute) for attribute in ("id", kind.named_by)]
        if all(isinstance(value, str) and value for value in values):
            return document
    raise UnreadableAnswerError(
        attempted, host, f"a {kind.noun} without id or {kind.named_by} came back", "Is this SCIM?", status=200
    )


def _refused_with_each(attempted: str, refusals: Mapping[str, UnauthenticatedError]) -> UnauthenticatedError:
    """Return one error that shows the refusal of each scheme."""
    first, *others = refusals.values()
    if not others:
        return first
    problem = ", ".join(f"{error.problem} with {scheme}" for scheme, error in refusals.items())
    return UnauthenticatedError(attempted, first.host, problem, first.way_out, status=first.status, code=first.code)


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
