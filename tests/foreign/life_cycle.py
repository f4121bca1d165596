# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of users and groups on a SCIM server that others wrote, step by step, with the collection's modules.

What the server keeps is read with `requests`, not with the collection's own client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from foreign.servers import Peer
from system.module_process import Forked, Json
from system.playbook import COLLECTION, COLLECTIONS, clean_environment

DOMAIN = "lab.example.org"
GROUP = "vcenter-admins"
OTHER_GROUP = "bakers"
NAMES = ("crumpet", "muffin", "scone")


class ForeignServer:
    """Run the collection's modules on a server, and read the server without them."""

    def __init__(self, peer: Peer, folder: Path) -> None:
        self.peer = peer
        self._folder = folder
        self._environment = {**clean_environment(folder), "PYTHONPATH": str(COLLECTIONS), "NO_PROXY": "localhost"}

    def run(self, module: str, *, check: bool = False, **options: Any) -> Json:
        arguments = {
            "token": self.peer.token,
            "scim_url": self.peer.scim_url,
            "ca_path": str(self.peer.ca_file),
            "journal_path": str(self._folder / "journal"),
            **options,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_tmpdir": str(self._folder),
        }
        if module in ("scim_group", "scim_group_info", "scim_user_info"):
            del arguments["journal_path"]
        text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
        return Forked(COLLECTION / f"plugins/modules/{module}.py", self._environment, text, self._folder).finish()

    def changes(self, module: str, **options: Any) -> Json:
        """Run a module three times: in check mode, for real, and once more, when nothing is left to do."""
        before = self.state()
        dry = self.run(module, check=True, **options)
        assert not dry.get("failed"), dry["msg"]
        assert dry["changed"] is True, dry
        assert self.state() == before, "check mode wrote"
        done = self.run(module, **options)
        assert not done.get("failed"), done["msg"]
        assert done["changed"] is True
        assert done["diff"] == dry["diff"]
        self.unchanged(module, **options)
        return done

    def unchanged(self, module: str, **options: Any) -> Json:
        before = self.state()
        again = self.run(module, **options)
        assert not again.get("failed"), again["msg"]
        assert again["changed"] is False, again
        assert self.state() == before
        return again

    def users(self) -> dict[str, Json]:
        """Return what the server keeps of each user, by the bare user name."""
        return {user["userName"].removesuffix(f"@{DOMAIN}"): user for user in self._all("Users")}

    def external_ids(self) -> dict[str, str | None]:
        return {name: user.get("externalId") for name, user in self.users().items()}

    def members(self, group: str) -> set[str]:
        """Return the bare user names of a group's members."""
        (found,) = [each for each in self._all("Groups") if each["displayName"] == group]
        whole = self._get(f"Groups/{found['id']}", {"attributes": "displayName,members"})
        names = {user["id"]: name for name, user in self.users().items()}
        return {names[member["value"]] for member in whole.get("members") or ()}

    def groups(self) -> dict[str, set[str]]:
        return {group["displayName"]: self.members(group["displayName"]) for group in self._all("Groups")}

    def state(self) -> Json:
        kept = {
            name: {key: user.get(key) for key in ("id", "externalId", "name", "active", "emails")}
            for name, user in self.users().items()
        }
        return {"users": kept, "groups": self.groups()}

    def _all(self, kind: str) -> list[Json]:
        found: list[Json] = []
        while True:
            page = self._get(kind, {"startIndex": str(len(found) + 1), "count": "50"})
            found += page.get("Resources") or []
            if len(found) >= page["totalResults"]:
                return found

    def _get(self, path: str, query: Mapping[str, str]) -> Json:
        answer = requests.get(
            f"{self.peer.scim_url}/{path}",
            params=query,
            headers={"Authorization": f"Bearer {self.peer.token}"},
            verify=str(self.peer.ca_file),
            timeout=30,
        )
        assert answer.ok, answer.text
        document: Json = answer.json()
        return document


def person(name: str, **more: Any) -> Json:
    """An item of `users`."""
    return {
        "username": name,
        "external_id": f"id-of-{name}",
        "given_name": name.title(),
        "family_name": "Baker",
        "email": f"{name}@example.org",
        **more,
    }


def users_live(server: ForeignServer) -> None:
    """Create, update, deactivate, rename and recreate users, and lose neither an ExternalId nor an attribute."""
    people = [person(name) for name in NAMES]
    server.changes("scim_users", users=people, domain=DOMAIN)
    assert server.external_ids() == {name: f"id-of-{name}" for name in NAMES}

    people[0]["email"] = "crumpet@bakery.example.org"
    people[1]["active"] = False
    server.changes("scim_users", users=people, domain=DOMAIN)
    kept = server.users()
    assert kept["crumpet"]["emails"][0]["value"] == "crumpet@bakery.example.org"
    assert kept["muffin"]["active"] is False
    assert kept["crumpet"]["name"]["familyName"] == "Baker"
    assert server.external_ids() == {name: f"id-of-{name}" for name in NAMES}

    people[1] |= {"username": "blueberry", "active": True}
    server.changes("scim_users", users=people, domain=DOMAIN, rename=True)
    assert server.external_ids() == {"crumpet": "id-of-crumpet", "blueberry": "id-of-muffin", "scone": "id-of-scone"}


def groups_live(server: ForeignServer, names: Sequence[str]) -> None:
    """Add and remove single members, then all but one: the others stay members."""
    first, second, third = names
    # Where servers leave out empty lists, a user in some group proves that users show theirs.
    server.changes("scim_group", display_name=OTHER_GROUP, domain=DOMAIN, members=[third])
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=[first])
    assert server.members(GROUP) == {first}
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=[second, third])
    assert server.members(GROUP) == set(names)
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=[second], members_state="absent")
    assert server.members(GROUP) == {first, third}
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=[first, second], members_state="exact")
    assert server.members(GROUP) == {first, second}
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=[], members_state="exact")
    assert server.members(GROUP) == set()
    server.changes("scim_group", display_name=GROUP, domain=DOMAIN, members=[first, second])
    assert server.members(GROUP) == {first, second}


def recreation_keeps_memberships(server: ForeignServer, name: str) -> None:
    """A user with a new ExternalId is deleted and created again, and is a member of the same groups."""
    before = server.users()[name]
    memberships = {group for group, members in server.groups().items() if name in members}
    assert memberships
    server.changes("scim_users", users=[person(name, external_id="new-id")], domain=DOMAIN, recreate=True)
    after = server.users()[name]
    assert after["externalId"] == "new-id"
    assert after["id"] != before["id"]
    assert {group for group, members in server.groups().items() if name in members} == memberships


def everything_ends(server: ForeignServer) -> None:
    """Delete one user by name, the rest by purge, and the group."""
    names = sorted(server.users())
    server.changes("scim_users", users=[{"username": names[0], "state": "absent"}], domain=DOMAIN)
    assert sorted(server.users()) == names[1:]
    kept = person(names[1], external_id=server.external_ids()[names[1]])
    server.changes("scim_users", users=[kept], domain=DOMAIN, purge=True, max_deletes="1")
    assert sorted(server.users()) == [names[1]]
    for group in (GROUP, OTHER_GROUP):
        server.changes("scim_group", display_name=group, state="absent")
    assert server.groups() == {}
