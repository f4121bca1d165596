# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories for scim_users to work on, and what happens to the requests on their way to them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator import DEFAULT_DOMAIN, Appliance
from simulator.gate import Answer, Environ, straight
from simulator.switches import DEFAULT_PROVIDER_ID
from system.playbook import Json, Modules
from werkzeug.wrappers import Response

SCIM = "/scim/v2"
OTHER_DOMAIN = "other.example.org"


def person(name: str, **more: Any) -> Json:
    """An item of C(users)."""
    return {
        "username": name,
        "external_id": f"id-of-{name}",
        "given_name": name.title(),
        "family_name": "Baker",
        "email": f"{name}@example.org",
        **more,
    }


def add(appliance: Appliance, name: str, external_id: str | None = None, **more: Any) -> str:
    """The same person, in the broker already; the id of the entry."""
    domain = more.pop("domain", DEFAULT_DOMAIN)
    values = {"given_name": name.title(), "family_name": "Baker", "email": f"{name}@example.org", **more}
    entry = appliance.add_user(f"{name}@{domain}", external_id or f"id-of-{name}", domain=domain, **values)
    return str(entry["id"])


def add_group(appliance: Appliance, name: str, *members: str) -> str:
    """A group with members, by their ids; its id."""
    body = {"displayName": name, "members": [{"value": member} for member in members]}
    return str(appliance.broker.groups.create(body, DEFAULT_PROVIDER_ID)["id"])


def held(appliance: Appliance) -> dict[str, Json]:
    """The broker's users by their bare names; nobody and no ExternalId is there twice."""
    users = appliance.broker.users
    found = {user["userName"].removesuffix(f"@{DEFAULT_DOMAIN}"): user for user in users}
    assert len(found) == len(users), "somebody is there twice"
    external_ids = [user["externalId"] for user in users]
    assert len(set(external_ids)) == len(external_ids), "an ExternalId is there twice"
    return found


def external_ids(appliance: Appliance) -> dict[str, str]:
    """Who has which ExternalId."""
    return {name: user["externalId"] for name, user in held(appliance).items()}


def members(appliance: Appliance, group: str) -> set[str]:
    """The bare names of those who are in a group."""
    (found,) = [each for each in appliance.broker.groups.all() if each.name == group]
    names = {user["id"]: name for name, user in held(appliance).items()}
    return {names[key] for key in found.members}


def provision(modules: Modules, users: Sequence[Json], **options: Any) -> Json:
    """Run C(scim_users)."""
    return modules.run("scim_users", users=list(users), domain=DEFAULT_DOMAIN, **options)


def converges(modules: Modules, users: Sequence[Json], **options: Any) -> Json:
    """A run that goes well, and one after it that has nothing to do; the result of the first."""
    result = provision(modules, users, **options)
    assert not result.get("failed"), result["msg"]
    settled(modules, users, **options)
    return result


def settled(modules: Modules, users: Sequence[Json], **options: Any) -> None:
    """A run finds nothing to do, writes nothing, and leaves no word behind."""
    modules.appliance.clear_requests()
    result = provision(modules, users, **options)
    assert (result["changed"], result.get("failed"), result["warnings"]) == (False, False, [])
    assert (modules.appliance.writes(), modules.appliance.mintings()) == ([], [])
    assert result["diff"]["before"] == result["diff"]["after"] == {}
    assert journal(modules) == []


def journal(modules: Modules) -> list[Path]:
    """The files in the journal, those of deleted users apart, which stay; nobody else can read any of it."""
    folder = modules.folder / ".local/state/homelab.identity_broker"
    found = sorted(folder.rglob("*")) if folder.exists() else []
    for path in [folder, *found] if folder.exists() else []:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    return [path for path in found if path.is_file() and path.suffix != ".restore"]


@dataclass
class Request:
    """A request to SCIM on its way. C(number) counts the writes from 1, and is 0 for what reads."""

    method: str
    path: str
    body: Json
    number: int

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def target(self) -> tuple[str, str, str]:
        """What two requests have in common when one repeats the other."""
        return self.method, self.path, str(self.body.get("externalId") or "")


@dataclass
class Traffic:
    """Every request to SCIM, in the order of their coming."""

    requests: list[Request] = field(default_factory=list)

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.writes]

    def repeated_blindly(self) -> list[tuple[str, str, str]]:
        """The writes that were sent again without a look in between, at the list of users or at the groups."""
        found = []
        sent: dict[str, set[tuple[str, str, str]]] = {"Users": set(), "Groups": set()}
        for request in self.requests:
            kind, _slash, key = request.path.removeprefix("/").partition("/")
            if request.writes:
                found += [request.target] if request.target in sent[kind] else []
                sent[kind].add(request.target)
            elif kind in sent and (kind == "Groups" or not key):
                sent[kind].clear()
        return found


def at_write(number: int, act: Callable[[], object], status: int | None = None) -> Callable[[Request], int | None]:
    """A hook that acts at one write, and answers it with the status, if one is given."""

    def hook(request: Request) -> int | None:
        if request.number != number:
            return None
        act()
        return status

    return hook


@contextmanager
def watched(
    appliance: Appliance,
    before: Callable[[Request], int | None] = lambda _request: None,
    after: Callable[[Request], object] = lambda _request: None,
) -> Iterator[Traffic]:
    """Have a say in what reaches SCIM.

    C(before) is asked before the appliance sees a request, and answers it by returning a status; C(after) is told
    when the appliance has done it, and the caller does not know yet.
    """
    traffic, lock = Traffic(), threading.Lock()

    def meddled(environ: Environ, answer: Answer) -> Response:
        _base, found, path = environ["PATH_INFO"].partition(SCIM)
        if not found:
            return answer(environ)
        method = environ["REQUEST_METHOD"]
        text = environ["wsgi.input"].getvalue() if environ.get("CONTENT_LENGTH") else b""
        with lock:
            number = 0 if method == "GET" else len(traffic.writes) + 1
            request = Request(method, path, json.loads(text or b"{}"), number)
            traffic.requests.append(request)
        status = before(request)
        if status is not None:
            return appliance.gate.recorded(environ, Response("{}", status, content_type="application/json"))
        response = answer(environ)
        after(request)
        return response

    appliance.gate.around = meddled
    try:
        yield traffic
    finally:
        appliance.gate.around = straight
