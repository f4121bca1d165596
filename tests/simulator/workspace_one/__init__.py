# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a tenant of VMware (Omnissa) Identity Services."""

from __future__ import annotations

from .server import WorkspaceOne

__all__ = ["WorkspaceOne"]
