# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bytes of a CSV file -> items of C(users). PRIVATE to this collection.

Without a header the columns are those of William Lam's script. Nothing is guessed: what can be meant in two ways is
an error, and so is a file without people, since a list that is empty by mistake must not reach anybody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._csv_text import (
    DELIMITERS,
    CsvError,
    Problems,
    Row,
    delimiter_of,
    likely_delimiters,
    lines_of,
    loose_cells,
    rows,
    says_nothing,
    strict_cells,
)
from ._desired import desired_user
from ._errors import InputError
from ._texts import folded, same_name
from ._users import TEXT_ATTRIBUTES, USERNAME_FORMATS, WIRE_FORMS

CLEAR = "<clear>"
LISTS = ("groups", "login_from")
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
TRUTHS = ("active", "recreate", "rename")
CHOICES = {"state": ("present", "absent"), "username_format": USERNAME_FORMATS, "wire_form": WIRE_FORMS}
KNOWN = ("username", "domain", "external_id", *TEXT_ATTRIBUTES, *TRUTHS, *CHOICES, *LISTS)

LAM = ("username", "first", "last", "email", "externalId")
"""The columns of a file without a header."""

_ALIASES = {"first": "given_name", "last": "family_name", "externalid": "external_id"}
_LAM_ORDER = f"'{', '.join(LAM)}'"
_NOBODY = "there are no people in it, and an empty list is never meant. Write one line for each person."
_HEADER_WAY_OUT = f"Put a header above the people, such as {_LAM_ORDER}."


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it is (None: nothing that is known), how the file calls it, and whether it may hold something."""

    name: str | None
    shown: str
    surplus: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of a file are to be read; the people begin at the line with the index C(start)."""

    delimiter: str
    columns: tuple[Column, ...]
    start: int
    headed: bool

    def shown(self, name: str) -> str:
        """How the file calls a column."""
        return next((column.shown for column in self.columns if column.name == name), name)


def people(data: bytes, *, delimiter: str | None = None, encoding: str | None = None) -> list[dict[str, Any]]:
    """Read a file. Raises CsvError for what is wrong with the file, or InputError for the options.

    A line that cannot be read becomes an item with its `problem`, and with as much of the person as can be read. If every line
    has a problem, the file is refused. An empty cell is left out, which leaves the attribute as it is; `<clear>` is an empty
    string, which clears it.
    """
    lines = lines_of(data, encoding)
    problems, of_rows = Problems(), Problems()
    layout = _layout(lines, delimiter_of(delimiter) if delimiter else None, problems)
    found: list[tuple[Row, dict[str, Any]]] = []
    shown = [column.shown for column in layout.columns]
    for row in rows(lines, layout.start, layout.delimiter, shown, of_rows):
        if _is_header(row.cells) and _known(row.cells) == len([cell for cell in row.cells if cell]):
            problems.add(row.line, "", "is a header, and it is not the first line of the table", "Remove or move it.")
        else:
            found.append((row, _item(row, layout, of_rows)))
    if not layout.headed and found:
        _hold_order(found, problems, of_rows)
    _hold_once(found, layout, problems)
    items = {row.line: item for row, item in found}
    wrong = of_rows.by_line()
    if problems.found or set(items) <= set(wrong):
        problems.found += of_rows.found
        problems.refuse()
        raise CsvError([_NOBODY])
    return [
        {**items.get(line, {}), **({"problem": wrong[line]} if line in wrong else {})}
        for line in sorted({*items, *wrong})
    ]


# The layout


