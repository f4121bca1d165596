#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_identity_provider
short_description: Keep an identity provider of the Identity Broker
version_added: 0.9.0
description:
  - Creates, changes or deletes an external identity provider of the broker, at which people sign in.
  - What the task does not name is left as it is; lists and dictionaries that it names replace those that stand, but for
    O(oidc_profile) and O(saml_profile), of which just the suboptions that are named change. An empty text, list or dictionary
    removes a value.
  - After writing, the provider is read back.
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
  name:
    description:
      - The name (C(idp_name)), of at most 100 letters of any language, digits, spaces, hyphens and underscores. No two providers
        share one.
      - The provider is found by it where O(id) is not given. With O(id), it is renamed to it.
    type: str
  id:
    description: The broker's id of a provider that stands.
    type: str
  idp_type:
    description:
      - The protocol. It cannot be changed later. If not set, a new provider gets the one whose profile is given.
      - The broker in vCenter does not take V(SAML).
    type: str
    choices: [OIDC, SAML]
  idp_source_type:
    description: Which product it is, for which the broker has peculiarities. It cannot be changed later.
    type: str
    choices: [GENERIC, ENTRA, OKTA]
  directory_list:
    description: The directories whose users sign in there, by name or id. A new provider needs one.
    type: list
    elements: str
  oidc_profile:
    description: The settings of an OIDC provider. A new one needs O(oidc_profile.configuration_url), its client id and secret.
    type: dict
    suboptions:
      configuration_url:
        description: Where the provider tells its endpoints, which ends in C(/.well-known/openid-configuration).
        type: str
      client_id:
        description: The client of the broker at the provider.
        type: str
      client_secret:
        description: Its secret. The broker never tells it, see O(update_secret).
        type: str
      client_secret_file:
        description:
          - A file, on the host that runs the module, with the bare secret in place of O(oidc_profile.client_secret), as
            M(homelab.identity_broker.pocket_id_oidc_client) writes it. It is refused where others can read it.
          - In check mode it may be missing, since an earlier task may make it.
        type: path
      oidc_user_attribute_mapping:
        description: From attributes of the broker's users to claims of the ID token.
        type: dict
      authorize_params:
        description: More parameters of authorization requests.
        type: dict
      token_params:
        description: More parameters of token requests.
        type: dict
      pass_through_claims:
        description: Whether claims that the broker does not know are handed on.
        type: bool
      open_id_user_identifier_attribute:
        description: The claim that tells who signs in. The broker's default is V(sub).
        type: str
      internal_user_identifier_attribute:
        description: The attribute of the broker's users that has the same value. The broker's default is V(ExternalId).
        type: str
      login_hint_user_attribute:
        description: The attribute of the user that is sent as the login hint. The broker's default is V(userName).
        type: str
      send_login_hint_in_request:
        description: Whether a login hint is sent.
        type: bool
  saml_profile:
    description: The settings of a SAML provider. A new one needs its metadata or their address.
    type: dict
    suboptions:
      saml_metadata:
        description: The provider's metadata, XML in Base64. They go before O(saml_profile.saml_metadata_url).
        type: str
      saml_metadata_url:
        description: Where the provider's metadata are.
        type: str
      saml_name_id_user_attribute_mapping:
        description: From attributes of the broker's users to attributes of the SAML response.
        type: dict
      saml_identity_user_attribute_mapping:
        description: The one attribute that tells who signs in. It goes before O(saml_profile.saml_name_id_user_attribute_mapping).
        type: dict
        suboptions:
          saml_attribute_name:
            description: Its name in the SAML response.
            type: str
          saml_attribute_format:
            description: Its name format.
            type: str
          idm_attribute:
            description: The attribute of the broker's users that has the same value.
            type: str
      request_name_id_format_type:
        description: The name ID format of requests.
        type: str
      request_preferred_binding:
        description: The binding of requests.
        type: str
        choices:
          - urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect
          - urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST
      send_subject_in_request:
        description: Whether requests tell the subject.
        type: bool
      send_subject_with_mapping:
        description: Whether the name ID mapping decides which attribute that is.
        type: bool
      jit_group_membership_attr_name:
        description: The attribute that tells the groups of a user who is created at the first login.
        type: str
      saml_pass_through_claim_names:
        description: The attributes that are handed on.
        type: list
        elements: str
      saml_slo_configuration:
        description: The single logout.
        type: dict
        suboptions:
          enabled:
            description: Whether it is on. The broker never tells, see O(update_secret).
            type: bool
          slo_url:
            description: Its address at the provider.
            type: str
          relay_state_param:
            description: The parameter that holds the relay state.
            type: str
  trust_certificates:
    description:
      - Certificate chains in PEM that are trusted for the provider, at most three of at most five certificates each. They replace
        those that stand; what is compared are the certificates, not the text around them.
    type: list
    elements: str
  auth_type_list:
    description: The authentication methods, which replace those that stand. A new provider has a default one before.
    type: list
    elements: dict
    suboptions:
      auth_method_name:
        description: The name.
        type: str
        required: true
      saml_authn_context:
        description: The SAML authentication context that stands for it.
        type: str
        required: true
  update_secret:
    description:
      - When to write what the broker never tells, which is O(oidc_profile.client_secret) and
        O(saml_profile.saml_slo_configuration.enabled). V(on_create) writes them where the provider or its profile is new;
        V(always) writes them in each run, which is a change each time.
    type: str
    default: on_create
    choices: [always, on_create]
  state:
    description: Whether the provider is to be there.
    type: str
    default: present
    choices: [present, absent]
