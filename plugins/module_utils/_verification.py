# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was asked for against what is read back. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._directory import Operation
from ._texts import folded
from ._users import (
    DesiredUser,
    User,
    differences,
    other_wire_form,
    returned_domain,
    unkept,
    users_from_scim,
)

Document = Mapping[str, Any]


class Listing:
    """One reading of the broker's users, on the wire and in our form."""

    def __init__(self, documents: Sequence[Document], domains: Sequence[str]) -> None:
        self.users = users_from_scim(documents, domains)
        self.documents = {str(document["id"]): document for document in documents}
        self._by_id = {user.id: user for user in self.users}
        self._by_external_id = {user.external_id: user.id for user in self.users if user.external_id}
        self._by_identity = {folded(user.label if user.domain else user.username): user.id for user in self.users}

    def entry(self, operation: Operation) -> User | None:
        """The entry that an operation made, changed or should have removed."""
        wanted = operation.wanted
        if operation.kind in ("create", "recreate"):
            names = (wanted.label, wanted.wire_name)
            named = next((key for name in names if (key := self._by_identity.get(folded(name)))), None)
            key = self._by_external_id.get(wanted.external_id or "") or named
        else:
            key = operation.before.id if operation.before else None
        return self._by_id.get(key or "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the broker holds of an operation, what of it cannot be told, and what is wrong."""

    user: User | None
    unverified: tuple[str, ...] = ()
    error: str | None = None


def verdict(operation: Operation, listing: Listing) -> Verdict:
    """Whether what was written is there."""
    found, label = listing.entry(operation), operation.wanted.label
    if operation.kind == "delete":
        return Verdict(None, error=f"{label} was deleted, and is still in the broker." if found else None)
    if found is None or operation.after is None:
        return Verdict(None, error=f"{label} was written without an error, and is not in the broker.")
    if operation.before and operation.kind != "recreate" and operation.before.external_id and not found.external_id:
        return Verdict(found, error=_lost_external_id(label, operation.before.external_id))
    different, unverified = unkept(operation.after, found, touched(operation))
    if operation.kind in ("create", "recreate") and returned_domain(listing.documents[found.id]) is None:
        unverified = unverified if "domain" in different else [*unverified, "domain"]
    error = None
    if different:
        said = "; ".join(f"{name}: asked {asked!r}, kept {kept!r}" for name, (asked, kept) in different.items())
        error = (
            f"{label} was written, but the broker keeps something else than it was asked to ({said}). Look at the entry "
            f"before this person logs in.{_domain_hint(operation.wanted, found) if 'domain' in different else ''}"
        )
    return Verdict(found, tuple(dict.fromkeys([*operation.unverified, *unverified])), error)


def _lost_external_id(label: str, external_id: str) -> str:
    return (
        f"{label} was updated, and the broker no longer shows its ExternalId {external_id}, which was sent unchanged. This "
        f"person cannot log in without it. To set it again, run the task for this user with external_id: {external_id} "
        "and recreate: true."
    )


def _domain_hint(wanted: DesiredUser, found: User) -> str:
    """Return how to get the entry into its domain, where the broker did not understand how the domain was sent."""
    return (
        f" To recreate it in {wanted.domain}, give this user wire_form: {other_wire_form(wanted.wire_form)}, "
        f"external_id: {wanted.external_id} and move_from_domain: {found.domain}."
    )


def touched(operation: Operation) -> list[str]:
    """The attributes that an operation writes, or must not lose."""
    if operation.kind in ("create", "recreate"):
        return ["username", "domain", "external_id", "active", *operation.wanted.named_attributes()]
    if operation.before is None:
        return []
    changed = list(differences(operation.before, operation.wanted))
    return ["username", "external_id", *changed] if operation.kind == "rename" else ["external_id", *changed]
