# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and the words that tell a person, and Ansible, how to reach what was started."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

_INVENTORY = "inventory.yml"
_VARIABLES = "vars.yml"
_LAB = "lab"
_COLLECTIONS = ".cache/collections"
_COLLECTIONS_VARIABLE = f"ANSIBLE_COLLECTIONS_PATH={_COLLECTIONS} "
# Names that the role does not know: whether it is to ask one of them is for the play to say.
_VARIABLES_OF = {
    "pocket-id": {"url": "url", "api_key": "api_key", "ca_path": "ca_file"},
    "workspace-one": {
        "base_url": "url",
        "api_client_id": "client_id",
        "api_client_secret": "client_secret",
        "ca_path": "ca_file",
    },
    "sddc-manager": {
        "hostname": "fqdn",
        "port": "https_port",
        "ca_path": "ca_file",
        "username": "username",
        "password": "password",
    },
}
_USERS = [
    {
        "username": "muffin",
        "given_name": "Muffin",
        "family_name": "Muffinson",
        "email": "muffin@example.org",
    }
]


def write_files(state_dir: Path, about: dict[str, Any], beside: dict[str, dict[str, Any]], domain: str | None) -> None:
    """JSON is YAML, and needs no library here. C(beside) are the descriptions of the other systems, by their folders."""
    _write(state_dir / _INVENTORY, inventory(about))
    others = {
        f"{system.replace('-', '_')}_{name}": beside[system][key]
        for system, names in _VARIABLES_OF.items()
        for name, key in names.items()
    }
    for name, content in lab(about, beside, domain).items():
        path = state_dir / _LAB / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, content)
    # Last: whoever waits for it finds the others.
    _write(state_dir / _VARIABLES, {**variables(about, domain), **others})


def written(state_dir: Path) -> bool:
    return (state_dir / _VARIABLES).exists()


def remove_files(state_dir: Path) -> None:
    for name in (_INVENTORY, _VARIABLES):
        (state_dir / name).unlink(missing_ok=True)
    shutil.rmtree(state_dir / _LAB, ignore_errors=True)


def _write(path: Path, content: dict[str, Any] | str) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(content if isinstance(content, str) else f"---\n{json.dumps(content, indent=2)}\n")
    fresh.replace(path)


def inventory(about: dict[str, Any]) -> dict[str, Any]:
    hosts: dict[str, Any] = {"localhost": {"ansible_connection": "local"}}
    if about["ssh_port"]:
        arguments = [
            f"UserKnownHostsFile={about['known_hosts']}",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
        ]
        hosts["appliance"] = {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": about["ssh_port"],
            "ansible_user": about["ssh_user"],
            "ansible_ssh_private_key_file": about["ssh_key"],
            "ansible_ssh_common_args": shlex.join(part for argument in arguments for part in ("-o", argument)),
            "ansible_ssh_retries": 0,
        }
    # Discovery may find an interpreter that does not run.
    everywhere = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    return {"all": {"vars": everywhere, "hosts": hosts}}


def variables(about: dict[str, Any], domain: str | None) -> dict[str, Any]:
    result = {
        "federated_users_hostname": about["fqdn"],
        "federated_users_port": about["https_port"],
        "federated_users_ca_path": about["ca_file"],
        "federated_users_username": about["username"],
        "federated_users_password": about["password"],
    }
    if domain:
        result["federated_users_domain"] = domain
    if about["ssh_port"]:
        result["federated_users_log_host"] = "appliance"
        result["federated_users_log_path"] = about["log_path"]
    return result


def lab(
    about: dict[str, Any], beside: dict[str, dict[str, Any]], domain: str | None
) -> dict[str, dict[str, Any] | str]:
    """The folder that the guide Start here has people make, filled in for this start: files by their names."""
    pocket_id, workspace_one, sddc_manager = (beside[system] for system in _VARIABLES_OF)
    hosts = inventory(about)
    if "appliance" in hosts["all"]["hosts"]:
        hosts["all"]["hosts"]["vcsa"] = hosts["all"]["hosts"].pop("appliance")
    connection = {**variables(about, domain), "federated_users_password": "{{ vault_vcenter_password }}"}
    just_in_time = {}
    if about["ssh_port"]:
        connection["federated_users_log_host"] = "vcsa"
        just_in_time = {
            # By its address: the key is known under that.
            "just_in_time_host": "127.0.0.1",
            "just_in_time_port": about["ssh_port"],
            "just_in_time_user": about["ssh_user"],
            "just_in_time_private_key": about["ssh_key"],
            "just_in_time_known_hosts": about["known_hosts"],
            "just_in_time_log_path": about["log_path"],
            "just_in_time_allow_list": "~/vcenter-people/allow_list.yml",
            **({"just_in_time_domain": domain} if domain else {}),
        }
    return {
        "ansible.cfg": "[defaults]\ninventory = inventory\ncallback_result_format = yaml\n",
        "inventory/hosts.yml": hosts,
        "inventory/group_vars/all/vcenter.yml": connection,
        "inventory/group_vars/all/pocket_id.yml": {
            "federated_users_pocket_id_url": pocket_id["url"],
            "federated_users_pocket_id_api_key": "{{ vault_pocket_id_api_key }}",
            "federated_users_pocket_id_ca_path": pocket_id["ca_file"],
        },
        "inventory/group_vars/all/vault.yml": {
            "vault_vcenter_password": about["password"],
            "vault_pocket_id_api_key": pocket_id["api_key"],
            "vault_sddc_manager_password": sddc_manager["password"],
            "vault_workspace_one_bootstrap_secret": workspace_one["client_secret"],
        },
        "just_in_time.yml": just_in_time,
    }


