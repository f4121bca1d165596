# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is given wrong ends with one message that says what, where and what to do; and nothing is changed."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, DEFAULT_PROVIDER_ID, Appliance, Provider
from system.playbook import Modules, Playbooks

MUFFIN = {"username": "muffin", "external_id": "id-of-muffin"}
OTHER = Provider(idp="0b0f0a50-31a5-4a0e-9be3-0f0d2f9b7c22", name="Other", domains=["example.com"])


def refusal(modules: Modules, module: str = "scim_users", **options: Any) -> str:
    """The message of a run that must fail and change nothing."""
    appliance = modules.appliance
    before = appliance.broker.users
    if module == "scim_users":
        options = {"users": [MUFFIN], "domain": DEFAULT_DOMAIN, **options}
    message = modules.failed(module, **options)
    assert appliance.broker.users == before
    assert appliance.writes() == []
    assert not [secret for secret in appliance.all_secrets() if secret in message]
    return message


def has(message: str, *parts: str) -> None:
    for part in parts:
        assert part in message


# Connection


@pytest.mark.parametrize("module", ["scim_users", "broker_provider_info", "sync_token"])
def test_a_wrong_password_is_tried_once(modules: Modules, appliance: Appliance, module: str) -> None:
    message = refusal(modules, module, password="not-the-password")
    has(message, "log in as administrator@vsphere.local", "localhost", "401", "the user name or password is wrong")
    assert [(seen.method, seen.path) for seen in appliance.requests] == [("POST", "/api/session")]


def test_a_host_that_does_not_exist(modules: Modules) -> None:
    message = refusal(modules, hostname="no-such-host.invalid")
    has(message, "no-such-host.invalid", "does not resolve", "Check hostname and the DNS")


def test_a_port_where_nobody_listens(modules: Modules) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        has(refusal(modules, port=probe.getsockname()[1]), "localhost", "refused", "Check hostname and port")


@pytest.mark.parametrize("hostname", ["https://localhost", "local\nhost", "localhost/api", "a host"])
def test_a_host_name_that_is_none(modules: Modules, appliance: Appliance, hostname: str) -> None:
    refusal(modules, hostname=hostname)
    assert appliance.requests == []


def test_a_certificate_that_is_not_trusted(modules: Modules, appliance: Appliance) -> None:
    message = refusal(modules, ca_path=None)
    has(message, "localhost", "certificate is not trusted", "/certs/download.zip", "ca_path")
    assert appliance.requests == []


def test_no_environment_variable_replaces_the_authority(modules: Modules, appliance: Appliance) -> None:
    trusting = {"REQUESTS_CA_BUNDLE": str(appliance.ca_file), "CURL_CA_BUNDLE": str(appliance.ca_file)}
    has(refusal(modules, ca_path=None, environment=trusting), "not trusted")


def test_authorities_that_are_none(modules: Modules, tmp_path: Path) -> None:
    has(refusal(modules, ca_path=str(tmp_path / "none.pem")), "ca_path", "none.pem", "does not exist")
    (tmp_path / "text.pem").write_text("no certificate")
    has(refusal(modules, ca_path=str(tmp_path / "text.pem")), "ca_path", "text.pem", "PEM")


def test_unverified_certificates_are_warned_of(modules: Modules) -> None:
    result = modules.well("broker_provider_info", ca_path=None, validate_certs=False)
    assert "Certificates are not verified" in result["warnings"][0]


def test_the_broker_does_not_answer_to_an_address(modules: Modules) -> None:
    has(refusal(modules, hostname="127.0.0.1"), "127.0.0.1", "HTTP 444", "fully qualified domain name")


def test_what_is_missing(modules: Modules) -> None:
    has(refusal(modules, hostname=None), "hostname")
    has(refusal(modules, username=None), "username", "VMWARE_USER")
    has(refusal(modules, password=None), "password", "VMWARE_PASSWORD")
    has(refusal(modules, hostname=None, token="x"), "scim_url")


def test_requests_that_is_not_there(modules: Modules, tmp_path: Path) -> None:
    (tmp_path / "requests.py").write_text("raise ImportError('no requests')\n")
    path = f"{tmp_path}:{modules.environment['PYTHONPATH']}"
    has(modules.run("scim_users", users=[], environment={"PYTHONPATH": path})["msg"], "requests", "python")


# Providers


@pytest.mark.parametrize("shape", ["list", "summary_list", "providers", "items", "missing"])
def test_no_provider(modules: Modules, appliance: Appliance, shape: str) -> None:
    appliance.switches.update({"providers": [], "providers_shape": shape})
    has(refusal(modules), "localhost", "has no external identity provider", "Configure it first")
    assert appliance.mintings() == []


