# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users as people and programs read them. Whatever a name holds, it stays a name."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._text_table import aligned, visible, width
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_report import (
    FORMATS,
    as_csv,
    as_json,
    format_of,
    render,
    table,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_rows import (
    COLUMNS,
    ONLY_SOMEBODY,
    Row,
    Users,
    host_name,
    point_in_time,
    read_users,
)
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, Any]

NOW = "2026-02-04T16:00:00Z"
PERSIAN = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"
HOSTILE = [
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    '"><svg onload="alert(1)">',
    "'-alert(1)-'",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "=HYPERLINK(1)",
    "+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\x1b[31mred\x1b[0m",
    "\x9b2J",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\u200dhidden",
    "two\r\nlines",
    "\u2028line\u2029",
    "\x00\x07\x7f",
    'a "quoted", thing',
    "山田太郎",
    "e\u0301te\u0301",
    "👩\u200d🚀",
    PERSIAN,
    "\ud800",
]
texts = st.sampled_from(HOSTILE) | st.text(max_size=12)
users = st.fixed_dictionaries(
    {
        "username": texts.filter(bool),
        "domain": st.none() | texts,
        "external_id": st.none() | st.sampled_from(["E-1", "E-2", "e-1"]) | texts,
        "given_name": st.none() | texts,
        "family_name": st.none() | texts,
        "display_name": st.none() | texts,
        "email": st.none() | texts,
        "active": st.sampled_from([True, False, None]),
        "groups": st.lists(texts, max_size=3),
    }
)


def attempt(external_id: str | None, minutes: int = 0, **more: Any) -> Json:
    moment = datetime(2026, 2, 4, 15, 5, 23, tzinfo=UTC) + timedelta(minutes=minutes)
    return {
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "external_id": external_id,
        "domains": ["lab.example.org"],
        "outcome": "allowed",
        "reason": None,
        "source_ip": f"192.0.2.{minutes % 250}",
        "context_id": "8a4c91f7-d6da-4f6a-a626-31c0b7de5a10",
        "malformed": False,
        **more,
    }


def log(*attempts: Json, gaps: tuple[str, ...] = ()) -> Json:
    return {"attempts": list(attempts), "complete": not gaps, "gaps": list(gaps)}


attempts = st.lists(
    st.builds(
        attempt,
        st.sampled_from(["E-1", "E-2", "e-1", None]),
        st.integers(0, 9),
        outcome=st.sampled_from(["allowed", "denied", "unknown"]),
        malformed=st.booleans(),
    ),
    max_size=8,
)
reports = st.builds(
    lambda listed, tried, read: read_users(listed, log(*tried) if read else None, host="vcsa", read_at=NOW),
    st.lists(users, max_size=4),
    attempts,
    st.booleans(),
)