def words(state_dir: Path, about: dict[str, Any], beside: dict[str, dict[str, Any]]) -> str:
    pocket_id, workspace_one, sddc_manager = (beside[system] for system in _VARIABLES_OF)
    shown = _shown(state_dir)
    simulator = "PYTHONPATH=tests python -m simulator"
    state = f" --state {shlex.quote(shown)}"
    login = f"{simulator} login muffin{state}"
    if shown == ".cache/appliance":
        simulator = f"PYTHONPATH=tests {_beside('python')} -m simulator"
        login, state = "make login USER=muffin", ""
    ssh = "  no SSH: started without it"
    if about["ssh_port"]:
        ssh = (
            f"  SSH         {about['ssh_user']}@127.0.0.1 port {about['ssh_port']}\n"
            f"  key         {about['ssh_key']}\n"
            f"  known hosts {about['known_hosts']}"
        )
        if about["ssh_password"]:
            ssh += f"\n  password    {about['ssh_password']}"
    play = [
        *(_beside("ansible-playbook"), "-i", f"{shown}/inventory.yml"),
        *("homelab.identity_broker.provision", "-e", f"@{shown}/vars.yml"),
        *("-e", json.dumps({"federated_users_users": _USERS})),
    ]
    return f"""\
The appliance runs on this machine, for this start only.

vCenter
  URL         https://{about["fqdn"]}:{about["https_port"]} (by this name, not by an address)
  CA file     {about["ca_file"]}
  user        {about["username"]}
  password    {about["password"]}

Shell of the appliance
{ssh}
  login log   {about["log_path"]}
  client log  {about["virgo_log"]} (under which name vCenter knows who was let in)
  vpxd log    {about["vpxd_log"]} (and who of them has no permission)

Pocket ID (with muffin and crumpet, and muffin in the group vcenter-admins)
  URL         {pocket_id["url"]}
  CA file     {pocket_id["ca_file"]}
  API key     {pocket_id["api_key"]}

Workspace ONE (with the client that its console makes, and no directory yet)
  URL         {workspace_one["url"]}
  CA file     {workspace_one["ca_file"]}
  client      {workspace_one["client_id"]}
  secret      {workspace_one["client_secret"]}

SDDC Manager (with the embedded identity provider alone)
  URL         {sddc_manager["url"]}
  CA file     {sddc_manager["ca_file"]}
  user        {sddc_manager["username"]}
  password    {sddc_manager["password"]}
  API key     {sddc_manager["api_key"]}

Files
  inventory   {shown}/inventory.yml (the appliance is the host `appliance`)
  variables   {shown}/vars.yml (federated_users_hostname, _port, _ca_path, _username, _password,
              _domain, _log_host, _log_path; pocket_id_url, _api_key, _ca_path; workspace_one_base_url,
              _api_client_id, _api_client_secret, _ca_path; sddc_manager_hostname, _port, _ca_path, _username, _password)
  all of it   {shown}/appliance.json
  the guides  {shown}/lab (the folder that they begin with: cp -r {shown}/lab ~/vcenter-people)

Sign in as somebody (the first time it is denied, and the log tells why)
  {login}

Let a login fail in another way (login --help names them all), and end what stays of it
  {simulator} login muffin --failure claim_missing{state}
  {simulator} login muffin --failure broker_down{state}
  {simulator} switch broker_down=false{state}

Fill the logs with many people, who fail in every way, and be told the truth about them
  {simulator} attempts{state}

Sign in at Pocket ID, and from there at vCenter; leave a group of Pocket ID, and join it
  {simulator} sign-in muffin{state}
  {simulator} pocket-id leave vcenter-admins muffin{state}
  {simulator} pocket-id join vcenter-admins muffin{state}

Give access
  {_COLLECTIONS_VARIABLE if Path(_COLLECTIONS).is_dir() else ""}{shlex.join(play)}
"""


def _beside(program: str) -> str:
    """The one that was installed beside this Python, if any."""
    beside = Path(sys.executable).with_name(program)
    return _shown(beside) if beside.exists() else program


def _shown(path: Path) -> str:
    """Relative where that is shorter to type."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
