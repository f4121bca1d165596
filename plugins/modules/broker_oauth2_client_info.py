#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_oauth2_client_info
short_description: List the OAuth 2.0 clients of the Identity Broker
version_added: 0.9.0
description:
  - Lists the OAuth 2.0 clients of the broker with all settings but secrets, all or one. Each is read by itself, since the broker's
    list tells little more than their names.
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
  client_id:
    description: Return only the client with this client id.
    type: str
seealso:
  - module: homelab.identity_broker.broker_oauth2_client
"""

EXAMPLES = r"""
- name: Read who may use the API
  homelab.identity_broker.broker_oauth2_client_info:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: api-bootstrap-client
    api_client_secret: "{{ vault_workspace_one_bootstrap_secret }}"
  register: broker

- name: Show them
  ansible.builtin.debug:
    var: broker.clients
"""

RETURN = r"""
clients:
  description: The clients that fit, in the order of their client ids.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The broker's own id.
      type: str
      sample: d24afa39-05a1-433f-8aa9-ad41c9a3d394
    client_id:
      description: The client id.
      type: str
      sample: automation
    grant_types:
      description: The grant types.
      type: list
      elements: str
      sample: [client_credentials]
    scope:
      description: The scopes.
      type: list
      elements: str
      sample: [admin]
    redirect_uris:
      description: The addresses that codes and tokens may go to.
      type: list
      elements: str
      sample: []
    post_logout_redirect_uris:
      description: The addresses that a browser may go to after the logout.
      type: list
      elements: str
      sample: []
    rule_set_names:
      description: The rule sets.
      type: list
      elements: str
      sample: [IDP_AND_DIRECTORY_ADMIN]
    access_token_ttl:
      description: How long access tokens live, in minutes.
      type: int
      sample: 10080
    refresh_token_ttl:
      description: How long refresh tokens live, in minutes.
      type: int
      sample: 525600
    refresh_token_idle_ttl:
      description: How long refresh tokens live unused, in minutes.
      type: int
      sample: 525600
    rotate_secret:
      description: Whether a rotation of the secret is in progress, in which both serve.
      type: bool
      sample: false
    primary_secret_auto_retires_at:
      description: When the former secret ends by itself, as the broker tells it.
      type: int
      sample: null
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_objects import CLIENTS
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_results import (
    client_result,
    sorted_by_name,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import BrokerSession, broker_spec
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run


def main() -> None:
    module = make_module(broker_spec(), {"client_id": {"type": "str"}})
    wanted = module.params["client_id"]

    def read(session: BrokerSession) -> dict[str, Any]:
        services = session.services
        rows = [row for row in services.rows(CLIENTS) if wanted is None or row.get("client_id") == wanted]
        found = [client_result(services.read(CLIENTS, row)) for row in rows]
        return {
            "changed": False,
            "clients": sorted_by_name([each for each in found if each is not None], "client_id"),
        }

    run(BrokerSession, module, read)


if __name__ == "__main__":
    main()
