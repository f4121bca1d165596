# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How to reach vCenter."""

from __future__ import annotations

_LOGIN = """\
  username:
    description:
      - Who logs in to vCenter's API, such as V(administrator@vsphere.local).
      - The privilege C(VcIdentityProviders.Manage) is needed.
      - If not set, the environment variable E(VMWARE_USER) is used.
    type: str
  password:
    description:
      - The password. It is tried once.
      - If not set, the environment variable E(VMWARE_PASSWORD) is used.
    type: str
"""

_PREFIXED_LOGIN = """\
  vcenter_username:
    description:
      - Who logs in to vCenter's API, such as V(administrator@vsphere.local). It is spelt
        so here because O(username) is the user in the broker.
      - The privilege C(VcIdentityProviders.Manage) is needed.
      - If not set, the environment variable E(VMWARE_USER) is used.
    type: str
  vcenter_password:
    description:
      - The password. It is tried once.
      - If not set, the environment variable E(VMWARE_PASSWORD) is used.
    type: str
    aliases: [password]
"""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  username:
    description:
      - Who logs in to vCenter's API, such as V(administrator@vsphere.local).
      - The privilege C(VcIdentityProviders.Manage) is needed.
      - If not set, the environment variable E(VMWARE_USER) is used.
    type: str
  password:
    description:
      - The password. It is tried once.
      - If not set, the environment variable E(VMWARE_PASSWORD) is used.
    type: str
  hostname:
    description:
      - The vCenter Server Appliance's fully qualified domain name (its primary network identifier).
      - The broker answers HTTP 444 to addresses, aliases and V(localhost).
      - If not set, the environment variable E(VMWARE_HOST) is used.
    type: str
  port:
    description:
      - The appliance's HTTPS port.
      - If not set, the environment variable E(VMWARE_PORT) is used.
    type: int
    default: 443
  validate_certs:
    description:
      - Whether to verify the appliance's certificate.
      - If not set, the environment variable E(VMWARE_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - A PEM file or a folder of hashed certificates of the certificate authorities to trust, in place of the system's store
        and certifi.
      - The appliance's own is in C(https://HOSTNAME/certs/download.zip), folder C(certs/lin).
      - If not set, the environment variable E(VMWARE_CA_PATH) is used.
    type: path
  timeout:
    description:
      - How long to wait for the connection, and for each answer, in seconds.
      - A server that answers 429 and says in C(Retry-After) how long to wait is waited for in addition, up to five minutes for
        each request. A longer wait is an error.
    type: float
    default: 30.0
  tenant:
    description:
      - The broker's tenant.
    type: str
    default: customer
requirements:
  - requests (on the host that runs the module, usually the control node)
"""


# For modules whose own option is called username.
ModuleDocFragment.PREFIXED = ModuleDocFragment.DOCUMENTATION.replace(_LOGIN, _PREFIXED_LOGIN)
