# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the collection as its users do: ansible-playbook and the modules, as processes of their own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator import DEFAULT_DOMAIN, Appliance, PocketId, SddcManager, WorkspaceOne
from system.module_process import Forked, Json, Spawned, Started

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
COLLECTIONS = Path(os.environ.get("ANSIBLE_COLLECTIONS_PATH") or REPOSITORY / ".cache/collections")
COLLECTION = COLLECTIONS / "ansible_collections/homelab/identity_broker"
PLAYBOOK_COMMAND = Path(sys.executable).parent / "ansible-playbook"
NAMESPACE = "homelab.identity_broker"

# The two modules whose own option is called username.
PREFIXED = ("scim_user", "scim_user_info")


@dataclass(frozen=True)
class Result:
    """What one task ended with."""

    task: str
    action: str
    host: str
    delegated_to: str | None
    outcome: str
    result: Json

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))


@dataclass
class Run:
    """What came of a playbook."""

    code: int
    stdout: str
    stderr: str
    results: list[Result] = field(default_factory=list)

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def task(self, name: str) -> Result:
        """The one result of the task with this name."""
        found = [result for result in self.results if result.task.endswith(name)]
        assert len(found) == 1, f"{len(found)} results of {name!r}:\n{self.output}"
        return found[0]

    def of(self, module: str) -> list[Result]:
        """The results of one of the collection's modules, skipped ones apart."""
        return [r for r in self.results if r.action == f"{NAMESPACE}.{module}" and r.outcome != "skipped"]

    @property
    def ran(self) -> list[str]:
        """Return which of the collection's modules ran, in their order."""
        ran = [r for r in self.results if r.action.startswith(f"{NAMESPACE}.") and r.outcome != "skipped"]
        return [result.action.removeprefix(f"{NAMESPACE}.") for result in ran]

    @property
    def own(self) -> list[str]:
        """Return the same without the check of variables, which contacts nothing."""
        return [name for name in self.ran if name != "check_role_variables"]

    @property
    def failure(self) -> Result:
        """The one result that failed."""
        found = [result for result in self.results if result.outcome in ("failed", "unreachable")]
        assert len(found) == 1, self.output
        return found[0]

    def recap(self, host: str) -> dict[str, int]:
        line = re.search(rf"^{re.escape(host)} +: (.*)$", self.stdout, re.MULTILINE)
        assert line is not None, self.output
        return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line[1])}

    def went_well(self) -> Run:
        assert self.code == 0, self.output
        return self


