# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""50 vCenters in one play, against what Ansible itself takes for 50 hosts.

Whole runs are compared, the simulators' part in them included. The tasks are counted: those of the playbook that each host
really ran, skipped ones apart, and the trivial play has as many. Of them one is a module, the others are actions of the control
node, which are cheaper than a trivial module; so the play with a single one is shown as well, without a limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from simulator import Appliance

from .plays import DOMAIN, Bench
from .report import Figure

VCENTERS, FORKS, REPEATS = 50, 10, 3
TITLE = f"{VCENTERS} vCenters in one play with {FORKS} forks, against {VCENTERS} hosts with trivial modules"
GROUP = "vcenters"
PROVISION = "- import_playbook: homelab.identity_broker.provision\n"
EXTRA: dict[str, object] = {
    "identity_broker_hosts": GROUP,
    "federated_users_domain": DOMAIN,
    "federated_users_users": [{"username": "muffin", "external_id": "id-of-muffin", "given_name": "Muffin"}],
}


def measure(folder: str) -> Iterator[Figure]:
    with TemporaryDirectory(dir=folder) as own, ExitStack() as running:
        home = Path(own).absolute()
        appliances = [running.enter_context(Appliance(home / f"vcsa{number}", ssh=None)) for number in range(VCENTERS)]
        yield from _measured(Bench(appliances[0], home, own, _inventory(appliances)), appliances)


def _measured(run: Bench, appliances: list[Appliance]) -> Iterator[Figure]:
    created, right, same, tasks = [], [], [], 0
    for _time in range(REPEATS):
        for appliance in appliances:
            appliance.reset()
        first = run.play(PROVISION, EXTRA, forks=FORKS)
        tasks = len(first.tasks)
        created.append(first.seconds)
        same.append(run.play(_trivial(tasks), forks=FORKS).seconds)
        right.append(run.play(PROVISION, EXTRA, forks=FORKS).seconds)
        if any(len(appliance.broker.users) != 1 or len(appliance.writes()) != 1 for appliance in appliances):
            raise RuntimeError("not every vCenter has muffin, from one write")
    trivial = median(same)
    of = f"({trivial:.1f} s for {tasks} trivial modules a host)"
    yield Figure("one user created on each", median(created) / trivial, 1.3, of=of)
    yield Figure("one user who is already right on each", median(right) / trivial, 1.3, of=of)
    one = run.play(_trivial(1), forks=FORKS).seconds
    alone = f"({one:.1f} s for 1: of the playbook's {tasks} tasks a host, 1 is a module)"
    yield Figure("one user who is already right, against a single module", median(right) / one, None, of=alone)


def _trivial(tasks: int) -> str:
    return json.dumps([{"hosts": GROUP, "gather_facts": False, "tasks": [{"ansible.builtin.ping": None}] * tasks}])


def _inventory(appliances: list[Appliance]) -> dict[str, Any]:
    hosts = {
        f"vcsa{number}": {
            "federated_users_hostname": appliance.fqdn,
            "federated_users_port": appliance.https_port,
            "federated_users_username": appliance.username,
            "federated_users_password": appliance.password,
            "federated_users_ca_path": str(appliance.ca_file),
        }
        for number, appliance in enumerate(appliances)
    }
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    return {GROUP: {"hosts": hosts, "vars": local}}
