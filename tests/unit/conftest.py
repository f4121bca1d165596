# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many examples a property is tried with, and where hypothesis keeps its things."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, configuration, settings

configuration.set_hypothesis_home_dir(Path(__file__).parents[2] / ".cache" / "hypothesis")

# Other work keeps the machine busy: neither a slow example nor a slow strategy is a fault of the code.
settings.register_profile(
    "unit",
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("unit")