seealso:
  - module: homelab.identity_broker.broker_identity_provider_info
  - module: homelab.identity_broker.broker_directory
  - module: homelab.identity_broker.pocket_id_oidc_client
"""

EXAMPLES = r"""
- name: Have people sign in at Pocket ID
  homelab.identity_broker.broker_identity_provider:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: automation
    api_client_secret: "{{ vault_workspace_one_secret }}"
    name: Pocket ID
    idp_type: OIDC
    directory_list: [Lab]
    oidc_profile:
      configuration_url: https://id.example.org/.well-known/openid-configuration
      client_id: workspace-one
      client_secret: "{{ vault_oidc_client_secret }}"
      open_id_user_identifier_attribute: sub
      internal_user_identifier_attribute: ExternalId
  register: provider

- name: Say what the provider must know as the callback address
  ansible.builtin.debug:
    msg: "{{ provider.redirect_uri }}"

- name: Have no such provider
  homelab.identity_broker.broker_identity_provider:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: automation
    api_client_secret: "{{ vault_workspace_one_secret }}"
    name: Pocket ID
    state: absent
"""

RETURN = r"""
identity_provider:
  description: The provider as the broker has it; null where there is none.
  returned: success
  type: dict
  contains:
    id:
      description: The broker's id; null in check mode for one to be created.
      type: str
      sample: 5e895ddb-c2ae-414a-9db3-a2d693ee0db1
    name:
      description: The name (C(idp_name)).
      type: str
      sample: Pocket ID
    idp_type:
      description: The protocol.
      type: str
      sample: OIDC
    idp_source_type:
      description: Which product it is.
      type: str
      sample: GENERIC
    directory_list:
      description: The directories whose users it signs in, as far as their names are known.
      type: list
      elements: dict
      sample: [{id: 165178fc-acba-46d3-8a0a-6099ab71eb51, name: Lab}]
    oidc_profile:
      description: The settings of an OIDC provider without its secret; null where it has none.
      type: dict
      sample: {configuration_url: "https://id.example.org/.well-known/openid-configuration", client_id: vcenter}
    saml_profile:
      description: The settings of a SAML provider; null where it has none.
      type: dict
      sample: null
    trust_certificates:
      description: The certificate chains that are trusted besides the public ones.
      type: list
      elements: str
      sample: []
    auth_type_list:
      description: The authentication methods.
      type: list
      elements: dict
      sample: [{id: 8edacc5b-ff9d-4f8d-8575-6a137619fc88, auth_method_name: Pocket ID, saml_authn_context: ""}]
redirect_uri:
  description: Where an OIDC provider sends people back to, which it must know as a callback address.
  returned: success
  type: str
  sample: https://acme.workspaceoneaccess.com/federation/auth/response/oauth2
