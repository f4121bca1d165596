# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole lists from SCIM servers that page by index (RFC 7644) or by cursor (RFC 9865). PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ._errors import AnswerError, ListingError, UnreadableAnswerError
from ._http import HttpClient
from ._scim_server import ServiceConfig

COUNT = 100
READINGS = 3
BAD_REQUEST = 400


class _Page(NamedTuple):
    rows: list[Any]
    total: int | None
    """None where a server that pages by cursor leaves it out (RFC 9865 section 2)."""
    cursor: str | None
    """Where the next page is, on a server that pages by cursor."""


@dataclass
class ListReader:
    """Reads all resources of a kind. `read` sends one request, and `identified` refuses a row that is no such resource."""

    http: HttpClient
    host: str
    noun: str
    read: Callable[[Mapping[str, str | int]], Any]
    identified: Callable[[Any], dict[str, Any]]
    config: Callable[[], ServiceConfig]
    count: int = COUNT

    @property
    def attempted(self) -> str:
        """What an error says was attempted."""
        return f"list the broker's {self.noun}s"

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows. Raises ListingError where the pages do not add up.

        Reading is safe to repeat: a list that changed while it was paged may add up the next time.
        """
        for attempt in range(1, READINGS):
            try:
                return self._once(self._pages)
            except (ListingError, UnreadableAnswerError):
                self.http.pause(attempt)
        return self._once(self._pages_one_by_one)

    def _once(self, pages: Callable[[], Iterable[_Page]]) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        totals: set[int] = set()
        sent = 0
        for page in pages():
            totals |= set() if page.total is None else {page.total}
            sent += len(page.rows)
            for document in page.rows:
                found[self.identified(document)["id"]] = document
            if sent != len(found):
                break
        if totals - {sent} or sent != len(found):
            announced = " or ".join(str(total) for total in sorted(totals)) or "no total"
            raise ListingError(
                f"The list of {self.noun}s on {self.host} does not add up: {announced} announced, {sent} sent, "
                f"{len(found)} different. Nothing was changed by it.",
                way_out=f"Try again; if it stays so, something else changes {self.noun}s at this moment.",
            )
        return list(found.values())

    def _pages(self) -> Iterator[_Page]:
        """The first page tells how many rows the server gives at a time, and the others are read side by side."""
        first = self._first_page()
        yield first
        if first.cursor:
            yield from self._pages_by_cursor(first.cursor)
        elif first.rows and first.total is not None and len(first.rows) < first.total:
            starts = range(1 + len(first.rows), first.total + 1, len(first.rows))
            for page in self.http.side_by_side(self._page_at, starts):
                yield page
                # An announced total may be beyond all reason.
                if not page.rows:
                    return

    def _pages_one_by_one(self) -> Iterator[_Page]:
        """For a server whose pages differ in length."""
        page = self._first_page()
        yield page
        if page.cursor:
            yield from self._pages_by_cursor(page.cursor)
            return
        start = 1 + len(page.rows)
        while page.rows and page.total is not None and start <= page.total:
            page = self._page_at(start)
            yield page
            start += len(page.rows)

    def _pages_by_cursor(self, first: str) -> Iterator[_Page]:
        cursor: str | None = first
        followed: set[str] = set()
        while cursor:
            followed.add(cursor)
            page = self._page({"cursor": cursor, "count": self.count}, by_cursor=True)
            yield page
            if page.cursor in followed or (page.cursor and not page.rows):
                raise ListingError(
                    f"The list of {self.noun}s on {self.host} cannot be read to its end: it pages by cursor (RFC 9865), "
                    "and its nextCursor does not lead on. Nothing was changed by it.",
                    way_out="Try again; if it stays so, report it to the maker of the server.",
                )
            cursor = page.cursor

    def _page_at(self, start: int) -> _Page:
        return self._page({"startIndex": start, "count": self.count})

    def _first_page(self) -> _Page:
        """Read the first page, with the page size or the cursor that the server asks for if it refuses ours."""
        try:
            return self._page_at(1)
        except AnswerError as error:
            if error.status != BAD_REQUEST:
                raise
            config = self.config()
            if config.max_results and config.max_results < self.count:
                self.count = config.max_results
                return self._first_page()
            if config.cursor:
                return self._page({"cursor": "", "count": self.count}, by_cursor=True)
            raise

    def _page(self, query: Mapping[str, str | int], *, by_cursor: bool = False) -> _Page:
        document = self.read(query)
        document = document if isinstance(document, dict) else {}
        total, rows, cursor = (document.get(name) for name in ("totalResults", "Resources", "nextCursor"))
        cursor = cursor if isinstance(cursor, str) and cursor else None
        if not isinstance(total, int) or isinstance(total, bool):
            # Without a total, only a server that pages by cursor says where a list ends.
            if not (isinstance(rows, list) and (by_cursor or cursor or self.config().cursor)):
                raise self._no_list("totalResults")
            total = None
        if rows is None and total == 0:
            rows = []
        if not isinstance(rows, list):
            raise self._no_list("Resources")
        return _Page(rows, total, cursor)

    def _no_list(self, missing: str) -> UnreadableAnswerError:
        return UnreadableAnswerError(
            self.attempted,
            self.host,
            f"the answer is no SCIM list ({missing} is missing)",
            "Check that scim_url is the address of a SCIM server. One that pages by cursor (RFC 9865) has to give totalResults or "
            "nextCursor, or say in its ServiceProviderConfig that it does.",
            status=200,
        )
