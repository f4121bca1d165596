# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant as one object: starts and stops its server, and lets tests act on it and look inside."""

from __future__ import annotations

import base64
import os
import re
import secrets
from pathlib import Path
from typing import Any

from simulator.broker import Broker
from simulator.identity_services import IdentityServices, identity_services_api
from simulator.scim_api import scim_api, scim_groups_api
from simulator.service import Service
from simulator.state import Seen, State
from simulator.switches import Switches
from simulator.web import web_application

from .control import control_api

_READING = re.compile(r"/acs/token$|/\.search$")


def workspace_one_switches() -> Switches:
    """It has no vCenter, and SCIM takes Bearer alone."""
    return Switches(providers=[], auth_schemes="bearer", media_types="json")


class WorkspaceOne(Service[Switches]):
    name = "workspace-one"
    bootstrap_client_id = "api-bootstrap-client"

    def __init__(
        self, state_dir: Path | str | None = None, switches: Switches | None = None, *, fqdn: str = "localhost"
    ) -> None:
        super().__init__(state_dir, switches or workspace_one_switches(), fqdn)
        self.state = State(self.switches, "nobody")
        self.bootstrap_secret = secrets.token_urlsafe(24)
        self.broker = Broker(self.switches, self.state.lock, lambda: self.scim_url)
        self.services = IdentityServices(self.switches, self.state, self.broker.wipe, takes_saml=True)
        self.broker.default_domain_of = self.services.default_domain
        self._place_bootstrap()
        app = web_application(fqdn, lambda: self.switches.broker_down)
        for blueprint in (scim_api, scim_groups_api):
            app.register_blueprint(
                blueprint(self.state, self.broker, self.switches),
                url_prefix="/usergroup/scim/v2",
                url_defaults={"tenant": "CUSTOMER"},
            )
        app.register_blueprint(identity_services_api(self.state, self.services, self.switches, lambda: self.base_url))
        app.register_blueprint(control_api(self))
        self._serve(app.wsgi_app, self.state, lambda environ: self.state.expire(_bearer(environ)))

    def reset(self) -> None:
        """As after the start: the client that the console made, and nothing else."""
        with self.state.lock:
            self._restore_switches()
            self.state.reset()
            self.broker.reset()
            self.services.clear()
            self._place_bootstrap()

    def _place_bootstrap(self) -> None:
        body = {
            "client_id": self.bootstrap_client_id,
            "grant_types": ["client_credentials"],
            "scope": ["admin"],
            "access_token_ttl": 60,
            "rule_set_names": ["TENANT_ADMIN"],
        }
        self.services.place_client(body, self.bootstrap_secret)
        pair = f"{self.bootstrap_client_id}:{self.bootstrap_secret}"
        self.state.remember_secret(base64.b64encode(pair.encode()).decode())

    @property
    def scim_url(self) -> str:
        return f"{self.base_url}/usergroup/scim/v2"

    def description(self) -> dict[str, Any]:
        return {
            "url": self.base_url,
            "ca_file": str(self.ca_file),
            "client_id": self.bootstrap_client_id,
            "client_secret": self.bootstrap_secret,
            "scim_url": self.scim_url,
            "control_url": self.control_url,
            "pid": os.getpid(),
        }

    def writes(self) -> list[Seen]:
        """Every request that could change something, generating credentials apart."""
        sent = [seen for seen in self.requests if seen.method not in ("GET", "HEAD", "OPTIONS")]
        return [seen for seen in sent if not _READING.search(seen.path) and not _mints(seen)]

    def mintings(self) -> list[Seen]:
        return [seen for seen in self.requests if _mints(seen)]

    def add_directory(self, name: str, *domains: str, **more: Any) -> str:
        """One that is there already; its id."""
        with self.state.lock:
            return str(self.services.create_directory({"name": name, "domains": list(domains), **more})["id"])

    def mint(self, directory_id: str) -> str:
        """As another client would: the sync token before ends."""
        with self.state.lock:
            return str(self.services.generate(directory_id, {"generate_token": True})["access_token"])


def _mints(seen: Seen) -> bool:
    return seen.method == "POST" and seen.path.endswith("/sync-client")


def _bearer(environ: dict[str, Any]) -> str:
    return str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")[2]
