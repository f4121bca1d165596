# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role oidc_federation: Pocket ID on one side, vCenter's broker on the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, PocketId
from simulator.switches import Provider
from system.documents import plays
from system.playbook import NAMESPACE, REPOSITORY, Json, Modules, Playbooks, Run
from system.test_examples import adapted, environment

ROLE = "oidc_federation"
README = REPOSITORY / f"roles/{ROLE}/README.md"
CALLBACK = "https://localhost/federation/t/CUSTOMER/auth/response/oauth2"
OTHER_SECRET = "secret-at-another-provider"


def settings(appliance: Appliance, pocket_id: PocketId, file: Path) -> Json:
    """What a user of the role sets, without its name."""
    return {
        "hostname": appliance.fqdn,
        "port": appliance.https_port,
        "username": appliance.username,
        "password": appliance.password,
        "ca_path": str(appliance.ca_file),
        "directory": "Pocket ID",
        "domain": DEFAULT_DOMAIN,
        "client_id": "vcenter",
        "secret_file": str(file),
        "pocket_id_url": pocket_id.base_url,
        "pocket_id_api_key": pocket_id.api_key,
        "provider_ca_path": str(pocket_id.ca_file),
    }


@pytest.fixture
def given(playbooks: Playbooks, appliance: Appliance, pocket_id: PocketId) -> Json:
    """Before anybody has configured anything."""
    appliance.switches.providers = []
    appliance.services.clear()
    return settings(appliance, pocket_id, playbooks.folder / "secret")


def role(playbooks: Playbooks, given: Json, *arguments: str) -> Run:
    play = {"hosts": "localhost", "gather_facts": False, "roles": [f"{NAMESPACE}.{ROLE}"]}
    return playbooks.run([play], *arguments, variables={f"{ROLE}_{name}": value for name, value in given.items()})


def no_secret(run: Run, *secrets: str) -> None:
    assert not [number for number, secret in enumerate(secrets) if secret in run.output]


def untouched(appliance: Appliance, pocket_id: PocketId) -> None:
    assert (appliance.writes(), appliance.mintings(), pocket_id.writes()) == ([], [], [])


def test_guided_and_then_verified(playbooks: Playbooks, appliance: Appliance, pocket_id: PocketId, given: Json) -> None:
    """The client is made, the clicks are told, a person does them, and the next run, as in the README, sees it."""
    dry = role(playbooks, given, "--check", "--diff").went_well()
    untouched(appliance, pocket_id)
    assert dry.recap("localhost")["changed"] == 1

    run = role(playbooks, given, "--diff", "-vvvv")
    assert f"no provider with the domain {DEFAULT_DOMAIN} yet" in run.failure.message
    told = "\n".join(run.task("Say what to click, and what to type").result["msg"])
    file = Path(given["secret_file"])
    for line in (
        "Directory Name: Pocket ID",
        f"Domain Name(s): {DEFAULT_DOMAIN} ",
        "Client Identifier: vcenter",
        f"Shared Secret: what the file {file} on localhost holds",
        f"OpenID Address: {pocket_id.base_url}/.well-known/openid-configuration",
        f"Redirect URI, which the wizard shows: {CALLBACK}",
        "Now it has none",
    ):
        assert line in told
    (client,) = pocket_id.directory.clients.values()
    assert (client.id, client.callback_urls, client.is_public) == ("vcenter", [CALLBACK], False)
    assert file.stat().st_mode & 0o777 == 0o600
    secret = file.read_text()
    assert secret in pocket_id.all_secrets()
    no_secret(run, *appliance.all_secrets(), *pocket_id.all_secrets())
    assert appliance.writes() == []
    client_diffs = [each.of("pocket_id_oidc_client")[0].result["diff"] for each in (dry, run)]
    assert client_diffs[0] == client_diffs[1]

    # Somebody does the clicks.
    appliance.switches.providers = [Provider()]
    appliance.clear_requests()
    pocket_id.clear_requests()
    (play,) = plays(README)
    rest = {f"{ROLE}_{name}": given[name] for name in ("secret_file", "provider_ca_path")}
    rest |= {"vault_vcenter_password": appliance.password, "vault_pocket_id_api_key": pocket_id.api_key}
    here = environment(appliance, pocket_id)
    readme = adapted(play, appliance, pocket_id)
    again = playbooks.run(readme, "--diff", variables=rest, environment=here).went_well()
    assert again.recap("localhost")["changed"] == 0
    untouched(appliance, pocket_id)
    assert "vCenter has the provider Pocket ID" in again.task("Say what was verified").result["msg"][0]
    assert file.read_text() == secret


