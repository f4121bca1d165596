# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What callers send: read, checked, and brought into the names of the directory."""

from __future__ import annotations

import json
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flask import g, request

from . import errors

_USERNAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9_.@-]*[a-zA-Z0-9])?")
_EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;.]+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9._-]+")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_ACTIVE_CONTENT = ("javascript", "data")
_YEAR = 365 * 24 * 60

Problem = tuple[str, str]
"""A code, and what the value must be."""


def _like(pattern: re.Pattern[str], code: str, message: str) -> Callable[[Any], Problem | None]:
    return lambda value: None if pattern.fullmatch(value) else (code, message)


def _is_url(value: Any) -> Problem | None:
    parts = urllib.parse.urlsplit(value)
    fits = parts.scheme and (parts.netloc or parts.path or parts.fragment)
    return None if fits else ("invalid_format", "must be a URL")


def _can_be_parsed(value: str) -> bool:
    try:
        urllib.parse.urlsplit(value)
    except ValueError:
        return False
    return True


def _is_callback(value: Any) -> Problem | None:
    scheme, colon, _rest = value.partition(":")
    fits = value == "*" or (colon and scheme.casefold() not in _ACTIVE_CONTENT and _can_be_parsed(value))
    return None if fits else ("callback_url_pattern", "is invalid")


def _is_duration(value: Any) -> Problem | None:
    return None if 1 <= value <= _YEAR else ("token_duration", "is invalid")


username_form = _like(_USERNAME, "invalid_format", "must be letters, digits and, between them, _ . - @")
email_form = _like(_EMAIL, "invalid_format", "must be an email address")
uuid_form = _like(_UUID, "uuid", "is invalid")
client_id_form = _like(_CLIENT_ID, "client_id", "is invalid")
printable_form = _like(_PRINTABLE, "printascii", "is invalid")


@dataclass(frozen=True)
class Attribute:
    """One of a body: its name on the wire, the one in the directory, and what it must be."""

    wire: str
    name: str
    kind: Literal["text", "flag", "number", "texts", "moment", "object"] = "text"
    required: bool = False
    nullable: bool = False
    shortest: int = 0
    longest: int | None = None
    form: Callable[[Any], Problem | None] | None = None

    def read(self, value: Any) -> Any:
        """What is missing or null is empty; another type is no body at all."""
        kinds: dict[str, type[Any]] = {
            "text": str,
            "flag": bool,
            "number": int,
            "texts": list,
            "moment": str,
            "object": dict,
        }
        empty: dict[str, Any] = {"text": "", "flag": False, "number": 0, "object": {}}
        if value is None:
            return None if self.nullable else empty.get(self.kind)
        # True is an int to Python.
        if not isinstance(value, kinds[self.kind]) or isinstance(value, bool) != (self.kind == "flag"):
            raise errors.invalid_body()
        if self.kind == "moment":
            return _moment(value)
        if self.kind == "texts" and not all(isinstance(item, str) for item in value):
            raise errors.invalid_body()
        return unicodedata.normalize("NFC", value) if isinstance(value, str) else value

    def problems(self, value: Any) -> list[tuple[str, str, str]]:
        if value is None or value in ("", 0, {}):
            if self.required:
                return [(self.wire, "required", "is required")]
            if not (self.nullable and value == "" and self.form):
                return []
        if isinstance(value, list):
            checked = [(f"{self.wire}[{number}]", item) for number, item in enumerate(value)]
        else:
            checked = [(self.wire, value)]
        found = ((wire, self._problem(item)) for wire, item in checked)
        return [(wire, *problem) for wire, problem in found if problem]

    def _problem(self, value: Any) -> Problem | None:
        if self.form and (wrong := self.form(value)):
            return wrong
        if isinstance(value, str) and len(value) < self.shortest:
            return ("too_short", f"needs {self.shortest} characters")
        if isinstance(value, str) and self.longest is not None and len(value) > self.longest:
            return ("too_long", f"has room for {self.longest} characters")
        return None


def _moment(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise errors.invalid_body() from None
    if value.tzinfo is None:
        raise errors.invalid_body()
    return value


def _flags(**names: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(wire, name, "flag") for wire, name in names.items())


USER = (
    Attribute("id", "id", form=uuid_form),
    Attribute("username", "username", required=True, longest=50, form=username_form),
    Attribute("email", "email", nullable=True, form=email_form),
    Attribute("firstName", "first_name", longest=50),
    Attribute("lastName", "last_name", longest=50),
    Attribute("displayName", "display_name", longest=100),
    Attribute("locale", "locale", nullable=True),
    *_flags(emailVerified="email_verified", isAdmin="is_admin", disabled="disabled"),
    Attribute("userGroupIds", "group_ids", "texts"),
)
USER_GROUPS = (Attribute("userGroupIds", "group_ids", "texts", required=True),)
GROUP = (
    Attribute("name", "name", required=True, shortest=2, longest=255),
    Attribute("friendlyName", "friendly_name", required=True, shortest=2, longest=50),
)
GROUP_USERS = (Attribute("userIds", "user_ids", "texts", required=True),)
CLIENT_CHANGE = (
    Attribute("name", "name", required=True, longest=50),
    Attribute("description", "description", longest=150),
    Attribute("callbackURLs", "callback_urls", "texts", form=_is_callback),
    Attribute("logoutCallbackURLs", "logout_callback_urls", "texts", form=_is_callback),
    *_flags(
        isPublic="is_public",
        pkceEnabled="pkce_enabled",
        requiresReauthentication="requires_reauthentication",
        requiresPushedAuthorizationRequests="requires_pushed_authorization_requests",
        skipConsent="skip_consent",
        isGroupRestricted="is_group_restricted",
    ),
    Attribute("credentials", "credentials", "object"),
    Attribute("launchURL", "launch_url", nullable=True, form=_is_url),
    Attribute("accessTokenDurationMinutes", "access_token_duration_minutes", "number", form=_is_duration),
    Attribute("refreshTokenDurationMinutes", "refresh_token_duration_minutes", "number", form=_is_duration),
)
CLIENT = (*CLIENT_CHANGE, Attribute("id", "id", shortest=2, longest=128, form=client_id_form))
SECRET = (
    Attribute("secret", "secret", shortest=16, form=printable_form),
    Attribute("expiresAt", "expires_at", "moment", nullable=True),
)
SCIM_PROVIDER = (
    Attribute("endpoint", "endpoint", required=True, form=_is_url),
    Attribute("token", "token"),
    Attribute("oidcClientId", "client_id", required=True),
)


def body(attributes: tuple[Attribute, ...], *, optional: bool = False) -> dict[str, Any]:
    """Every attribute has a value then: what is left out of a PUT is emptied."""
    data = request.get_data()
    return {} if optional and not data.strip() else checked(_sent(data), attributes)


def _sent(data: bytes) -> Mapping[str, Any]:
    if not g.any_content_type and not re.fullmatch(r"application/(json|.+\+json)", request.mimetype or ""):
        raise errors.invalid_body()
    try:
        sent = json.loads(data)
    except ValueError:
        raise errors.internal() from None
    if sent is None:
        return {}
    if not isinstance(sent, dict):
        raise errors.invalid_body()
    return sent


def checked(sent: Mapping[str, Any], attributes: tuple[Attribute, ...]) -> dict[str, Any]:
    values = [(attribute, attribute.read(sent.get(attribute.wire))) for attribute in attributes]
    if problems := [problem for attribute, value in values for problem in attribute.problems(value)]:
        raise errors.invalid_fields(problems)
    return {attribute.name: value for attribute, value in values}
