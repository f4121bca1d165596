# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an object of the broker's own API that is and one that is wanted to what is sent. PRIVATE to this collection.

PATCH replaces lists and objects as a whole, the fields of profiles aside, and removes what is sent empty (the API's
documentation of each PATCH). So objects are merged with what stands before they are sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._broker_objects import Document, Kind, Rule
from ._errors import InputError
from ._texts import SET, SET_ANEW, same_name


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, by the API's own names; what is not in C(fields) was not named."""

    fields: Document
    id: str | None = None
    state: str = "present"
    write_untold: bool = False
    """Whether to write what the broker never tells although the object stands."""


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """What becomes of an object. C(document) is what is sent."""

    kind: Kind
    operation: str
    before: Document | None = None
    after: Document | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether carrying it out writes."""
        return self.operation != "none"

    def diff(self) -> dict[str, Any]:
        """Before and after in Ansible's form; a secret is never in it, but that it is written."""
        if not self.changes:
            return {"before": {}, "after": {}}
        before = {} if self.before is None else _shown(self.kind.rules, self.before)
        after = {} if self.after is None else _shown(self.kind.rules, self.after)
        _mark(self.kind.rules, self.document, before, after)
        return {"before": before, "after": after}


def find(rows: Sequence[dict[str, Any]], kind: Kind, wanted: Wanted) -> dict[str, Any] | None:
    """The one that is meant: by its id where that is given, else by its name. Raises InputError."""
    if wanted.id is not None:
        found = [row for row in rows if row.get("id") == wanted.id]
        if not found and wanted.state == "present":
            raise InputError("id", f"the broker has no {kind.noun} {wanted.id!r}", "Leave id out to create one.")
    else:
        name = str(wanted.fields.get(kind.named_by) or "")
        if not name:
            raise InputError("name", "is not given, nor is id", "Give either.")
        exact = kind.named_by == "client_id"
        found = [row for row in rows if _named(row, kind, name, exact=exact)]
    if len(found) > 1:
        ids = ", ".join(sorted(str(row.get("id")) for row in found))
        raise InputError("name", f"the broker has several of that name ({ids})", "Give id.")
    return found[0] if found else None


def fitting_rows(rows: Sequence[dict[str, Any]], kind: Kind, key: str | None, name: str | None) -> list[dict[str, Any]]:
    """Those that fit an id and a name."""
    return [
        row
        for row in rows
        if (key is None or row.get("id") == key) and (name is None or _named(row, kind, name, exact=False))
    ]


def plan_object(kind: Kind, standing: Document | None, wanted: Wanted) -> ObjectPlan:
    """Decide what becomes of an object. Raises InputError."""
    if wanted.state == "absent":
        return ObjectPlan(kind, "none" if standing is None else "delete", standing)
    if standing is None:
        for name, option in kind.needed.items():
            if not wanted.fields.get(name):
                raise InputError(option, f"is not given, and a new {kind.noun} needs it", "Give it.")
        document = _cleaned(wanted.fields)
        return ObjectPlan(kind, "create", None, document, document)
    document = {}
    for name, value in wanted.fields.items():
        rule = kind.rules[name]
        if not any(_different(rule, standing.get(name), value, write_untold=wanted.write_untold)):
            continue
        if rule.fixed:
            if rule.untold:
                continue
            raise InputError(
                name,
                f"is {standing.get(name)!r} and not {value!r}, and the broker does not change it",
                f"Leave it out, or delete the {kind.noun} and create it anew.",
            )
        _refuse_emptying(rule, name, value)
        document[name] = _merged(rule, standing.get(name), value, write_untold=wanted.write_untold)
    return ObjectPlan(kind, "update" if document else "none", standing, {**standing, **document}, document)


def unkept(plan: ObjectPlan, kept: Document) -> tuple[list[str], list[str]]:
    """How the object that was read back differs from what was sent, and what of that the broker does not tell."""
    differing: list[str] = []
    unverified: list[str] = []
    for name, value in plan.document.items():
        _compare(name, plan.kind.rules[name], value, kept.get(name), differing, unverified)
    return differing, unverified


