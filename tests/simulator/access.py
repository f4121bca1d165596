# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the appliance lets anybody in over SSH, and whether root then gets a shell. Knows nothing of HTTP."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from .switches import Switches

LONGEST = 86400
"""Seconds that the shell can be enabled for (Automation API, appliance/access/shell)."""


class Access:
    """Both are as their switches say until somebody sets them over the API; setting the switch again ends that."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._lock = threading.RLock()
        self._ssh = switches.ssh_enabled
        self._shell_ends = 0.0
        self.follow: Callable[[], None] = lambda: None
        """Called after SSH was switched, for the server to open or close its port."""
        switches.watch("ssh_enabled", self._follow_switch)
        switches.watch("shell_enabled", self._follow_switch)
        self._follow_switch("shell_enabled")

    def reset(self) -> None:
        self._follow_switch("ssh_enabled")
        self._follow_switch("shell_enabled")

    @property
    def ssh(self) -> bool:
        return self._ssh

    @ssh.setter
    def ssh(self, enabled: bool) -> None:
        with self._lock:
            self._ssh = enabled
            self.follow()

    @property
    def shell(self) -> bool:
        return self.shell_timeout > 0

    @property
    def shell_timeout(self) -> int:
        """Seconds that are left of the shell, begun ones whole; 0 while it is disabled."""
        return max(0, math.ceil(self._shell_ends - time.monotonic()))

    def set_shell(self, *, enabled: bool, timeout: int = LONGEST) -> None:
        self._shell_ends = time.monotonic() + timeout if enabled else 0.0

    def _follow_switch(self, name: str) -> None:
        if name == "ssh_enabled":
            self.ssh = self._switches.ssh_enabled
        else:
            self.set_shell(enabled=self._switches.shell_enabled)
