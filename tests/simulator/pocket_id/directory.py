# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people, groups and clients that Pocket ID holds."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Literal

from . import errors

STATIC_USER_ID = "00000000-0000-0000-0000-000000000000"
MAX_SECRETS = 20
PREFIX_LENGTH = 4
_LETTERS = string.ascii_letters + string.digits


def _now() -> datetime:
    """Its database holds whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _id() -> str:
    return str(uuid.uuid4())


def random_letters(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _time in range(length))


@dataclass(eq=False)
class User:
    username: str
    id: str = field(default_factory=_id)
    email: str | None = None
    email_verified: bool = False
    first_name: str = ""
    last_name: str = ""
    display_name: str = ""
    is_admin: bool = False
    locale: str | None = None
    disabled: bool = False
    ldap_id: str | None = None
    custom_claims: dict[str, str] = field(default_factory=dict)
    created_at: datetime = field(default_factory=_now)
    updated_at: datetime = field(default_factory=_now)
    groups: dict[str, Group] = field(default_factory=dict, repr=False)

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.display_name or self.username


@dataclass(eq=False)
class Group:
    name: str
    friendly_name: str
    id: str = field(default_factory=_id)
    ldap_id: str | None = None
    custom_claims: dict[str, str] = field(default_factory=dict)
    created_at: datetime = field(default_factory=_now)
    updated_at: datetime = field(default_factory=_now)
    users: dict[str, User] = field(default_factory=dict, repr=False)
    clients: dict[str, Client] = field(default_factory=dict, repr=False)

    @property
    def user_count(self) -> int:
        return len(self.users)


@dataclass
class Secret:
    """The value is told once, by who makes it; what stays is its hash and how it begins."""

    hash: str = field(repr=False)
    prefix: str
    expires_at: datetime | None = None
    id: str = field(default_factory=_id)
    created_at: datetime = field(default_factory=_now)

    @property
    def is_active(self) -> bool:
        return self.expires_at is None or datetime.now(UTC) < self.expires_at


@dataclass(eq=False)
class Client:
    name: str
    id: str = field(default_factory=_id)
    description: str = ""
    callback_urls: list[str] | None = None
    logout_callback_urls: list[str] | None = None
    is_public: bool = False
    pkce_enabled: bool = False
    requires_reauthentication: bool = False
    requires_pushed_authorization_requests: bool = False
    skip_consent: bool = False
    launch_url: str | None = None
    is_group_restricted: bool = False
    access_token_duration_minutes: int = 60
    refresh_token_duration_minutes: int = 30 * 24 * 60
    federated_identities: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    created_at: datetime = field(default_factory=_now)
    groups: dict[str, Group] = field(default_factory=dict, repr=False)

    @property
    def allowed_user_groups_count(self) -> int:
        return len(self.groups)

    def lets_in(self, user: User) -> bool:
        return not self.is_group_restricted or not self.groups.keys().isdisjoint(user.groups)

    def accepts(self, secret: str) -> bool:
        """Whether the client could sign in itself with this secret."""
        return any(known.is_active and known.hash == _hash(secret) for known in self.secrets)


@dataclass(eq=False)
class ScimProvider:
    endpoint: str
    token: str = field(repr=False)
    client_id: str
    id: str = field(default_factory=_id)
    created_at: datetime = field(default_factory=_now)
    last_synced_at: datetime | None = None


Kind = Literal["users", "groups", "clients"]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Directory:
    """Callers hold the lock of the record: nothing here is locked."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.clients: dict[str, Client] = {}
        self.providers: dict[str, ScimProvider] = {}
        self._usernames: dict[str, User] = {}
        self._emails: dict[str, User] = {}
        self._group_names: dict[str, Group] = {}
        self._orders: dict[tuple[Kind, str | None, bool], list[Any]] = {}

    def clear(self) -> None:
        for held in (self.users, self.groups, self.clients, self.providers):
            held.clear()
        for index in (self._usernames, self._emails, self._group_names, self._orders):
            index.clear()

    def in_order(self, kind: Kind, column: str | None, descending: bool) -> list[Any]:
        """Sorted once after each change, not for each page. Without a column: as they came."""
        known = self._orders.get((kind, column, descending))
        if known is None:
            items: Iterable[Any] = getattr(self, kind).values()
            if column is None:
                known = list(items)
            else:
                value = attrgetter(column)
                known = sorted(items, key=lambda item: _sortable(column, value(item)), reverse=descending)
            self._orders[kind, column, descending] = known
        return known

    # People

    def user(self, user_id: str) -> User:
        found = self.users.get(user_id)
        if found is None:
            raise errors.no_user()
        return found

    def user_named(self, username: str) -> User | None:
        return self._usernames.get(username.casefold())

    def add_user(self, user: User) -> User:
        self._refuse_duplicates(user, user.username, user.email)
        if user.id in self.users:
            # It looks for what else is taken, finds nothing, and fails.
            raise errors.internal()
        self.users[user.id] = user
        self._index(user)
        return user

    def change_user(self, user: User, changes: dict[str, Any]) -> None:
        self._refuse_duplicates(user, changes.get("username", user.username), changes.get("email", user.email))
        self._forget(user)
        for name, value in changes.items():
            setattr(user, name, value)
        user.updated_at = _now()
        self._index(user)

    def remove_user(self, user: User) -> None:
        del self.users[user.id]
        self._forget(user)
        for group in user.groups.values():
            del group.users[user.id]

    def set_groups(self, user: User, group_ids: Iterable[str]) -> None:
        """Ids that nobody has are passed over in silence, here as everywhere."""
        for group in user.groups.values():
            del group.users[user.id]
        user.groups = {key: self.groups[key] for key in group_ids if key in self.groups}
        for group in user.groups.values():
            group.users[user.id] = user
        self._orders.clear()

    def _refuse_duplicates(self, user: User, username: str, email: str | None) -> None:
        if email is not None and self._emails.get(email, user).id != user.id:
            raise errors.already_in_use("email")
        if self._usernames.get(username.casefold(), user).id != user.id:
            raise errors.already_in_use("username")

    def _index(self, user: User) -> None:
        self._usernames[user.username.casefold()] = user
        if user.email is not None:
            self._emails[user.email] = user
        self._orders.clear()

    def _forget(self, user: User) -> None:
        del self._usernames[user.username.casefold()]
        if user.email is not None:
            del self._emails[user.email]
        self._orders.clear()

    # Groups

    def group(self, group_id: str) -> Group:
        found = self.groups.get(group_id)
        if found is None:
            raise errors.not_found("User group")
        return found

    def group_named(self, name: str) -> Group | None:
        return self._group_names.get(name)

    def add_group(self, group: Group) -> Group:
        if group.name in self._group_names:
            raise errors.already_in_use("name")
        self.groups[group.id] = self._group_names[group.name] = group
        self._orders.clear()
        return group

    def change_group(self, group: Group, name: str, friendly_name: str) -> None:
        if self._group_names.get(name, group) is not group:
            raise errors.already_in_use("name")
        del self._group_names[group.name]
        group.name, group.friendly_name = name, friendly_name
        self._group_names[name] = group
        group.updated_at = _now()
        self._orders.clear()

    def remove_group(self, group: Group) -> None:
        del self.groups[group.id], self._group_names[group.name]
        for member in group.users.values():
            del member.groups[group.id]
        for client in group.clients.values():
            del client.groups[group.id]
        self._orders.clear()

    def set_users(self, group: Group, user_ids: Iterable[str]) -> None:
        for member in group.users.values():
            del member.groups[group.id]
        group.users = {key: self.users[key] for key in user_ids if key in self.users}
        for member in group.users.values():
            member.groups[group.id] = group
        self._orders.clear()

    def join(self, group: Group, user: User) -> None:
        group.users[user.id] = user
        user.groups[group.id] = group
        group.updated_at = _now()
        self._orders.clear()

    def leave(self, group: Group, user: User) -> None:
        group.users.pop(user.id, None)
        user.groups.pop(group.id, None)
        group.updated_at = _now()
        self._orders.clear()

    # Clients

    def client(self, client_id: str) -> Client:
        found = self.clients.get(client_id)
        if found is None:
            raise errors.not_found("OIDC client")
        return found

    def add_client(self, client: Client) -> Client:
        if client.id in self.clients:
            raise errors.client_id_taken()
        self.clients[client.id] = client
        self._orders.clear()
        return client

    def change_client(self, client: Client, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(client, name, value)
        if not client.is_group_restricted:
            self.set_allowed_groups(client, ())
        self._orders.clear()

    def remove_client(self, client: Client) -> None:
        self.set_allowed_groups(client, ())
        del self.clients[client.id]
        for provider in [item for item in self.providers.values() if item.client_id == client.id]:
            del self.providers[provider.id]
        self._orders.clear()

    def set_allowed_groups(self, client: Client, group_ids: Iterable[str]) -> None:
        """The restriction itself is another attribute: without it, the groups allow nothing."""
        for group in client.groups.values():
            del group.clients[client.id]
        client.groups = {key: self.groups[key] for key in group_ids if key in self.groups}
        for group in client.groups.values():
            group.clients[client.id] = client
        self._orders.clear()

    def add_secret(self, client: Client, value: str, expires_at: datetime | None = None) -> Secret:
        if client.is_public:
            raise errors.invalid("A public client has no secrets")
        if len(client.secrets) >= MAX_SECRETS:
            raise errors.invalid(f"A client has {MAX_SECRETS} secrets at most")
        prefix = value[:PREFIX_LENGTH] if len(value) > PREFIX_LENGTH else ""
        secret = Secret(_hash(value), prefix, expires_at)
        client.secrets.append(secret)
        return secret

    def remove_secret(self, client: Client, secret_id: str) -> None:
        left = [secret for secret in client.secrets if secret.id != secret_id]
        if len(left) == len(client.secrets):
            raise errors.not_found("Client secret")
        client.secrets = left

    # SCIM

    def provider(self, provider_id: str) -> ScimProvider:
        found = self.providers.get(provider_id)
        if found is None:
            raise errors.not_found("SCIM service provider")
        return found

    def provider_of(self, client_id: str) -> ScimProvider:
        """One client can come to have two; the first by id is the one that is shown."""
        found = [provider for provider in self.providers.values() if provider.client_id == client_id]
        if not found:
            raise errors.not_found("SCIM service provider")
        return min(found, key=attrgetter("id"))


def _sortable(column: str, value: Any) -> tuple[bool, Any]:
    """NULL comes first, and the case of usernames does not count, as in SQLite."""
    if value is None:
        return (False, 0)
    return (True, value.casefold() if column == "username" else value)
