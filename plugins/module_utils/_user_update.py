# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An update of a user that undoes nothing that somebody else changed. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._errors import IdentityBrokerError
from ._texts import same_name
from ._users import DesiredUser, User, differences, document_for_replacement, user_from_scim

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def updated_document(
    standing: Mapping[str, Any], before: User, wanted: DesiredUser, username: str | None
) -> dict[str, Any] | None:
    """Return the body of `PUT /Users/{id}`, made from a read just before it; None where nothing is left to do.

    `before` is the user as the plan saw it, and `username` a new user name. What the task does not manage is kept as it
    is in `standing`. A managed attribute that has the wanted value is done; one that has neither that nor the one of
    `before` raises IdentityBrokerError.
    """
    now = user_from_scim(standing, (before.domain,) if before.domain else ())
    foreign = _changed_by_others(now, before, wanted, username)
    if foreign:
        raise IdentityBrokerError(
            f"{wanted.label} was not updated, since somebody else changed the entry after it was listed "
            f"({'; '.join(foreign)}).",
            way_out="Look at the entry, and run the task again.",
        )
    new_name = username if username is not None and now.username != username else None
    changes = differences(now, wanted)
    if not changes and new_name is None:
        return None
    document = document_for_replacement(standing, changes, new_name)
    if now.external_id is None and before.external_id is not None:
        # The list showed it and this read does not; a PUT without it may clear it (RFC 7644 section 3.5.1).
        document["externalId"] = before.external_id
    return document


def updated_patch(
    standing: Mapping[str, Any], before: User, wanted: DesiredUser, username: str | None
) -> dict[str, Any] | None:
    """Return the body of `PATCH /Users/{id}` that does what the one of `updated_document` does, and names nothing else."""
    document = updated_document(standing, before, wanted, username)
    if document is None:
        return None
    changed = {name: value for name, value in document.items() if value != standing.get(name) and name != "name"}
    names, were = document.get("name") or {}, standing.get("name") or {}
    changed |= {f"name.{part}": value for part, value in names.items() if value != were.get(part)}
    operations = [{"op": "replace", "path": path, "value": value} for path, value in changed.items()]
    return {"schemas": [PATCH_SCHEMA], "Operations": operations}


def _changed_by_others(now: User, before: User, wanted: DesiredUser, username: str | None) -> list[str]:
    """Describe the managed attributes that have neither the value of the plan nor the wanted one."""
    found = []
    names = {before.username, username or before.username}
    if not any(same_name(now.username, name) for name in names):
        found.append(f"username: was {before.username!r}, is {now.username!r}")
    if now.domain is not None and before.domain is not None and not same_name(now.domain, before.domain):
        found.append(f"domain: was {before.domain!r}, is {now.domain!r}")
    if now.external_id is not None and now.external_id != before.external_id:
        found.append(f"external_id: was {before.external_id!r}, is {now.external_id!r}")
    for name, value in differences(now, wanted).items():
        was, has = getattr(before, name), getattr(now, name)
        if (was if name == "active" else was or None) != has:
            found.append(f"{name}: was {was!r}, is {has!r}, and {value!r} is wanted")
    return found
