# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs in at the simulator once a second: sign_in_later.py CONTROL_URL CA_FILE PERSON TIMES"""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.request


def main(control_url: str, ca_file: str, person: str, times: str) -> int:
    context = ssl.create_default_context(cafile=ca_file)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    body = json.dumps({"person": person}).encode()
    for _number in range(int(times)):
        time.sleep(1)
        request = urllib.request.Request(f"{control_url}/login", body, {"Content-Type": "application/json"})
        opener.open(request, timeout=10).close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
