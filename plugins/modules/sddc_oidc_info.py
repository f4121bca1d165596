#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: sddc_oidc_info
short_description: Read which OIDC client SDDC Manager is to the Identity Broker
version_added: 0.9.0
description:
  - Reads the OIDC client with which SDDC Manager signs its users in at the Identity Broker, and the addresses that it uses there.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - homelab.identity_broker.sddc
attributes:
  action_group:
    description: Use C(group/homelab.identity_broker.sddc) in C(module_defaults).
    support: full
    membership:
      - homelab.identity_broker.sddc
seealso:
  - module: homelab.identity_broker.sddc_identity_provider_info
"""

EXAMPLES = r"""
- name: Read SDDC Manager's OIDC client
  homelab.identity_broker.sddc_oidc_info:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
  register: sddc

- name: Show where people sign in
  ansible.builtin.debug:
    var: sddc.oidc.authorization_endpoint
"""

RETURN = r"""
oidc:
  description: The OIDC client.
  returned: success
  type: dict
  contains:
    client_id:
      description: Its id.
      type: str
      sample: 1a9bd081-40c4-434d-af78-33a162522100
    authorization_endpoint:
      description: Where people sign in.
      type: str
      sample: https://vcsa.example.org/acs/t/CUSTOMER/authorize
    end_session_endpoint:
      description: Where they sign out.
      type: str
      sample: https://vcsa.example.org/acs/t/CUSTOMER/logout
    idp_type:
      description: The type of the identity provider.
      type: str
      sample: FEDERATED_IDP_BROKER
    source:
      description: The template of the identity provider.
      type: str
      sample: OKTA
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_session import SddcSession, sddc_spec


def main() -> None:
    module = make_module(sddc_spec())

    def read(session: SddcSession) -> dict[str, Any]:
        return {"changed": False, "oidc": session.sddc_manager.oidc_info()}

    run(SddcSession, module, read)


if __name__ == "__main__":
    main()
