#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: global_permission_info
short_description: List the global permissions of vCenter
version_added: 0.9.0
description:
  - Lists the global permissions of vCenter, all or those of a principal, a domain or a role; and the roles that there are.
  - The public API of vSphere 9 is used where it is there, else the older one of C(com.vmware.cis.authz).
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - homelab.identity_broker.vcenter
options:
  principal:
    description:
      - Return only permissions of this user or group, without regard to case; a name alone, or C(DOMAIN\name).
      - C(lab\muffin), C(lab\muffin@lab) and C(muffin@lab) are one here, so that all spellings are found.
    type: raw
  domain:
    description:
      - Return only permissions of principals of this domain, without regard to case.
    type: str
  principal_type:
    description:
      - Return only permissions of users, or only those of groups.
    type: str
    choices: [user, group]
  role:
    description:
      - Return only permissions with this role, given by its name or its id as in M(homelab.identity_broker.global_permission).
    type: raw
  root_folder:
    description:
      - Where vCenter offers neither API, list the permissions on the root folder of the inventory instead.
      - That is not global. It does not reach what is no part of the inventory, such as tags and content libraries. A warning says
        so, and RV(permissions[].global) is V(false).
      - Needs pyvmomi. Where one of the APIs is there, this does not matter.
    type: bool
    default: false
requirements:
  - pyvmomi, for O(root_folder) only
seealso:
  - module: homelab.identity_broker.global_permission
"""

EXAMPLES = r"""
- name: List all global permissions
  homelab.identity_broker.global_permission_info:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
  register: vcenter

- name: Who of the identity provider may administer vCenter?
  homelab.identity_broker.global_permission_info:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    role: Admin
"""

RETURN = r"""
permissions:
  description: The permissions that fit, in the order of their principals.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id in the API that was used; null on the root folder.
      type: str
      sample: username=lab.example.org\muffin;doc=urn:acl:global:permissions
    principal:
      description: The name as vCenter spells it.
      type: str
      sample: muffin
    domain:
      description: The domain as vCenter spells it.
      type: str
      sample: lab.example.org
    principal_type:
      description: V(user) or V(group).
      type: str
      sample: user
    role:
      description: The role.
      type: dict
      contains:
        id:
          description: Its id.
          type: str
          sample: "-2"
        name:
          description: Its name; null where the API does not tell it.
          type: str
          sample: ReadOnly
    propagate:
      description: Whether it holds for everything below, too.
      type: bool
      sample: true
    global:
      description: Whether it is a global permission, and not one on the root folder.
      type: bool
      sample: true
roles:
  description: The roles that there are; empty where the API does not tell them.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id.
      type: str
      sample: "-1"
    name:
      description: The name.
      type: str
      sample: Admin
backend:
  description: The API that was used; V(rest) of vSphere 9, V(legacy), or V(root_folder).
  returned: success
  type: str
  sample: rest
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._permission_plan import narrowed
from ansible_collections.homelab.identity_broker.plugins.module_utils._permission_session import (
    PermissionSession,
    permission_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._permissions import (
    PRINCIPAL_TYPES,
    shown_permission,
    shown_role,
)


def main() -> None:
    module = make_module(
        permission_spec(),
        {
            "principal": {"type": "raw"},
            "domain": {"type": "str"},
            "principal_type": {"type": "str", "choices": list(PRINCIPAL_TYPES)},
            "role": {"type": "raw"},
        },
    )

    def read(session: PermissionSession) -> dict[str, Any]:
        found = session.found()
        authorization = found.authorization
        roles = authorization.roles()
        return {
            "changed": False,
            "permissions": [
                shown_permission(each, roles, is_global=authorization.is_global)
                for each in narrowed(found.permissions, module.params, roles)
            ],
            "roles": [shown_role(role) for role in roles.listed],
            "backend": authorization.name,
        }

    run(PermissionSession, module, read)


if __name__ == "__main__":
    main()
