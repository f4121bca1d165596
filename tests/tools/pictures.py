# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the pictures of the README anew: C(make demo) as an animated SVG, and the page of users in a browser.

Both come from real runs against the simulator. Times and paths of this machine are replaced, so that where nothing has
changed, nothing differs.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import NAMESPACE_DNS, uuid5

ROOT = Path(__file__).absolute().parents[2]
sys.path[:0] = [str(ROOT / ".cache/collections"), str(ROOT / "tests")]

from playwright.sync_api import sync_playwright  # noqa: E402
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance  # noqa: E402
from system.playbook import Playbooks  # noqa: E402
from system.scenes import add_group  # noqa: E402
from tools.terminal_svg import render  # noqa: E402

IMAGES = ROOT / "docs/images"
WHEN = datetime(2026, 2, 4, 15, 5, 23, tzinfo=UTC)
TIME = re.compile(r"20\d\d-\d\d-\d\d([T ])\d\d:\d\d:\d\d")


def frozen(text: str) -> str:
    """With no time after the one time, and no path of this machine."""
    now = {separator: WHEN.strftime(f"%Y-%m-%d{separator}%H:%M:%S") for separator in "T "}
    text = TIME.sub(lambda found: min(found[0], now[found[1]]), text)
    return text.replace(f"{ROOT}/.cache/collections", "~/.ansible/collections")


def record(command: list[str]) -> str:
    """What it writes on a terminal."""
    ours, its = pty.openpty()
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "1", "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=its, stderr=its) as run:
        os.close(its)
        said = b""
        # Linux tells the end of a terminal as an error.
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:
            pass
    os.close(ours)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {run.returncode}:\n{said.decode(errors='replace')}")
    return said.decode()


def picture_of_the_demo(path: Path) -> None:
    text = frozen(record([str(ROOT / "tests/tools/demo.sh")]))
    drawn = render(
        text,
        title="make demo",
        description="A denied login, a dry run with its diff, the run, the allowed login; then a group of Pocket ID.",
        poster="would be created: muffin",
    )
    path.write_text(drawn, encoding="utf-8")


def people(appliance: Appliance) -> None:
    """A small site: some log in, one was made after a refused login, one is locked out."""
    added = []
    for number, (name, family, state) in enumerate(
        [
            ("bagel", "Bagelstein", "allowed"),
            ("crumpet", "Crumpetson", "allowed"),
            ("muffin", "Muffinson", "allowed"),
            ("pretzel", "Bretzelmann", "locked"),
            ("scone", "Sconeborough", "refused"),
        ]
    ):
        sub = PEOPLE.get(name) or str(uuid5(NAMESPACE_DNS, name))
        attempt = {
            "sub": sub,
            "source_ip": f"192.0.2.{10 + number}",
            "at": WHEN - timedelta(hours=number * 5, minutes=number * 13),
        }
        if state == "refused":
            appliance.login(**attempt)
        user = appliance.add_user(
            f"{name}@{DEFAULT_DOMAIN}",
            sub,
            domain=DEFAULT_DOMAIN,
            given_name=name.capitalize(),
            family_name=family,
            email=f"{name}@example.org",
            active=state != "locked",
        )
        added.append(user)
        if state == "allowed":
            appliance.login(**attempt)
    everybody = {str(user["externalId"]): str(user["id"]) for user in added}
    add_group(appliance, "vcenter-admins", *(everybody[PEOPLE[name]] for name in ("crumpet", "muffin")))


def picture_of_the_page(path: Path) -> None:
    with TemporaryDirectory(dir=ROOT / ".cache", prefix="page.") as name, Appliance() as appliance:
        folder = Path(name)
        people(appliance)
        playbooks = Playbooks(folder, appliance, Path(sys.executable))
        try:
            arguments = ["-e", "list_file=users.html", "-e", "list_log=true"]
            playbooks.run("homelab.identity_broker.list", *arguments, variables=playbooks.variables).went_well()
        finally:
            playbooks.close()
        page = folder / "users.html"
        # The simulator's certificate is for this name.
        page.write_text(frozen(page.read_text("utf-8")).replace("localhost", "vcsa.example.org"), "utf-8")
        with sync_playwright() as playwright:
            program = shutil.which(os.environ.get("CHROMIUM") or "chromium")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            shown = browser.new_page(viewport={"width": 1360, "height": 600}, color_scheme="light", locale="en-GB")
            shown.goto(page.as_uri())
            shown.screenshot(path=path, full_page=True)
            browser.close()


def main() -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for path, make in (
        (IMAGES / "demo.svg", picture_of_the_demo),
        (IMAGES / "users.png", picture_of_the_page),
    ):
        make(path)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
