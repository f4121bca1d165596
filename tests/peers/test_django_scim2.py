# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules manage users and groups on a server that uses django-scim2.

What it does differently: PUT clears the ExternalId that it does not carry, no domain is kept, an e-mail address cannot be
cleared, PUT of a group ignores its members, and PATCH removes members by a plain list of values only: a filter in the path is
refused with 501. Users and groups are numbered separately, so ids are unique (RFC 7643 section 3.1) only if the server's
administrator sees to it.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from foreign.life_cycle import DOMAIN, GROUP, ForeignServer, person, users_live
from foreign.servers import Peer, announced_port

APPLICATION = Path(__file__).parent / "django_server/application.py"


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ForeignServer]:
    """A server whose ids are unique, unless a test asks for the default of the library."""
    before_first_group = getattr(request, "param", 1000)
    folder, token = tmp_path / "django", secrets.token_hex(16)
    folder.mkdir()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(APPLICATION), str(folder), token, str(before_first_group)],
            env={"PYTHONPATH": str(APPLICATION.parents[2]), "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        port = announced_port(log)
        yield ForeignServer(Peer(f"https://localhost:{port}/scim/v2", token, folder / "ca.pem"), tmp_path)
    finally:
        process.terminate()
        process.wait()


def test_the_life_of_users(server: ForeignServer) -> None:
    users_live(server)
    name = sorted(server.users())[0]
    server.changes("scim_users", users=[{"username": name, "state": "absent"}], domain=DOMAIN)
    assert name not in server.users()


def test_members_are_added(server: ForeignServer) -> None:
    server.changes("scim_users", users=[person(name) for name in ("muffin", "scone")], domain=DOMAIN)
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=["muffin"])
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=["muffin", "scone"])
    assert server.members(GROUP) == {"muffin", "scone"}
    users = {user["username"]: user for user in server.run("scim_user_info")["users"]}
    assert users[f"muffin@{DOMAIN}"]["groups"] == [GROUP]


def test_a_removal_that_has_no_effect_is_an_error(server: ForeignServer) -> None:
    server.changes("scim_users", users=[person(name) for name in ("muffin", "scone")], domain=DOMAIN)
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=["muffin", "scone"])
    refused = server.run("scim_group", display_name=GROUP, domain=DOMAIN, members=["muffin"], members_state="absent")
    assert refused["failed"]
    assert "muffin@lab.example.org is still in it" in refused["msg"]
    assert server.members(GROUP) == {"muffin", "scone"}


@pytest.mark.parametrize("server", [0], indirect=True)
def test_one_id_for_a_user_and_a_group_is_an_error(server: ForeignServer) -> None:
    server.changes("scim_users", users=[person("muffin")], domain=DOMAIN)
    made = server.run("scim_group", display_name=GROUP)
    assert not made["failed"], made["msg"]
    refused = server.run("scim_group", display_name=GROUP, domain=DOMAIN, members=["muffin"])
    assert "gives the same id to a user and to a group" in refused["msg"]
    assert server.members(GROUP) == set()
