# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures, prints the report, and ends with 1 where a figure misses its limit."""

from __future__ import annotations

import argparse
import sys
from tempfile import TemporaryDirectory

from . import big_log, diagnosis, first_login, fleet, people, pocket_id, roles
from .report import Report

CHAPTERS = {
    "role": ("The role, against an empty play on the same machine", roles.measure),
    "fleet": (fleet.TITLE, fleet.measure),
    "people": (people.TITLE, people.measure),
    "pocket_id": (pocket_id.TITLE, pocket_id.measure),
    "diagnosis": (diagnosis.TITLE, diagnosis.measure),
    "first_login": (first_login.TITLE, first_login.measure),
    "log": ("externalid_fact on a 1 GiB log, against: grep -i externalid | tail -5", big_log.measure),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the chapters, and measure nothing")
    parser.add_argument("chapter", nargs="*", help=f"one of {', '.join(CHAPTERS)}; default: all")
    options = parser.parse_args()
    if unknown := set(options.chapter) - CHAPTERS.keys():
        parser.error(f"no chapter {', '.join(sorted(unknown))}; there are {', '.join(CHAPTERS)}")
    if options.list:
        print("\n".join(f"{name:<11} {title}" for name, (title, _measure) in CHAPTERS.items()))
        return 0
    report = Report()
    with TemporaryDirectory(dir=".cache", prefix="bench.") as folder:
        for name in options.chapter or CHAPTERS:
            title, measure = CHAPTERS[name]
            report.chapter(title)
            for figure in measure(folder):
                report.show(figure)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
