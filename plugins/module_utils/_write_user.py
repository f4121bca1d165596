# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How one operation on a user goes over the wire. PRIVATE to this collection."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ._directory import CHANGING, Operation
from ._errors import AnswerError, ConflictError, IdentityBrokerError, NotFoundError
from ._groups import ALL_USERS, memberships_by_groups
from ._journal import Journal
from ._membership import Memberships
from ._recreation import Recreation, memberships, unknown_memberships
from ._scim import Rewritten, ScimClient
from ._undo import Deleted, as_it_was
from ._user_update import updated_document, updated_patch
from ._users import DesiredUser, User, differences, document_for_creation, other_wire_form

BAD_REQUEST = 400
NO_PATCH = (400, 404, 405, 501)

Document = Mapping[str, Any]


class UserWriter:
    """Writes users as they stand in the last listing, and keeps in the journal what a deletion would lose."""

    def __init__(self, standing: dict[str, Document], journal: Journal, recreations: Iterable[Recreation]) -> None:
        self.standing = standing
        self._journal = journal
        self._groups: Sequence[Document] = ()
        self._memberships: Memberships | None = None
        self._shown_groups: Mapping[str, Any] = {}
        """What users show of their groups on request."""
        self.groups_untold = False
        """Whether it is not known of which groups some of those who are deleted are members."""
        self.kept: Path | None = None
        """The file to which the users that this run deletes were written."""
        self._deleted: set[str] = set()
        self._without_version: set[str] = set()
        self._lock = threading.Lock()
        self.begun = {recreation.id: recreation for recreation in recreations}

    def prepare(self, client: ScimClient, operations: Iterable[Operation]) -> None:
        """See, before the first deletion, that what a recreation loses can be kept and told. Raises InputError."""
        going = [
            op for op in operations if op.kind in ("delete", "recreate") and op.before and op.before.id in self.standing
        ]
        if going:
            self._journal.check(client.host)
            entries = [self.standing[op.before.id] for op in going if op.before]
            if not all(_tells_groups(entry) for entry in entries):
                self._read_groups(client, going)
        deleted = [op for op in going if op.kind == "delete"]
        if deleted and self.kept is None:
            users = tuple(
                as_it_was(op.before, op.wanted.domain, self._group_names(op.before)) for op in deleted if op.before
            )
            self.kept = self._journal.keep_deleted(Deleted(client.host, users))

    def _read_groups(self, client: ScimClient, going: Sequence[Operation]) -> None:
        try:
            self._groups = groups_with_members(client)
        except NotFoundError:
            # A server without groups has no memberships to lose.
            if any(op.kind == "recreate" for op in going):
                raise
        shown = client.users_with_groups(list(self.standing.values()))
        if users_show_groups(shown):
            self._shown_groups = {row["id"]: row.get("groups") for row in shown}
        else:
            known = self._memberships = memberships_by_groups(self._groups)
            self.groups_untold = any(known.unknown(op.before.id) for op in going if op.before)

    def _with_groups(self, entry_id: str) -> Document:
        """Return an entry, with the groups that it shows only on request."""
        entry, groups = self.standing[entry_id], self._shown_groups.get(entry_id)
        return entry if groups is None or "groups" in entry else {**entry, "groups": groups}

    def _group_names(self, user: User) -> list[str]:
        try:
            return [group.name for group in memberships(self._with_groups(user.id), self._groups)]
        except ValueError:
            # A group that is in no listing any more; its name is all that is needed here.
            return [name for name in user.groups if name != ALL_USERS]

    def write(self, client: ScimClient, operation: Operation) -> bool:
        """Send the operation. Return whether there was anything to send; what the broker refuses is raised."""
        before, label = operation.before, operation.wanted.label
        if operation.kind == "create":
            _create(operation, client)
        elif before is None or operation.kind not in CHANGING:
            raise ValueError(f"no way to carry out {operation.kind}")
        elif operation.kind == "delete":
            client.delete_user(before.id, label)
        elif operation.kind == "recreate":
            if before.id in self.standing:
                self._begin(operation, before.id, client.host)
                client.delete_user(before.id, label)
                self._deleted.add(before.id)
                # Should the creation be sent again with another token, then without the deletion.
                self.standing.pop(before.id, None)
            _create(operation, client)
        else:
            return self._update(client, operation, before)
        return True

    def _update(self, client: ScimClient, operation: Operation, before: User) -> bool:
        wanted = operation.wanted
        username = operation.after.username if operation.kind == "rename" and operation.after else None
        if not (differences(before, wanted) or username):
            return True  # Only groups get a member.
        if before.external_id is None and not any(entry.get("externalId") for entry in self.standing.values()):
            rewritten = _patch(client, before, wanted, username)
        else:
            rewritten = client.update_user(
                before.id, wanted.label, lambda standing: updated_document(standing, before, wanted, username)
            )
        if rewritten.without_version:
            self._without_version.add(before.id)
        return rewritten.sent

    def unverified(self, operation: Operation) -> tuple[str, ...]:
        """Return what could not be made sure of when the operation was sent."""
        before = operation.before
        return ("etag",) if before is not None and before.id in self._without_version else ()

    def has_deleted(self, operation: Operation) -> bool:
        """Whether this run has taken away the entry that is to be created anew."""
        return operation.before is not None and operation.before.id in self._deleted

    def end(self, recreation: Recreation) -> None:
        """The entry is whole again."""
        self._journal.strike(recreation)
        with self._lock:
            self.begun.pop(recreation.id, None)

    def _begin(self, operation: Operation, entry_id: str, host: str) -> None:
        entry = self._with_groups(entry_id)
        unknown = self._memberships.unknown(entry_id) if self._memberships else []
        if unknown:
            # The plan was made from another reading.
            raise IdentityBrokerError(unknown_memberships(operation.wanted.label, unknown))
        try:
            groups = memberships(entry, self._groups)
        except ValueError as error:
            raise IdentityBrokerError(
                f"{operation.wanted.label} was not deleted to be created anew, since {error}.",
                way_out="Its membership would be lost. Try again.",
            ) from None
        began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        wanted = operation.wanted
        now = (wanted.username, wanted.domain) if wanted.move_from_domain else None
        recreation = Recreation(host, began, entry, groups, wanted.external_id or "", now)
        self._journal.enter(recreation)
        with self._lock:
            self.begun[entry_id] = recreation


