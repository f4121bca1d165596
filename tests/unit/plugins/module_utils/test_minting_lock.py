# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that mint on one host take turns, and a process that dies lets the next one through."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError, InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._minting_lock import MintingLock, runtime_folder

KEY = "https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2"


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def environment(runtime: Path) -> dict[str, str]:
    return {"XDG_RUNTIME_DIR": str(runtime)}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def lock(environment: dict[str, str], max_wait: float = 0.0) -> MintingLock:
    return MintingLock(lambda _seconds: None, environment=environment, max_wait=max_wait)


HOLDER = """
import sys, time
from ansible_collections.homelab.identity_broker.plugins.module_utils._minting_lock import MintingLock
held = MintingLock(time.sleep, environment={"XDG_RUNTIME_DIR": sys.argv[1]})
held.acquire(sys.argv[2])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(runtime: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of KEY."""
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or os.pathsep.join(sys.path)
    command = [sys.executable, "-c", HOLDER, str(runtime), KEY]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, collections])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_host_is_not_waited_for(environment: dict[str, str], holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    mine = lock(environment)
    assert not mine.acquire("https://other.example.org/scim", "https://third.example.org/scim")
    assert mine.take_waits() == []


def test_the_wait_has_an_end_and_names_the_other_run(
    environment: dict[str, str], holder: subprocess.Popen[str], runtime: Path
) -> None:
    with pytest.raises(IdentityBrokerError) as caught:
        lock(environment).acquire(KEY)
    for part in (KEY, f"process {holder.pid}", str(runtime), "Nothing was minted"):
        assert part in str(caught.value)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_dies_releases_the_lock(
    environment: dict[str, str], holder: subprocess.Popen[str], end: signal.Signals
) -> None:
    """The wait ends as soon as the other process does, and is told."""
    calls: list[float] = []

    def pause(seconds: float) -> None:
        calls.append(seconds)
        if len(calls) == 3:
            holder.send_signal(end)
            holder.wait()

    mine = MintingLock(pause, environment=environment, max_wait=30)
    assert mine.acquire(KEY)
    assert len(calls) == 3
    assert [KEY in told for told in mine.take_waits()] == [True]
    with pytest.raises(IdentityBrokerError, match=f"process {os.getpid()}"):
        lock(environment).acquire(KEY)
    mine.release()
    assert not lock(environment).acquire(KEY)


def test_a_lock_is_taken_once_by_all_threads_of_a_run(environment: dict[str, str]) -> None:
    mine = lock(environment)
    assert not mine.acquire(KEY)
    thread = threading.Thread(target=mine.acquire, args=(KEY, "second"))
    thread.start()
    thread.join()
    with pytest.raises(IdentityBrokerError):
        lock(environment).acquire("second")


def test_locks_are_in_the_runtime_folder_of_the_user(environment: dict[str, str], runtime: Path) -> None:
    lock(environment).acquire(KEY)
    (folder,) = runtime.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600]


@pytest.mark.parametrize("found", ["none", "missing", "relative", "open to others", "a file", "a link"])
def test_a_private_folder_in_the_temporary_folder_takes_its_place(found: str, runtime: Path, temporary: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(runtime)}
    if found == "none":
        environment = {}
    elif found == "missing":
        environment = {"XDG_RUNTIME_DIR": str(runtime / "missing")}
    elif found == "relative":
        environment = {"XDG_RUNTIME_DIR": "."}
    elif found == "open to others":
        runtime.chmod(0o770)
    elif found == "a file":
        runtime.rmdir()
        runtime.touch(mode=0o600)
    else:
        runtime.rename(runtime.with_name("real"))
        runtime.symlink_to(runtime.with_name("real"))
    folder = runtime_folder(environment)
    assert folder == temporary / f"homelab.identity_broker-{os.geteuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert runtime_folder(environment) == folder


@pytest.mark.parametrize("planted", ["open to others", "a link", "a file"])
def test_a_folder_that_somebody_else_prepared_is_refused(planted: str, temporary: Path) -> None:
    folder = temporary / f"homelab.identity_broker-{os.geteuid()}"
    if planted == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    elif planted == "a link":
        (temporary / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(temporary / "elsewhere")
    else:
        folder.touch(mode=0o600)
    with pytest.raises(InputError, match="XDG_RUNTIME_DIR") as caught:
        lock({}).acquire(KEY)
    assert str(folder) in str(caught.value)


def test_a_link_in_place_of_a_lock_is_not_followed(environment: dict[str, str], runtime: Path, tmp_path: Path) -> None:
    lock(environment).acquire(KEY)
    (file,) = (runtime / "homelab.identity_broker").iterdir()
    file.unlink()
    file.symlink_to(tmp_path / "victim")
    with pytest.raises(InputError):
        lock(environment).acquire(KEY)
    assert not (tmp_path / "victim").exists()
