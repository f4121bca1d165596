#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_oauth2_client
short_description: Keep an OAuth 2.0 client of the Identity Broker
version_added: 0.9.0
description:
  - Creates, changes or deletes an OAuth 2.0 client of the broker, with which programs and services sign in to its API.
  - What the task does not name is left as it is; a list that it names replaces the one that stands, and an empty one removes it.
  - After writing, the client is read back. The broker never tells a secret again.
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
  idempotent:
    support: partial
    details:
      - Not with O(update_secret=always).
options:
  client_id:
    description:
      - The client id, of letters, digits, and C(- _ . @), at most 256. The client is found by it.
    type: str
    required: true
  secret:
    description:
      - The secret of a new client. If not set, the broker makes one up, which is returned once as RV(secret).
    type: str
  update_secret:
    description:
      - V(on_create) gives O(secret) to a new client only. V(always) gives it to one that stands too, in each run, by a rotation
        that ends at once, so that the former secret serves no more.
    type: str
    default: on_create
    choices: [always, on_create]
  grant_types:
    description: What the client may do to get a token. A new client needs them.
    type: list
    elements: str
    choices: [password, client_credentials, refresh_token, authorization_code, token, id_token]
  scope:
    description: The scopes, such as V(admin), V(user), V(openid), V(profile) and V(email). A new client needs them.
    type: list
    elements: str
  redirect_uris:
    description: The addresses that codes and tokens may go to; needed with the grant type V(authorization_code).
    type: list
    elements: str
  post_logout_redirect_uris:
    description: The addresses that a browser may go to after the logout.
    type: list
    elements: str
  rule_set_names:
    description:
      - Which APIs the client may call. V(TENANT_ADMIN) all of them, V(READ_ONLY_TENANT_ADMIN) those that change nothing,
        V(IDP_AND_DIRECTORY_ADMIN) those of identity providers and directories.
    type: list
    elements: str
    choices: [TENANT_ADMIN, IDP_AND_DIRECTORY_ADMIN, READ_ONLY_TENANT_ADMIN]
  revoke_token_on_rule_set_removal:
    description: Whether tokens of the client end when a rule set is taken from it.
    type: bool
    default: true
  access_token_ttl:
    description: How long access tokens live, in minutes.
    type: int
  refresh_token_ttl:
    description: How long refresh tokens live, in minutes; V(0) removes it. Only with the grant type V(refresh_token).
    type: int
  refresh_token_idle_ttl:
    description: How long refresh tokens live unused, in minutes; V(0) removes it. Only with the grant type V(refresh_token).
    type: int
  secret_rotation:
    description:
      - V(started) gives a client that stands O(secondary_secret) beside its secret, so that both serve. It is unchanged while a
        rotation is in progress.
      - V(finished) ends a rotation that is in progress, so that only the second secret serves.
    type: str
    choices: [started, finished]
  secondary_secret:
    description: The second secret; needed with O(secret_rotation=started).
    type: str
  primary_secret_auto_retire_duration:
    description:
      - After how many minutes a rotation ends by itself, at most 10080 (7 days). The broker's default is a day.
    type: int
  delete_own:
    description:
      - Whether the task may delete the client that it signs in with itself, as one that was made for the first steps alone. Where
        that cannot sign in, it is taken for deleted, and a warning says so.
      - Only for O(platform=workspace_one) and O(state=absent).
    type: bool
    default: false
  state:
    description: Whether the client is to be there.
    type: str
    default: present
    choices: [present, absent]
seealso:
  - module: homelab.identity_broker.broker_oauth2_client_info
"""

EXAMPLES = r"""
- name: Have a client that may keep identity providers and directories
  homelab.identity_broker.broker_oauth2_client:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: api-bootstrap-client
    api_client_secret: "{{ vault_workspace_one_bootstrap_secret }}"
    client_id: directory-automation
    secret: "{{ vault_client_secret }}"
    grant_types: [client_credentials]
    scope: [admin]
    access_token_ttl: 60
    rule_set_names: [IDP_AND_DIRECTORY_ADMIN]

- name: Give it another secret, beside which the former serves for a day
  homelab.identity_broker.broker_oauth2_client:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: api-bootstrap-client
    api_client_secret: "{{ vault_workspace_one_bootstrap_secret }}"
    client_id: directory-automation
    secret_rotation: started
    secondary_secret: "{{ vault_next_client_secret }}"
    primary_secret_auto_retire_duration: 1440

- name: End the former secret once everybody has the new one
  homelab.identity_broker.broker_oauth2_client:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: api-bootstrap-client
    api_client_secret: "{{ vault_workspace_one_bootstrap_secret }}"
    client_id: directory-automation
    secret_rotation: finished

- name: Have no such client
  homelab.identity_broker.broker_oauth2_client:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: api-bootstrap-client
    api_client_secret: "{{ vault_workspace_one_bootstrap_secret }}"
    client_id: directory-automation
    state: absent
