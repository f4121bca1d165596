# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from system.conftest import appliance, running_appliance, running_sddc, sddc

__all__ = ["appliance", "running_appliance", "running_sddc", "sddc"]
