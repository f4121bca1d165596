# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes how long each task took, by its name, to the file that DURATIONS_FILE names."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: durations
type: aggregate
short_description: how long each task took
description: Writes how long each task took.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "durations"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def v2_runner_on_start(self, _host: Any, task: Any) -> None:
        self._began[task._uuid] = time.perf_counter()

    def v2_runner_on_ok(self, result: Any) -> None:
        task = result.task if hasattr(result, "task") else result._task
        self._took[task.name] = time.perf_counter() - self._began[task._uuid]

    def v2_playbook_on_stats(self, _stats: Any) -> None:
        Path(os.environ["DURATIONS_FILE"]).write_text(json.dumps(self._took))