def shown_fields(rules: Mapping[str, Rule], document: Document) -> dict[str, Any]:
    """All fields that the broker tells, null where it does not, and nothing else that came along."""
    return {name: _value_shown(rule, document.get(name)) for name, rule in rules.items() if not rule.untold}


def _named(row: Document, kind: Kind, name: str, *, exact: bool) -> bool:
    found = str(row.get(kind.named_by) or "")
    return found == name if exact else same_name(found, name)


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _comparable(rule: Rule, value: Any) -> Any:
    if _is_empty(value):
        value = rule.default
    return None if value is None else rule.same(value)


def _different(rule: Rule, standing: Any, value: Any, *, write_untold: bool) -> Iterator[bool]:
    """For each part of a value that counts, whether it differs from what stands."""
    if rule.fields and not _is_empty(value):
        held = standing if isinstance(standing, Mapping) else {}
        for name, part in value.items():
            inner = rule.fields[name]
            if inner.untold:
                yield write_untold or not held
            else:
                yield from _different(inner, held.get(name), part, write_untold=write_untold)
    elif rule.untold:
        yield write_untold
    else:
        yield _comparable(rule, standing) != _comparable(rule, value)


def _merged(rule: Rule, standing: Any, value: Any, *, write_untold: bool) -> Any:
    """What is sent in place of what stands."""
    if rule.keyed:
        ids = {row.get(rule.keyed): row.get("id") for row in standing or () if isinstance(row, Mapping)}
        return [{**row, "id": ids[row[rule.keyed]]} if ids.get(row[rule.keyed]) else row for row in value]
    if not rule.fields or _is_empty(value):
        return value
    held = standing if isinstance(standing, Mapping) else {}
    merged = {
        name: held[name] for name, inner in rule.fields.items() if not inner.untold and held.get(name) is not None
    }
    for name, part in value.items():
        inner = rule.fields[name]
        if inner.untold and held and not write_untold:
            continue
        merged[name] = _merged(inner, held.get(name), part, write_untold=write_untold)
    return merged


def _cleaned(value: Document) -> dict[str, Any]:
    """Without what is empty: a new object lacks it anyway."""
    cleaned = {name: _cleaned(part) if isinstance(part, Mapping) else part for name, part in value.items()}
    return {name: part for name, part in cleaned.items() if not _is_empty(part)}


def _refuse_emptying(rule: Rule, name: str, value: Any) -> None:
    if rule.filled and _is_empty(value):
        raise InputError(name, "is empty, and the broker needs it", "Give it a value, or leave it out.")
    if rule.fields and isinstance(value, Mapping):
        for part, held in value.items():
            _refuse_emptying(rule.fields[part], f"{name}.{part}", held)


def _compare(name: str, rule: Rule, sent: Any, kept: Any, differing: list[str], unverified: list[str]) -> None:
    if rule.untold:
        return
    if rule.fields and not _is_empty(sent):
        held = kept if isinstance(kept, Mapping) else {}
        for part, value in sent.items():
            _compare(f"{name}.{part}", rule.fields[part], value, held.get(part), differing, unverified)
    elif _comparable(rule, kept) == _comparable(rule, sent):
        return
    elif kept is None:
        unverified.append(name)
    else:
        differing.append(name)


def _value_shown(rule: Rule, value: Any) -> Any:
    if rule.fields:
        return shown_fields(rule.fields, value) if isinstance(value, Mapping) and value else None
    return value


def _shown(rules: Mapping[str, Rule], document: Document) -> dict[str, Any]:
    """For the diff: just what there is."""
    found = shown_fields(rules, document)
    return {name: rules[name].told(value) for name, value in found.items() if not _is_empty(value)}


def _mark(rules: Mapping[str, Rule], document: Document, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Show of what the broker never tells that it is written."""
    for name, rule in rules.items():
        if name not in document:
            continue
        if rule.untold:
            stands = bool(before)
            after[name] = SET_ANEW if stands else SET
            if stands:
                before[name] = SET
        elif rule.fields and isinstance(document[name], Mapping) and isinstance(after.get(name), dict):
            held = before.get(name)
            _mark(rule.fields, document[name], held if isinstance(held, dict) else {}, after[name])
