# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a simulator's control API: simulator_control: {url: ..., ca_path: ..., method: POST, body: {...}}

In the task's own process, since the tests ask often and starting a module costs ten times as much.
"""

from __future__ import annotations

import json
import ssl
import urllib.request
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = self._task.args
        context = ssl.create_default_context(cafile=arguments["ca_path"])
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        request = urllib.request.Request(
            arguments["url"],
            json.dumps(arguments["body"]).encode(),
            {"Content-Type": "application/json"},
            method=arguments["method"],
        )
        with opener.open(request, timeout=60) as answer:
            return {"changed": False, "json": json.loads(answer.read() or b"null")}
