# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""scim-sanity probes the simulated broker: it finds what is known, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from simulator import Appliance

NO_DISCOVERY = "the broker publishes neither schemas nor resource types"
OWN_ERRORS = "the broker's refusals are {'errors': [...]}, no SCIM error"
KNOWN = {
    "GET /Schemas": NO_DISCOVERY,
    "GET /ResourceTypes": NO_DISCOVERY,
    "PATCH /Groups/{id} add member": "the probe adds an id that no user has, which the broker refuses",
    "GET /Users/nonexistent (expect 404)": OWN_ERRORS,
    "POST /Users invalid body (expect 400)": OWN_ERRORS,
    "POST /Users missing userName (expect 400)": OWN_ERRORS,
}


def test_the_probe_finds_what_is_known(appliance: Appliance, tmp_path: Path) -> None:
    appliance.switches.service_provider_config = "offered"
    command = ("probe", appliance.scim_url, "--token", appliance.mint(), "--ca-bundle", str(appliance.ca_file))
    done = subprocess.run(
        [Path(sys.executable).parent / "scim-sanity", *command, "--i-accept-side-effects", "--json-output"],
        env={"HOME": str(tmp_path), "PATH": str(Path(sys.executable).parent), "NO_PROXY": "localhost"},
        capture_output=True,
        text=True,
        check=False,
    )
    results = json.loads(done.stdout)["results"]
    failed = {each["name"] for each in results if each["status"] not in ("pass", "skip")}
    assert failed == set(KNOWN)
    assert sum(each["status"] == "pass" for each in results) > 20
    assert appliance.broker.users == []
