#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: sddc_sync_token
short_description: Mint the sync token of SDDC Manager's identity provider, or keep the one that serves
version_added: 0.9.0
description:
  - Makes sure that there is a sync token, the credential with which users are pushed over SCIM to the broker behind SDDC Manager's
    external identity provider. M(homelab.identity_broker.scim_users) takes RV(token) and RV(scim_url) as they are.
  - Minting revokes the token before. Without O(current_token) or O(token_file), each run mints.
  - A standing token is judged by its end. Where SDDC Manager tells another end of the token that was minted last, it may have been
    revoked since, and a warning says so. With O(scim_url) it is tried there, and minted anew where it is refused.
  - Set C(no_log=true) on the task, since its result is the secret itself.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.sddc
attributes:
  action_group:
    description: Use C(group/homelab.identity_broker.sddc) in C(module_defaults).
    support: full
    membership:
      - homelab.identity_broker.sddc
  check_mode:
    details:
      - Check mode mints nothing. Where it would, RV(token) is null, and RV(expires_at) and RV(expires_in) are those of the
        token that stands.
  idempotent:
    support: partial
    details:
      - Only with O(current_token) or O(token_file), and not with O(force=true).
options:
  provider_id:
    description: The id of the identity provider. This or O(name) is needed only where several have the type FEDERATED_IDP_BROKER.
    type: str
  name:
    description: The name of the identity provider.
    type: str
  ttl:
    description:
      - For how long a new token is to live, in minutes; six months are V(263000). If not set, SDDC Manager decides.
      - It is handed over as it is, and not documented to be minutes. A token whose end shows that it was taken for something else
        is warned of.
    type: int
  current_token:
    description: The token that stands. It is kept while it serves and lives longer than O(renew_before).
    type: str
  token_file:
    description:
      - A file, on the host that runs the module, in which the token is kept. Made with mode C(0600), refused when others can
        read it.
    type: path
  renew_before:
    description:
      - Mint anew when the standing token ends within so many seconds. A token whose end nothing tells is kept.
    type: int
    default: 300
  force:
    description: Mint in any case.
    type: bool
    default: false
  scim_url:
    description:
      - Where the standing token is tried, and then its answer decides whether it serves. Tokens go only to hosts that a task names,
        and that is vCenter rather than SDDC Manager.
    type: str
  auth_scheme:
    description: The word before the token when the standing one is tried; see M(homelab.identity_broker.scim_user).
    type: str
    default: auto
    choices: [auto, hzn, bearer]
seealso:
  - module: homelab.identity_broker.scim_users
  - module: homelab.identity_broker.sync_token
  - module: homelab.identity_broker.sddc_identity_provider
"""

EXAMPLES = r"""
- name: Keep a sync token in a file, and mint only when it ends
  homelab.identity_broker.sddc_sync_token:
    hostname: sddc-manager.example.org
    username: administrator@vsphere.local
    password: "{{ vault_sddc_manager_password }}"
    ttl: 263000
    token_file: "{{ playbook_dir }}/.sync_token"
  no_log: true
  register: sync

- name: Push a user with it
  homelab.identity_broker.scim_users:
    token: "{{ sync.token }}"
    scim_url: "{{ sync.scim_url }}"
    domain: lab.example.org
    users:
      - username: muffin
        external_id: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
"""

RETURN = r"""
token:
  description: The sync token. Null in check mode where one would be minted.
  returned: success
  type: str
scim_url:
  description: Where the token is used. Null where nothing tells it, as in check mode before the first minting.
  returned: success
  type: str
  sample: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
expires_at:
  description:
    - When the token ends (ISO 8601, UTC); null where nothing tells it.
    - Where check mode would mint, that of the standing token, as far as one is known.
  returned: success
  type: str
  sample: "2027-01-21T02:43:21Z"
expires_in:
  description:
    - In how many seconds the token ends, by this host's clock; null where nothing tells it.
    - V(0) where it has ended or was revoked.
  returned: success
  type: int
  sample: 15780000
provider_id:
  description: The identity provider that the token is for.
  returned: success
  type: str
  sample: 34e29540-6e7b-4c24-bc71-cc14f823c21c
requests:
  description: How many requests of each kind were sent.
  returned: success
  type: dict
  sample: {get: 1, post: 2, put: 0, patch: 0, delete: 1}
"""

from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._address import SCIM_EXAMPLE, option_address
from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_sddc_token import TokenWish, ensure_token
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._sddc_session import SddcSession, sddc_spec


def main() -> None:
    module = make_module(
        sddc_spec(),
        {
            "provider_id": {"type": "str"},
            "name": {"type": "str"},
            "ttl": {"type": "int"},
            "current_token": {"type": "str", "no_log": True},
            "token_file": {"type": "path", "no_log": False},
            "renew_before": {"type": "int", "default": 300},
            "force": {"type": "bool", "default": False},
            "scim_url": {"type": "str"},
            "auth_scheme": {"type": "str", "default": "auto", "choices": ["auto", "hzn", "bearer"]},
        },
    )
    options = module.params

    def ensure(session: SddcSession) -> dict[str, Any]:
        if options["ttl"] is not None and options["ttl"] < 1:
            raise InputError("ttl", f"{options['ttl']} is no life", "Give minutes, or leave it out.")
        if options["scim_url"]:
            option_address("scim_url", options["scim_url"], SCIM_EXAMPLE)
        names = TokenWish.__dataclass_fields__
        wish = TokenWish(**{name: options[name] for name in names})
        outcome = ensure_token(
            session.http, session.sddc_manager, wish, session.minting_lock(), check_mode=module.check_mode
        )
        session.warnings += outcome.warnings
        session.released = outcome.token
        standing = f"ends at {outcome.before or 'a time that is not told'}" if outcome.stood else "none known"
        return {
            "changed": outcome.changed,
            "token": outcome.token,
            "scim_url": outcome.scim_url,
            "expires_at": outcome.expires_at,
            "expires_in": outcome.expires_in,
            "provider_id": outcome.provider_id,
            "requests": session.requests(),
            "diff": {
                "before": {"sync_token": standing},
                "after": {"sync_token": "minted anew, the one before is revoked" if outcome.changed else standing},
            },
        }

    run(SddcSession, module, ensure)


if __name__ == "__main__":
    main()
