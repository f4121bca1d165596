# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Has sync_token mint on the task's host, and hands the token over on the control node. It is in no result."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import VaultLib, VaultSecretsContext, is_encrypted
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError, InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._file_identity import resolved
from ansible_collections.homelab.identity_broker.plugins.module_utils._minting_lock import MintingLock
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_rotation import (
    DEFAULT_VARIABLE,
    Life,
    Targets,
    check_minted,
    check_standing,
    command_failure,
    ended_with,
    read_targets,
    summary,
    undelivered,
    variable_text,
    variable_token,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_targets import (
    check_command,
    check_file,
    check_targets,
    token_in_file,
    write_file,
)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    # These are the module's, which knows their defaults and variables of the environment.
    "hostname": {"type": "str"},
    "port": {"type": "int"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool"},
    "ca_path": {"type": "str"},
    "timeout": {"type": "float"},
    "tenant": {"type": "str"},
    "auth_scheme": {"type": "str", "default": "auto", "choices": ["auto", "hzn", "bearer"]},
    "provider_id": {"type": "str"},
    "platform": {"type": "str"},
    "base_url": {"type": "str"},
    "api_client_id": {"type": "str"},
    "api_client_secret": {"type": "str", "no_log": True},
    "directory": {"type": "str"},
    "token_ttl": {"type": "int"},
    "current_token": {"type": "str", "no_log": True},
    "renew_before": {"type": "int"},
    # The rest is for the control node.
    "file": {"type": "path"},
    "vault_file": {"type": "path"},
    "vault_variable": {"type": "str", "default": DEFAULT_VARIABLE},
    "vault_id": {"type": "str"},
    "command": {"type": "list", "elements": "str"},
    "command_timeout": {"type": "float", "default": 60.0},
}
OF_THE_MODULE = tuple(ARGUMENT_SPEC)[: tuple(ARGUMENT_SPEC).index("file")]


class Vault:
    """The vault passwords that ansible-playbook was given, and the one of them to encrypt with."""

    def __init__(self, vault_id: str | None) -> None:
        context = VaultSecretsContext.current(optional=True)
        secrets = list(context.secrets or []) if context else []
        wanted = vault_id or constants.config.get_config_value("DEFAULT_VAULT_ENCRYPT_IDENTITY")
        known = sorted({label for label, _secret in secrets})
        if not secrets:
            raise InputError(
                "vault_file",
                "is given, and no vault password is",
                "Give ansible-playbook --vault-id, --vault-password-file or --ask-vault-pass.",
            )
        if wanted is None and len(known) > 1:
            raise InputError("vault_id", f"is needed, since there are {', '.join(known)}", "Name one of them.")
        fitting = [(label, secret) for label, secret in secrets if wanted in (None, label)]
        if not fitting:
            raise InputError("vault_id", f"{wanted!r} is none of {', '.join(known)}", "Name one of them.")
        self._label, self._secret = fitting[0]
        self._lib = VaultLib(secrets)

    def encrypted(self, text: str) -> str:
        """The text as a file of Ansible Vault."""
        try:
            encrypted: bytes = self._lib.encrypt(text, secret=self._secret, vault_id=self._label)
        except AnsibleError as error:
            raise InputError(
                "vault_file", f"nothing can be encrypted ({error})", "Repair Ansible Vault first."
            ) from None
        return encrypted.decode()

    def variables(self, path: str) -> Any:
        """The decoded YAML of an encrypted file; None where there is none yet."""
        try:
            content = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError("vault_file", f"{path} cannot be read ({error.strerror})", "Correct it.") from None
        if not content.strip():
            return None
        if not is_encrypted(content):
            raise InputError(
                "vault_file", f"{path} is there and not encrypted", "Name another file, or remove this one."
            )
        try:
            return yaml.safe_load(self._lib.decrypt(content))
        except AnsibleError:
            raise InputError(
                "vault_file", f"none of the given vault passwords opens {path}", "Give its password, too, or remove it."
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError):
            raise InputError("vault_file", f"{path} holds no YAML", "Name another file, or remove this one.") from None


def run_command(command: Sequence[str], token: str, timeout: float) -> None:
    """Give a command the token on its standard input, as it is, without a line end. Raises IdentityBrokerError."""
    try:
        done = subprocess.run(  # noqa: S603 - the command is the user's own
            list(command), input=token.encode(), capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise command_failure(command[0], f"it did not end within {timeout:g} s and was killed") from None
    except OSError as error:
        raise command_failure(command[0], f"it cannot be started ({error.strerror})") from None
    if done.returncode:
        output = (done.stderr or done.stdout).decode(errors="replace")
        raise command_failure(command[0], ended_with(done.returncode, output, token))


@dataclass(frozen=True)
class Handover:
    """The targets of a task, and what it takes to reach them."""

    targets: Targets
    vault: Vault | None
    timeout: float

    def held(self) -> dict[str, str]:
        """The tokens that the files hold now. Raises InputError where a new one could not be handed over."""
        targets, held = self.targets, {}
        if targets.file:
            held["file"] = token_in_file("file", targets.file)
        if targets.vault_file and self.vault:
            check_file("vault_file", targets.vault_file)
            held["vault_file"] = variable_token(
                self.vault.variables(targets.vault_file), targets.vault_file, targets.variable
            )
            self.vault.encrypted("a trial")
        if targets.command:
            check_command(targets.command)
        return {name: token for name, token in held.items() if token is not None}

    def give(self, name: str, token: str) -> None:
        """Hand the token over to one of the targets. Raises IdentityBrokerError."""
        targets = self.targets
        if name == "command":
            run_command(targets.command, token, self.timeout)
        elif name == "vault_file" and self.vault:
            write_file(name, str(targets.vault_file), self.vault.encrypted(variable_text(targets.variable, token)))
        else:
            write_file(name, str(targets.file), token)


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = True
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        try:
            return {**result, **self._rotated(options, task_vars)}
        except IdentityBrokerError as error:
            raise AnsibleActionFail(str(error)) from None

    def _rotated(self, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        for name in ("file", "vault_file"):
            if options[name]:
                # Relative to where ansible-playbook was started.
                options[name] = os.path.normpath(Path.cwd() / options[name])
        targets = read_targets(options)
        check_targets(targets)
        check_standing(options["renew_before"], options["current_token"], targets)
        vault = Vault(options["vault_id"]) if targets.vault_file else None
        handover = Handover(targets, vault, options["command_timeout"])
        handover.held()
        lock = MintingLock(time.sleep)
        try:
            # From reading the files to writing them; sync_token itself waits for the other modules that mint.
            lock.acquire(*(f"rotate_token, the file {resolved(path)}" for path in targets.files))
            done = self._rotated_alone(options, handover, task_vars)
        finally:
            lock.release()
        done.setdefault("warnings", []).extend(lock.take_waits())
        return {name: value for name, value in done.items() if name != "warnings" or value}

    def _rotated_alone(
        self, options: dict[str, Any], handover: Handover, task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        held = handover.held()
        standing = options["current_token"] or held.get("file") or held.get("vault_file")
        answer = self._sync_token(options, standing, task_vars)
        warnings = {"warnings": answer["warnings"]} if answer.get("warnings") else {}
        if answer.get("failed"):
            # Its messages are free of secrets.
            return {"failed": True, "msg": str(answer.get("msg") or "sync_token failed"), **warnings}
        return {**self._handed_over(answer, handover, held, known=standing is not None), **warnings}

    def _sync_token(
        self, options: dict[str, Any], standing: str | None, task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        given = {name: options[name] for name in OF_THE_MODULE if options[name] is not None}
        given |= {"current_token": standing} if standing else {}
        given |= {} if "renew_before" in given else {"force": True}
        # The connection plugin for SSH shows at -vvv what came back, unless this is set, which otherwise is the task's no_log.
        context = self._connection._play_context  # noqa: SLF001 - it has no other way
        before, context.no_log = context.no_log, True
        try:
            answer: dict[str, Any] = self._execute_module(
                module_name="homelab.identity_broker.sync_token", module_args=given, task_vars=task_vars
            )
        finally:
            context.no_log = before
        return answer

    def _handed_over(
        self, answer: dict[str, Any], handover: Handover, held: dict[str, str], *, known: bool
    ) -> dict[str, Any]:
        check_mode, kept, token = bool(self._task.check_mode), not answer["changed"], answer["token"]
        names = handover.targets.names
        if kept:
            # Nobody can tell whether a command has got the token already; who put it into a file had given it first.
            names = {name: told for name, told in names.items() if name != "command" and held.get(name) != token}
        got: list[str] = []
        result = {
            "changed": not kept or bool(names),
            "minted": not kept and not check_mode,
            "delivered": got,
            **{name: answer[name] for name in ("expires_at", "expires_in", "scim_url", "provider_id", "directory_id")},
        }
        try:
            if token is not None:
                check_minted(token)
            for name, told in names.items():
                if not check_mode:
                    handover.give(name, token)
                got.append(told)
        except IdentityBrokerError as error:
            problem = undelivered(str(error), got, list(names.values())[len(got) :]) if not kept else str(error)
            return {**result, "failed": True, "msg": problem}
        state = answer["diff"]
        lines = summary(
            str(urlsplit(answer["scim_url"]).hostname),
            Life(answer["expires_at"], answer["expires_in"]),
            known=known,
            minted=result["minted"],
            kept=kept,
            got=got,
            check_mode=check_mode,
        )
        diff = {"before": {**state["before"], "delivered": []}, "after": {**state["after"], "delivered": got}}
        return {**result, "summary": lines, "diff": diff}
