# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""PATCH of RFC 7644, as far as clients of the broker use it."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from .errors import BrokerError

Json = dict[str, Any]

_FILTER = re.compile(r'^(?P<list>\w+)\[(?P<key>\w+) eq "(?P<value>(?:[^"\\]|\\.)*)"\](?:\.(?P<sub>\w+))?$')


def apply_patch(resource: Json, body: Json, *, remove: str = "by_value", filters: str = "understood") -> Json:
    """Apply the operations; see the switches `patch_remove` and `patch_filter`."""
    operations = body.get("Operations")
    if not isinstance(operations, list) or not operations:
        raise BrokerError(400, "invalid.patch", "Operations are missing")
    result = copy.deepcopy(resource)
    for operation in operations:
        if not isinstance(operation, dict):
            raise BrokerError(400, "invalid.patch", "An operation is not an object")
        verb = str(operation.get("op", "")).lower()
        if verb not in ("add", "replace", "remove"):
            raise BrokerError(400, "invalid.patch", f"Unknown operation {verb}")
        path, value = operation.get("path"), operation.get("value")
        if isinstance(path, str) and _FILTER.match(path) and filters != "understood":
            if filters == "refused_400":
                raise BrokerError(400, "invalid.path", "A filter in a path is not supported")
            if filters == "everybody" and verb == "remove":
                _apply(result, verb, path.partition("[")[0], None)
            continue
        if verb == "remove" and isinstance(value, list) and remove == "ignored":
            continue
        _apply(result, verb, path, None if verb == "remove" and remove == "literal" else value)
    return result


def _apply(resource: Json, verb: str, path: object, value: Any) -> None:
    if path is None:
        if verb == "remove" or not isinstance(value, dict):
            raise BrokerError(400, "invalid.path", "The operation needs a path")
        for name, part in value.items():
            _set(resource, name, verb, part)
        return
    if not isinstance(path, str):
        raise BrokerError(400, "invalid.path", "The path is not a string")
    filtered = _FILTER.match(path)
    if filtered:
        _apply_filtered(resource, verb, filtered, value)
        return
    if "[" in path:
        raise BrokerError(400, "invalid.path", "The filter in the path is malformed")
    holder, name = _holder(resource, path)
    _set(holder, name, verb, value)


def _holder(resource: Json, path: str) -> tuple[Json, str]:
    """The object that a path's last part belongs to."""
    if path in resource:
        return resource, path
    for urn in [key for key in resource if key.startswith("urn:")]:
        if path.startswith(urn + ":"):
            return resource[urn], path[len(urn) + 1 :]
    if path.startswith("urn:"):
        urn, _colon, name = path.rpartition(":")
        return resource.setdefault(urn, {}), name
    head, dot, tail = path.partition(".")
    if dot:
        return resource.setdefault(head, {}), tail
    return resource, head


def _set(holder: Json, name: str, verb: str, value: Any) -> None:
    present = holder.get(name)
    if verb == "remove":
        if isinstance(present, list) and isinstance(value, list):
            gone = {_identity(item) for item in value}
            holder[name] = [item for item in present if _identity(item) not in gone]
        else:
            holder.pop(name, None)
    elif verb == "add" and isinstance(present, list) and isinstance(value, list):
        known = {_identity(item) for item in present}
        present.extend(item for item in value if _identity(item) not in known)
    elif isinstance(present, dict) and isinstance(value, dict):
        present.update(value)
    else:
        holder[name] = value


def _identity(item: Any) -> str:
    return str(item.get("value")) if isinstance(item, dict) else str(item)


def _filter_value(text: str) -> str:
    """Return the string that a filter quotes as JSON does (RFC 7644 section 3.4.2.2)."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        raise BrokerError(400, "invalid.path", "The value in the filter is malformed") from None


def _apply_filtered(resource: Json, verb: str, match: re.Match[str], value: Any) -> None:
    items = resource.get(match["list"])
    if not isinstance(items, list):
        raise BrokerError(400, "invalid.path", "The path names no list")
    wanted = _filter_value(match["value"])
    chosen = [item for item in items if str(item.get(match["key"])) == wanted]
    if verb == "remove" and not match["sub"]:
        resource[match["list"]] = [item for item in items if item not in chosen]
        return
    for item in chosen:
        if verb == "remove":
            item.pop(match["sub"], None)
        elif match["sub"]:
            item[match["sub"]] = value
        elif isinstance(value, dict):
            item.update(value)
