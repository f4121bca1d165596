# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that mint for one vCenter at the same time do not take each other's token away."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._minting_lock import MintingLock
from simulator import DEFAULT_DOMAIN, Appliance
from system.module_process import Started
from system.playbook import Json, Modules


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, modules: Modules, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the runs of this test and the test itself lock each other out."""
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setitem(modules.environment, "XDG_RUNTIME_DIR", str(folder))
    return folder


def users(name: str, number: int = 40) -> list[Json]:
    return [{"username": f"{name}{n:02}", "external_id": f"id-of-{name}{n:02}"} for n in range(number)]


def side_by_side(started: list[Started]) -> list[Json]:
    with ThreadPoolExecutor(len(started)) as pool:
        return list(pool.map(lambda run: run.finish(), started))


def test_two_runs_for_one_vcenter(modules: Modules, appliance: Appliance) -> None:
    """Each needs a token of its own; the second mints after the last write of the first, so neither is refused."""
    appliance.switches.latency_ms = 5
    started = [
        modules.start("scim_users", users=users(name), domain=DEFAULT_DOMAIN, concurrency=1) for name in ("ann", "bob")
    ]
    results = side_by_side(started)
    for result in results:
        assert not result.get("failed"), result["msg"]
        assert result["minted"] is True
    assert len(appliance.broker.users) == 80
    assert len(appliance.mintings()) == 2, "no run had to mint again since the other one had revoked its token"
    assert sum("another run" in warning for result in results for warning in result["warnings"]) == 1


def test_two_runs_with_one_token_file(modules: Modules, appliance: Appliance, tmp_path: Path) -> None:
    """The second run uses what the first one has kept, under whatever spelling."""
    appliance.switches.latency_ms = 5
    (tmp_path / "link").symlink_to(tmp_path / "token")
    started = [
        modules.start(
            "scim_users",
            users=users(name),
            domain=DEFAULT_DOMAIN,
            concurrency=1,
            token_file=str(tmp_path / file),
        )
        for name, file in (("ann", "token"), ("bob", "link"))
    ]
    results = side_by_side(started)
    for result in results:
        assert not result.get("failed"), result["msg"]
    assert sorted(result["minted"] for result in results) == [False, True]
    assert len(appliance.mintings()) == 1
    assert len(appliance.broker.users) == 80


@pytest.mark.parametrize(
    ("module", "options"),
    [("scim_user", {"username": "muffin", "external_id": "AbC", "domain": DEFAULT_DOMAIN}), ("sync_token", {})],
)
def test_a_run_waits_until_the_other_one_ends(
    modules: Modules, appliance: Appliance, runtime: Path, module: str, options: Json
) -> None:
    other = MintingLock(time.sleep)
    other.acquire(appliance.scim_url)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(modules.start(module, **options).finish)
        wait_until_opened(runtime)
        assert appliance.mintings() == []
        other.release()
        result = waiting.result()
    assert not result.get("failed"), result["msg"]
    assert len(appliance.mintings()) == 1
    assert any("another run" in warning for warning in result["warnings"])


def wait_until_opened(runtime: Path) -> None:
    """Wait until a process besides this one has the lock open, and give it time to be refused."""
    (file,) = (runtime / "homelab.identity_broker").iterdir()
    deadline = time.monotonic() + 20
    while opened(file) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)


def opened(file: Path) -> int:
    found = 0
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            found += descriptor.readlink() == file
    return found
