# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The vSphere Client's log: under which name vCenter knows who was let in. PRIVATE to this collection.

The line is known from Broadcom's KB 432247. A permission has an effect only in this spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ._texts import folded

CLIENT_LOG = "/var/log/vmware/vsphere-ui/logs/vsphere_client_virgo.log"
TOKEN_MARK = "Successfully acquired token for user: "  # noqa: S105

_LINE = re.compile(
    r"\[[^\[\]]+\] \[[A-Z]+ *\] .* com\.vmware\.[\w.$]+ +"
    r"Successfully acquired token for user: \{Name: (?P<name>[^{},\s]{1,256}), Domain: (?P<domain>[^{},\s]{1,256})\}\s*"
)


def read_spellings(text: str) -> list[tuple[str, str]]:
    """Names and domains of who was let in, newest first, each once."""
    found = [(line["name"], line["domain"]) for row in text.split("\n") if (line := _LINE.fullmatch(row))]
    return list(dict.fromkeys(reversed([each for each in found if all(part.isprintable() for part in each)])))


def spelling_of(bare_name: str, domain: str, spellings: Iterable[tuple[str, str]]) -> str | None:
    """How vCenter spells a user, bare or as C(name@domain); None where no login of the user was seen."""
    possible = {folded(name): name for name in (bare_name, f"{bare_name}@{domain}")}
    return next(
        (
            possible[folded(name)]
            for name, own in spellings
            if folded(own) == folded(domain) and folded(name) in possible
        ),
        None,
    )
