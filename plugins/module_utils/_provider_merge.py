# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The users of a task, combined with what the identity provider says of them. PRIVATE to this collection.

People may edit their own user name at a provider, so such a name is taken as a whole and never as `name@domain`. What is
wrong with one person fails that person alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ._errors import some_of
from ._federation_log import escaped
from ._provider_users import ProviderUsers, looks_qualified, shown_attributes
from ._texts import folded
from ._users import TEXT_ATTRIBUTES, DesiredUser

NEEDED = {"email": "e-mail address", "family_name": "last name"}
"""The attributes that vCenter shows of people, and that Pocket ID does not require."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rules:
    """How people of a provider are taken. `domains` are those of the broker, as far as they are known."""

    domains: tuple[str, ...] = ()
    split_usernames: bool = True
    incomplete_allowed: bool = False

    def looks_qualified(self, username: str, domain: str) -> bool:
        """Return whether a user name ends in `@` and a domain of the broker."""
        return looks_qualified(username, (*self.domains, *([domain] if domain else [])))


def combined(
    own: Sequence[DesiredUser],
    provider: ProviderUsers | None,
    read: Callable[[Row], DesiredUser],
    rules: Rules,
) -> list[DesiredUser]:
    """Return the users of the task, completed by what the provider says of them, then the members of its groups.

    What the task says of a user has priority. `read` turns a person of the provider into a user.
    """
    found = list(own)
    addressed = {n for n, wanted in enumerate(own) if wanted.from_provider}
    if provider is not None:
        meant = [_meant(wanted, provider, rules) for wanted in own]
        found = [_completed(wanted, rows, provider, rules) for wanted, rows in zip(own, meant, strict=True)]
        addressed |= {n for n, wanted in enumerate(own) if wanted.email is None and meant[n]}
        named = {row["external_id"] for rows in meant for row in rows}
        members = [row for key, row in provider.rows.items() if key in provider.members and key not in named]
        for row in sorted(members, key=lambda row: (folded(row["username"]), row["external_id"])):
            addressed.add(len(found))
            member = read({**row, **visible(row, provider.shown)})
            member = replace(member, position=len(found))
            found.append(_unless_incomplete(member, row, list(NEEDED), rules))
    found = [_with_checked_name(wanted, rules) for wanted in found]
    return _without_shared_addresses(_without_twins(found), addressed)


def visible(row: Row, shown: Iterable[str], said: Mapping[str, str] = MappingProxyType({})) -> dict[str, str | None]:
    """Return a person's attributes, with an empty string for those that are visible at the provider and have no value.

    An attribute that no person has there may be hidden from the account that reads the provider, so it stays unknown. A
    person without a display name gets the given name: that is what the broker itself makes of a missing one. `said` is what the
    task says of the person, which has priority.
    """
    shown = frozenset(shown)
    found = {name: row.get(name) or ("" if name in shown else None) for name in TEXT_ATTRIBUTES} | dict(said)
    if found["display_name"] == "" and "display_name" not in said:
        found["display_name"] = found["given_name"] or ""
    return found


def with_visible_attributes(items: Sequence[Row]) -> list[dict[str, Any]]:
    """Return items of `users`; of those that were read from a provider, each visible attribute has a value."""
    shown = shown_attributes(item for item in items if item.get("from_provider"))
    return [{**item, **visible(item, shown)} if item.get("from_provider") else dict(item) for item in items]


def _meant(wanted: DesiredUser, provider: ProviderUsers, rules: Rules) -> list[Row]:
    """Return the people of the provider whom a user of the task may mean: one, unless something is wrong."""
    by_id = provider.rows.get(wanted.external_id or "")
    if wanted.from_provider:
        return [by_id] if by_id else []
    by_name = [
        row for row in provider.named(wanted.username) if not rules.looks_qualified(row["username"], wanted.domain)
    ]
    return [*([by_id] if by_id and by_id not in by_name else []), *by_name]


def _completed(wanted: DesiredUser, rows: Sequence[Row], provider: ProviderUsers, rules: Rules) -> DesiredUser:
    if not rows or wanted.state == "absent" or wanted.problem:
        return wanted
    row, by_name = rows[0], wanted.external_id is None
    if len(rows) > 1 or not (by_name or wanted.external_id == row["external_id"]):
        return replace(wanted, problem=_contradiction(wanted, rows))
    said = {name: value for name in TEXT_ATTRIBUTES if (value := getattr(wanted, name)) is not None}
    attributes: dict[str, Any] = dict(visible(row, provider.shown, said))
    completed = replace(
        wanted,
        external_id=row["external_id"],
        active=row["active"] if wanted.active is None else wanted.active,
        groups=(*row["groups"], *wanted.groups),
        found_by_name=wanted.found_by_name
        or (by_name and provider.names_editable and row["external_id"] not in provider.members),
        problem=_name_problem(wanted, row["external_id"], rules) if by_name else None,
        **attributes,
    )
    return _unless_incomplete(completed, row, [name for name in NEEDED if name not in said], rules)


def _unless_incomplete(wanted: DesiredUser, row: Row, needed: Sequence[str], rules: Rules) -> DesiredUser:
    lacking = [NEEDED[name] for name in needed if not row.get(name)]
    if wanted.problem or rules.incomplete_allowed or not lacking:
        return wanted
    problem = (
        f"{wanted.label}: {_person(row['username'], row['external_id'])} has no {' and no '.join(lacking)} at the identity "
        'provider. Add it there; or name the user in users with the attribute, "" for none; or set incomplete_users: accept.'
    )
    return replace(wanted, problem=problem)


def _contradiction(wanted: DesiredUser, rows: Sequence[Row]) -> str:
    people = some_of([_person(row["username"], row["external_id"]) for row in rows])
    if wanted.external_id is None:
        return f"{wanted.label}: may mean several people of the identity provider: {people}. Give external_id."
    return (
        f"{wanted.label}: external_id {escaped(wanted.external_id)} was given, and the identity provider has {people}. Leave "
        "external_id out, or correct the name if that is another person."
    )


def _with_checked_name(wanted: DesiredUser, rules: Rules) -> DesiredUser:
    if not wanted.from_provider or wanted.problem:
        return wanted
    return replace(wanted, problem=_name_problem(wanted, wanted.external_id, rules))


def _name_problem(wanted: DesiredUser, external_id: str | None, rules: Rules) -> str | None:
    """Return why a user name that a provider gives is not taken, or None."""
    if "@" not in wanted.username:
        return None
    if rules.looks_qualified(wanted.username, wanted.domain):
        why = "ends in @ and a domain of the broker, so it could pass for another user"
    elif rules.split_usernames:
        why = "has an @"
    else:
        return None
    return (
        f"{_person(wanted.username, external_id)}: the user name at the identity provider {why}. Change the user name there; or "
        f"add an item to users (federated_users_users in the role) with external_id: {escaped(external_id or '')} and a username "
        "of your choice, which replaces the provider's. If that username has an @ itself, write it as "
        f"username@{wanted.domain or 'domain'}."
    )


def _without_twins(users: Sequence[DesiredUser]) -> list[DesiredUser]:
    """Return the users, with a problem for people of a provider who would become one user of the broker."""
    alike: dict[tuple[str, ...], list[DesiredUser]] = {}
    for wanted in users:
        alike.setdefault((folded(wanted.username), folded(wanted.domain)), []).append(wanted)
        if wanted.external_id:
            alike.setdefault((wanted.external_id.casefold(),), []).append(wanted)
    twins = {
        id(wanted): group
        for group in alike.values()
        if len(group) > 1 and any(each.from_provider for each in group)
        for wanted in group
    }
    return [_twin(wanted, twins[id(wanted)]) if id(wanted) in twins else wanted for wanted in users]


def _twin(wanted: DesiredUser, twins: Sequence[DesiredUser]) -> DesiredUser:
    if wanted.problem:
        return wanted
    people = " and ".join(_person(each.asked_as or each.username, each.external_id) for each in twins)
    problem = (
        f"{wanted.label}: {people} would become one user of the broker. Change the user name of one of them at the identity "
        "provider, or remove one from users."
    )
    return replace(wanted, problem=problem)


def _without_shared_addresses(users: Sequence[DesiredUser], addressed: Iterable[int]) -> list[DesiredUser]:
    """Return the users, with a problem for those who have one e-mail address at the provider (`addressed`: from there)."""
    holders: dict[str, list[int]] = {}
    for number in sorted(addressed):
        if (email := users[number].email) and users[number].state == "present":
            holders.setdefault(folded(email), []).append(number)
    found = list(users)
    for numbers in holders.values():
        people = some_of([_person(users[number].username, users[number].external_id) for number in numbers])
        for number in numbers if len(numbers) > 1 else ():
            wanted = users[number]
            problem = (
                f"{wanted.label}: the e-mail address {escaped(wanted.email or '')} belongs to several people at the identity "
                f"provider: {people}. Correct it there, or give email in users."
            )
            found[number] = replace(wanted, problem=wanted.problem or problem)
    return found


def _person(username: str, external_id: str | None) -> str:
    return f"{escaped(username)} (external_id {escaped(external_id or 'none')})"
