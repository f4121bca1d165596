# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures, prints the report, and ends with 1 where a figure misses its limit."""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory

from . import big_log, roles
from .report import Figure, Report


def main() -> int:
    report = Report()
    with TemporaryDirectory(dir=".cache", prefix="bench.") as folder:
        for title, measure in (
            ("The role, against an empty play on the same machine", roles.measure),
            ("externalid_fact on a 1 GiB log, against: grep -i externalid | tail -5", big_log.measure),
        ):
            report.chapter(title)
            for figure in measure(folder):
                report.show(figure)
    return report.close()


__all__ = ["Figure", "main"]

if __name__ == "__main__":
    sys.exit(main())
