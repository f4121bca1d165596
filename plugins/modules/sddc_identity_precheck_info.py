#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: sddc_identity_precheck_info
short_description: Ask SDDC Manager whether an identity provider can be configured
version_added: 0.9.0
description:
  - Runs SDDC Manager's prechecks for an external identity provider, which look and change nothing.
    M(homelab.identity_broker.sddc_identity_provider) runs them by itself.
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
  source:
    description: Which provider it is to be.
    type: str
    choices: [OKTA, MICROSOFT_ENTRA_ID, PING_FEDERATE]
seealso:
  - module: homelab.identity_broker.sddc_identity_provider
"""

EXAMPLES = r"""
- name: Ask whether Okta can be configured
  homelab.identity_broker.sddc_identity_precheck_info:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
    source: OKTA
  register: precheck

- name: Stop where it cannot
  ansible.builtin.assert:
    that: "{{ precheck.status != 'FAILURE' }}"
    fail_msg: "{{ precheck.details }}"
"""

RETURN = r"""
status:
  description: V(SUCCESS), V(WARNING) or V(FAILURE).
  returned: success
  type: str
  sample: SUCCESS
details:
  description: The findings.
  returned: success
  type: list
  elements: dict
  contains:
    type:
      description: What was looked at.
      type: str
      sample: VCENTER_VERSION
    message:
      description: What was found.
      type: str
      sample: null
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_answers import SOURCES
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_session import SddcSession, sddc_spec


def main() -> None:
    module = make_module(sddc_spec(), {"source": {"type": "str", "choices": list(SOURCES)}})

    def read(session: SddcSession) -> dict[str, Any]:
        return {"changed": False, **session.sddc_manager.precheck(module.params["source"])}

    run(SddcSession, module, read)


if __name__ == "__main__":
    main()