def test_several_providers(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.providers = [Provider(), OTHER]
    has(refusal(modules), "localhost", "several", DEFAULT_PROVIDER_ID, OTHER.idp, "provider_id")
    has(refusal(modules, provider_id="wrong"), "wrong", DEFAULT_PROVIDER_ID, OTHER.idp)
    assert appliance.mintings() == []
    modules.well("scim_users", users=[MUFFIN], domain=DEFAULT_DOMAIN, provider_id=DEFAULT_PROVIDER_ID)


# Tokens


def with_token(appliance: Appliance, token: str) -> dict[str, Any]:
    return {"token": token, "scim_url": appliance.scim_url, "hostname": None, "username": None, "password": None}


def test_a_token_that_has_expired(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.token_ttl = -60
    message = refusal(modules, **with_token(appliance, appliance.mint()))
    has(message, "localhost", "The given token expired at 2", "Give a current one")


def test_a_token_that_was_revoked(modules: Modules, appliance: Appliance) -> None:
    token = appliance.mint()
    current = appliance.mint()
    has(refusal(modules, **with_token(appliance, token)), "localhost", "The given token was refused", "revoked")
    # Nor is another one revoked for it.
    message = refusal(modules, token=token)
    has(message, "The given token was refused")
    assert appliance.current_sync_token == current


@pytest.mark.parametrize("token", ["HZN abc", "a\nb", "a\tb", "ä"])
def test_a_token_that_is_none(modules: Modules, appliance: Appliance, token: str) -> None:
    message = refusal(modules, **with_token(appliance, token))
    has(message, "token", "malformed", "without HZN or Bearer")
    assert appliance.requests == []


def test_token_files_that_cannot_be_used(modules: Modules, appliance: Appliance, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret-of-somebody")
    file.chmod(0o644)
    has(refusal(modules, token_file=str(file)), "token_file", str(file), f"chmod 600 {file}")
    file.chmod(0o600)
    file.write_text("{}")
    has(refusal(modules, token_file=str(file)), str(file), "JSON without a token", "Remove it")
    file.write_bytes(b"\xff\xfe")
    has(refusal(modules, token_file=str(file)), str(file), "no text")
    has(refusal(modules, token_file=str(tmp_path)), "token_file", str(tmp_path), "cannot be read")
    has(
        refusal(modules, token_file=str(tmp_path / "none/token")), "token_file", str(tmp_path / "none"), "Make it first"
    )
    assert appliance.mintings() == []


def test_a_scim_address_of_another_host(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.scim_url = "other_host"
    message = refusal(modules)
    has(message, "localhost", "vcsa.example.net as hostname", "only to the host that the task names", "scim_url")
    # Whoever names the address trusts it.
    modules.well("scim_users", users=[MUFFIN], domain=DEFAULT_DOMAIN, scim_url=appliance.scim_url)


def test_a_scim_address_without_tls(modules: Modules, appliance: Appliance) -> None:
    plain = appliance.scim_url.replace("https:", "http:")
    has(refusal(modules, token="abc", scim_url=plain), "scim_url", "is no https address")


# Users


@pytest.mark.parametrize("module", ["scim_user", "scim_users"])
@pytest.mark.parametrize(
    ("user", "parts"),
    [
        ({"username": "muffin@other.example.org"}, ("username", "muffin@other.example.org", "another domain")),
        ({"username": 42}, ("username", "42", "int", "Quote it")),
        ({"external_id": 123}, ("external_id", "123", "int", "Quote it")),
        ({"external_id": 1.5}, ("external_id", "1.5", "Quote it")),
        ({"external_id": True}, ("external_id", "True", "Quote it")),
        ({"external_id": ""}, ("external_id", "empty")),
        ({"external_id": " x"}, ("external_id", "white space")),
        ({"external_id": "a\tb"}, ("external_id", "cannot be printed")),
        ({"username": ""}, ("username", "empty")),
        ({"username": "@lab.example.org"}, ("username", "@lab.example.org", "is no user name", "name@domain")),
        ({"domain": "a b"}, ("domain", "no domain")),
    ],
)
def test_a_user_that_is_none(
    modules: Modules, appliance: Appliance, module: str, user: dict[str, Any], parts: tuple[str, ...]
) -> None:
    options = {**MUFFIN, "domain": DEFAULT_DOMAIN, **user}
    has(refusal(modules, module, **({"users": [options]} if module == "scim_users" else options)), *parts)
    assert appliance.requests == []


@pytest.mark.parametrize("username", ["muffin", "muffin@unknown.example.org"])
def test_a_domain_that_the_provider_does_not_have(modules: Modules, appliance: Appliance, username: str) -> None:
    domain = None if "@" in username else "unknown.example.org"
    message = refusal(modules, users=[{**MUFFIN, "username": username}], domain=domain)
    has(message, "unknown.example.org", "not a domain of the identity provider", DEFAULT_DOMAIN)
    assert appliance.mintings() == []


def test_a_domain_that_must_be_named(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.providers = [Provider(domains=[DEFAULT_DOMAIN, "two.example.org"])]
    has(refusal(modules, domain=None), "domain", "muffin", f"{DEFAULT_DOMAIN}, two.example.org")


def test_a_user_without_external_id(modules: Modules) -> None:
    has(refusal(modules, users=[{"username": "scone"}]), "scone@lab.example.org", "no external_id", "externalid_fact")


def test_addresses_that_are_none(modules: Modules, appliance: Appliance) -> None:
    message = refusal(modules, users=[{"username": "muffin", "login_from": ["192.0.2.0/99"]}])
    has(message, "login_from", "192.0.2.0/99", "192.0.2.0/24")
    assert appliance.requests == []


def test_every_problem_is_told_at_once(modules: Modules, appliance: Appliance) -> None:
    appliance.add_user("scone@lab.example.org", "id-of-scone", domain=DEFAULT_DOMAIN)
    users = [{"username": "pie"}, {"username": "scone", "external_id": "other"}, MUFFIN]
    has(refusal(modules, users=users, on_error="stop"), "2 problems", "pie@lab.example.org", "recreate: true")


def test_a_bare_number_in_a_playbook(playbooks: Playbooks, appliance: Appliance) -> None:
    """YAML would make 10 of 012 and true of yes before any string option sees it."""
    run = playbooks.role([{"username": "muffin", "external_id": 10}])
    has(run.failure.message, "users[0].external_id", "10", "Quote it")
    assert appliance.requests == []
    assert "Traceback" not in run.output
