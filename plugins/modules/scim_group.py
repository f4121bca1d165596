#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: scim_group
short_description: Make sure that a group exists in vCenter's Identity Broker, and who is in it
version_added: 0.9.0
description:
  - Creates or deletes one group of vCenter's Identity Broker over SCIM, and adds and removes its members.
  - A new group has no rights in vCenter until it is given a permission there.
  - What the task does not name is left as it is, and so is every member that it does not mean. After writing, the group is read
    back, and an error is raised where the broker keeps something else than it was asked to.
  - Members are changed with the PATCH of SCIM, a hundred at a time. Each member that is removed is named in a filter, since by
    RFC 7644 a removal without one removes every member.
  - Where PATCH is refused or has no effect, the whole list is written with PUT. This is done only if the list is known to be
    complete, that is if it equals the users whose entries name the group, plus nested groups. Where users do not show their groups,
    a list counts as complete below 100 members.
  - If the broker removes all other members along with the named ones, they are put back at once and the task fails. If only some
    are gone, somebody else may have removed them. The task then fails and names them, and does not put them back.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.vcenter
  - homelab.identity_broker.scim_info
  - homelab.identity_broker.scim
  - homelab.identity_broker.workspace_one
options:
  display_name:
    description:
      - The group's name, compared without regard to case. A string; quote a name that is a number.
      - C(ALL_USERS), the broker's own group, is refused.
    type: raw
    required: true
  members:
    description:
      - Names of users, bare or as C(name@domain). Strings; quote a name that is a number.
      - A name that the broker does not hold, or that may mean several users, is an error; then nothing is changed.
    type: list
    elements: raw
  member_groups:
    description:
      - Names of groups that are members of this one.
    type: list
    elements: raw
  members_state:
    description:
      - V(present) adds those that are missing, V(absent) removes those that are there; all other members stay.
      - V(exact) removes all other users where O(members) is given, and all other groups where O(member_groups) is given. An empty
        list means nobody. Groups that are members while O(member_groups) is not given, and members that the token does not
        show, are an error.
      - V(absent) and V(exact) fail if the broker does not show who is in the group. A group without a list of members counts as
        empty if this run created or emptied it, or if users show their groups and none names it.
    type: str
    default: present
    choices: [present, absent, exact]
  domain:
    description:
      - The domain of the O(members) that are named without one.
      - The default is the provider's only domain.
    type: str
  state:
    description:
      - Whether the group is to be there.
      - With V(absent) the group is deleted, whoever is in it.
    type: str
    default: present
    choices: [present, absent]
seealso:
  - module: homelab.identity_broker.scim_group_info
  - module: homelab.identity_broker.scim_users
"""

EXAMPLES = r"""
- name: Have a group
  homelab.identity_broker.scim_group:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    display_name: vcenter-admins

- name: Have just these users in it
  homelab.identity_broker.scim_group:
    token: "{{ vault_sync_token }}"
    scim_url: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
    display_name: vcenter-admins
    domain: lab.example.org
    members: [muffin, crumpet@lab.example.org]
    members_state: exact

- name: Take muffin out
  homelab.identity_broker.scim_group:
    token: "{{ vault_sync_token }}"
    scim_url: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
    display_name: vcenter-admins
    members: [muffin@lab.example.org]
    members_state: absent

- name: Have no such group
  homelab.identity_broker.scim_group:
    token: "{{ vault_sync_token }}"
    scim_url: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
    display_name: vcenter-admins
    state: absent
"""

RETURN = r"""
group:
  description: The group as the broker has it; null where there is none.
  returned: success
  type: dict
  contains:
    id:
      description: The broker's id; null in check mode for a group to be created.
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
operation:
  description: What was done, or would be in check mode; V(create), V(update), V(delete) or V(none).
  returned: success
  type: str
  sample: update
minted:
  description: Whether a sync token was minted, by which the one before was revoked.
  returned: success
  type: bool
  sample: false
unverified:
  description:
    - Holds V(members) if the broker shows neither the members of the group nor the groups of its users, so that it is not known
      whether the members are as asked.
    - With O(members_state=exact), also if the list of members may be incomplete.
    - V(etag) if the broker refused the version that it shows, so that the group was written without it.
  returned: success
  type: list
  elements: str
  sample: []
requests:
  description: How many requests of each kind were sent.
  returned: success
  type: dict
  sample: {get: 5, post: 1, put: 0, patch: 1, delete: 1}
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_group import ensure_group
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import (
    BrokerSession,
    scim_spec,
    vcenter_spec,
    workspace_one_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._groups import MEMBERS_STATES, result
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run


def main() -> None:
    module = make_module(
        vcenter_spec(),
        scim_spec(),
        workspace_one_spec(),
        {
            "display_name": {"type": "raw", "required": True},
            "members": {"type": "list", "elements": "raw"},
            "member_groups": {"type": "list", "elements": "raw"},
            "members_state": {"type": "str", "default": "present", "choices": list(MEMBERS_STATES)},
            "domain": {"type": "str"},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        },
    )

    def ensure(session: BrokerSession) -> dict[str, Any]:
        access = session.scim_access(changes_state=True)
        outcome = ensure_group(access, module.params, check_mode=module.check_mode)
        if outcome.plan.operation == "delete":
            session.warnings.append(
                f"Whether vCenter gives permissions to the group {outcome.plan.wanted.display_name} cannot be told from "
                "here. Look for them in Administration, Global Permissions."
            )
        return {
            "changed": outcome.changed,
            "failed": bool(outcome.error),
            **({"msg": outcome.error} if outcome.error else {}),
            "group": result(outcome.group, outcome.principals) if outcome.group else None,
            "operation": outcome.plan.operation,
            "minted": session.minted,
            "unverified": list(outcome.unverified),
            "requests": session.requests(),
            "diff": outcome.plan.diff(outcome.principals),
        }

    run(BrokerSession, module, ensure)


if __name__ == "__main__":
    main()
