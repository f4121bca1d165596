# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads login attempts from the appliance over the task's own connection; nothing runs there but a shell."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.basic import env_fallback
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.identity_broker.plugins.module_utils._client_log import CLIENT_LOG
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError, InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import DEFAULT_LOG
from ansible_collections.homelab.identity_broker.plugins.module_utils._journal import DEFAULT as JOURNAL
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_reader import Request, read_log
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_result import log_result
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_window import read_since
from ansible_collections.homelab.identity_broker.plugins.module_utils._ssh_access import (
    CLOSED_MEANWHILE,
    LONGEST_SHELL,
    STILL_REFUSED,
    listens_not_yet,
)
from ansible_collections.homelab.identity_broker.plugins.plugin_utils._ssh_opening import SshOpening

# As of the modules that log in to vCenter, which are not imported here: they bring more than a task that opens nothing needs.
OPEN_SSH_SPEC: dict[str, dict[str, Any]] = {
    "hostname": {"type": "str", "fallback": (env_fallback, ["VMWARE_HOST"])},
    "port": {"type": "int", "default": 443, "fallback": (env_fallback, ["VMWARE_PORT"])},
    "username": {"type": "str", "fallback": (env_fallback, ["VMWARE_USER"])},
    "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["VMWARE_PASSWORD"])},
    "validate_certs": {"type": "bool", "default": True, "fallback": (env_fallback, ["VMWARE_VALIDATE_CERTS"])},
    "ca_path": {"type": "path", "fallback": (env_fallback, ["VMWARE_CA_PATH"])},
    "timeout": {"type": "float", "default": 30.0},
    "shell": {"type": "bool", "default": False},
    "retries": {"type": "int", "default": 10},
    "journal_path": {"type": "path", "default": JOURNAL},
}
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "log_path": {"type": "str", "default": DEFAULT_LOG},
    "domain": {"type": "str"},
    "since": {"type": "str"},
    "outcome": {"type": "str", "default": "denied", "choices": ["denied", "any"]},
    "limit": {"type": "int", "default": 5},
    "include_rotated": {"type": "bool", "default": False},
    "wait": {"type": "int", "default": 0},
    "settle": {"type": "int", "default": 10},
    "evidence": {"type": "bool", "default": False},
    "client_log_path": {"type": "str", "default": CLIENT_LOG},
    "open_ssh": {"type": "dict", "options": OPEN_SSH_SPEC},
}
LONGEST_WAIT = 3600
LONGEST_READING = 1800
"""Seconds that the shell is enabled for, besides the waiting."""
MOST_RETRIES = 100
SSHD_STARTS = 15.0
"""Seconds that the appliance's SSH server may take until it listens."""

