# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worked examples of other identity providers run, and an ExternalId of any of them stays as it is."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from simulator import DEFAULT_DOMAIN, Appliance
from system.playbook import NAMESPACE, REPOSITORY, Json, Modules, Playbooks, Run
from system.provider_stubs import (
    GROUP,
    SECRET,
    TOKEN,
    Decide,
    Person,
    Provider,
    authentik,
    kanidm,
    keycloak,
    provider_server,
    zitadel,
)

EXAMPLES = REPOSITORY / "examples/providers"
PROJECT = "163840776835432345"
HASH = "$argon2id$v=19$m=65536,t=3,p=4$" + "b" * 22


def hashed(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def numbered(name: str) -> str:
    """Longer than any number that survives as a floating point number, with a zero that a number would lose."""
    return "0" + str(int(hashed(name), 16))[:18]


def unique(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def people(sub: Callable[[str], str]) -> list[Person]:
    """Two pages of two: a member of each kind, and somebody who is none."""
    return [
        Person("crumpet", sub("crumpet"), active=False),
        Person("muffin", sub("muffin")),
        Person("robot", sub("robot"), machine=True),
        Person("scone", sub("scone")),
        Person("teacake", sub("teacake"), member=False),
    ]


def expected(sub: Callable[[str], str]) -> dict[str, tuple[str, bool]]:
    members = [person for person in people(sub) if person.member and not person.machine]
    return {f"{person.username}@{DEFAULT_DOMAIN}": (person.sub, person.active) for person in members}


def known(appliance: Appliance) -> dict[str, tuple[str, bool]]:
    return {user["userName"]: (user["externalId"], user["active"]) for user in appliance.broker.users}


def emails(appliance: Appliance) -> set[str]:
    return {email["value"] for user in appliance.broker.users for email in user.get("emails", ())}


SUBS: dict[str, Callable[[str], str]] = {
    "authentik": hashed,
    "keycloak": unique,
    "zitadel": numbered,
    "kanidm": unique,
}
STUBS: dict[str, Decide] = {
    "authentik": authentik(people(hashed)),
    "keycloak": keycloak(people(unique)),
    "zitadel": zitadel(people(numbered), PROJECT),
    "kanidm": kanidm(people(unique)),
}
# How often each is asked for one list of two pages: Keycloak until a page is not full.
PAGES = {
    "authentik": {"/api/v3/core/users/": 2},
    "keycloak": {"/admin/realms/homelab/groups/id-of-the-group/members": 3},
    "zitadel": {"/v2/users": 2, "/zitadel.authorization.v2.AuthorizationService/ListAuthorizations": 2},
    "kanidm": {"/v1/person": 1},
}


@pytest.fixture(params=STUBS)
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Provider]]:
    with provider_server(tmp_path, STUBS[request.param]) as server:
        yield request.param, server


def run(playbooks: Playbooks, name: str, *arguments: str, **variables: Any) -> Run:
    here = {**playbooks.variables, "federated_users_log_host": "no-such-host"}
    return playbooks.run(str(EXAMPLES / f"{name}.yml"), *arguments, variables={**here, **variables})


def untold(playbooks: Playbooks, run: Run, *secrets: str) -> None:
    """Neither in what was printed, nor in what callbacks are given."""
    results = playbooks.results_file.read_text()
    assert not [secret for secret in secrets if secret in run.output or secret in results]


def test_the_example_of_a_provider_runs(
    playbooks: Playbooks, appliance: Appliance, provider: tuple[str, Provider]
) -> None:
    name, server = provider
    variables = {
        f"{name}_url": server.url,
        f"{name}_ca_path": str(server.ca_file),
        f"{name}_page_size": 2,
        f"vault_{name}_token": TOKEN,
        f"vault_{name}_client_secret": SECRET,
    }
    first = run(playbooks, name, "-vvvv", "--diff", **variables).went_well()
    untold(playbooks, first, TOKEN, SECRET)
    assert known(appliance) == expected(SUBS[name])
    assert "muffin@example.org" in emails(appliance)
    paths = [request.path for request in server.requests]
    assert {path: paths.count(path) for path in PAGES[name]} == PAGES[name]
    # In check mode, too, the provider is read: nothing would change.
    again = run(playbooks, name, "--check", **variables).went_well()
    assert again.recap("localhost")["changed"] == 0
    assert len(server.requests) == 2 * len(paths)
    assert again.of("scim_users")


