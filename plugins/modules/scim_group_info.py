#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: scim_group_info
short_description: List the groups of vCenter's Identity Broker with their members
version_added: 0.9.0
description:
  - Lists the groups of vCenter's Identity Broker, all or the one of a name, with their members by name.
  - Without a token of your own, they are read with the tenant's admin token. This module never mints a sync token. Where the
    broker does not let the admin token read, give O(token) or O(token_file).
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - homelab.identity_broker.vcenter
  - homelab.identity_broker.scim_info
  - homelab.identity_broker.workspace_one
options:
  display_name:
    description:
      - Return only the group of this name, without regard to case.
    type: raw
seealso:
  - module: homelab.identity_broker.scim_group
"""

EXAMPLES = r"""
- name: List all groups of the broker
  homelab.identity_broker.scim_group_info:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
  register: broker

- name: Who is in the group?
  homelab.identity_broker.scim_group_info:
    token: "{{ vault_sync_token }}"
    scim_url: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
    display_name: vcenter-admins
  register: admins
"""

RETURN = r"""
groups:
  description: The groups that fit, in the order of their names.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The broker's id.
      type: str
      sample: 2d5a1c3e-9f0b-4f6d-8a31-3a7d7c1f4b10
    display_name:
      description: The name as the broker spells it.
      type: str
      sample: vcenter-admins
    external_id:
      description: The identity provider's id of the group; null where there is none.
      type: str
      sample: null
    members:
      description: The users in the group as C(name@domain), sorted; by their bare names where the domain cannot be told.
      type: list
      elements: str
      sample: [crumpet@lab.example.org, muffin@lab.example.org]
    member_groups:
      description: The names of the groups in the group, sorted.
      type: list
      elements: str
      sample: []
    unknown_members:
      description: The ids of members that are neither users nor groups that the token shows, sorted.
      type: list
      elements: str
      sample: []
unverified:
  description: The names of the groups of which the broker does not show the members, so that it is not known who is in them.
  returned: success
  type: list
  elements: str
  sample: [ALL_USERS]
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_group import read_groups
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import (
    BrokerSession,
    scim_info_spec,
    vcenter_spec,
    workspace_one_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._groups import result
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import text_option


def main() -> None:
    module = make_module(vcenter_spec(), scim_info_spec(), workspace_one_spec(), {"display_name": {"type": "raw"}})

    def read(session: BrokerSession) -> dict[str, Any]:
        name = text_option("display_name", module.params["display_name"])
        groups, principals = read_groups(session.scim_access(changes_state=False), name)
        return {
            "changed": False,
            "groups": [result(group, principals) for group in groups],
            "unverified": [group.display_name for group in groups if group.members is None],
        }

    run(BrokerSession, module, read)


if __name__ == "__main__":
    main()
