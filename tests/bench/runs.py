# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs scim_users as a process, without a playbook around it, against an appliance that is a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from ansible_collections.homelab.identity_broker.plugins.module_utils._desired import desired_users
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import document_for_creation

from .loaders import PAGE, Wishes, scim_headers
from .plays import DOMAIN, ROOT

MODULE = "ansible_collections.homelab.identity_broker.plugins.modules.scim_users"
USERS = "/usergroup/t/CUSTOMER/scim/v2/Users"

User = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """One run of the module. C(result) is what it returned; empty where it was killed."""

    seconds: float
    peak_mib: float
    result: dict[str, Any]

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def changed(self) -> bool:
        return bool(self.result.get("changed"))


@dataclass(frozen=True)
class Counted:
    """What the appliance saw, minting among the others."""

    writes: int
    mintings: int
    listings: int
    others: int


class Stage:
    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self._folder = folder
        self._about = about
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.verify = about["ca_file"]
        # The environment must not choose a proxy or a CA for one side and not for the other.
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT / ".cache/collections")]),
        }

    # The appliance

    def reset(self, users: Sequence[User] = (), **switches: Any) -> None:
        """Leave it with just these users and switches."""
        there = [{**user, "username": f"{user['username']}@{DOMAIN}", "domain": DOMAIN} for user in users]
        self._control("POST", "reset", {"switches": switches, "users": there})

    def switch(self, **switches: Any) -> None:
        self._control("PUT", "switches", switches)

    def users(self) -> list[User]:
        """Whom the broker holds, as a task would name them."""
        return [
            {
                "username": user["userName"].removesuffix(f"@{DOMAIN}"),
                "external_id": user["externalId"],
                "given_name": user["name"]["givenName"],
                "family_name": user["name"]["familyName"],
                "email": user["emails"][0]["value"],
            }
            for user in self._control("GET", "users")
        ]

    def counted(self) -> Counted:
        """The requests since the last time."""
        seen = self._control("GET", "requests")
        self._control("DELETE", "requests")
        writes, mintings = len(seen["writes"]), len(seen["mintings"])
        listings = sum(1 for row in seen["requests"] if row["method"] == "GET" and row["path"] == USERS)
        return Counted(writes, mintings, listings, len(seen["requests"]) - writes - listings)

    # What runs

    def run(self, users: Sequence[User], *, kill_after: float | None = None, **options: Any) -> Ran:
        """scim_users, killed after some seconds if it has not ended by then."""
        output = self._folder / "result.json"
        process, began = self._start([MODULE, str(self._arguments(users, options))], output)
        if kill_after is not None:
            while time.perf_counter() - began < kill_after and not _has_ended(process):
                time.sleep(0.002)
            # Popen.kill would reap one that has ended, and wait4 find nothing.
            os.kill(process.pid, signal.SIGKILL)
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        text = output.read_text()
        if not text and kill_after is None:
            raise RuntimeError((self._folder / "errors.txt").read_text())
        # Killed while it wrote its result, it has left a part of it.
        result = {} if process.returncode < 0 else json.loads(text)
        return Ran(seconds, usage.ru_maxrss / 1024, result)

    def run_well(self, users: Sequence[User], **options: Any) -> Ran:
        ran = self.run(users, **options)
        if ran.failed:
            raise RuntimeError(ran.result["msg"])
        return ran

    def null(self, users: Sequence[User], result: dict[str, Any]) -> float:
        """Seconds that Ansible takes to hand the users over and to take the same result back."""
        ready = self._folder / "ready.json"
        ready.write_text(
            json.dumps({key: value for key, value in result.items() if key not in ("invocation", "warnings")})
        )
        arguments = self._arguments(users, {})
        process, began = self._start(
            ["bench.null_module", str(arguments)], self._folder / "null.json", RESULT=str(ready)
        )
        if process.wait() != 0:
            raise RuntimeError((self._folder / "errors.txt").read_text())
        seconds = time.perf_counter() - began
        return seconds - float((self._folder / "errors.txt").read_text().split()[0])

    def bare(self, way: str, users: Sequence[User] = ()) -> float:
        """Seconds of the bare loader, without its start."""
        bodies = self._folder / "bodies"
        wanted = desired_users(users, {"domain": DOMAIN}, None)
        bodies.write_text("".join(f"{json.dumps(document_for_creation(each))}\n" for each in wanted))
        minted = self._control("POST", "mint", {})
        return self.load(
            way, Wishes(minted["scim_url"], scim_headers(minted["token"]), self._about["ca_file"], str(bodies))
        )

    def load(self, way: str, wishes: Wishes) -> float:
        """As C(bare), for whatever is wished."""
        wishes.write(self._folder / "wishes.json")
        output = self._folder / "seconds.txt"
        process, _began = self._start(["bench.loaders", way, str(self._folder / "wishes.json")], output)
        if process.wait() != 0:
            raise RuntimeError((self._folder / "errors.txt").read_text())
        return float(output.read_text())

    def _start(self, module: list[str], output: Path, **environment: str) -> tuple[subprocess.Popen[bytes], float]:
        with output.open("wb") as out, (self._folder / "errors.txt").open("wb") as errors:
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                env={**self._environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
            )
        return process, began

    def _arguments(self, users: Sequence[User], options: dict[str, Any]) -> Path:
        file = self._folder / "arguments.json"
        file.touch(mode=0o600)
        about = self._about
        arguments = {
            "hostname": about["fqdn"],
            "port": about["https_port"],
            "username": about["username"],
            "password": about["password"],
            "ca_path": about["ca_file"],
            "journal_path": str(self._folder / "journal"),
            "domain": DOMAIN,
            "max_recreates": "100%",
            "users": users,
            **options,
        }
        file.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        return file

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, f"{self._about['control_url']}/{path}", json=body, timeout=120)
        if not answer.ok:
            raise RuntimeError(answer.text)
        return answer.json()


@contextmanager
def stage(folder: str) -> Iterator[Stage]:
    with TemporaryDirectory(dir=folder) as own:
        state = Path(own).absolute() / "appliance"
        _simulator("start", "--state", str(state), "--detach", "--no-ssh")
        try:
            yield Stage(Path(own).absolute(), json.loads((state / "appliance.json").read_text()))
        finally:
            _simulator("stop", "--state", str(state))


def person(number: int) -> User:
    name = f"person{number:05}"
    return {
        "username": name,
        "external_id": f"5f2a9be8-90c1-4f0e-8a57-{number:012}",
        "given_name": f"Given{number}",
        "family_name": f"Family{number}",
        "email": f"{name}@example.org",
    }


def pages(users: int) -> int:
    """How many requests a listing takes; one at least."""
    return max(1, -(-users // PAGE))


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    # Leaves it to be waited for.
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _simulator(*arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-m", "simulator", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
