# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find entries that a task chooses by more than name and domain: in a foreign domain, or by id. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Sequence

from ._identities import Identities
from ._users import DesiredUser, User


def entry_to_move(identities: Identities, wanted: DesiredUser) -> tuple[User | None, str | None]:
    """Return the entry that `move_from_domain` means, and why it may not be taken, if so.

    It is taken only if user name, that domain and ExternalId all match.
    """
    if not wanted.move_from_domain:
        return None, None
    found = _in_foreign_domain(identities, wanted)
    matching = [user for user in found if user.external_id == wanted.external_id]
    if len(matching) == 1:
        return matching[0], None
    if not found:
        return None, None
    entries = " and ".join(f"id {user.id} has ExternalId {user.external_id}" for user in found)
    return None, (
        f"{wanted.label}: the entry of this user name in {wanted.move_from_domain} was not taken, since user name, domain and "
        f"external_id must all match: {entries}, and external_id is {wanted.external_id}. Correct external_id, or leave "
        "out move_from_domain."
    )


def entry_with_id(users: Sequence[User], identities: Identities, wanted: DesiredUser) -> tuple[User | None, str | None]:
    """Return the entry that an id means, checked against the user name, and why it may not be taken, if so."""
    entry = next((user for user in users if user.id == wanted.entry_id), None)
    if entry is None or entry in (*identities.meant(wanted), *_matching_in_foreign_domain(identities, wanted)):
        return entry, None
    return None, (
        f"{wanted.label}: the entry with id {wanted.entry_id} is {entry.label} with ExternalId {entry.external_id}, which is "
        "not certain to be this user. Correct id or the user name; for an entry whose domain the broker does not show, give "
        "external_id as well."
    )


def _in_foreign_domain(identities: Identities, wanted: DesiredUser) -> list[User]:
    """Return the entries of the wanted user's name in the foreign domain.

    Scripts that took the domain from elsewhere may have sent the user name with the right domain behind it.
    """
    domain = wanted.move_from_domain or ""
    names = dict.fromkeys((wanted.username, wanted.label))
    return [user for name in names for user in identities.named(name, domain)]


def _matching_in_foreign_domain(identities: Identities, wanted: DesiredUser) -> list[User]:
    if not wanted.move_from_domain:
        return []
    return [user for user in _in_foreign_domain(identities, wanted) if user.external_id == wanted.external_id]
