# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pocket ID's answers in our form. PRIVATE to this collection.

The shapes are those of Pocket ID 2.14 (github.com/pocket-id/pocket-id, backend/internal/dto). Each function takes the
decoded JSON document, and raises ValueError that names what is missing, never with a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STATIC_KEY_USER = "00000000-0000-0000-0000-000000000000"
"""The administrator that Pocket ID makes up for STATIC_API_KEY; nobody signs in as it (backend/internal/common)."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the identity provider. C(external_id) is what it puts into the claim C(sub)."""

    external_id: str
    username: str
    given_name: str
    family_name: str
    display_name: str
    email: str
    active: bool
    group_ids: tuple[str, ...] = ()

    @property
    def is_synthetic(self) -> bool:
        """Whether nobody can sign in as this user."""
        return self.external_id == STATIC_KEY_USER


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A group of Pocket ID. C(name) is what the claim C(groups) holds; C(user_count) is None where it is not told."""

    id: str
    name: str
    friendly_name: str
    user_count: int | None = None
    member_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a listing. A page beyond the last repeats the last (backend/internal/utils, Paginate)."""

    rows: tuple[Any, ...]
    number: int
    pages: int
    total: int


def read_page(document: Any) -> ListPage:
    """Read a paginated answer."""
    rows, pagination = _get(document, "data"), _get(document, "pagination")
    numbers = [_get(pagination, key) for key in ("currentPage", "totalPages", "totalItems")]
    if not isinstance(rows, list) or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
        raise ValueError("a list without data or pagination")
    return ListPage(tuple(rows), *numbers)


def read_person(document: Any) -> Person:
    """Read a UserDto."""
    return Person(
        external_id=_needed(document, "id", "user"),
        username=_needed(document, "username", "user"),
        given_name=_text(document, "firstName"),
        family_name=_text(document, "lastName"),
        display_name=_text(document, "displayName"),
        email=_text(document, "email"),
        active=_get(document, "disabled") is not True,
        group_ids=tuple(_needed(group, "id", "group") for group in _list(document, "userGroups")),
    )


def read_group(document: Any) -> UserGroup:
    """Read a UserGroupDto, which holds the members, or a UserGroupMinimalDto, which holds their number."""
    count = _get(document, "userCount")
    return UserGroup(
        id=_needed(document, "id", "group"),
        name=_needed(document, "name", "group"),
        friendly_name=_text(document, "friendlyName"),
        user_count=count if isinstance(count, int) else None,
        member_ids=frozenset(_needed(user, "id", "user") for user in _list(document, "users")),
    )


def may_edit_own_account(document: Any) -> bool:
    """Read from the settings whether people may edit their own accounts; true unless the settings deny it."""
    settings = document if isinstance(document, list) else []
    return not any(
        _get(each, "key") == "allowOwnAccountEdit" and str(_get(each, "value")).lower() == "false" for each in settings
    )


def read_subject(document: Any) -> str:
    """The claim C(sub) of a preview of the ID token."""
    return _needed(_get(document, "idToken"), "sub", "preview")


def allowed_group_ids(client: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The groups whose members may use the client; None where everybody may.

    Before Pocket ID 2.0 there was no C(isGroupRestricted), and a client with groups was restricted to them.
    """
    ids = tuple(_needed(group, "id", "group") for group in _list(client, "allowedUserGroups"))
    restricted = _get(client, "isGroupRestricted")
    return ids if restricted is True or (restricted is None and ids) else None


def _get(document: Any, key: str) -> Any:
    return document.get(key) if isinstance(document, Mapping) else None


def _list(document: Any, key: str) -> list[Any]:
    value = _get(document, key)
    return value if isinstance(value, list) else []


def _text(document: Any, key: str) -> str:
    value = _get(document, key)
    return value if isinstance(value, str) else ""


def _needed(document: Any, key: str, noun: str) -> str:
    value = _text(document, key)
    if not value:
        raise ValueError(f"a {noun} without {key}")
    return value
