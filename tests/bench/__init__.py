# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed and memory, as ratios measured side by side in one run: `make bench`."""

from __future__ import annotations
