#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: sddc_identity_source
short_description: Make sure that SDDC Manager's embedded provider has an identity source
version_added: 0.9.0
description:
  - Adds, updates or removes an identity source of SDDC Manager's embedded identity provider, which is Active Directory or OpenLDAP
    over LDAP or LDAPS.
  - The domain's name and its alias cannot be changed.
  - SDDC Manager takes whole specifications only. What the task does not name is merged in from what stands, except the password,
    which it never tells. So whatever changes, the password must be given.
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
  domain_name:
    description: The domain, by which the identity source is found.
    type: str
    required: true
  name:
    description: The name of the identity source. Needed to create it.
    type: str
  ldap:
    description: The directory server. Needed to create it.
    type: dict
    suboptions:
      type:
        description: What kind of directory server it is. Needed to create it.
        type: str
        choices: [ActiveDirectory, OpenLdap]
      domain_alias:
        description: The domain's short name. It cannot be changed.
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
  state:
    description: Whether the identity source is to be there.
    type: str
    default: present
    choices: [present, absent]
seealso:
  - module: homelab.identity_broker.sddc_identity_provider_info
"""

EXAMPLES = r"""
- name: Have an Active Directory over LDAPS
  homelab.identity_broker.sddc_identity_source:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
    domain_name: corp.example.org
    name: Corporate directory
    ldap:
      type: ActiveDirectory
      domain_alias: CORP
      username: reader@corp.example.org
      password: "{{ vault_ldap_password }}"
      users_base_dn: cn=Users,dc=corp,dc=example,dc=org
      groups_base_dn: cn=Groups,dc=corp,dc=example,dc=org
      server_endpoints: ["ldaps://dc1.corp.example.org", "ldaps://dc2.corp.example.org"]
      cert_chain: ["{{ vault_corporate_ca }}"]

- name: Have it no more
  homelab.identity_broker.sddc_identity_source:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
    domain_name: corp.example.org
    state: absent
"""

RETURN = r"""
identity_source:
  description:
    - The identity source as SDDC Manager has it after the run; in check mode as it stands. Null where there is none.
  returned: success
  type: dict
  contains:
    name:
      description: The name.
      type: str
      sample: Corporate directory
    type:
      description: The kind.
      type: str
      sample: ActiveDirectory
    domain_names:
      description: The domains.
      type: list
      elements: str
      sample: [corp.example.org]
    ldap:
      description: The directory server, without the password.
      type: dict
      sample:
        type: ActiveDirectory
        domain_name: corp.example.org
        domain_alias: CORP
        username: reader@corp.example.org
        users_base_dn: cn=Users,dc=corp,dc=example,dc=org
        groups_base_dn: cn=Groups,dc=corp,dc=example,dc=org
        server_endpoints: ["ldaps://dc1.corp.example.org"]
        cert_chain: ["-----BEGIN CERTIFICATE-----"]
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

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_sddc import ensure_source
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_session import (
    SddcSession,
    ldap_spec,
    sddc_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import required_text


def main() -> None:
    module = make_module(
        sddc_spec(),
        {
            "domain_name": {"type": "str", "required": True},
            "name": {"type": "str"},
            "ldap": {"type": "dict", "options": ldap_spec()},
            "update_secret": {
                "type": "str",
                "default": "on_create",
                "choices": ["on_create", "always"],
                "no_log": False,
            },
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        },
    )

    def ensure(session: SddcSession) -> dict[str, Any]:
        required_text("domain_name", module.params["domain_name"])
        outcome = ensure_source(session.sddc_manager, module.params, check_mode=module.check_mode)
        return {**outcome.result(), "identity_source": outcome.kept, "requests": session.requests()}

    run(SddcSession, module, ensure)


if __name__ == "__main__":
    main()
