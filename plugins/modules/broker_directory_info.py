#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_directory_info
short_description: List the directories of the Identity Broker
version_added: 0.9.0
description:
  - Lists the directories of the broker, all or those that fit. Each is read by itself, since the broker's list leaves out the
    default domain.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - homelab.identity_broker.vcenter
  - homelab.identity_broker.workspace_one
  - homelab.identity_broker.broker
attributes:
  action_group:
    description:
      - Use C(group/homelab.identity_broker.vcenter) or C(group/homelab.identity_broker.workspace_one) in C(module_defaults).
    support: full
    membership:
      - homelab.identity_broker.vcenter
      - homelab.identity_broker.workspace_one
options:
  name:
    description: Return only the directory with this name (without regard to case).
    type: str
  id:
    description: Return only the directory with this id.
    type: str
  sync_client:
    description: Whether to read the sync client of each directory, too.
    type: bool
    default: false
seealso:
  - module: homelab.identity_broker.broker_directory
  - module: homelab.identity_broker.sync_token
"""

EXAMPLES = r"""
- name: Read the directories, and what pushes users into them
  homelab.identity_broker.broker_directory_info:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: automation
    api_client_secret: "{{ vault_workspace_one_secret }}"
    sync_client: true
  register: broker

- name: Show them
  ansible.builtin.debug:
    var: broker.directories
"""

RETURN = r"""
directories:
  description: The directories that fit, in the order of their names.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The broker's id.
      type: str
      sample: 165178fc-acba-46d3-8a0a-6099ab71eb51
    name:
      description: The name.
      type: str
      sample: Lab
    domains:
      description: The domains.
      type: list
      elements: str
      sample: [lab.example.com]
    default_domain:
      description: The domain of users who are pushed without one.
      type: str
      sample: lab.example.com
    source:
      description: Where the users come from.
      type: str
      sample: GENERIC
    type:
      description: Whether users are pushed, or created at their first login.
      type: str
      sample: PROVISIONED
    attributes:
      description: Settings of the directory.
      type: dict
      sample: {attempt_decode_external_id_as_ms_guid: false}
    delete_in_progress:
      description: Whether the broker is deleting it.
      type: bool
      sample: false
    sync_client:
      description: The sync client, where O(sync_client=true) and there is one; else null. Never a secret or token.
      type: dict
      sample: {client_id: null, generate_token: true, token_ttl: 262800}
scim_url:
  description: Where users are pushed to.
  returned: success
  type: str
  sample: https://acme.workspaceoneaccess.com/usergroup/scim/v2
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_object_plan import fitting_rows
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_objects import DIRECTORIES
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_results import (
    directory_result,
    sorted_by_name,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import BrokerSession, broker_spec
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run


def main() -> None:
    module = make_module(
        broker_spec(),
        {
            "name": {"type": "str"},
            "id": {"type": "str"},
            "sync_client": {"type": "bool", "default": False},
        },
    )
    options = module.params

    def read(session: BrokerSession) -> dict[str, Any]:
        services = session.services
        found = []
        for row in fitting_rows(services.rows(DIRECTORIES), DIRECTORIES, options["id"], options["name"]):
            result = directory_result(services.read(DIRECTORIES, row))
            if result is not None:
                result["sync_client"] = services.sync_client(str(result["id"])) if options["sync_client"] else None
                found.append(result)
        return {
            "changed": False,
            "directories": sorted_by_name(found, "name"),
            "scim_url": services.home.scim_url,
        }

    run(BrokerSession, module, read)


if __name__ == "__main__":
    main()
