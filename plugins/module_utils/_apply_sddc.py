# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SDDC Manager's providers and identity sources: read, plan and, unless in check mode, act and read back.

PRIVATE to this collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._errors import AnswerError, IdentityBrokerError, may_have_been_done
from ._sddc_answers import (
    AD_FS,
    FAILURE,
    FEDERATED,
    SUCCESS,
    Json,
    precheck_text,
    provider_type,
    shown_provider,
    shown_source,
)
from ._sddc_choice import embedded_provider, provider_names, settings_of, standing_provider, standing_source
from ._sddc_manager import SddcManagerClient
from ._sddc_settings import (
    AD_FS_SETTINGS,
    FEDERATED_SETTINGS,
    SOURCE_SETTINGS,
    Setting,
    SettingsPlan,
    plan_removal,
    plan_settings,
    unkept,
    unverified,
    wanted_settings,
)

Standing = Mapping[str, Any]
ALWAYS = "always"


@dataclass
class SddcOutcome:
    """What became of the plan. C(kept) is what was read back, or stands where nothing was sent."""

    plan: SettingsPlan
    kept: Json | None
    changed: bool
    prechecks: Json | None = None
    unverified: list[str] = field(default_factory=list)
    error: str | None = None
    warnings: list[str] = field(default_factory=list)

    def result(self) -> Json:
        """What modules return of it."""
        return {
            "changed": self.changed,
            "failed": self.error is not None,
            **({"msg": self.error} if self.error else {}),
            "operation": self.plan.operation,
            "unverified": self.unverified,
            "diff": self.plan.diff(),
        }


def ensure_provider(manager: SddcManagerClient, options: Mapping[str, Any], *, check_mode: bool) -> SddcOutcome:
    """Bring an external identity provider to what is wanted. Raises InputError."""
    absent = options["state"] == "absent"
    wanted_type = None if absent else options["type"]
    key, name = options["id"], options["name"]
    standing = standing_provider(manager.providers(), key, name, wanted_type)
    label = f"identity provider {name or (provider_names(standing)[0] if standing else key)}"
    if absent:
        table = FEDERATED_SETTINGS if standing and provider_type(standing) == FEDERATED else AD_FS_SETTINGS
        plan, wanted = plan_removal(table, standing), {}
    else:
        table = settings_of(options["type"], options)
        wanted = wanted_settings(table, options)
        plan = plan_settings(
            table,
            standing,
            wanted,
            constants={"type": options["type"]},
            rewrite=options["update_secret"] == ALWAYS,
        )
    outcome = SddcOutcome(plan, shown_provider(standing) if standing else None, plan.changes)
    if plan.operation == "create" and options["type"] != AD_FS and options["prechecks"]:
        outcome.prechecks = _precheck(manager, options["source"], outcome)
    if check_mode or not plan.changes or outcome.error:
        return outcome

    def write() -> str | None:
        if standing is None:
            return manager.add_provider(plan.document, label)
        if absent:
            manager.delete_provider(standing["id"], label)
        else:
            manager.update_provider(standing["id"], plan.document, label)
        return str(standing["id"])

    def read(identifier: str | None) -> Standing | None:
        return standing_provider(manager.providers(), identifier, None if identifier else name, wanted_type)

    return _carried_out(outcome, label, table, wanted, write, read, shown_provider)


def ensure_source(manager: SddcManagerClient, options: Mapping[str, Any], *, check_mode: bool) -> SddcOutcome:
    """Bring an identity source of the embedded provider to what is wanted. Raises InputError."""
    domain, absent = options["domain_name"], options["state"] == "absent"
    embedded = embedded_provider(manager.providers())
    standing = standing_source(embedded, domain, options)
    label = f"identity source of {domain}"
    if absent:
        plan, wanted = plan_removal(SOURCE_SETTINGS, standing), {}
    else:
        wanted = wanted_settings(SOURCE_SETTINGS, options)
        plan = plan_settings(
            SOURCE_SETTINGS, standing, wanted, constants={}, rewrite=options["update_secret"] == ALWAYS
        )
    outcome = SddcOutcome(plan, shown_source(standing) if standing else None, plan.changes)
    if check_mode or not plan.changes:
        return outcome
    key = str(embedded["id"])
    # In the spelling in which it stands, since it is a part of the address.
    stands = str((standing or {}).get("ldap", {}).get("domainName") or domain)

    def write() -> None:
        if standing is None:
            manager.add_source(key, plan.document, label)
        elif absent:
            manager.delete_source(key, stands, label)
        else:
            manager.update_source(key, stands, plan.document, label)

    def read(_none: None) -> Standing | None:
        return standing_source(embedded_provider(manager.providers()), domain, {**options, "state": "absent"})

    return _carried_out(outcome, label, SOURCE_SETTINGS, wanted, write, read, shown_source)


def _precheck(manager: SddcManagerClient, source: str, outcome: SddcOutcome) -> Json:
    try:
        found = manager.precheck(source)
    except AnswerError as error:
        raise IdentityBrokerError(
            f"{error} Nothing was changed.", way_out="With prechecks: false they are left out."
        ) from None
    if found["status"] == FAILURE:
        outcome.changed = False
        outcome.error = (
            f"The prechecks for {source} on {manager.hostname} failed: {precheck_text(found)}. Nothing was changed. "
            "Correct it and run the task again."
        )
    elif found["status"] != SUCCESS:
        outcome.warnings.append(
            f"The prechecks for {source} on {manager.hostname} ended with {found['status']}: {precheck_text(found)}."
        )
    return found


def _carried_out(
    outcome: SddcOutcome,
    label: str,
    table: tuple[Setting, ...],
    wanted: Mapping[str, Any],
    write: Callable[[], Any],
    read: Callable[[Any], Standing | None],
    shown: Callable[[Standing], Json],
) -> SddcOutcome:
    done = False
    try:
        written = write()
        done = True
        kept = read(written)
    except IdentityBrokerError as error:
        outcome.changed = done or may_have_been_done(error)
        told = " It may have been done; running the task again does the rest." if outcome.changed else ""
        outcome.error = f"{error}{told or ' Nothing was changed.'}"
        outcome.kept = None
        return outcome
    outcome.kept = None if kept is None else shown(kept)
    if outcome.plan.operation == "delete":
        if kept is not None:
            outcome.error = f"The {label} was deleted without an error, and is still there."
    elif kept is None:
        outcome.error = f"The {label} was written without an error, and is not there."
    else:
        outcome.unverified = unverified(table, wanted, kept)
        if different := unkept(table, wanted, kept):
            outcome.error = f"The {label} was written without an error, and yet: {different}."
    return outcome
