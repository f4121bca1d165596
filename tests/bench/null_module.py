# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""scim_users without its work: takes the same options, imports the same code, and returns a result that lies ready.

What it takes is Ansible's: reading and checking the options, scrubbing the result and writing it as JSON. The result is
read from the file that RESULT names; how long that took goes to standard error, to be subtracted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from ansible_collections.homelab.identity_broker.plugins.module_utils import _module
from ansible_collections.homelab.identity_broker.plugins.modules import scim_users

if __name__ == "__main__":
    began = time.perf_counter()
    result = json.loads(Path(os.environ["RESULT"]).read_text())
    print(time.perf_counter() - began, file=sys.stderr)
    scim_users.run = lambda _session, module, _work: _module._leave(module, None, result)
    scim_users.main()
