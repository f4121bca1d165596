# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts the process that opens SSH, and holds it until SSH is needed no more. PRIVATE to this collection."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError
from ansible_collections.homelab.identity_broker.plugins.module_utils._ssh_access import UNVERIFIED, still_open

MODULE_UTILS = Path(__file__).parents[1] / "module_utils"
# These files as a package of their own, which any Python finds wherever the collection is installed.
_START = (
    "import sys, types; package = types.ModuleType('identity_broker_utils'); package.__path__ = [sys.argv[1]]; "
    "sys.modules[package.__name__] = package; from identity_broker_utils import _ssh_guard; _ssh_guard.main()"
)


class SshOpening:
    """What one task has opened. Its process puts back what stood on C(close), and also when nobody is left to ask for it."""

    def __init__(self, host: str, order: Mapping[str, Any]) -> None:
        """The order is that of C(_ssh_guard.Order)."""
        self._host = host
        self._order = order
        self._guard: subprocess.Popen[str] | None = None
        self.opened: list[str] = []
        self.warnings: list[str] = [] if order["validate_certs"] else [UNVERIFIED]

    def __enter__(self) -> SshOpening:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Where C(close) was not called, go without waiting: what stood is put back all the same."""
        if self._guard and self._guard.stdin:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()

    def open(self) -> None:
        """Open what is closed. Raises IdentityBrokerError, whose last line says if something stands open all the same."""
        # Nothing of the order is in its arguments or environment; a session of its own keeps the terminal's signals away.
        self._guard = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-c", _START, str(MODULE_UTILS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._say(json.dumps(self._order))
        answer = self._answer()
        if answer is None:
            raise IdentityBrokerError(self._ended())
        self.warnings += answer["warnings"]
        if "opened" not in answer:
            self._let_go(answer)
            raise IdentityBrokerError("\n".join(filter(None, (answer["failed"], answer["left"]))))
        self.opened = answer["opened"]

    def close(self) -> str:
        """Have put back what stood; what to say where that went wrong, with what stands open in the last line."""
        if self._guard is None:
            return ""
        answer = self._last_word()
        if answer is None:
            ended = self._ended()
            # Its record tells another one what there is to put back.
            answer = self._successor() if self.opened else {"left": ""}
            if answer is None:
                return f"{ended}\n{still_open(self._host, self.opened)}"
        return str(answer["left"])

    def _successor(self) -> dict[str, Any] | None:
        with SshOpening(self._host, self._order) as successor:
            try:
                successor.open()
            except IdentityBrokerError:
                return None
            return successor._last_word()

    def _last_word(self) -> dict[str, Any] | None:
        self._say("close")
        answer = self._answer()
        if answer is not None:
            self.warnings += answer["warnings"]
            self._let_go(answer)
        return answer

    def _let_go(self, answer: Mapping[str, Any]) -> None:
        """The last word was taken."""
        if answer.get("left"):
            self._say("heard")
        self._end()

    def _say(self, line: str) -> None:
        if self._guard and self._guard.stdin:
            with contextlib.suppress(OSError):
                self._guard.stdin.write(f"{line}\n")
                self._guard.stdin.flush()

    def _answer(self) -> dict[str, Any] | None:
        if self._guard is None or self._guard.stdout is None:
            return None
        line = self._guard.stdout.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            return None
        return answer

    def _ended(self) -> str:
        """What to say of a process that ended without a word."""
        said = self._end().strip().rpartition("\n")[2][:200]
        return (
            f"The process that was to open SSH on {self._host} and to put it back ended too soon: {said or 'killed'}."
        )

    def _end(self) -> str:
        """Wait for its end; what it wrote where errors go."""
        guard, self._guard = self._guard, None
        if guard is None:
            return ""
        with contextlib.suppress(OSError):
            _stdout, errors = guard.communicate()
            return errors
        return ""
