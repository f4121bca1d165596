# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m simulator`: start, stop, status, login, attempts, switch, sign-in, pocket-id."""

from __future__ import annotations

import argparse
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .failures import FAILURES
from .guide import remove_files, words, write_files, written
from .login import PEOPLE
from .switches import Switches

if TYPE_CHECKING:
    from .pocket_id import PocketId

DEFAULT_STATE = Path(".cache/appliance")
POCKET_ID = "pocket-id"
SDDC_MANAGER = "sddc-manager"
WORKSPACE_ONE = "workspace-one"
BESIDE = {POCKET_ID: "Pocket ID", WORKSPACE_ONE: "Workspace ONE", SDDC_MANAGER: "SDDC Manager"}
"""What runs beside the appliance, each in a folder of its own in the appliance's."""
DEFAULT_SSHD = Path(".cache/sshd")


class RefusalError(Exception):
    """What went wrong, in words for a person. Ends the command with code 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except RefusalError as refusal:
        print(refusal, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", type=Path, default=DEFAULT_STATE, help="its folder (default: %(default)s)")
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    commands = parser.add_subparsers(required=True)

    start = commands.add_parser("start", parents=[common], help=f"start an appliance, and {', '.join(BESIDE.values())}")
    start.set_defaults(command=_start)
    start.add_argument("--detach", action="store_true", help="come back while it goes on running")
    start.add_argument("--no-ssh", action="store_true", help="HTTPS only")
    start.add_argument("--sshd", choices=["asyncssh", "debian"], default="asyncssh")
    start.add_argument("--sshd-root", type=Path, default=DEFAULT_SSHD, help="where Debian's sshd was unpacked")
    start.add_argument("--switch", action="append", default=[], metavar="NAME=JSON", help="may be given often")

    stop = commands.add_parser("stop", parents=[common], help="stop it")
    stop.set_defaults(command=_stop)
    status = commands.add_parser("status", parents=[common], help="is it there, and how to reach it")
    status.set_defaults(command=_status)

    login = commands.add_parser("login", parents=[common], help="sign in as a person would")
    login.set_defaults(command=_login)
    login.add_argument("name", help=f"{', '.join(PEOPLE)}, or anybody with --sub")
    login.add_argument("--sub", help="what the identity provider sends as the person's id")
    login.add_argument("--from", dest="source_ip", metavar="IP", help="address it comes from")
    login.add_argument("--domain", help="domain of the provider")
    login.add_argument("--failure", choices=FAILURES, help="let it fail so; what is a state of the appliance stays")

    attempts = commands.add_parser("attempts", parents=[common], help="fill the logs: many people, every way to fail")
    attempts.set_defaults(command=_attempts)
    attempts.add_argument("--attempts", type=int, default=1000)
    attempts.add_argument("--people", type=int, default=len(FAILURES) + 1)
    attempts.add_argument("--seed", type=int, default=16, help="the same one gives the same people and cases")

    switch = commands.add_parser("switch", parents=[common], help="change what can be chosen at run time")
    switch.set_defaults(command=_switch)
    switch.add_argument("switch", nargs="+", metavar="NAME=JSON", help="as broker_down=false or ssh_enabled=false")

    sign_in = commands.add_parser("sign-in", parents=[common], help="sign in at Pocket ID, and from there at vCenter")
    sign_in.set_defaults(command=_sign_in)
    sign_in.add_argument("name", help="a username of Pocket ID")
    sign_in.add_argument("--client-id", help="the client of vCenter, which may not let everybody in")

    pocket_id = commands.add_parser("pocket-id", parents=[common], help="change who is in a group of Pocket ID")
    pocket_id.set_defaults(command=_change_members)
    pocket_id.add_argument("change", choices=["join", "leave"])
    pocket_id.add_argument("group")
    pocket_id.add_argument("name", help="a username of Pocket ID")
    return parser


# Starting and stopping


def _start(options: argparse.Namespace) -> int:
    state_dir: Path = options.state.absolute()
    if _running(state_dir):
        raise RefusalError(f"An appliance runs already in {state_dir}; stop it first.")
    switches = _switches(options.switch)
    if options.detach:
        return _start_detached(options, state_dir)

    from .appliance import Appliance
    from .pocket_id import PocketId
    from .sddc_manager import SddcManager
    from .workspace_one import WorkspaceOne

    ssh = None if options.no_ssh else options.sshd
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        appliance = Appliance(state_dir, switches, ssh, sshd_root=options.sshd_root)
        provider = switches.providers[0] if switches.providers else None
        domain = provider.domains[0] if provider and provider.domains else None
        # The appliance ends last: who stops all of them waits for it.
        with (
            appliance,
            PocketId(state_dir / POCKET_ID) as pocket_id,
            WorkspaceOne(state_dir / WORKSPACE_ONE) as workspace_one,
            SddcManager(state_dir / SDDC_MANAGER, mint=lambda: (appliance.mint(), appliance.scim_url)) as sddc_manager,
        ):
            _fill(pocket_id)
            about = appliance.description()
            beside = {
                POCKET_ID: pocket_id.description(),
                WORKSPACE_ONE: workspace_one.description(),
                SDDC_MANAGER: sddc_manager.description(),
            }
            write_files(state_dir, about, beside, domain)
            print(words(state_dir, about, beside))
            print("Ctrl-C stops it.", flush=True)
            stop.wait()
    except RuntimeError as error:
        raise RefusalError(f"The appliance did not start: {error}") from error
    finally:
        remove_files(state_dir)
    return 0


def _fill(pocket_id: PocketId) -> None:
    """The people whom the appliance's own `login` knows."""
    for name, family in (("muffin", "Muffinson"), ("crumpet", "Crumpetson")):
        email = f"{name}@example.org"
        pocket_id.add_user(name, PEOPLE[name], email, first_name=name.capitalize(), last_name=family)
    pocket_id.add_group("vcenter-admins", "vCenter Admins", ["muffin"])