def _patch(client: ScimClient, before: User, wanted: DesiredUser, username: str | None) -> Rewritten:
    """Update a user on a broker that shows no ExternalId, so that no PUT can carry it, and one may clear it."""
    try:
        return client.patch_user(
            before.id, wanted.label, lambda standing: updated_patch(standing, before, wanted, username)
        )
    except AnswerError as error:
        if error.status not in NO_PATCH:
            raise
        raise IdentityBrokerError(
            error.message,
            way_out="The broker shows no ExternalId of any user, so a PUT might clear it, and only PATCH is tried. Change "
            "this user at the broker, or let the owner of the token read externalId.",
        ) from None


def _tells_groups(entry: Document) -> bool:
    groups = entry.get("groups")
    return isinstance(groups, list) and all(isinstance(each, Mapping) and each.get("value") for each in groups)


def users_show_groups(documents: Iterable[Document]) -> bool:
    """Return whether any user shows groups."""
    return any(isinstance(document.get("groups"), list) for document in documents)


def groups_with_members(client: ScimClient) -> list[dict[str, Any]]:
    """Return all groups with their members where the server shows them; a list may leave them out."""
    return [
        group
        if isinstance(group.get("members"), list) or group["displayName"] == ALL_USERS
        else client.group(group["id"], group["displayName"])
        for group in client.groups()
    ]


def _create(operation: Operation, client: ScimClient) -> None:
    wanted = operation.wanted
    try:
        client.create_user(document_for_creation(wanted), wanted.label)
    except AnswerError as error:
        if error.status != BAD_REQUEST or isinstance(error, ConflictError):
            raise
        name = "" if wanted.family_name else "Give family_name, which some versions do not take empty; or try "
        form = other_wire_form(wanted.wire_form)
        raise IdentityBrokerError(error.message, way_out=f"{name or 'Try '}wire_form: {form}.") from None
