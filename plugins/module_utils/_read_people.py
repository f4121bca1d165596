# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads people and groups of Pocket ID until they agree. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ._errors import IdentityBrokerError, InputError, ListingError, NotFoundError
from ._people import Criteria, People, disagreement, named_group
from ._pocket_id import PocketIdClient
from ._pocket_id_answers import Person, UserGroup, allowed_group_ids

READINGS = 3


def read_people(
    pocket_id: PocketIdClient, criteria: Criteria, client_id: str | None, pause: Callable[[float], object]
) -> People:
    """All people, and the groups that matter. Raises ListingError where those were not read whole."""
    problem = None
    for number in range(1, READINGS + 1):
        people, groups = _one_reading(pocket_id, criteria, client_id)
        problem = disagreement(people, groups)
        if problem is None:
            return people
        if number < READINGS:
            pause(number)
    raise ListingError(
        f"The answers of {pocket_id.host} do not add up: {problem}. Nothing was changed by it.",
        way_out="Try again; if it stays so, something else changes users or groups at this moment.",
    )


def verify_subjects(pocket_id: PocketIdClient, client_id: str, people: Sequence[Person]) -> None:
    """Raise IdentityBrokerError where the client would get another C(sub) than the user's id."""
    for person, subject in zip(people, pocket_id.subjects(client_id, people), strict=True):
        if subject != person.external_id:
            raise IdentityBrokerError(
                f"{person.username} has the id {person.external_id} at {pocket_id.host}, but the client {client_id} gets "
                f"{subject} as sub. Nothing was changed.",
                way_out="Give the broker what the client gets as external_id, and report this to the collection's issue tracker.",
            )


def scim_pushes(pocket_id: PocketIdClient) -> list[dict[str, Any]]:
    """To which SCIM servers Pocket ID itself pushes users, and for which of its OIDC clients."""
    clients = pocket_id.clients()
    endpoints = pocket_id.scim_endpoints([client["id"] for client in clients])
    return [
        {"client_id": client["id"], "client_name": str(client.get("name") or ""), "endpoint": endpoint}
        for client, endpoint in zip(clients, endpoints, strict=True)
        if endpoint
    ]


def _one_reading(
    pocket_id: PocketIdClient, criteria: Criteria, client_id: str | None
) -> tuple[People, list[UserGroup]]:
    listed = pocket_id.groups() if criteria.all_groups or client_id else []
    counts = {group.id: group.user_count for group in listed}

    def whole(group: UserGroup) -> UserGroup:
        return replace(pocket_id.group(group), user_count=counts.get(group.id))

    groups = {name: whole(named_group(listed, name, "group")) for name in criteria.all_groups}
    allowed = None
    if client_id is not None:
        ids = _allowed_ids(pocket_id, client_id)
        allowed = None if ids is None else [whole(group) for group in listed if group.id in ids]
    people = People(pocket_id.users(), groups, allowed)
    return people, [*groups.values(), *(allowed or ())]


def _allowed_ids(pocket_id: PocketIdClient, client_id: str) -> tuple[str, ...] | None:
    try:
        return allowed_group_ids(pocket_id.client(client_id))
    except NotFoundError:
        raise InputError(
            "client_id",
            f"Pocket ID has no OIDC client {client_id!r}",
            "Find the id in Pocket ID: Settings, Admin, OIDC Clients; it is the one that vCenter was given.",
        ) from None