def _switches(pairs: Sequence[str]) -> Switches:
    switches = Switches()
    for pair in pairs:
        name, value = _pair(pair)
        try:
            switches.update({name: value})
        except (AttributeError, TypeError, ValueError) as error:
            raise RefusalError(f"--switch {pair}: {error}") from error
    return switches


def _pair(pair: str) -> tuple[str, Any]:
    name, equals, text = pair.partition("=")
    if not equals:
        raise RefusalError(f"--switch {pair}: write it as NAME=JSON")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text


def _start_detached(options: argparse.Namespace, state_dir: Path) -> int:
    state_dir.mkdir(parents=True, exist_ok=True)
    state_dir.chmod(0o700)
    remove_files(state_dir)
    output = state_dir / "output.txt"
    command = [sys.executable, "-m", "simulator", "start", "--state", str(state_dir)]
    command += ["--sshd", options.sshd, "--sshd-root", str(options.sshd_root)]
    command += ["--no-ssh"] if options.no_ssh else []
    for pair in options.switch:
        command += ["--switch", pair]
    folder = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH", ""))))
    output.unlink(missing_ok=True)
    output.touch(mode=0o600)
    with output.open("wb") as file:
        child = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    end = time.monotonic() + 30
    while time.monotonic() < end and child.poll() is None:
        about = _running(state_dir)
        if about and written(state_dir):
            print(words(state_dir, about, _all_beside(state_dir)))
            print(f"It runs until: python -m simulator stop --state {options.state}")
            return 0
        time.sleep(0.05)
    if child.poll() is None:
        child.terminate()
    raise RefusalError(f"The appliance did not start:\n{output.read_text(errors='replace').strip()}")


def _stop(options: argparse.Namespace) -> int:
    state_dir = options.state.absolute()
    about = _running(state_dir)
    if about is None:
        print(f"No appliance runs in {state_dir}.")
        return 0
    os.kill(about["pid"], signal.SIGTERM)
    end = time.monotonic() + 20
    while (state_dir / "appliance.json").exists():
        if time.monotonic() > end:
            raise RefusalError(f"The appliance (process {about['pid']}) does not stop.")
        time.sleep(0.05)
    print("The appliance has stopped.")
    return 0


# Asking it


def _status(options: argparse.Namespace) -> int:
    state_dir = options.state.absolute()
    about = _required(state_dir)
    print(words(state_dir, about, _all_beside(state_dir)))
    return 0


