#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# This is the documentation of an action plugin; what runs on the host is sync_token.

from __future__ import annotations

DOCUMENTATION = r"""
module: rotate_token
short_description: Mint the Identity Broker's sync token, and hand it to those who push users with it
version_added: 0.9.0
description:
  - Mints a sync token on the task's host, and hands it over on the control node. It goes to a file, to a variable in a file that
    is encrypted with Ansible Vault, or to the standard input of a command.
  - This is for sites where something else pushes the users, such as Okta, Entra ID or authentik.
  - Runs that hand a token over to the same file take turns, as do modules that mint for the same host and tenant. A run waits at
    most 15 minutes for another one.
  - Minting revokes the token before. So everything that can be checked is checked first, and nothing is minted when the token
    could not be handed over.
  - The token is in no result, no argument of a program and no environment, and in no file but the ones that are named.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.vcenter
  - homelab.identity_broker.workspace_one
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  action:
    support: full
  async:
    support: none
  become:
    support: full
  bypass_host_loop:
    support: none
  check_mode:
    details:
      - Check mode mints nothing and hands nothing over. It makes the same checks, and tells how long the standing token lives.
  connection:
    support: full
  delegation:
    support: full
  idempotent:
    support: partial
    details:
      - Each run mints, unless O(renew_before) is given.
  platform:
    platforms: posix
options:
  file:
    description:
      - A file on the control node for the bare token, without a line end. It is replaced as a whole, with mode C(0600).
      - A file that holds anything but a token is refused.
      - A relative path begins where C(ansible-playbook) was started.
    type: path
  vault_file:
    description:
      - A file on the control node that holds the variable O(vault_variable) and no other. It is encrypted with the vault password
        that C(ansible-playbook) was given, and replaced as a whole, with mode C(0600).
      - A file that is not encrypted, or holds other variables, is refused, and so is the file of O(file) under another spelling.
      - A relative path begins where C(ansible-playbook) was started.
    type: path
  vault_variable:
    description: The name of the variable in O(vault_file).
    type: str
    default: vault_sync_token
  vault_id:
    description:
      - Which of several vault passwords to encrypt with.
      - If it is not given, it is the one of the setting C(DEFAULT_VAULT_ENCRYPT_IDENTITY) (E(ANSIBLE_VAULT_ENCRYPT_IDENTITY)), or
        else the only one.
    type: str
  command:
    description:
      - A program and its arguments, run on the control node where C(ansible-playbook) was started. No shell is involved.
      - It gets the bare token on its standard input, without a line end. Any exit status but 0 is a failure, and what it said is
        shown then, without the token.
      - It gets only a token that was just minted, before any file does. Where it fails, the token is put into no file, so that
        the next run does not keep it.
    type: list
    elements: str
  command_timeout:
    description: The command is killed after so many seconds.
    type: float
    default: 60.0
  renew_before:
    description:
      - Mint only when the standing token ends within so many seconds, or the broker refuses it. A token that does not tell its
        end is kept while it is accepted.
      - A file that is named and does not hold the kept token gets it.
      - If it is not given, each run mints.
    type: int
  current_token:
    description:
      - The token that stands. If it is not given, it is the one in O(file), or else the one in O(vault_file).
    type: str
  auth_scheme:
    description: The word before the token when the standing one is tried; see M(homelab.identity_broker.scim_user).
    type: str
    default: auto
    choices: [auto, hzn, bearer]
  provider_id:
    description: The broker's id of the identity provider; needed only where the broker has several.
    type: str
  directory:
    description: The directory that the token pushes users into; see M(homelab.identity_broker.sync_token).
    type: str
  token_ttl:
    description: For how many minutes a minted token lives; see M(homelab.identity_broker.sync_token).
    type: int
notes:
  - At least one of O(file), O(vault_file) and O(command) is needed.
  - Use C(throttle=1) for several hosts that could be the same vCenter, or each would revoke what another hands over.
seealso:
  - module: homelab.identity_broker.sync_token
"""

EXAMPLES = r"""
- name: Mint a token into a file
  homelab.identity_broker.rotate_token:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    file: sync_token

- name: Hand it to a program that keeps it elsewhere, a week before it ends
  homelab.identity_broker.rotate_token:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    current_token: "{{ vault_sync_token }}"
    renew_before: 604800
    command: [sh, -c, "umask 077 && cat > pushed_token"]
  register: rotated

- name: Tell when it ends
  ansible.builtin.debug:
    msg: "{{ rotated.summary }}"
"""

RETURN = r"""
minted:
  description: Whether a token was minted, which revoked the one before.
  returned: success, and failure after the minting
  type: bool
  sample: true
delivered:
  description: Who got the token, or would get it in check mode.
  returned: success, and failure after the minting
  type: list
  elements: str
  sample: ["the command push-token", "the file /home/muffin/sync_token"]
expires_at:
  description:
    - When the token ends (ISO 8601, UTC); null where it does not tell.
    - Where check mode would mint, that of the standing token, as far as one is known.
  returned: success, and failure after the minting
  type: str
  sample: "2026-08-04T15:05:23Z"
expires_in:
  description:
    - In how many seconds the token ends; null where it does not tell, V(0) where it has ended or the broker refuses it.
    - Where check mode would mint, that of the standing token, as far as one is known.
  returned: success, and failure after the minting
  type: int
  sample: 15552000
scim_url:
  description: Where the token is used.
  returned: success, and failure after the minting
  type: str
  sample: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
provider_id:
  description: The provider that the token is for; null where it is for a directory.
  returned: success, and failure after the minting
  type: str
  sample: 3750355e-b646-44ed-9ce8-9d8fb66564a7
directory_id:
  description: The directory that the token is for; null where it is for a provider.
  returned: success, and failure after the minting
  type: str
  sample: null
summary:
  description: The same for people, a line each.
  returned: success
  type: list
  elements: str
  sample:
    - A new sync token was minted for vcsa.example.org. It ends at 2026-08-04T15:05:23Z, in 180 days.
    - It was handed to the file /home/muffin/sync_token.
    - "The token before is revoked by it: whoever pushes users with that one must get the new one."
"""