"""

RETURN = r"""
client:
  description: The client as the broker has it, without secrets; null where there is none.
  returned: success
  type: dict
  contains:
    id:
      description: The broker's own id; null in check mode for one to be created.
      type: str
      sample: d24afa39-05a1-433f-8aa9-ad41c9a3d394
    client_id:
      description: The client id.
      type: str
      sample: automation
    grant_types:
      description: The grant types.
      type: list
      elements: str
      sample: [client_credentials]
    scope:
      description: The scopes.
      type: list
      elements: str
      sample: [admin]
    redirect_uris:
      description: The addresses that codes and tokens may go to.
      type: list
      elements: str
      sample: []
    post_logout_redirect_uris:
      description: The addresses that a browser may go to after the logout.
      type: list
      elements: str
      sample: []
    rule_set_names:
      description: The rule sets.
      type: list
      elements: str
      sample: [IDP_AND_DIRECTORY_ADMIN]
    access_token_ttl:
      description: How long access tokens live, in minutes.
      type: int
      sample: 10080
    refresh_token_ttl:
      description: How long refresh tokens live, in minutes.
      type: int
      sample: 525600
    refresh_token_idle_ttl:
      description: How long refresh tokens live unused, in minutes.
      type: int
      sample: 525600
    rotate_secret:
      description: Whether a rotation of the secret is in progress, in which both serve.
      type: bool
      sample: false
    primary_secret_auto_retires_at:
      description: When the former secret ends by itself, as the broker tells it.
      type: int
      sample: null
secret:
  description: The secret that the broker made up for a new client to which none was given; else null. Set C(no_log) on the task.
  returned: success
  type: str
  sample: null
operation:
  description: What was done, or would be in check mode; V(create), V(update), V(delete) or V(none).
  returned: success
  type: str
  sample: create
rotation:
  description: What was done to the secret, or would be in check mode; V(start), V(retire), V(replace) or V(none).
  returned: success
  type: str
  sample: none
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
  sample: {get: 3, post: 2, put: 0, patch: 0, delete: 0}
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_broker_object import (
    BrokerObject,
    ObjectOutcome,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_client_secret import ensure_client
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_object_plan import ObjectPlan, Wanted
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_objects import CLIENTS, checked_client
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_results import client_result, named
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import BrokerSession, broker_spec
from ansible_collections.homelab.identity_broker.plugins.module_utils._client_rotation import (
    Rotation,
    is_own_deletion,
    plan_rotation,
    refuse_own_deletion,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run

GRANTS = ["password", "client_credentials", "refresh_token", "authorization_code", "token", "id_token"]
RULE_SETS = ["TENANT_ADMIN", "IDP_AND_DIRECTORY_ADMIN", "READ_ONLY_TENANT_ADMIN"]


def main() -> None:
    module = make_module(
        broker_spec(),
        {
            "client_id": {"type": "str", "required": True},
            "secret": {"type": "str", "no_log": True},
            "update_secret": {
                "type": "str",
                "default": "on_create",
                "choices": ["always", "on_create"],
                "no_log": False,
            },
            "grant_types": {"type": "list", "elements": "str", "choices": GRANTS},
            "scope": {"type": "list", "elements": "str"},
            "redirect_uris": {"type": "list", "elements": "str"},
            "post_logout_redirect_uris": {"type": "list", "elements": "str"},
            "rule_set_names": {"type": "list", "elements": "str", "choices": RULE_SETS},
            "revoke_token_on_rule_set_removal": {"type": "bool", "default": True, "no_log": False},
            "access_token_ttl": {"type": "int", "no_log": False},
            "refresh_token_ttl": {"type": "int", "no_log": False},
            "refresh_token_idle_ttl": {"type": "int", "no_log": False},
            "secret_rotation": {"type": "str", "choices": ["started", "finished"], "no_log": False},
            "secondary_secret": {"type": "str", "no_log": True},
            "primary_secret_auto_retire_duration": {"type": "int", "no_log": False},
            "delete_own": {"type": "bool", "default": False},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        },
    )
    options = module.params

    def ensure(session: BrokerSession) -> dict[str, Any]:
        own = options["api_client_id"] if session.is_workspace_one else None
        refuse_own_deletion(options, own)
        is_own = is_own_deletion(options, own)
        if is_own and not session.services.signs_in():
            session.warnings.append(
                f"The client {own} cannot sign in, so it is taken for deleted. If just its secret is another one, it still stands."
            )
            return result(session, ObjectOutcome(ObjectPlan(CLIENTS, "none"), None, changed=False), Rotation())
        fields = named({name: options[name] for name in CLIENTS.rules})
        client = BrokerObject(
            session.services,
            CLIENTS,
            Wanted(fields, state=options["state"]),
            checked_client,
            query=None
            if options["revoke_token_on_rule_set_removal"]
            else {"revoke_token_on_rule_set_removal": "false"},
            own=is_own,
        )
        if is_own and client.standing is None:
            raise InputError("client_id", f"{own!r} signs in, and the broker's list lacks it", "Look in the console.")
        rotation = plan_rotation(client.standing, options)
        outcome, secret = ensure_client(session.services, client, rotation, check_mode=module.check_mode)
        session.released = secret
        return result(session, outcome, rotation, secret)

    def result(
        session: BrokerSession, outcome: ObjectOutcome, rotation: Rotation, secret: str | None = None
    ) -> dict[str, Any]:
        return {
            "changed": outcome.changed,
            **({"failed": True, "msg": outcome.error} if outcome.error else {}),
            "client": client_result(outcome.document),
            "secret": secret,
            "operation": outcome.plan.operation,
            "rotation": rotation.name,
            "unverified": outcome.unverified,
            "requests": session.requests(),
            "diff": rotation.added_to(outcome.plan.diff()),
        }

    run(BrokerSession, module, ensure)


if __name__ == "__main__":
    main()
