# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of vmware.vmware_rest and community.vmware run on the simulator, as ansible-playbook runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from simulator import Appliance

REPOSITORY = Path(__file__).parents[2]
CONNECTION = {"port": "{{ vcenter_port }}", "username": "{{ vcenter_user }}", "password": "{{ vcenter_secret }}"}
REST = {
    "vcenter_hostname": "localhost:{{ vcenter_port }}",
    "vcenter_username": "{{ vcenter_user }}",
    "vcenter_password": "{{ vcenter_secret }}",
    # The module has no option for a certificate authority.
    "vcenter_validate_certs": False,
}


def run(appliance: Appliance, folder: Path, *tasks: tuple[str, dict[str, Any]]) -> list[Any]:
    """Run the tasks in one play; what each returned."""
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [{name: options, "register": f"result_{number}"} for number, (name, options) in enumerate(tasks)]
        + [{"ansible.builtin.copy": {"dest": str(folder / "results.json"), "content": _results(len(tasks))}}],
    }
    (folder / "play.yml").write_text(json.dumps([play]))
    variables = {
        "vcenter_port": appliance.https_port,
        "vcenter_user": appliance.username,
        "vcenter_secret": appliance.password,
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-e", json.dumps(variables), "play.yml"],
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "localhost",
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".cache/peers-collections"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[Any] = json.loads((folder / "results.json").read_text())
    return found


def _results(number: int) -> str:
    return "{{ [" + ", ".join(f"result_{each}" for each in range(number)) + "] | to_json }}"


def test_vmware_rest_switches_ssh_and_the_shell(appliance: Appliance, tmp_path: Path) -> None:
    read, off, again, shell = run(
        appliance,
        tmp_path,
        ("vmware.vmware_rest.appliance_access_ssh_info", REST),
        ("vmware.vmware_rest.appliance_access_ssh", {**REST, "enabled": False}),
        ("vmware.vmware_rest.appliance_access_ssh", {**REST, "enabled": False}),
        ("vmware.vmware_rest.appliance_access_shell", {**REST, "enabled": True, "timeout": 600}),
    )
    assert read["value"] is True
    assert (off["changed"], again["changed"]) == (True, False)
    assert appliance.access.ssh is False
    assert shell["changed"] is True
    assert "/rest/com/vmware/cis/session" in {seen.path for seen in appliance.requests}


def test_community_vmware_reads_over_soap(appliance: Appliance, tmp_path: Path) -> None:
    options = {"hostname": "localhost", "validate_certs": False, **CONNECTION}
    about, roles = run(
        appliance,
        tmp_path,
        ("community.vmware.vmware_about_info", options),
        ("community.vmware.vmware_local_role_info", options),
    )
    assert about["about_info"]["api_type"] == "VirtualCenter"
    assert {role["role_name"] for role in roles["local_role_info"]} == {"Admin", "ReadOnly", "NoAccess"}
