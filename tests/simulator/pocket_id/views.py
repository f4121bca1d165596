# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Pocket ID shows what it holds. What an answer did not look up is an empty list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any

from .directory import Client, Group, ScimProvider, Secret, User

Json = dict[str, Any]


def moment(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _claims(claims: dict[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in claims.items()]


def user(item: User, *, with_claims: bool = True, with_groups: bool = True) -> Json:
    return {
        "id": item.id,
        "username": item.username,
        "email": item.email,
        "emailVerified": item.email_verified,
        "firstName": item.first_name,
        "lastName": item.last_name,
        "displayName": item.display_name,
        "isAdmin": item.is_admin,
        "locale": item.locale,
        "customClaims": _claims(item.custom_claims) if with_claims else [],
        "userGroups": [group_in_passing(group) for group in item.groups.values()] if with_groups else [],
        "ldapId": item.ldap_id,
        "disabled": item.disabled,
    }


def _group(item: Group, *, with_claims: bool) -> Json:
    return {
        "id": item.id,
        "friendlyName": item.friendly_name,
        "name": item.name,
        "customClaims": _claims(item.custom_claims) if with_claims else [],
        "ldapId": item.ldap_id,
        "createdAt": moment(item.created_at),
    }


def group_in_passing(item: Group) -> Json:
    """As part of a user or a client: nobody has counted its members."""
    return {**_group(item, with_claims=False), "userCount": 0}


def group_in_list(item: Group, count: int) -> Json:
    return {**_group(item, with_claims=True), "userCount": count}


def group(item: Group, members: Iterable[User]) -> Json:
    return {
        **_group(item, with_claims=True),
        "users": [user(each, with_claims=False, with_groups=False) for each in sorted(members, key=attrgetter("id"))],
        "allowedOidcClients": [client_in_passing(client) for client in item.clients.values()],
    }


def group_alone(item: Group) -> Json:
    """Without its members and clients: of a user, or just made."""
    return {**_group(item, with_claims=False), "users": [], "allowedOidcClients": []}


def client_in_passing(item: Client | None) -> Json:
    return {
        "id": item.id if item else "",
        "name": item.name if item else "",
        "description": item.description if item else "",
        "hasLogo": False,
        "hasDarkLogo": False,
        "launchURL": item.launch_url if item else None,
        "requiresReauthentication": bool(item and item.requires_reauthentication),
        "clientType": "standard" if item else "",
    }


def client(item: Client, *, with_secrets: bool) -> Json:
    credentials: Json = {}
    if item.federated_identities:
        credentials["federatedIdentities"] = item.federated_identities
    if with_secrets:
        credentials["secrets"] = [secret(known) for known in item.secrets]
    return {
        **client_in_passing(item),
        "callbackURLs": item.callback_urls or [],
        "logoutCallbackURLs": item.logout_callback_urls or [],
        "isPublic": item.is_public,
        "pkceEnabled": item.pkce_enabled,
        "requiresPushedAuthorizationRequests": item.requires_pushed_authorization_requests,
        "skipConsent": item.skip_consent,
        "credentials": credentials,
        "isGroupRestricted": item.is_group_restricted,
        "accessTokenDurationMinutes": item.access_token_duration_minutes,
        "refreshTokenDurationMinutes": item.refresh_token_duration_minutes,
    }


def client_with_groups(item: Client, *, with_secrets: bool) -> Json:
    groups = [group_in_passing(group) for group in item.groups.values()]
    return {**client(item, with_secrets=with_secrets), "allowedUserGroups": groups}


def secret(item: Secret) -> Json:
    return {
        "id": item.id,
        "prefix": item.prefix,
        "createdAt": moment(item.created_at),
        "expiresAt": moment(item.expires_at) if item.expires_at else None,
        "isActive": item.is_active,
    }


def provider(item: ScimProvider) -> Json:
    """The client is not looked up: it has no id and no name here."""
    return {
        "id": item.id,
        "endpoint": item.endpoint,
        "token": item.token,
        "lastSyncedAt": moment(item.last_synced_at) if item.last_synced_at else None,
        "oidcClient": client_in_passing(None),
        "createdAt": moment(item.created_at),
    }


def claims(item: User, sub: str, scopes: list[str], base_url: str) -> Json:
    """What a client is told of a person."""
    found: Json = {"sub": sub}
    if "profile" in scopes:
        for group in item.groups.values():
            found |= group.custom_claims
        found |= item.custom_claims
        found |= {
            "sub": sub,
            "given_name": item.first_name,
            "family_name": item.last_name,
            "name": item.full_name,
            "display_name": item.display_name,
            "preferred_username": item.username,
            "picture": f"{base_url}/api/users/{item.id}/profile-picture.png",
        }
    if "email" in scopes and item.email:
        found |= {"email": item.email, "email_verified": item.email_verified}
    if "groups" in scopes:
        found["groups"] = [group.name for group in item.groups.values()]
    return found
