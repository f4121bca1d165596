#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: sddc_identity_provider
short_description: Make sure that SDDC Manager has an external identity provider
version_added: 0.9.0
description:
  - Adds, updates or removes an external identity provider of SDDC Manager (VMware Cloud Foundation), which is AD FS, or by way of
    the Identity Broker Okta, Microsoft Entra ID or PingFederate. Any other OpenID Connect provider, such as Pocket ID, goes by the
    name of one of these three.
  - SDDC Manager takes whole specifications only. What the task does not name is merged in from what stands, except the secrets,
    which it never tells. So whatever changes, the secret must be given.
  - Before a provider of type V(FEDERATED_IDP_BROKER) is added, SDDC Manager's prechecks are run, in check mode too.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.sddc
attributes:
  action_group:
    description: Use C(group/homelab.identity_broker.sddc) in C(module_defaults).
    support: full
    membership:
      - homelab.identity_broker.sddc
  idempotent:
    support: partial
    details:
      - With O(update_secret=always), each run writes.
options:
  name:
    description:
      - The provider's name, by which it is found where O(id) is not given. This or O(id) is needed.
    type: str
  id:
    description: The id of a provider that stands, by which it is found; then O(name) may be another one.
    type: str
  type:
    description: What kind of provider it is. It cannot be changed. Needed unless O(state=absent).
    type: str
    choices: [AD_FS, FEDERATED_IDP_BROKER]
  source:
    description: Which template it is configured by. Only, and needed, with O(type=FEDERATED_IDP_BROKER).
    type: str
    choices: [OKTA, MICROSOFT_ENTRA_ID, PING_FEDERATE]
  directory:
    description: The directory of the users who are pushed. Only, and needed, with O(type=FEDERATED_IDP_BROKER).
    type: dict
    suboptions:
      name:
        description: The name; letters, digits, spaces, underscores and hyphens. Needed to create it.
        type: str
      default_domain:
        description: The domain of users who are pushed without one. One of O(directory.domains). Needed to create it.
        type: str
      domains:
        description: The domains of the users. Needed to create it.
        type: list
        elements: str
      id:
        description: The id of a directory that stands.
        type: str
  oidc:
    description: The OIDC client that the provider has for SDDC Manager.
    type: dict
    suboptions:
      client_id:
        description: Its id. Needed to create it.
        type: str
      client_secret:
        description: Its secret. Needed for each writing; it is never read back.
        type: str
      discovery_endpoint:
        description: Where the provider describes itself, C(https://HOST/.well-known/openid-configuration). Needed to create it.
        type: str
  ldap:
    description: The directory server of the provider's users and groups. Only with O(type=AD_FS).
    type: dict
    suboptions:
      type:
        description: What kind of directory server it is. It is sent when it is given, and never read back.
        type: str
        choices: [ActiveDirectory, OpenLdap]
      domain_name:
        description: The domain. Needed to create it.
        type: str
      domain_alias:
        description: The domain's short name.
        type: str
      username:
        description: Who reads the directory. Needed to create it.
        type: str
      password:
        description: The password. Needed for each writing; it is never read back.
        type: str
      users_base_dn:
        description: Where users are. Needed to create it.
        type: str
      groups_base_dn:
        description: Where groups are. Needed to create it.
        type: str
      server_endpoints:
        description: The directory servers, each as C(ldap://HOST) or C(ldaps://HOST), in their order. Needed to create it.
        type: list
        elements: str
      cert_chain:
        description:
          - The certificates that sign the servers' own, in PEM. Needed for C(ldaps).
          - SDDC Manager does not tell it. So it is written only when it is created, and with other changes; else give
            O(update_secret=always).
        type: list
        elements: str
  cert_chain:
    description:
      - The certificates that sign the provider's own, in PEM. SDDC Manager does not tell them; see O(ldap.cert_chain).
    type: list
    elements: str
  update_secret:
    description:
      - Whether to write the secrets that are given in each run, since SDDC Manager never tells those that stand.
      - With V(on_create) they are written when it is created, and with every other change, because SDDC Manager takes whole
        specifications only.
    type: str
    default: on_create
    choices: [on_create, always]
  prechecks:
    description:
      - Whether to run the prechecks. V(FAILURE) stops before anything is changed, V(WARNING) is a warning.
    type: bool
    default: true
  state:
    description: Whether the provider is to be there.
    type: str
    default: present
    choices: [present, absent]
seealso:
  - module: homelab.identity_broker.sddc_identity_provider_info
  - module: homelab.identity_broker.sddc_identity_precheck_info
  - module: homelab.identity_broker.sddc_sync_token
"""

EXAMPLES = r"""
- name: Have Okta as identity provider
  homelab.identity_broker.sddc_identity_provider:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
    name: okta
    type: FEDERATED_IDP_BROKER
    source: OKTA
    directory:
      name: okta_dir
      default_domain: example.org
      domains: [example.org]
    oidc:
      client_id: vcf
      client_secret: "{{ vault_oidc_client_secret }}"
      discovery_endpoint: https://okta.example.org/.well-known/openid-configuration

- name: Have AD FS as identity provider
  homelab.identity_broker.sddc_identity_provider:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
    name: My ADFS
    type: AD_FS
    ldap:
      domain_name: corp.example.org
      username: reader@corp.example.org
      password: "{{ vault_ldap_password }}"
      users_base_dn: cn=Users,dc=corp,dc=example,dc=org
      groups_base_dn: cn=Groups,dc=corp,dc=example,dc=org
      server_endpoints: ["ldap://dc1.corp.example.org"]
    oidc:
      client_id: vcf
      client_secret: "{{ vault_oidc_client_secret }}"
      discovery_endpoint: https://adfs.corp.example.org/adfs/.well-known/openid-configuration

- name: Have it no more
  homelab.identity_broker.sddc_identity_provider:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
    name: My ADFS
    state: absent
"""

RETURN = r"""
provider:
  description:
    - The provider as SDDC Manager has it after the run; in check mode as it stands. Null where there is none.
  returned: success
  type: dict
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
prechecks:
  description: What the prechecks said; null where they were not run.
  returned: success
  type: dict
  contains:
    status:
      description: V(SUCCESS), V(WARNING) or V(FAILURE).
      type: str
      sample: SUCCESS
    details:
      description: The findings, each with C(type) and C(message).
      type: list
      elements: dict
      sample: []
operation:
  description: What was done, or would be in check mode; V(create), V(update), V(delete) or V(none).
  returned: success
  type: str
  sample: create
unverified:
  description:
    - The options that were written and whose values SDDC Manager does not tell, such as every secret. Empty where nothing was
      written, and in check mode.
  returned: success
  type: list
  elements: str
  sample: [oidc.client_secret]
requests:
  description: How many requests of each kind were sent.
  returned: success
  type: dict
  sample: {get: 3, post: 2, put: 0, patch: 0, delete: 1}
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_sddc import ensure_provider
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_answers import AD_FS, FEDERATED, SOURCES
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_session import (
    SddcSession,
    ldap_spec,
    sddc_spec,
)


def main() -> None:
    texts = {"type": "list", "elements": "str"}
    module = make_module(
        sddc_spec(),
        {
            "name": {"type": "str"},
            "id": {"type": "str"},
            "type": {"type": "str", "choices": [AD_FS, FEDERATED]},
            "source": {"type": "str", "choices": list(SOURCES)},
            "directory": {
                "type": "dict",
                "options": {
                    "name": {"type": "str"},
                    "default_domain": {"type": "str"},
                    "domains": texts,
                    "id": {"type": "str"},
                },
            },
            "oidc": {
                "type": "dict",
                "options": {
                    "client_id": {"type": "str"},
                    "client_secret": {"type": "str", "no_log": True},
                    "discovery_endpoint": {"type": "str"},
                },
            },
            "ldap": {"type": "dict", "options": {**ldap_spec(), "domain_name": {"type": "str"}}},
            "cert_chain": texts,
            "update_secret": {
                "type": "str",
                "default": "on_create",
                "choices": ["on_create", "always"],
                "no_log": False,
            },
            "prechecks": {"type": "bool", "default": True},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        },
        required_if=[("state", "present", ["type"])],
    )

    def ensure(session: SddcSession) -> dict[str, Any]:
        outcome = ensure_provider(session.sddc_manager, module.params, check_mode=module.check_mode)
        session.warnings += outcome.warnings
        return {
            **outcome.result(),
            "provider": outcome.kept,
            "prechecks": outcome.prechecks,
            "requests": session.requests(),
        }

    run(SddcSession, module, ensure)


if __name__ == "__main__":
    main()
