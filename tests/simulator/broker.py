# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of the identity broker. Knows nothing of HTTP; refusals are exceptions.

A `scope` is the id of the provider whose directory a caller sees; None sees the whole tenant.
"""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from .errors import BrokerError
from .groups import Groups
from .resources import (
    DOMAIN_NAMES,
    MFA_SCHEMA,
    READ_ONLY,
    USER_SCHEMA,
    WS1B_SCHEMA,
    Entry,
    Json,
    Page,
    change,
    envelope,
    forget,
    now,
    render_user,
    wanted,
)
from .scim_patch import apply_patch
from .switches import Switches


class Broker:
    def __init__(self, switches: Switches, lock: threading.RLock, base_url: Callable[[], str]) -> None:
        self.switches = switches
        self.lock = lock
        self._base_url = base_url
        self.groups = Groups(switches, self._exists, self._name, base_url)
        self.default_domain_of: Callable[[str], str] = lambda _scope: ""
        """For scopes that are no provider of the switches."""
        self._entries: dict[str, Entry] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        self._by_external_id: dict[str, str] = {}

    def reset(self) -> None:
        with self.lock:
            self._entries.clear()
            self._by_name.clear()
            self._by_external_id.clear()
            self.groups.reset()

    @property
    def users(self) -> list[Json]:
        """Every user as stored, with its domain, whatever the switches show to callers."""
        with self.lock:
            return [self._render_fully(entry) for entry in self._entries.values()]

    def active_user(self, external_id: str, domains: Sequence[str] = ()) -> Json | None:
        """What a login finds, at the provider of these domains."""
        with self.lock:
            key = self._by_external_id.get(external_id)
            if key is None or self._entries[key].resource.get("active") is False:
                return None
            domain = self._entries[key].domain
            if domain and domains and domain.casefold() not in [known.casefold() for known in domains]:
                return None
            return self._render_fully(self._entries[key])

    # Reading

    def list_users(self, expression: str | None, page: Page, scope: str | None, asked: Sequence[str] = ()) -> Json:
        name = wanted(expression, "userName")
        with self.lock:
            rows = [
                entry
                for entry in self._entries.values()
                if (scope is None or entry.provider == scope) and (name is None or entry.name.casefold() == name)
            ]
            answer = envelope(rows, page, self.switches, lambda entry: self._render(entry, asked))
            if self.switches.list_changes and page.skipped + answer["itemsPerPage"] < len(rows):
                # The total stays, yet the next page misses one user and has another twice.
                self._entries[rows[0].id] = self._entries.pop(rows[0].id)
            return answer

    def user(self, key: str, scope: str | None, asked: Sequence[str] = ()) -> Json:
        with self.lock:
            return self._render(self._entry(key, scope), asked)

    # Writing

    def create_user(self, body: Json, provider: str) -> Json:
        with self.lock:
            resource = self._checked(body, {})
            self._refuse_incomplete(resource)
            entry = self._new(resource, provider, body)
            self._spoil(entry, {}, "")
            self._refuse_duplicates(entry)
            if not self.switches.lose_write:
                self._store(entry)
            return self._render(entry)

    def place_user(self, body: Json, provider: str) -> Json:
        """A user that is there already: neither strict nor faulty, whatever the switches say."""
        with self.lock:
            entry = self._new(self._checked(body, {}), provider, body)
            self._refuse_duplicates(entry)
            self._store(entry)
            return self._render_fully(entry)

    def replace_user(self, key: str, body: Json, scope: str | None, version: str | None = None) -> Json:
        with self.lock:
            former = self._entry(key, scope)
            if version not in (None, "*", former.tag):
                raise BrokerError(409, "version.mismatch", "The user was changed meanwhile", id=key)
            resource = self._checked(body, former.resource)
            self._refuse_empty_family_name(resource)
            if not self.switches.put_clears:
                # The broker logs that the change is ignored, and answers as if all went well.
                resource.pop("externalId", None)
                if "externalId" in former.resource:
                    resource["externalId"] = former.resource["externalId"]
            entry = Entry(
                key,
                resource,
                former.provider,
                self._domain(body, former.provider or "", "" if self.switches.put_clears else former.domain),
                former.version + 1,
                former.created,
            )
            self._spoil(entry, former.resource, former.domain)
            self._refuse_duplicates(entry)
            if not self.switches.lose_write:
                self._forget_indexes(former)
                self._store(entry)
            return self._render(entry)

    def patch_user(self, key: str, body: Json, scope: str | None, version: str | None = None) -> Json:
        with self.lock:
            entry = self._entry(key, scope)
            current = copy.deepcopy(entry.resource)
            current.setdefault(WS1B_SCHEMA, {})["domain"] = entry.domain
            return self.replace_user(key, apply_patch(current, body), scope, version)

    def delete_user(self, key: str, scope: str | None) -> None:
        with self.lock:
            entry = self._entry(key, scope)
            if self.switches.lose_write:
                return
            self._forget_indexes(entry)
            del self._entries[key]
            self.groups.drop_member(key)

    # Behind the API's back

    def alter_user(self, external_id: str, name: str, changes: Json) -> bool:
        """Change whoever has the ExternalId, or else the name, even what the API does not; False if nobody has."""
        with self.lock:
            key = self._by_external_id.get(external_id) or self._by_bare_name(name)
            if key is None:
                return False
            entry = self._entries[key]
            self._forget_indexes(entry)
            entry.resource.update(changes)
            self._store(entry)
            return True

    def remove_user_of(self, external_id: str, name: str) -> None:
        """Whoever has the ExternalId, and whoever has the name."""
        with self.lock:
            for key in {self._by_external_id.get(external_id), self._by_bare_name(name)} - {None}:
                assert key is not None
                self._forget_indexes(self._entries[key])
                del self._entries[key]
                self.groups.drop_member(key)

    def wipe(self, scope: str) -> None:
        """All users and groups of a scope."""
        with self.lock:
            for entry in [each for each in self._entries.values() if each.provider == scope]:
                self._forget_indexes(entry)
                del self._entries[entry.id]
                self.groups.drop_member(entry.id)
            self.groups.wipe(scope)

    def _by_bare_name(self, name: str) -> str | None:
        wanted_name = name.casefold()
        for (domain, known), key in self._by_name.items():
            if wanted_name in (known, known.removesuffix(f"@{domain}")):
                return key
        return None

    # Inside

    def _render(self, entry: Entry, asked: Sequence[str] = ()) -> Json:
        user = render_user(entry, self.groups.all(), self.switches.domain_returned, self._base_url())
        groups = self.switches.groups_returned
        if groups == "never" or (groups == "request" and "groups" not in asked):
            user.pop("groups")
        if not self.switches.external_id_returned:
            user.pop("externalId", None)
        if not self.switches.extensions_kept:
            user = {name: value for name, value in user.items() if name not in (WS1B_SCHEMA, MFA_SCHEMA)}
            user["schemas"] = [USER_SCHEMA]
        return user

    def _render_fully(self, entry: Entry) -> Json:
        return render_user(entry, self.groups.all(), "ws1b", self._base_url())

    def _exists(self, key: str) -> bool:
        return key in self._entries

    def _name(self, key: str) -> str:
        return self._entries[key].name

    def _entry(self, key: str, scope: str | None) -> Entry:
        entry = self._entries.get(key)
        if entry is None or (scope is not None and entry.provider != scope):
            raise BrokerError(404, "user.not.found", "The user does not exist", id=key)
        return entry

    def _checked(self, body: Json, former: Json) -> Json:
        resource = {
            name: copy.deepcopy(value) for name, value in body.items() if name not in READ_ONLY and value is not None
        }
        name = resource.get("userName")
        if not isinstance(name, str) or not name:
            raise BrokerError(400, "invalid.userName", "userName is required")
        for attribute, kind in (("name", dict), ("emails", list), ("displayName", str)):
            if not isinstance(resource.get(attribute, kind()), kind):
                raise BrokerError(400, f"invalid.{attribute}", f"{attribute} has a wrong type")
        names = resource.get("name", {})
        resource["active"] = _boolean(resource.get("active", True))
        if not former and self.switches.display_name_default_given and names.get("givenName"):
            resource.setdefault("displayName", names["givenName"])
        return resource

    def _refuse_incomplete(self, resource: Json) -> None:
        external_id = resource.get("externalId")
        missing = external_id is None and not self.switches.external_id_needed
        if not missing and (not isinstance(external_id, str) or not external_id):
            raise BrokerError(400, "invalid.externalId", "externalId is required")
        self._refuse_empty_family_name(resource)

    def _refuse_empty_family_name(self, resource: Json) -> None:
        refused = self.switches.empty_family_name == "refused_400"
        if refused and not resource.get("name", {}).get("familyName"):
            raise BrokerError(400, "invalid.familyName", "name.familyName must not be empty")

    def _new(self, resource: Json, provider: str, body: Json) -> Entry:
        domain = self._domain(body, provider, "")
        return Entry(str(uuid.uuid4()), resource, provider, domain)

    def _domain(self, body: Json, provider: str, former: str) -> str:
        understood = self.switches.domain_understood if self.switches.extensions_kept else "none"
        for form, schema, attribute in (("ws1b", WS1B_SCHEMA, "domain"), ("mfa", MFA_SCHEMA, "defaultDomain")):
            extension = body.get(schema)
            if understood in ("both", form) and isinstance(extension, dict) and extension.get(attribute):
                return str(extension[attribute])
        return former or self._default_domain(provider)

    def _default_domain(self, provider: str) -> str:
        for known in self.switches.providers:
            if known.idp == provider and known.domains:
                return known.domains[0]
        return self.default_domain_of(provider)

    def _spoil(self, entry: Entry, former: Json, former_domain: str) -> None:
        """What `forget_attribute` and `change_attribute` do to a write."""
        for path in self.switches.forget_attribute:
            if path in DOMAIN_NAMES:
                entry.domain = former_domain or self._default_domain(entry.provider or "")
            else:
                forget(entry.resource, path, former)
        for path, value in self.switches.change_attribute.items():
            if path in DOMAIN_NAMES:
                entry.domain = str(value)
            else:
                change(entry.resource, path, copy.deepcopy(value))

    def _refuse_duplicates(self, entry: Entry) -> None:
        if self._by_name.get(_name_key(entry), entry.id) != entry.id:
            raise BrokerError(409, "user.already.exists", "A user of this name exists", userName=entry.name)
        external_id: Any = entry.resource.get("externalId")
        if self._by_external_id.get(external_id, entry.id) != entry.id:
            raise BrokerError(409, "user.already.exists", "The externalId is in use", externalId=external_id)

    def _store(self, entry: Entry) -> None:
        entry.modified = now()
        self._entries[entry.id] = entry
        self._by_name[_name_key(entry)] = entry.id
        if entry.resource.get("externalId") is not None:
            self._by_external_id[entry.resource["externalId"]] = entry.id

    def _forget_indexes(self, entry: Entry) -> None:
        self._by_name.pop(_name_key(entry), None)
        self._by_external_id.pop(entry.resource.get("externalId", ""), None)


def _name_key(entry: Entry) -> tuple[str, str]:
    return entry.domain.casefold(), entry.name.casefold()


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise BrokerError(400, "invalid.active", "active is not a boolean")
