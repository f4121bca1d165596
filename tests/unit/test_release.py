# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of a release: the workflows run what `make test` runs, with all that is supported, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
IMAGES = "https://raw.githubusercontent.com/homelab-identity-broker/homelab.identity_broker/main/"

# docs.ansible.com, "Releases and maintenance", control node.
PYTHONS = {
    "2.19": ["3.11", "3.12", "3.13"],
    "2.20": ["3.12", "3.13", "3.14"],
    "2.21": ["3.12", "3.13", "3.14"],
}


def workflow(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text("utf-8"))
    return content


def steps(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in content["jobs"].values() for step in job.get("steps", ())]


def known_steps() -> set[str]:
    """The names that the two tables of test.sh give."""
    found = set(re.findall(r'^    "(\w+)\|', (ROOT / "tests/tools/test.sh").read_text("utf-8"), re.MULTILINE))
    assert {"ruff", "tarball"} <= found
    return found


def pinned(requirements: str) -> str:
    found = re.search(
        r"^ansible-core==(\d+\.\d+)\.", (ROOT / f"tests/requirements/{requirements}.txt").read_text(), re.MULTILINE
    )
    assert found
    return found[1]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_scripts_are_there(path: Path) -> None:
    text = path.read_text("utf-8")
    for used in re.findall(r"uses: (.*)", text):
        assert used.startswith("./") or re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", used), used
    for script in re.findall(r"tests/tools/\w+\.sh", text):
        assert (ROOT / script).is_file(), script
    for step in steps(workflow(path.stem)):
        assert "${{" not in step.get("run", ""), "what somebody else may name goes through env, not into a script"


def test_ci_runs_every_step() -> None:
    content = workflow("ci")
    patterns = [found for step in steps(content) for found in re.findall(r"--only ['\"](.*)['\"]", step.get("run", ""))]
    columns = {row["column"] for row in content["jobs"]["ansible"]["strategy"]["matrix"]["include"]}
    patterns = [pattern.replace("$COLUMN", column).replace("\\$", "$") for pattern in patterns for column in columns]
    text = (ROOT / "tests/tools/test.sh").read_text("utf-8")
    linters = set(re.findall(r'"(\w+)\|', text.partition("LINTERS=(")[2].partition(")\n")[0]))
    assert any("test.sh --lint" in step.get("run", "") for step in steps(content))
    assert {name for name in known_steps() - linters if any(re.search(pattern, name) for pattern in patterns)} == (
        known_steps() - linters
    )
    for pattern in patterns:
        assert any(re.search(pattern, name) for name in known_steps()), pattern
    assert sorted(content["jobs"]["all"]["needs"]) == sorted(set(content["jobs"]) - {"all"})


def test_the_matrix_is_what_is_supported() -> None:
    rows = workflow("ci")["jobs"]["ansible"]["strategy"]["matrix"]["include"]
    assert [(row["core"], row["python"]) for row in rows] == [
        (core, python) for core, pythons in PYTHONS.items() for python in pythons
    ]
    oldest, newest = min(PYTHONS), max(PYTHONS)
    # The first column is the oldest of both, and only that.
    assert [(row["core"], row["python"]) for row in rows if row["column"] == "oldest"] == [(oldest, PYTHONS[oldest][0])]
    assert (pinned("demo"), pinned("test-next")) == (oldest, newest)
    requires = yaml.safe_load((ROOT / "meta/runtime.yml").read_text("utf-8"))["requires_ansible"]
    assert requires == f">={oldest}.0"
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"ansible-core {oldest} or later on Python {PYTHONS[oldest][0]} or later" in readme
    for role in (ROOT / "roles").iterdir():
        about = yaml.safe_load((role / "meta/main.yml").read_text("utf-8"))["galaxy_info"]
        assert about["min_ansible_version"] == oldest


def test_what_is_released_is_tested_first_and_by_one_script() -> None:
    content = workflow("release")
    assert content["jobs"]["test"]["uses"] == "./.github/workflows/ci.yml"
    assert content["jobs"]["build"]["needs"] == "test"
    assert content["jobs"]["publish"]["needs"] == "build"
    assert content["permissions"] == {}
    assert "contents" not in {
        name
        for job in ("test", "build")
        for name, right in content["jobs"][job]["permissions"].items()
        if right == "write"
    }


def test_the_pictures_of_the_readme_are_there() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = re.findall(r'<img [^>]*src="([^"]+)"', readme) + re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme)
    assert len(shown) >= 2
    for link in shown:
        # Galaxy shows the README too, and follows no relative link.
        assert link.startswith(IMAGES), link
        path = ROOT / link.removeprefix(IMAGES)
        assert 1_000 < path.stat().st_size < 300_000, path
