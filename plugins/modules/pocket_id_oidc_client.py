#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: pocket_id_oidc_client
short_description: Make sure that Pocket ID has the OIDC client that vCenter needs
version_added: 0.9.0
description:
  - Creates, updates or deletes an OIDC client of Pocket ID as vCenter's Identity Broker needs it, which is one with a secret,
    without PKCE, and with the broker's callback address.
  - What the task does not name, such as the logo or the life of tokens, is left as it is. After writing, the client is read back.
  - Pocket ID shows a secret once, when it is made. So RV(secret) is returned only when the client is created, or when
    O(rotate_secret=true) asks for another one.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.pocket_id
attributes:
  action_group:
    description: Use C(group/homelab.identity_broker.pocket_id) in C(module_defaults).
    support: full
    membership:
      - homelab.identity_broker.pocket_id
  idempotent:
    support: partial
    details:
      - With O(rotate_secret=true), each run makes a new secret.
options:
  name:
    description:
      - The client's name, by which it is found where O(client_id) is not given.
    type: str
    default: vCenter
  client_id:
    description:
      - The client's id. A new client gets it; without it, Pocket ID makes one up.
    type: str
  vcenter:
    description:
      - The fully qualified domain name of the vCenter Server Appliance. Its callback address is
        C(https://VCENTER/federation/t/CUSTOMER/auth/response/oauth2).
      - This or O(callback_urls) is needed to create a client.
    type: str
  callback_urls:
    description:
      - Callback addresses, besides the one of O(vcenter). With one of both given, the client has just these.
    type: list
    elements: str
    default: []
  allowed_groups:
    description:
      - The groups whose members may use the client, by name or friendly name. An empty list means everybody.
      - If not set, it stays as it is; a new client is open to everybody.
    type: list
    elements: str
  rotate_secret:
    description:
      - Whether a client that stands gets another secret, in each run. All former ones end, so that vCenter signs nobody in until
        it is given the new one.
    type: bool
    default: false
  secret_file:
    description:
      - A file, on the host that runs the module, that gets a new secret, in place of RV(secret). It is replaced as a whole, with
        mode C(0600), and refused where others can read it or it holds anything but a secret.
      - Where the client stands and the file holds no secret, the task fails before it changes anything, unless a new one is made.
    type: path
  state:
    description: Whether the client is to be there.
    type: str
    default: present
    choices: [present, absent]
seealso:
  - module: homelab.identity_broker.pocket_id_user_info
"""

EXAMPLES = r"""
- name: Have the client that vCenter needs, for the members of one group
  homelab.identity_broker.pocket_id_oidc_client:
    url: https://id.example.org
    api_key: "{{ vault_pocket_id_api_key }}"
    client_id: vcenter
    vcenter: vcsa.example.org
    allowed_groups: [vcenter-admins]
  no_log: true
  register: client

- name: Have no such client
  homelab.identity_broker.pocket_id_oidc_client:
    url: https://id.example.org
    api_key: "{{ vault_pocket_id_api_key }}"
    client_id: vcenter
    state: absent
"""

RETURN = r"""
client:
  description: The client as Pocket ID has it; null where there is none.
  returned: success
  type: dict
  contains:
    client_id:
      description: The client's id; null in check mode for one to be created whose id was not given.
      type: str
      sample: vcenter
    name:
      description: The name.
      type: str
      sample: vCenter
    callback_urls:
      description: The callback addresses.
      type: list
      elements: str
      sample: ["https://vcsa.example.org/federation/t/CUSTOMER/auth/response/oauth2"]
    is_public:
      description: Whether it has no secret.
      type: bool
      sample: false
    pkce_enabled:
      description: Whether PKCE is asked for.
      type: bool
      sample: false
    group_restricted:
      description: Whether only members of RV(client.allowed_groups) may use it.
      type: bool
      sample: true
    allowed_groups:
      description: The names of the groups whose members may use it, sorted.
      type: list
      elements: str
      sample: [vcenter-admins]
secret:
  description: The new secret, where one was made and O(secret_file) is not given; else null. Set C(no_log) on the task.
  returned: success
  type: str
  sample: null
operation:
  description: What was done, or would be in check mode; V(create), V(update), V(delete) or V(none).
  returned: success
  type: str
  sample: create
rotated:
  description: Whether a client that stood got a new secret, or would in check mode.
  returned: success
  type: bool
  sample: false
requests:
  description: How many requests of each kind were sent.
  returned: success
  type: dict
  sample: {get: 4, post: 2, put: 1, patch: 0, delete: 0}
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_oidc_client import ensure_client
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._oidc_client_plan import (
    DesiredClient,
    callback_urls,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._pocket_id_session import (
    PocketIdSession,
    pocket_id_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import text_option
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_targets import token_in_file, write_file


def unwritten(path: str, secret: str) -> str:
    """Why a new secret could not be written into a file; empty where it was."""
    try:
        write_file("secret_file", path, secret)
    except InputError as error:
        return f"{error} The secret that was made is lost: make another one with rotate_secret."
    return ""


def main() -> None:
    module = make_module(
        pocket_id_spec(),
        {
            "name": {"type": "str", "default": "vCenter"},
            "client_id": {"type": "str"},
            "vcenter": {"type": "str"},
            "callback_urls": {"type": "list", "elements": "str", "default": []},
            "allowed_groups": {"type": "list", "elements": "str"},
            "rotate_secret": {"type": "bool", "default": False, "no_log": False},
            "secret_file": {"type": "path", "no_log": False},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        },
    )
    options = module.params

    def ensure(session: PocketIdSession) -> dict[str, Any]:
        groups, path = options["allowed_groups"], options["secret_file"]
        present = options["state"] == "present"
        wanted = DesiredClient(
            name=text_option("name", options["name"]) or "",
            client_id=text_option("client_id", options["client_id"]),
            callback_urls=callback_urls(options["vcenter"], options["callback_urls"]),
            allowed_groups=None if groups is None else tuple(dict.fromkeys(groups)),
            state=options["state"],
            secret_is_kept=not (path and present) or token_in_file("secret_file", path) is not None,
        )
        outcome = ensure_client(
            session.pocket_id, wanted, rotate=options["rotate_secret"], check_mode=module.check_mode
        )
        error = outcome.error
        if path and outcome.secret is not None:
            error = " ".join(each for each in (error, unwritten(path, outcome.secret)) if each)
            outcome.secret = None
        session.released = outcome.secret
        return {
            "changed": outcome.changed,
            "failed": bool(error),
            **({"msg": error} if error else {}),
            "client": outcome.client,
            "secret": outcome.secret,
            "operation": outcome.plan.operation,
            "rotated": outcome.plan.rotates and outcome.plan.operation != "create",
            "requests": session.requests(),
            "diff": outcome.plan.diff(),
        }

    run(PocketIdSession, module, ensure)


if __name__ == "__main__":
    main()
