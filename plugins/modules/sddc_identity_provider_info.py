#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: sddc_identity_provider_info
short_description: List the identity providers of SDDC Manager
version_added: 0.9.0
description:
  - Lists the identity providers of SDDC Manager with their settings, and the embedded one with its identity sources. Neither a
    secret nor a token is in it.
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
options:
  id:
    description: Return only the provider with this id, and read it by itself. None is no error.
    type: str
  name:
    description: Return only providers of this name (without regard to case).
    type: str
  type:
    description: Return only providers of this type.
    type: str
    choices: [Embedded, AD_FS, FEDERATED_IDP_BROKER]
seealso:
  - module: homelab.identity_broker.sddc_identity_provider
"""

EXAMPLES = r"""
- name: Read SDDC Manager's identity providers
  homelab.identity_broker.sddc_identity_provider_info:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
  register: sddc

- name: Show when the sync tokens end
  ansible.builtin.debug:
    msg: "{{ sddc.providers | selectattr('sync_client') | map(attribute='sync_client.expires_at') }}"
"""

RETURN = r"""
providers:
  description: The providers that fit.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id.
      type: str
      sample: 74d6b815-78a4-40d7-8245-847469628460
    name:
      description: The name.
      type: str
      sample: Okta
    type:
      description: V(Embedded), V(AD_FS) or V(FEDERATED_IDP_BROKER).
      type: str
      sample: FEDERATED_IDP_BROKER
    status:
      description: V(active) or V(inactive).
      type: str
      sample: active
    message:
      description: What SDDC Manager says of it; null where it says nothing.
      type: str
      sample: null
    domain_names:
      description: The domains of a provider of type V(AD_FS).
      type: list
      elements: str
      sample: []
    source:
      description: V(OKTA), V(MICROSOFT_ENTRA_ID) or V(PING_FEDERATE); null for other types.
      type: str
      sample: OKTA
    directory:
      description: The directory of the users who are pushed; null for other types.
      type: dict
      sample: {id: null, name: okta_dir, default_domain: example.org, domains: [example.org]}
    ldap:
      description: The directory server of a provider of type V(AD_FS), without the password; null for other types.
      type: dict
      sample: null
    oidc:
      description: The OIDC client, without its secret; null for the embedded provider.
      type: dict
      sample:
        client_id: vcf
        discovery_endpoint: https://okta.example.org/.well-known/openid-configuration
        issuer: null
        auth_endpoint: null
        auth_method: null
        token_endpoint: null
        logout_endpoint: null
        public_key_uri: null
    identity_sources:
      description: The identity sources of the embedded provider, each with C(name), C(type), C(domain_names) and C(ldap).
      type: list
      elements: dict
      sample: []
    sync_client:
      description: What is told of the sync token that was minted last, without the token; null where nothing is.
      type: dict
      sample: {ttl: 263000, expires_at: "2027-01-21T02:43:21Z", scim_url: "https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2"}
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_answers import (
    AD_FS,
    EMBEDDED,
    FEDERATED,
    shown_provider,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_choice import narrowed
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_session import SddcSession, sddc_spec


def main() -> None:
    module = make_module(
        sddc_spec(),
        {
            "id": {"type": "str"},
            "name": {"type": "str"},
            "type": {"type": "str", "choices": [EMBEDDED, AD_FS, FEDERATED]},
        },
    )
    options = module.params

    def read(session: SddcSession) -> dict[str, Any]:
        manager = session.sddc_manager
        found = narrowed(manager.providers(), options["id"], options["name"], options["type"])
        if options["id"] is not None:
            found = [manager.provider(each["id"]) for each in found]
        return {"changed": False, "providers": [shown_provider(each) for each in found]}

    run(SddcSession, module, read)


if __name__ == "__main__":
    main()
