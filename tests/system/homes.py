# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two homes of the broker's own API, as tests see them: one way to ask, to act and to look inside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from simulator import Appliance, WorkspaceOne
from simulator.gate import Answer, Environ, straight
from simulator.identity_services import IdentityServices
from simulator.switches import Switches
from system.playbook import Json, Modules
from werkzeug.wrappers import Response

DIRECTORY: Json = {
    "name": "Lab",
    "domains": ["lab.example.com", "other.example.com"],
    "default_domain": "lab.example.com",
    "source": "GENERIC",
    "type": "PROVISIONED",
}
OIDC: Json = {
    "configuration_url": "https://id.example.org/.well-known/openid-configuration",
    "client_id": "broker",
    "client_secret": "secret-of-the-broker-at-the-provider",
}
PROVIDER: Json = {"name": "Pocket", "idp_type": "OIDC", "directory_list": ["Lab"], "oidc_profile": OIDC}
CLIENT: Json = {
    "client_id": "my-auth-grant-client1",
    "secret": "my-auth-grant-client1-secret",
    "grant_types": ["client_credentials"],
    "scope": ["admin"],
    "access_token_ttl": 10080,
    "refresh_token_ttl": 525600,
    "refresh_token_idle_ttl": 525600,
    "rule_set_names": ["IDP_AND_DIRECTORY_ADMIN"],
}


@dataclass
class Home:
    modules: Modules
    server: Appliance | WorkspaceOne

    @property
    def services(self) -> IdentityServices:
        return self.server.services

    @property
    def switches(self) -> Switches:
        return self.server.switches

    def well(self, module: str, **options: Any) -> Json:
        return self.modules.well(module, **options)

    def failed(self, module: str, **options: Any) -> str:
        return self.modules.failed(module, **options)

    def converges(self, module: str, **options: Any) -> Json:
        """Foretold, done, and nothing left to do; the result of the run that did it."""
        before = self.held()
        self.server.clear_requests()
        checked = self.well(module, check=True, **options)
        self.only_harmless()
        assert self.held() == before
        self.server.clear_requests()
        done = self.well(module, **options)
        assert bool(self.server.writes()) == done["changed"] == checked["changed"]
        assert (done["diff"], done["operation"]) == (checked["diff"], checked["operation"])
        assert done.keys() == checked.keys()
        if "always" not in options.values():
            self.server.clear_requests()
            again = self.well(module, **options)
            assert (again["changed"], again["operation"], again["diff"]) == (False, "none", {"before": {}, "after": {}})
            self.only_harmless()
        return done

    def changes_alone(self, module: str, result: str, one: Json, changes: Sequence[tuple[str, Json]]) -> None:
        """Each change of a list, foretold and made, touches just the path that it says; in the end all is as it was said."""
        before = self.well(module, **one)[result]
        last: Json = {}
        for path, options in changes:
            changed = self.well(module, **one, **options)
            after = changed[result]
            assert (changed["changed"], changed["operation"]) == (True, "update"), path
            assert differing(before, after) == {path}
            before, last = after, options
        self.server.clear_requests()
        assert self.well(module, **one, **last)["changed"] is False
        self.only_harmless()

    def only_harmless(self) -> None:
        """All that was sent besides GET are sign-ins, and a list of permissions."""
        sent = {(seen.method, seen.path, seen.query) for seen in self.server.requests if seen.method != "GET"}
        signing_in = {("POST", "/api/session", ""), ("DELETE", "/api/session", ""), ("POST", "/acs/token", "")}
        assert sent <= {*signing_in, ("POST", "/api/vcenter/authorization/permissions", "action=list")}

    def held(self) -> Json:
        """All that it holds, as it may be compared later."""
        services = self.services
        clients = [services.show_client(each) for each in services.clients.values()]
        directories = [each.body for each in services.directories.values()]
        providers = [services.provider(key) for key in services.providers]
        found: Json = json.loads(json.dumps([clients, directories, providers, services.secrets]))
        return found

    @contextmanager
    def sent(self) -> Iterator[list[Json]]:
        """The requests with bodies that leave meanwhile: method, path, query, content type and body."""
        bodies: list[Json] = []

        def look(environ: Environ, answer: Answer) -> Response:
            body = environ["wsgi.input"].getvalue() if environ.get("CONTENT_LENGTH") else b""
            kind = str(environ.get("CONTENT_TYPE", ""))
            if body:
                bodies.append(
                    {
                        "method": environ["REQUEST_METHOD"],
                        "path": environ["PATH_INFO"],
                        "query": environ.get("QUERY_STRING", ""),
                        "type": kind,
                        "accept": environ.get("HTTP_ACCEPT", ""),
                        "authorization": environ.get("HTTP_AUTHORIZATION", ""),
                        "body": json.loads(body) if kind.endswith("json") else body.decode(),
                    }
                )
            return answer(environ)

        self.server.gate.around = look
        try:
            yield bodies
        finally:
            self.server.gate.around = straight


def differing(before: Json, after: Json, prefix: str = "") -> set[str]:
    """The dotted paths of what two results have otherwise, down to what profiles hold."""
    found: set[str] = set()
    for name in before.keys() | after.keys():
        left, right = before.get(name), after.get(name)
        if left == right:
            continue
        deeper = not prefix and isinstance(left, dict) and isinstance(right, dict)
        found |= differing(left, right, f"{name}.") if deeper and left and right else {f"{prefix}{name}"}
    return found
