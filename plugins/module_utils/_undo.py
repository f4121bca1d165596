# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is kept of deleted users, so that a later run can restore them. PRIVATE to this collection."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._errors import InputError
from ._users import MUTABLE_ATTRIBUTES, TEXT_ATTRIBUTES, DesiredUser, User

FIELD = "restore_file"
PLAYBOOK = "homelab.identity_broker.restore"

_VERSION = 1
_TEXTS = ("username", "domain", "username_format")
_OPTIONAL_TEXTS = ("external_id", *TEXT_ATTRIBUTES)
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./~+-]+")


@dataclass(frozen=True, slots=True)
class Deleted:
    """The users that a run deletes from one broker, as they were."""

    host: str
    users: tuple[DesiredUser, ...]

    def to_json(self, written: str) -> dict[str, Any]:
        """Return the form in the file."""
        names = (*_TEXTS, *_OPTIONAL_TEXTS, "active")
        rows = [{name: getattr(user, name) for name in names} | {"groups": list(user.groups)} for user in self.users]
        return {"version": _VERSION, "host": self.host, "written": written, "users": rows}


def as_it_was(user: User, domain: str, groups: Sequence[str]) -> DesiredUser:
    """Return what a task has to ask for to have an entry again. The domain is the task's where the entry shows none."""
    return DesiredUser(
        username=user.bare_name,
        domain=user.domain or domain,
        external_id=user.external_id,
        username_format="bare" if user.bare_name == user.username else "qualified",
        groups=tuple(groups),
        **{name: getattr(user, name) for name in MUTABLE_ATTRIBUTES},
    )


def deleted_from_json(text: str, first: int = 0) -> Deleted:
    """Read a file that holds `Deleted.to_json`; positions begin at `first`. Raises ValueError for anything else."""
    document = json.loads(text)
    try:
        if document["version"] != _VERSION:
            raise ValueError(f"it has version {document['version']!r}, and {_VERSION} is known")
        rows = [_user(row, number) for number, row in enumerate(document["users"], start=first)]
        return Deleted(str(document["host"]), tuple(rows))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is not a file that a deletion wrote ({type(error).__name__}: {error})") from None


def refuse_other_host(deleted: Deleted | None, host: str) -> None:
    """Raise InputError where a file was written for another broker."""
    if deleted and deleted.host != host:
        raise InputError(
            FIELD,
            f"was written for {deleted.host}, and this task works on {host}",
            "Run it for that host alone, with --limit.",
        )


def restore_command(file: str) -> str:
    """Return the command that restores the users of a file, to be pasted into a shell."""
    value = f"restore_file={file}" if _PLAIN_PATH.fullmatch(file) else json.dumps({"restore_file": file})
    return f"ansible-playbook {PLAYBOOK} -e {shlex.quote(value)}"


def _user(row: Mapping[str, Any], position: int) -> DesiredUser:
    for name in (*_TEXTS, *_OPTIONAL_TEXTS):
        if not (isinstance(row[name], str) or (row[name] is None and name in _OPTIONAL_TEXTS)):
            raise TypeError(f"{name} of user {position + 1}")
    if row["active"] not in (None, True, False) or not all(isinstance(name, str) for name in row["groups"]):
        raise TypeError(f"active or groups of user {position + 1}")
    return DesiredUser(
        **{name: row[name] for name in (*_TEXTS, *_OPTIONAL_TEXTS, "active")},
        groups=tuple(row["groups"]),
        asked_as=row["username"],
        position=position,
    )
