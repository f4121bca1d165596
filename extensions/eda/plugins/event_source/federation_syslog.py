# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An event source of ansible-rulebook: login attempts, from the syslog that the appliance forwards over TLS."""

from __future__ import annotations

import asyncio
import importlib
import sys
import types
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
short_description: Tells of refused logins, from the syslog that the appliance forwards over TLS
version_added: 0.9.0
description:
  - Listens for syslog over TLS (RFC 5425, with octet counting or framing by newlines), in which the appliance forwards the lines of
    C(federation-service.log).
  - Tells what the event source C(homelab.identity_broker.federation_log) tells, without C(log_gap), since what was not forwarded is
    not known.
  - Whoever may connect may say anything. It cannot make anybody known who is not on the allow list; still, give O(client_ca) or
    O(allow_from).
options:
  host:
    description:
      - The address to listen on.
    type: str
    default: 0.0.0.0
  port:
    description:
      - The port to listen on.
    type: int
    default: 6514
  certificate:
    description:
      - A PEM file with the certificate, and what it is signed by.
    type: path
    required: true
  certificate_key:
    description:
      - A PEM file with its private key. Without it, the key is in O(certificate).
    type: path
  client_ca:
    description:
      - A PEM file with the authorities of which the sender must have a certificate.
    type: path
  allow_from:
    description:
      - The addresses and networks that may send.
    type: list
    elements: str
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
      - Where it remembers what is not handed over yet. Mode 0600, and never half written.
      - The default is a file in C(~/.local/state/homelab.identity_broker) by the port.
    type: path
"""

EXAMPLES = r"""
- homelab.identity_broker.federation_syslog:
    certificate: /etc/identity_broker/syslog.pem
    allow_from: [192.0.2.10]
    allow_list: /etc/identity_broker/allow_list.yml
    domain: lab.example.org
"""

_PACKAGE = "identity_broker_utils"


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Tell of login attempts until cancelled."""
    await _plugin("_listen_for_syslog").listen(queue, args)


def _plugin(name: str) -> Any:
    """Import a file of the collection, which ansible-rulebook does not put on Python's path."""
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(Path(__file__).absolute().parents[4] / "plugins/module_utils")]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")
