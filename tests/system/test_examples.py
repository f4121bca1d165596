# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of modules shows really runs: their EXAMPLES. READMEs and guides are in test_guides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance, PocketId, SddcManager, WorkspaceOne
from system.documented import constant
from system.playbook import NAMESPACE, REPOSITORY, Playbooks

MODULES = sorted(path.stem for path in (REPOSITORY / "plugins/modules").glob("[!_]*.py"))


def examples(module: str) -> list[dict[str, Any]]:
    path = REPOSITORY / f"plugins/modules/{module}.py"
    tasks: list[dict[str, Any]] = yaml.safe_load(constant(path, "EXAMPLES"))
    return tasks


def groups(tasks: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Each task of a module of ours, with the tasks behind it that use its result."""
    found: list[list[dict[str, Any]]] = []
    for task in tasks:
        registered = [earlier["register"] for earlier in (found[-1] if found else ()) if "register" in earlier]
        uses_it = any(re.search(rf"{{{{ {name}\b", str(task)) for name in registered)
        if any(key.startswith(NAMESPACE) for key in task) and not uses_it:
            found.append([])
        found[-1].append(task)
    return found


def runs(module: str) -> list[list[list[dict[str, Any]]]]:
    """The groups that one run of Ansible can do: who gives a token begins a run, since others may mint one."""
    found: list[list[list[dict[str, Any]]]] = []
    for tasks in groups(examples(module)):
        if not found or "vault_sync_token" in str(tasks):
            found.append([])
        found[-1].append(tasks)
    return found


def adapted(content: Any, appliance: Appliance, pocket_id: PocketId) -> Any:
    """The same with the simulator's names: its hosts, and no longer waiting than a test may."""
    if isinstance(content, dict):
        return {key: 1 if key == "wait" else adapted(value, appliance, pocket_id) for key, value in content.items()}
    if isinstance(content, list):
        return [adapted(value, appliance, pocket_id) for value in content]
    if content == "vcsa":
        return "appliance"
    if isinstance(content, str):
        content = content.replace("https://id.example.org", pocket_id.base_url)
        content = content.replace("sddc-manager.example.org", "localhost")
        return content.replace("https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2", appliance.scim_url).replace(
            "vcsa.example.org", appliance.fqdn
        )
    return content


def environment(appliance: Appliance, pocket_id: PocketId) -> dict[str, str]:
    return {
        "VMWARE_PORT": str(appliance.https_port),
        "VMWARE_CA_PATH": str(appliance.ca_file),
        "POCKET_ID_CA_PATH": str(pocket_id.ca_file),
    }


def in_cloud(content: Any, workspace_one: WorkspaceOne) -> Any:
    """The same with the simulated tenant, whose certificate no public authority signed."""
    if isinstance(content, list):
        return [in_cloud(value, workspace_one) for value in content]
    if not isinstance(content, dict):
        return content
    if content.get("platform") == "workspace_one":
        return {**content, "base_url": workspace_one.base_url, "ca_path": str(workspace_one.ca_file)}
    return {key: in_cloud(value, workspace_one) for key, value in content.items()}


def put_tenant(workspace_one: WorkspaceOne, module: str) -> dict[str, str]:
    """What the examples of Workspace ONE look for there, and their secrets."""
    secret = "secret-of-the-automation"
    body = {"client_id": "automation", "grant_types": ["client_credentials"], "scope": ["admin"]}
    workspace_one.services.place_client({**body, "rule_set_names": ["TENANT_ADMIN"]}, secret)
    if module != "broker_directory":
        workspace_one.add_directory("Lab", "lab.example.com")
    return {
        "vault_workspace_one_secret": secret,
        "vault_workspace_one_bootstrap_secret": workspace_one.bootstrap_secret,
        "vault_client_secret": "secret-of-the-new-client",
        "vault_next_client_secret": "next-secret-of-the-new-client",
        "vault_oidc_client_secret": "secret-at-the-provider",
    }


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(
    playbooks: Playbooks,
    appliance: Appliance,
    pocket_id: PocketId,
    workspace_one: WorkspaceOne,
    sddc: SddcManager,
    module: str,
) -> None:
    tenant = put_tenant(workspace_one, module)
    appliance.login("muffin")
    put_provider(sddc, appliance, module)
    put_people(playbooks.folder)
    if any(f"{NAMESPACE}.pocket_id_user_info" in task for task in examples(module)):
        pocket_id.add_client("vCenter", id="vcenter")
    put_group(pocket_id)
    if module == "scim_group":
        # Whom other modules' examples create.
        for name in ("muffin", "crumpet"):
            appliance.add_user(f"{name}@{DEFAULT_DOMAIN}", PEOPLE[name], domain=DEFAULT_DOMAIN)
    common = {
        "hosts": "appliance" if module == "externalid_fact" else "localhost",
        "gather_facts": False,
        "module_defaults": {f"{NAMESPACE}.externalid_fact": {"log_path": str(appliance.log_path)}},
    }
    for together in runs(module):
        plays = [
            {
                **common,
                "name": f"example {number}",
                "tasks": in_cloud(adapted(tasks, appliance, pocket_id), workspace_one),
            }
            for number, tasks in enumerate(together)
        ]
        secrets = {
            "vault_vcenter_password": appliance.password,
            "vault_sync_token": appliance.mint(),
            "vault_pocket_id_api_key": pocket_id.api_key,
            "vault_sddc_manager_password": sddc.password,
            **dict.fromkeys(("vault_oidc_client_secret", "vault_ldap_password", "vault_corporate_ca"), "anything-else"),
            **tenant,
        }
        here = environment(appliance, pocket_id) | {
            "SDDC_MANAGER_PORT": str(sddc.https_port),
            "SDDC_MANAGER_CA_PATH": str(sddc.ca_file),
        }
        run = playbooks.run(plays, variables=secrets, environment=here).went_well()
        own = [task for tasks in together for task in tasks if any(key.startswith(NAMESPACE) for key in task)]
        assert len(run.ran) >= len(own)
        assert module in run.ran


def put_group(pocket_id: PocketId) -> None:
    """Whom the examples look for in Pocket ID."""
    # The ids of the documents' examples.
    muffin = "d0e47cc3-ff12-45fd-b4ba-6a30628bd50e"
    pocket_id.add_user("muffin", muffin, "muffin@example.org", first_name="Muffin", last_name="Muffinson")
    pocket_id.add_group("vcenter-admins", members=["muffin"])


def put_provider(sddc: SddcManager, appliance: Appliance, module: str) -> None:
    """Whom the sync token is for: the broker of the appliance mints it."""
    if module == "sddc_sync_token":
        directory = {"name": "dir", "defaultDomain": DEFAULT_DOMAIN, "domains": [DEFAULT_DOMAIN]}
        federated = {"name": "okta", "directory": directory, "oidcSpec": {}}
        sddc.add_provider({"type": "FEDERATED_IDP_BROKER", "fedIdpSpec": federated})
        sddc.mint = lambda: (appliance.mint(), appliance.scim_url)


def put_people(folder: Path) -> None:
    """The people of the README's file, for what reads people.csv."""
    text = re.findall(r"^```text\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)[0]
    (folder / "people.csv").write_text(text)
