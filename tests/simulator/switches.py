# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be chosen at run time: the known variants of a server, and its faults."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

DEFAULT_PROVIDER_ID = "7c0b7f0e-4f0a-4a53-9a35-0c6e1d5b8a11"
DEFAULT_DOMAIN = "lab.example.org"

FaultKind = Literal[
    "429",
    "503",
    "reset_before",
    "reset_after",
    "truncated",
    "html",
    "empty",
    "wrong_json",
    "expire_token",
    "hang",
]
PrincipalSpelling = Literal["name", "qualified"]
Wrapping = Literal["none", "zone", "rfc3164", "rfc5424", "container", "colour"]


_HINTS: dict[str, dict[str, Any]] = {}


def _hints(owner: type) -> dict[str, Any]:
    if owner.__name__ not in _HINTS:
        _HINTS[owner.__name__] = get_type_hints(owner)
    return _HINTS[owner.__name__]


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(hint))
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if hint is Any:
        return True
    if origin is list:
        return isinstance(value, list) and all(_fits(item, get_args(hint)[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(isinstance(key, str) for key in value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint)


class _Checked:
    """Refuses unknown names and values, at construction and at every change."""

    def __setattr__(self, name: str, value: Any) -> None:
        hints = _hints(type(self))
        if name not in hints:
            raise AttributeError(f"{type(self).__name__} has no switch {name!r}")
        value = _coerced(value, hints[name])
        if not _fits(value, hints[name]):
            raise ValueError(f"{type(self).__name__}.{name} cannot be {value!r}")
        object.__setattr__(self, name, value)


def _coerced(value: Any, hint: Any) -> Any:
    """Plain dictionaries, as they come from JSON, become the record that the switch lists."""
    if get_origin(hint) is not list or not isinstance(value, list):
        return value
    item = get_args(hint)[0]
    if not dataclasses.is_dataclass(item) or not isinstance(item, type):
        return value
    return [item(**entry) if isinstance(entry, dict) else entry for entry in value]


@dataclass
class Provider(_Checked):
    """An external identity provider of the broker."""

    idp: str = DEFAULT_PROVIDER_ID
    name: str = "Pocket ID"
    domains: list[str] = field(default_factory=lambda: [DEFAULT_DOMAIN])


@dataclass
class Fault(_Checked):
    """Strikes `times` matching requests, after having let `after` of them pass.

    With `every`, strikes each `every`-th of those that follow instead, without an end.
    `match` is "METHOD regex", the regex searched in path?query; METHOD may be *.
    429, 503, html, reset_before and hang leave the server unchanged; truncated, empty,
    wrong_json and reset_after spoil the answer of a request that was carried out.
    `retry_after` is sent as it is, or with `retry_as_date` as the time that is so many seconds ahead.
    """

    match: str
    kind: FaultKind
    after: int = 0
    times: int = 1
    every: int | None = None
    retry_after: int | str | None = None
    retry_as_date: bool = False
    seen: int = 0

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise ValueError(f"Fault.every cannot be {self.every!r}")
        if self.retry_as_date and not isinstance(self.retry_after, int):
            raise ValueError("Fault.retry_as_date needs seconds in retry_after")

    def is_due(self, number: int) -> bool:
        """Whether it strikes the matching request of this number, counted from 0."""
        if self.every is not None:
            return number >= self.after and (number - self.after + 1) % self.every == 0
        return self.after <= number < self.after + self.times


@dataclass
class BaseSwitches(_Checked):
    """What every server can do wrong."""

    latency_ms: int = 0
    faults: list[Fault] = field(default_factory=list)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self._tell(name)

    def watch(self, name: str, set_anew: Callable[[str], None]) -> None:
        """Call `set_anew` with the name of the switch whenever that is set, to whatever value."""
        self._watchers()[name] = set_anew

    def _watchers(self) -> dict[str, Callable[[str], None]]:
        # Not a switch: neither compared nor copied.
        watchers: dict[str, Callable[[str], None]] = self.__dict__.setdefault("_watched", {})
        return watchers

    def _tell(self, name: str) -> None:
        if name in self._watchers():
            self._watchers()[name](name)

    def update(self, changes: dict[str, Any]) -> None:
        """All or nothing: a wrong name or value leaves every switch as it was."""
        trial = dataclasses.replace(self)
        for name, value in changes.items():
            setattr(trial, name, value)
        for item in dataclasses.fields(self):
            super().__setattr__(item.name, getattr(trial, item.name))
        for name in changes:
            self._tell(name)

    def copy_from(self, other: Self) -> None:
        for item in dataclasses.fields(self):
            setattr(self, item.name, getattr(other, item.name))

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass
class Switches(BaseSwitches):
    """The defaults are the appliance as the field reports know it."""

    # vCenter
    providers: list[Provider] = field(default_factory=lambda: [Provider()])
    providers_shape: Literal["list", "summary_list", "providers", "items", "missing"] = "list"
    token_shape: Literal["nested", "flat"] = "nested"
    scim_url: Literal["normal", "other_host", "omitted"] = "normal"
    # Answered in its place, as it is.
    scim_url_text: str | None = None
    read_token: Literal["accepted", "refused_401", "refused_403", "endpoint_403", "endpoint_404"] = "accepted"
    token_ttl: int = 3600
    opaque_token: bool = False
    permissions_api: Literal["both", "rest", "legacy", "none"] = "both"
    permissions_page_cap: int = 200
    unknown_principals: list[str] = field(default_factory=list)
    principal_spelling: PrincipalSpelling = "name"
    access_api: Literal["both", "none"] = "both"

    # the whole broker: SCIM and federation answer 503, and a login leaves no line
    broker_down: bool = False

    # the broker's own API
    native_api: Literal["offered", "refused_401", "refused_403", "missing"] = "offered"
    media_types: Literal["both", "vendor", "json"] = "both"
    native_list: Literal["items", "bare", "value"] = "items"
    client_key: Literal["both", "id", "client_id"] = "both"
    start_index: Literal["item", "page"] = "item"
    slow_deletion: int = 0
    provider_in_use: bool = False
    native_forget: list[str] = field(default_factory=list)
    native_change: dict[str, Any] = field(default_factory=dict)

    # SCIM
    create_status: Literal[200, 201] = 201
    update_status: Literal[200, 204] = 200
    delete_status: Literal[200, 202, 204] = 204
    list_key: Literal["Resources", "resources"] = "Resources"
    # The Authorization schemes that SCIM takes; those of the sync token may differ from those of the admin token.
    auth_schemes: Literal["both", "hzn", "bearer"] = "both"
    sync_token_schemes: Literal["same", "both", "hzn", "bearer"] = "same"
    patch_refused: bool = False
    patch_refusal: Literal[400, 403, 404, 405, 501] = 405
    # What `remove` does to a list without a filter in its path: with the values in the body, with RFC 7644 section
    # 3.5.2.2 taken literally (every value goes, whatever the body says), or nothing (Keycloak).
    patch_remove: Literal["by_value", "literal", "ignored"] = "by_value"
    # Whether a path may have a filter, as in members[value eq "ID"]. "everybody": a removal takes the whole list.
    patch_filter: Literal["understood", "ignored", "everybody", "refused_400"] = "understood"
    # PATCH of a group is answered as if it was carried out, and changes nothing.
    patch_ignored: bool = False
    # PUT of a group without its id is refused (Keycloak).
    put_needs_id: bool = False
    # "request": only with attributes=members (RFC 7643 section 7, "returned").
    members_returned: Literal["always", "single", "request", "never"] = "always"
    # The groups of a user.
    groups_returned: Literal["always", "request", "never"] = "always"
    # Whether a group without members is shown with an empty list, or without the attribute.
    empty_members: Literal["shown", "left_out"] = "shown"
    # Keycloak refuses POST and PUT of a group with members: only PATCH changes them.
    members_by_patch_only: bool = False
    # The most members of a group that an answer shows; 0 means all.
    members_cap: int = 0
    member_types: bool = False
    domain_returned: Literal["ws1b", "mfa", "none"] = "ws1b"
    # Which extension of a request sets the domain; the other one is ignored.
    domain_understood: Literal["both", "ws1b", "mfa"] = "both"
    page_cap: int = 100
    empty_family_name: Literal["accepted", "refused_400"] = "accepted"
    display_name_default_given: bool = True

    # SCIM as RFC 7643 and RFC 7644 allow it, and as servers of other makers are
    # PUT clears what it does not carry, the ExternalId and the domain too (RFC 7644 section 3.5.1).
    put_clears: bool = False
    # "offered": a wrong If-Match is refused with 412. "required": so is a write without one, with `etag_refusal`.
    # "broken": every If-Match is refused. Without any, a wrong If-Match is refused with 409.
    etag: Literal["unused", "offered", "required", "broken"] = "unused"
    etag_refusal: Literal[412, 428] = 428
    # Whether the version is in the header ETag as well as in meta.version.
    etag_header: bool = True
    extensions_kept: bool = True
    undeclared_extensions: Literal["accepted", "refused_400"] = "accepted"
    external_id_returned: bool = True
    # Whether a user without an ExternalId is refused. The table of operations has it optional.
    external_id_needed: bool = False
    # Names of attributes compare without regard to case (RFC 7643 section 2.1).
    attribute_names: Literal["exact", "lower", "upper"] = "exact"
    service_provider_config: Literal["absent", "offered"] = "absent"
    # What becomes of a `count` above `page_cap`.
    large_count: Literal["capped", "refused_400"] = "capped"
    # RFC 9865. "cursor" ignores startIndex, "cursor_only" refuses it.
    pagination: Literal["index", "cursor", "cursor_only"] = "index"
    # Whether lists with cursors have totalResults, which RFC 9865 lets a server leave out.
    cursor_totals: bool = True

    # lies
    forget_attribute: list[str] = field(default_factory=list)
    change_attribute: dict[str, Any] = field(default_factory=dict)
    lose_write: bool = False
    total_lies: int = 0
    page_repeats: bool = False
    list_changes: bool = False

    # log
    log_timezone: str = "UTC"
    log_wrapping: Wrapping = "none"
    """How a program that forwards logs changes each line: a zone after the stamp, a prefix, or colours."""

    # SSH
    ssh_enabled: bool = True
    shell_enabled: bool = True
    login_shell: Literal["sh", "appliancesh"] = "sh"
    ssh_banner: bool = False
    ssh_refuse: bool = False
    ssh_max_auth_failures: int = 3
    ssh_lock_after: int = 3
    shell_timezone: str | None = None
    tools_only: bool = False
    tools_sleep: bool = True


SwitchesT = TypeVar("SwitchesT", bound=BaseSwitches)


def snapshot(switches: SwitchesT) -> SwitchesT:
    """A deep copy: lists of the original may change later without changing this one."""
    copy = type(switches)(**dataclasses.asdict(switches))
    for fault in copy.faults:
        fault.seen = 0
    return copy
