# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories, identity providers and OAuth 2.0 clients. Knows nothing of HTTP; refusals are exceptions."""

from __future__ import annotations

import copy
import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import BrokerError
from simulator.state import State
from simulator.switches import Provider, Switches

Json = dict[str, Any]
_PROFILE_DEFAULTS: Json = {
    "oidc_profile": {
        "open_id_user_identifier_attribute": "sub",
        "internal_user_identifier_attribute": "ExternalId",
        "login_hint_user_attribute": "userName",
        "pass_through_claims": False,
        "send_login_hint_in_request": False,
    },
    "saml_profile": {"send_subject_in_request": False, "send_subject_with_mapping": False},
}
_DEFAULT_TTL = 262800


@dataclass
class Directory:
    body: Json
    scope: str
    """Whose users are its users: in vCenter the provider's that the wizard made with it."""
    sync_ttl: int = _DEFAULT_TTL
    generate_token: bool = True
    sync_client_id: str = field(default_factory=lambda: f"syncClientId{secrets.token_hex(8)}")
    reads_until_gone: int = 0

    @property
    def id(self) -> str:
        return str(self.body["id"])


@dataclass
class Client:
    body: Json
    secret: str
    secondary: str | None = None
    retires_at: int | None = None

    @property
    def client_id(self) -> str:
        return str(self.body["client_id"])

    def accepts(self, secret: str) -> bool:
        return secret in (self.secret, self.secondary)


