# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients, their secrets, and where they are told of people by SCIM."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request

from simulator.answers import json_answer

from . import bodies, errors, paging, views
from .directory import Client, Directory, ScimProvider, random_letters
from .errors import JSON
from .switches import PocketIdSwitches

Remember = Callable[[str], None]


def _client_values(wanted: dict[str, Any]) -> dict[str, Any]:
    """The values of a client, out of the body of a request."""
    credentials = wanted.pop("credentials")
    wanted["federated_identities"] = credentials.get("federatedIdentities") or []
    # A public client proves itself in no other way.
    wanted["pkce_enabled"] = wanted["is_public"] or wanted["pkce_enabled"]
    wanted["access_token_duration_minutes"] = wanted["access_token_duration_minutes"] or 60
    wanted["refresh_token_duration_minutes"] = wanted["refresh_token_duration_minutes"] or 30 * 24 * 60
    return wanted


def add_clients(api: Blueprint, directory: Directory, switches: PocketIdSwitches) -> None:
    def in_list(client: Client) -> dict[str, Any]:
        count = {"allowedUserGroupsCount": client.allowed_user_groups_count}
        return views.client(client, with_secrets=not switches.single_secret) | count

    def whole(client: Client) -> dict[str, Any]:
        return views.client_with_groups(client, with_secrets=not switches.single_secret)

    @api.get("/oidc/clients")
    def clients() -> Response:
        return json_answer(paging.page(directory, paging.CLIENTS, in_list), 200, JSON)

    @api.get("/oidc/clients/<client_id>")
    def client(client_id: str) -> Response:
        return json_answer(whole(directory.client(client_id)), 200, JSON)

    @api.post("/oidc/clients")
    def create_client() -> Response:
        wanted = _client_values(bodies.body(bodies.CLIENT))
        if not wanted["id"]:
            del wanted["id"]
        created = directory.add_client(Client(**wanted))
        return json_answer(whole(created) | {"allowedUserGroups": []}, 201, JSON)

    @api.put("/oidc/clients/<client_id>")
    def change_client(client_id: str) -> Response:
        wanted = bodies.body(bodies.CLIENT_CHANGE)
        changed = directory.client(client_id)
        directory.change_client(changed, _client_values(wanted))
        return json_answer(whole(changed), 200, JSON)

    @api.delete("/oidc/clients/<client_id>")
    def remove_client(client_id: str) -> Response:
        directory.remove_client(directory.client(client_id))
        return Response(status=204)

    @api.put("/oidc/clients/<client_id>/allowed-user-groups")
    def change_allowed_groups(client_id: str) -> Response:
        wanted = bodies.body(bodies.USER_GROUPS)
        changed = directory.client(client_id)
        directory.set_allowed_groups(changed, wanted["group_ids"])
        return json_answer(views.client(changed, with_secrets=not switches.single_secret), 200, JSON)


def add_preview(api: Blueprint, directory: Directory, switches: PocketIdSwitches, base_url: Callable[[], str]) -> None:
    @api.get("/oidc/clients/<client_id>/preview/<user_id>")
    def preview(client_id: str, user_id: str) -> Response:
        """Nobody needs to sign in for it, and not even a disabled person is refused."""
        scopes = request.args.get("scopes", "")
        if not scopes:
            raise errors.invalid_fields([("scopes", "required", "is required")])
        asking, person = directory.client(client_id), directory.user(user_id)
        if not asking.lets_in(person):
            raise errors.access_denied()
        told = views.claims(person, switches.sub_differs or person.id, scopes.split(" "), base_url())
        now = datetime.now(UTC).replace(microsecond=0)
        ends = now + timedelta(minutes=asking.access_token_duration_minutes)
        token = {
            "iss": base_url(),
            "aud": [asking.id],
            # As RFC 3339 text: this shows claims and is no token.
            "iat": views.moment(now),
            "exp": views.moment(ends),
            "jti": str(uuid.uuid4()),
        }
        shown = {
            "idToken": {**told, **token, "type": "id-token"},
            "accessToken": {**token, "sub": told["sub"], "client_id": asking.id, "scp": scopes.split(" ")},
            "userInfo": told,
        }
        return json_answer(shown, 200, JSON)


def add_secrets(api: Blueprint, directory: Directory, switches: PocketIdSwitches, remember: Remember) -> None:
    def of_many(client_id: str) -> Client:
        if switches.single_secret:
            raise errors.nothing_there()
        return directory.client(client_id)

    @api.post("/oidc/clients/<client_id>/secret")
    def replace_secret(client_id: str) -> Response:
        """Before 2.14. The secret before ends at once."""
        if not switches.single_secret:
            raise errors.nothing_there()
        client = directory.client(client_id)
        value = random_letters(32)
        client.secrets = []
        directory.add_secret(client, value)
        remember(value)
        return json_answer({"secret": value}, 200, JSON)

    @api.get("/oidc/clients/<client_id>/secrets")
    def secrets(client_id: str) -> Response:
        return json_answer([views.secret(secret) for secret in of_many(client_id).secrets], 200, JSON)

    @api.post("/oidc/clients/<client_id>/secrets")
    def create_secret(client_id: str) -> Response:
        client = of_many(client_id)
        wanted = bodies.body(bodies.SECRET, optional=True)
        expires_at: datetime | None = wanted.get("expires_at")
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise errors.invalid("A secret ends in the future")
        value = wanted.get("secret") or random_letters(32)
        created = directory.add_secret(client, value, expires_at)
        remember(value)
        return json_answer({**views.secret(created), "secret": value}, 201, JSON)

    @api.delete("/oidc/clients/<client_id>/secrets/<secret_id>")
    def remove_secret(client_id: str, secret_id: str) -> Response:
        directory.remove_secret(of_many(client_id), secret_id)
        return Response(status=204)


def add_scim(api: Blueprint, directory: Directory, switches: PocketIdSwitches, remember: Remember) -> None:
    def refuse_where_there_are_none() -> None:
        if not switches.scim_service_providers:
            raise errors.nothing_there()

    def wanted_provider() -> dict[str, Any]:
        wanted = bodies.body(bodies.SCIM_PROVIDER)
        if wanted["token"]:
            remember(wanted["token"])
        return wanted

    @api.get("/oidc/clients/<client_id>/scim-service-provider")
    def provider_of_client(client_id: str) -> Response:
        refuse_where_there_are_none()
        return json_answer(views.provider(directory.provider_of(client_id)), 200, JSON)

    @api.post("/scim/service-provider")
    def create_provider() -> Response:
        refuse_where_there_are_none()
        wanted = wanted_provider()
        directory.client(wanted["client_id"])
        created = ScimProvider(**wanted)
        directory.providers[created.id] = created
        return json_answer(views.provider(created), 201, JSON)

    @api.put("/scim/service-provider/<provider_id>")
    def change_provider(provider_id: str) -> Response:
        """Without a token in the body it has none afterwards."""
        refuse_where_there_are_none()
        wanted = wanted_provider()
        changed = directory.provider(provider_id)
        directory.client(wanted["client_id"])
        for name, value in wanted.items():
            setattr(changed, name, value)
        return json_answer(views.provider(changed), 200, JSON)

    @api.delete("/scim/service-provider/<provider_id>")
    def remove_provider(provider_id: str) -> Response:
        refuse_where_there_are_none()
        del directory.providers[directory.provider(provider_id).id]
        return Response(status=204)
