# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small stand-ins for the APIs of other identity providers, in the shape that their sources have."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import trustme

Json = dict[str, Any]

GROUP = "vcenter"
SECRET = "client-secret-" + "5" * 32
TOKEN = "provider-token-" + "7" * 32


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: str
    token: str | None

    @property
    def document(self) -> Json:
        """The body, which has to be JSON."""
        document: Json = json.loads(self.body)
        return document


@dataclass(frozen=True)
class Person:
    """Somebody at the provider; who is a machine is a service account."""

    username: str
    sub: str
    member: bool = True
    active: bool = True
    machine: bool = False


Reply = tuple[int, Any]
Decide = Callable[[Request], Reply]


@dataclass
class Provider:
    url: str
    ca_file: Path
    requests: list[Request] = field(default_factory=list)


@contextmanager
def provider_server(folder: Path, decide: Decide) -> Iterator[Provider]:
    """HTTPS on localhost, JSON in all answers."""
    authority = trustme.CA()
    ca_file = folder / "provider-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            address = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=unquote(address.path),
                query={name: values[-1] for name, values in parse_qs(address.query).items()},
                body=self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(),
                token=(self.headers.get("Authorization") or "").removeprefix("Bearer ") or None,
            )
            requests.append(request)
            status, document = decide(request)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Provider(f"https://localhost:{server.server_address[1]}", ca_file, requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def authentik(people: list[Person]) -> Decide:
    """C(GET /api/v3/core/users/): numbered pages of at most 100, sorted, filtered by the name of a group."""

    def decide(request: Request) -> Reply:
        if request.token != TOKEN:
            return 403, {"detail": "Token invalid/expired"}
        if (request.method, request.path) != ("GET", "/api/v3/core/users/"):
            return 404, {"detail": "Not found."}
        if request.query["groups_by_name"] != GROUP:
            return 400, {"groups_by_name": ["Select a valid choice."]}
        found = sorted((person for person in people if person.member), key=lambda person: person.username)
        page, size = int(request.query["page"]), min(int(request.query["page_size"]), 100)
        pages = max(1, -(-len(found) // size))
        if page > pages:
            return 404, {"detail": "Invalid page."}
        results = [
            {
                "pk": number,
                "username": person.username,
                "name": f"{person.username.title()} Doe",
                "is_active": person.active,
                "groups_obj": [{"name": GROUP}],
                "email": f"{person.username}@example.org",
                "uid": person.sub,
                "type": "service_account" if person.machine else "internal",
            }
            for number, person in enumerate(found, 1)
        ]
        pagination = {
            "next": page + 1 if page < pages else 0,
            "previous": page - 1,
            "count": len(found),
            "current": page,
            "total_pages": pages,
        }
        return 200, {"pagination": pagination, "results": results[(page - 1) * size : page * size]}

    return decide


def keycloak(people: list[Person]) -> Decide:
    """The token endpoint, and of the admin API a group by its path, the number of users, and a group's members."""
    realm = "/admin/realms/homelab"

    def member(person: Person) -> Json:
        shown = {"id": person.sub, "username": person.username, "enabled": person.active, "emailVerified": True}
        if person.machine:
            return {**shown, "username": f"service-account-{person.username}"}
        return {**shown, "firstName": person.username.title(), "email": f"{person.username}@example.org"}

    def members(query: dict[str, str]) -> list[Json]:
        first, most = int(query.get("first", 0)), int(query.get("max", 100))
        return [member(person) for person in people if person.member][first : first + most]

    def log_in(request: Request) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body).items()}
        if form != {"grant_type": "client_credentials", "client_id": "vcenter-sync", "client_secret": SECRET}:
            return 401, {"error": "unauthorized_client"}
        return 200, {"access_token": TOKEN, "expires_in": 60, "token_type": "Bearer"}

    def decide(request: Request) -> Reply:
        if (request.method, request.path) == ("POST", "/realms/homelab/protocol/openid-connect/token"):
            return log_in(request)
        if request.token != TOKEN:
            return 401, {"error": "HTTP 401 Unauthorized"}
        answers: dict[str, Callable[[], Any]] = {
            f"{realm}/group-by-path/{GROUP}": lambda: {"id": "id-of-the-group", "name": GROUP, "path": f"/{GROUP}"},
            # Service accounts are not among the users, but may be members.
            f"{realm}/users/count": lambda: len([person for person in people if not person.machine]),
            f"{realm}/groups/id-of-the-group/members": lambda: members(request.query),
        }
        if request.method != "GET" or request.path not in answers:
            return 404, {"error": "Group path does not exist"}
        return 200, answers[request.path]()

    return decide


def zitadel(people: list[Person], project: str) -> Decide:
    """Two searches. As in all JSON made from protocol buffers, numbers of 64 bits are text, and what is empty is left out."""

    def users(question: Json) -> Json:
        assert question["queries"] == [{"typeQuery": {"type": "TYPE_HUMAN"}}]
        assert question["sortingColumn"] == "USER_FIELD_NAME_USER_NAME"
        found = sorted((person for person in people if not person.machine), key=lambda person: person.username)
        shown = [
            {
                "userId": person.sub,
                "state": "USER_STATE_ACTIVE" if person.active else "USER_STATE_INACTIVE",
                "username": person.username,
                "human": {
                    "profile": {"givenName": person.username.title(), "familyName": "Doe", "displayName": "D."},
                    "email": {"email": f"{person.username}@example.org", "isVerified": True},
                },
            }
            for person in found
        ]
        return answer("details", "result", shown, question["query"])

    def roles(question: Json) -> Json:
        assert question["filters"] == [
            {"projectId": {"id": project}},
            {"roleKey": {"key": GROUP}},
            {"state": {"state": "STATE_ACTIVE"}},
        ]
        shown = [
            {"id": f"{number}", "user": {"id": person.sub}, "state": "STATE_ACTIVE", "roles": [{"key": GROUP}]}
            for number, person in enumerate((person for person in people if person.member), 1)
        ]
        return answer("pagination", "authorizations", shown, question["pagination"])

    def answer(about: str, name: str, shown: list[Json], page: Json) -> Json:
        assert isinstance(page["offset"], int)
        assert page["asc"] is True
        part = shown[page["offset"] : page["offset"] + page["limit"]]
        return {about: {"totalResult": str(len(shown))}, **({name: part} if part else {})}

    def decide(request: Request) -> Reply:
        if request.token != TOKEN:
            return 401, {"code": 16, "message": "auth header missing"}
        searches = {
            "/v2/users": users,
            "/zitadel.authorization.v2.AuthorizationService/ListAuthorizations": roles,
        }
        if request.method != "POST" or request.path not in searches:
            return 404, {"code": 5, "message": "Not Found"}
        return 200, searches[request.path](request.document)

    return decide


def kanidm(people: list[Person]) -> Decide:
    """C(GET /v1/person): everybody at once, and every attribute a list of texts."""

    def entry(person: Person) -> Json:
        attributes = {
            "class": ["account", "memberof", "object", "person"],
            "name": [person.username],
            "spn": [f"{person.username}@idm.example.org"],
            "uuid": [person.sub],
            "displayname": [person.username.title()],
            "memberof": ["idm_all_persons@idm.example.org", *([f"{GROUP}@idm.example.org"] if person.member else [])],
        }
        if person.active:
            attributes |= {"mail": [f"{person.username}@example.org", "other@example.org"]}
            attributes |= {"account_valid_from": ["2020-01-01T00:00:00Z"], "account_expire": ["2999-12-31T23:59:59.5Z"]}
        else:
            attributes["account_expire"] = ["1970-01-01T00:00:00Z"]
        return {"attrs": attributes}

    def decide(request: Request) -> Reply:
        if request.token != TOKEN:
            return 401, "notauthenticated"
        if (request.method, request.path) != ("GET", "/v1/person"):
            return 404, None
        return 200, [entry(person) for person in people if not person.machine]

    return decide
