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
      - An entry whose domain the broker does not show counts as one of this domain if its user name ends in C(@) and the domain.
        Every other entry without a domain is changed only if user name and C(external_id) both match, and is never purged. If
        only one of the two matches, that user fails.
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
      - How the domain of a new user is sent. Existing entries are not affected.
      - V(ws1b) sends and declares the extension C(urn:ietf:params:scim:schemas:extension:ws1b:2.0:User), as in Broadcom's
        mapping for Entra ID. It was run on vCenter 8.0 U3.
      - V(mfa) sends the extension C(urn:scim:schemas:extension:workspace:mfa:1.0) without declaring it in C(schemas), as in the
        article "Integrating Pocket ID with vCenter Server". Strict SCIM servers refuse this form.
      - If the broker stores a new user in another domain than the one that was sent, try the other form.
      - The default is V(ws1b).
      - Before 0.9.1 the choices were V(both), V(seed) and V(ws1b).
    type: str
    choices: [ws1b, mfa]
"""
