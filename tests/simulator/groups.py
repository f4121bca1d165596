# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The groups of the identity broker, with the built-in one that nobody may change."""

from __future__ import annotations

import uuid
from collections.abc import Callable

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

    def list(self, expression: str | None, page: Page, scope: str | None) -> Json:
        name = wanted(expression, "displayName")
        rows = [
            group
            for group in self._groups.values()
            if self._visible(group, scope) and (name is None or group.name.casefold() == name)
        ]
        told = self._switches.members_returned == "always"
        return envelope(rows, page, self._switches, lambda group: self._render(group, told=told))

    def get(self, key: str, scope: str | None) -> Json:
        return self._render(self._group(key, scope))

    def create(self, body: Json, provider: str) -> Json:
        name, external_id, members = self._checked(body)
        self._refuse_duplicate(name, None)
        group = Group(str(uuid.uuid4()), name, provider, external_id, members)
        if not self._switches.lose_write:
            self._groups[group.id] = group
        return self._render(group)

    def replace(self, key: str, body: Json, scope: str | None) -> Json:
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
        return self.replace(key, apply_patch(current, body), scope)

    def delete(self, key: str, scope: str | None) -> None:
        group = self._group(key, scope)
        if group.builtin:
            raise BrokerError(409, "deletion.forbidden", "The group is built in", id=key)
        if not self._switches.lose_write:
            del self._groups[key]
            self.drop_member(key)

    def _render(self, group: Group, *, told: bool = True) -> Json:
        told = told and not group.builtin and self._switches.members_returned != "never"
        return render_group(group, [self._member(key) for key in group.members] if told else None, self._base_url())

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
