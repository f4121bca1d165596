# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(make bench) can begin; what it measures is no matter of tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_make_bench_names_its_chapters() -> None:
    # Its set-up is left out: it could make the environment anew that these tests run in.
    said = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "bench", "ONLY=--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    measuring = said.stdout.splitlines()[-1]
    answer = subprocess.run(["sh", "-c", measuring], cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "externalid_fact on a 1 GiB log" in answer.stdout
    assert "pocket_id   The role on a whole group of Pocket ID" in answer.stdout
