# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pocket ID's own controls, for what cannot reach its objects: CLI, demo, playbooks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from simulator.answers import json_answer
from simulator.control import control_blueprint, sent

from .errors import PocketIdError

if TYPE_CHECKING:
    from .server import PocketId


def control_api(pocket_id: PocketId) -> Blueprint:
    api = control_blueprint(pocket_id)

    @api.errorhandler(PocketIdError)
    def refused(error: PocketIdError) -> Response:
        return error.answer(pocket_id.switches)

    @api.get("/state")
    def state() -> Response:
        description = pocket_id.description()
        del description["api_key"]
        return json_answer(
            {
                **description,
                "switches": pocket_id.switches.to_json(),
                "users": len(pocket_id.directory.users),
                "groups": {group["name"]: [user["username"] for user in group["users"]] for group in pocket_id.groups},
                "requests": len(pocket_id.requests),
                "writes": len(pocket_id.writes()),
            }
        )

    @api.get("/requests")
    def requests() -> Response:
        return json_answer(
            {
                "requests": [dataclasses.asdict(seen) for seen in pocket_id.requests],
                "writes": [dataclasses.asdict(seen) for seen in pocket_id.writes()],
            }
        )

    @api.post("/reset")
    def reset() -> Response:
        pocket_id.reset()
        return json_answer({})

    @api.post("/users")
    def add_user() -> Response:
        return json_answer(pocket_id.add_user(**sent()), 201)

    @api.post("/groups")
    def add_group() -> Response:
        return json_answer(pocket_id.add_group(**sent()), 201)

    @api.post("/join")
    def join() -> Response:
        pocket_id.join(**sent())
        return json_answer({})

    @api.post("/leave")
    def leave() -> Response:
        pocket_id.leave(**sent())
        return json_answer({})

    @api.post("/sign-in")
    def sign_in() -> Response:
        return json_answer({"sub": pocket_id.sign_in(**sent())})

    return api
