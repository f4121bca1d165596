# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the identity provider says of the people whom a task wants in the broker. PRIVATE to this collection.

It is the registered result of a module that read the provider. Who is a member of a group that was read is wanted; of
everybody else it is only known what their ExternalId is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ._errors import InputError, PlanRefusedError, some_of
from ._texts import folded

FIELD = "provider_users"
NEEDED = {"email": "e-mail address", "family_name": "last name"}
"""What vCenter shows of people, and what Pocket ID does not insist on."""


@dataclass(frozen=True)
class ProviderUsers:
    """C(rows) are items of C(users), by folded user name; C(others) are the names behind ExternalIds of everybody else."""

    rows: Mapping[str, Mapping[str, Any]]
    groups: Mapping[str, tuple[str, ...]]
    others: Mapping[str, str]
    pushes: tuple[Mapping[str, str], ...]
    disabled: frozenset[str] = frozenset()
    """The ExternalIds of those whose account there is disabled."""
    not_allowed: frozenset[str] = frozenset()
    """The ExternalIds of those whom the provider does not let through to vCenter, as far as that was asked."""

    @property
    def names(self) -> dict[str, str]:
        """The user name behind every ExternalId that the provider knows."""
        return {**self.others, **{row["external_id"]: row["username"] for row in self.rows.values()}}

    def row_of(self, username: str) -> Mapping[str, Any] | None:
        """What the provider says of a user whom the task names, bare or as C(name@domain)."""
        name = folded(username)
        return self.rows.get(name) or self.rows.get(name.rpartition("@")[0])


def provider_users(value: Any) -> ProviderUsers | None:
    """Read the option. Raises InputError."""
    if value is None:
        return None
    found = _read(value)
    if found is None:
        way_out = "Pass the registered result of homelab.identity_broker.pocket_id_user_info as it is."
        raise InputError(FIELD, "is not the result of pocket_id_user_info", way_out)
    if len(found.rows) != len(value["users"]):
        way_out = "Rename one of them there: the broker compares names without case."
        raise InputError(FIELD, "holds two people whose names differ only in case", way_out)
    return found


def completed(
    items: Sequence[Mapping[str, Any]], provider: ProviderUsers, *, incomplete_allowed: bool = False
) -> list[dict[str, Any]]:
    """The items of C(users), with what the provider knows of them, then the members of its groups.

    What an item says itself stands. Raises PlanRefusedError where it gives another ExternalId than the provider, and where
    somebody lacks what C(NEEDED) names.
    """
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    seen: set[str] = set()
    for item in items:
        name = item.get("username")
        row = provider.row_of(name) if isinstance(name, str) else None
        if row is None:
            found.append(dict(item))
            continue
        seen.add(folded(row["username"]))
        if item.get("state") == "absent":
            found.append(dict(item))
            continue
        problems += _contradiction(item, row)
        found.append(_merged(item, row))
    found += [dict(provider.rows[folded(member)]) for member in members(provider) if folded(member) not in seen]
    incomplete = [problem for item in found if (problem := _incomplete(item, provider))]
    if incomplete and not incomplete_allowed:
        problems.append(
            f"The identity provider does not tell everything of {some_of(incomplete)}. Fill it in there; or name the user in "
            'users with the attribute, "" for none; or say incomplete_users: accept.'
        )
    if problems:
        raise PlanRefusedError(problems)
    return found


def members(provider: ProviderUsers) -> list[str]:
    """Who is in one of the groups that were read, each once, in the order of the names."""
    return sorted({name for group in provider.groups.values() for name in group}, key=folded)


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
        found = ProviderUsers(
            {folded(row["username"]): dict(row) for row in value["users"]},
            {group["name"]: tuple(group["members"]) for group in value["groups"]},
            {other["external_id"]: other["username"] for other in value["others"]},
            tuple({key: str(push[key]) for key in ("client_name", "endpoint")} for push in value["scim_pushes"]),
            frozenset(each["external_id"] for each in (*value["users"], *value["others"]) if each["active"] is False),
            frozenset(each["external_id"] for each in value["others"] if each["allowed"] is False),
        )
        sound = all(isinstance(row["external_id"], str) and row["external_id"] for row in found.rows.values())
        sound = sound and all(folded(name) in found.rows for name in members(found))
    except (AttributeError, KeyError, TypeError):
        return None
    return found if sound else None


def _merged(item: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: value for key, value in item.items() if value is not None}
    return {**row, **said, "groups": [*row["groups"], *(item.get("groups") or ())]}


def _contradiction(item: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    given = item.get("external_id")
    if given is None or given == row["external_id"]:
        return []
    return [
        f"{item['username']}: external_id {given} was given, and the identity provider says {row['external_id']}. Leave "
        "external_id out, or correct the name if that is another person."
    ]


def _incomplete(item: Mapping[str, Any], provider: ProviderUsers) -> str | None:
    name = item.get("username")
    if item.get("state") == "absent" or not isinstance(name, str) or provider.row_of(name) is None:
        return None
    lacking = [told for key, told in NEEDED.items() if item.get(key) is None]
    return f"{name} (no {' and no '.join(lacking)})" if lacking else None
