#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: login_diagnosis_info
short_description: Find out why somebody cannot log in to vCenter
version_added: 0.9.0
description:
  - Names for each of O(users), or for the latest logins, which case it is, by what that is known, and what to do next.
  - Judges by the appliance's log, by the broker's users, by vCenter's global permissions, and by what Pocket ID says, as far as
    each of these is there. The playbook C(homelab.identity_broker.diagnose) reads them all.
  - The log says that somebody had an ExternalId, never who. Without the identity provider's word a finding is that an unknown
    ExternalId was refused. No command that is proposed holds anything out of the log.
  - Changes nothing, so check mode does the same.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - homelab.identity_broker.vcenter
  - homelab.identity_broker.scim_info
attributes:
  action_group:
    description: Use C(group/homelab.identity_broker.vcenter) or C(group/homelab.identity_broker.scim_info) in C(module_defaults).
    support: full
    membership:
      - homelab.identity_broker.vcenter
      - homelab.identity_broker.scim_info
options:
  users:
    description:
      - The names of those who cannot log in, bare or as C(name@domain). Strings; quote a name that is a number.
      - The default is to judge the latest logins, whoever they were.
    type: list
    elements: raw
    default: []
  domain:
    description: The domain of those of O(users) who are named without one.
    type: str
  login_attempts:
    description:
      - The registered result of M(homelab.identity_broker.externalid_fact) with C(evidence=true), as it is. Give it C(outcome=any),
        so that it tells also who was let in, and C(limit=0).
      - Without it, only what stands in the broker, in vCenter and at the identity provider is judged.
    type: dict
  provider_users:
    description:
      - The registered result of M(homelab.identity_broker.pocket_id_user_info), as it is. With its C(client_id) it tells also whom
        Pocket ID itself refuses.
    type: dict
  limit:
    description: How many of the latest logins are judged, one for each ExternalId; V(0) judges all.
    type: int
    default: 5
seealso:
  - module: homelab.identity_broker.externalid_fact
  - module: homelab.identity_broker.pocket_id_user_info
  - module: homelab.identity_broker.global_permission
"""

EXAMPLES = r"""
- name: Read what the log says of the last day
  homelab.identity_broker.externalid_fact:
    since: 1d
    outcome: any
    limit: 0
    evidence: true
  delegate_to: vcsa
  register: logins

- name: Find out why muffin cannot log in
  homelab.identity_broker.login_diagnosis_info:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    users: [muffin]
    login_attempts: "{{ logins }}"
  register: diagnosis

- name: Say it
  ansible.builtin.debug:
    msg: "{{ diagnosis.summary }}"
"""

RETURN = r"""
findings:
  description:
    - What is the matter with nobody in particular, then one item for each of O(users), in their order, or for each of the latest
      logins, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    case:
      description:
        - V(refused_at_provider), V(user_not_found), V(unknown_external_id), V(external_id_differs), V(wrong_domain), V(inactive),
          V(no_permission), V(claim_missing), V(key_or_trust), V(client_secret), V(provider_error), V(clock_skew), V(broker_down),
          V(other_attribute) where the broker looked users up by another attribute than the ExternalId, V(never_reached),
          V(would_be_let_in), V(allowed), V(refused), V(malformed), or V(unknown) where too little is known.
      type: str
      sample: inactive
    username:
      description: Who it is, where that is known; else null.
      type: str
      sample: muffin
    finding:
      description: The same for people.
      type: str
      sample: muffin@lab.example.org is inactive in the broker.
    evidence:
      description: By what that is known.
      type: list
      elements: dict
      contains:
        time:
          description: When (ISO 8601, UTC).
          type: str
          sample: "2026-02-04T15:05:23.412Z"
        line:
          description: The line of the log, escaped; null where it was not read.
          type: str
          sample: null
        value:
          description: What of it counts.
          type: str
          sample: ExternalId d0e97cc3-ff12-42fd-b4ba-6a30626bd50e, denied, from 192.0.2.10
    next_step:
      description: What to do.
      type: str
      sample: "If the person may log in, set active: true for this item of federated_users_users, and provision."
    command:
      description:
        - A command for it. Null where the collection cannot do it, and where the name holds signs that a shell or a template may
          take for their own.
      type: str
      sample: ansible-playbook homelab.identity_broker.provision --check --diff
    context_id:
      description: The broker's id of the login that was judged; null in a finding about a person.
      type: str
      sample: null
summary:
  description: The findings in lines for people.
  returned: success
  type: list
  elements: str
  sample: ["muffin@lab.example.org is inactive in the broker."]
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import (
    BrokerSession,
    scim_info_spec,
    vcenter_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._diagnosis import diagnose, told
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_users import provider_users
from ansible_collections.homelab.identity_broker.plugins.module_utils._read_diagnosis import read_known
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import required_text


def main() -> None:
    module = make_module(
        vcenter_spec(),
        scim_info_spec(),
        {
            "users": {"type": "list", "elements": "raw", "default": []},
            "domain": {"type": "str"},
            "login_attempts": {"type": "dict"},
            "provider_users": {"type": "dict"},
            "limit": {"type": "int", "default": 5},
        },
    )
    options = module.params

    def read(session: BrokerSession) -> dict[str, Any]:
        if options["limit"] < 0:
            raise InputError("limit", f"{options['limit']} is out of range", "Give 0 or more.")
        users = [required_text(f"users[{n}]", name) for n, name in enumerate(options["users"])]
        provider = provider_users(options["provider_users"])
        access = session.scim_access(changes_state=False)
        known, notes = read_known(access, session.authorizing_vcenter, options["login_attempts"], provider)
        session.warnings += notes
        findings = diagnose(known, users, options["domain"], options["limit"])
        return {
            "changed": False,
            "findings": [finding.result() for finding in findings],
            "summary": told(findings),
        }

    run(BrokerSession, module, read)


if __name__ == "__main__":
    main()
