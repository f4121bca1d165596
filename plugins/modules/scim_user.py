#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: scim_user
short_description: Make sure that a user exists in vCenter's Identity Broker, or does not
version_added: 0.1.0
description:
  - Creates, updates, renames or deletes one user of vCenter's Identity Broker over SCIM, so that the person can log in through
    the external identity provider.
  - For several users M(homelab.identity_broker.scim_users) is faster than a loop, and sees mistakes between them.
  - What the task does not name is left as it is. After writing, the user is read back, and an error is raised where the broker
    keeps something else than it was asked to.
  - An update is made from a read of the user just before it, so that it does not undo what another program has just changed. If a
    named attribute has neither the earlier nor the wanted value, the task fails.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.vcenter.prefixed
  - homelab.identity_broker.scim_info
  - homelab.identity_broker.scim
  - homelab.identity_broker.workspace_one
  - homelab.identity_broker.user
  - homelab.identity_broker.journal
  - homelab.identity_broker.user_permissions
options:
  username:
    description:
      - The user's name, bare or as C(name@domain). A string; quote a name that is a number.
      - To log in to vCenter, O(vcenter_username) is used.
    type: raw
    required: true
  external_id:
    description:
      - What the identity provider puts into the claim C(sub) for this person; the broker looks the person up by it. With
        Pocket ID it is the user's id, which an administrator reads in the address of the user's page.
      - A string, compared exactly; quote one that is a number.
      - Needed to create a user. A user who has one keeps it unless O(recreate=true).
    type: raw
  given_name:
    description: The given name. An empty string clears it.
    type: str
  family_name:
    description: The family name. An empty string clears it.
    type: str
  display_name:
    description: The name that is shown. An empty string clears it.
    type: str
  email:
    description: The primary e-mail address. An empty string clears it; other addresses of the user stay.
    type: str
  active:
    description:
      - Whether the user may log in.
      - A user is created active unless this says otherwise; of a user who stands it is only changed when named.
    type: bool
  state:
    description: Whether the user is to be there. The default is V(present).
    type: str
    choices: [present, absent]
  id:
    description:
      - The broker's id of the entry to delete, for O(state=absent). Use it where the broker has this user name twice.
      - The entry is deleted only if it has the user name and the domain of the task, and O(external_id) if that is given.
    type: str
    version_added: 0.9.1
  move_from_domain:
    description:
      - A foreign domain, in which an older script made the entry of this user.
      - The entry is taken only if its user name, that domain and its ExternalId all match; O(external_id) is required. It is
        recreated in the right domain, with its attributes and group memberships, which go to O(journal_path) first. With
        O(state=absent), it is deleted.
    type: str
    version_added: 0.9.1
seealso:
  - module: homelab.identity_broker.scim_users
  - module: homelab.identity_broker.scim_user_info
  - module: homelab.identity_broker.externalid_fact
"""

EXAMPLES = r"""
- name: Let muffin in, with the ExternalId read in Pocket ID
  homelab.identity_broker.scim_user:
    hostname: vcsa.example.org
    vcenter_username: administrator@vsphere.local
    vcenter_password: "{{ vault_vcenter_password }}"
    username: muffin
    domain: lab.example.org
    external_id: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
    given_name: Muffin
    family_name: Muffinson
    email: muffin@example.org

- name: Remove crumpet, with a token of one's own
  homelab.identity_broker.scim_user:
    token: "{{ vault_sync_token }}"
    scim_url: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
    username: crumpet@lab.example.org
    state: absent
"""

RETURN = r"""
user:
  description: The user as the broker has it; null where there is none.
  returned: success
  type: dict
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
operation:
  description: What was done, or would be in check mode.
  returned: success
  type: str
  sample: create
left_alone:
  description:
    - How many entries were left alone because the broker does not show their domain, and user name and ExternalId do not both
      match the user of the task.
  returned: success
  type: int
  sample: 0
  version_added: 0.9.1
restore_file:
  description:
    - The file to which the deleted users were written before the first deletion, with ExternalIds, attributes and groups; null
      if nobody was deleted.
  returned: success
  type: str
  sample: /home/ansible/.local/state/homelab.identity_broker/vcsa.example.org/deleted-20260204T150523.412000Z.restore
  version_added: 0.9.1
restore_command:
  description:
    - The command that restores the users and their memberships from RV(restore_file); null if nobody was deleted.
    - It takes the connection from the variables of the role C(federated_users) in the inventory, or from C(VMWARE_*) in the
      environment. In a task of your own, use the option O(homelab.identity_broker.scim_users#module:restore_file).
  returned: success
  type: str
  sample: ansible-playbook homelab.identity_broker.restore -e restore_file=/home/ansible/deleted.restore
  version_added: 0.9.1
minted:
  description: Whether a sync token was minted, by which the one before was revoked.
  returned: success
  type: bool
  sample: false
permissions:
  description: The global permissions that were removed with the user, or stay behind.
  returned: success
  type: list
  elements: dict
  contains:
    principal:
      description: Whose it is, as vCenter spells it.
      type: str
      sample: lab.example.org\muffin
    permission:
      description: The permission as M(homelab.identity_broker.global_permission) returns it; null where there is none.
      type: dict
      sample: null
    operation:
      description: V(delete), or V(left) for one that stays behind.
      type: str
      sample: left
    error:
      description: What went wrong with this permission, else null.
      type: str
unverified:
  description:
    - The attributes that the broker does not return, so that it cannot be told whether it keeps them.
    - V(etag) if the broker refused the version that it shows, so that the update was sent without it.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_user_permissions import PermissionOptions
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import (
    BrokerSession,
    journal_spec,
    prefixed_vcenter_spec,
    scim_spec,
    user_permissions_spec,
    user_spec,
    workspace_one_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._desired import desired_user
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._provision import Wanted, provision


def main() -> None:
    module = make_module(
        prefixed_vcenter_spec(),
        scim_spec(),
        workspace_one_spec(),
        journal_spec(),
        user_permissions_spec(),
        user_spec(),
        {"id": {"type": "str"}},
    )

    def ensure(session: BrokerSession) -> dict[str, Any]:
        work = session.work()
        wanted = Wanted(
            lambda domains: [desired_user(module.params, domains)],
            all_or_nothing=True,
            permissions=PermissionOptions(
                inherit=module.params["inherit_permissions"], remove=module.params["remove_permissions"]
            ),
            login=module.params["vcenter_username"] or "",
        )
        done = provision(work, wanted, check_mode=module.check_mode)
        told = session.told(done, work)
        outcome = done.outcomes[0]
        message = done.failure(minted=session.minted)
        return {
            "changed": done.changed,
            "failed": bool(message),
            **({"msg": told.get("msg") or message} if message else {}),
            "user": outcome.user.result() if outcome.user else None,
            "operation": outcome.operation.kind,
            "left_alone": len(done.plan.left_alone),
            "restore_file": told["restore_file"],
            "restore_command": told["restore_command"],
            "minted": session.minted,
            "unverified": list(outcome.unverified),
            "permissions": done.permissions.results(),
            "diff": done.diff(),
        }

    run(BrokerSession, module, ensure)


if __name__ == "__main__":
    main()
