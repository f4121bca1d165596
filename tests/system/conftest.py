# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulator import Appliance, PocketId, SddcManager, WorkspaceOne
from simulator.pocket_id.client import Caller
from system.homes import Home
from system.playbook import Modules, Playbooks, warm_interpreter

# Whatever a shell has started in the background may have been told to ignore Ctrl-C, and everything below it would.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def running_appliance() -> Iterator[Appliance]:
    with Appliance() as appliance:
        yield appliance


@pytest.fixture
def appliance(running_appliance: Appliance) -> Appliance:
    """As after its start: no users, no log, no record of requests."""
    running_appliance.reset()
    return running_appliance


@pytest.fixture(scope="session")
def running_pocket_id() -> Iterator[PocketId]:
    with PocketId() as pocket_id:
        yield pocket_id


@pytest.fixture
def pocket_id(running_pocket_id: PocketId) -> PocketId:
    """As after its start: nobody but the administrator that it makes up."""
    running_pocket_id.reset()
    return running_pocket_id


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For playbooks and their modules, where nothing of processes matters."""
    yield from warm_interpreter(tmp_path_factory.mktemp("interpreter"))


@pytest.fixture
def playbooks(tmp_path: Path, appliance: Appliance, interpreter: Path) -> Iterator[Playbooks]:
    runner = Playbooks(tmp_path, appliance, interpreter)
    yield runner
    runner.close()


@pytest.fixture
def modules(tmp_path: Path, appliance: Appliance) -> Modules:
    return Modules(tmp_path, appliance)


@pytest.fixture
def providing(modules: Modules, pocket_id: PocketId) -> Modules:
    """Modules of the broker and of Pocket ID."""
    modules.pocket_id = pocket_id
    return modules


@pytest.fixture(scope="session")
def running_sddc() -> Iterator[SddcManager]:
    with SddcManager() as sddc:
        yield sddc


@pytest.fixture
def sddc(running_sddc: SddcManager) -> SddcManager:
    """As after its start: the embedded identity provider alone."""
    running_sddc.reset()
    return running_sddc


@pytest.fixture
def managing(modules: Modules, sddc: SddcManager) -> Modules:
    """Modules of the broker and of SDDC Manager."""
    modules.sddc = sddc
    return modules


@pytest.fixture(scope="session")
def running_workspace_one() -> Iterator[WorkspaceOne]:
    with WorkspaceOne() as workspace_one:
        yield workspace_one


@pytest.fixture
def workspace_one(running_workspace_one: WorkspaceOne) -> WorkspaceOne:
    """As after its start: the client that its console made, and nothing else."""
    running_workspace_one.reset()
    return running_workspace_one


@pytest.fixture
def in_cloud(tmp_path: Path, appliance: Appliance, workspace_one: WorkspaceOne) -> Modules:
    """Modules of the broker in Workspace ONE."""
    modules = Modules(tmp_path, appliance)
    modules.workspace_one = workspace_one
    return modules


@pytest.fixture
def in_cloud_home(in_cloud: Modules, workspace_one: WorkspaceOne) -> Home:
    return Home(in_cloud, workspace_one)


@pytest.fixture(params=["vcenter", "workspace_one"])
def home(request: pytest.FixtureRequest, tmp_path: Path, appliance: Appliance, workspace_one: WorkspaceOne) -> Home:
    """Either home of the broker."""
    modules = Modules(tmp_path, appliance)
    if request.param == "vcenter":
        return Home(modules, appliance)
    modules.workspace_one = workspace_one
    return Home(modules, workspace_one)


@pytest.fixture
def call(pocket_id: PocketId) -> Iterator[Caller]:
    caller = Caller(pocket_id)
    yield caller
    caller.session.close()
