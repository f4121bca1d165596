# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""With which token the broker's users are read."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  token:
    description:
      - A sync token to use, as vCenter's wizard or M(homelab.identity_broker.sync_token) gives it.
      - Together with O(scim_url), vCenter's own API is never contacted, and no option for it is needed.
      - Without it, O(token_file) is used. Without that, users are read with the tenant's admin token, in Workspace ONE with the
        access token of C(api_client_id), which stays in the process's memory.
    type: str
  scim_url:
    description:
      - Where SCIM is, such as C(https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2).
      - If not set, host and port are those that the task names, and the path is the one that the broker or O(token_file) names. If
        they name another host, the task fails.
    type: str
  token_file:
    description:
      - A file on the host that runs the module, in which a minted sync token is kept and re-used until it ends.
      - It is made with mode C(0600), and refused when others can read it, or when it holds the token of another host.
      - It never decides to which host its token is sent, so O(hostname) or O(scim_url) is needed, too.
    type: path
  auth_scheme:
    description:
      - The word before the token in the C(Authorization) header.
      - V(auto) tries each token with C(HZN) and with C(Bearer) before it counts as refused, for reading and for writing, and then
        uses the one that was accepted. With C(platform=workspace_one) it is C(Bearer).
    type: str
    default: auto
    choices: [auto, hzn, bearer]
  provider_id:
    description:
      - The broker's id of the identity provider; needed only where the broker has several.
      - In Workspace ONE, it is the id of the directory.
    type: str
"""
