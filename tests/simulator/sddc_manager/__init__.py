# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for SDDC Manager of VMware Cloud Foundation, as far as its identity providers go."""

from __future__ import annotations

from .server import SddcManager
from .switches import SddcSwitches

__all__ = ["SddcManager", "SddcSwitches"]
