# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows really runs: each module's EXAMPLES, and the plays of the READMEs."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance
from system.playbook import NAMESPACE, REPOSITORY, Playbooks

MODULES = sorted(path.stem for path in (REPOSITORY / "plugins/modules").glob("[!_]*.py"))
READMES = (REPOSITORY / "README.md", REPOSITORY / "roles/federated_users/README.md")


def examples(module: str) -> list[dict[str, Any]]:
    tree = ast.parse((REPOSITORY / f"plugins/modules/{module}.py").read_text())
    texts = [
        statement.value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == "EXAMPLES"
    ]
    tasks: list[dict[str, Any]] = yaml.safe_load(str(texts[0]))
    return tasks


def groups(tasks: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Each task of a module of ours, with the tasks behind it that show its result."""
    found: list[list[dict[str, Any]]] = []
    for task in tasks:
        if any(key.startswith(NAMESPACE) for key in task):
            found.append([])
        found[-1].append(task)
    return found


def adapted(content: Any, appliance: Appliance) -> Any:
    """The same with the simulated appliance's names: its host, and no longer waiting than a test may."""
    if isinstance(content, dict):
        return {key: 1 if key == "wait" else adapted(value, appliance) for key, value in content.items()}
    if isinstance(content, list):
        return [adapted(value, appliance) for value in content]
    if isinstance(content, str):
        return content.replace("https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2", appliance.scim_url).replace(
            "vcsa.example.org", appliance.fqdn
        )
    return content


def environment(appliance: Appliance) -> dict[str, str]:
    return {"VMWARE_PORT": str(appliance.https_port), "VMWARE_CA_PATH": str(appliance.ca_file)}


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(playbooks: Playbooks, appliance: Appliance, module: str) -> None:
    appliance.login("muffin")
    put_people(playbooks.folder)
    if module == "scim_group":
        # Whom other modules' examples create.
        for name in ("muffin", "crumpet"):
            appliance.add_user(f"{name}@{DEFAULT_DOMAIN}", PEOPLE[name], domain=DEFAULT_DOMAIN)
    for tasks in groups(examples(module)):
        play = {
            "hosts": "appliance" if module == "externalid_fact" else "localhost",
            "gather_facts": False,
            "module_defaults": {f"{NAMESPACE}.externalid_fact": {"log_path": str(appliance.log_path)}},
            "tasks": adapted(tasks, appliance),
        }
        secrets = {"vault_vcenter_password": appliance.password, "vault_sync_token": appliance.mint()}
        run = playbooks.run([play], variables=secrets, environment=environment(appliance)).went_well()
        assert module in run.own


def put_people(folder: Path) -> None:
    """The people of the README's file, for what reads people.csv."""
    text = re.findall(r"^```text\n(.*?)^```$", READMES[0].read_text(), re.MULTILINE | re.DOTALL)[0]
    (folder / "people.csv").write_text(text)


def plays(readme: Path) -> list[list[dict[str, Any]]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_the_plays_of_a_readme_run(playbooks: Playbooks, appliance: Appliance, readme: Path) -> None:
    put_people(playbooks.folder)
    for play in plays(readme):
        appliance.reset()
        appliance.login("muffin")
        playbooks.hosts["vcsa"] = playbooks.hosts["appliance"]
        variables = {
            "vault_vcenter_password": appliance.password,
            "federated_users_log_path": str(appliance.log_path),
        }
        playbooks.run(adapted(play, appliance), variables=variables, environment=environment(appliance)).went_well()
        assert [user["userName"] for user in appliance.broker.users] == ["muffin@lab.example.org"]


def test_the_examples_to_copy_fit_the_role(playbooks: Playbooks, appliance: Appliance) -> None:
    folder = REPOSITORY / "examples"
    hosts = yaml.safe_load((folder / "inventory.yml").read_text())["all"]["hosts"]
    variables = yaml.safe_load((folder / "group_vars/all/vars.yml").read_text())
    vault = yaml.safe_load((folder / "group_vars/all/vault.yml.example").read_text())
    assert variables["federated_users_log_host"] in hosts
    appliance.login("muffin")
    playbooks.hosts["vcsa"] = playbooks.hosts["appliance"]
    here = {"federated_users_ca_path": str(appliance.ca_file), "federated_users_log_path": str(appliance.log_path)}
    secrets = dict.fromkeys(vault, appliance.password)
    playbooks.run(
        f"{NAMESPACE}.provision",
        variables={**adapted(variables, appliance), **here, **secrets},
        environment=environment(appliance),
    ).went_well()
    assert len(appliance.broker.users) == len(variables["federated_users_users"])
