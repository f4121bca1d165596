#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: global_permission
short_description: Give a user or a group a global permission in vCenter, or take it away
version_added: 0.9.0
description:
  - Gives a user or a group one role in the whole of vCenter, changes the role, or takes it away. Who can log in and has no
    permission sees nothing.
  - A user or group has at most one global permission, so another O(role) changes the one that is there. No other permission is
    ever touched.
  - The public API of vSphere 9 is used where it is there, else the older one of C(com.vmware.cis.authz), which is all that is
    known for vSphere 8. The latter cannot change a permission. It is deleted and created anew, and the old one is put back where
    that fails.
  - After writing, the permissions are read back, and an error is raised where vCenter keeps something else than it was asked to.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.vcenter
options:
  principal:
    description:
      - The name of the user or group, with O(domain) apart; or both as C(DOMAIN\name). A string; quote a name that is a number.
      - It is sent as it stands here, and compared without regard to case.
    type: raw
    required: true
  domain:
    description:
      - The domain as the vSphere Client lists it where a permission is added. That of an external identity provider is the one
        that was given in its wizard; V(localos) means accounts of the appliance itself.
      - Needed unless O(principal) names it.
    type: str
  principal_type:
    description:
      - What O(principal) is. A user and a group of the same name are two.
    type: str
    default: user
    choices: [user, group]
  role:
    description:
      - The role, by its name or its id. Needed with O(state=present).
      - Names are compared exactly, then without regard to case. The built-in ones may also be called as the vSphere Client shows
        them, such as V(Administrator) for V(Admin).
      - The older API knows the ids alone, and so the names of the built-in ones only. C(Get-VIRole) of PowerCLI shows the ids of
        others.
    type: raw
  propagate:
    description:
      - Whether the permission holds for everything below, too. Without that it is of little use.
    type: bool
    default: true
  state:
    description:
      - Whether the permission is to be there.
      - With V(absent) it is removed whatever its role.
    type: str
    default: present
    choices: [present, absent]
  force:
    description:
      - Also take the role C(Admin) from the last user or group through which the account that logs in may administer vCenter.
    type: bool
    default: false
  root_folder:
    description:
      - Where vCenter offers neither API, give the permission on the root folder of the inventory instead.
      - That is not global. It does not reach what is no part of the inventory, such as tags and content libraries. A warning says
        so, and RV(permission.global) is V(false).
      - Needs pyvmomi. Where one of the APIs is there, this does not matter.
    type: bool
    default: false
requirements:
  - pyvmomi, for O(root_folder) only
notes:
  - vCenter does not look whether the user or group exists. A permission of a misspelt one is accepted, listed, and has no effect.
  - vCenter takes C(DOMAIN\muffin) and C(DOMAIN\muffin@lab.example.org) for two. Which of them a login is taken for, where the
    identity provider's user names are qualified, is not known for every version. The appliance shows it after a login, in
    C(/var/log/vmware/vsphere-ui/logs/vsphere_client_virgo.log) as C(Name) and C(Domain); give these two as O(principal) and
    O(domain). Where permissions of more than one spelling stand, the module says so and changes nothing.
  - The account that logs in needs the privilege C(Authorization.ModifyPermissions); O(tenant) does not matter here.
seealso:
  - module: homelab.identity_broker.global_permission_info
  - module: homelab.identity_broker.scim_group
"""

EXAMPLES = r"""
- name: Let a group of the identity provider administer vCenter
  homelab.identity_broker.global_permission:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    principal: vcenter-admins
    principal_type: group
    domain: lab.example.org
    role: Admin

- name: Let muffin look at everything
  homelab.identity_broker.global_permission:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    principal: lab.example.org\muffin
    role: ReadOnly

- name: Take it away
  homelab.identity_broker.global_permission:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    principal: lab.example.org\muffin
    state: absent
"""

RETURN = r"""
permission:
  description: The permission as vCenter lists it; null where there is none.
  returned: success
  type: dict
  contains:
    id:
      description: The id in the API that was used; null on the root folder, and in check mode for a permission to be created.
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
operation:
  description: What was done, or would be in check mode; V(create), V(update), V(delete) or V(none).
  returned: success
  type: str
  sample: create
backend:
  description: The API that was used; V(rest) of vSphere 9, V(legacy), or V(root_folder).
  returned: success
  type: str
  sample: rest
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_permission import ensure_permission
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._permission_plan import desired_permission
from ansible_collections.homelab.identity_broker.plugins.module_utils._permission_session import (
    PermissionSession,
    permission_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._permissions import (
    PRINCIPAL_TYPES,
    Principal,
    shown_permission,
)


def main() -> None:
    module = make_module(
        permission_spec(),
        {
            "principal": {"type": "raw", "required": True},
            "domain": {"type": "str"},
            "principal_type": {"type": "str", "default": "user", "choices": list(PRINCIPAL_TYPES)},
            "role": {"type": "raw"},
            "propagate": {"type": "bool", "default": True},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            "force": {"type": "bool", "default": False},
        },
    )

    def ensure(session: PermissionSession) -> dict[str, Any]:
        wanted = desired_permission(module.params)
        found = session.found()
        login = Principal.spelt("user", module.params["username"])
        outcome = ensure_permission(found, wanted, login, check_mode=module.check_mode)
        session.warnings += outcome.notes
        authorization = found.authorization
        return {
            "changed": outcome.changed,
            "failed": bool(outcome.error),
            **({"msg": outcome.error} if outcome.error else {}),
            "permission": shown_permission(outcome.permission, outcome.roles, is_global=authorization.is_global)
            if outcome.permission
            else None,
            "operation": outcome.plan.operation,
            "backend": authorization.name,
            "diff": outcome.plan.diff(outcome.roles, authorization.title),
        }

    run(PermissionSession, module, ensure)


if __name__ == "__main__":
    main()
