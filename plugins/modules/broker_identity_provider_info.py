#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_identity_provider_info
short_description: List the identity providers of the Identity Broker with their settings
version_added: 0.9.0
description:
  - Lists the external identity providers of the broker with all settings but secrets, all or those that fit.
  - M(homelab.identity_broker.broker_provider_info) lists those of vCenter's broker through vCenter's API, with just their domains.
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
    description: Return only the provider with this name (without regard to case).
    type: str
  id:
    description: Return only the provider with this id.
    type: str
  saml_metadata:
    description: Whether to read what a SAML provider must know of the broker, too.
    type: bool
    default: false
seealso:
  - module: homelab.identity_broker.broker_identity_provider
  - module: homelab.identity_broker.broker_provider_info
"""

EXAMPLES = r"""
- name: Read where people sign in
  homelab.identity_broker.broker_identity_provider_info:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: automation
    api_client_secret: "{{ vault_workspace_one_secret }}"
    saml_metadata: true
  register: broker

- name: Show it
  ansible.builtin.debug:
    var: broker.identity_providers
"""

RETURN = r"""
identity_providers:
  description: The providers that fit, in the order of their names.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The broker's id.
      type: str
      sample: 5e895ddb-c2ae-414a-9db3-a2d693ee0db1
    name:
      description: The name (C(idp_name)).
      type: str
      sample: Pocket ID
    idp_type:
      description: The protocol.
      type: str
      sample: OIDC
    idp_source_type:
      description: Which product it is.
      type: str
      sample: GENERIC
    directory_list:
      description: The directories whose users it signs in, as far as their names are known.
      type: list
      elements: dict
      sample: [{id: 165178fc-acba-46d3-8a0a-6099ab71eb51, name: Lab}]
    oidc_profile:
      description: The settings of an OIDC provider without its secret; null where it has none.
      type: dict
      sample: {configuration_url: "https://id.example.org/.well-known/openid-configuration", client_id: vcenter}
    saml_profile:
      description: The settings of a SAML provider; null where it has none.
      type: dict
      sample: null
    trust_certificates:
      description: The certificate chains that are trusted besides the public ones.
      type: list
      elements: str
      sample: []
    auth_type_list:
      description: The authentication methods.
      type: list
      elements: dict
      sample: [{id: 8edacc5b-ff9d-4f8d-8575-6a137619fc88, auth_method_name: Pocket ID, saml_authn_context: ""}]
redirect_uri:
  description: Where an OIDC provider sends people back to, which it must know as a callback address.
  returned: success
  type: str
  sample: https://acme.workspaceoneaccess.com/federation/auth/response/oauth2
saml_metadata:
  description: What a SAML provider must know of the broker, where O(saml_metadata=true) and the broker has it; else null.
  returned: success
  type: dict
  contains:
    entity_id:
      description: The entity id.
      type: str
      sample: https://acme.workspaceoneaccess.com/federation/saml-sp-metadata/xml
    acs_url:
      description: Where assertions go.
      type: str
      sample: https://acme.workspaceoneaccess.com/federation/auth/response/saml
    acs_binding:
      description: The binding of assertions.
      type: str
      sample: urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST
    slo_response_url:
      description: Where the end of a single logout goes.
      type: str
      sample: https://acme.workspaceoneaccess.com/federation/auth/slo/response/saml
    want_assertion_signed:
      description: Whether assertions must be signed.
      type: bool
      sample: true
    certificates:
      description: The certificates for signing and encryption, each with C(certificate), C(expire_date), C(issuer) and C(subject).
      type: dict
      sample: {signing: {subject: CN=Example}, encryption: {subject: CN=Example}}
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_object_plan import fitting_rows
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_objects import DIRECTORIES, PROVIDERS
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_results import (
    provider_result,
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
            "saml_metadata": {"type": "bool", "default": False},
        },
    )
    options = module.params

    def read(session: BrokerSession) -> dict[str, Any]:
        services = session.services
        rows = fitting_rows(services.rows(PROVIDERS), PROVIDERS, options["id"], options["name"])
        directories = services.rows(DIRECTORIES) if rows else []
        found = [provider_result(services.read(PROVIDERS, row), directories) for row in rows]
        return {
            "changed": False,
            "identity_providers": sorted_by_name([each for each in found if each is not None], "name"),
            "redirect_uri": services.redirect_uri,
            "saml_metadata": services.saml_metadata() if options["saml_metadata"] else None,
        }

    run(BrokerSession, module, read)


if __name__ == "__main__":
    main()