class IdentityServices:
    def __init__(self, switches: Switches, state: State, wipe: Callable[[str], None], *, takes_saml: bool) -> None:
        """`wipe` removes the users and groups of a scope."""
        self._switches = switches
        self._state = state
        self._wipe = wipe
        self.takes_saml = takes_saml
        self.directories: dict[str, Directory] = {}
        self.providers: dict[str, Json] = {}
        self.clients: dict[str, Client] = {}
        self.secrets: dict[str, str] = {}
        """Of providers, by their ids."""
        self._placed: set[str] = set()

    def clear(self) -> None:
        self._placed.clear()
        for held in (self.directories, self.providers, self.clients, self.secrets):
            held.clear()

    def place(self, provider: Provider) -> None:
        """What the wizard of vCenter made."""
        self._placed.add(provider.idp)
        directory = str(uuid.uuid5(uuid.UUID(provider.idp), "directory"))
        body = {"id": directory, "name": provider.name, "domains": list(provider.domains), "type": "PROVISIONED"}
        if provider.domains:
            body["default_domain"] = provider.domains[0]
        self.directories[directory] = Directory(body, provider.idp)
        profile = {"configuration_url": "https://id.example.org/.well-known/openid-configuration", "client_id": "vc"}
        self.providers[provider.idp] = self._with_defaults(
            {
                "id": provider.idp,
                "idp_name": provider.name,
                "idp_type": "OIDC",
                "directory_list": [{"id": directory}],
                "oidc_profile": profile,
                "auth_type_list": [_default_method()],
            }
        )

    def place_client(self, body: Json, secret: str) -> Client:
        """A client that is there already."""
        client = Client({"id": str(uuid.uuid4()), **body}, secret)
        self.clients[client.body["id"]] = client
        self._state.remember_secret(secret)
        return client

    def made(self) -> list[Provider]:
        """The providers that were made through the API, as vCenter's own list shows them."""
        return [
            Provider(
                key, provider["idp_name"], [domain for each in self._of(provider) for domain in each.body["domains"]]
            )
            for key, provider in self.providers.items()
            if key not in self._placed
        ]

    def scope_of(self, idp: str) -> str:
        """Whose users a token of this provider sees."""
        found = self._of(self.providers[idp]) if idp in self.providers else []
        return found[0].scope if found else idp

    def default_domain(self, scope: str) -> str:
        for directory in self.directories.values():
            if directory.scope == scope:
                return str(directory.body.get("default_domain") or "")
        return ""

    def _of(self, provider: Json) -> list[Directory]:
        ids = [row["id"] for row in provider["directory_list"]]
        return [self.directories[key] for key in ids if key in self.directories]

    # Directories

    def list_directories(self) -> list[Json]:
        for directory in list(self.directories.values()):
            self._go_on_deleting(directory)
        hidden = ("default_domain",)
        return [
            {name: value for name, value in each.body.items() if name not in hidden}
            for each in self.directories.values()
        ]

    def directory(self, key: str) -> Directory:
        found = self.directories.get(key)
        if found is None or self._go_on_deleting(found):
            raise BrokerError(404, "directory.not.found", "The directory was not found", id=key)
        return found

    def create_directory(self, body: Json) -> Json:
        self._check_directory(body, None)
        directory = Directory(self._spoiled({"id": str(uuid.uuid4()), "type": "PROVISIONED", **body}), "")
        directory.scope = directory.id
        self.directories[directory.id] = directory
        return directory.body

    def change_directory(self, key: str, changes: Json) -> Json:
        directory = self.directory(key)
        changed = _patched(directory.body, changes)
        self._check_directory(changed, key)
        directory.body = self._spoiled(changed)
        return directory.body

    def delete_directory(self, key: str) -> None:
        directory = self.directory(key)
        directory.body["delete_in_progress"] = True
        directory.reads_until_gone = self._switches.slow_deletion
        if not directory.reads_until_gone:
            self._end(directory)

    def generate(self, key: str, body: Json) -> Json:
        """New credentials of the sync client. Those before end."""
        directory = self.directory(key)
        directory.generate_token = body.get("generate_token", directory.generate_token)
        directory.sync_ttl = body.get("token_ttl", directory.sync_ttl)
        answer: Json = {"generate_token": directory.generate_token, "token_ttl": directory.sync_ttl}
        if directory.generate_token:
            token = self._state.issue("sync", directory.scope, ttl=directory.sync_ttl * 60)
            return {**answer, "access_token": token.value, "access_token_expire_in": directory.sync_ttl * 60}
        self._state.revoke_sync_tokens(directory.scope)
        secret = secrets.token_urlsafe(24)
        self._state.remember_secret(secret)
        return {**answer, "client_id": directory.sync_client_id, "client_secret": secret}

    def _check_directory(self, body: Json, key: str | None) -> None:
        taken = [each.body for each in self.directories.values() if each.id != key]
        if any(each["name"].casefold() == body["name"].casefold() for each in taken):
            raise BrokerError(409, "directory.already.exists", "A directory of this name exists", name=body["name"])
        others = {domain.casefold() for each in taken for domain in each["domains"]}
        if both := [domain for domain in body["domains"] if domain.casefold() in others]:
            raise BrokerError(409, "domain.already.exists", "A directory has the domain", domain=both[0])
        default = body.get("default_domain")
        if default and default.casefold() not in [domain.casefold() for domain in body["domains"]]:
            raise BrokerError(400, "invalid.default.domain", "The default domain is none of the domains")

    def _go_on_deleting(self, directory: Directory) -> bool:
        """Whether the deletion has come to its end."""
        if not directory.body.get("delete_in_progress"):
            return False
        directory.reads_until_gone -= 1
        if directory.reads_until_gone < 0:
            self._end(directory)
        return directory.id not in self.directories

    def _end(self, directory: Directory) -> None:
        del self.directories[directory.id]
        self._state.revoke_sync_tokens(directory.scope)
        self._wipe(directory.scope)
        for provider in self.providers.values():
            provider["directory_list"] = [row for row in provider["directory_list"] if row["id"] != directory.id]

    # Identity providers

    def list_providers(self) -> list[Json]:
        return [
            {
                **{name: each[name] for name in ("id", "idp_name", "idp_type")},
                "directory_ids": [row["id"] for row in each["directory_list"]],
            }
            for each in self.providers.values()
        ]

    def provider(self, key: str) -> Json:
        """Without what is never told."""
        shown = copy.deepcopy(self._provider(key))
        for row in shown["directory_list"]:
            row["name"] = self.directories[row["id"]].body["name"]
        (shown.get("oidc_profile") or {}).pop("client_secret", None)
        ((shown.get("saml_profile") or {}).get("saml_slo_configuration") or {}).pop("enabled", None)
        # As a server may that parses certificates and writes them anew.
        shown["trust_certificates"] = [f"{chain.strip()}\n" for chain in shown.get("trust_certificates", [])]
        return shown

    def create_provider(self, body: Json) -> Json:
        self._check_provider(body, None)
        profile = "oidc_profile" if body["idp_type"] == "OIDC" else "saml_profile"
        if not body.get(profile):
            raise BrokerError(400, "profile.missing", f"The {profile} is missing")
        made = {"id": str(uuid.uuid4()), **body, "auth_type_list": [_default_method()]}
        made = self._spoiled(self._with_defaults(made))
        self.providers[made["id"]] = made
        self._keep_secret(made)
        return self.provider(made["id"])

    def change_provider(self, key: str, changes: Json) -> Json:
        standing = self._provider(key)
        profiles = {
            name: {**(standing.get(name) or {}), **changes[name]} for name in _PROFILE_DEFAULTS if changes.get(name)
        }
        changed = _patched(standing, {**changes, **{name: _without_empty(value) for name, value in profiles.items()}})
        self._check_provider(changed, key)
        for method in changed.get("auth_type_list", []):
            method.setdefault("id", str(uuid.uuid4()))
        self.providers[key] = self._spoiled(self._with_defaults(changed))
        self._keep_secret(self.providers[key])
        return self.provider(key)

    def delete_provider(self, key: str) -> None:
        self._provider(key)
        if self._switches.provider_in_use:
            raise BrokerError(409, "identity.provider.in.use", "Access policies refer to the identity provider", id=key)
        del self.providers[key]
        self.secrets.pop(key, None)

    def _provider(self, key: str) -> Json:
        if key not in self.providers:
            raise BrokerError(404, "identity.provider.not.found", "The identity provider is not found", id=key)
        return self.providers[key]

    def _check_provider(self, body: Json, key: str | None) -> None:
        name = body["idp_name"]
        if any(each["idp_name"].casefold() == name.casefold() for each in self.providers.values() if each["id"] != key):
            raise BrokerError(409, "identity.provider.already.exists", "The name is taken", idp_name=name)
        if body["idp_type"] == "SAML" and not self.takes_saml:
            raise BrokerError(400, "saml.not.supported", "SAML is not supported")
        for row in body["directory_list"]:
            if row["id"] not in self.directories:
                raise BrokerError(400, "directory.not.found", "The directory was not found", id=row["id"])
        for chain in body.get("trust_certificates", []):
            lines = chain.splitlines()
            if lines[0] != "-----BEGIN CERTIFICATE-----" or lines[-1] != "-----END CERTIFICATE-----":
                raise BrokerError(400, "invalid.certificate", "A marker is on no line of its own")

    def _keep_secret(self, provider: Json) -> None:
        secret = (provider.get("oidc_profile") or {}).get("client_secret")
        if secret:
            self.secrets[provider["id"]] = secret
            self._state.remember_secret(secret)

    def _with_defaults(self, provider: Json) -> Json:
        for name, defaults in _PROFILE_DEFAULTS.items():
            if provider.get(name):
                provider[name] = {**defaults, **provider[name]}
        return provider

    # OAuth 2.0 clients

    def client(self, key: str) -> Client:
        by = self._switches.client_key
        for client in self.clients.values():
            names = {"both": ("id", "client_id"), "id": ("id",), "client_id": ("client_id",)}[by]
            if key in [client.body[name] for name in names]:
                return client
        raise BrokerError(404, "oauth2.client.not.found", "The OAuth2 client was not found", id=key)

    def client_named(self, client_id: str) -> Client | None:
        return next((each for each in self.clients.values() if each.client_id == client_id), None)

    def show_client(self, client: Client) -> Json:
        """The secret is never told again."""
        body = {**client.body, "rotate_secret": client.secondary is not None}
        return body if client.retires_at is None else {**body, "primary_secret_auto_retires_at": client.retires_at}

    def create_client(self, body: Json) -> Json:
        self._check_client(body)
        client_id = body["client_id"]
        if self.client_named(client_id) is not None:
            raise BrokerError(
                409,
                "oauth2.client.with.client.id.already.exists",
                f"OAuth2 Client with client id {client_id} already exists.",
                oauth2_client_id=client_id,
            )
        given = body.get("secret")
        kept = {name: value for name, value in body.items() if name != "secret"}
        client = self.place_client(self._spoiled(kept), given or secrets.token_urlsafe(24))
        shown = self.show_client(client)
        return shown if given else {**shown, "secret": client.secret}

    def change_client(self, key: str, changes: Json, *, revoke: bool) -> Json:
        client = self.client(key)
        changed = _patched(client.body, changes)
        for name in ("refresh_token_ttl", "refresh_token_idle_ttl"):
            if changed.get(name) == 0:
                del changed[name]
        self._check_client(changed)
        lost = set(client.body.get("rule_set_names", [])) - set(changed.get("rule_set_names", []))
        client.body = self._spoiled(changed)
        if lost and revoke:
            self._state.revoke_tokens_of(client.client_id)
        return self.show_client(client)

    def delete_client(self, key: str) -> None:
        client = self.client(key)
        del self.clients[client.body["id"]]
        self._state.revoke_tokens_of(client.client_id)

    def rotate(self, key: str, action: str, body: Json) -> None:
        client = self.client(key)
        if action == "start-rotate-secret":
            if client.secondary is not None or not body.get("secondary_secret"):
                raise BrokerError(400, "invalid.secret.rotation", "Started already, or no secondary secret")
            client.secondary = body["secondary_secret"]
            self._state.remember_secret(client.secondary)
            client.retires_at = int(time.time()) + 60 * body.get("primary_secret_auto_retire_duration", 1440)
        else:
            if client.secondary is None or body:
                raise BrokerError(400, "invalid.secret.rotation", "Not started, or a body came along")
            client.secret, client.secondary, client.retires_at = client.secondary, None, None

    def _check_client(self, body: Json) -> None:
        grants = body["grant_types"]
        if "authorization_code" in grants and not body.get("redirect_uris"):
            raise BrokerError(400, "redirect.uris.missing", "The redirect URIs are missing")
        if "refresh_token" in grants and not (body.get("refresh_token_ttl") and body.get("refresh_token_idle_ttl")):
            raise BrokerError(400, "refresh.token.ttl.missing", "The time to live of refresh tokens is missing")

    def _spoiled(self, body: Json) -> Json:
        """What `native_forget` and `native_change` do to a write."""
        kept = {name: value for name, value in body.items() if name not in self._switches.native_forget}
        return {**kept, **{name: value for name, value in self._switches.native_change.items() if name in kept}}


def _patched(standing: Json, changes: Json) -> Json:
    """Lists and objects are replaced; what is sent empty goes."""
    return _without_empty({**copy.deepcopy(standing), **copy.deepcopy(changes)}, kept=("directory_list",))


def _without_empty(body: Json, kept: Iterable[str] = ()) -> Json:
    return {name: value for name, value in body.items() if name in kept or value not in ("", [], {})}


def _default_method() -> Json:
    return {
        "id": str(uuid.uuid4()),
        "auth_method_name": "default",
        "saml_authn_context": "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
    }
