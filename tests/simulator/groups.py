# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The groups of the identity broker, with the built-in one that nobody may change."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from .errors import BrokerError
from .resources import Group, Json, Page, envelope, now, render_group, wanted
from .scim_patch import apply_patch
from .switches import Switches

ALL_USERS = "ALL_USERS"


class Groups:
    """Called by the broker, under the broker's lock."""

    def __init__(
        self,
        switches: Switches,
        exists: Callable[[str], bool],
        name: Callable[[str], str],
        base_url: Callable[[], str],
    ) -> None:
        self._switches = switches
        self._exists = exists
        self._name = name
        self._base_url = base_url
        self._groups: dict[str, Group] = {}
        self.reset()

    def reset(self) -> None:
        self._groups.clear()
        builtin = Group(str(uuid.uuid4()), ALL_USERS, None, builtin=True)
        self._groups[builtin.id] = builtin

    def all(self) -> list[Group]:
        return list(self._groups.values())

    def wipe(self, scope: str) -> None:
        self._groups = {key: group for key, group in self._groups.items() if group.provider != scope}

    def drop_member(self, key: str) -> None:
        for group in self._groups.values():
            group.members.pop(key, None)

    def list(self, expression: str | None, page: Page, scope: str | None, asked: Sequence[str] = ()) -> Json:
        name = wanted(expression, "displayName")
        rows = [
            group
            for group in self._groups.values()
            if self._visible(group, scope) and (name is None or group.name.casefold() == name)
        ]
        told = self._switches.members_returned == "always" or self._told_on_request(asked)
        return envelope(rows, page, self._switches, lambda group: self._render(group, told=told))

    def get(self, key: str, scope: str | None, asked: Sequence[str] = ()) -> Json:
        told = self._switches.members_returned in ("always", "single") or self._told_on_request(asked)
        return self._render(self._group(key, scope), told=told)

    def _told_on_request(self, asked: Sequence[str]) -> bool:
        return self._switches.members_returned == "request" and "members" in asked

    def create(self, body: Json, provider: str) -> Json:
        self._refuse_members(body)
        name, external_id, members = self._checked(body)
        self._refuse_duplicate(name, None)
        group = Group(str(uuid.uuid4()), name, provider, external_id, members)
        if not self._switches.lose_write:
            self._groups[group.id] = group
        return self._render(group)

    def replace(self, key: str, body: Json, scope: str | None) -> Json:
        self._refuse_members(body)
        if self._switches.put_needs_id and body.get("id") != key:
            raise BrokerError(400, "invalid.id", "id is required")
        if self._switches.members_by_patch_only:
            body = {**body, "members": [{"value": member} for member in self._group(key, scope).members]}
        return self._replace(key, body, scope)

    def _refuse_members(self, body: Json) -> None:
        if self._switches.members_by_patch_only and body.get("members"):
            raise BrokerError(400, "invalid.members", "Members are changed with PATCH")

    def _replace(self, key: str, body: Json, scope: str | None) -> Json:
        group = self._group(key, scope)
        if group.builtin:
            raise BrokerError(403, "modification.forbidden", "The group is built in", id=key)
        name, external_id, members = self._checked(body)
        if key in members:
            raise BrokerError(400, "invalid.member", "A group cannot be its own member", value=key)
        self._refuse_duplicate(name, key)
        if not self._switches.lose_write:
            group.name, group.members = name, members
            group.external_id = group.external_id or external_id
            group.version += 1
            group.modified = now()
        return self._render(group)

    def patch(self, key: str, body: Json, scope: str | None) -> Json:
        group = self._group(key, scope)
        current: Json = {"displayName": group.name, "externalId": group.external_id}
        current["members"] = [{"value": member} for member in group.members]
        switches = self._switches
        changed = apply_patch(current, body, remove=switches.patch_remove, filters=switches.patch_filter)
        return self._replace(key, current if switches.patch_ignored else changed, scope)

    def delete(self, key: str, scope: str | None) -> None:
        group = self._group(key, scope)
        if group.builtin:
            raise BrokerError(409, "deletion.forbidden", "The group is built in", id=key)
        if not self._switches.lose_write:
            del self._groups[key]
            self.drop_member(key)

    def _render(self, group: Group, *, told: bool | None = None) -> Json:
        if told is None:
            told = self._switches.members_returned in ("always", "single")
        told = told and not group.builtin and (bool(group.members) or self._switches.empty_members == "shown")
        shown = list(group.members)[: self._switches.members_cap or None]
        return render_group(group, [self._member(key) for key in shown] if told else None, self._base_url())

    def _member(self, key: str) -> Json:
        nested = self._groups.get(key)
        member = {"value": key, "display": nested.name if nested else self._name(key)}
        if self._switches.member_types:
            member["type"] = "Group" if nested else "User"
        return member

    @staticmethod
    def _visible(group: Group, scope: str | None) -> bool:
        return scope is None or group.builtin or group.provider == scope

    def _group(self, key: str, scope: str | None) -> Group:
        group = self._groups.get(key)
        if group is None or not self._visible(group, scope):
            raise BrokerError(404, "group.not.found", "The group does not exist", id=key)
        return group

    def _checked(self, body: Json) -> tuple[str, str | None, dict[str, None]]:
        name = body.get("displayName")
        if not isinstance(name, str) or not name:
            raise BrokerError(400, "invalid.displayName", "displayName is required")
        external_id = body.get("externalId")
        members: dict[str, None] = {}
        for member in body.get("members") or []:
            key = member.get("value") if isinstance(member, dict) else None
            if not isinstance(key, str) or not (self._exists(key) or key in self._groups):
                raise BrokerError(400, "invalid.member", "A member does not exist", value=key)
            members[key] = None
        return name, external_id if isinstance(external_id, str) else None, members

    def _refuse_duplicate(self, name: str, key: str | None) -> None:
        for group in self._groups.values():
            if group.id != key and group.name.casefold() == name.casefold():
                raise BrokerError(409, "group.already.exists", "A group of this name exists", displayName=name)
