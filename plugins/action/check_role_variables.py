# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare the variables that a play has with those that a role knows, on the control node."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.identity_broker.plugins.module_utils._spelling import nearest

MOST_EDITS = 2

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "prefix": {"type": "str", "required": True},
    "known": {"type": "list", "elements": "str", "required": True},
    "removed": {"type": "dict", "default": {}},
}


class ActionModule(ActionBase):
    """Nothing is sent anywhere, so check mode is the same as a run."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(ARGUMENT_SPEC)
        known = set(options["known"])
        names = {str(name) for name in task_vars or {} if str(name).startswith(options["prefix"])}
        unknown = sorted(names - known)
        errors = [f"{name} {options['removed'][name]}" for name in unknown if name in options["removed"]]
        others = [name for name in unknown if name not in options["removed"]]
        meant = {name: nearest(name, known, MOST_EDITS) for name in others}
        errors += [f"{name} is unknown. Did you mean {near}?" for name, near in meant.items() if near]
        if errors:
            raise AnsibleActionFail(" ".join(errors) + " Nothing was changed.")
        if others:
            result["warnings"] = [f"These variables are unknown and have no effect: {', '.join(others)}."]
        return {**result, "changed": False, "unknown": others}
