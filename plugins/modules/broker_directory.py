#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_directory
short_description: Keep a directory of the Identity Broker
version_added: 0.9.0
description:
  - Creates, changes or deletes a directory, which holds the users and groups that are pushed to the broker.
  - What the task does not name is left as it is. After writing, the directory is read back.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
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
    description:
      - The name, of at most 128 letters of any language, digits, spaces, hyphens and underscores. No two directories share one.
      - The directory is found by it where O(id) is not given. With O(id), it is renamed to it.
    type: str
  id:
    description: The broker's id of a directory that stands.
    type: str
  domains:
    description:
      - The domains of its users, at most 30. They replace those that stand. A new directory needs one.
      - The wizard of Workspace ONE allows one domain.
    type: list
    elements: str
  default_domain:
    description:
      - The domain of users who are pushed without one; it must be one of the domains.
      - An empty string removes it. Then such users have no domain, and services that need one may fail.
    type: str
  source:
    description: Where the users come from. An empty string removes it.
    type: str
    choices: [AZURE, PING, OKTA, ACCESS, GENERIC, ""]
  type:
    description: Whether users are pushed beforehand, or created at their first login (just in time). It cannot be changed later.
    type: str
    choices: [PROVISIONED, JIT]
  attributes:
    description: Settings of the directory. An empty dictionary removes them.
    type: dict
    suboptions:
      attempt_decode_external_id_as_ms_guid:
        description:
          - Whether an ExternalId that looks like a Base64 text is read as an object GUID of Microsoft, and becomes a UUID
            (C(attemptDecodeExternalIdAsMSGuid)).
        type: bool
  state:
    description: Whether the directory is to be there.
    type: str
    default: present
    choices: [present, absent]
  force:
    description:
      - Must be V(true) to delete a directory that stands, since all its users, groups, and its sync client go with it.
    type: bool
    default: false
  wait:
    description: Whether to wait until the broker has deleted the directory, which it does after it has answered.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait for the deletion, in seconds.
    type: int
    default: 600
seealso:
  - module: homelab.identity_broker.broker_directory_info
  - module: homelab.identity_broker.broker_identity_provider
  - module: homelab.identity_broker.sync_token
"""

EXAMPLES = r"""
- name: Have a directory for the people of the lab
  homelab.identity_broker.broker_directory:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: automation
    api_client_secret: "{{ vault_workspace_one_secret }}"
    name: Lab
    domains: [lab.example.com]
    default_domain: lab.example.com
    source: GENERIC
    type: PROVISIONED

- name: The same in vCenter's broker
  homelab.identity_broker.broker_directory:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    name: Lab
    domains: [lab.example.com]
    default_domain: lab.example.com
    source: GENERIC
    type: PROVISIONED

- name: Delete it with all its users, and wait until they are gone
  homelab.identity_broker.broker_directory:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    name: Lab
    state: absent
    force: true
"""

RETURN = r"""
directory:
  description: The directory as the broker has it; null where there is none.
  returned: success
  type: dict
  contains:
    id:
      description: The broker's id; null in check mode for one to be created.
      type: str
      sample: 165178fc-acba-46d3-8a0a-6099ab71eb51
    name:
      description: The name.
      type: str
      sample: Lab
    domains:
      description: The domains.
      type: list
      elements: str
      sample: [lab.example.com]
    default_domain:
      description: The domain of users who are pushed without one.
      type: str
      sample: lab.example.com
    source:
      description: Where the users come from.
      type: str
      sample: GENERIC
    type:
      description: Whether users are pushed, or created at their first login.
      type: str
      sample: PROVISIONED
    attributes:
      description: Settings of the directory.
      type: dict
      sample: {attempt_decode_external_id_as_ms_guid: false}
    delete_in_progress:
      description: Whether the broker is deleting it.
      type: bool
      sample: false
operation:
  description: What was done, or would be in check mode; V(create), V(update), V(delete) or V(none).
  returned: success
  type: str
  sample: create
waited:
  description: For how many seconds the deletion was waited for.
  returned: success
  type: float
  sample: 0.0
unverified:
  description: The fields that were written, and that the broker does not tell.
  returned: success
  type: list
  elements: str
  sample: []
requests:
  description: How many requests of each kind were sent.
  returned: success
  type: dict
  sample: {get: 3, post: 2, put: 0, patch: 0, delete: 1}
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_broker_object import (
    BrokerObject,
    Deletion,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_object_plan import Wanted
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_objects import (
    DIRECTORIES,
    checked_directory,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_results import (
    directory_result,
    wanted_directory,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import BrokerSession, broker_spec
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run


def main() -> None:
    module = make_module(
        broker_spec(),
        {
            "name": {"type": "str"},
            "id": {"type": "str"},
            "domains": {"type": "list", "elements": "str"},
            "default_domain": {"type": "str"},
            "source": {"type": "str", "choices": ["AZURE", "PING", "OKTA", "ACCESS", "GENERIC", ""]},
            "type": {"type": "str", "choices": ["PROVISIONED", "JIT"]},
            "attributes": {"type": "dict", "options": {"attempt_decode_external_id_as_ms_guid": {"type": "bool"}}},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            "force": {"type": "bool", "default": False},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 600},
        },
    )
    options = module.params

    def ensure(session: BrokerSession) -> dict[str, Any]:
        wanted = Wanted(wanted_directory(options), options["id"], options["state"])
        deletion = Deletion(options["force"], options["wait"], options["wait_timeout"], module.log)
        directory = BrokerObject(session.services, DIRECTORIES, wanted, checked_directory, deletion=deletion)
        outcome = directory.foretold() if module.check_mode else directory.ensured()
        return {
            "changed": outcome.changed,
            **({"failed": True, "msg": outcome.error} if outcome.error else {}),
            "directory": directory_result(outcome.document),
            "operation": outcome.plan.operation,
            "waited": outcome.waited,
            "unverified": outcome.unverified,
            "requests": session.requests(),
            "diff": outcome.plan.diff(),
        }

    run(BrokerSession, module, ensure)


if __name__ == "__main__":
    main()
