# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the identity provider says of the people whom a task wants in the broker. PRIVATE to this collection.

It is the registered result of a module that read the provider. The members of a group that was read are wanted; of everybody
else it is only known which ExternalId they have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from ._errors import InputError, PlanRefusedError, some_of
from ._texts import folded, same_name
from ._users import TEXT_ATTRIBUTES

FIELD = "provider_users"


@dataclass(frozen=True)
class ProviderUsers:
    """People by ExternalId: `rows` as items of `users`, and `others` with their user names alone."""

    rows: Mapping[str, Mapping[str, Any]]
    groups: Mapping[str, tuple[str, ...]]
    """The ExternalIds of the members, by the name of the group."""
    others: Mapping[str, str]
    pushes: tuple[Mapping[str, str], ...]
    disabled: frozenset[str] = frozenset()
    """The ExternalIds of those whose account there is disabled."""
    not_allowed: frozenset[str] = frozenset()
    """The ExternalIds of those whom the provider does not let through to vCenter, as far as that was asked."""
    shown: frozenset[str] = frozenset()
    """The attributes that at least one person has there. Others may be hidden from who reads the provider."""
    names_editable: bool = True
    """Whether people may edit their own user names there."""

    @property
    def names(self) -> dict[str, str]:
        """The user name behind every ExternalId that the provider knows."""
        return {**self.others, **{key: row["username"] for key, row in self.rows.items()}}

    @property
    def members(self) -> frozenset[str]:
        """The ExternalIds of those who are in one of the groups that were read."""
        return frozenset(key for group in self.groups.values() for key in group)

    def named(self, username: str) -> list[Mapping[str, Any]]:
        """Return the people with this user name there, which is compared whole."""
        return self._by_name.get(folded(username), [])

    @cached_property
    def _by_name(self) -> dict[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in self.rows.values():
            found.setdefault(folded(row["username"]), []).append(row)
        return found


def looks_qualified(username: str, domains: Iterable[str]) -> bool:
    """Return whether a user name ends in `@` and one of the domains."""
    _name, at, behind = username.rpartition("@")
    return bool(at) and any(same_name(behind, domain) for domain in domains)


def shown_attributes(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the attributes that at least one of the people has."""
    rows = list(rows)
    return frozenset(name for name in TEXT_ATTRIBUTES if any(row.get(name) for row in rows))


def provider_users(value: Any) -> ProviderUsers | None:
    """Read the option. Raises InputError."""
    if value is None:
        return None
    found = _read(value)
    if found is None:
        way_out = "Pass the registered result of homelab.identity_broker.pocket_id_user_info as it is."
        raise InputError(FIELD, "is not the result of pocket_id_user_info", way_out)
    return found


def _host_of(endpoint: str) -> str | None:
    """Return the host of an address that Pocket ID shows; None where it has none."""
    try:
        return (urlsplit(endpoint).hostname or "").casefold() or None
    except ValueError:
        return None


def refuse_coexistence(provider: ProviderUsers, hosts: Collection[str]) -> None:
    """Raise PlanRefusedError where the provider itself pushes users to the same broker."""
    meant = {host.casefold() for host in hosts}
    pushes = [push for push in provider.pushes if _host_of(push["endpoint"]) in meant]
    if pushes:
        client, endpoint = pushes[0]["client_name"], pushes[0]["endpoint"]
        raise PlanRefusedError(
            [
                f"Pocket ID itself pushes the users of its OIDC client {client} to {endpoint}. With each of its syncs, every "
                "hour and after each change, it deletes every user and group of the broker that it does not push, so also whom "
                "this task creates, and any token that is minted here ends its own. Remove the SCIM service provider from that "
                "client in Pocket ID, or go on all the same with coexist: true."
            ]
        )


def refuse_purge(provider: ProviderUsers) -> None:
    """Raise PlanRefusedError where a group is empty: nobody is purged by a group that may just not be filled yet."""
    empty = [name for name, there in provider.groups.items() if not there]
    if empty:
        raise PlanRefusedError(
            [
                f"The group {some_of(empty)} has no members at the identity provider, and purge would remove whom it let in. "
                "Is it the right group? Leave it out, or leave purge out."
            ]
        )


def _read(value: Any) -> ProviderUsers | None:
    try:
        rows = {row["external_id"]: dict(row) for row in value["users"]}
        keys: dict[str, list[str]] = {}
        for key, row in rows.items():
            keys.setdefault(row["username"], []).append(key)
        shown = value.get("known_attributes")
        found = ProviderUsers(
            rows,
            {group["name"]: tuple(key for name in group["members"] for key in keys[name]) for group in value["groups"]},
            {other["external_id"]: other["username"] for other in value["others"]},
            tuple({key: str(push[key]) for key in ("client_name", "endpoint")} for push in value["scim_pushes"]),
            frozenset(each["external_id"] for each in (*value["users"], *value["others"]) if each["active"] is False),
            frozenset(each["external_id"] for each in value["others"] if each["allowed"] is False),
            frozenset(shown) if shown is not None else shown_attributes(rows.values()),
            value.get("own_account_edit") is not False,
        )
        sound = len(rows) == len(value["users"])
        sound = sound and all(
            isinstance(key, str) and key and isinstance(row["username"], str) for key, row in rows.items()
        )
    except (AttributeError, KeyError, TypeError):
        return None
    return found if sound else None
