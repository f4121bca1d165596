# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A process of its own that opens SSH through the appliance's API, and puts back what stood. PRIVATE to this collection.

It outlives the task that started it. C(main) reads an order from standard input, opens, says so, and puts back when the next line
comes or when the input ends, which is what happens to the input of somebody who was killed. Whoever takes the last word answers
with a line of his own; where nobody does, the word is kept for the next run.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import syslog
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TextIO

from ._errors import ForbiddenError, IdentityBrokerError, InputError, NotFoundError, UnauthenticatedError
from ._http import REQUESTS_IMPORT_ERROR, VCENTER_ADVICE, HttpClient
from ._journal import SSH_REPORT, Journal
from ._ssh_access import (
    Switch,
    left_by_a_run,
    off_in_check_mode,
    pause_before,
    still_open,
    to_open,
    to_put_back,
    wanted,
    ways_out,
    word_for_the_next_run,
)
from ._ssh_lease import Record, SshLease
from ._vcenter import VcenterClient

TRADE = "homelab.identity_broker"
HOPELESS = (UnauthenticatedError, ForbiddenError, NotFoundError)
"""What says no for good: a password, above all, is not tried twice."""


@dataclass(frozen=True)
class Order:
    """What is asked of the guard, and all that it needs for it."""

    hostname: str
    port: int
    username: str
    password: str = field(repr=False)
    validate_certs: bool
    ca_path: str | None
    timeout: float
    shell: bool
    retries: int
    journal_path: str
    seconds: int
    """For how long the shell may be needed."""
    check_mode: bool

    @property
    def host(self) -> str:
        """The appliance as messages and the journal name it."""
        return f"{self.hostname}{'' if self.port == 443 else f':{self.port}'}".lower()


class Listener:
    """Whoever started the guard, until he is gone."""

    def __init__(self, heard: TextIO, told: TextIO) -> None:
        self._heard = heard
        self._told = told

    def hear(self) -> str:
        """The next line; empty where nobody is there any more."""
        try:
            return self._heard.readline().strip()
        except (OSError, ValueError):
            return ""

    def tell(self, **word: Any) -> None:
        """Say something to whoever listens."""
        with contextlib.suppress(OSError):
            self._told.write(f"{json.dumps(word)}\n")
            self._told.flush()


class SshGuard:
    """Opens what is closed, and afterwards closes just that."""

    def __init__(self, order: Order, http: HttpClient, vcenter: VcenterClient, lease: SshLease) -> None:
        self._order = order
        self._http = http
        self._vcenter = vcenter
        self._lease = lease
        self._opened: frozenset[str] = frozenset()
        self.warnings: list[str] = []

    def open(self) -> list[str]:
        """Open what the reading needs; the names of what was closed. Raises IdentityBrokerError."""
        switches = wanted(shell=self._order.shell)
        self._vcenter.log_in()
        if self._order.check_mode:
            missing = to_open(self._standing(switches))
            if missing:
                raise IdentityBrokerError(off_in_check_mode(self._order.host, missing))
            return []
        with self._lease.turn():
            return self._open(switches)

    def _open(self, switches: tuple[Switch, ...]) -> list[str]:
        alone, record = self._lease.enter(), self._lease.record()
        standing = self._standing(switches)
        # What somebody has closed since is nobody's to close any more.
        left = frozenset(name for name in record.opened if standing.get(name, True)) if alone else record.opened
        if alone and left:
            self.warnings.append(left_by_a_run(self._order.host, left, record.since))
        missing = to_open(standing)
        names = [switch.name for switch in missing]
        self._opened = left.union(names)
        if self._opened or record.opened:
            self._lease.write(Record(self._opened, record.since if left else _now()))
        for switch in missing:
            self._set(switch, enabled=True)
        return names

    def put_back(self) -> tuple[frozenset[str], str]:
        """Close what was opened, unless another run needs it still; what could not be closed, and why."""
        if not self._lease.held:
            return frozenset(), ""
        with ExitStack() as stack:
            try:
                stack.enter_context(self._lease.turn())
                if not self._lease.leave():
                    return frozenset(), ""
                opened = self._lease.record().opened or self._opened
            except InputError:
                # The journal is gone, what this run has opened is not.
                opened = self._opened
            left, problem = self._close(opened) if opened else (frozenset(), "")
            if not left:
                self.forget()
            return left, problem

    def forget(self) -> None:
        """Strike the record: all is put back, or somebody was told of it."""
        with contextlib.suppress(InputError):
            self._lease.write(Record())

    def _close(self, opened: frozenset[str]) -> tuple[frozenset[str], str]:
        # Each try is one request: the pauses between them are made here.
        self._http.hurry.set()
        problem = ""
        for attempt in range(1, self._order.retries + 2):
            if attempt > 1:
                time.sleep(pause_before(attempt))
            hopeless = True
            for switch in to_put_back(opened):
                try:
                    # It may never have been opened, or was closed by somebody else.
                    if self._is_on(switch):
                        self._set(switch, enabled=False)
                    opened -= {switch.name}
                except IdentityBrokerError as error:
                    problem = str(error)
                    hopeless &= isinstance(error, HOPELESS)
            if hopeless:
                break
        return opened, problem if opened else ""

    def _standing(self, switches: tuple[Switch, ...]) -> dict[str, bool]:
        return {switch.name: self._is_on(switch) for switch in switches}

    def _is_on(self, switch: Switch) -> bool:
        attempted = f"read whether {switch.label} is enabled"
        document = self._vcenter.call("GET", switch.path, attempted)
        return self._vcenter.understood(attempted, lambda: switch.is_on(document))

    def _set(self, switch: Switch, *, enabled: bool) -> None:
        """Set it, and see that it is."""
        attempted = f"{'enable' if enabled else 'disable'} {switch.label}"
        document = switch.document(enabled=enabled, seconds=self._order.seconds if enabled else 0)
        self._vcenter.call("PUT", switch.path, attempted, document=document)
        if self._is_on(switch) is not enabled:
            raise IdentityBrokerError(
                f"Could not {attempted} on {self._order.host}: it was accepted, and changed nothing.",
                way_out="Does something else keep it as it is, such as a host profile or a script?",
            )


