# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module in a process of its own, forked from one that has imported what modules import.

These imports are nearly all that a module's start takes, and the tests start thousands.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import runpy
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

Json = dict[str, Any]

_UTILS = "ansible_collections.homelab.identity_broker.plugins.module_utils"
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [__name__, f"{_UTILS}._broker_session", f"{_UTILS}._pocket_id_session", f"{_UTILS}._sddc_session"]
)
_SECONDS = 60


class Process(Protocol):
    """What can be asked of either process."""

    @property
    def pid(self) -> int | None: ...

    def kill(self) -> None: ...


class Started(ABC):
    """A module that was started, and can be killed."""

    process: Process

    @abstractmethod
    def wait(self) -> tuple[int, str, str]:
        """Hand the arguments over, which it waits for; its exit status and what it wrote."""

    def finish(self) -> Json:
        """Its result."""
        code, stdout, stderr = self.wait()
        assert stderr == ""
        result: Json = json.loads(stdout)
        assert code == (1 if result.get("failed") else 0)
        assert "Traceback" not in stdout
        result["warnings"] = [
            warning if isinstance(warning, str) else warning["event"]["msg"] for warning in result.get("warnings", [])
        ]
        return result


class Forked(Started):
    def __init__(self, script: Path, environment: Mapping[str, str], arguments: str, folder: Path) -> None:
        self._arguments = arguments
        receiver, self._sender = _FORKS.Pipe(duplex=False)
        self._outputs = Path(mkdtemp(dir=folder))
        self._forked = _FORKS.Process(target=_run, args=(str(script), dict(environment), receiver, self._outputs))
        _start(self._forked, environment["PYTHONPATH"])
        self.process = self._forked
        receiver.close()

    def wait(self) -> tuple[int, str, str]:
        try:
            self._sender.send_bytes(self._arguments.encode())
            self._forked.join(_SECONDS)
        finally:
            self._sender.close()
            self._forked.kill()
        self._forked.join()
        assert self._forked.exitcode is not None
        stdout, stderr = ((self._outputs / name).read_text() for name in ("stdout", "stderr"))
        return self._forked.exitcode, stdout, stderr


class Spawned(Started):
    """By an interpreter of its own, for what must be seen before anything is imported."""

    def __init__(self, script: Path, environment: Mapping[str, str], arguments: str) -> None:
        self._arguments = arguments
        pipe = subprocess.PIPE
        self._spawned = subprocess.Popen(
            [sys.executable, str(script)], env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe
        )
        self.process = self._spawned

    def wait(self) -> tuple[int, str, str]:
        try:
            stdout, stderr = self._spawned.communicate(self._arguments, timeout=_SECONDS)
        finally:
            self._spawned.kill()
        return self._spawned.returncode, stdout, stderr


def _start(process: multiprocessing.process.BaseProcess, python_path: str) -> None:
    """The server, which the first one starts, looks for what it imports where its environment says."""
    former = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{python_path}{os.pathsep}{Path(__file__).parents[1]}"
    try:
        process.start()
    finally:
        if former is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = former


def _run(script: str, environment: dict[str, str], receiver: Connection, outputs: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        with (outputs / name).open("wb") as output:
            os.dup2(output.fileno(), descriptor)
    sys.argv = [script]
    sys.stdin = io.TextIOWrapper(io.BytesIO(receiver.recv_bytes()))
    runpy.run_path(script, run_name="__main__")