def _layout(lines: Sequence[str], delimiter: str | None, problems: Problems) -> Layout:
    first = next((at for at, line in enumerate(lines) if not (line.startswith("#") or says_nothing(line))), len(lines))
    if first == len(lines):
        raise CsvError([_NOBODY])
    line = lines[first]
    headers = {each: loose_cells(line, each) for each in ([delimiter] if delimiter else DELIMITERS)}
    headers = {each: cells for each, cells in headers.items() if _is_header(cells)}
    if headers:
        delimiter = max(headers, key=lambda each: _known(headers[each]))
        if strict_cells(line, delimiter) is None:
            raise CsvError([f"line {first + 1}: the quotes of the header do not fit. Remove them."])
        return Layout(delimiter, _columns(headers[delimiter], first + 1, problems), first + 1, headed=True)
    headed = _is_lams(_commented_header(lines[:first]), problems)
    if delimiter is None:
        likely = likely_delimiters(line)
        if len(likely) > 1:
            names = " or ".join(DELIMITERS[each] for each in likely)
            raise CsvError(
                [f"line {first + 1}: it cannot be told what separates the cells, {names}. {_HEADER_WAY_OUT}"]
            )
        delimiter = likely[0]
    return Layout(delimiter, tuple(Column(_canonical(name), name) for name in LAM), first, headed)


def _columns(cells: Sequence[str], line: int, problems: Problems) -> tuple[Column, ...]:
    columns = [
        Column(_canonical(cell), (cell if cell.isprintable() else f"{cell!a}")[:60] or str(number), surplus=not cell)
        for number, cell in enumerate(cells, start=1)
    ]
    unknown = [column.shown for column in columns if column.name is None and not column.surplus]
    if unknown:
        problems.add(
            line, ", ".join(unknown), "is not known", f"Known are: {', '.join(dict.fromkeys((*KNOWN, *LAM)))}."
        )
    names = [column.name for column in columns]
    for at, column in enumerate(columns):
        if column.name is not None and column.name in names[:at]:
            way_out = f"{columns[names.index(column.name)].shown} is the same. Remove one of the two."
            problems.add(line, column.shown, "is there twice", way_out)
    if "username" not in names:
        problems.add(line, "username", "is not in the header", "Add it: nobody is known without a name.")
    return tuple(columns)


def _canonical(cell: str) -> str | None:
    name = cell.casefold()
    name = _ALIASES.get(name, name)
    return name if name in KNOWN else None


def _known(cells: Sequence[str]) -> int:
    return sum(_canonical(cell) is not None for cell in cells)


def _is_header(cells: Sequence[str]) -> bool:
    """Whether a row names columns: the user name's, or two others without an address among them."""
    if any(_canonical(cell) == "username" for cell in cells):
        return True
    return _known(cells) >= 2 and not any("@" in cell for cell in cells)


def _commented_header(comments: Sequence[str]) -> tuple[int, list[str]] | None:
    """The line and cells of a comment that names columns and nothing else."""
    for number, comment in enumerate(comments, start=1):
        for each in DELIMITERS:
            cells = loose_cells(comment.lstrip("# \t"), each)
            if len(cells) > 1 and _is_header(cells) and _known(cells) == len(cells):
                return number, cells
    return None


def _is_lams(found: tuple[int, list[str]] | None, problems: Problems) -> bool:
    if found is None:
        return False
    number, cells = found
    if [_canonical(cell) for cell in cells] != [_canonical(name) for name in LAM[: len(cells)]]:
        problems.add(number, "", f"is a header behind #, in another order than {_LAM_ORDER}", "Remove the #.")
    return True


# The people


def _item(row: Row, layout: Layout, problems: Problems) -> dict[str, Any]:
    """One person as far as the cells are right; what is wrong with them is added to the problems."""
    item: dict[str, Any] = {}
    before = len(problems.found)
    for index, cell in enumerate(row.cells):
        if not cell:
            continue
        column = layout.columns[index] if index < len(layout.columns) else Column(None, str(index + 1), surplus=True)
        if column.surplus:
            problem = f"{_quoted(cell)} stands in a column without a name"
            way_out = "Remove it, or put the cell that holds the delimiter into quotes."
            problems.add(row.line, column.shown, problem, way_out)
        elif column.name is not None and column.name not in item:
            try:
                item[column.name] = _value(column.name, cell, layout)
            except InputError as error:
                _tell(row, column.shown, error, problems)
    named = any(column.name == "username" for column in layout.columns)
    if named and len(problems.found) == before:
        try:
            desired_user({"username": "", **item}, None)
        except InputError as error:
            _tell(row, layout.shown(error.field), error, problems)
    return item


