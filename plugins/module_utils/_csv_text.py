# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text of a CSV file: encoding, delimiter, lines, quotes. PRIVATE to this collection.

No cell may hold a line break, so that each line is read by itself, and an error in one does not reach the next.
"""

from __future__ import annotations

import codecs
import csv
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ._errors import IdentityBrokerError, InputError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
SHOWN_PROBLEMS = 10
LONGEST_LINE = 100_000

_SAVE_AS_UTF_8 = "Save it as UTF-8 (a spreadsheet calls that CSV UTF-8), or give the lookup its encoding."
_LINE_END = re.compile(r"\r\n|\n|\r")


class CsvError(IdentityBrokerError):
    """A file cannot be used: everything that is wrong with it, in the order of its lines."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        shown = self.problems[:SHOWN_PROBLEMS]
        if len(self.problems) > len(shown):
            shown.append(f"and {len(self.problems) - len(shown)} more")
        super().__init__("\n".join(shown if len(shown) == 1 else [f"{len(self.problems)} problems:", *shown]))


@dataclass
class Problems:
    """What is wrong with a file, collected."""

    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, column: str, problem: str, way_out: str) -> None:
        """Say which C(column), by its name, of which line is wrong, why, and what to do."""
        place = f"line {line}, column {column}" if column else f"line {line}"
        self.found.append((line, str(InputError(place, problem, way_out))))

    def by_line(self) -> dict[int, str]:
        """Return what is wrong with each line."""
        texts: dict[int, list[str]] = {}
        for line, text in self.found:
            texts.setdefault(line, []).append(text)
        return {line: "\n".join(each) for line, each in texts.items()}

    def refuse(self) -> None:
        """Raise CsvError if there is any."""
        if self.found:
            raise CsvError([text for _line, text in sorted(self.found, key=lambda each: each[0])])


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a line, without the white space around them."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Quotes that cannot be read: in which cell, why, and the number of lines that are lost."""

    index: int
    problem: str
    way_out: str
    lines: int = 1


def lines_of(data: bytes, encoding: str | None) -> list[str]:
    """The lines of a file. Raises CsvError."""
    text = _decoded(data, encoding)
    if "\0" in text:
        before = len(_LINE_END.split(text[: text.index("\0")]))
        raise CsvError([f"line {before}: holds a NUL byte, as in UTF-16 without its mark. {_SAVE_AS_UTF_8}"])
    lines = _LINE_END.split(text)
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            raise CsvError([f"line {number}: is longer than {LONGEST_LINE} characters. Is this a list of people?"])
    return lines


def says_nothing(line: str) -> bool:
    """Whether a line is blank, or an empty row of a spreadsheet, while its delimiter is not known."""
    return not line.strip(" \t,;")


def delimiter_of(value: str) -> str:
    """The delimiter that somebody asked for. Raises InputError."""
    found = {"tab": "\t", "\\t": "\t"}.get(value.casefold(), value)
    if found not in DELIMITERS:
        raise InputError("delimiter", f"{value!r} is none", "Give a comma, a semicolon or the word tab.")
    return found


def likely_delimiters(line: str) -> list[str]:
    """What separates the cells of a line, outside of quotes: several if that cannot be told."""
    # White space beside another delimiter is no delimiter.
    tight = re.sub(r"[ \t]*([,;])[ \t]*", r"\1", line.strip(" \t"))
    counts = {each: len(loose_cells(tight, each)) - 1 for each in DELIMITERS}
    most = max(counts.values())
    return [each for each, count in counts.items() if count == most] if most else [","]


def rows(lines: Sequence[str], start: int, delimiter: str, column: Sequence[str], problems: Problems) -> Iterator[Row]:
    """The rows from the line with the index C(start) on; C(column) tells the columns' names for problems."""
    at = start
    while at < len(lines):
        line, number = lines[at], at + 1
        at = number
        if line.startswith("#"):
            continue
        cells = strict_cells(line, delimiter)
        fault = _fault(lines, number - 1, delimiter) if cells is None else _misplaced(line, delimiter)
        if fault is not None:
            name = column[fault.index] if fault.index < len(column) else str(fault.index + 1)
            problems.add(number, name, fault.problem, fault.way_out)
            at += fault.lines - 1
        elif cells and any(cells):
            yield Row(number, tuple(cells))


def strict_cells(line: str, delimiter: str) -> list[str] | None:
    """The cells of a line, None if its quotes do not fit."""
    return _cells([line], delimiter, strict=True)


def loose_cells(line: str, delimiter: str) -> list[str]:
    """The cells of a line, whatever its quotes."""
    return _cells([line], delimiter, strict=False) or []


def _cells(lines: Sequence[str], delimiter: str, *, strict: bool) -> list[str] | None:
    reader = csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=True)
    try:
        return [cell.strip(" \t") for cell in next(reader, [])]
    except csv.Error:
        return None


def _misplaced(line: str, delimiter: str) -> Fault | None:
    """What the csv module would take for something else than it is."""
    if line.lstrip(" \t" if delimiter != "\t" else " ").startswith("#"):
        way_out = "Begin a comment with # as the first character, or put the cell into quotes."
        return Fault(0, "begins with white space and #", way_out)
    before = re.search(rf"(?:^|{delimiter}) *\t[ \t]*\"", line) if delimiter != "\t" else None
    if before:
        index = len(loose_cells(line[: before.end() - 1], delimiter)) - 1
        return Fault(index, "has a tab before its opening quote", "Remove the tab.")
    return None


def _fault(lines: Sequence[str], at: int, delimiter: str) -> Fault:
    """What is wrong with the quotes of the line with the index C(at)."""
    line = lines[at]

    def broken(end: int) -> bool:
        part = line[:end]
        return strict_cells(part, delimiter) is None and strict_cells(f'{part}"', delimiter) is None

    if broken(len(line)):
        sound = line[: bisect_left(range(len(line) + 1), True, key=broken) - 1]
        return Fault(
            len(loose_cells(sound, delimiter)) - 1,
            "something, if only white space, stands between a closing quote and the next delimiter",
            "Remove it, or write a quote within a quoted cell twice.",
        )
    index = len(loose_cells(line, delimiter)) - 1
    on = (f"{each}\n" for each in islice(lines, at, None))
    reader = csv.reader(on, delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        next(reader)
    except csv.Error:
        return Fault(index, "a quote begins here and does not end", "Close it on its line.")
    return Fault(index, "holds a line break within its quotes", "Put it on one line.", reader.line_num)


def _decoded(data: bytes, encoding: str | None) -> str:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise CsvError([f"line 1, byte 1: begins with the mark of UTF-32. {_SAVE_AS_UTF_8}"])
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    name = encoding or ("utf-16" if marked else "utf-8")
    try:
        return data.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = _LINE_END.split(data[: error.start].decode(name, "ignore"))
        behind = f", behind {before[-1][-20:]!r}" if before[-1] else ""
        where = f"line {len(before)}, byte {error.start + 1} of the file (0x{data[error.start]:02X}{behind})"
        raise CsvError([f"{where}: cannot be read as {name.upper()}. {_SAVE_AS_UTF_8}"]) from None
    except (LookupError, UnicodeError):
        raise InputError("encoding", f"{encoding!r} is none", "Give one such as utf-8, utf-16 or cp1252.") from None
