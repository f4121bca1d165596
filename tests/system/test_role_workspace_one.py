# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role workspace_one_bootstrap: from the client that the console made to a token to push users with."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import WorkspaceOne
from system.documents import plays
from system.playbook import NAMESPACE, REPOSITORY, Json, Modules, Playbooks, Run

ROLE = "workspace_one_bootstrap"
WORKING_SECRET = "secret-of-the-working-client"
OIDC_SECRET = "secret-of-the-application-at-okta"
README = REPOSITORY / f"roles/{ROLE}/README.md"


def settings(workspace_one: WorkspaceOne) -> Json:
    """What a user of the role sets, without its name."""
    return {
        "base_url": workspace_one.base_url,
        "ca_path": str(workspace_one.ca_file),
        "bootstrap_client_id": workspace_one.bootstrap_client_id,
        "bootstrap_client_secret": workspace_one.bootstrap_secret,
        "client_id": "automation",
        "client_secret": WORKING_SECRET,
        "directory": "Okta",
        "domain": "lab.example.com",
    }


def role(playbooks: Playbooks, given: Json, *arguments: str) -> Run:
    play = {"hosts": "localhost", "gather_facts": False, "roles": [f"{NAMESPACE}.{ROLE}"]}
    return playbooks.run([play], *arguments, variables=named(given))


def named(given: Json) -> Json:
    return {f"{ROLE}_{name}": value for name, value in given.items()}


def held(workspace_one: WorkspaceOne) -> tuple[list[str], list[str], list[str]]:
    services = workspace_one.services
    return (
        sorted(each.client_id for each in services.clients.values()),
        [each.body["name"] for each in services.directories.values()],
        [each["idp_name"] for each in services.providers.values()],
    )


def told(run: Run) -> str:
    return "\n".join(run.task("Say what the identity provider must be told").result["msg"])


def changes(run: Run) -> list[tuple[str, Any]]:
    """What each task of ours changed, or would."""
    found = [result for result in run.results if result.outcome not in ("skipped", "failed")]
    return [(each.action, each.result["diff"]) for each in found if each.result.get("changed")]


def no_secret(run: Run, workspace_one: WorkspaceOne, *more: str) -> None:
    secrets = {*workspace_one.all_secrets(), WORKING_SECRET, OIDC_SECRET, *more}
    assert not [number for number, secret in enumerate(secrets) if secret in run.output]


def test_the_whole_wizard(playbooks: Playbooks, workspace_one: WorkspaceOne) -> None:
    """The README's play: foretold, done, and nothing left to do, with the first client gone on the way."""
    file = playbooks.folder / "sync_token"
    (wizard,), (pushing,) = ([adapted(play, workspace_one) for play in block] for block in plays(README))
    more = {
        **named({"remove_bootstrap_client": True, "ca_path": str(workspace_one.ca_file)}),
        "vault_workspace_one_bootstrap_secret": workspace_one.bootstrap_secret,
        "vault_workspace_one_secret": WORKING_SECRET,
        "vault_oidc_client_secret": OIDC_SECRET,
    }
    # Before the application is there: the wizard shows the redirect URI first.
    without = {**wizard["roles"][0]["vars"], **more}
    without = {name: value for name, value in without.items() if "_oidc_" not in name}
    before = held(workspace_one)
    play = {"hosts": "localhost", "gather_facts": False, "roles": [f"{NAMESPACE}.{ROLE}"]}
    dry = playbooks.run([play], "--check", "--diff", variables=without).went_well()
    assert (workspace_one.writes(), workspace_one.mintings()) == ([], [])
    assert {(seen.method, seen.path) for seen in workspace_one.requests if seen.method != "GET"} == {
        ("POST", "/acs/token")
    }
    assert held(workspace_one) == before
    assert not file.exists()

    run = playbooks.run([wizard], "--diff", "-vvvv", variables=more).went_well()
    assert changes(dry) == [each for each in changes(run) if not each[0].endswith("identity_provider")]
    assert held(workspace_one) == (["automation"], ["Okta"], ["Okta"])
    (client,) = workspace_one.services.clients.values()
    assert (client.body["rule_set_names"], client.body["scope"]) == (["IDP_AND_DIRECTORY_ADMIN"], ["admin"])
    (directory,) = workspace_one.services.directories.values()
    assert (directory.body["domains"], directory.body["source"]) == (["lab.example.com"], "OKTA")
    assert directory.sync_ttl == 1051200
    (provider,) = workspace_one.services.providers.values()
    profile = provider["oidc_profile"]
    assert [profile[f"{name}_user_identifier_attribute"] for name in ("open_id", "internal")] == ["email", "email"]
    assert workspace_one.services.secrets[provider["id"]] == OIDC_SECRET
    assert file.stat().st_mode & 0o777 == 0o600
    token = file.read_text()
    assert workspace_one.state.token(token)
    for part in (workspace_one.scim_url, f"{workspace_one.base_url}/federation/auth/response/oauth2"):
        assert part in told(dry)
        assert part in told(run)
    assert f"It was handed to the file {file}" in told(run)
    no_secret(run, workspace_one, token)

    workspace_one.clear_requests()
    again = playbooks.run([wizard], "--diff", variables=more).went_well()
    assert again.recap("localhost")["changed"] == 0
    assert (workspace_one.writes(), workspace_one.mintings()) == ([], [])
    assert file.read_text() == token
    assert "api-bootstrap-client cannot sign in, so it is taken for deleted" in again.output

    # And its token serves.
    pushing["tasks"][0][f"{NAMESPACE}.scim_users"]["ca_path"] = str(workspace_one.ca_file)
    playbooks.run([pushing]).went_well()
    assert [user["userName"] for user in workspace_one.broker.users] == ["muffin@lab.example.com"]


