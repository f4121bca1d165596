# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SSH and the shell of the appliance, as its API switches them: what to open, what to put back, and what to say.

PRIVATE to this collection. Shapes as in the vSphere Automation API, appliance/access/ssh and appliance/access/shell.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_SHELL = 86400
"""Seconds that the shell can be enabled for (vSphere Automation API, appliance/access/shell)."""
LONGEST_PAUSE = 15.0
WORDS_OF_NO_LISTENER = (
    "Connection refused",
    "Unable to connect to port",
    # Before keys and passwords: the identification comes first (RFC 4253 section 4.2).
    "kex_exchange_identification",
)

UNVERIFIED = "Certificates are not verified: whoever is in between reads the credentials."
CLOSED_MEANWHILE = (
    "SSH was enabled when this task began, so somebody has disabled it since, such as a run on another machine that had "
    "opened it for itself. Run this again."
)
STILL_REFUSED = (
    "SSH was enabled for this task. Are ansible_host and ansible_port right, and does the firewall let SSH through?"
)


@dataclass(frozen=True, slots=True)
class Switch:
    """One of the two. C(name) is what results and records call it."""

    name: str
    label: str

    @property
    def path(self) -> str:
        """Where the API reads and sets it."""
        return f"/api/appliance/access/{self.name}"

    def is_on(self, document: Any) -> bool:
        """How it stands, by what the API says. Raises ValueError."""
        for key in ("value", "enabled"):
            document = document.get(key) if isinstance(document, Mapping) and key in document else document
        if not isinstance(document, bool):
            raise ValueError(f"whether {self.label} is enabled is told by {type(document).__name__}")
        return document

    def document(self, *, enabled: bool, seconds: int = 0) -> dict[str, Any]:
        """What sets it. The shell ends by itself after so many seconds."""
        if self is SHELL:
            return {"enabled": enabled, "timeout": min(seconds, LONGEST_SHELL)}
        return {"enabled": enabled}


SHELL = Switch("shell", "the shell")
SSH = Switch("ssh", "SSH")
OPENING = (SHELL, SSH)
"""What lets people in is opened last, and put back first."""


def wanted(*, shell: bool) -> tuple[Switch, ...]:
    """Which ones the reading of a log needs, in the order of their opening."""
    return OPENING if shell else (SSH,)


def to_open(standing: Mapping[str, bool]) -> tuple[Switch, ...]:
    """What is to be opened, by how each stands."""
    return tuple(switch for switch in OPENING if standing.get(switch.name) is False)


def to_put_back(opened: Collection[str]) -> tuple[Switch, ...]:
    """What is to be closed of that which was opened."""
    return tuple(switch for switch in reversed(OPENING) if switch.name in opened)


def pause_before(attempt: int) -> float:
    """Seconds before the second and every later try to put something back."""
    return min(2.0 ** (attempt - 2), LONGEST_PAUSE)


def listens_not_yet(said: str) -> bool:
    """Whether a connection ended before anything was shown to the server, so that it may be tried again."""
    return any(words in said for words in WORDS_OF_NO_LISTENER)


def labels(switches: Iterable[Switch]) -> str:
    """Their names for a message."""
    return " and ".join(switch.label for switch in reversed(list(switches)))


def _subject(switches: Collection[Switch]) -> tuple[str, str]:
    """The beginning of a sentence, and whether it goes on with is or are."""
    text = labels(switches)
    return text[0].upper() + text[1:], "is" if len(switches) == 1 else "are"


def off_in_check_mode(host: str, switches: Collection[Switch]) -> str:
    """Why check mode cannot read the log."""
    subject, verb = _subject(switches)
    return (
        f"{subject} {verb} disabled on {host}, so the log cannot be read in check mode. A real run would enable what is missing, "
        "read, and put it back; nothing was changed."
    )


def still_open(host: str, opened: Collection[str]) -> str:
    """The last line of a run that could not put back what stood."""
    switches = to_put_back(opened)
    bodies = [f"PUT {switch.path} {json.dumps(switch.document(enabled=False))}" for switch in switches]
    name = host.partition(":")[0]
    return (
        f"STILL OPEN on {host}: {labels(reversed(switches))}. Close it: appliance management (https://{name}:5480), Access, "
        f"Edit; or over the API: {', '.join(bodies)}."
    )


def word_for_the_next_run(host: str, opened: Collection[str], reason: str, when: str) -> list[str]:
    """What is kept where nobody listens any more."""
    return [
        f"Reading the log was broken off, and at {when} what stood could not be put back. {reason}".rstrip(),
        still_open(host, opened),
    ]


def left_by_a_run(host: str, opened: Collection[str], since: str) -> str:
    """The warning about a run before that could not even say so."""
    subject, verb = _subject(to_put_back(opened)[::-1])
    was = {"is": "was", "are": "were"}[verb]
    return f"{subject} of {host} {was} opened at {since} by a run that was ended before it could put that back. This run does it."


def ways_out(host: str, username: str) -> dict[int, str]:
    """What to do about the answers by which the API refuses the two switches."""
    by_hand = (
        f"switch it in appliance management (https://{host.partition(':')[0]}:5480), Access, and leave open_ssh out"
    )
    return {
        403: f"{username} has no right to the appliance's access settings. Let it be a member of "
        f"SystemConfiguration.Administrators, or {by_hand}.",
        404: f"This vCenter does not offer its access settings over the API; {by_hand}.",
    }
