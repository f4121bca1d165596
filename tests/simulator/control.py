# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator's own controls, for what cannot reach its objects: CLI, demo, playbooks."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from .answers import json_answer
from .errors import BrokerError

if TYPE_CHECKING:
    from .appliance import Appliance
    from .service import Service


def sent() -> dict[str, Any]:
    """The body of the request, which may be left out."""
    if not request.get_data():
        return {}
    body = json.loads(request.get_data())
    if not isinstance(body, dict):
        raise TypeError("The body is not an object")
    return body


def control_blueprint(service: Service[Any]) -> Blueprint:
    """What every server of the simulator has."""
    api = Blueprint("control", __name__, url_prefix="/simulator")

    @api.errorhandler(ValueError)
    @api.errorhandler(TypeError)
    @api.errorhandler(AttributeError)
    def wrong_call(error: Exception) -> Response:
        return json_answer({"error": str(error)}, 400)

    @api.get("/secrets")
    def secrets() -> Response:
        return json_answer(service.all_secrets())

    @api.put("/switches")
    def switches() -> Response:
        service.switch(sent())
        return json_answer(service.switches.to_json())

    @api.delete("/requests")
    def clear_requests() -> Response:
        service.clear_requests()
        return json_answer({})

    return api


def control_api(appliance: Appliance) -> Blueprint:
    api = control_blueprint(appliance)

    @api.errorhandler(BrokerError)
    def refused(error: BrokerError) -> Response:
        return json_answer(error.body, error.status)

    _add_reading(api, appliance)
    _add_preparing(api, appliance)
    _add_acting(api, appliance)
    return api


def _add_reading(api: Blueprint, appliance: Appliance) -> None:
    @api.get("/state")
    def state() -> Response:
        description = appliance.description()
        del description["password"], description["ssh_password"]
        return json_answer(
            {
                **description,
                "switches": appliance.switches.to_json(),
                "access": {"ssh": appliance.access.ssh, "shell": appliance.access.shell},
                "users": len(appliance.broker.users),
                "requests": len(appliance.requests),
                "writes": len(appliance.writes()),
                "mintings": len(appliance.mintings()),
            }
        )

    @api.get("/requests")
    def requests() -> Response:
        return json_answer(
            {
                "requests": [dataclasses.asdict(seen) for seen in appliance.requests],
                "writes": [dataclasses.asdict(seen) for seen in appliance.writes()],
                "mintings": [dataclasses.asdict(seen) for seen in appliance.mintings()],
            }
        )

    @api.get("/users")
    def users() -> Response:
        return json_answer(appliance.broker.users)

    @api.get("/permissions")
    def permissions() -> Response:
        return json_answer([{"id": row.id, **dataclasses.asdict(row)} for row in appliance.permissions.all()])


def _add_preparing(api: Blueprint, appliance: Appliance) -> None:
    @api.post("/reset")
    def reset() -> Response:
        """What is then to be there can come along, in one request: switches, users, logins."""
        then = sent()
        if unknown := then.keys() - {"switches", "users", "logins"}:
            raise ValueError(f"A reset has no {', '.join(sorted(unknown))}")
        appliance.reset()
        appliance.switch(then.get("switches", {}))
        for user in then.get("users", []):
            appliance.add_user(**user)
        for attempt in then.get("logins", []):
            appliance.login(**attempt)
        return json_answer({})

    @api.post("/users")
    def add_user() -> Response:
        return json_answer(appliance.add_user(**sent()), 201)


def _add_acting(api: Blueprint, appliance: Appliance) -> None:
    @api.post("/login")
    def login() -> Response:
        options = sent()
        return json_answer(dataclasses.asdict(appliance.login(**options)))

    @api.post("/attempts")
    def attempts() -> Response:
        mixed = appliance.write_attempts(**sent())
        return json_answer({"by_person": mixed.by_person, "by_context": mixed.by_context})

    @api.post("/mint")
    def mint() -> Response:
        token = appliance.mint(**sent())
        return json_answer({"token": token, "scim_url": appliance.scim_url})

    @api.post("/rotate")
    def rotate() -> Response:
        return json_answer({"path": str(appliance.log.rotate(**sent()))})

    @api.post("/noise")
    def noise() -> Response:
        appliance.log.write_noise(int(sent().get("lines", 100)))
        return json_answer({})
