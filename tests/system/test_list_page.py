# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook list: what it shows, what it writes, and how the page does in a real browser."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_report import render
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_rows import read_users
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance
from system.playbook import NAMESPACE, Json, Playbooks, Run

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
IMAGE = "<img src=x onerror=\"document.title='ran'\">"
SCRIPT = "<script>document.title='ran'</script>"
JINJA = "{{ lookup('pipe', 'touch ran') }}"
COLUMNS = ["Name", "User name", "Domain", "ExternalId", "State", "Groups", "Last attempt", "Outcome"]
SCREENS = [(1280, 900), (390, 844)]
SCHEMES = ["light", "dark"]


# --- the playbook -------------------------------------------------------------------------------------


def people(appliance: Appliance) -> None:
    appliance.add_user("muffin@lab.example.org", PEOPLE["muffin"], domain=DEFAULT_DOMAIN, given_name="Muffin")
    appliance.add_user("crumpet@lab.example.org", PEOPLE["crumpet"], domain=DEFAULT_DOMAIN, active=False)
    appliance.add_user(
        "=cmd@lab.example.org",
        "E-1",
        domain=DEFAULT_DOMAIN,
        given_name=SCRIPT,
        family_name="\x1b[2J\u202e山田",
        displayName=f"{IMAGE}{JINJA}",
    )
    # Long enough ago for its outcome to be settled.
    appliance.login("muffin", source_ip="192.0.2.77", at=datetime.now(UTC) - timedelta(hours=1))
    appliance.login("scone")


def listing(playbooks: Playbooks, *arguments: str, **settings: Any) -> Run:
    extra = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    return playbooks.run(f"{NAMESPACE}.list", *extra, *arguments, variables=playbooks.variables)


def shown(run: Run) -> list[str]:
    lines = run.task("Show them").result["msg"]
    assert isinstance(lines, list)
    return lines


def test_a_table_is_shown_and_nothing_else_done(playbooks: Playbooks, appliance: Appliance) -> None:
    people(appliance)
    run = listing(playbooks).went_well()
    lines = shown(run)
    assert len(lines) == 5
    assert lines[0].startswith("USER NAME ")
    assert [line.index(" lab.example.org  ") + 1 for line in lines[1:4]] == [lines[0].index("DOMAIN")] * 3
    assert lines[4].startswith("3 users, 1 inactive; read ")
    assert lines[4].endswith(" from localhost")
    assert "\x1b" not in run.stdout
    assert IMAGE[:20] in lines[1]
    assert run.recap("localhost")["changed"] == 0
    assert (run.own, appliance.ssh_logins, appliance.writes()) == (["scim_user_info"], 0, [])


def test_each_format_is_written_where_the_person_is(playbooks: Playbooks, appliance: Appliance) -> None:
    people(appliance)
    for name in ("users.json", "users.csv", "users.html"):
        run = listing(playbooks, "--diff", list_file=name, list_log="true").went_well()
        path = playbooks.folder / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert str(path) in run.task("Say where it is").message
        assert "+++" not in run.stdout, "the content is not for the screen"
    assert appliance.writes() == []
    assert not list(playbooks.folder.rglob("ran"))

    document = json.loads((playbooks.folder / "users.json").read_text("utf-8"))
    assert document["host"] == "localhost"
    by_name = {user["username"].partition("@")[0]: user for user in document["users"]}
    assert by_name["=cmd"]["display_name"] == f"{IMAGE}{JINJA}"
    assert by_name["muffin"]["last_source_ip"] == "192.0.2.77"
    assert by_name["muffin"]["last_outcome"] == "allowed"
    assert (by_name["crumpet"]["last_attempt"], by_name["crumpet"]["active"]) == (None, False)

    content = (playbooks.folder / "users.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [row["username"] for row in rows] == [
        "'=cmd@lab.example.org",
        "crumpet@lab.example.org",
        "muffin@lab.example.org",
    ]
    assert rows[0]["family_name"] == "\x1b[2J\u202e山田"
    assert {name: value or None for name, value in rows[2].items() if name.startswith("last_")} == {
        name: value for name, value in by_name["muffin"].items() if name.startswith("last_")
    }


