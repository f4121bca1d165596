# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The broker's own API, one implementation for the appliance and for Workspace ONE."""

from __future__ import annotations

from .api import identity_services_api
from .model import IdentityServices

__all__ = ["IdentityServices", "identity_services_api"]
