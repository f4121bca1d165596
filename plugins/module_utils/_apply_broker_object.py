# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An object of the broker's own API: read, plan and, unless in check mode, act and read back. PRIVATE to this collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ._broker_object_plan import ObjectPlan, Wanted, find, plan_object, unkept
from ._broker_objects import Document, Kind
from ._errors import ConflictError, IdentityBrokerError, InputError, NotFoundError, may_have_been_done
from ._identity_services import IdentityServicesClient

Check = Callable[[dict[str, Any], "Document | None"], dict[str, Any]]
LONGEST_PAUSE = 10.0
SHORTEST_PAUSE = 0.25


@dataclass
class ObjectOutcome:
    """What became of the plan. C(document) is what was read back, or predicted where nothing was sent."""

    plan: ObjectPlan
    document: Document | None
    changed: bool
    error: str | None = None
    unverified: list[str] = field(default_factory=list)
    waited: float = 0.0
    created: Document | None = None
    """What the broker answered to the creation, with what it tells only there."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """How a directory is deleted, which takes its users with it, and goes on after the broker has answered."""

    force: bool
    wait: bool
    timeout: float
    tell: Callable[[str], object]


class BrokerObject:
    """One object that a task is about."""

    def __init__(
        self,
        services: IdentityServicesClient,
        kind: Kind,
        wanted: Wanted,
        check: Check,
        *,
        deletion: Deletion | None = None,
        query: dict[str, str | int] | None = None,
        own: bool = False,
    ) -> None:
        """C(own) is whether it is the client that the task signs in with."""
        self._own = own
        self._services = services
        self._kind = kind
        self._deletion = deletion
        self._query = query
        self._wrote = False
        row = find(services.rows(kind), kind, wanted)
        self.standing = None if row is None else services.read(kind, row)
        # How the list names it: the address that one call took, the next will take.
        self._row = row if self.standing is not None else None
        if wanted.state == "present":
            if self.standing is not None and self.standing.get("delete_in_progress"):
                raise InputError(
                    "name", f"the {kind.noun} is being deleted", "Run it again once it is gone, or choose another name."
                )
            wanted = replace(wanted, fields=check(dict(wanted.fields), self.standing))
        self._wanted = wanted
        self.plan = plan_object(kind, self.standing, wanted)
        if self.is_going:
            self.plan = replace(self.plan, operation="none")
        elif self.plan.operation == "delete" and deletion is not None and not deletion.force:
            raise InputError(
                "force",
                f"is not true, and with the {kind.noun} {self._label} all its users, groups, and its sync client are deleted",
                "Set force: true if that is meant.",
            )

    @property
    def is_going(self) -> bool:
        """Whether the broker is deleting it already."""
        return bool(self._wanted.state == "absent" and self.standing and self.standing.get("delete_in_progress"))

    @property
    def row(self) -> dict[str, Any]:
        """What the list says of it."""
        if self._row is None:
            raise ValueError("it does not stand")
        return self._row

    @property
    def _label(self) -> str:
        return str((self.standing or self._wanted.fields).get(self._kind.named_by))

    def foretold(self) -> ObjectOutcome:
        """What would become of it."""
        return ObjectOutcome(self.plan, self.plan.after, self.plan.changes)

    def ensured(self) -> ObjectOutcome:
        """Carry the plan out, and read back."""
        if self.is_going and self._deletion is not None:
            return self._gone(changed=False)
        if not self.plan.changes:
            return ObjectOutcome(self.plan, self.plan.after, changed=False)
        try:
            return self._carried_out()
        except IdentityBrokerError as error:
            changed = self._wrote or may_have_been_done(error)
            told = " Some of it was done; running the task again does the rest." if changed else " Nothing was changed."
            return ObjectOutcome(self.plan, None, changed, f"{error}{told}")

    def _carried_out(self) -> ObjectOutcome:
        services, kind = self._services, self._kind
        if self.plan.operation == "delete":
            return self._deleted()
        created: dict[str, Any] | None = None
        if self.plan.operation == "create":
            created = self._with_way_out(lambda: services.create(kind, self.plan.document))
            self._wrote = True
            self._row = {**self.plan.document, **created}
        else:
            self._with_way_out(lambda: services.change(kind, self.row, self.plan.document, self._query))
            self._wrote = True
        kept = self._read()
        if created is not None:
            kept = self._completed(kept)
        differing, unverified = unkept(self.plan, kept)
        return ObjectOutcome(self.plan, kept, True, _told(kind, self._label, differing), unverified, created=created)

    def _completed(self, kept: Document) -> Document:
        """What the broker defaults when it creates an object is changed to what was wanted."""
        late = {name: value for name, value in self._wanted.fields.items() if self._kind.rules[name].late}
        rest = plan_object(self._kind, kept, Wanted(late))
        if not rest.changes:
            return kept
        self._services.change(self._kind, self.row, rest.document, self._query)
        return self._read()

    def _read(self) -> Document:
        kept = self._services.read(self._kind, self.row)
        if kept is None:
            raise IdentityBrokerError(
                f"The {self._kind.noun} {self._label} was written without an error, and is not there."
            )
        return kept

    def _deleted(self) -> ObjectOutcome:
        try:
            self._services.delete(self._kind, self.row)
        except NotFoundError:
            return ObjectOutcome(self.plan, None, changed=True)
        except ConflictError as error:
            raise IdentityBrokerError(error.message, way_out=self._kind.in_use) from None
        self._wrote = True
        return self._signed_out() if self._own else self._gone(changed=True)

    def _signed_out(self) -> ObjectOutcome:
        """Who has deleted itself cannot look any more; that it cannot sign in tells as much."""
        if not self._services.signs_in():
            return ObjectOutcome(self.plan, None, changed=True)
        error = f"The {self._kind.noun} {self._label} was deleted without an error, and still signs in."
        return ObjectOutcome(self.plan, self.standing, True, error)

    def _gone(self, *, changed: bool) -> ObjectOutcome:
        deletion = self._deletion
        start, pause = time.monotonic(), SHORTEST_PAUSE
        while True:
            kept = self._services.read(self._kind, self.row)
            waited = round(time.monotonic() - start, 1)
            if kept is None:
                return ObjectOutcome(self.plan, None, changed, waited=waited)
            if deletion is None or not kept.get("delete_in_progress"):
                error = f"The {self._kind.noun} {self._label} was deleted without an error, and is still there."
                return ObjectOutcome(self.plan, kept, changed, error)
            if not deletion.wait:
                return ObjectOutcome(self.plan, kept, changed, waited=waited)
            if waited >= deletion.timeout:
                error = (
                    f"The {self._kind.noun} {self._label} is still being deleted after {waited:g} s. Raise wait_timeout, or run "
                    "the task again: it goes on waiting."
                )
                return ObjectOutcome(self.plan, kept, changed, error, waited=waited)
            deletion.tell(f"The {self._kind.noun} {self._label} is being deleted, for {waited:g} s by now.")
            self._services.pause(min(pause, max(deletion.timeout - waited, SHORTEST_PAUSE)))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _with_way_out(self, send: Callable[[], Any]) -> Any:
        try:
            return send()
        except ConflictError as error:
            raise IdentityBrokerError(error.message, way_out=self._kind.taken) from None


def _told(kind: Kind, label: str, differing: list[str]) -> str | None:
    if not differing:
        return None
    return f"The {kind.noun} {label} was written without an error, and yet has other values: {', '.join(differing)}."
