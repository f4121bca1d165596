# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""No password, session or token is ever shown: not at -vvvv, in a log, a fact cache, a callback or a process list."""

from __future__ import annotations

import base64
import contextlib
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance, Fault, PocketId, SddcManager, WorkspaceOne
from system import sddc_examples
from system.homes import CLIENT, DIRECTORY, OIDC, PROVIDER
from system.playbook import (
    NAMESPACE,
    Json,
    Modules,
    Playbooks,
    Run,
    pocket_id_connection,
    pocket_id_settings,
    sddc_connection,
    workspace_one_connection,
)

MUFFIN = {"username": "muffin", "given_name": "Muffin"}
LOUD = ("-vvvv", "--diff")
# What the tests themselves hand in: the inventory and the variables of the user, and the kept token.
GIVEN = ("inventory", "plays", "variables", "token")


class ProcessList(threading.Thread):
    """What everybody on the machine can see of the commands that run, and what their owner sees of their environments."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        # A process becomes what it is when it is young.
        young: dict[str, int] = {}
        for count in itertools.count():
            if self.ended.wait(0.01):
                return
            for path in Path("/proc").glob("[0-9]*"):
                if young.setdefault(path.name, count) > count - 100 or count % 50 == 0:
                    with contextlib.suppress(OSError):
                        self.seen |= {(path / "cmdline").read_bytes(), (path / "environ").read_bytes()}


class Watched(Playbooks):
    """Runs playbooks as talkative as can be, and looks at all that comes of it."""

    def __init__(self, folder: Path, appliance: Appliance, interpreter: Path) -> None:
        super().__init__(folder, appliance, interpreter)
        self.said: list[str] = []
        self.environment |= {
            "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
            "ANSIBLE_LOG_VERBOSITY": "4",
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts"),
        }

    def run(self, playbook: str | list[Json], *arguments: str, **options: Any) -> Run:
        run = super().run(playbook, *LOUD, *arguments, **options)
        self.said.append(run.output)
        return run

    def leaks(self, *more: str) -> list[str]:
        """Where a secret was found; never the secret."""
        appliance = self.appliance
        secrets = {*appliance.all_secrets(), *more}
        secrets |= {base64.b64encode(secret.encode()).decode() for secret in secrets}
        found = [f"output {number}" for number, text in enumerate(self.said) if any(s in text for s in secrets)]
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.name.startswith(GIVEN):
                text = path.read_text(errors="replace")
                found += [str(path)] if any(secret in text for secret in secrets) else []
        return found


@pytest.fixture
def watched(tmp_path: Path, appliance: Appliance, interpreter: Path) -> Iterator[Watched]:
    runner = Watched(tmp_path, appliance, interpreter)
    yield runner
    runner.close()


@contextmanager
def process_list() -> Iterator[ProcessList]:
    processes = ProcessList()
    processes.start()
    yield processes
    processes.ended.set()
    processes.join()


def test_the_playbooks_tell_no_secret(watched: Watched, appliance: Appliance, tmp_path: Path) -> None:
    appliance.login("muffin")
    variables = {
        **watched.variables,
        "federated_users_users": [MUFFIN],
        "federated_users_token_file": str(tmp_path / "token"),
        "step_by_step_external_id": PEOPLE["muffin"],
    }
    with process_list() as processes:
        watched.run(f"{NAMESPACE}.provision", "--check", variables=variables).went_well()
        watched.run(f"{NAMESPACE}.provision", variables=variables).went_well()
        watched.run(f"{NAMESPACE}.list", variables=variables).went_well()
        watched.run(f"{NAMESPACE}.step_by_step", variables=variables).went_well()
        del variables["federated_users_users"]
        watched.run(f"{NAMESPACE}.delete", variables={**variables, "delete_users": ["muffin"]}).went_well()
    assert len(appliance.mintings()) == 3
    assert len(appliance.all_secrets()) > 8
    assert watched.leaks() == []
    assert (tmp_path / "ansible.log").stat().st_size > 10_000
    assert list((tmp_path / "facts").iterdir())
    commands = b"\n".join(processes.seen)
    assert b"ansible-playbook" in commands
    assert not [secret for secret in appliance.all_secrets() if secret.encode() in commands]


def test_modules_tell_no_secret_either(watched: Watched, appliance: Appliance) -> None:
    """Each in a task of its own; only sync_token hands its token out, and says no_log."""
    connection = {
        "hostname": "localhost",
        "port": appliance.https_port,
        "password": appliance.password,
        "ca_path": str(appliance.ca_file),
    }
    plain, prefixed = ({**connection, name: appliance.username} for name in ("username", "vcenter_username"))
    given = {"token": "{{ sync.token }}", "scim_url": "{{ sync.scim_url }}", "ca_path": str(appliance.ca_file)}
    lab = {"domain": DEFAULT_DOMAIN}
    user = {**MUFFIN, "external_id": "id-of-muffin", **lab}
    tasks = [
        {f"{NAMESPACE}.broker_provider_info": plain, "register": "seen"},
        {f"{NAMESPACE}.sync_token": plain, "no_log": True, "register": "sync"},
        {f"{NAMESPACE}.scim_user": {**given, **user}, "register": "seen"},
        {f"{NAMESPACE}.scim_user": {**given, **user, "given_name": "New"}, "register": "seen"},
        {f"{NAMESPACE}.scim_user_info": given, "register": "seen"},
        {f"{NAMESPACE}.scim_user_info": prefixed, "register": "seen"},
        {
            f"{NAMESPACE}.scim_group": {**given, "display_name": "bakers", "members": ["muffin"], **lab},
            "register": "seen",
        },
        {f"{NAMESPACE}.scim_group_info": plain, "register": "seen"},
        {
            f"{NAMESPACE}.global_permission": {
                **plain,
                "principal": "bakers",
                "principal_type": "group",
                "role": "Admin",
                **lab,
            },
            "register": "seen",
        },
        {f"{NAMESPACE}.global_permission_info": plain, "register": "seen"},
        {f"{NAMESPACE}.login_diagnosis_info": {**plain, "users": ["muffin"]}, "register": "seen"},
        {f"{NAMESPACE}.scim_users": {**plain, "users": [{**user, "state": "absent"}]}, "register": "seen"},
        {"ansible.builtin.set_fact": {"kept": "{{ seen }}", "cacheable": True}},
        {"ansible.builtin.debug": {"var": "seen"}},
        {"ansible.builtin.debug": {"msg": "{{ sync.expires_at }}"}},
    ]
    for task in tasks:
        task.setdefault("name", "a task")
    watched.tasks(*tasks).went_well()
    assert len(appliance.mintings()) == 2
    assert watched.leaks() == []


@pytest.mark.parametrize("api_host", ["localhost", "appliance"])
def test_rotating_the_token_tells_no_secret(
    watched: Watched, appliance: Appliance, tmp_path: Path, api_host: str
) -> None:
    """Nor where the module runs over SSH, whose connection shows at -vvv what comes back."""
    vault_password = tmp_path / "token_vault_password"
    vault_password.touch(mode=0o600)
    vault_password.write_text("password-of-the-vault")
    given = appliance.mint()
    variables = {
        **watched.variables,
        "federated_users_api_host": api_host,
        "rotate_token_file": str(tmp_path / "token_file"),
        "rotate_token_vault_file": str(tmp_path / "vault.yml"),
        "rotate_token_current_token": given,
    }
    # Whatever it says in the end, its environment is kept for a look.
    command = ["sh", "-c", 'env > "$0"; token=$(cat); echo "$token"; printf %s "$token" | base64 -w 0 >&2; exit $1']
    arguments = [str(tmp_path / "environment")]

    def rotate(code: int, *more: str, **settings: Any) -> Run:
        run = {f"rotate_token_{name}": value for name, value in settings.items()}
        run["rotate_token_command"] = [*command, *arguments, str(code)]
        vault = ("--vault-password-file", str(vault_password))
        return watched.run(f"{NAMESPACE}.rotate_token", *vault, *more, variables={**variables, **run})

    with process_list() as processes:
        rotate(0, "--check").went_well()
        rotate(0).went_well()
        del variables["rotate_token_current_token"]
        rotate(0, renew_before=60).went_well()
        failed = rotate(1)
    assert failed.code != 0
    assert "exit status 1 and said: ********" in failed.failure.message
    assert len(appliance.mintings()) == 2
    assert (tmp_path / "environment").stat().st_size > 0
    assert watched.leaks("password-of-the-vault") == []
    assert (tmp_path / "ansible.log").stat().st_size > 10_000
    commands = b"\n".join(processes.seen)
    assert not [secret for secret in appliance.all_secrets() if secret.encode() in commands]


def test_pocket_id_tells_no_secret(watched: Watched, appliance: Appliance, pocket_id: PocketId) -> None:
    """Neither the API key, nor a client's secret, nor the token of Pocket ID's own SCIM client."""
    pocket_id.add_user("muffin", PEOPLE["muffin"], "muffin@example.org", first_name="Muffin", last_name="Baker")
    pocket_id.add_group("vcenter-admins", members=["muffin"])
    pocket_id.add_client("Wiki", id="wiki")
    pocket_id.add_scim_service_provider("wiki", "https://wiki.example.org/scim", token="token-of-the-wiki-in-clear")
    client = {**pocket_id_connection(pocket_id), "client_id": "vcenter", "vcenter": "vcsa.example.org"}
    module = f"{NAMESPACE}.pocket_id_oidc_client"
    with process_list() as processes:
        watched.tasks(
            {"name": "made", module: client, "no_log": True, "register": "made"},
            {"name": "unchanged", module: client, "register": "seen"},
            {"name": "rotated", module: {**client, "rotate_secret": True}, "no_log": True, "register": "made"},
            {"name": "gone", module: {**client, "state": "absent"}, "register": "seen"},
            {"name": "shown", "ansible.builtin.debug": {"var": "seen"}},
        ).went_well()
        group = {"from_pocket_id": {"groups": ["vcenter-admins"]}, **pocket_id_settings(pocket_id)}
        watched.role([], **group).went_well()
        watched.role([], **{**group, "pocket_id_api_key": pocket_id.user_api_key})
        pocket_id.switches.faults = [Fault(match="GET /user-groups", kind="html", times=99)]
        watched.role([], **group)
    secrets = pocket_id.all_secrets()
    assert len(secrets) >= 5
    assert watched.leaks(*secrets) == []
    commands = b"\n".join(processes.seen)
    assert not [secret for secret in secrets if secret.encode() in commands]
    assert appliance.login("muffin").allowed


def test_sddc_manager_tells_no_secret(watched: Watched, sddc: SddcManager) -> None:
    """Neither a login, nor what is written to a provider, nor the sync token, also where the list tells it."""
    connection = sddc_connection(sddc)
    okta = {**connection, **sddc_examples.federated_task(*sddc_examples.OKTA)}
    secret, password = "the-secret-of-the-client", "the-password-of-the-reader"
    okta["oidc"] = {**okta["oidc"], "client_secret": secret}
    source = {**connection, **sddc_examples.SOURCE_TASK}
    source["ldap"] = {**source["ldap"], "password": password}
    sddc.switches.tells_token = True
    sddc.switches.faults = [Fault(match="GET /v1/identity-providers$", kind="expire_token", after=2)]
    keyed = {**connection, "username": None, "password": None, "api_key": sddc.api_key}
    tasks: list[Json] = [
        {f"{NAMESPACE}.sddc_identity_provider": okta, "register": "seen"},
        {f"{NAMESPACE}.sddc_identity_source": source, "register": "seen"},
        {f"{NAMESPACE}.sddc_sync_token": connection, "no_log": True, "register": "sync"},
        {f"{NAMESPACE}.sddc_sync_token": {**keyed, "current_token": "{{ sync.token }}"}, "no_log": True},
        {f"{NAMESPACE}.sddc_identity_provider": {**okta, "update_secret": "always"}, "register": "seen"},
        {f"{NAMESPACE}.sddc_identity_precheck_info": {**keyed, "source": "OKTA"}, "register": "seen"},
        {f"{NAMESPACE}.sddc_oidc_info": keyed, "register": "seen"},
        {f"{NAMESPACE}.sddc_identity_provider_info": connection, "register": "seen"},
        {"ansible.builtin.set_fact": {"kept": "{{ seen }}", "cacheable": True}},
        {"ansible.builtin.debug": {"var": "seen"}},
    ]
    for task in tasks:
        task.setdefault("name", "a task")
    with process_list() as processes:
        watched.tasks(*tasks).went_well()
        for refused in ("createToken", "addExternalIdentityProvider", "getIdentityProviders"):
            sddc.switches.refuse = {refused: 500}
            watched.tasks({"name": "refused", f"{NAMESPACE}.sddc_identity_provider": {**okta, "name": "new"}})
        sddc.switches.refuse = {}
        sddc.switches.canned = {"generateSyncClientToken": '{"token": "a-token-of-a-spoilt-answer"}'}
        watched.tasks({"name": "spoilt", f"{NAMESPACE}.sddc_sync_token": connection})
    secrets = [*sddc.all_secrets(), secret, password, "a-token-of-a-spoilt-answer"]
    assert len(sddc.all_secrets()) > 12
    assert watched.leaks(*secrets) == []
    commands = b"\n".join(processes.seen)
    assert not [each for each in secrets if each.encode() in commands]


def test_the_brokers_own_api_tells_no_secret(watched: Watched, workspace_one: WorkspaceOne) -> None:
    """Neither secrets of clients and providers, nor access tokens, nor in refusals."""
    access = workspace_one_connection(workspace_one)
    client = {**CLIENT, "secret": "secret-of-the-client-in-clear"}
    oidc = {**OIDC, "client_secret": "secret-at-the-provider-in-clear"}
    rotation = {"client_id": CLIENT["client_id"], "secret_rotation": "started"}
    given = {"secondary_secret": "second-secret-of-the-client-in-clear"}
    people = [{"username": "muffin", "external_id": "id-of-muffin", "domain": "lab.example.com"}]
    tasks: list[Json] = [
        {f"{NAMESPACE}.broker_oauth2_client": {**access, **client}},
        {f"{NAMESPACE}.broker_oauth2_client": {**access, **rotation, **given}},
        {f"{NAMESPACE}.broker_oauth2_client": {**access, **client, "update_secret": "always"}},
        {f"{NAMESPACE}.broker_oauth2_client_info": access},
        {f"{NAMESPACE}.broker_directory": {**access, **DIRECTORY}},
        {f"{NAMESPACE}.broker_directory_info": {**access, "sync_client": True}},
        {f"{NAMESPACE}.broker_identity_provider": {**access, **PROVIDER, "oidc_profile": oidc}},
        {
            f"{NAMESPACE}.broker_identity_provider": {
                **access,
                **PROVIDER,
                "oidc_profile": oidc,
                "update_secret": "always",
            }
        },
        {f"{NAMESPACE}.broker_identity_provider_info": access},
        {f"{NAMESPACE}.scim_users": {**access, "users": people}},
        {f"{NAMESPACE}.sync_token": {**access, "directory": "Lab"}, "no_log": True},
        {f"{NAMESPACE}.broker_directory": {**access, "name": "Lab", "source": "PING"}},
        {f"{NAMESPACE}.broker_oauth2_client": {**access, **client, "api_client_secret": "not-the-secret"}},
    ]
    for number, task in enumerate(tasks):
        task |= {"name": f"task {number}", "ignore_errors": True, "register": "seen"}
    tasks += [{"name": "shown", "ansible.builtin.debug": {"var": "seen"}}]
    with process_list() as processes:
        run = watched.tasks(*tasks)
    assert [result.task for result in run.results if result.outcome == "ignored"] == ["task 12"]
    workspace_one.switches.faults = [Fault(match="POST /acs/token", kind="html", times=9)]
    watched.tasks({"name": "a login page", f"{NAMESPACE}.broker_directory_info": access})
    workspace_one.switches.faults = [Fault(match="POST /oauth2-clients", kind="wrong_json", times=9)]
    watched.tasks({"name": "spoilt", f"{NAMESPACE}.broker_oauth2_client": {**access, **client, "client_id": "other"}})
    secrets = [*workspace_one.all_secrets(), "not-the-secret"]
    assert len(secrets) > 10
    assert watched.leaks(*secrets) == []
    commands = b"\n".join(processes.seen)
    assert not [secret for secret in secrets if secret.encode() in commands]


def test_ssh_is_opened_without_telling_a_secret(watched: Watched, appliance: Appliance) -> None:
    """Neither by who opens it, nor where that fails, nor in what is kept on the way."""
    appliance.switches.ssh_enabled = False
    appliance.login("muffin")
    with process_list() as processes:
        watched.role([MUFFIN], open_ssh=True).went_well()
    assert b"_ssh_guard" in b"".join(processes.seen)
    assert not appliance.access.ssh
    option = {
        "hostname": "localhost",
        "port": appliance.https_port,
        "username": appliance.username,
        "password": appliance.password,
        "ca_path": str(appliance.ca_file),
        "retries": 0,
    }
    faults = [
        [Fault(match="POST ^/api/session$", kind="html")],
        [Fault(match="PUT /ssh$", kind="html", after=1, times=99)],
        [Fault(match="GET /ssh$", kind="wrong_json")],
    ]
    for each in faults:
        appliance.access.ssh = False
        appliance.switches.faults = each
        assert watched.read_log({"open_ssh": option}).results[0].outcome == "ignored"
    appliance.switches.faults = []
    watched.read_log(
        {"open_ssh": {**option, "password": "not-the-password"}}, {"open_ssh": {**option, "port": "https"}}
    )
    basic = base64.b64encode(f"{appliance.username}:not-the-password".encode()).decode()
    assert watched.leaks("not-the-password", basic) == []
    commands = b"\n".join(processes.seen)
    assert not [secret for secret in appliance.all_secrets() if secret.encode() in commands]


@pytest.mark.parametrize(
    ("match", "kind"),
    [
        ("POST ^/api/session$", "html"),
        ("GET /admin-client$", "wrong_json"),
        ("GET /Users", "truncated"),
        ("POST /sync-client", "wrong_json"),
        ("POST /Users$", "expire_token"),
    ],
)
def test_failures_tell_no_secret(watched: Watched, appliance: Appliance, match: str, kind: Any) -> None:
    appliance.switches.faults = [Fault(match=match, kind=kind, times=99)]
    run = watched.role([{**MUFFIN, "external_id": "id-of-muffin"}])
    assert run.code != 0
    assert "Traceback" not in run.output
    assert watched.leaks() == []


def test_refused_credentials_are_not_shown(watched: Watched, appliance: Appliance) -> None:
    basic = base64.b64encode(f"{appliance.username}:not-the-password".encode()).decode()
    assert watched.role([{**MUFFIN, "external_id": "x"}], password="not-the-password").code != 0
    token = appliance.mint()
    appliance.mint()
    assert watched.role([{**MUFFIN, "external_id": "x"}], token=token, scim_url=appliance.scim_url).code != 0
    assert watched.leaks("not-the-password", basic, token) == []


# Without a playbook


def test_sync_token_returns_its_token_and_nothing_else(modules: Modules, appliance: Appliance) -> None:
    result = modules.well("sync_token")
    token = appliance.current_sync_token
    assert result.pop("token") == token
    assert not [secret for secret in appliance.all_secrets() if secret in str(result)]
    kept = modules.well("sync_token", current_token=token)
    assert (kept["changed"], kept.pop("token")) == (False, token)
    assert not [secret for secret in appliance.all_secrets() if secret in str(kept)]
    assert len(appliance.mintings()) == 1


def test_the_connection_from_the_environment(modules: Modules, appliance: Appliance) -> None:
    environment = {
        "VMWARE_HOST": "localhost",
        "VMWARE_PORT": str(appliance.https_port),
        "VMWARE_USER": appliance.username,
        "VMWARE_PASSWORD": appliance.password,
        "VMWARE_CA_PATH": str(appliance.ca_file),
    }
    none: Json = dict.fromkeys(("hostname", "port", "username", "password", "ca_path"))
    names = ("hostname", "port", "vcenter_username", "vcenter_password", "ca_path")
    prefixed: Json = dict.fromkeys(names)
    user = {"username": "muffin", "external_id": "x", "domain": DEFAULT_DOMAIN}
    results = [
        modules.well("broker_provider_info", environment=environment, **none),
        modules.well("scim_users", environment=environment, users=[user], **none),
        modules.well("scim_user", environment=environment, **{**prefixed, **user}),
        modules.well("scim_user_info", environment=environment, **prefixed),
        modules.well("broker_provider_info", environment={**environment, "VMWARE_VALIDATE_CERTS": "true"}, **none),
    ]
    assert not [secret for secret in appliance.all_secrets() if secret in str(results)]
    message = modules.failed("broker_provider_info", environment={**environment, "VMWARE_PASSWORD": "nope"}, **none)
    assert "401" in message


@pytest.mark.parametrize("password", ["p\u00e4ssw\u00f6rd-\u20ac", 'a "b" \\ c:d'])
def test_a_password_is_any_text(
    modules: Modules, appliance: Appliance, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials are encoded as UTF-8 (RFC 7617)."""
    monkeypatch.setattr(appliance.state, "password", password)
    assert modules.well("broker_provider_info", password=password)["providers"]
    message = modules.failed("broker_provider_info", password=f"{password}x")
    assert "user name or password is wrong" in message


def test_a_kept_token_is_for_its_owner_only(modules: Modules, appliance: Appliance, tmp_path: Path) -> None:
    file = tmp_path / "token"
    user = {"username": "muffin", "external_id": "x"}
    result = modules.well("scim_users", users=[user], domain=DEFAULT_DOMAIN, token_file=str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert appliance.current_sync_token in file.read_text()
    assert not [secret for secret in appliance.all_secrets() if secret in str(result)]
    assert [path.name for path in tmp_path.iterdir() if "token" in path.name] == ["token"]