def text_of(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "\n".join(value)


def seen(character: str) -> bool:
    """Not what terminals and browsers obey; the joiners of scripts and emoji apart."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or character in "\u200c\u200d"


# --- rows ---------------------------------------------------------------------------------------------


@given(st.lists(users, max_size=4), attempts)
def test_a_row_tells_the_newest_attempt_by_exactly_this_external_id(listed: list[Json], tried: list[Json]) -> None:
    report = read_users(listed, log(*tried), read_at=NOW)
    assert len(report.rows) == len(listed)
    for user, row in zip(listed, report.rows, strict=True):
        assert tuple(row) == COLUMNS
        own = [a for a in tried if a["external_id"] == user["external_id"] and a["external_id"] and not a["malformed"]]
        newest = max((a["timestamp"] for a in own), default=None)
        assert row["last_attempt"] == newest
        told = (row["last_outcome"], row["last_source_ip"])
        assert told in [(a["outcome"], a["source_ip"]) for a in own if a["timestamp"] == newest] or newest is None
        if newest is None:
            assert told == (None, None)


def test_what_is_empty_is_null_and_what_is_no_state_is_unknown() -> None:
    (row,) = read_users([{"username": "a", "email": "", "active": "yes", "groups": None, "id": "7"}], read_at=NOW).rows
    assert row == {**dict.fromkeys(COLUMNS), "username": "a", "groups": []}


def test_an_outcome_that_is_none_of_ours_is_unknown() -> None:
    rows = read_users([{"username": "a", "external_id": "E-1"}], log(attempt("E-1", outcome="<b>")), read_at=NOW).rows
    assert rows[0]["last_outcome"] == "unknown"


@pytest.mark.parametrize("listed", [None, "muffin", {"users": []}, [1], [{"id": "1"}], [{"username": None}]])
def test_what_are_no_users_is_refused(listed: Any) -> None:
    with pytest.raises(InputError, match=r"users: .*scim_user_info"):
        read_users(listed, read_at=NOW)


@pytest.mark.parametrize(
    "found", [[], {}, {"failed": True, "msg": "unreachable"}, {"attempts": [{}], "complete": True}]
)
def test_what_is_no_result_of_externalid_fact_is_refused(found: Any) -> None:
    with pytest.raises(InputError, match=r"attempts: .*externalid_fact"):
        read_users([], found, read_at=NOW)


def test_a_skipped_task_read_no_log() -> None:
    assert read_users([], {"changed": False, "skipped": True}, read_at=NOW).log is None


@pytest.mark.parametrize(
    ("given_host", "told"),
    [
        ("vcsa.example.org", "vcsa.example.org"),
        ("https://user:secret@vcsa.example.org:8443/usergroup?token=secret", "vcsa.example.org"),
        ("//[", None),
        ("", None),
        (None, None),
    ],
)
def test_of_an_address_only_the_host_is_told(given_host: str | None, told: str | None) -> None:
    assert host_name(given_host) == told


def test_a_time_is_told_in_utc() -> None:
    for value in (NOW, "2026-02-04T16:00:00", "2026-02-04T17:00:00+01:00", point_in_time(NOW)):
        assert read_users([], read_at=value).read_at_text == NOW
    with pytest.raises(InputError, match="read_at"):
        point_in_time("yesterday")


# --- which format -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "file", "found"),
    [
        (None, None, "table"),
        ("json", None, "json"),
        (None, "users.html", "html"),
        (None, "/tmp/x.d/USERS.CSV", "csv"),  # noqa: S108
        ("json", "users.html", "json"),
        ("csv", "users", "csv"),
        ("", "users.json", "json"),
    ],
)
def test_the_name_of_a_format_counts_before_the_suffix(wanted: str | None, file: str | None, found: str) -> None:
    assert format_of(wanted, file) == found


@pytest.mark.parametrize(
    ("wanted", "file"),
    [("xml", None), (None, "users.xls"), (None, "users"), (None, "a.csv/b"), (None, ""), ("table", "a.csv")],
)
def test_an_unknown_format_is_an_error_that_lists_them(wanted: str | None, file: str | None) -> None:
    with pytest.raises(InputError, match=r"json.*csv.*html"):
        format_of(wanted, file)


@given(reports, st.sampled_from(FORMATS))
def test_every_format_can_be_written(report: Users, wanted: str) -> None:
    text_of(render(report, wanted)).encode()


# --- table --------------------------------------------------------------------------------------------


@given(st.lists(st.lists(texts.map(visible), min_size=3, max_size=3), min_size=1, max_size=5))
def test_columns_stand_below_each_other(rows: list[list[str]]) -> None:
    lines = aligned([[*row, "|"] for row in rows])
    ends = {width(line) for line in lines}
    assert len(ends) == 1, "the last column begins at the same place everywhere"
    for line, row in zip(lines, rows, strict=True):
        assert line.startswith(row[0])


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("山田", 4),
        ("e\u0301", 1),
        ("지훈", 4),
        ("각", 2),
        ("\u1100\u1161", 2),
        ("ｱ", 1),
        ("\uff21", 2),
        ("\u3000", 2),
    ],
)
def test_wide_and_combining_characters_are_measured(text: str, columns: int) -> None:
    assert width(text) == columns


@given(reports)
def test_no_character_of_a_table_is_obeyed(report: Users) -> None:
    lines = table(report)
    assert len(lines) == 2 + len(report.rows) + (report.log is not None)
    assert all(seen(character) for line in lines for character in line)
    assert f"{len(report.rows)} user" in lines[len(report.rows) + 1]


def test_joiners_stay_where_a_script_needs_them() -> None:
    assert visible(PERSIAN) == PERSIAN
    assert visible("👩\u200d🚀") == "👩\u200d🚀"
    assert visible("mu\u200dffin") == "mu<U+200D>ffin"
    assert visible("\u202egnp") == "<U+202E>gnp"


def test_the_closing_line_counts_and_the_gaps_follow() -> None:
    listed = [
        {"username": "a", "active": True, "external_id": "E-1"},
        {"username": "b", "active": False},
        {"username": "c"},
    ]
    found = log(attempt("E-1", outcome="denied"), gaps=("a log is missing\x1b[2J",))
    report = read_users(listed, found, host="vcsa", read_at=NOW, since="30m", domain="lab.example.org")
    closing, somebody, narrowed, warning, gap = table(report)[4:]
    for part in ("3 users", "1 inactive", "1 not known", "1 last denied", "2 without a login attempt", NOW, "vcsa"):
        assert part in closing
    assert somebody == ONLY_SOMEBODY
    assert "since 30m" in narrowed
    assert "in the domain lab.example.org" in narrowed
    assert "NOT READ WHOLLY" in warning
    assert gap == "- a log is missing<U+001B>[2J"
    page = text_of(render(report, "html"))
    for part in (ONLY_SOMEBODY, "since 30m", "was not read wholly", "a log is missing&lt;U+001B&gt;[2J"):
        assert part in page


def test_user_names_and_external_ids_are_never_cut() -> None:
    long = "x" * 200
    lines = table(read_users([{"username": long, "external_id": f"E{long}", "email": long}], read_at=NOW))
    assert f"{long}  " in lines[1]
    assert f"E{long}  " in lines[1]
    assert lines[1].count("\u2026") == 1


@pytest.mark.parametrize(
    ("display_name", "shown"),
    [(None, "Muffin Muffinson"), ("Muffin", "Muffin Muffinson"), ("The Muffin", "The Muffin")],
)
def test_a_display_name_that_the_broker_took_from_the_given_name_hides_no_family_name(
    display_name: str | None, shown: str
) -> None:
    names = {"given_name": "Muffin", "family_name": "Muffinson", "display_name": display_name}
    assert f"  {shown}  " in table(read_users([{"username": "muffin", **names}], read_at=NOW))[1]


# --- JSON and CSV -------------------------------------------------------------------------------------


@given(reports)
def test_json_is_read_back_as_it_was(report: Users) -> None:
    text = as_json(report)
    assert json.loads(text.encode()) == {"host": "vcsa", "read_at": NOW, "users": list(report.rows)}
    assert all(seen(character) or character == "\n" for character in text)


def csv_text(row: Row, column: str) -> str:
    value = row[column]
    if isinstance(value, bool):
        return str(value).lower()
    return "; ".join(value) if isinstance(value, list) else value or ""


@given(reports)
def test_csv_is_read_back_as_it_was_and_nothing_is_a_formula(report: Users) -> None:
    content = as_csv(report).encode()
    assert content.startswith(b"\xef\xbb\xbfusername,domain,external_id,")
    header, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    assert tuple(header) == COLUMNS
    assert len(lines) == len(report.rows)
    for line, row in zip(lines, report.rows, strict=True):
        for cell, column in zip(line, COLUMNS, strict=True):
            wanted = csv_text(row, column).replace("\ud800", "<U+D800>")
            assert cell == (f"'{wanted}" if wanted[:1] in ("=", "+", "-", "@", "\t", "\r") and wanted else wanted)
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_lines_of_csv_end_as_rfc_4180_says() -> None:
    text = as_csv(read_users([{"username": 'a"b,c', "groups": ["x", "y"]}], read_at=NOW))
    assert text.endswith('\r\n"a""b,c",,,,,,,,x; y,,,\r\n')


# --- the page -----------------------------------------------------------------------------------------

ELEMENTS = {
    *{"html", "head", "meta", "title", "style", "script", "body", "header", "div", "p", "h1", "ul", "li", "b", "time"},
    *{"main", "aside", "label", "span", "input", "select", "option", "output", "table", "caption", "colgroup", "col"},
    *{"thead", "tbody", "tr", "th", "td", "small", "button", "wbr"},
}
ATTRIBUTES = {
    *{
        "lang",
        "data-log",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "datetime",
        "id",
        "role",
        "hidden",
        "type",
    },
    *{"placeholder", "autocomplete", "spellcheck", "value", "for", "style", "scope", "data-s", "data-d", "colspan"},
}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.policy = ""
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _value in attrs}
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"] or ""

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def scripts_of(text: str) -> list[str]:
    return re.findall(r"<script>(.*?)</script>", text, re.DOTALL)


@given(reports)
def test_nothing_of_a_user_becomes_markup(report: Users) -> None:
    text = text_of(render(report, "html"))
    page = Page(text)
    assert set(page.elements) <= ELEMENTS
    assert page.attributes <= ATTRIBUTES
    assert page.elements.count("script") == 2
    assert page.elements.count("tr") == 1 + max(1, len(report.rows))
    assert all(seen(character) or character == "\n" for character in text)
    own = text.partition("<title>")[0] + text.partition("</title>")[2].partition("<body>")[0] + scripts_of(text)[1]
    for address in ("http:", "https:", "url(", "@import", "fetch(", "innerHTML", "eval("):
        assert address not in own


@given(reports)
def test_the_policy_lets_exactly_the_page_s_own_scripts_run(report: Users) -> None:
    text = text_of(render(report, "html"))
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts_of(text)]
    policy = dict(part.strip().split(" ", 1) for part in Page(text).policy.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert policy["style-src"] == "'unsafe-inline'"
    assert text.index("Content-Security-Policy") < text.index("<style>") < text.index("<script>")


@given(reports)
def test_a_page_shows_every_value_of_every_row(report: Users) -> None:
    shown = "".join(Page(text_of(render(report, "html"))).texts)
    for row in report.rows:
        for column in ("username", "domain", "external_id", "display_name", "email"):
            assert visible(row[column] or "") in shown, column
        for group in row["groups"]:
            assert visible(group) in shown
        assert (row["last_outcome"] or "").capitalize() in shown


def test_a_page_without_users_or_log_says_so() -> None:
    page = text_of(render(read_users([], host=None, read_at=NOW), "html"))
    assert "The broker has no users." in page
    assert "The log of logins was not read." in page
    assert ">Outcome<" not in page