def _tell(row: Row, shown: str, error: InputError, problems: Problems) -> None:
    problem = error.message.removeprefix(f"{error.field}: ").removesuffix(".")
    problems.add(row.line, shown, problem, error.way_out)


def _value(name: str, cell: str, layout: Layout) -> Any:
    """What a cell that is not empty says. Raises InputError."""
    if not cell.isprintable():
        signs = ", ".join(sorted({f"U+{ord(char):04X}" for char in cell if not char.isprintable()}))
        raise InputError(name, f"{_quoted(cell)} holds what cannot be printed ({signs})", "Remove or replace it.")
    parts = [part.strip() for part in re.split(r"\|" if layout.delimiter == ";" else "[;|]", cell)]
    if CLEAR in (cell, *(parts if name in LISTS else ())):
        if name in TEXT_ATTRIBUTES:
            return ""
        raise InputError(name, f"{CLEAR} cannot clear this", f"It clears {', '.join(TEXT_ATTRIBUTES)} only.")
    if name in LISTS:
        if not any(parts):
            raise InputError(name, f"{_quoted(cell)} separates nothing", "Name something, or leave the cell empty.")
        return [part for part in parts if part]
    if name in TRUTHS:
        return _choice(name, cell, TRUTH)
    if name in CHOICES:
        return _choice(name, cell, {choice: choice for choice in CHOICES[name]})
    return cell


def _choice(name: str, cell: str, choices: dict[str, Any]) -> Any:
    try:
        return choices[cell.casefold()]
    except KeyError:
        raise InputError(name, f"{_quoted(cell)} is none of its values", f"Give {', '.join(choices)}.") from None


def _quoted(text: str) -> str:
    """A text of the file for a message."""
    return f"{text!r}" if len(text) <= 60 else f"{text[:60]!r}..."


# What lines say together


def _hold_order(found: Sequence[tuple[Row, dict[str, Any]]], problems: Problems, of_rows: Problems) -> None:
    """Without a header, columns in another order would give one person's ExternalId to another attribute."""
    for row, item in found:
        email = item.get("email")
        if email and "@" not in email:
            way_out = f"Without a header the order is {_LAM_ORDER}. {_HEADER_WAY_OUT}"
            of_rows.add(row.line, "email", f"{_quoted(email)} is no e-mail address", way_out)
    if not any(item.get("email") or item.get("external_id") for _row, item in found):
        problem = f"there is no header, and nobody has an e-mail address or ExternalId where {_LAM_ORDER} has them"
        problems.add(found[0][0].line, "", problem, _HEADER_WAY_OUT)


def _hold_once(found: Sequence[tuple[Row, dict[str, Any]]], layout: Layout, problems: Problems) -> None:
    names: dict[str, list[tuple[int, str]]] = {}
    ids: dict[str, tuple[int, str]] = {}
    for row, item in found:
        username, external_id = item.get("username"), item.get("external_id")
        if username:
            bare, domain = _identity(username, item.get("domain"))
            others = names.setdefault(folded(bare), [])
            for line, other in others:
                # Two people of one name are told apart by domains that both lines name.
                if not (domain and other) or same_name(domain, other):
                    problem = f"{_quoted(username)} stands in line {line} already"
                    problems.add(row.line, layout.shown("username"), problem, "Remove one of the two lines.")
                    break
            others.append((row.line, domain))
        if external_id:
            line, other = ids.setdefault(external_id.casefold(), (row.line, external_id))
            if line != row.line:
                spelt = "" if other == external_id else ", spelt in another case"
                problem = f"{_quoted(external_id)} stands in line {line} already{spelt}"
                way_out = "An ExternalId is one person's: correct one of the two lines."
                problems.add(row.line, layout.shown("external_id"), problem, way_out)


def _identity(username: str, domain: str | None) -> tuple[str, str]:
    name, at, behind = username.rpartition("@")
    return (name, domain or behind) if at else (username, domain or "")
