# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""To whom a new sync token goes, and what is told of it. PRIVATE to this collection."""

from __future__ import annotations

import base64
import json
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._errors import IdentityBrokerError, InputError
from ._texts import required_text

DEFAULT_VARIABLE = "vault_sync_token"
# RFC 6750 section 2.1, b64token. Nothing of it means anything to YAML in quotes, to Jinja or to a shell.
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
SHOWN = 500
LEAST_HIDDEN = 8
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


@dataclass(frozen=True)
class Targets:
    """Who gets a new token. At least one is given."""

    file: str | None
    vault_file: str | None
    variable: str
    command: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the files that get a token."""
        return tuple(path for path in (self.file, self.vault_file) if path)

    @property
    def names(self) -> dict[str, str]:
        """What each option is called when it is told, in the order in which they get a token.

        The command comes first, so that a file never holds a token that stands and that the command did not get: a
        later run would keep it. Its arguments are left out, which may be nobody's business.
        """
        found: dict[str, str] = {}
        if self.command:
            found["command"] = f"the command {self.command[0]}"
        if self.vault_file:
            found["vault_file"] = f"the variable {self.variable} in {self.vault_file}"
        if self.file:
            found["file"] = f"the file {self.file}"
        return found


@dataclass(frozen=True)
class Life:
    """When a token ends, and in how many seconds, as far as that is known."""

    expires_at: str | None
    expires_in: int | None

    def __str__(self) -> str:
        if self.expires_in == 0:
            return "has ended, or was revoked"
        if self.expires_at is None or self.expires_in is None:
            return "does not tell when it ends"
        return f"ends at {self.expires_at}, in {duration(self.expires_in)}"


def read_targets(options: Mapping[str, Any]) -> Targets:
    """The targets of a task. Raises InputError where there is none, or one makes no sense."""
    file, vault_file, command = options["file"], options["vault_file"], options["command"]
    if file is None and vault_file is None and command is None:
        raise InputError(
            "file, vault_file, command",
            "none of them is given, so nobody would get the new token, and the one before would be revoked",
            "Give at least one. In the playbook they are rotate_token_file, rotate_token_vault_file and rotate_token_command.",
        )
    for name, path in (("file", file), ("vault_file", vault_file)):
        if path is not None:
            required_text(name, path)
    if command is not None and not (command and command[0] and not any("\0" in part for part in command)):
        raise InputError("command", "names no program", "Give a list: the program, then each of its arguments.")
    variable = options["vault_variable"]
    if not (variable.isascii() and variable.isidentifier()) or keyword.iskeyword(variable):
        raise InputError(
            "vault_variable",
            f"{variable!r} is no name of a variable",
            f"Letters, digits and underscores, as in {DEFAULT_VARIABLE}.",
        )
    return Targets(file, vault_file, variable, tuple(command or ()))


def check_standing(renew_before: int | None, current_token: str | None, targets: Targets) -> None:
    """Raise InputError where the standing token is no token, or is to be kept and nothing can tell which it is."""
    if current_token is not None and not TOKEN.fullmatch(current_token):
        raise InputError(
            "current_token",
            "is malformed: it is empty, or holds white space or other characters no token has",
            "Give the access token alone, without HZN or Bearer before it; or leave it out.",
        )
    if renew_before is None:
        return
    if renew_before < 0:
        raise InputError("renew_before", f"{renew_before} is negative", "Give seconds.")
    if current_token is None and targets.file is None and targets.vault_file is None:
        raise InputError(
            "renew_before",
            "is given, and nothing tells the token that stands, since a command only takes one",
            "Give current_token, file or vault_file; or leave renew_before out, and each run mints.",
        )


def checked_token(field: str, token: str) -> str:
    """The text, if it can be a token. Raises InputError, without the text, where it is something else."""
    if not TOKEN.fullmatch(token):
        raise InputError(
            field,
            "holds something other than a token, which would be overwritten",
            "Name another file, or remove this one if nobody needs it.",
        )
    return token


def check_minted(token: str) -> None:
    """Raise IdentityBrokerError where the broker's token could be more than a text to those who get it."""
    if not TOKEN.fullmatch(token):
        raise IdentityBrokerError("The broker's new token holds characters that no token has (RFC 6750, section 2.1).")


