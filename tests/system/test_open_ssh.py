# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH that is open only while the log is read: what stood is put back, however the reading ends."""

from __future__ import annotations

from simulator import PEOPLE, Appliance
from system.playbook import Json, Playbooks

MUFFIN = PEOPLE["muffin"]


def opening(appliance: Appliance, **more: object) -> Json:
    """The option that opens SSH."""
    connection = {
        "hostname": "localhost",
        "port": appliance.https_port,
        "username": appliance.username,
        "password": appliance.password,
        "ca_path": str(appliance.ca_file),
    }
    return {"open_ssh": {**connection, **more}}


def test_role(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.switches.ssh_enabled = False
    appliance.login("muffin")
    run = playbooks.role([{"username": "muffin"}], open_ssh=True).went_well()
    print(run.output, run.of("externalid_fact")[0].result)
    assert not appliance.access.ssh
    assert appliance.login("muffin").allowed
