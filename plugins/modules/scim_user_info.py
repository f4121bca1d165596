#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: scim_user_info
short_description: List the users of vCenter's Identity Broker
version_added: 0.1.0
description:
  - Lists the users of vCenter's Identity Broker, all or those that fit.
  - Without a token of your own, they are read with the tenant's admin token. This module never mints a sync token. Where the
    broker does not let the admin token read, give O(token) or O(token_file).
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - homelab.identity_broker.vcenter.prefixed
  - homelab.identity_broker.scim_info
  - homelab.identity_broker.workspace_one
options:
  username:
    description:
      - Return only the user with this name, bare or as C(name@domain), without regard to case.
      - To log in to vCenter, O(vcenter_username) is used.
    type: raw
  external_id:
    description: Return only the user with this ExternalId, compared exactly.
    type: raw
  domain:
    description: Return only users of this domain.
    type: str
seealso:
  - module: homelab.identity_broker.scim_user
"""

EXAMPLES = r"""
- name: List all users of the broker
  homelab.identity_broker.scim_user_info:
    hostname: vcsa.example.org
    vcenter_username: administrator@vsphere.local
    vcenter_password: "{{ vault_vcenter_password }}"
  register: broker

- name: Is muffin there?
  homelab.identity_broker.scim_user_info:
    token: "{{ vault_sync_token }}"
    scim_url: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
    username: muffin
    domain: lab.example.org
  register: muffin
"""

RETURN = r"""
users:
  description: The users that fit, in the order of their names.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The broker's id; null in check mode for a user to be created.
      type: str
      sample: ed8ad55f-cad4-4a5f-8cde-2d2e5676fe4e
    username:
      description: The user name as the broker spells it.
      type: str
      sample: muffin@lab.example.org
    domain:
      description: The user's domain; null where it cannot be told.
      type: str
      sample: lab.example.org
    external_id:
      description: What the broker looks the user up by.
      type: str
      sample: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
    given_name:
      description: The given name.
      type: str
      sample: Muffin
    family_name:
      description: The family name.
      type: str
      sample: Muffinson
    display_name:
      description: The name that is shown.
      type: str
      sample: Muffin
    email:
      description: The primary e-mail address.
      type: str
      sample: muffin@example.org
    active:
      description: Whether the user may log in.
      type: bool
      sample: true
    groups:
      description: The names of the user's groups in the broker.
      type: list
      elements: str
      sample: [ALL_USERS]
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._access import read_users
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import (
    BrokerSession,
    prefixed_vcenter_spec,
    scim_info_spec,
    workspace_one_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._plan import find
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import text_option


def main() -> None:
    module = make_module(
        prefixed_vcenter_spec(),
        scim_info_spec(),
        workspace_one_spec(),
        {"username": {"type": "raw"}, "external_id": {"type": "raw"}, "domain": {"type": "str"}},
    )

    def read(session: BrokerSession) -> dict[str, Any]:
        username = text_option("username", module.params["username"])
        external_id = text_option("external_id", module.params["external_id"])
        users, _domains = read_users(session.scim_access(changes_state=False))
        found = find(users, username, module.params["domain"], external_id)
        return {
            "changed": False,
            "users": [user.result() for user in sorted(found, key=lambda user: (user.username.casefold(), user.id))],
        }

    run(BrokerSession, module, read)


if __name__ == "__main__":
    main()
