# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads login attempts from the appliance over the task's own connection; nothing runs there but a shell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import describe
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError, InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import DEFAULT_LOG
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_reader import Reading, Request, read_log
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_window import read_since

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
}
LONGEST_WAIT = 3600

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

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        self._log_in_once()
        try:
            reading = read_log(_request(options), self._execute)
        except IdentityBrokerError as error:
            raise AnsibleActionFail(f"{self._host(task_vars)}: {error}") from None
        except AnsibleConnectionFailure as error:
            raise AnsibleConnectionFailure(_explained(self._host(task_vars), str(error))) from None
        return {**result, **_found(reading)}

    def _execute(self, command: str) -> tuple[str, str]:
        # executable=False sends the command as it is, like raw does.
        answer = self._low_level_execute_command(command, executable=False, encoding_errors="surrogateescape")
        return str(answer.get("stdout", "")), str(answer.get("stderr", ""))

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
    )


def _found(reading: Reading) -> dict[str, Any]:
    in_utc = [replace(attempt, timestamp=attempt.timestamp - reading.clock.offset) for attempt in reading.attempts]
    attempts = [attempt.result() for attempt in in_utc]
    sound = [attempt for attempt in attempts if not attempt["malformed"]]
    found: dict[str, Any] = {
        "changed": False,
        "attempts": attempts,
        "complete": not reading.gaps,
        "gaps": reading.gaps,
        "summary": [describe(attempt) for attempt in in_utc],
        "failures": [
            replace(failure, timestamp=failure.timestamp - reading.clock.offset).result()
            for failure in reading.failures
        ],
        "lines": reading.lines,
        "position": {"inode": reading.position[0], "offset": reading.position[1]},
        "ansible_facts": {
            "externalid": sound[0]["external_id"] if sound else None,
            "externalid_attempts": attempts,
        },
    }
    if not reading.clock.certain:
        found["warnings"] = [
            "The time of the log's last line does not fit the time when the file was last changed, as after a copy that "
            "did not keep it. The log's times are taken for UTC, so since may be off by the difference."
        ]
    return found


def _explained(host: str, said: str) -> str:
    way_out = next((text for sign, text in SSH_WAYS_OUT if sign in said), "")
    said = " ".join(said.split()).rstrip(".")
    return f"Could not reach {host} to read the log: {said}. {way_out}".strip()
