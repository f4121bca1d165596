# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of users, groups and lists on the wire, and the lies told about them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .errors import BrokerError
from .switches import Switches

Json = dict[str, Any]

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
WS1B_SCHEMA = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User"
MFA_SCHEMA = "urn:scim:schemas:extension:workspace:mfa:1.0"
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

DOMAIN_NAMES = ("domain", "ws1b.domain", "mfa.defaultDomain")
CURSOR = "page"
READ_ONLY = ("schemas", "id", "meta", "groups", "password")

_FILTER = re.compile(r'^\s*(\w+)\s+eq\s+("(?:[^"\\]|\\.)*")\s*$', re.IGNORECASE)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Entry:
    """A user (or group) as stored. The resource holds what the caller may write, no more."""

    id: str
    resource: Json
    provider: str | None
    domain: str = ""
    version: int = 1
    created: str = field(default_factory=now)
    modified: str = field(default_factory=now)

    @property
    def name(self) -> str:
        return str(self.resource.get("userName", ""))

    @property
    def tag(self) -> str:
        return f'W/"{self.version}"'


@dataclass
class Group:
    id: str
    name: str
    provider: str | None
    external_id: str | None = None
    members: dict[str, None] = field(default_factory=dict)
    builtin: bool = False
    version: int = 1
    created: str = field(default_factory=now)
    modified: str = field(default_factory=now)

    @property
    def tag(self) -> str:
        return f'W/"{self.version}"'


def _meta(item: Entry | Group, kind: str, base_url: str) -> Json:
    return {
        "resourceType": kind,
        "created": item.created,
        "lastModified": item.modified,
        "version": item.tag,
        "location": f"{base_url}/{kind}s/{item.id}",
    }


def render_user(entry: Entry, groups: Iterable[Group], domain_returned: str, base_url: str) -> Json:
    """The user as the appliance answers, with the domain where the switch puts it."""
    stored = copy.deepcopy(entry.resource)
    ws1b = stored.pop(WS1B_SCHEMA, None) or {}
    stored.pop(MFA_SCHEMA, None)
    ws1b.pop("domain", None)
    if domain_returned == "ws1b" and entry.domain:
        ws1b["domain"] = entry.domain
    schemas = [USER_SCHEMA]
    if ws1b:
        stored[WS1B_SCHEMA] = ws1b
        schemas.append(WS1B_SCHEMA)
    if domain_returned == "mfa" and entry.domain:
        stored[MFA_SCHEMA] = {"defaultDomain": entry.domain}
    return {
        "schemas": schemas,
        "id": entry.id,
        **stored,
        "groups": [
            {"value": group.id, "display": group.name} for group in groups if group.builtin or entry.id in group.members
        ],
        "meta": _meta(entry, "User", base_url),
    }


def render_group(group: Group, members: list[Json] | None, base_url: str) -> Json:
    answer: Json = {"schemas": [GROUP_SCHEMA], "id": group.id, "displayName": group.name}
    if group.external_id is not None:
        answer["externalId"] = group.external_id
    if members is not None:
        answer["members"] = members
    answer["meta"] = _meta(group, "Group", base_url)
    return answer


def wanted(expression: str | None, attribute: str) -> str | None:
    """The value of `attribute eq "value"`, case-folded; None without a filter."""
    if expression is None:
        return None
    found = _FILTER.match(expression) if len(expression) <= 2000 else None
    if found is None or found[1].casefold() != attribute.casefold():
        raise BrokerError(400, "invalid.filter", "The filter is not supported")
    return str(json.loads(found[2])).casefold()


@dataclass(frozen=True)
class Page:
    start: int | None = None
    count: int | None = None
    cursor: str | None = None

    @classmethod
    def of(cls, start: object, count: object, cursor: object = None) -> Page:
        try:
            first = max(1, int(str(start))) if start is not None else None
            size = max(0, int(str(count))) if count is not None else None
        except ValueError:
            raise BrokerError(400, "invalid.paging", "startIndex and count are numbers") from None
        return cls(first, size, None if cursor is None else str(cursor))

    @property
    def skipped(self) -> int:
        """How many rows are before the page."""
        return (self.start or 1) - 1

    def of_cursor(self, switches: Switches) -> Page:
        """The page that a cursor names, or the first one (RFC 9865 section 2)."""
        if switches.pagination == "cursor_only" and self.start is not None:
            raise BrokerError(400, "invalid.paging", "startIndex is not supported")
        if not self.cursor:
            return Page(None, self.count)
        prefix, _dash, skipped = self.cursor.partition("-")
        if prefix != CURSOR or not skipped.isdecimal():
            raise BrokerError(400, "invalidCursor", "The cursor is not known")
        return Page(int(skipped) + 1, self.count)


def envelope(rows: list[Any], page: Page, switches: Switches, render: Callable[[Any], Json]) -> Json:
    if page.count is not None and page.count > switches.page_cap and switches.large_count == "refused_400":
        raise BrokerError(400, "tooMany", f"count must not be above {switches.page_cap}")
    by_cursor = switches.pagination != "index"
    page = page.of_cursor(switches) if by_cursor else page
    size = switches.page_cap if page.count is None else min(page.count, switches.page_cap)
    first = 0 if switches.page_repeats else page.skipped
    chosen = rows[first : first + size]
    if by_cursor:
        answer: Json = {"schemas": [LIST_SCHEMA], "itemsPerPage": len(chosen)}
        if switches.cursor_totals:
            answer["totalResults"] = len(rows) + switches.total_lies
        if page.skipped + len(chosen) < len(rows):
            answer["nextCursor"] = f"{CURSOR}-{page.skipped + len(chosen)}"
        return answer | {switches.list_key: [render(row) for row in chosen]}
    return {
        "schemas": [LIST_SCHEMA],
        "totalResults": len(rows) + switches.total_lies,
        "itemsPerPage": len(chosen),
        "startIndex": page.skipped + 1,
        switches.list_key: [render(row) for row in chosen],
    }


def forget(resource: Json, path: str, former: Json) -> None:
    """Puts back what stood there before, as a server does that ignores an attribute."""
    head, _dot, tail = (path, "", "") if path in resource else path.partition(".")
    if tail:
        inner = resource.get(head)
        if isinstance(inner, dict) and tail in inner:
            before = former.get(head)
            _restore(inner, tail, before if isinstance(before, dict) else {})
    else:
        _restore(resource, head, former)


def _restore(holder: Json, name: str, former: Json) -> None:
    if name in former:
        holder[name] = copy.deepcopy(former[name])
    else:
        holder.pop(name, None)


def change(resource: Json, path: str, value: Any) -> None:
    head, _dot, tail = (path, "", "") if path in resource else path.partition(".")
    if tail:
        inner = resource.setdefault(head, {})
        inner[tail] = value
    else:
        resource[head] = value
