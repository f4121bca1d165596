# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from simulator import Appliance, SddcManager


@pytest.fixture(scope="session")
def running_appliance() -> Iterator[Appliance]:
    with Appliance(ssh=None) as appliance:
        yield appliance


@pytest.fixture
def appliance(running_appliance: Appliance) -> Appliance:
    running_appliance.reset()
    return running_appliance


@pytest.fixture(scope="session")
def running_sddc() -> Iterator[SddcManager]:
    with SddcManager() as sddc:
        yield sddc


@pytest.fixture
def sddc(running_sddc: SddcManager) -> SddcManager:
    running_sddc.reset()
    return running_sddc
