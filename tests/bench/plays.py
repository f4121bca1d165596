# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs real playbooks against a simulated appliance and measures them."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simulator import Appliance
from simulator.guide import inventory, variables

ROOT = Path(__file__).parents[2]
DOMAIN = "lab.example.org"


@dataclass(frozen=True)
class Run:
    """Seconds of the whole run, and of each task by its name; memory of the largest process in MiB."""

    seconds: float
    tasks: dict[str, float]
    peak_mib: float


class Bench:
    """Plays on an appliance, or on what an inventory of its own says all about."""

    def __init__(self, appliance: Appliance, folder: Path, control: str, own: dict[str, Any] | None = None) -> None:
        self.appliance = appliance
        self._folder = folder
        about = appliance.description()
        (folder / "inventory.yml").write_text(json.dumps(own or inventory(about)))
        (folder / "variables.yml").write_text(json.dumps({} if own else variables(about, DOMAIN)))
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "durations",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": control,
            "ANSIBLE_NOCOLOR": "1",
        }

    def play(self, text: str, extra: dict[str, object] | None = None, *, forks: int = 5) -> Run:
        """Run a playbook; raises RuntimeError with its output where it fails."""
        book, durations = self._folder / "play.yml", self._folder / "durations.json"
        book.write_text(text)
        durations.unlink(missing_ok=True)
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self._folder / "inventory.yml")]
        command += [
            str(book),
            "-e",
            f"@{self._folder / 'variables.yml'}",
            "-e",
            json.dumps(extra or {}),
            "--forks",
            str(forks),
        ]
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**self._environment, "DURATIONS_FILE": str(durations)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        output = process.stdout.read() if process.stdout else ""
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(output)
        return Run(seconds, json.loads(durations.read_text()), _peak(usage))


@contextmanager
def bench(folder: str) -> Iterator[Bench]:
    # The control socket's path must be short.
    with TemporaryDirectory(dir=folder) as own, TemporaryDirectory(prefix="ssh.") as control:
        debian = ROOT / ".cache/sshd"
        kind = "debian" if (debian / "usr/sbin/sshd").exists() else "asyncssh"
        with Appliance(Path(own).absolute() / "appliance", ssh=kind, sshd_root=debian) as appliance:
            yield Bench(appliance, Path(own).absolute(), control)


def _peak(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024
