# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what a document says, as a reader would: files are written, commands typed, and what they say is compared.

Names of the documents stand for the simulator's. A file that the simulator's own folder for the guides has as well gets what that
has: passwords, ports, the path of the log.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.homelab.identity_broker.plugins.module_utils._allow_list import read_allow_list
from ansible_collections.homelab.identity_broker.plugins.module_utils._users_csv import people
from simulator import DEFAULT_DOMAIN, Appliance, PocketId, SddcManager, WorkspaceOne
from simulator.guide import lab
from system.documents import Block
from system.playbook import COLLECTIONS, PLAYBOOK_COMMAND, REPOSITORY, Json, clean_environment
from system.provider_stubs import SECRET, TOKEN

RULEBOOK = REPOSITORY / ".cache/venv-rulebook/bin/ansible-rulebook"
PATIENCE = 90
PASSWORD = "password-of-the-vault"
SECRETS = {
    "vault_oidc_client_secret": "secret-at-the-provider",
    "vault_workspace_one_secret": "secret-of-the-automation",
    "vault_keycloak_client_secret": SECRET,
    "vault_authentik_token": TOKEN,
}
# What a guide has people make for themselves: that is used, not the simulator's.
OWN = ("federated_users_ca_path", "ansible_host")
# Commands that are written down, and what they do here.
SHIMS = {
    "pip": "",
    "ansible-galaxy": '[ "$2" = install ] || exec "$GALAXY" "$@"',
    "git": 'mkdir -p "$(basename "$2")"',
    "make": (
        'case "$1" in login) PYTHONPATH="$TESTS" exec "$PYTHON" -m simulator login "${2#USER=}" --state "$APPLIANCE" ;; '
        'appliance) mkdir -p .cache/appliance && cp -r "$LAB" .cache/appliance/lab ;; esac'
    ),
    "ssh-keyscan": 'exec "$SSH_KEYSCAN" -p "$SSH_PORT" "$@"',
}
_MASKS = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{64}\b", "<id>"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>"),
    (r"restore_file=\S+\.restore", "restore_file=<file>"),
    (r"\s+", " "),
)


