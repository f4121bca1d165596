# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pocket ID as one object: starts and stops its server, and lets tests act on it and look inside."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from werkzeug.wrappers import Response as BaseResponse

from simulator.answers import json_answer
from simulator.service import Service
from simulator.state import Record, Seen

from . import errors, views
from .clients_api import add_clients, add_preview, add_scim, add_secrets
from .control import control_api
from .directory import STATIC_USER_ID, Client, Directory, Group, ScimProvider, User, random_letters
from .errors import JSON, PocketIdError
from .people_api import add_groups, add_people
from .scim_push import push
from .switches import PocketIdSwitches

Json = dict[str, Any]
KEY_HEADER = "HTTP_X_API_KEY"
_PAGE = '<!DOCTYPE html><html><head><title>Pocket ID</title></head><body><div id="app"></div></body></html>'
_FOR_EVERYBODY = frozenset({"api.version", "api.me"})


class PocketId(Service[PocketIdSwitches]):
    name = "pocket-id"

    def __init__(
        self,
        state_dir: Path | str | None = None,
        version: str = "2.14.0",
        switches: PocketIdSwitches | None = None,
        *,
        fqdn: str = "localhost",
    ) -> None:
        super().__init__(state_dir, switches or PocketIdSwitches(), fqdn)
        self.version = version
        self.record = Record()
        self.directory = Directory()
        self.api_key = random_letters(32)
        self.record.remember_secret(self.api_key)
        self._limit = RateLimit()
        self._keys: dict[str, str] = {}
        self._ended: set[str] = set()
        self._caller_of(self.api_key)
        app = Flask("pocket-id")
        app.register_error_handler(PocketIdError, self._refuse)
        for status in (404, 405):
            app.register_error_handler(status, self._nothing_there)
        app.before_request(self._before)
        app.after_request(_for_nobody_else)
        app.get("/healthz")(lambda: Response(status=204))
        app.get("/.well-known/openid-configuration")(self._discovery)
        app.get("/api/application-configuration")(self._settings)
        app.register_blueprint(self._api())
        app.register_blueprint(control_api(self))
        self._serve(self._one_at_a_time(app), self.record, self._expire)

    def reset(self) -> None:
        """As after the start: the static user alone. The key stays the same."""
        with self.record.lock:
            self._restore_switches()
            self.record.reset()
            self.directory.clear()
            self._keys.clear()
            self._ended.clear()
            self._limit = RateLimit()
            self._caller_of(self.api_key)

    def _discovery(self) -> Response:
        """What a relying party needs of it (OpenID Connect Discovery 1.0, section 3)."""
        document = {
            "issuer": self.base_url,
            "authorization_endpoint": f"{self.base_url}/authorize",
            "token_endpoint": f"{self.base_url}/api/oidc/token",
            "jwks_uri": f"{self.base_url}/.well-known/jwks.json",
            "userinfo_endpoint": f"{self.base_url}/api/oidc/userinfo",
            "end_session_endpoint": f"{self.base_url}/api/oidc/end-session",
            "introspection_endpoint": f"{self.base_url}/api/oidc/introspect",
            "device_authorization_endpoint": f"{self.base_url}/api/oidc/device/authorize",
            "pushed_authorization_request_endpoint": f"{self.base_url}/api/oidc/par",
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "scopes_supported": ["openid", "profile", "email", "groups"],
            "claims_supported": ["sub", "given_name", "family_name", "name", "email", "preferred_username", "groups"],
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return json_answer(document, 200, JSON)

    def _settings(self) -> Response:
        """Return the public settings, which need no key; every value is a text."""
        values = {
            "appName": "Pocket ID",
            "allowOwnAccountEdit": str(self.switches.own_account_edit).lower(),
            "requireUserEmail": str(self.switches.require_user_email).lower(),
        }
        kinds = {"appName": "string"}
        settings = [{"key": key, "type": kinds.get(key, "bool"), "value": value} for key, value in values.items()]
        return json_answer(settings, 200, JSON)

    def _before(self) -> Response | None:
        g.any_content_type = self.switches.any_content_type
        path = request.path
        if path.startswith("/api/") and path.endswith("/"):
            return Response(status=301, headers={"Location": path.rstrip("/")})
        if path.startswith("/api/") and not self._limit.allows(self.switches.requests_per_second, self.switches.burst):
            answer = errors.too_many().answer(self.switches)
            if self.switches.tells_when:
                answer.headers["Retry-After"] = "1"
            return answer
        return None

    def writes(self) -> list[Seen]:
        return [seen for seen in self.requests if seen.method not in ("GET", "HEAD", "OPTIONS")]

    def description(self) -> Json:
        return {
            "url": self.base_url,
            "ca_file": str(self.ca_file),
            "api_key": self.api_key,
            "control_url": self.control_url,
            "pid": os.getpid(),
        }

    # Keys

    @property
    def user_api_key(self) -> str:
        """Of a user who is no administrator, and who is there from then on."""
        with self.record.lock:
            if self.directory.user_named("ordinary") is None:
                self.add_user("ordinary", first_name="Ordinary")
            return self.api_key_of("ordinary")

    def api_key_of(self, username: str) -> str:
        """A key of that user; the same one each time."""
        with self.record.lock:
            user_id = self._user(username).id
            for key, owner in self._keys.items():
                if owner == user_id:
                    return key
            key = random_letters(32)
            self._keys[key] = user_id
            self.record.remember_secret(key)
            return key

    # Acting on it, without a request

    def add_user(
        self,
        username: str,
        id: str | None = None,  # noqa: A002
        email: str | None = None,
        first_name: str = "",
        last_name: str = "",
        display_name: str | None = None,
        disabled: bool = False,
        is_admin: bool = False,
        groups: Iterable[str] = (),
        **attributes: Any,
    ) -> Json:
        """Groups by name. Whatever it may hold: nothing is checked as in a request."""
        with self.record.lock:
            wanted = [self._group(name) for name in groups]
            user = User(
                username,
                id or str(uuid.uuid4()),
                email=email,
                first_name=first_name,
                last_name=last_name,
                display_name=f"{first_name} {last_name}".strip() if display_name is None else display_name,
                disabled=disabled,
                is_admin=is_admin,
                **attributes,
            )
            self.directory.add_user(user)
            for group in wanted:
                self.directory.join(group, user)
            return views.user(user)

    def change_user(self, username: str, **attributes: Any) -> Json:
        with self.record.lock:
            user = self._user(username)
            if unknown := [name for name in attributes if name == "id" or not hasattr(user, name)]:
                raise ValueError(f"A user has no {', '.join(unknown)} to change")
            self.directory.change_user(user, attributes)
            return views.user(user)

    def remove_user(self, username: str) -> None:
        with self.record.lock:
            self.directory.remove_user(self._user(username))

    def add_group(
        self,
        name: str,
        friendly_name: str | None = None,
        members: Iterable[str] = (),
        id: str | None = None,  # noqa: A002
    ) -> Json:
        """Members by username."""
        with self.record.lock:
            users = [self._user(member) for member in members]
            group = Group(name, name if friendly_name is None else friendly_name, id or str(uuid.uuid4()))
            self.directory.add_group(group)
            for user in users:
                self.directory.join(group, user)
            return views.group(group, group.users.values())

    def remove_group(self, name: str) -> None:
        with self.record.lock:
            self.directory.remove_group(self._group(name))

    def join(self, group: str, username: str) -> None:
        with self.record.lock:
            self.directory.join(self._group(group), self._user(username))

    def leave(self, group: str, username: str) -> None:
        with self.record.lock:
            self.directory.leave(self._group(group), self._user(username))

    def add_client(
        self,
        name: str,
        id: str | None = None,  # noqa: A002
        callback_urls: Iterable[str] = (),
        groups: Iterable[str] | None = None,
        is_public: bool = False,
        **attributes: Any,
    ) -> Json:
        """Groups by name; without them everybody is let in."""
        with self.record.lock:
            allowed = [self._group(group).id for group in groups or ()]
            client = Client(
                name,
                id or str(uuid.uuid4()),
                callback_urls=list(callback_urls),
                is_public=is_public,
                is_group_restricted=groups is not None,
                **attributes,
            )
            self.directory.add_client(client)
            self.directory.set_allowed_groups(client, allowed)
            return views.client_with_groups(client, with_secrets=True)

    def add_client_secret(self, client_id: str, value: str | None = None) -> str:
        with self.record.lock:
            value = value or random_letters(32)
            self.directory.add_secret(self.directory.client(client_id), value)
            self.record.remember_secret(value)
            return value

    def add_scim_service_provider(self, client_id: str, endpoint: str, token: str = "") -> Json:
        with self.record.lock:
            provider = ScimProvider(endpoint, token, self.directory.client(client_id).id)
            self.directory.providers[provider.id] = provider
            if token:
                self.record.remember_secret(token)
            return views.provider(provider)

    def push(self, client_id: str, ca_file: Path | str) -> list[str]:
        """Sync the users and groups of a client to its SCIM service provider, which is not this server.

        Returns the requests that were refused; the sync ends with an error if there are any.
        """
        client = self.directory.client(client_id)
        return push(self.directory, client, self.directory.provider_of(client_id), str(ca_file)).errors

    def sign_in(self, username: str, client_id: str | None = None) -> str | None:
        """What the client is told as the person's id; None where Pocket ID lets nobody through to it."""
        with self.record.lock:
            user = self.directory.user_named(username)
            if user is None or user.disabled:
                return None
            if client_id is not None:
                client = self.directory.clients.get(client_id)
                if client is None or not client.lets_in(user):
                    return None
            return self.switches.sub_differs or user.id

    def accepts_secret(self, client_id: str, secret: str) -> bool:
        """Whether the client could sign in itself with it."""
        with self.record.lock:
            return self.directory.client(client_id).accepts(secret)

    # What it holds

    @property
    def users(self) -> list[Json]:
        with self.record.lock:
            return [views.user(user) for user in self.directory.users.values()]

    @property
    def groups(self) -> list[Json]:
        with self.record.lock:
            return [views.group(group, group.users.values()) for group in self.directory.groups.values()]

    @property
    def clients(self) -> list[Json]:
        with self.record.lock:
            known = self.directory.clients.values()
            return [views.client_with_groups(client, with_secrets=True) for client in known]

    @property
    def scim_service_providers(self) -> list[Json]:
        with self.record.lock:
            known = self.directory.providers.values()
            return [{**views.provider(provider), "oidcClientId": provider.client_id} for provider in known]

    def _user(self, username: str) -> User:
        found = self.directory.user_named(username)
        if found is None:
            raise ValueError(f"Pocket ID has no user {username!r}")
        return found

    def _group(self, name: str) -> Group:
        found = self.directory.group_named(name)
        if found is None:
            raise ValueError(f"Pocket ID has no group {name!r}")
        return found

    # Requests

    def _api(self) -> Blueprint:
        api = Blueprint("api", __name__, url_prefix="/api")

        @api.before_request
        def authenticate() -> None:
            g.caller = self._caller_of(request.headers.get("X-API-Key", ""))
            if not g.caller.is_admin and request.endpoint not in _FOR_EVERYBODY:
                raise errors.no_permission()

        @api.get("/version/current")
        def version() -> Response:
            return json_answer({"currentVersion": self.version}, 200, JSON)

        add_people(api, self.directory, self.switches)
        add_groups(api, self.directory, self.switches)
        add_clients(api, self.directory, self.switches)
        add_preview(api, self.directory, self.switches, lambda: self.base_url)
        add_secrets(api, self.directory, self.switches, self.record.remember_secret)
        add_scim(api, self.directory, self.switches, self.record.remember_secret)
        return api

    def _caller_of(self, key: str) -> User:
        if key in self._ended:
            raise errors.not_signed_in()
        if key == self.api_key:
            return self._static_user()
        user = self.directory.users.get(self._keys.get(key, ""))
        if user is None:
            raise errors.not_signed_in()
        if user.disabled:
            raise errors.user_disabled()
        return user

    def _static_user(self) -> User:
        """It comes with the first use of the static key, and again after it was removed."""
        found = self.directory.users.get(STATIC_USER_ID)
        if found is None:
            name = "Static API User"
            username = f"static-api-user-{random_letters(6)}"
            found = User(username, STATIC_USER_ID, first_name=name, display_name=name, is_admin=True)
            self.directory.add_user(found)
        if found.disabled:
            raise errors.user_disabled()
        return found

    def _expire(self, environ: dict[str, Any]) -> None:
        with self.record.lock:
            self._ended.add(str(environ.get(KEY_HEADER, "")))

    def _too_busy(self, status: int) -> BaseResponse:
        """It limits its callers itself; a 503 comes from what stands before it."""
        return errors.too_many().answer(self.switches) if status == 429 else super()._too_busy(status)

    def _refuse(self, error: Exception) -> Response:
        assert isinstance(error, PocketIdError)
        missing = request.method == "DELETE" and error.code in ("not_found", "user_not_found")
        if missing and self.switches.missing_deletion == 204:
            return Response(status=204)
        return error.answer(self.switches)

    def _nothing_there(self, _error: Exception) -> Response:
        """Below /api there is an error. Elsewhere there is the page of the user interface, whatever was asked for."""
        if request.path.startswith(("/api/", "/.well-known/")):
            return errors.nothing_there().answer(self.switches)
        return Response(_PAGE, 200, content_type="text/html; charset=utf-8")

    def _one_at_a_time(self, app: Flask) -> Callable[..., Iterable[bytes]]:
        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            with self.record.lock:
                return app.wsgi_app(environ, start_response)

        return answer


class RateLimit:
    """A token bucket for all callers, since all tests come from one address."""

    def __init__(self) -> None:
        self._left: float | None = None
        self._at = 0.0

    def allows(self, rate: int, burst: int) -> bool:
        """Take one request out of the bucket. A rate of 0 means no limit."""
        if not rate:
            return True
        now = time.monotonic()
        left = burst if self._left is None else min(burst, self._left + (now - self._at) * rate)
        self._left, self._at = max(left - 1, 0) if left >= 1 else left, now
        return left >= 1


def _for_nobody_else(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response
