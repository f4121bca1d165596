# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How users are spelt and what may be done to them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  domain:
    description:
      - The domain that was configured in vCenter's wizard. User name and domain together are the identity.
      - The default is the part of O(username) behind the C(@), else the provider's only domain.
    type: str
  recreate:
    description:
      - Whether a user whose ExternalId is another is deleted and created anew with the one given.
      - The broker ignores a change of the ExternalId, so there is no other way.
      - The entry and its group memberships go to O(journal_path) before the deletion, and are restored after it.
    type: bool
  rename:
    description:
      - Whether an entry of the same domain that has the ExternalId under another user name is renamed.
      - Without it, that is an error which names both users.
    type: bool
  username_format:
    description:
      - How a new user's name is sent. Entries that stand keep the form they have.
      - V(qualified) sends C(name@domain), V(bare) sends C(name).
      - The default is V(qualified).
    type: str
    choices: [qualified, bare]
  wire_form:
    description:
      - Which extensions carry the domain of a new user.
      - V(ws1b) sends C(urn:ietf:params:scim:schemas:extension:ws1b:2.0:User), V(seed) sends
        C(urn:scim:schemas:extension:workspace:mfa:1.0), V(both) sends both.
      - The default is V(both).
    type: str
    choices: [both, seed, ws1b]
"""
