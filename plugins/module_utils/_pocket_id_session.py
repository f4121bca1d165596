# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module of Pocket ID takes, and what it works with. PRIVATE to this collection."""

from __future__ import annotations

from contextlib import ExitStack

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ._errors import InputError
from ._module import Session, Spec
from ._pocket_id import ADVICE, PocketIdClient

THREADS = 8


def pocket_id_spec() -> Spec:
    """The options of the C(pocket_id) fragment."""
    return {
        "url": {"type": "str", "fallback": (env_fallback, ["POCKET_ID_URL"])},
        "api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["POCKET_ID_API_KEY"])},
        "validate_certs": {"type": "bool", "default": True, "fallback": (env_fallback, ["POCKET_ID_VALIDATE_CERTS"])},
        "ca_path": {"type": "path", "fallback": (env_fallback, ["POCKET_ID_CA_PATH"])},
        "timeout": {"type": "float", "default": 30.0},
    }


class PocketIdSession(Session):
    """The HTTPS session, and Pocket ID."""

    def __init__(self, module: AnsibleModule, stack: ExitStack) -> None:
        super().__init__(module, stack, concurrency=THREADS, advice=ADVICE)
        for name, variable in (("url", "POCKET_ID_URL"), ("api_key", "POCKET_ID_API_KEY")):
            if not module.params[name]:
                raise InputError(name, "is not given", f"Give it, or set {variable}.")
        self.pocket_id = PocketIdClient(self.http, module.params["url"], module.params["api_key"])