def clean_environment(home: Path) -> dict[str, str]:
    """Nothing of whoever runs the tests: neither settings of Ansible nor proxies nor credentials."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }


def warm_interpreter(folder: Path) -> Iterator[Path]:
    """An interpreter that starts quicker, see there; for a fixture."""
    command = [sys.executable, str(REPOSITORY / "tests/tools/warm_interpreter.py"), str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=clean_environment(folder), stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield folder / "python"
        process.stdin.close()


class Playbooks:
    """Runs playbooks against an appliance, with everything that Ansible writes kept in one folder."""

    def __init__(self, folder: Path, appliance: Appliance, interpreter: Path) -> None:
        self.folder = folder
        self.appliance = appliance
        self.interpreter = interpreter
        self.home = folder / "home"
        self.home.mkdir()
        self.runs = 0
        # Paths of control sockets must be short, so this one is not in the folder.
        self._sockets = tempfile.mkdtemp(prefix="ib-")
        self.hosts: dict[str, Json] = {
            "localhost": {
                "ansible_connection": "local",
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            },
            "appliance": {
                "ansible_host": "127.0.0.1",
                "ansible_port": appliance.ssh_port,
                "ansible_user": appliance.ssh_user,
                "ansible_ssh_private_key_file": str(appliance.ssh_key),
                "ansible_ssh_common_args": ssh_options(appliance.known_hosts),
                # No module may ever look for a Python there.
                "ansible_python_interpreter": "/nonexistent/python",
            },
        }
        self.environment = {
            **clean_environment(self.home),
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self._sockets,
            "ANSIBLE_SSH_ARGS": "-F /dev/null -o ControlMaster=auto -o ControlPersist=30s",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
        }
        (folder / "ansible.cfg").touch()

    def close(self) -> None:
        """End the SSH connections that were kept for the next task."""
        for socket in Path(self._sockets).iterdir():
            command = ["ssh", "-F", "/dev/null", "-O", "exit", "-o", f"ControlPath={socket}", "appliance"]
            subprocess.run(command, capture_output=True, check=False)
        shutil.rmtree(self._sockets, ignore_errors=True)

    @property
    def variables(self) -> Json:
        """What a user of the role sets for this appliance, users apart."""
        appliance = self.appliance
        return {
            "federated_users_hostname": "localhost",
            "federated_users_port": appliance.https_port,
            "federated_users_username": appliance.username,
            "federated_users_password": appliance.password,
            "federated_users_ca_path": str(appliance.ca_file),
            "federated_users_domain": DEFAULT_DOMAIN,
            "federated_users_log_host": "appliance",
            "federated_users_log_path": str(appliance.log_path),
        }

    def role(self, users: Sequence[Json], *arguments: str, play: Json | None = None, **settings: Any) -> Run:
        """Apply the role on localhost, unless the play says otherwise."""
        given = {f"federated_users_{name}": value for name, value in settings.items()}
        variables = {**self.variables, **given, "federated_users_users": list(users)}
        return self.run([_play(play, roles=[f"{NAMESPACE}.federated_users"])], *arguments, variables=variables)

    def tasks(self, *tasks: Json, arguments: Sequence[str] = (), play: Json | None = None) -> Run:
        return self.run([_play(play, tasks=list(tasks))], *arguments)

    def read_log(self, *tasks: Json, arguments: Sequence[str] = (), host: str = "appliance") -> Run:
        """Run externalid_fact once for each set of options."""
        named = [
            {
                "name": f"reading {number}",
                f"{NAMESPACE}.externalid_fact": {"log_path": str(self.appliance.log_path), **options},
                "ignore_errors": True,
                "ignore_unreachable": True,
            }
            for number, options in enumerate(tasks)
        ]
        return self.tasks(*named, arguments=arguments, play={"hosts": host})

    def run(
        self,
        playbook: str | list[Json],
        *arguments: str,
        variables: Json | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        core: Path = PLAYBOOK_COMMAND,
    ) -> Run:
        """Run plays, or a playbook by its name. Variables are extra variables, as from a file of the user."""
        command = [str(core), *self.prepare(playbook, *arguments, variables=variables)[1:]]
        if core == PLAYBOOK_COMMAND:
            command.insert(0, str(self.interpreter))
        done = subprocess.run(
            command,
            cwd=folder or self.folder,
            env={**self.environment, "RESULTS_FILE": str(self.results_file), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr, self._results())

    def prepare(self, playbook: str | list[Json], *arguments: str, variables: Json | None = None) -> list[str]:
        """Write inventory, plays and variables, and tell the command that runs them."""
        self.runs += 1
        inventory = self._write("inventory", {"all": {"hosts": self.hosts}})
        name = playbook if isinstance(playbook, str) else str(self._write("plays", playbook))
        extra = ["-e", f"@{self._write('variables', variables)}"] if variables else []
        return [str(PLAYBOOK_COMMAND), "-i", str(inventory), name, *extra, *arguments]

    @property
    def results_file(self) -> Path:
        return self.folder / f"results{self.runs}.jsonl"

    def _results(self) -> list[Result]:
        if not self.results_file.exists():
            return []
        return [Result(**json.loads(line)) for line in self.results_file.read_text().splitlines()]

    def _write(self, name: str, content: Any) -> Path:
        # JSON is YAML, and the password file is the user's own.
        path = self.folder / f"{name}{self.runs}.yml"
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=1))
        return path


def _play(more: Json | None, **content: Any) -> Json:
    return {"hosts": "localhost", "gather_facts": False, **content, **(more or {})}


def pocket_id_settings(pocket_id: PocketId) -> Json:
    """What a user of the role sets for this Pocket ID, without the role's name."""
    return {f"pocket_id_{name}": value for name, value in pocket_id_connection(pocket_id).items()}