class Reader:
    """One folder, in which the blocks of one document are done in their order."""

    def __init__(
        self,
        folder: Path,
        appliance: Appliance,
        pocket_id: PocketId,
        sddc: SddcManager,
        workspace_one: WorkspaceOne,
        interpreter: Path,
    ) -> None:
        self.appliance, self.pocket_id, self.sddc, self.workspace_one = appliance, pocket_id, sddc, workspace_one
        self.home = folder / "home"
        self.cwd = self.home / "here"
        self.cwd.mkdir(parents=True)
        self.tools = folder / "tools"
        self.tools.mkdir()
        self.calls = self.tools / "calls"
        self.calls.touch()
        self.said = ""
        self._sockets = tempfile.mkdtemp(prefix="ib-")
        self._daemon: subprocess.Popen[bytes] | None = None
        self._daemon_said = self.tools / "daemon.txt"
        beside = {each.name: each.description() for each in (pocket_id, workspace_one, sddc)}
        self.lab = lab(appliance.description(), beside, DEFAULT_DOMAIN)
        vault = self.lab["inventory/group_vars/all/vault.yml"]
        assert isinstance(vault, dict)
        vault |= SECRETS
        # The guide has the host key put into ~/.ssh/known_hosts.
        hosts: Any = self.lab["inventory/hosts.yml"]
        del hosts["all"]["hosts"]["vcsa"]["ansible_ssh_common_args"]
        self.names = {
            "https://vcsa.example.org": appliance.base_url,
            "vcsa.example.org": appliance.fqdn,
            "https://id.example.org": pocket_id.base_url,
            "sddc-manager.example.org": sddc.fqdn,
            "https://acme.workspaceoneaccess.com": workspace_one.base_url,
        }
        self.environment = self._environment(interpreter)

    def _environment(self, interpreter: Path) -> dict[str, str]:
        authorities = self.tools / "ca.pem"
        servers = (self.appliance, self.pocket_id, self.sddc, self.workspace_one)
        authorities.write_text("".join(server.ca_file.read_text() for server in servers))
        for name, does in SHIMS.items():
            shim = self.tools / name
            note = 'printf "%s\\0" "$(basename "$0")" "$@" >>"$CALLS"; echo >>"$CALLS"'
            shim.write_text(f"#!/usr/bin/env bash\nset -e\n{note}\n{does}\n")
            shim.chmod(0o700)
        playbook = self.tools / "ansible-playbook"
        playbook.write_text(f'#!/bin/sh\nexec {interpreter} {PLAYBOOK_COMMAND} "$@"\n')
        playbook.chmod(0o700)
        editor = self.tools / "editor"
        editor.write_text(
            f'#!/bin/sh\ncat >"$1" <<END\n{json.dumps(self.lab["inventory/group_vars/all/vault.yml"])}\nEND\n'
        )
        editor.chmod(0o700)
        lab_folder = self.tools / "lab"
        for name, content in self.lab.items():
            path = lab_folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        clean = clean_environment(self.home)
        return {
            **clean,
            "PATH": os.pathsep.join([str(self.tools), clean["PATH"], str(RULEBOOK.parent)]),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_NOCOLOR": "1",
            "TERM": "dumb",
            "ANSIBLE_SSH_ARGS": f"-F /dev/null -o UserKnownHostsFile={self.known_hosts}",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self._sockets,
            "VMWARE_PORT": str(self.appliance.https_port),
            "VMWARE_CA_PATH": str(authorities),
            "POCKET_ID_CA_PATH": str(authorities),
            "SDDC_MANAGER_PORT": str(self.sddc.https_port),
            "SDDC_MANAGER_CA_PATH": str(authorities),
            # For what stands in for commands.
            "CALLS": str(self.calls),
            "LAB": str(lab_folder),
            "GALAXY": str(Path(sys.executable).with_name("ansible-galaxy")),
            "PYTHON": sys.executable,
            "TESTS": str(REPOSITORY / "tests"),
            "APPLIANCE": str(self.appliance.state_dir),
            "SSH_PORT": str(self.appliance.ssh_port),
            "SSH_KEYSCAN": shutil.which("ssh-keyscan") or "ssh-keyscan",
            "EDITOR": str(editor),
        }

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh/known_hosts"

    def close(self) -> None:
        if self._daemon is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._daemon.pid, signal.SIGINT)
            try:
                self._daemon.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._daemon.pid, signal.SIGKILL)
                self._daemon.wait()
        shutil.rmtree(self._sockets, ignore_errors=True)

    # The blocks

    def do(self, block: Block) -> None:
        """Every block is one of these, or the document is wrong."""
        if block.language == "shell":
            self.type(block.text)
        elif block.language == "console":
            self.compare(block)
        elif block.file is not None:
            self.write(block.file, block.text)
        elif block.play:
            self.write("play.yml", block.text)
            self.type("ansible-playbook -i bare play.yml")
        else:
            raise AssertionError(
                f"{block}: neither a play nor a command nor output, and the paragraph before names no file"
            )

    def mapped(self, text: str) -> str:
        # The longer names hold the shorter ones.
        for name in sorted(self.names, key=len, reverse=True):
            text = text.replace(name, self.names[name])
        return text

    def write(self, file: str, text: str, like: str | None = None) -> None:
        """A file of a document. C(like) names the one of the simulator's folder that it is."""
        path = self.cwd / file
        text = self.mapped(text)
        known = self.lab.get(like or file)
        if isinstance(known, dict):
            content = yaml.safe_load(text)
            assert set(content) <= set(known) | set(OWN), (
                f"{file}: the simulator's folder does not know {set(content) - set(known)}"
            )
            text = json.dumps(completed(content, known))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.suffix == ".csv":
            assert people(path.read_bytes())
        if path.name == "allow_list.yml":
            assert read_allow_list(yaml.safe_load(text)).by_key
        if path.suffix == ".service":
            self._unit(text)

    def put(self, file: str, like: str | None = None, **more: Any) -> None:
        """A file that another document has had people make."""
        known = self.lab[like or file]
        path = self.cwd / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(known if isinstance(known, str) else json.dumps({**known, **more}))

    def put_trust(self) -> None:
        """The CA and the host key, as Start here has people fetch and compare them."""
        shutil.copy(self.appliance.ca_file, self.cwd / "vcsa-ca.pem")
        self.known_hosts.parent.mkdir(exist_ok=True)
        key = self.appliance.known_hosts.read_text().split(maxsplit=1)[1]
        self.known_hosts.write_text(
            "".join(f"[{host}]:{self.appliance.ssh_port} {key}" for host in ("localhost", "127.0.0.1"))
        )

    def _unit(self, text: str) -> None:
        """What systemd would start is what was typed before, but for where it is installed."""
        command = re.search(r"^ExecStart=\S+/(.*)$", text, re.MULTILINE)
        assert command is not None
        assert shlex.split(command[1]) == shlex.split(self.daemon_command)

    def type(self, text: str) -> None:
        """Run commands, in the folder in which those before ended."""
        text = self.mapped(text)
        lines = text.splitlines()
        if lines[-1].startswith("ansible-rulebook "):
            self._start(text, lines[-1])
            return
        where = self.tools / "cwd"
        code, self.said = self._run(f"set -euo pipefail\n{text}\npwd >{where}\n", PATIENCE * len(lines))
        assert code == 0, f"{text}\n{self.said}"
        self.cwd = Path(where.read_text().strip())

    def _run(self, script: str, patience: int) -> tuple[int, str]:
        """In a terminal, where a question for the password is answered."""
        here, there = pty.openpty()
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.cwd,
            env=self.environment,
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
        )
        os.close(there)
        limit = threading.Timer(patience, lambda: os.killpg(process.pid, signal.SIGKILL))
        limit.start()
        said = b""
        # It is an error to read from a terminal that nobody has open any more.
        with contextlib.suppress(OSError):
            while piece := os.read(here, 65536):
                said += piece
                if re.search(rb"assword( \(\w+\))?: $", said):
                    os.write(here, f"{PASSWORD}\n".encode())
        code = process.wait()
        limit.cancel()
        os.close(here)
        return code, said.decode()

    def _start(self, text: str, command: str) -> None:
        """What runs until it is ended."""
        self.daemon_command = command
        with self._daemon_said.open("wb") as output:
            self._daemon = subprocess.Popen(
                ["bash", "-c", text],
                cwd=self.cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._until(lambda: list(self.home.glob(".local/state/homelab.identity_broker/federation_log-*.json")))

    def compare(self, block: Block) -> None:
        """Each line was said, in this order, ids and times and white space aside."""
        shown = [shape(self.mapped(line)) for line in block.text.splitlines()]
        shown = [line.replace("/home/you/vcenter-people", str(self.cwd)) for line in shown]
        if self._daemon is not None and not in_order(shown, shape(self.said)):
            self._until(lambda: in_order(shown, shape(self._daemon_said.read_text())))
            return
        assert in_order(shown, shape(self.said)), f"{block} shows other words than\n{self.said}"

    def _until(self, holds: Any) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            running = self._daemon is not None and self._daemon.poll() is None
            assert running, self._daemon_said.read_text()
            assert time.monotonic() < end, self._daemon_said.read_text()
            time.sleep(0.05)

    def called(self) -> list[list[str]]:
        """The commands that were only written down, or stood in for."""
        return [line.rstrip("\0").split("\0") for line in self.calls.read_text().splitlines()]


def completed(content: Json, known: Mapping[str, Any]) -> Json:
    """What a document says, and what of it the simulator knows better."""
    result = dict(content)
    for name, value in known.items():
        if isinstance(value, Mapping) and isinstance(content.get(name, {}), Mapping):
            result[name] = completed(content.get(name, {}), value)
        elif name not in OWN or name not in content:
            result[name] = value
    return result


def shape(text: str) -> str:
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return text.strip()


def in_order(lines: list[str], text: str) -> bool:
    position = 0
    for line in lines:
        position = text.find(line, position)
        if position < 0:
            return False
        position += len(line)
    return True
