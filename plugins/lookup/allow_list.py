# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: allow_list
short_description: Read who may be provisioned at the first login, as users for the broker
version_added: 0.9.0
description:
  - Reads and checks an allow list, and returns a list that the option O(homelab.identity_broker.scim_users#module:users) of
    M(homelab.identity_broker.scim_users) and the variable C(federated_users_users) of the role take.
  - An allow list is a YAML file. Each item has C(external_id) and C(username), and may have C(domain), C(given_name),
    C(family_name), C(display_name), C(email), C(groups), C(permissions), C(username_format), C(wire_form), C(from_provider), and a
    C(key) of its own. The playbook C(homelab.identity_broker.allow_list) writes C(from_provider), so that a user name that people
    may edit is not split at C(@).
  - Two items with one user name, without regard to case, are an error that names both.
  - An item without an ExternalId is an error, since whoever may sign in could try to log in under a name.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
options:
  _terms:
    description:
      - The file.
    type: list
    elements: path
    required: true
  key:
    description:
      - Return just the people with these keys. A key is the username, unless the item has a key of its own.
      - If it is not given, everybody is returned.
    type: list
    elements: str
notes:
  - Everything is a string as it stands, and no template is evaluated in it.
  - Use C(query), or C(lookup) with C(wantlist=true).
seealso:
  - module: homelab.identity_broker.scim_users
"""

EXAMPLES = r"""
# allow_list.yml:
#   - external_id: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
#     username: muffin
#     email: muffin@example.org
#     permissions: [{role: ReadOnly}]

- name: Let one person of the allow list in
  homelab.identity_broker.scim_users:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    users: "{{ query('homelab.identity_broker.allow_list', '/etc/identity_broker/allow_list.yml', key='muffin') }}"
"""

RETURN = r"""
_raw:
  description:
    - The people, in their order. Each has C(username), C(external_id), and what else its item says.
  type: list
  elements: dict
  sample:
    - username: muffin
      external_id: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
      email: muffin@example.org
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.homelab.identity_broker.plugins.module_utils._allow_list import users_of
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError
from ansible_collections.homelab.identity_broker.plugins.module_utils._event_source import load_allow_list, path_of


class LookupModule(LookupBase):
    """Reads the file; what it means is decided elsewhere."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        unknown = ", ".join(sorted(set(kwargs) - set(self.get_options())))
        if unknown:
            raise AnsibleLookupError(f"{unknown}: is no option of allow_list. Its option is key.")
        if len(terms) != 1 or not isinstance(terms[0], str) or not terms[0]:
            raise AnsibleLookupError(
                "Which file? Name one, as in query('homelab.identity_broker.allow_list', '/etc/allow_list.yml')."
            )
        key = self.get_option("key")
        try:
            allowed = load_allow_list(path_of(terms[0]))
            return users_of(allowed, list(allowed.by_key) if key is None else key)
        except IdentityBrokerError as error:
            raise AnsibleLookupError(str(error)) from None