def variable_text(variable: str, token: str) -> str:
    """The YAML of a file of variables with the token in it."""
    # In quotes, since YAML 1.1 takes names such as yes for something else.
    return f"---\n{json.dumps(variable)}: {json.dumps(token)}\n"


def variable_token(document: Any, path: str, variable: str) -> str | None:
    """The token in the decoded YAML of such a file; None where it holds none. Raises InputError where it holds more."""
    if document is None:
        return None
    if not isinstance(document, dict):
        raise InputError("vault_file", f"{path} holds no variables", "Name another file, or remove this one.")
    others = [str(name) for name in document if name != variable]
    if others:
        raise InputError(
            "vault_file",
            f"{path} holds other variables, too ({', '.join(sorted(others)[:5])}), and they would be lost",
            "Give the token a file of its own, beside it; Ansible reads all files in a folder of group_vars.",
        )
    token = document.get(variable)
    if token is None or token == "":
        return None
    if not isinstance(token, str):
        raise InputError("vault_file", f"{variable} in {path} is no text", "Correct it, or remove the file.")
    return checked_token("vault_file", token)


def duration(seconds: int) -> str:
    """A span for people, in the largest unit of which it has two."""
    for name, length in UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length} {name}s"
    return f"{seconds} s"


def summary(
    host: str, life: Life, *, known: bool, minted: bool, kept: bool, got: Sequence[str], check_mode: bool
) -> list[str]:
    """What a person is told: C(life) is the new token's, or where none was minted, that of the standing one.

    C(known) is whether the standing one is known at all, and C(got) names who got a token, or would.
    """
    if minted:
        return [
            f"A new sync token was minted for {host}. It {life}.",
            f"It was handed to {listed(got)}.",
            "The token before is revoked by it: whoever pushes users with that one must get the new one.",
        ]
    standing = f"The standing one {life}." if known else "Nothing is known of the standing one."
    if kept:
        lines = [f"The sync token of {host} is kept: the broker accepts it. It {life}."]
        if got:
            lines.append(f"It {'would be' if check_mode else 'was'} handed to {listed(got)}, where it was not yet.")
        return lines
    return [
        f"Would mint a new sync token for {host}, which revokes the one before. {standing}",
        f"Would hand it to {listed(got)}.",
    ]


def undelivered(problem: str, got: Sequence[str], missed: Sequence[str]) -> str:
    """The message where a minted token could not be handed over to everybody."""
    reached = (
        f"has reached {listed(got)} only, and not {listed(missed)}" if got else f"has not reached {listed(missed)}"
    )
    return (
        f"{problem.rstrip('. ')}. The token before is revoked already, and the new one {reached}: whoever pushes users "
        "with any other is refused from now on. Correct this and run it again, which is safe: it mints another where it "
        "must, and hands it to all of them."
    )


def command_failure(program: str, problem: str) -> IdentityBrokerError:
    """What went wrong with a command that was to take the token."""
    return IdentityBrokerError(f"Handing the new sync token to the command {program} failed: {problem}.")


def ended_with(status: int, output: str, token: str) -> str:
    """How a command ended, and what it said, without the token."""
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    said = without_token(output, token)
    return f"it ended with {how}" + (f" and said: {said.rstrip('.')}" if said else "")


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def without_token(text: str, token: str) -> str:
    """What a command said, on one line, bounded, and with neither the token nor one of its parts in it."""
    encoded = base64.b64encode(token.encode()).decode().rstrip("=")
    for secret in sorted({token, encoded, *token.split(".")}, key=len, reverse=True):
        if secret == token or len(secret) >= LEAST_HIDDEN:
            text = text.replace(secret, "********")
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= SHOWN else f"...{text[-SHOWN:]}"
