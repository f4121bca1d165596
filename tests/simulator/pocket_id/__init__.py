# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Pocket ID, the OpenID Connect provider, as far as its administration goes."""

from __future__ import annotations

from .server import PocketId
from .switches import PocketIdSwitches

__all__ = ["PocketId", "PocketIdSwitches"]
