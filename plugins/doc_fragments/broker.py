# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the broker's own API is spoken to."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  media_type:
    description:
      - The media type of requests. V(vendor) are those of the broker in vCenter, C(application/vnd.vmware...+json); V(json) is
        C(application/json), which Omnissa documents since July 2025.
      - V(auto) begins with the one that the O(platform) documents, takes the other when the first is refused with HTTP 406 or 415,
        and stays with what worked.
    type: str
    default: auto
    choices: [auto, vendor, json]
notes:
  - The broker's own API is documented by VMware and Omnissa. That the tenant admin token of vCenter serves for it is likely, and
    not proven on a live appliance.
"""
