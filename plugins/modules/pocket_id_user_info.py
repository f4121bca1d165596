#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: pocket_id_user_info
short_description: Read from Pocket ID who may use vCenter, ready for scim_users
version_added: 0.9.0
description:
  - Reads users of Pocket ID by name, by e-mail address, by group, or all of them, in the form that
    M(homelab.identity_broker.scim_users) takes.
  - Pocket ID puts the user's id into the claim C(sub), and that is the ExternalId by which vCenter's Identity Broker looks the user
    up. So nobody has to try to log in first, and no log is read.
  - A group is read whole or not at all. Its members, the number of them that Pocket ID announces, and what the users say of
    themselves must agree.
  - The administrator whom Pocket ID makes up for C(STATIC_API_KEY) never comes out, since nobody signs in as it.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - homelab.identity_broker.pocket_id
attributes:
  action_group:
    description: Use C(group/homelab.identity_broker.pocket_id) in C(module_defaults).
    support: full
    membership:
      - homelab.identity_broker.pocket_id
options:
  username:
    description:
      - Return the users of these names, without regard to case. Strings; quote a name that is a number.
      - Whoever fits one of O(username), O(email) and O(group) is returned; everybody, where none is given. A name that Pocket ID
        does not know is no error.
    type: list
    elements: raw
  email:
    description: Return the users of these e-mail addresses, without regard to case.
    type: list
    elements: str
  group:
    description:
      - Return the members of these groups, by name or friendly name. A group that there is not is an error.
    type: list
    elements: str
  client_id:
    description:
      - Return only who may use this OIDC client, the one that vCenter was given.
    type: str
  verify_sub:
    description:
      - Whether to ask Pocket ID, for each user that is returned, which C(sub) the client O(client_id) would get, and to fail where
        it is not the user's id. It takes a request a user.
    type: bool
    default: false
  wanted_users:
    description:
      - Items of the option O(homelab.identity_broker.scim_users#module:users) of M(homelab.identity_broker.scim_users). The people
        whom they may mean by C(external_id) or C(username) are returned besides those of O(username), O(email) and O(group).
      - C(name@domain) may mean the user C(name) or a user whose whole name this is. Give the result to
        M(homelab.identity_broker.scim_users) as O(homelab.identity_broker.scim_users#module:provider_users), which knows the
        domains of the broker and decides.
    type: list
    elements: dict
    version_added: 0.9.1
  mirror_groups:
    description:
      - Groups whose members are to be members of a group of the same name in the broker. RV(users[].groups) names them; give the
        same list to M(homelab.identity_broker.scim_users) as O(homelab.identity_broker.scim_users#module:mirror_groups).
    type: list
    elements: str
    default: []
seealso:
  - module: homelab.identity_broker.scim_users
  - module: homelab.identity_broker.pocket_id_oidc_client
"""

EXAMPLES = r"""
- name: Read who is in a group
  homelab.identity_broker.pocket_id_user_info:
    url: https://id.example.org
    api_key: "{{ vault_pocket_id_api_key }}"
    group: vcenter-admins
  register: people

- name: Let them in
  homelab.identity_broker.scim_users:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    users: "{{ people.users }}"

- name: Read everybody who may use the client that vCenter was given, and see that it gets their ids as sub
  homelab.identity_broker.pocket_id_user_info:
    url: https://id.example.org
    api_key: "{{ vault_pocket_id_api_key }}"
    client_id: vcenter
    verify_sub: true
  register: allowed
"""

RETURN = r"""
users:
  description: The users that fit, in the order of their names, as items of O(homelab.identity_broker.scim_users#module:users).
  returned: success
  type: list
  elements: dict
  contains:
    external_id:
      description: The user's id at Pocket ID, which is the C(sub) and the ExternalId.
      type: str
      sample: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
    username:
      description: The user name at Pocket ID, as a whole, even if it contains C(@).
      type: str
      sample: muffin
    from_provider:
      description: Always V(true), which tells M(homelab.identity_broker.scim_users) that people may have chosen this user name.
      type: bool
      sample: true
      version_added: 0.9.1
    found_by_name:
      description:
        - Whether the user was found by a user name or e-mail address alone that people may edit there. See RV(own_account_edit).
      type: bool
      sample: false
      version_added: 0.9.1
    given_name:
      description: The first name; null where there is none.
      type: str
      sample: Muffin
    family_name:
      description: The last name; null where there is none.
      type: str
      sample: Muffinson
    display_name:
      description: The name that is shown; null where there is none.
      type: str
      sample: Muffin Muffinson
    email:
      description: The e-mail address; null where there is none.
      type: str
      sample: muffin@example.org
    active:
      description: Whether the user may sign in; V(false) for a disabled one.
      type: bool
      sample: true
    groups:
      description: The names of those of O(mirror_groups) that the user is in.
      type: list
      elements: str
      sample: []
groups:
  description: The groups of O(group).
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The group's id.
      type: str
      sample: 6a3f1c7e-0b52-4b0e-9a57-1f9b0f0a2c11
    name:
      description: The name, as the claim C(groups) holds it.
      type: str
      sample: vcenter-admins
    friendly_name:
      description: The name that is shown.
      type: str
      sample: vCenter Admins
    members:
      description: The names of its members, sorted; with O(client_id), of those who may use it.
      type: list
      elements: str
      sample: [crumpet, muffin]
others:
  description: Everybody else, so that an ExternalId in a log can be told to be theirs.
  returned: success
  type: list
  elements: dict
  contains:
    username:
      description: The user name at Pocket ID.
      type: str
      sample: scone
    external_id:
      description: The user's id at Pocket ID.
      type: str
      sample: a17c60d4-33be-4f9a-b1c8-9e4d5a6b8c03
    active:
      description: Whether the user may sign in; V(false) for a disabled one.
      type: bool
      sample: true
    allowed:
      description: Whether the user may use the client O(client_id); null where none was given.
      type: bool
      sample: false
scim_pushes:
  description:
    - To which SCIM servers Pocket ID itself pushes users, and for which OIDC client. It deletes there whomever it does not know.
  returned: success
  type: list
  elements: dict
  sample: [{client_id: vcenter, client_name: vCenter, endpoint: "https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2"}]
known_attributes:
  description:
    - The attributes that at least one user of Pocket ID has. M(homelab.identity_broker.scim_users) clears them in the broker for
      users who have none; other attributes are left as they are.
  returned: success
  type: list
  elements: str
  sample: [given_name, family_name, display_name, email]
  version_added: 0.9.1
own_account_edit:
  description:
    - Whether people may edit their own account at Pocket ID, and so their user name. V(true) if the setting cannot be read.
  returned: success
  type: bool
  sample: true
  version_added: 0.9.1
handover:
  description:
    - RV(users), RV(groups), RV(others), RV(scim_pushes), RV(known_attributes) and RV(own_account_edit) as JSON, in one string.
    - M(homelab.identity_broker.scim_users) takes it as O(homelab.identity_broker.scim_users#module:provider_users) as well. Of
      thousands of people Ansible then templates one value in place of each.
  returned: success
  type: str
  sample: '{"users": [], "groups": [], "others": [], "scim_pushes": []}'
requests:
  description: How many requests of each kind were sent.
  returned: success
  type: dict
  sample: {get: 6, post: 0, put: 0, patch: 0, delete: 0}
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._people import (
    Criteria,
    known_attributes,
    row,
    selected,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._pocket_id_session import (
    PocketIdSession,
    pocket_id_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._read_people import (
    read_people,
    scim_pushes,
    verify_subjects,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import text_option


def _wanted(items: Sequence[Mapping[str, Any]] | None) -> tuple[tuple[str, str], ...] | None:
    """Return user name and ExternalId of each item; the module that gets the items as users checks them."""
    if items is None:
        return None
    texts = [[item.get(name) for name in ("username", "external_id")] for item in items]
    return tuple((name, key) for name, key in ([str(text or "") for text in each] for each in texts))


def main() -> None:
    names: dict[str, Any] = {"type": "list", "elements": "str"}
    module = make_module(
        pocket_id_spec(),
        {
            "username": {"type": "list", "elements": "raw"},
            "email": names,
            "group": names,
            "client_id": {"type": "str"},
            "verify_sub": {"type": "bool", "default": False},
            "mirror_groups": {**names, "default": []},
            "wanted_users": {"type": "list", "elements": "dict"},
        },
    )
    options = module.params

    def read(session: PocketIdSession) -> dict[str, Any]:
        pocket_id, client_id = session.pocket_id, options["client_id"]
        if options["verify_sub"] and not client_id:
            raise InputError("client_id", "is not given, and verify_sub needs it", "Give the client that vCenter uses.")
        usernames = [text_option(f"username[{n}]", name) or "" for n, name in enumerate(options["username"] or ())]
        criteria = Criteria(
            tuple(usernames),
            tuple(options["email"] or ()),
            tuple(options["group"] or ()),
            tuple(options["mirror_groups"]),
            _wanted(options["wanted_users"]),
        )
        people = read_people(pocket_id, criteria, client_id, session.http.pause)
        users = selected(people, criteria)
        if options["verify_sub"]:
            verify_subjects(pocket_id, client_id, users)
        chosen = {person.external_id for person in users}
        names_editable = pocket_id.own_account_edit()
        groups = [people.groups[name] for name in dict.fromkeys(criteria.groups)]
        found = {
            "users": [row(person, people, criteria, names_editable=names_editable) for person in users],
            "groups": [
                {
                    "id": group.id,
                    "name": group.name,
                    "friendly_name": group.friendly_name,
                    "members": [person.username for person in users if person.external_id in group.member_ids],
                }
                for group in groups
            ],
            "others": [
                {
                    "username": person.username,
                    "external_id": person.external_id,
                    "active": person.active,
                    "allowed": people.allows(person) if client_id else None,
                }
                for person in people.everybody
                if person.external_id not in chosen
            ],
            "scim_pushes": scim_pushes(pocket_id),
            "known_attributes": known_attributes(people.everybody),
            "own_account_edit": names_editable,
        }
        return {"changed": False, **found, "handover": json.dumps(found), "requests": session.requests()}

    run(PocketIdSession, module, read)


if __name__ == "__main__":
    main()
