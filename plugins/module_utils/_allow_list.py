# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may be provisioned at the first login, by ExternalId. PRIVATE to this collection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._errors import InputError
from ._federation_log import escaped
from ._texts import folded

FIELD = "allow_list"

USER_OPTIONS = frozenset(
    {
        *{"username", "external_id", "domain", "given_name", "family_name", "display_name", "email"},
        *{"groups", "permissions", "username_format", "wire_form", "from_provider"},
    }
)
"""What an item may say of a user, by the names of C(scim_users)."""
_OF_THE_LIST = frozenset({"key", "active", "found_by_name"})

# It becomes an extra variable and a rulebook's native template: a letter first, so that none is a number there.
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9._@+-]{0,63}", re.ASCII)
_CONSTANTS = frozenset({"True", "False", "None"})
_LONGEST_ID = 256
_WITH_IDS = (
    "Give everybody's ExternalId, the claim sub of the identity provider (for Pocket ID the user's id): whoever may sign in "
    "there could try to log in under a name."
)


@dataclass(frozen=True)
class AllowedPerson:
    """One item. C(key) is what events and plays call the person by."""

    key: str
    external_id: str
    domain: str | None
    user: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The item as an item of C(users) of C(scim_users)."""


@dataclass(frozen=True)
class AllowList:
    """The people by ExternalId, compared exactly, and by key."""

    by_external_id: Mapping[str, AllowedPerson] = field(default_factory=dict)
    by_key: Mapping[str, AllowedPerson] = field(default_factory=dict)


def is_key(text: Any) -> bool:
    """Whether a text may be somebody's key."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None and text not in _CONSTANTS


def read_allow_list(document: Any) -> AllowList:
    """Read what the file holds, by then plain data. Raises InputError that names the item."""
    if not isinstance(document, list):
        raise InputError(FIELD, "it is no list", "Write one item for each person: - external_id: ..., username: ...")
    by_id: dict[str, AllowedPerson] = {}
    by_key: dict[str, AllowedPerson] = {}
    positions: dict[str, int] = {}
    names: dict[str, list[tuple[int, str]]] = {}
    for position, item in enumerate(document):
        person = _person(item, position)
        if item.get("active") is False:
            continue
        other = positions.setdefault(person.external_id.casefold(), position)
        if other != position:
            problem = f"has the ExternalId of item {other + 1}, upper and lower case aside"
            raise _refused(position, problem, "An ExternalId is one person's. Remove one of them.")
        _refuse_same_user(person, position, names)
        if person.key in by_key:
            raise _refused(position, f"has the key {person.key!r} of another item", "Give it a key of its own.")
        by_id[person.external_id] = by_key[person.key] = person
    return AllowList(by_id, by_key)


def _refuse_same_user(person: AllowedPerson, position: int, names: dict[str, list[tuple[int, str]]]) -> None:
    """Raise InputError if an item before this one has the same user name. Items without a domain may be of any domain."""
    name, at, behind = person.user["username"].rpartition("@")
    domain = folded(person.domain or "")
    if at and not person.user.get("from_provider") and (not domain or folded(behind) == domain):
        domain = folded(behind)
    else:
        name = person.user["username"]
    same = names.setdefault(folded(name), [])
    for other, other_domain in same:
        if domain == other_domain or not (domain and other_domain):
            problem = (
                f"has the user name {escaped(person.user['username'])} of item {other + 1}, upper and lower case aside"
            )
            raise _refused(position, problem, "Both would become one user. Remove one, or give both a domain.")
    same.append((position, domain))


def _person(item: Any, position: int) -> AllowedPerson:
    if isinstance(item, str):
        raise _refused(position, "is a name without an ExternalId", _WITH_IDS)
    if not isinstance(item, Mapping):
        raise _refused(position, "is no dictionary", "Write external_id and username for each person.")
    unknown = sorted(escaped(str(name), most=40) for name in item if name not in USER_OPTIONS | _OF_THE_LIST)
    if unknown:
        possible = ", ".join(sorted(USER_OPTIONS | _OF_THE_LIST))
        raise _refused(position, f"has {unknown[0]!r}, which means nothing here", f"It may have {possible}.")
    if item.get("external_id") in (None, ""):
        raise _refused(position, "has no external_id", _WITH_IDS)
    texts = {name: _text(item, name, position) for name in ("external_id", "username", "domain", "key")}
    external_id, username = texts["external_id"], texts["username"]
    if not external_id or len(external_id) > _LONGEST_ID or not external_id.isprintable():
        raise _refused(position, "has an external_id that is none", "It has 1 to 256 printable characters.")
    if not username:
        raise _refused(position, "has no username", "Give the user's name in the broker.")
    if not isinstance(item.get("from_provider", False), bool):
        raise _refused(
            position, "has a from_provider that is neither true nor false", "Leave it out for a list of your own."
        )
    if not isinstance(item.get("active", True), bool):
        raise _refused(position, "has an active that is neither true nor false", "Leave it out for who may be let in.")
    key = texts["key"] or (username if is_key(username) else _key_of(external_id))
    if not is_key(key):
        rule = "A key begins with a letter and has up to 64 letters, digits and ._@+- (not True, False or None)."
        raise _refused(position, "has a key that cannot be one", rule)
    user = {str(name): value for name, value in item.items() if name not in _OF_THE_LIST and value is not None}
    return AllowedPerson(key, external_id, texts["domain"] or None, user)


def _key_of(external_id: str) -> str:
    """A key for who has a name that cannot be one."""
    return f"id-{hashlib.sha256(external_id.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _text(item: Mapping[Any, Any], name: str, position: int) -> str | None:
    value = item.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _refused(position, f"has a {name} that is not a string", f'Quote it: {name}: "..."')


def _refused(position: int, problem: str, way_out: str) -> InputError:
    return InputError(FIELD, f"item {position + 1} {problem}", way_out)


def users_of(allowed: AllowList, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The users with these keys, as C(scim_users) takes them. Raises InputError for a key that nobody has."""
    for key in keys:
        if key not in allowed.by_key:
            shown = escaped(str(key), most=64)
            raise InputError("key", f"nobody on the allow list has the key {shown!r}", "Keys compare exactly.")
    return [dict(allowed.by_key[key].user) for key in keys]