SSH_WAYS_OUT = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "Its host key is another than before. Find out why before you replace it in known_hosts.",
    ),
    (
        "Host key verification failed",
        "Its host key is not known. Read it with: ssh-keyscan HOST, compare its fingerprint with the one that the "
        "appliance's console shows, and only then add it to known_hosts.",
    ),
    (
        "Permission denied",
        "The user or its credential is wrong. It was tried once: after three failures the appliance locks root for 15 "
        "minutes.",
    ),
    (
        "ncorrect password",
        "The password is wrong. It was tried once: after three failures root is locked for 15 minutes.",
    ),
    ("Could not resolve hostname", "Check ansible_host and the DNS."),
    ("Connection refused", "Is SSH switched on? Appliance management (port 5480), Access, Edit, Activate SSH Login."),
    ("timed out", "Is the appliance up, and SSH switched on and let through?"),
)


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = True
    TRANSFERS_FILES = False

    _opening: SshOpening | None = None
    _listens = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        self._log_in_once()
        host = self._host(task_vars)
        try:
            request = _request(options)
            # What is on this machine needs no SSH.
            if options["open_ssh"] and self._connection.transport != "local":
                self._opening = _opening(options["open_ssh"], request, check_mode=self._task.check_mode)
        except IdentityBrokerError as error:
            raise AnsibleActionFail(f"{host}: {error}") from None
        if self._opening is None:
            return {**result, "opened": [], **self._found(request, host)}
        return {**result, **self._found_behind(self._opening, request, host)}

    def _found(self, request: Request, host: str) -> dict[str, Any]:
        try:
            return log_result(read_log(request, self._execute))
        except IdentityBrokerError as error:
            raise AnsibleActionFail(f"{host}: {error}") from None
        except AnsibleConnectionFailure as error:
            raise AnsibleConnectionFailure(_explained(host, str(error), self._opening)) from None

    def _found_behind(self, opening: SshOpening, request: Request, host: str) -> dict[str, Any]:
        """What was read while SSH was open. However that ends, what stood is put back."""
        failure: AnsibleError | None = None
        found: dict[str, Any] = {}
        with opening:
            try:
                opening.open()
                self._listens = "ssh" not in opening.opened
                found = {"opened": opening.opened, **self._found(request, host)}
            except IdentityBrokerError as error:
                failure = AnsibleActionFail(f"{host}: {error}")
            except AnsibleError as error:
                failure = error
            self._hang_up(opening)
            left = opening.close()
        for warning in opening.warnings:
            self._display.warning(warning)
        if left:
            kind = type(failure) if failure else AnsibleActionFail
            raise kind(f"{failure.message if failure else host + ':'}\n{left}")
        if failure:
            raise failure
        return found

    def _execute(self, command: str) -> tuple[str, str]:
        # executable=False sends the command as it is, like raw does.
        end = time.monotonic() + SSHD_STARTS
        while True:
            try:
                answer = self._low_level_execute_command(command, executable=False, encoding_errors="surrogateescape")
            except AnsibleConnectionFailure as error:
                # The server that was just started; no credential has been shown to it yet.
                if self._listens or time.monotonic() > end or not listens_not_yet(str(error)):
                    raise
                time.sleep(0.5)
            else:
                self._listens = True
                return str(answer.get("stdout", "")), str(answer.get("stderr", ""))

    def _hang_up(self, opening: SshOpening) -> None:
        """End the connection that is kept for the next task, where it exists only because SSH was opened."""
        if "ssh" in opening.opened and self._connection.transport == "ssh":
            with contextlib.suppress(AnsibleError):
                self._connection.reset()

    def _log_in_once(self) -> None:
        """ANSIBLE_SSH_RETRIES would repeat a refused password until the appliance locks root."""
        if "reconnection_retries" in self._connection.option_definitions:
            self._connection.set_option("reconnection_retries", 0)

    def _host(self, task_vars: dict[str, Any] | None) -> str:
        return str(self._task.delegate_to or (task_vars or {}).get("inventory_hostname") or "the host")


def _request(options: dict[str, Any]) -> Request:
    path = options["log_path"]
    if not path.startswith("/") or not path.isprintable():
        raise InputError("log_path", f"{path!r} is no absolute path", f"Give one such as {DEFAULT_LOG}.")
    for name, most in (("limit", 10_000), ("wait", LONGEST_WAIT), ("settle", LONGEST_WAIT)):
        if not 0 <= options[name] <= most:
            raise InputError(name, f"{options[name]} is out of range", f"Give 0 to {most}.")
    return Request(
        log_path=path,
        domain=options["domain"] or None,
        since=read_since(options["since"]),
        denied_only=options["outcome"] == "denied",
        limit=options["limit"],
        include_rotated=options["include_rotated"],
        wait=options["wait"],
        settle=options["settle"],
        evidence=options["evidence"],
        client_log_path=options["client_log_path"],
    )


def _opening(options: dict[str, Any], request: Request, *, check_mode: bool) -> SshOpening:
    for name, variable in (("hostname", "VMWARE_HOST"), ("username", "VMWARE_USER"), ("password", "VMWARE_PASSWORD")):
        if not options[name]:
            raise InputError(f"open_ssh.{name}", "is not given", f"Give it, or set {variable}.")
    if "\n" in options["hostname"] or "/" in options["hostname"]:
        raise InputError(
            "open_ssh.hostname", f"{options['hostname']!r} is no host name", "Give the name alone, no URL."
        )
    if not 0 <= options["retries"] <= MOST_RETRIES:
        raise InputError("open_ssh.retries", f"{options['retries']} is out of range", f"Give 0 to {MOST_RETRIES}.")
    seconds = min(request.wait + request.settle + LONGEST_READING, LONGEST_SHELL)
    return SshOpening(options["hostname"], {**options, "seconds": seconds, "check_mode": check_mode})


def _explained(host: str, said: str, opening: SshOpening | None) -> str:
    way_out = next((text for sign, text in SSH_WAYS_OUT if sign in said), "")
    if opening and listens_not_yet(said):
        way_out = STILL_REFUSED if "ssh" in opening.opened else CLOSED_MEANWHILE
    said = " ".join(said.split()).rstrip(".")
    return f"Could not reach {host} to read the log: {said}. {way_out}".strip()
