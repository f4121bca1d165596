# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of the log as programs that forward logs write them, and in shapes that nobody has described."""

from __future__ import annotations

import re
from collections.abc import Callable

Shape = Callable[[str], str]

_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d),(\d{3})")


def _coloured(line: str) -> str:
    """Colour the level and the logger, as a pattern with highlighting does."""
    line = re.sub(r"(TRACE|DEBUG|INFO|WARN|ERROR) ", "\x1b[32m\\1\x1b[m ", line, count=1)
    return re.sub(r"(com\.vmware\.[\w.]+) - ", "\x1b[1;36m\\1\x1b[0;39m - ", line, count=1)


WRAPPINGS: dict[str, Shape] = {
    "as it is": lambda line: line,
    "Z after the stamp": lambda line: _STAMP.sub(r"\1,\2Z", line),
    "offset after the stamp": lambda line: _STAMP.sub(r"\1,\2+0000", line),
    "offset with a colon": lambda line: _STAMP.sub(r"\1.\2+00:00", line),
    "RFC 3164": lambda line: f"<134>Nov 28 05:22:18 vcsa federation[123]: {line}",
    "RFC 3164 in a file": lambda line: f"Feb  4 05:22:18 vcsa.example.org vc-ws1a-broker: {line}",
    "RFC 5424": lambda line: f"<134>1 2026-11-28T05:22:18.123Z vcsa.example.org federation 123 - - {line}",
    "RFC 5424 with structured data": lambda line: (
        f'<14>1 2026-11-28T05:22:18Z vcsa federation - - [meta@6876 sequenceId="1"] \ufeff{line}'
    ),
    "container": lambda line: f"2026-11-28T05:22:18.123456789Z stdout F {line}",
    "container with an offset": lambda line: f"2026-11-28T05:22:18.123456789+01:00 stderr F {line}",
    "container's output with times": lambda line: f"2026-11-28T05:22:18.123456789Z {line}",
    "coloured parts": _coloured,
    "coloured level with its space": lambda line: re.sub(
        r" (INFO |WARN |DEBUG|ERROR) ", " \x1b[1;32m\\1\x1b[m ", line, count=1
    ),
    "coloured line": lambda line: f"\x1b[33m{line}\x1b[m",
    "thread with a space": lambda line: line.replace("(federation-business-pool-0)", "(pool 3 thread 7)"),
}
"""Every line of the log in one of these is read."""

_SEVEN = re.compile(r"\[CUSTOMER;-;")

UNKNOWN: dict[str, Shape] = {
    "unknown zone": lambda line: _STAMP.sub(r"\1,\2 CEST", line),
    "unknown prefix": lambda line: f"[vcsa] federation | {line}",
    "partial line of a container": lambda line: f"2026-11-28T05:22:18.123456789Z stdout P {line}",
    "JSON": lambda line: f'{{"log":"{line}\\n","stream":"stdout"}}',
    "other colour": lambda line: f"\x1b]8;;x\x07{line}",
    "seven fields": lambda line: _SEVEN.sub("[CUSTOMER;-;-;", line),
    "another service": lambda line: line.replace(":federation ", ":federation-2 "),
    "lower-case reason": lambda line: line.replace("USER_NOT_FOUND", "user_not_found"),
    "one more word": lambda line: f"{line} indeed",
    "cut in the value": lambda line: line[: line.find(" on attribute") + 20] if " on attribute" in line else line,
    "half written": lambda line: line[:-9] if "Failing login" in line else line,
    "upper case": lambda line: line.replace("Fetching user for jit", "FETCHING USER FOR JIT"),
    "abbreviated logger": lambda line: line.replace("com.vmware.vidm.federation.login.", "c.v.v.f.l."),
}
"""Each changes at least one line of a refused login so that it does not fit the grammar."""
