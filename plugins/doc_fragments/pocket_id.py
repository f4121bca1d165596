# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How to reach Pocket ID."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description:
      - Where Pocket ID is, such as C(https://id.example.org). The API key goes to C(https) only.
      - If not set, the environment variable E(POCKET_ID_URL) is used.
    type: str
  api_key:
    description:
      - An API key of an administrator of Pocket ID, from Settings, Admin, API Keys, or what its C(STATIC_API_KEY) holds.
      - If not set, the environment variable E(POCKET_ID_API_KEY) is used.
    type: str
  validate_certs:
    description:
      - Whether to verify Pocket ID's certificate.
      - If not set, the environment variable E(POCKET_ID_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - A PEM file or a folder of hashed certificates of the certificate authorities to trust, in place of the system's store
        and certifi.
      - If not set, the environment variable E(POCKET_ID_CA_PATH) is used.
    type: path
  timeout:
    description:
      - How long to wait for the connection, and for each answer, in seconds.
      - A server that answers 429 and says in C(Retry-After) how long to wait is waited for in addition, up to five minutes for
        each request. A longer wait is an error.
    type: float
    default: 30.0
requirements:
  - requests (on the host that runs the module, usually the control node)
  - Pocket ID 0.39 or later
"""
