#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_provider_info
short_description: List the external identity providers of vCenter's Identity Broker
version_added: 0.1.0
description:
  - Lists the external identity providers that vCenter's Identity Broker knows, with their domains.
  - The broker's id of a provider is another than the one that vCenter's own list of identity providers shows.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - homelab.identity_broker.vcenter
options:
  provider_id:
    description: Return only the provider with this id.
    type: str
  name:
    description: Return only providers with this name (without regard to case).
    type: str
  domain:
    description:
      - Return only providers that have this domain (without regard to case). One that does not tell its domains is returned as
        well, with a warning.
    type: str
    version_added: 0.9.0
seealso:
  - module: homelab.identity_broker.sync_token
  - module: homelab.identity_broker.scim_user
"""

EXAMPLES = r"""
- name: Read the broker's identity providers
  homelab.identity_broker.broker_provider_info:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
  register: broker

- name: Show which domains can be provisioned
  ansible.builtin.debug:
    var: broker.providers
"""

RETURN = r"""
providers:
  description: The providers that fit.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The broker's id of the provider.
      type: str
      sample: 3750355e-b646-44ed-9ce8-9d8fb66564a7
    name:
      description: The provider's name; null where the broker does not tell it.
      type: str
      sample: Pocket ID
    domains:
      description: The provider's domains; empty where the broker does not tell them.
      type: list
      elements: str
      sample: [lab.example.org]
provider_id:
  description: The id of the provider when exactly one fits, else null.
  returned: success
  type: str
  sample: 3750355e-b646-44ed-9ce8-9d8fb66564a7
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_answers import Provider
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import BrokerSession, vcenter_spec
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import NoProviderError
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import folded
from ansible_collections.homelab.identity_broker.plugins.module_utils._vcenter import narrowed


def providers(session: BrokerSession) -> list[Provider]:
    """All of them. That there is none is no failure here."""
    try:
        return session.vcenter.providers()
    except NoProviderError:
        return []


def main() -> None:
    module = make_module(vcenter_spec(), {name: {"type": "str"} for name in ("provider_id", "name", "domain")})

    def read(session: BrokerSession) -> dict[str, Any]:
        options = module.params
        found = narrowed(providers(session), options["provider_id"], options["name"])
        if options["domain"] is not None:
            found = [
                each for each in found if not each.domains or folded(options["domain"]) in map(folded, each.domains)
            ]
            session.warnings += [
                f"{each.name or each.id} does not tell its domains." for each in found if not each.domains
            ]
        return {
            "changed": False,
            "providers": [{"id": p.id, "name": p.name, "domains": list(p.domains)} for p in found],
            "provider_id": found[0].id if len(found) == 1 else None,
        }

    run(BrokerSession, module, read)


if __name__ == "__main__":
    main()