def test_a_named_format_counts_before_the_suffix(playbooks: Playbooks, appliance: Appliance) -> None:
    people(appliance)
    target = playbooks.folder / "elsewhere" / "users.txt"
    target.parent.mkdir()
    listing(playbooks, list_file=target, list_format="json").went_well()
    assert len(json.loads(target.read_text("utf-8"))["users"]) == 3


def test_check_mode_says_that_it_would(playbooks: Playbooks, appliance: Appliance) -> None:
    people(appliance)
    run = listing(playbooks, "--check", list_file="users.html").went_well()
    assert run.task("Say where it is").message == f"Would write {playbooks.folder / 'users.html'}"
    assert run.recap("localhost")["changed"] == 1
    assert not (playbooks.folder / "users.html").exists()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"list_file": "users.xls"}, [".json, .csv, .html"]),
        ({"list_file": "users"}, [".json, .csv, .html"]),
        ({"list_file": "users.html", "list_format": "pdf"}, ["json, csv, html"]),
        ({"list_file": "nowhere/users.html"}, ["list_file", "nowhere"]),
    ],
)
def test_what_cannot_be_written_is_told_before_anybody_is_asked(
    playbooks: Playbooks, appliance: Appliance, settings: dict[str, str], says: list[str]
) -> None:
    run = listing(playbooks, "--check", **settings)
    assert run.code != 0
    assert [part for part in says if part not in run.failure.message] == []
    assert appliance.requests == []


def test_a_log_that_was_not_read_wholly_is_told(playbooks: Playbooks, appliance: Appliance) -> None:
    people(appliance)
    rotated = appliance.log_path.with_name(f"{appliance.log_path.stem}-1.log.gz")
    rotated.write_bytes(b"not gzip at all")
    try:
        run = listing(playbooks, list_log="true", list_file="users.html").went_well()
    finally:
        rotated.unlink()
    (reading,) = run.of("externalid_fact")
    assert reading.result["complete"] is False
    lines = shown(run)
    assert any("NOT READ WHOLLY" in line for line in lines)
    page = (playbooks.folder / "users.html").read_text("utf-8")
    assert "was not read wholly" in page
    for gap in reading.result["gaps"]:
        assert f"- {gap}" in lines
    assert any("in the domain lab.example.org" in line for line in lines)


