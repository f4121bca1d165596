# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists: search, filters, order and pages, as their callers ask for them in the query."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request

from .directory import Directory, Kind

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_FILTER = re.compile(r"filters\[([^]]*)\]")
_NUMBER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Listed:
    """What can be asked of a list. Columns by their name on the wire."""

    kind: Kind
    searched: tuple[str, ...]
    sortable: Mapping[str, str]
    filterable: Mapping[str, str] = field(default_factory=dict)


USERS = Listed(
    "users",
    ("email", "first_name", "last_name", "username"),
    {
        "username": "username",
        "email": "email",
        "emailVerified": "email_verified",
        "firstName": "first_name",
        "lastName": "last_name",
        "displayName": "display_name",
        "isAdmin": "is_admin",
        "disabled": "disabled",
        "createdAt": "created_at",
    },
    {"emailVerified": "email_verified", "isAdmin": "is_admin", "disabled": "disabled"},
)
GROUPS = Listed(
    "groups",
    ("name",),
    {"friendlyName": "friendly_name", "name": "name", "userCount": "user_count", "createdAt": "created_at"},
)
CLIENTS = Listed(
    "clients",
    ("name",),
    {
        "name": "name",
        "pkceEnabled": "pkce_enabled",
        "requiresReauthentication": "requires_reauthentication",
        "requiresPushedAuthorizationRequests": "requires_pushed_authorization_requests",
        "skipConsent": "skip_consent",
        "isGroupRestricted": "is_group_restricted",
        "allowedUserGroupsCount": "allowed_user_groups_count",
        "createdAt": "created_at",
    },
    {
        "pkceEnabled": "pkce_enabled",
        "requiresReauthentication": "requires_reauthentication",
        "requiresPushedAuthorizationRequests": "requires_pushed_authorization_requests",
        "skipConsent": "skip_consent",
        "isGroupRestricted": "is_group_restricted",
    },
)


def page(directory: Directory, listed: Listed, shown: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """The page that the request asks for; beyond the last page it is the last one again."""
    items = _matching(directory, listed)
    number, limit = _wanted()
    total = len(items)
    pages = max(1, -(-total // limit))
    number = min(number, pages)
    start = (number - 1) * limit
    return {
        "data": [shown(item) for item in items[start : start + limit]],
        "pagination": {
            "totalPages": pages,
            "totalItems": total,
            "currentPage": number,
            "itemsPerPage": limit,
        },
    }


def _wanted() -> tuple[int, int]:
    texts = [request.args.get(f"pagination[{name}]") or "0" for name in ("page", "limit")]
    # What is no number takes the other one along.
    number, limit = map(int, texts) if all(map(_NUMBER.fullmatch, texts)) else (0, 0)
    return max(number, 1), DEFAULT_LIMIT if limit < 1 else min(limit, MAX_LIMIT)


def _matching(directory: Directory, listed: Listed) -> list[Any]:
    # A column that cannot be sorted or filtered by is passed over in silence.
    column = listed.sortable.get(_uncapitalized(request.args.get("sort[column]", "")))
    descending = request.args.get("sort[direction]", "").strip().casefold() == "desc"
    items = directory.in_order(listed.kind, column, descending)
    for name, wanted in _filters().items():
        attribute = listed.filterable.get(_uncapitalized(name))
        if attribute is not None:
            items = [item for item in items if getattr(item, attribute) in wanted]
    if search := request.args.get("search"):
        like = _like(search)
        items = [item for item in items if any(like.fullmatch(getattr(item, name) or "") for name in listed.searched)]
    return items


def _uncapitalized(name: str) -> str:
    return name[:1].lower() + name[1:]


def _filters() -> dict[str, list[Any]]:
    """filters[name]=value, or filters[name][0]=value and so on."""
    found: dict[str, list[Any]] = {}
    for key, value in request.args.items(multi=True):
        if match := _FILTER.match(key):
            text = value.strip()
            typed: Any = {"true": True, "false": False}.get(text, text)
            found.setdefault(match[1], []).append(int(text) if _NUMBER.fullmatch(text) else typed)
    return found


def _like(search: str) -> re.Pattern[str]:
    """LIKE of SQLite: only the letters of ASCII match in either case; % and _ of the search are its wildcards."""
    parts = [{"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in search]
    return re.compile(f".*{''.join(parts)}.*", re.IGNORECASE | re.ASCII | re.DOTALL)
