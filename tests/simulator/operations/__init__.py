# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a documented API takes, as a table: the simulator refuses by it, and the completeness test counts by it.

One file an API holds the rows. A simulator that knows an operation only from here cannot be more lenient than its
documentation, and a row that no option of a module covers is found by a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = Mapping[str, "Field"]


@dataclass(frozen=True)
class Field:
    """One field of a body. C(kind) is the JSON type; C(shape) tells what is in an object, or in each item of a list."""

    kind: type[Any]
    required: bool = False
    shape: Shape | Field | None = None
    values: tuple[Any, ...] = ()
    pattern: str = ""
    longest: int | None = None
    """Characters of a text, or items of a list."""
    between: tuple[int, int] | None = None
    """The least and the most that a number may be."""
    filled: bool = False
    """It cannot be sent empty."""
    fixed: bool = False
    """It is taken only where the object is made."""
    read_only: bool = False
    write_only: bool = False
    """A secret: taken, and never told again."""


@dataclass(frozen=True)
class Operation:
    """One row: what is sent where, and which status codes the documentation names for it."""

    name: str
    method: str
    path: str
    body: Shape | Field | None = None
    query: Shape = field(default_factory=dict)
    success: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()
    media_type: str = ""
    """The vendor's own, besides application/json."""


def matching(operations: tuple[Operation, ...], method: str, path: str) -> Operation | None:
    """The row of a request, C(path) without its query."""
    for operation in operations:
        pattern = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(operation.path))
        if operation.method == method and re.fullmatch(pattern, path):
            return operation
    return None


def faults(operation: Operation, query: Mapping[str, str], body: Any, *, partial: bool = False) -> list[str]:
    """What the documentation does not allow in a request, one line each. C(partial): nothing is required (PATCH)."""
    found = [f"query {name}: unknown" for name in query if name not in operation.query]
    for name, known in operation.query.items():
        if name in query:
            found += _value_faults(f"query {name}", known, _from_query(known, query[name]), partial)
        elif known.required:
            found.append(f"query {name}: missing")
    if operation.body is None:
        return found if body is None else [*found, "body: none is taken"]
    if isinstance(operation.body, Field):
        return found + _value_faults("body", operation.body, body, partial)
    return found + _object_faults("", operation.body, body, partial)


def writable_fields(operation: Operation) -> Iterator[str]:
    """The dotted names of all that a request may hold, C([]) behind a list of objects; queries as C(?name)."""
    yield from (f"?{name}" for name in operation.query)
    if isinstance(operation.body, Field):
        yield "body"
    elif operation.body is not None:
        yield from _writable("", operation.body)


def _writable(prefix: str, shape: Shape) -> Iterator[str]:
    for name, known in shape.items():
        if known.read_only:
            continue
        inner, many = known.shape, ""
        if isinstance(inner, Field):
            inner, many = inner.shape, "[]"
        if inner is not None and not isinstance(inner, Field):
            yield from _writable(f"{prefix}{name}{many}.", inner)
        else:
            yield f"{prefix}{name}"


def _from_query(known: Field, text: str) -> Any:
    if known.kind is int and re.fullmatch(r"-?\d+", text):
        return int(text)
    if known.kind is bool and text in ("true", "false"):
        return text == "true"
    return text


def _object_faults(prefix: str, shape: Shape, value: Any, partial: bool) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{prefix.rstrip('.') or 'body'}: no object"]
    found = [f"{prefix}{name}: unknown" for name in value if name not in shape]
    for name, known in shape.items():
        if name not in value:
            if known.required and not partial:
                found.append(f"{prefix}{name}: missing")
        elif known.read_only:
            found.append(f"{prefix}{name}: read only")
        elif known.fixed and partial:
            found.append(f"{prefix}{name}: cannot be changed")
        else:
            found += _value_faults(f"{prefix}{name}", known, value[name], partial)
    return found


def _is_of(kind: type[Any], value: Any) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _value_faults(name: str, known: Field, value: Any, partial: bool) -> list[str]:
    if not _is_of(known.kind, value):
        return [f"{name}: no {known.kind.__name__}"]
    found = []
    if known.values and value not in known.values and value != "":
        found.append(f"{name}: not one of {', '.join(map(str, known.values))}")
    if known.pattern and not re.fullmatch(known.pattern, value):
        found.append(f"{name}: characters that are not allowed")
    if known.filled and not value:
        found.append(f"{name}: empty")
    if known.between is not None and not known.between[0] <= value <= known.between[1]:
        found.append(f"{name}: not between {known.between[0]} and {known.between[1]}")
    if known.longest is not None and len(value) > known.longest:
        found.append(f"{name}: longer than {known.longest}")
    if isinstance(known.shape, Field):
        for at, item in enumerate(value):
            found += _value_faults(f"{name}[{at}]", known.shape, item, partial=False)
    elif known.shape is not None:
        found += _object_faults(f"{name}.", known.shape, value, partial)
    return found
