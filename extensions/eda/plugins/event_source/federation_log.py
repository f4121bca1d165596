# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An event source of ansible-rulebook: login attempts, from the appliance's log over SSH."""

from __future__ import annotations

import asyncio
import importlib
import sys
import types
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
short_description: Tells of refused logins, from the log of vCenter's Identity Broker over SSH
version_added: 0.9.0
description:
  - Follows C(federation-service.log) across rotations, lost connections and restarts, and tells of each login attempt once. Nothing
    runs on the appliance but a POSIX shell.
  - Compares with the allow list itself. An event calls people by the list's own keys, and holds no string from the log.
  - C(login) has C(outcome), V(denied) where the broker knows nobody by the ExternalId, V(refused) where it has another reason or
    another domain, and with O(outcome=any) V(allowed); C(people), the keys, of one or of all who tried shortly after another; and
    C(attempts), how many it tells of.
  - C(unknown_attempt) tells of everybody who is not on the list, with the counts C(attempts), C(external_ids) and C(malformed), and
    a C(digest) of at most 5 ExternalIds, escaped and cut short, for a person to read. Login lines that cannot be read count as
    malformed attempts, and are logged as an error with the beginning of one of them.
  - C(log_gap) says that part of the log was gone before it was read.
  - Each has a C(number) of its own that counts on.
options:
  host:
    description:
      - The appliance's fully qualified domain name.
    type: str
    required: true
  port:
    description:
      - Its SSH port.
    type: int
    default: 22
  user:
    description:
      - Who logs in, and may read the log. The login shell must be a POSIX shell, not the appliance shell.
    type: str
    default: root
  private_key:
    description:
      - A file with the private key. Without it, the keys of the SSH agent and those in C(~/.ssh) are tried.
    type: path
  known_hosts:
    description:
      - A file with the appliance's host key, which is always verified.
    type: path
    default: ~/.ssh/known_hosts
  log_path:
    description:
      - The log on the appliance.
    type: str
    default: /var/log/vmware/vc-ws1a-broker/federation-service.log
  start:
    description:
      - Where to begin the first time, before there is a state file.
    type: str
    choices: [end, beginning]
    default: end
  allow_list:
    description:
      - A YAML file of those who may be provisioned. Each item has C(external_id) and C(username), and may have C(domain), C(key),
        C(given_name), C(family_name), C(display_name), C(email), C(groups) and C(permissions).
      - An item without an ExternalId is refused, since a name in a log proves nothing. It is read anew when it changes.
      - C(key) is what events call the person by. It is the username, if it begins with a letter and has only letters, digits or
        C(._@+-), else a word made from the ExternalId, unless given. Who has C(active=false) is left out.
    type: path
    required: true
  domain:
    description:
      - The domain in which the person must have been looked up, where the item names none. Without both, any counts.
    type: str
  outcome:
    description:
      - V(any) tells also who was let in.
    type: str
    choices: [denied, any]
    default: denied
  repeat_after:
    description:
      - After somebody on the list was told, further refusals of the same person are counted for so many seconds, and then told as
        one; not at all where the person was let in meanwhile.
    type: int
    default: 60
  throttle:
    description:
      - Attempts of everybody else are counted for so many seconds and told as one.
    type: int
    default: 60
  state_file:
    description:
      - Where it remembers how far it has read, and what is not handed over yet. Mode 0600, and never half written.
      - The default is a file in C(~/.local/state/homelab.identity_broker) by host and port.
    type: path
requirements:
  - asyncssh >= 2.14 for the Python that runs ansible-rulebook
"""

EXAMPLES = r"""
- homelab.identity_broker.federation_log:
    host: vcsa.example.org
    private_key: ~/.ssh/vcsa
    known_hosts: ~/.ssh/known_hosts
    allow_list: /etc/identity_broker/allow_list.yml
    domain: lab.example.org
"""

_PACKAGE = "identity_broker_utils"


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Tell of login attempts until cancelled."""
    await _plugin("_follow_over_ssh").follow(queue, args)


def _plugin(name: str) -> Any:
    """Import a file of the collection, which ansible-rulebook does not put on Python's path."""
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(Path(__file__).absolute().parents[4] / "plugins/module_utils")]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")
