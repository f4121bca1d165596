# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from simulator import Appliance
from system.playbook import Modules, Playbooks


@pytest.fixture(scope="session")
def running_appliance() -> Iterator[Appliance]:
    with Appliance() as appliance:
        yield appliance


@pytest.fixture
def appliance(running_appliance: Appliance) -> Appliance:
    """As after its start: no users, no log, no record of requests."""
    running_appliance.reset()
    return running_appliance


@pytest.fixture
def playbooks(tmp_path: Path, appliance: Appliance) -> Iterator[Playbooks]:
    runner = Playbooks(tmp_path, appliance)
    yield runner
    runner.close()


@pytest.fixture
def modules(tmp_path: Path, appliance: Appliance) -> Modules:
    return Modules(tmp_path, appliance)