# --- the page in a browser ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or "chromium"
    found = shutil.which(program)
    if found is None:
        pytest.skip(
            f"NO BROWSER: {program} was not found, so the page of users was NOT looked at. On Debian and its children: "
            "apt-get install chromium. CHROMIUM names another."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page, and all that it asks for or complains of."""

    def __init__(self, context: BrowserContext, path: Path) -> None:
        self.page: Page = context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("a dialog"), dialog.dismiss()))
        self.page.goto(path.as_uri())
        self.alone = [path.as_uri()]

    def is_well(self) -> None:
        assert self.complaints == []
        assert self.requests == self.alone
        assert self.page.title().startswith("Users of ")

    def column(self, number: int) -> list[str]:
        cells = self.page.locator(f"tbody tr > :nth-child({number + 1})")
        found: list[str] = cells.evaluate_all(
            "all => all.map(c => (c.querySelector('b, time, span') ?? c).textContent)"
        )
        return found

    def shows(self, beginning: str) -> None:
        """Wait until the count begins so. What waits for a script of one's own is refused by the page's policy."""
        expect(self.page.locator("#count")).to_have_text(re.compile(f"^{beginning}"))

    @property
    def count(self) -> str:
        return self.page.locator("#count").inner_text()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def many(count: int) -> tuple[list[Json], Json]:
    """Varied users, a few of them hostile, and the log of their logins."""
    began = datetime(2026, 2, 4, 15, 5, 23, tzinfo=UTC)
    names = ["Ada", "Björn", "Élodie", "太郎", "지훈", "Zoë", "Wolfeschlegelsteinhausenbergerdorff", "O'Connor"]
    domains = ["lab.example.org", "example.com", "contractors.emea.corp.example.net", None]
    users: list[Json] = []
    attempts: list[Json] = []
    for number in range(count):
        name, domain = names[number % len(names)], domains[number * 7 % 11 % len(domains)]
        external_id = f"{number * 7919 % 100_003:08x}-0000-4000-8000-{number:012x}" if number % 13 else "f" * 64
        users.append(
            {
                "username": f"user{number}@{domain}" if domain else f"user{number}",
                "domain": domain,
                "external_id": external_id,
                "given_name": name,
                "family_name": names[number // 8 % len(names)],
                "display_name": f"{name} {number}" if number % 3 else None,
                "email": f"user{number}@example.org",
                "active": (True, True, False, True, None)[number % 5],
                "groups": ["ALL_USERS", "vSphere Admins", "ops", "Backup operators"][: number % 5],
            }
        )
        if number % 4:
            attempts.append(
                {
                    "timestamp": (began - timedelta(minutes=number * 37 % 9999)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                    "external_id": external_id,
                    "domains": [domain or "example.com"],
                    "outcome": ("allowed", "denied", "unknown")[number % 3],
                    "reason": None,
                    "source_ip": "2001:db8:85a3::8a2e:370:7334" if number % 2 else "192.0.2.10",
                    "context_id": "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10",
                    "malformed": False,
                }
            )
    users.append({**users[0], "username": SCRIPT, "display_name": IMAGE, "domain": IMAGE, "groups": [SCRIPT, "x" * 99]})
    return users, {"attempts": attempts, "complete": True, "gaps": []}


def page_of(folder: Path, count: int) -> Path:
    users, log = many(count)
    page = render(read_users(users, log, host="vcsa.example.org", read_at="2026-02-04T16:00:00Z"), "html")
    assert isinstance(page, str)
    path = folder / "users.html"
    path.write_text(page, encoding="utf-8", newline="")
    return path


def test_the_playbook_s_page_keeps_to_itself(
    playbooks: Playbooks, appliance: Appliance, context: BrowserContext
) -> None:
    people(appliance)
    listing(playbooks, list_file="users.html", list_log="true").went_well()
    seen = Watched(context, playbooks.folder / "users.html")
    assert seen.page.locator("thead button").all_inner_texts() == COLUMNS
    assert seen.count == "3 of 3 shown"
    assert seen.column(0) == [f"{IMAGE}{JINJA}", "", "Muffin"]
    assert PEOPLE["muffin"] in seen.column(3)
    assert seen.column(4) == ["Active", "Inactive", "Active"]
    legend = seen.page.locator(".legend").inner_text()
    for part in ("Read 20", "UTC from localhost", "somebody had this ExternalId, never who"):
        assert part in legend
    assert seen.page.locator("tbody script, tbody img").count() == 0
    seen.is_well()


def test_the_policy_holds_even_if_markup_got_in(tmp_path: Path, context: BrowserContext) -> None:
    seen = Watched(context, page_of(tmp_path, 3))
    seen.is_well()
    seen.page.evaluate("text => document.body.insertAdjacentHTML('beforeend', text)", IMAGE)
    seen.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = \"document.title='ran'\"; document.body.append(s); }"
    )
    seen.page.evaluate(
        "() => new Promise(done => { const i = new Image(); i.onerror = done; i.src = 'http://127.0.0.1:9/x'; })"
    )
    assert seen.page.title() == "Users of vcsa.example.org"
    assert seen.complaints, "the browser says what it refused"


def test_a_click_on_each_header_sorts_both_ways(tmp_path: Path, context: BrowserContext) -> None:
    seen = Watched(context, page_of(tmp_path, 60))
    heads = seen.page.locator("thead th")
    assert heads.count() == len(COLUMNS)
    for number in range(len(COLUMNS)):
        orders = []
        for direction in ("ascending", "descending"):
            heads.nth(number).locator("button").click()
            assert [head.get_attribute("aria-sort") for head in heads.all()] == [
                direction if other == number else None for other in range(len(COLUMNS))
            ]
            orders.append(seen.column(number))
        up, down = ([text for text in order if text] for order in orders)
        assert up == seen.page.evaluate(
            "all => [...all].sort(new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' }).compare)", up
        )
        assert down == up[::-1]
        assert len(set(up)) > 1
        for order, filled in zip(orders, (up, down), strict=True):
            assert order == filled + [""] * (61 - len(filled)), "who has nothing stands at the end"
    seen.is_well()


def test_search_and_filters_narrow_and_the_count_follows(tmp_path: Path, context: BrowserContext) -> None:
    seen = Watched(context, page_of(tmp_path, 60))
    find, state, domain = (seen.page.locator(f"#{name}") for name in ("find", "state", "domain"))
    assert seen.count == "61 of 61 shown"
    find.fill("ELODIE user10")
    seen.shows("1 of ")
    assert [name.partition("@")[0] for name in seen.column(1)] == ["user10"]
    find.fill("")
    seen.shows("61 of ")

    state.select_option(label="Inactive")
    assert set(seen.column(4)) == {"Inactive"}
    inactive = len(seen.column(4))
    assert seen.count == f"{inactive} of 61 shown"
    domain.select_option(label="example.com")
    assert set(seen.column(2)) == {"example.com"}
    assert 0 < len(seen.column(2)) < inactive
    domain.select_option(label="Unknown")
    assert set(seen.column(2)) == {""}
    domain.select_option(label=IMAGE)
    state.select_option(label="All")
    assert seen.column(2) == [IMAGE]

    find.fill("nobody is called so")
    seen.page.locator("#nobody").wait_for(state="visible")
    assert seen.count == "0 of 61 shown"
    seen.page.locator("#clear").click()
    assert seen.count == "61 of 61 shown"
    # A sorted list stays sorted.
    seen.page.locator("thead button").nth(1).click()
    find.fill("user1")
    seen.shows("11 of ")
    numbers = [int(name.partition("@")[0].removeprefix("user")) for name in seen.column(1)]
    assert numbers == sorted(numbers)
    seen.is_well()


def test_everything_works_from_the_keyboard(tmp_path: Path, context: BrowserContext) -> None:
    seen = Watched(context, page_of(tmp_path, 20))
    keyboard = seen.page.keyboard
    keyboard.press("/")
    keyboard.type("user7")
    seen.shows("1 of ")
    keyboard.press("Escape")
    assert seen.count == "21 of 21 shown"
    for _step in range(3):  # state, domain, the first header
        keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Name"
    keyboard.press("Enter")
    head = seen.page.locator("thead th").first
    assert head.get_attribute("aria-sort") == "ascending"
    keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    assert seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    seen.is_well()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_it_fits_the_screen(tmp_path: Path, browser: Browser, screen: tuple[int, int], scheme: Any) -> None:
    width, height = screen
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    seen = Watched(context, page_of(tmp_path, 200))
    seen.page.screenshot(path=tmp_path / f"{width}-{scheme}.png")
    for place in (0, 3000, 10**6):
        seen.page.evaluate("place => scrollTo(0, place)", place)
        widths = seen.page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
        assert max(widths) <= width
    # The header stays in sight.
    box = seen.page.locator("thead button").first.bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 120
    background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in background[4:-1].split(",")) < 200) == (scheme == "dark")
    seen.is_well()
    context.close()


@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_without_scripts_it_is_a_plain_table(tmp_path: Path, browser: Browser, screen: tuple[int, int]) -> None:
    context = browser.new_context(viewport={"width": screen[0], "height": screen[1]}, java_script_enabled=False)
    page = context.new_page()
    page.goto(page_of(tmp_path, 400).as_uri())
    assert page.locator("tbody tr").count() == 401
    assert page.locator("tbody tr").last.is_visible()
    assert not page.locator("#bar").is_visible()
    assert page.locator("thead button").count() == 0
    context.close()


def test_thousands_are_listed_as_one_scrolls_and_printed_wholly(tmp_path: Path, context: BrowserContext) -> None:
    seen = Watched(context, page_of(tmp_path, 3000))
    assert seen.count == "3,001 of 3,001 shown"
    rows = seen.page.locator("tbody tr")
    few = rows.count()
    assert 0 < few < 1500
    seen.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(rows).not_to_have_count(few)
    seen.page.locator("thead button").nth(1).click()
    assert seen.column(1)[-1] != ""
    assert rows.count() < 1500
    seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert rows.count() == 3001
    seen.is_well()
