# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which home of the broker is meant, and how to reach the one in the cloud."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  platform:
    description:
      - Where the broker is. With V(vcenter) it is the one inside a vCenter Server Appliance, which O(hostname) and the login name.
      - With V(workspace_one) it is a tenant of VMware (Omnissa) Identity Services, which O(base_url), O(api_client_id) and
        O(api_client_secret) name. The options O(hostname), O(port), O(tenant) and the login have no meaning there.
    type: str
    default: vcenter
    choices: [vcenter, workspace_one]
    version_added: 0.9.0
  base_url:
    description:
      - The tenant's address, such as C(https://acme.workspaceoneaccess.com). Credentials go to C(https) only.
      - Only for O(platform=workspace_one). If not set, the environment variable E(WORKSPACE_ONE_URL) is used.
    type: str
    version_added: 0.9.0
  api_client_id:
    description:
      - The OAuth 2.0 client that the task itself uses, by its client id. Its rule set must allow what the task does.
      - Only for O(platform=workspace_one). If not set, the environment variable E(WORKSPACE_ONE_CLIENT_ID) is used.
    type: str
    version_added: 0.9.0
  api_client_secret:
    description:
      - The secret of O(api_client_id). The access token that it gives stays in the process's memory.
      - Only for O(platform=workspace_one). If not set, the environment variable E(WORKSPACE_ONE_CLIENT_SECRET) is used.
    type: str
    version_added: 0.9.0
"""
