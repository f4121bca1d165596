# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what a diagnosis is made by: the broker's users, and vCenter's permissions. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ._access import ScimAccess, read_users
from ._authorization import global_authorization
from ._desired import attempt_list
from ._diagnosis import Known
from ._errors import AnswerError, IdentityBrokerError, InputError, TransportError
from ._login_failures import failure_from_result
from ._permissions import Permission
from ._provider_users import ProviderUsers
from ._vcenter import VcenterClient

DOWN = (502, 503, 504)
"""What a proxy answers in place of a service that does not run."""


def read_known(
    access: ScimAccess, vcenter: VcenterClient | None, login_attempts: Any, provider: ProviderUsers | None
) -> tuple[Known, list[str]]:
    """What there is to judge by, and what could not be read of it. Raises IdentityBrokerError."""
    known = replace(_of_log(login_attempts), provider=provider)
    if vcenter is not None:
        # Where vCenter itself does not answer, that is no case but an error.
        vcenter.log_in()
    try:
        users, domains = read_users(access)
        known = replace(known, users=users, domains=domains)
    except IdentityBrokerError as error:
        if not _is_down(error):
            raise
        known = replace(known, broker_error=str(error))
    permissions, notes = _permissions(vcenter)
    return replace(known, permissions=permissions), notes


def _permissions(vcenter: VcenterClient | None) -> tuple[Sequence[Permission] | None, list[str]]:
    if vcenter is None:
        return None, ["Permissions were not looked at, since no log-in of vCenter is given."]
    try:
        found = global_authorization(vcenter)
    except IdentityBrokerError as error:
        return None, [f"Permissions were not looked at. {error}"]
    if found is None:
        return None, ["Permissions were not looked at: this vCenter offers no API for global permissions."]
    return found.permissions, []


def _of_log(value: Any) -> Known:
    if value is None:
        return Known()
    found = attempt_list(value)
    spellings = value.get("spellings")
    field, way_out = (
        "login_attempts",
        "Read the log with externalid_fact and evidence: true, and pass its result as it is.",
    )
    failures, lines = value.get("failures"), value.get("lines")
    if (
        found is None
        or not isinstance(failures, list)
        or not isinstance(lines, Mapping)
        or not isinstance(spellings, list)
    ):
        raise InputError(field, "holds no evidence", way_out)
    if not all(isinstance(line, str) for line in lines.values()):
        raise InputError(field, "has lines that are no strings", way_out)
    try:
        read = [failure_from_result(item) for item in failures]
    except ValueError as error:
        raise InputError(field, f"a failure cannot be read ({error})", way_out) from None
    try:
        spelt = [(str(each["name"]), str(each["domain"])) for each in spellings]
    except (KeyError, TypeError):
        raise InputError(field, "has spellings without name and domain", way_out) from None
    return Known(attempts=found.attempts, failures=read, lines=dict(lines), spellings=spelt)


def _is_down(error: IdentityBrokerError) -> bool:
    return isinstance(error, TransportError) or (isinstance(error, AnswerError) and error.status in DOWN)