def test_the_example_of_authelia_runs(playbooks: Playbooks, appliance: Appliance, tmp_path: Path) -> None:
    members = [person for person in people(unique) if not person.machine]
    identifiers = [
        {"service": "openid", "sector_id": sector, "username": person.username, "identifier": unique(sector + name)}
        for person in members
        for sector, name in (("", person.username), ("https://example.org/sector.json", person.username))
    ]
    users = {
        person.username: {
            "disabled": not person.active,
            "displayname": person.username.title(),
            "password": HASH,
            "email": f"{person.username}@example.org",
            **({"groups": ["admins", GROUP]} if person.member else {}),
        }
        for person in members
    }
    (tmp_path / "users_database.yml").write_text(yaml.safe_dump({"users": users}))
    exported = tmp_path / "identifiers.yml"
    exported.write_text(yaml.safe_dump({"identifiers": [i for i in identifiers if i["username"] != "scone"]}))

    # Somebody without an identifier is an error, not somebody who is left out, whom a purge would remove.
    refused = run(playbooks, "authelia", "-vvvv")
    assert "No identifier for scone." in refused.failure.message
    assert not refused.of("scim_users")

    exported.write_text(yaml.safe_dump({"identifiers": identifiers}))
    first = run(playbooks, "authelia", "-vvvv", "--diff").went_well()
    assert known(appliance) == expected(unique)
    for each in (refused, first):
        assert HASH not in each.output
    again = run(playbooks, "authelia").went_well()
    assert again.recap("localhost")["changed"] == 0


def test_the_examples_differ_only_where_they_must() -> None:
    """Each guards its token, explains purge, and leaves it off."""
    for path in sorted(EXAMPLES.glob("*.yml")):
        text = path.read_text()
        play: Json = yaml.safe_load(text)[0]
        assert play["roles"][0]["role"] == f"{NAMESPACE}.federated_users"
        assert list(play["roles"][0]["vars"]) == ["federated_users_users"], path
        assert "# federated_users_purge: true\n        # federated_users_max_deletes: 10%\n" in text, path
        for task in play["pre_tasks"]:
            if "ansible.builtin.uri" in task:
                assert task["no_log"] is True, task["name"]
                assert task["check_mode"] is False, task["name"]


OPAQUE = {
    "hash": hashed("muffin"),
    "number": "163840776835432705",
    "zeros": "000123",
    "float": "1e5",
    "negative": "-0",
    "yes": "yes",
    "none": "null",
    "date": "2026-01-01",
    "e-mail": "Muffin.Muffinson@Example.org",
    "longest": "x" * 256,
    "mixed": "aAbBcC",
    "base64": "a+b/c=",
    "percent": "a%2Fb",
    "bar": "auth0|5f7c8ec7c33c6c004bbafe82",
    "upper": unique("muffin").upper(),
}


def test_external_ids_are_opaque(modules: Modules, appliance: Appliance) -> None:
    """Each is sent as it was given, and found so by the second run."""
    users = [
        {"username": f"user{number}", "external_id": value, "given_name": "G"}
        for number, value in enumerate(OPAQUE.values())
    ]
    settings: Json = {"users": users, "domain": DEFAULT_DOMAIN}
    assert modules.well("scim_users", **settings)["changed"] is True
    kept = {user["userName"].partition("@")[0]: user["externalId"] for user in appliance.broker.users}
    assert kept == {user["username"]: user["external_id"] for user in users}
    assert modules.well("scim_users", **settings)["changed"] is False


@pytest.mark.parametrize("number", [163840776835432705, 1.5, True])
def test_a_bare_number_is_refused(modules: Modules, appliance: Appliance, number: Any) -> None:
    users = [{"username": "muffin", "external_id": number}]
    assert "Quote it" in modules.failed("scim_users", users=users, domain=DEFAULT_DOMAIN)
    assert appliance.broker.users == []
