# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How to reach SDDC Manager."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  hostname:
    description:
      - SDDC Manager's fully qualified domain name.
      - If not set, the environment variable E(SDDC_MANAGER_HOST) is used.
    type: str
  port:
    description:
      - SDDC Manager's HTTPS port.
      - If not set, the environment variable E(SDDC_MANAGER_PORT) is used.
    type: int
    default: 443
  username:
    description:
      - Who logs in to SDDC Manager, such as V(administrator@vsphere.local). The role C(ADMIN) is needed.
      - If not set, the environment variable E(SDDC_MANAGER_USER) is used.
    type: str
  password:
    description:
      - The password. It is tried once.
      - If not set, the environment variable E(SDDC_MANAGER_PASSWORD) is used.
    type: str
  api_key:
    description:
      - The API key of a service account, in place of O(username) and O(password).
      - If not set, the environment variable E(SDDC_MANAGER_API_KEY) is used.
    type: str
  id_token:
    description:
      - An ID token of the identity provider, in place of O(username) and O(password).
      - If not set, the environment variable E(SDDC_MANAGER_ID_TOKEN) is used.
    type: str
  validate_certs:
    description:
      - Whether to verify SDDC Manager's certificate.
      - If not set, the environment variable E(SDDC_MANAGER_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - A PEM file or a folder of hashed certificates of the certificate authorities to trust, in place of the system's store
        and certifi.
      - If not set, the environment variable E(SDDC_MANAGER_CA_PATH) is used.
    type: path
  timeout:
    description:
      - How long to wait for the connection, and for each answer, in seconds.
      - A server that answers 429 and says in C(Retry-After) how long to wait is waited for in addition, up to five minutes for
        each request. A longer wait is an error.
    type: float
    default: 60.0
requirements:
  - requests (on the host that runs the module, usually the control node)
"""