def _login(options: argparse.Namespace) -> int:
    about = _required(options.state.absolute())
    if options.sub is None and options.name not in PEOPLE:
        raise RefusalError(f"Nobody knows {options.name}; known are {', '.join(PEOPLE)}. Give --sub.")
    wanted = {"person": options.name, "sub": options.sub}
    wanted |= {"source_ip": options.source_ip, "domain": options.domain, "failure": options.failure}
    _tell(_call(about, "login", {key: value for key, value in wanted.items() if value is not None}))
    return 0


def _attempts(options: argparse.Namespace) -> int:
    """The truth is printed: what can be found out from the logs and the broker is another matter."""
    wanted = {"attempts": options.attempts, "people": options.people, "seed": options.seed}
    for name, case in _call(_required(options.state.absolute()), "attempts", wanted)["by_person"].items():
        print(f"{name}  {case}")
    return 0


def _switch(options: argparse.Namespace) -> int:
    changes = dict(map(_pair, options.switch))
    now = _call(_required(options.state.absolute()), "switches", changes, "PUT")
    for name in changes:
        print(f"{name} is {json.dumps(now[name])}")
    return 0


def _sign_in(options: argparse.Namespace) -> int:
    """As a browser goes: first to Pocket ID, and only with what that says on to vCenter."""
    state_dir: Path = options.state.absolute()
    about = _required(state_dir)
    wanted = {"username": options.name, "client_id": options.client_id}
    sub = _call(_beside(state_dir, POCKET_ID), "sign-in", wanted)["sub"]
    if sub is None:
        print("refused by Pocket ID: vCenter never sees it")
    else:
        _tell(_call(about, "login", {"sub": sub}))
    return 0


def _change_members(options: argparse.Namespace) -> int:
    state_dir: Path = options.state.absolute()
    _required(state_dir)
    _call(_beside(state_dir, POCKET_ID), options.change, {"group": options.group, "username": options.name})
    print(f"{options.name} {'is in' if options.change == 'join' else 'is not in'} {options.group}")
    return 0


def _tell(answer: dict[str, Any]) -> None:
    if not answer["allowed"]:
        # Where nothing reached the broker there is no login context.
        where = "" if answer["context_id"] else ": nothing is in any log"
        print(f"denied ({answer['reason'] or answer['failure']}){where}")
    else:
        print("allowed, with a permission" if answer["permitted"] else "allowed, but without any permission yet")
        print(f"known as {answer['principal']}, sees {', '.join(answer['inventory']) or 'nothing'}")


def _required(state_dir: Path) -> dict[str, Any]:
    about = _running(state_dir)
    if about is None:
        raise RefusalError(f"No appliance runs in {state_dir}. Start one: make appliance")
    return about


def _running(state_dir: Path) -> dict[str, Any] | None:
    """The description of the appliance, if the one that wrote it still answers."""
    try:
        about: dict[str, Any] = json.loads((state_dir / "appliance.json").read_text())
        answer = _call(about, "state")
    except (OSError, ValueError):
        return None
    # Another process may have been given the port of one that was killed.
    return about if answer.get("pid") == about["pid"] else None


def _all_beside(state_dir: Path) -> dict[str, dict[str, Any]]:
    return {name: _beside(state_dir, name) for name in BESIDE}


def _beside(state_dir: Path, name: str) -> dict[str, Any]:
    """The description of what runs beside the appliance."""
    try:
        about: dict[str, Any] = json.loads((state_dir / name / f"{name}.json").read_text())
    except (OSError, ValueError):
        raise RefusalError(f"No {BESIDE[name]} runs in {state_dir}. Start them all: make appliance") from None
    return about


def _call(
    about: dict[str, Any], path: str, body: dict[str, Any] | None = None, method: str | None = None
) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=about["ca_file"])
    request = urllib.request.Request(
        f"{about['control_url']}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    # A proxy of the environment knows nothing of this machine's own ports.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=10) as response:
            answer: dict[str, Any] = json.loads(response.read())
            return answer
    except urllib.error.HTTPError as error:
        text = error.read().decode("utf-8", "replace")
        raise RefusalError(f"The simulator refused {path}: {text}") from error