def test_through_the_brokers_own_api(
    playbooks: Playbooks, appliance: Appliance, pocket_id: PocketId, given: Json
) -> None:
    """Foretold, done, and nothing left to do."""
    given |= {"method": "api", "trust_certificates": [pocket_id.ca_file.read_text()]}
    dry = role(playbooks, given, "--check", "--diff").went_well()
    untouched(appliance, pocket_id)
    run = role(playbooks, given, "--diff", "-vvvv").went_well()
    assert "nobody has proven on a live appliance" in run.task("Say what this way rests on").message
    # What the appliance refuses keeps Pocket ID as it was.
    wrote = ["broker_directory", "pocket_id_oidc_client", "broker_identity_provider"]
    assert run.own == ["broker_identity_provider_info", *wrote, "broker_provider_info"]
    assert [dry.of(name)[-1].result["diff"] for name in wrote] == [run.of(name)[-1].result["diff"] for name in wrote]
    (directory,) = appliance.services.directories.values()
    assert (directory.body["name"], directory.body["domains"]) == ("Pocket ID", [DEFAULT_DOMAIN])
    (provider,) = appliance.services.providers.values()
    profile = provider["oidc_profile"]
    assert profile["configuration_url"] == f"{pocket_id.base_url}/.well-known/openid-configuration"
    identifiers = [profile[f"{name}_user_identifier_attribute"] for name in ("open_id", "internal")]
    assert identifiers == ["sub", "ExternalId"]
    assert appliance.services.secrets[provider["id"]] == Path(given["secret_file"]).read_text()
    no_secret(run, *appliance.all_secrets(), *pocket_id.all_secrets())

    appliance.clear_requests()
    pocket_id.clear_requests()
    again = role(playbooks, given, "--diff").went_well()
    assert again.recap("localhost")["changed"] == 0
    untouched(appliance, pocket_id)


@pytest.mark.parametrize(
    ("switches", "parts"),
    [
        ({"native_api": "refused_403"}, ["HTTP 403", "does not allow it"]),
        ({}, ["takes one external identity provider, and has Okta"]),
    ],
)
def test_the_appliance_refuses_before_anything_was_changed(
    playbooks: Playbooks, appliance: Appliance, pocket_id: PocketId, given: Json, switches: Json, parts: list[str]
) -> None:
    appliance.switches.update(switches)
    appliance.services.place(Provider(name="Okta"))
    run = role(playbooks, {**given, "method": "api"})
    for part in parts:
        assert part in run.failure.message
    untouched(appliance, pocket_id)
    assert not Path(given["secret_file"]).exists()


def test_another_provider_that_does_not_answer(
    playbooks: Playbooks, appliance: Appliance, pocket_id: PocketId, given: Json
) -> None:
    for name in ("pocket_id_url", "pocket_id_api_key", "secret_file"):
        del given[name]
    url = f"{pocket_id.base_url}/no-such/.well-known/openid-configuration"
    run = role(playbooks, {**given, "discovery_url": url, "client_secret": OTHER_SECRET, "method": "api"}, "-vvvv")
    assert f"{url} is no OpenID configuration" in run.failure.message
    assert "Nothing was changed" in run.failure.message
    assert appliance.requests == []
    no_secret(run, OTHER_SECRET, appliance.password)


# What the role has of modules


def test_a_secret_goes_from_file_to_file(providing: Modules, appliance: Appliance, pocket_id: PocketId) -> None:
    """It is in no result, and a lost one is told before anything is changed."""
    file = providing.folder / "secret"
    options: Json = {"client_id": "vcenter", "vcenter": "vcsa.example.org", "secret_file": str(file)}
    made = providing.well("pocket_id_oidc_client", **options)
    secret = file.read_text()
    assert (made["operation"], made["secret"]) == ("create", None)
    assert secret not in str(made)
    assert providing.well("pocket_id_oidc_client", **options)["changed"] is False

    profile: Json = {"configuration_url": "https://id.example.org", "client_id": "vcenter"}
    provider: Json = {"name": "New", "directory_list": ["Pocket ID"]}

    def with_file(path: Path, **more: Any) -> Json:
        return {**provider, "oidc_profile": {**profile, "client_secret_file": str(path), **more}}

    absent = providing.folder / "none"
    assert providing.well("broker_identity_provider", check=True, **with_file(absent))["operation"] == "create"
    assert f"{absent} holds no secret" in providing.failed("broker_identity_provider", **with_file(absent))
    both = with_file(file, client_secret="x")
    assert "Give either" in providing.failed("broker_identity_provider", **both)
    kept = providing.well("broker_identity_provider", **with_file(file))
    assert secret not in str(kept)
    assert appliance.services.secrets[kept["identity_provider"]["id"]] == secret

    file.chmod(0o644)
    assert "can be read or written by others" in providing.failed("pocket_id_oidc_client", **options)
    file.unlink()
    pocket_id.clear_requests()
    message = providing.failed("pocket_id_oidc_client", **options)
    assert "secret_file: holds no secret" in message
    assert "rotate_secret" in message
    assert pocket_id.writes() == []
    rotated = providing.well("pocket_id_oidc_client", **options, rotate_secret=True)
    assert (rotated["rotated"], rotated["secret"]) == (True, None)
    assert file.read_text() not in ("", secret)


def test_providers_of_a_domain(modules: Modules, appliance: Appliance) -> None:
    def found(domain: str) -> list[str]:
        return [each["name"] for each in modules.well("broker_provider_info", domain=domain)["providers"]]

    assert found(DEFAULT_DOMAIN.upper()) == ["Pocket ID"]
    assert found("other.example.org") == []
    appliance.switches.providers = [Provider(domains=[])]
    untold = modules.well("broker_provider_info", domain=DEFAULT_DOMAIN)
    assert (len(untold["providers"]), untold["warnings"]) == (1, ["Pocket ID does not tell its domains."])
    appliance.switches.update({"providers": [], "providers_shape": "missing"})
    assert found(DEFAULT_DOMAIN) == []