def serve(order: Order, listener: Listener) -> None:
    """Open, wait, put back, and have the last word."""
    if REQUESTS_IMPORT_ERROR is not None:
        told = f"open_ssh needs requests. Install it for {sys.executable}, which runs Ansible."
        listener.tell(failed=told, left="", warnings=[])
        return
    journal = Journal(order.journal_path)
    failed, left, problem, warnings = "", frozenset[str](), "", []
    guard: SshGuard | None = None
    try:
        with ExitStack() as stack:
            http = stack.enter_context(
                HttpClient(
                    validate_certs=order.validate_certs,
                    ca_path=order.ca_path,
                    timeout=order.timeout,
                    check_mode=order.check_mode,
                    advice=replace(VCENTER_ADVICE, statuses=ways_out(order.host, order.username)),
                )
            )
            login = {"username": order.username, "password": order.password}
            vcenter = stack.enter_context(VcenterClient(http, hostname=order.hostname, port=order.port, **login))
            guard = SshGuard(order, http, vcenter, SshLease(journal, order.host))
            try:
                opened = guard.open()
                word = None if order.check_mode else journal.take_report(order.host)
                listener.tell(opened=opened, warnings=[*guard.warnings, *([word] if word else [])])
                listener.hear()
            finally:
                left, problem = guard.put_back()
        warnings = vcenter.warnings
    except IdentityBrokerError as error:
        failed = str(error)
    last = still_open(order.host, left) if left else ""
    listener.tell(failed=failed, left=f"{problem}\n{last}" if left else "", warnings=warnings)
    if left and guard:
        _see_that_it_is_known(order, listener, guard, journal, word_for_the_next_run(order.host, left, problem, _now()))


def _see_that_it_is_known(
    order: Order, listener: Listener, guard: SshGuard, journal: Journal, lines: list[str]
) -> None:
    if listener.hear():
        guard.forget()
        return
    with contextlib.suppress(InputError):
        journal.report(order.host, lines, SSH_REPORT)
    syslog.openlog(TRADE)
    syslog.syslog(syslog.LOG_WARNING, " ".join(lines))


def main() -> None:
    """Serve whoever started this process."""
    # Whoever presses Ctrl-C wants an end of the play, not SSH left open.
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    listener = Listener(sys.stdin, sys.stdout)
    document: Mapping[str, Any] | None = None
    with contextlib.suppress(ValueError):
        document = json.loads(listener.hear())
    if document is not None:
        serve(Order(**document), listener)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
