# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenant's own controls, for what cannot reach its objects: CLI, playbooks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from simulator.answers import json_answer
from simulator.control import control_blueprint, sent

if TYPE_CHECKING:
    from .server import WorkspaceOne


def control_api(tenant: WorkspaceOne) -> Blueprint:
    api = control_blueprint(tenant)

    @api.get("/state")
    def state() -> Response:
        description = tenant.description()
        del description["client_secret"]
        return json_answer(
            {
                **description,
                "switches": tenant.switches.to_json(),
                "directories": [each.body for each in tenant.services.directories.values()],
                "providers": [tenant.services.provider(key) for key in tenant.services.providers],
                "clients": [each.client_id for each in tenant.services.clients.values()],
                "users": len(tenant.broker.users),
                "requests": len(tenant.requests),
                "writes": len(tenant.writes()),
                "mintings": len(tenant.mintings()),
            }
        )

    @api.get("/requests")
    def requests() -> Response:
        return json_answer(
            {
                "requests": [dataclasses.asdict(seen) for seen in tenant.requests],
                "writes": [dataclasses.asdict(seen) for seen in tenant.writes()],
                "mintings": [dataclasses.asdict(seen) for seen in tenant.mintings()],
            }
        )

    @api.post("/reset")
    def reset() -> Response:
        then = sent()
        tenant.reset()
        tenant.switch(then.get("switches", {}))
        return json_answer({})

    return api
