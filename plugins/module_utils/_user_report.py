# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The broker's users as a table, JSON, CSV or a page. PRIVATE to this collection."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

from ._errors import InputError
from ._text_table import aligned, shortened, visible
from ._user_page import page
from ._user_rows import COLUMNS, ONLY_SOMEBODY, Row, Users, name_to_show

FILE_FORMATS = ("json", "csv", "html")
FORMATS = ("table", *FILE_FORMATS)

LONGEST_CELL = 40
"""What names, addresses and groups are cut to in the table. User names and ExternalIds never are."""

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_ASCII = re.compile("[^\n\x20-\x7e]")


def format_of(wanted: Any, file: Any) -> str:
    """The format that was named, else the one that the file's suffix names, else a table. Raises InputError."""
    known = FORMATS if file is None else FILE_FORMATS
    if wanted:
        if wanted not in known:
            raise InputError("format", f"{wanted!r} is none of {', '.join(known)}", "Give one of them.")
        return str(wanted)
    if file is None:
        return "table"
    suffix = str(file).rpartition("/")[2].rpartition(".")[2].lower()
    if suffix not in FILE_FORMATS:
        suffixes = ", ".join(f".{name}" for name in FILE_FORMATS)
        raise InputError("file", f"{str(file)!r} has none of the suffixes {suffixes}", "Use one, or name the format.")
    return suffix


def render(users: Users, wanted: str) -> str | list[str]:
    """The users in one of C(FORMATS): a table is a list of lines, everything else the content of a file."""
    return _RENDERERS[wanted](users)


def table(users: Users) -> list[str]:
    """Lines for a terminal: a header, the users, what they come to, and what must be known of the log."""
    titles = ["USER NAME", "DOMAIN", "EXTERNALID", "NAME", "E-MAIL", "STATE", "GROUPS"]
    if users.log:
        titles += ["LAST ATTEMPT (UTC)", "OUTCOME", "FROM"]
    return [*aligned([titles, *(_cells(row)[: len(titles)] for row in users.rows)]), _closing(users), *_remarks(users)]


def as_json(users: Users) -> str:
    """A document with all columns."""
    document = {"host": users.host, "read_at": users.read_at_text, "users": list(users.rows)}
    text = json.dumps(document, ensure_ascii=False, indent=2)
    # What is unseen, or cannot be written as UTF-8, stays an escape, and is read back as it was.
    return _NOT_ASCII.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text) + "\n"


def as_csv(users: Users) -> str:
    """RFC 4180 with all columns. The byte order mark is what spreadsheets know UTF-8 by."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(COLUMNS)
    writer.writerows([_csv_cell(row[column]) for column in COLUMNS] for row in users.rows)
    return "\ufeff" + target.getvalue()


def _csv_cell(value: Any) -> str:
    """The text of a cell. A spreadsheet would compute what begins like a formula; the apostrophe keeps it text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "; ".join(value) if isinstance(value, list) else value or ""
    text = _SURROGATE.sub(lambda found: visible(found[0]), text)
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def _cells(row: Row) -> list[str]:
    when = row["last_attempt"]
    return [
        visible(row["username"] or ""),
        visible(row["domain"] or "-"),
        visible(row["external_id"] or "-"),
        *(shortened(visible(text or "-"), LONGEST_CELL) for text in (name_to_show(row), row["email"])),
        {True: "active", False: "inactive", None: "unknown"}[row["active"]],
        shortened(visible(", ".join(row["groups"]) or "-"), LONGEST_CELL),
        when[:19].replace("T", " ") if when else "-",
        row["last_outcome"] or "-",
        visible(row["last_source_ip"] or "-"),
    ]


def _closing(users: Users) -> str:
    total, unknown = len(users.rows), users.count("active", None)
    parts = [f"{total} user{'' if total == 1 else 's'}", f"{users.count('active', False)} inactive"]
    if unknown:
        parts.append(f"{unknown} not known to be either")
    if users.log:
        parts += [
            f"{users.count('last_outcome', 'denied')} last denied",
            f"{users.count('last_attempt', None)} without a login attempt in what was read of the log",
        ]
    return f"{', '.join(parts)}; read {users.read_at_text} from {visible(users.host or 'a host that was not named')}"


def _remarks(users: Users) -> list[str]:
    log = users.log
    if log is None:
        return []
    lines = [ONLY_SOMEBODY]
    if log.narrowed:
        lines.append(f"Only attempts {visible(' and '.join(log.narrowed))} were asked for.")
    if not log.complete:
        lines.append("THE LOG WAS NOT READ WHOLLY, so attempts may be missing or older than the newest:")
        lines += [f"- {visible(gap)}" for gap in log.gaps or ("the reader does not say why",)]
    return lines


_RENDERERS: dict[str, Callable[[Users], str | list[str]]] = {
    "table": table,
    "json": as_json,
    "csv": as_csv,
    "html": page,
}