def adapted(content: Any, workspace_one: WorkspaceOne) -> Any:
    """The same with the simulated tenant."""
    if isinstance(content, dict):
        return {key: adapted(value, workspace_one) for key, value in content.items()}
    if isinstance(content, list):
        return [adapted(value, workspace_one) for value in content]
    if isinstance(content, str):
        return content.replace("https://acme.workspaceoneaccess.com", workspace_one.base_url)
    return content


def test_a_wrong_secret_of_the_first_client(playbooks: Playbooks, workspace_one: WorkspaceOne) -> None:
    run = role(playbooks, {**settings(workspace_one), "bootstrap_client_secret": "not-the-secret"}, "-vvvv")
    for part in ("client api-bootstrap-client on localhost", "HTTP 401", "the secret is wrong"):
        assert part in run.failure.message
    assert workspace_one.writes() == []
    no_secret(run, workspace_one, "not-the-secret")


def test_the_domain_is_another_directorys(playbooks: Playbooks, workspace_one: WorkspaceOne) -> None:
    workspace_one.add_directory("Other", "lab.example.com")
    run = role(playbooks, {**settings(workspace_one), "remove_bootstrap_client": True})
    for part in (
        "HTTP 409",
        "Another directory has one of the domains",
        "broker_directory_info",
        "Nothing was changed",
    ):
        assert part in run.failure.message
    # Nobody is locked out by it.
    assert held(workspace_one) == (["api-bootstrap-client", "automation"], ["Other"], [])


# What the role has of modules


def test_a_client_removes_itself_only_where_told(in_cloud: Modules, workspace_one: WorkspaceOne) -> None:
    gone: Json = {"client_id": workspace_one.bootstrap_client_id, "state": "absent"}
    assert "or set delete_own: true" in in_cloud.failed("broker_oauth2_client", **gone)
    dry = in_cloud.well("broker_oauth2_client", check=True, **gone, delete_own=True)
    assert workspace_one.writes() == []
    done = in_cloud.well("broker_oauth2_client", **gone, delete_own=True)
    assert (done["operation"], done["diff"], done["warnings"]) == ("delete", dry["diff"], [])
    assert held(workspace_one)[0] == []
    again = in_cloud.well("broker_oauth2_client", **gone, delete_own=True)
    assert (again["changed"], again["operation"]) == (False, "none")
    assert "is taken for deleted" in again["warnings"][0]
    assert again.keys() == done.keys()


def test_a_client_that_does_not_go(
    in_cloud: Modules, workspace_one: WorkspaceOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace_one.services, "delete_client", lambda _key: None)
    options: Json = {"client_id": workspace_one.bootstrap_client_id, "state": "absent", "delete_own": True}
    assert "was deleted without an error, and still signs in" in in_cloud.failed("broker_oauth2_client", **options)


def test_a_token_of_a_directory_to_come_is_foretold(in_cloud: Modules, workspace_one: WorkspaceOne) -> None:
    told_so = in_cloud.well("sync_token", check=True, directory="Okta")
    assert (told_so["changed"], told_so["token"], told_so["directory_id"]) == (True, None, None)
    assert "There is no directory 'Okta' yet" in told_so["warnings"][0]
    assert "has none" in in_cloud.failed("sync_token", directory="Okta")
    assert workspace_one.mintings() == []
