# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""People and groups, below /api."""

from __future__ import annotations

from itertools import islice
from typing import Any

from flask import Blueprint, Response, g

from simulator.answers import json_answer

from . import bodies, errors, paging, views
from .directory import Directory, Group, User
from .errors import JSON
from .switches import PocketIdSwitches


def _wanted_user(switches: PocketIdSwitches) -> dict[str, Any]:
    wanted = bodies.body(bodies.USER)
    if wanted["email"] is None and switches.require_user_email:
        raise errors.no_email()
    return wanted


def add_people(api: Blueprint, directory: Directory, switches: PocketIdSwitches) -> None:
    @api.get("/users")
    def users() -> Response:
        return json_answer(paging.page(directory, paging.USERS, views.user), 200, JSON)

    @api.get("/users/me")
    def me() -> Response:
        caller: User = g.caller
        return json_answer(views.user(caller), 200, JSON)

    @api.get("/users/<user_id>")
    def user(user_id: str) -> Response:
        return json_answer(views.user(directory.user(user_id)), 200, JSON)

    @api.post("/users")
    def create_user() -> Response:
        wanted = _wanted_user(switches)
        group_ids = wanted.pop("group_ids")
        if not wanted["id"]:
            del wanted["id"]
        created = directory.add_user(User(**wanted))
        directory.set_groups(created, group_ids or ())
        return json_answer(views.user(created, with_claims=False, with_groups=bool(group_ids)), 201, JSON)

    @api.put("/users/<user_id>")
    def change_user(user_id: str) -> Response:
        """Neither the id nor the groups change, whatever is sent."""
        wanted = _wanted_user(switches)
        changed = directory.user(user_id)
        del wanted["id"], wanted["group_ids"]
        directory.change_user(changed, wanted)
        return json_answer(views.user(changed, with_claims=False, with_groups=False), 200, JSON)

    @api.delete("/users/<user_id>")
    def remove_user(user_id: str) -> Response:
        directory.remove_user(directory.user(user_id))
        return Response(status=204)

    @api.get("/users/<user_id>/groups")
    def groups_of_user(user_id: str) -> Response:
        found = directory.user(user_id).groups.values()
        return json_answer([views.group_alone(group) for group in found], 200, JSON)

    @api.put("/users/<user_id>/user-groups")
    def change_groups_of_user(user_id: str) -> Response:
        wanted = bodies.body(bodies.USER_GROUPS)
        changed = directory.user(user_id)
        directory.set_groups(changed, wanted["group_ids"])
        return json_answer(views.user(changed), 200, JSON)


def add_groups(api: Blueprint, directory: Directory, switches: PocketIdSwitches) -> None:
    def in_list(group: Group) -> dict[str, Any]:
        return views.group_in_list(group, max(0, group.user_count + switches.user_count_off))

    def whole(group: Group) -> dict[str, Any]:
        return views.group(group, islice(group.users.values(), switches.members_cut))

    @api.get("/user-groups")
    def groups() -> Response:
        return json_answer(paging.page(directory, paging.GROUPS, in_list), 200, JSON)

    @api.get("/user-groups/<group_id>")
    def group(group_id: str) -> Response:
        return json_answer(whole(directory.group(group_id)), 200, JSON)

    @api.post("/user-groups")
    def create_group() -> Response:
        created = directory.add_group(Group(**bodies.body(bodies.GROUP)))
        return json_answer(views.group_alone(created), 201, JSON)

    @api.put("/user-groups/<group_id>")
    def change_group(group_id: str) -> Response:
        wanted = bodies.body(bodies.GROUP)
        changed = directory.group(group_id)
        directory.change_group(changed, **wanted)
        return json_answer(whole(changed), 200, JSON)

    @api.delete("/user-groups/<group_id>")
    def remove_group(group_id: str) -> Response:
        directory.remove_group(directory.group(group_id))
        return Response(status=204)

    @api.put("/user-groups/<group_id>/users")
    def change_users_of_group(group_id: str) -> Response:
        wanted = bodies.body(bodies.GROUP_USERS)
        changed = directory.group(group_id)
        directory.set_users(changed, wanted["user_ids"])
        return json_answer(whole(changed), 200, JSON)
