# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SDDC Manager as one object: starts and stops its server, and lets tests act on it and look inside."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, request

from simulator.answers import json_answer
from simulator.control import control_blueprint, sent
from simulator.operations import Operation, faults, matching
from simulator.operations import sddc_manager as table
from simulator.operations.sddc_manager import OPERATIONS
from simulator.service import Service
from simulator.state import Record, Seen, jwt

from .errors import SddcError, faulty, not_found, refused, unauthorized
from .kept import External, Json, Kept
from .switches import SddcSwitches

HALF_A_YEAR = 262800
Mint = Callable[[], tuple[str, str]]
_LOGINS = ("POST /v1/tokens", "PATCH /v1/tokens/access-token/refresh", "DELETE /v1/tokens/refresh-token")


@dataclass(frozen=True)
class Sent:
    """A request with its body, which the record of all servers has not."""

    operation: str
    path: str
    query: dict[str, str]
    body: Any


class SddcManager(Service[SddcSwitches]):
    name = "sddc-manager"

    def __init__(
        self,
        state_dir: Path | str | None = None,
        switches: SddcSwitches | None = None,
        *,
        fqdn: str = "localhost",
        mint: Mint | None = None,
    ) -> None:
        super().__init__(state_dir, switches or SddcSwitches(), fqdn)
        self.record = Record()
        self.kept = Kept()
        self.username = "administrator@vsphere.local"
        self.password, self.api_key, self.id_token = (secrets.token_urlsafe(18) for _number in range(3))
        for secret in (self.password, self.api_key, self.id_token):
            self.record.remember_secret(secret)
        self._access: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.sent: list[Sent] = []
        self.mint = self._first_mint = mint
        """Who mints: a broker that gives a token and its SCIM address, else nobody who knows the token."""
        app = Flask("sddc-manager")
        app.register_error_handler(SddcError, self._refuse)
        app.register_error_handler(404, lambda _error: not_found("The page").answer(None))
        app.register_blueprint(self._control())
        app.add_url_rule("/<path:_path>", "api", self._answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        self._serve(self._one_at_a_time(app), self.record, self._expire)

    def reset(self) -> None:
        """As after the start: the embedded provider alone. Passwords and the provider's id stay."""
        with self.record.lock:
            self._restore_switches()
            self.record.reset()
            self.kept.clear()
            self._access.clear()
            self.refresh_tokens.clear()
            self.sent.clear()
            self.mint = self._first_mint

    def writes(self) -> list[Seen]:
        return [seen for seen in self.requests if seen.method != "GET" and not seen.path.startswith("/v1/tokens")]

    def description(self) -> Json:
        return {
            "url": self.base_url,
            "fqdn": self.fqdn,
            "https_port": self.https_port,
            "ca_file": str(self.ca_file),
            "username": self.username,
            "password": self.password,
            "api_key": self.api_key,
            "control_url": self.control_url,
            "pid": os.getpid(),
        }

    # Acting on it, without a request

    def add_provider(self, spec: Json, **told: Any) -> Json:
        """Nothing is checked as in a request; C(told) is what there is of a sync token."""
        with self.record.lock:
            added = External(spec, **told)
            self.kept.external[added.id] = added
            return self._told(added)

    def add_source(self, spec: Json) -> None:
        with self.record.lock:
            self.kept.sources[spec["ldap"]["domainName"].casefold()] = spec

    @property
    def specs(self) -> list[Json]:
        """The specifications of the external providers, with their secrets."""
        with self.record.lock:
            return [external.spec for external in self.kept.external.values()]

    def bodies(self, operation: Operation) -> list[Any]:
        """What came with each request of an operation."""
        with self.record.lock:
            return [each.body for each in self.sent if each.operation == operation.name]

    # Requests

    def _answer(self, _path: str) -> Response:
        operation = matching(OPERATIONS, request.method, request.path)
        if operation is None:
            raise not_found("The page")
        text = request.get_data()
        try:
            body = json.loads(text) if text else None
        except ValueError:
            raise faulty(["body: no JSON"], operation) from None
        self.sent.append(Sent(operation.name, request.path, dict(request.args), body))
        if f"{request.method} {request.path}" not in _LOGINS:
            self._authenticate()
        if status := self.switches.refuse.get(operation.name):
            raise refused(operation, status)
        if found := faults(operation, request.args, body):
            raise faulty(found, operation)
        if operation.name in self.switches.canned:
            # What is no JSON is announced as JSON, too.
            text = self.switches.canned[operation.name]
            return Response(text, operation.success[0], content_type="application/json")
        segments = [part.replace("%2F", "/") for part in request.path.split("/")]
        handlers: dict[str, Callable[[list[str], Any], Response]] = {
            table.LOG_IN.name: self._log_in,
            table.REFRESH.name: self._refresh,
            table.LOG_OUT.name: self._log_out,
            table.LIST.name: self._list,
            table.READ.name: self._read,
            table.ADD.name: self._add,
            table.UPDATE.name: self._update,
            table.REMOVE.name: self._remove,
            table.MINT.name: self._mint,
            table.ADD_SOURCE.name: self._add_source,
            table.UPDATE_SOURCE.name: self._update_source,
            table.REMOVE_SOURCE.name: self._remove_source,
            table.PRECHECK.name: self._precheck,
            table.OIDC_INFO.name: self._oidc_info,
        }
        return handlers[operation.name](segments, body)

    def _authenticate(self) -> None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._access:
            raise unauthorized()

    def _log_in(self, _segments: list[str], body: Any) -> Response:
        good = (
            {"username": self.username, "password": self.password},
            {"apiKey": self.api_key},
            {"idToken": self.id_token},
        )
        if body not in good:
            raise SddcError(self.switches.refused_login, "IDENTITY_UNAUTHORIZED_ENTITY", "Invalid credentials")
        refresh = str(uuid.uuid4())
        self.refresh_tokens.add(refresh)
        self.record.remember_secret(refresh)
        return json_answer({"accessToken": self._new_access(), "refreshToken": {"id": refresh}}, 201)

    def _refresh(self, _segments: list[str], body: Any) -> Response:
        if self.switches.refresh_refused or body not in self.refresh_tokens:
            raise not_found("The refresh token")
        access = self._new_access()
        return (
            json_answer(access)
            if self.switches.refreshed == "json"
            else Response(access, content_type="application/json")
        )

    def _log_out(self, _segments: list[str], body: Any) -> Response:
        self.refresh_tokens.discard(body)
        return Response(status=204)

    def _new_access(self) -> str:
        access = jwt("access", int(time.time()), int(time.time()) + 3600)
        self._access.add(access)
        self.record.remember_secret(access)
        return access

    def _list(self, _segments: list[str], _body: Any) -> Response:
        told = [self.kept.embedded(self._status(not self.kept.external))]
        told += [self._told(external) for external in self.kept.external.values()]
        body: Json = {"elements": told}
        if self.switches.page_total is not None:
            body["pageMetadata"] = {"totalElements": self.switches.page_total}
        return json_answer(body)

    def _read(self, segments: list[str], _body: Any) -> Response:
        if segments[3] == self.kept.embedded_id:
            return json_answer(self.kept.embedded(self._status(not self.kept.external)))
        if segments[3] not in self.kept.external:
            raise SddcError(self.switches.unknown_id, "IDENTITY_INTERNAL", "Something is wrong")
        return json_answer(self._told(self.kept.external[segments[3]]))

    def _add(self, _segments: list[str], body: Any) -> Response:
        _complete(body)
        added = External(self._as_kept(body))
        if any(added.name.casefold() == other.name.casefold() for other in self.kept.external.values()):
            raise faulty([f"name: {added.name} is taken"])
        if not self.switches.lose_write:
            self.kept.external[added.id] = added
        if self.switches.created == "text":
            return Response(added.id, 201, content_type="application/json")
        return json_answer(added.id, 201) if self.switches.created == "json" else Response(status=201)

    def _update(self, segments: list[str], body: Any) -> Response:
        external = self._external(segments[3])
        _complete(body)
        if body["type"] != external.spec["type"]:
            raise faulty(["type: it cannot be changed"])
        if not self.switches.lose_write:
            external.spec = self._as_kept(body)
        return Response(status=204)

    def _remove(self, segments: list[str], _body: Any) -> Response:
        self._external(segments[3])
        if not self.switches.lose_write:
            del self.kept.external[segments[3]]
        return Response(status=204)

    def _mint(self, segments: list[str], _body: Any) -> Response:
        external = self._external(segments[3])
        if not external.is_federated:
            raise not_found("IDP")
        asked = request.args.get("syncClientTokenTTL", type=int)
        ttl = HALF_A_YEAR if asked is None else asked
        now = time.time()
        expires = now + ttl * (60 if self.switches.ttl_unit == "minutes" else 1)
        token = jwt("sync", int(now), int(expires))
        if self.switches.minted == "opaque":
            token = secrets.token_urlsafe(48)
        url = f"https://vcsa.{self.fqdn}/usergroup/t/CUSTOMER/scim/v2"
        if self.mint:
            token, url = self.mint()
        self.record.remember_secret(token)
        external.token, external.ttl, external.expires, external.scim_url = token, ttl, expires, url
        if self.switches.minted == "nothing":
            return Response(status=200)
        body: Json = {"token": token, "scimUrl": url}
        if self.switches.minted != "opaque":
            body["expireIn"] = int(expires)
        if self.switches.minted == "schema":
            body["expireAt"] = self._told(external)["fedIdp"]["syncClientTokenInfo"]["expireAt"]
        return json_answer(body)

    def _add_source(self, segments: list[str], body: Any) -> Response:
        self._embedded(segments[3])
        domain = body["ldap"]["domainName"]
        if domain.casefold() in self.kept.sources:
            raise faulty([f"ldap.domainName: {domain} is taken"])
        if not self.switches.lose_write:
            self.kept.sources[domain.casefold()] = self._as_kept(body)
        if self.switches.source_created == 204:
            return Response(status=204)
        told = f"Added Identity source with domain name {domain} successfully"
        if self.switches.source_created == "text":
            return Response(told, 201, content_type="application/json")
        return json_answer(told, 201)

    def _update_source(self, segments: list[str], body: Any) -> Response:
        stands = self._source(segments)
        for name in ("domainName", "domainAlias"):
            if stands["ldap"].get(name) != body["ldap"].get(name):
                raise faulty([f"ldap.{name}: it cannot be changed"])
        if not self.switches.lose_write:
            self.kept.sources[segments[5].casefold()] = self._as_kept(body)
        return Response(status=204)

    def _remove_source(self, segments: list[str], _body: Any) -> Response:
        self._source(segments)
        if not self.switches.lose_write:
            del self.kept.sources[segments[5].casefold()]
        return Response(status=204)

    def _precheck(self, _segments: list[str], _body: Any) -> Response:
        body: Json = {"status": self.switches.precheck}
        if self.switches.precheck_details:
            body["details"] = self.switches.precheck_details
        return json_answer(body)

    def _oidc_info(self, _segments: list[str], _body: Any) -> Response:
        root = f"https://vcsa.{self.fqdn}/acs/t/CUSTOMER"
        external = next(iter(self.kept.external.values()), None)
        told = {
            "oidcClientId": "sddc-manager",
            "oidcAuthorizationEndpoint": f"{root}/authorize",
            "oidcEndSessionEndpoint": f"{root}/logout",
            "idpType": external.spec["type"] if external else "Embedded",
            "source": external.spec["fedIdpSpec"]["directory"]["federatedIdpSourceType"]
            if external and external.is_federated
            else "",
        }
        return json_answer(told)

    # Parts

    def _status(self, active: bool) -> str:
        status = "active" if active else "inactive"
        return status.upper() if self.switches.upper_status else status

    def _told(self, external: External) -> Json:
        return external.told(self._status(True), with_token=self.switches.tells_token)

    def _external(self, key: str) -> External:
        if key not in self.kept.external:
            raise not_found("IDP")
        return self.kept.external[key]

    def _embedded(self, key: str) -> None:
        if key != self.kept.embedded_id:
            raise not_found("Embedded IDP")

    def _source(self, segments: list[str]) -> Json:
        self._embedded(segments[3])
        found = self.kept.sources.get(segments[5].casefold())
        if found is None:
            raise not_found("Identity source")
        return found

    def _as_kept(self, spec: Any) -> Any:
        """What becomes of a specification: all of it, but for lies."""
        if not isinstance(spec, dict):
            return spec
        change, forget = self.switches.change, self.switches.forget
        return {
            key: change[key] if key in change else self._as_kept(value)
            for key, value in spec.items()
            if key not in forget
        }

    def _refuse(self, error: Exception) -> Response:
        assert isinstance(error, SddcError)
        return error.answer(matching(OPERATIONS, request.method, request.path))

    def _expire(self, environ: Json) -> None:
        with self.record.lock:
            self._access.discard(str(environ.get("HTTP_AUTHORIZATION", "")).removeprefix("Bearer "))

    def _one_at_a_time(self, app: Flask) -> Callable[..., Iterable[bytes]]:
        def answer(environ: Json, start_response: Any) -> Iterable[bytes]:
            with self.record.lock:
                return app.wsgi_app(environ, start_response)

        return answer

    def _control(self) -> Blueprint:
        api = control_blueprint(self)

        @api.get("/state")
        def state() -> Response:
            description = self.description()
            del description["password"], description["api_key"]
            return json_answer({**description, "switches": self.switches.to_json(), "writes": len(self.writes())})

        @api.get("/requests")
        def requests() -> Response:
            seen = {"requests": self.requests, "writes": self.writes()}
            return json_answer({key: [dataclasses.asdict(each) for each in rows] for key, rows in seen.items()})

        @api.post("/reset")
        def reset() -> Response:
            self.reset()
            return json_answer({})

        @api.post("/providers")
        def add_provider() -> Response:
            return json_answer(self.add_provider(**sent()), 201)

        return api


def _complete(spec: Json) -> None:
    """What goes together, which the schema leaves open."""
    federated = spec["type"] == "FEDERATED_IDP_BROKER"
    needed = ("fedIdpSpec",) if federated else ("name", "oidc")
    if missing := [f"{name}: missing" for name in needed if name not in spec]:
        raise faulty(missing)
    directory = spec["fedIdpSpec"]["directory"] if federated else None
    if directory and directory["defaultDomain"] not in directory["domains"]:
        raise faulty(["fedIdpSpec.directory.defaultDomain: not in domains"])
