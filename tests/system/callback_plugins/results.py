# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every task result as a line of JSON, for tests to read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: results
type: aggregate
short_description: Every task result as a line of JSON
description:
  - Appends to the file that the environment variable E(RESULTS_FILE) names.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "results"
    CALLBACK_NEEDS_ENABLED = False

    def _keep(self, outcome: str, result: Any) -> None:
        delegated = result.result.get("_ansible_delegated_vars") or {}
        line = {
            "task": result.task.get_name(),
            "action": result.task.action,
            "host": result.host.get_name(),
            "delegated_to": delegated.get("ansible_delegated_host"),
            "outcome": outcome,
            "result": result.result,
        }
        with Path(os.environ["RESULTS_FILE"]).open("a") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._keep("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._keep("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._keep("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._keep("ignored" if result.task.ignore_unreachable else "unreachable", result)