def pocket_id_connection(pocket_id: PocketId) -> Json:
    """The options of the fragment C(pocket_id)."""
    return {"url": pocket_id.base_url, "api_key": pocket_id.api_key, "ca_path": str(pocket_id.ca_file)}


def sddc_connection(sddc: SddcManager) -> Json:
    """The options of the fragment C(sddc)."""
    return {
        "hostname": sddc.fqdn,
        "port": sddc.https_port,
        "username": sddc.username,
        "password": sddc.password,
        "ca_path": str(sddc.ca_file),
    }


def workspace_one_connection(workspace_one: WorkspaceOne) -> Json:
    """The options of the fragment C(workspace_one), with the client that the console made."""
    return {
        "platform": "workspace_one",
        "base_url": workspace_one.base_url,
        "api_client_id": workspace_one.bootstrap_client_id,
        "api_client_secret": workspace_one.bootstrap_secret,
        "ca_path": str(workspace_one.ca_file),
    }


def ssh_options(known_hosts: Path | str) -> str:
    options = [
        f"UserKnownHostsFile={known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
    ]
    return " ".join(f"-o {shlex.quote(option)}" for option in options)


class Modules:
    """Runs the modules themselves, where nothing of a playbook matters."""

    def __init__(self, folder: Path, appliance: Appliance) -> None:
        self.folder = folder
        self.appliance = appliance
        self.pocket_id: PocketId | None = None
        self.sddc: SddcManager | None = None
        self.workspace_one: WorkspaceOne | None = None
        self.environment = {**clean_environment(folder), "PYTHONPATH": str(COLLECTIONS)}

    def connection(self, module: str) -> Json:
        if module.startswith("pocket_id_") and self.pocket_id:
            return pocket_id_connection(self.pocket_id)
        if module.startswith("sddc_") and self.sddc:
            return sddc_connection(self.sddc)
        if self.workspace_one:
            return workspace_one_connection(self.workspace_one)
        appliance = self.appliance
        prefix = "vcenter_" if module in PREFIXED else ""
        return {
            "hostname": "localhost",
            "port": appliance.https_port,
            f"{prefix}username": appliance.username,
            f"{prefix}password": appliance.password,
            "ca_path": str(appliance.ca_file),
        }

    def run(self, module: str, *, check: bool = False, environment: Json | None = None, **options: Any) -> Json:
        """Options that are None are left out."""
        return self.start(module, check=check, environment=environment, **options).finish()

    def start(self, module: str, *, check: bool = False, environment: Json | None = None, **options: Any) -> Started:
        """As C(run), without waiting for the end. With an environment it gets an interpreter of its own."""
        given = {**self.connection(module), **options}
        arguments = {name: value for name, value in given.items() if value is not None}
        arguments |= {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_tmpdir": str(self.folder)}
        arguments["_ansible_module_name"] = f"{NAMESPACE}.{module}"
        text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
        script = COLLECTION / f"plugins/modules/{module}.py"
        if environment:
            return Spawned(script, {**self.environment, **environment}, text)
        return Forked(script, self.environment, text, self.folder)

    def well(self, module: str, **options: Any) -> Json:
        result = self.run(module, **options)
        assert not result.get("failed"), result["msg"]
        return result

    def failed(self, module: str, **options: Any) -> str:
        """The one message of a run that must fail."""
        result = self.run(module, **options)
        assert result.get("failed") is True, result
        assert result["msg"]
        return str(result["msg"])