operation:
  description: What was done, or would be in check mode; V(create), V(update), V(delete) or V(none).
  returned: success
  type: str
  sample: create
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

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_broker_object import BrokerObject
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_object_plan import Wanted
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_objects import (
    DIRECTORIES,
    PROVIDERS,
    checked_provider,
    directory_ids,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_results import (
    provider_result,
    wanted_provider,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import BrokerSession, broker_spec
from ansible_collections.homelab.identity_broker.plugins.module_utils._client_rotation import ALWAYS
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_file import read_token_file


def oidc_profile_spec() -> dict[str, Any]:
    """The suboptions of C(oidc_profile)."""
    return {
        "configuration_url": {"type": "str"},
        "client_id": {"type": "str"},
        "client_secret": {"type": "str", "no_log": True},
        "client_secret_file": {"type": "path", "no_log": False},
        "oidc_user_attribute_mapping": {"type": "dict"},
        "authorize_params": {"type": "dict"},
        "token_params": {"type": "dict", "no_log": False},
        "pass_through_claims": {"type": "bool"},
        "open_id_user_identifier_attribute": {"type": "str"},
        "internal_user_identifier_attribute": {"type": "str"},
        "login_hint_user_attribute": {"type": "str"},
        "send_login_hint_in_request": {"type": "bool"},
    }


def with_secret(profile: dict[str, Any] | None, *, check_mode: bool) -> dict[str, Any] | None:
    """The profile with the secret that its file holds. Raises InputError."""
    field = "oidc_profile.client_secret_file"
    given = dict(profile or {})
    path = given.pop("client_secret_file", None)
    if profile is None or path is None:
        return None if profile is None else given
    if given.get("client_secret"):
        raise InputError(field, "is given, and client_secret too", "Give either.")
    kept = read_token_file(path, field=field)
    if kept is None and not check_mode:
        raise InputError(field, f"{path} holds no secret", "Put the bare secret there (mode 0600).")
    return {**given, "client_secret": kept.token if kept else "(to come)"}


def saml_profile_spec() -> dict[str, Any]:
    """The suboptions of C(saml_profile)."""
    identity = ("saml_attribute_name", "saml_attribute_format", "idm_attribute")
    bindings = [f"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{name}" for name in ("Redirect", "POST")]
    return {
        "saml_metadata": {"type": "str"},
        "saml_metadata_url": {"type": "str"},
        "saml_name_id_user_attribute_mapping": {"type": "dict"},
        "saml_identity_user_attribute_mapping": {
            "type": "dict",
            "options": {name: {"type": "str"} for name in identity},
        },
        "request_name_id_format_type": {"type": "str"},
        "request_preferred_binding": {"type": "str", "choices": bindings},
        "send_subject_in_request": {"type": "bool"},
        "send_subject_with_mapping": {"type": "bool"},
        "jit_group_membership_attr_name": {"type": "str"},
        "saml_pass_through_claim_names": {"type": "list", "elements": "str", "no_log": False},
        "saml_slo_configuration": {
            "type": "dict",
            "options": {"enabled": {"type": "bool"}, "slo_url": {"type": "str"}, "relay_state_param": {"type": "str"}},
        },
    }


def main() -> None:
    methods = {name: {"type": "str", "required": True} for name in ("auth_method_name", "saml_authn_context")}
    module = make_module(
        broker_spec(),
        {
            "name": {"type": "str"},
            "id": {"type": "str"},
            "idp_type": {"type": "str", "choices": ["OIDC", "SAML"]},
            "idp_source_type": {"type": "str", "choices": ["GENERIC", "ENTRA", "OKTA"]},
            "directory_list": {"type": "list", "elements": "str"},
            "oidc_profile": {"type": "dict", "options": oidc_profile_spec()},
            "saml_profile": {"type": "dict", "options": saml_profile_spec()},
            "trust_certificates": {"type": "list", "elements": "str"},
            "auth_type_list": {"type": "list", "elements": "dict", "options": methods},
            "update_secret": {
                "type": "str",
                "default": "on_create",
                "choices": ["always", "on_create"],
                "no_log": False,
            },
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        },
    )
    options = module.params

    def ensure(session: BrokerSession) -> dict[str, Any]:
        services = session.services
        profile = with_secret(options["oidc_profile"], check_mode=module.check_mode)
        session.services.hide((profile or {}).get("client_secret"))
        fields, directories = wanted_provider({**options, "oidc_profile": profile}), []
        if fields.get("directory_list") and options["state"] == "present":
            directories = services.rows(DIRECTORIES)
            fields["directory_list"], missing = directory_ids(
                directories, fields["directory_list"], foretold=module.check_mode
            )
            session.warnings += [
                f"There is no directory {name!r} yet. It is taken for one that an earlier task makes."
                for name in missing
            ]
        wanted = Wanted(fields, options["id"], options["state"], options["update_secret"] == ALWAYS)
        provider = BrokerObject(services, PROVIDERS, wanted, checked_provider)
        outcome = provider.foretold() if module.check_mode else provider.ensured()
        return {
            "changed": outcome.changed,
            **({"failed": True, "msg": outcome.error} if outcome.error else {}),
            "identity_provider": provider_result(outcome.document, directories),
            "redirect_uri": services.redirect_uri,
            "operation": outcome.plan.operation,
            "unverified": outcome.unverified,
            "requests": session.requests(),
            "diff": outcome.plan.diff(),
        }

    run(BrokerSession, module, ensure)


if __name__ == "__main__":
    main()
