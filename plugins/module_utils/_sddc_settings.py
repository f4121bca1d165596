# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what SDDC Manager has and what is wanted to the one specification that is written. PRIVATE to this collection.

SDDC Manager takes whole specifications only, with every secret in them, and never tells a secret. So a table says of
each setting where it is written, where it is read, and when two values are the same; everything else follows from it.
Names on the wire are those of the schemas IdentityProviderSpec and IdentitySourceSpec (github.com/vmware/vcf-sdk-go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._errors import InputError
from ._texts import SET, SET_ANEW, folded

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One option of a task, and its two places on the wire; C(read) that is empty is never told."""

    option: str
    write: tuple[str, ...]
    read: tuple[str, ...] = ()
    kind: str = "text"
    """C(text) and C(list) compare exactly, C(name) and C(names) without case, and C(names) without order."""
    required: bool = False
    secret: bool = False
    may_be_untold: bool = False
    """Whether the printed examples leave it out although it was written, so that silence says nothing."""

    def told(self, document: Mapping[str, Any]) -> Any:
        """The value that stands; None where it is not told."""
        found: Any = document if self.read else None
        for name in self.read:
            # directoryList is an object, whatever its name says.
            found = found[0] if isinstance(found, list) and len(found) == 1 else found
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def alike(self, left: Any, right: Any) -> bool:
        """Whether two values are the same to SDDC Manager."""
        if self.kind == "name":
            return folded(str(left)) == folded(str(right))
        if self.kind == "names":
            return {folded(str(each)) for each in left} == {folded(str(each)) for each in right}
        return bool(left == right)


def _oidc(write: tuple[str, ...], read: tuple[str, ...]) -> tuple[Setting, ...]:
    return (
        Setting("oidc.client_id", (*write, "clientId"), (*read, "clientId"), required=True),
        Setting("oidc.client_secret", (*write, "clientSecret"), required=True, secret=True),
        Setting("oidc.discovery_endpoint", (*write, "discoveryEndpoint"), (*read, "discoveryEndpoint"), required=True),
    )


def _ldap(domain: str) -> tuple[Setting, ...]:
    def under(name: str, *path: str, **more: Any) -> Setting:
        return Setting(f"ldap.{name}", ("ldap", *path), ("ldap", *path), **more)

    return (
        Setting(domain, ("ldap", "domainName"), ("ldap", "domainName"), "name", required=True),
        under("domain_alias", "domainAlias", kind="name"),
        under("username", "username", kind="name", required=True),
        Setting("ldap.password", ("ldap", "password"), required=True, secret=True),
        under("users_base_dn", "sourceDetails", "usersBaseDn", required=True),
        under("groups_base_dn", "sourceDetails", "groupsBaseDn", required=True),
        under("server_endpoints", "sourceDetails", "serverEndpoints", kind="list", required=True),
        under("cert_chain", "sourceDetails", "certChain", kind="list", may_be_untold=True),
    )


_DIRECTORY = ("fedIdpSpec", "directory")
_DIRECTORY_TOLD = ("fedIdp", "directoryList")

AD_FS_SETTINGS = (
    Setting("name", ("name",), ("name",), required=True),
    Setting("cert_chain", ("certChain",), kind="list"),
    # What is read there is always Oidc.
    Setting("ldap.type", ("ldap", "type")),
    *_ldap("ldap.domain_name"),
    *_oidc(("oidc",), ("oidc",)),
)
FEDERATED_SETTINGS = (
    Setting("name", ("fedIdpSpec", "name"), ("fedIdp", "name"), required=True),
    Setting("cert_chain", ("certChain",), kind="list"),
    Setting("source", (*_DIRECTORY, "federatedIdpSourceType"), ("fedIdp", "source"), required=True),
    Setting("directory.name", (*_DIRECTORY, "name"), (*_DIRECTORY_TOLD, "name"), required=True),
    Setting(
        "directory.default_domain",
        (*_DIRECTORY, "defaultDomain"),
        (*_DIRECTORY_TOLD, "defaultDomain"),
        "name",
        required=True,
    ),
    Setting("directory.domains", (*_DIRECTORY, "domains"), (*_DIRECTORY_TOLD, "domains"), "names", required=True),
    Setting("directory.id", (*_DIRECTORY, "directoryId"), (*_DIRECTORY_TOLD, "directoryId"), may_be_untold=True),
    *_oidc(("fedIdpSpec", "oidcSpec"), ("fedIdp", "oidcInfo")),
)
SOURCE_SETTINGS = (
    Setting("name", ("name",), ("name",), required=True),
    Setting("ldap.type", ("ldap", "type"), ("ldap", "type"), required=True),
    *_ldap("domain_name"),
)


@dataclass(frozen=True, slots=True)
class SettingsPlan:
    """What becomes of a provider or an identity source; C(document) is its whole specification."""

    operation: str
    before: Json | None = None
    after: Json | None = None
    document: Json = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether carrying it out writes."""
        return self.operation != "none"

    def diff(self) -> Json:
        """Before and after in Ansible's form; of a secret only that it is set."""
        if not self.changes:
            return {"before": {}, "after": {}}
        return {"before": self.before or {}, "after": self.after or {}}


def wanted_settings(table: Sequence[Setting], options: Mapping[str, Any]) -> Json:
    """What the task names, by the dotted names of the table."""
    found: Json = {}
    for setting in table:
        group, dot, name = setting.option.partition(".")
        value = (options.get(group) or {}).get(name) if dot else options.get(group)
        if value is not None:
            found[setting.option] = value
    return found


def plan_removal(table: Sequence[Setting], standing: Mapping[str, Any] | None) -> SettingsPlan:
    """Have it no more."""
    return SettingsPlan("none" if standing is None else "delete", _told(table, standing))


def plan_settings(
    table: Sequence[Setting],
    standing: Mapping[str, Any] | None,
    wanted: Mapping[str, Any],
    *,
    constants: Mapping[str, Any],
    rewrite: bool,
) -> SettingsPlan:
    """Decide what becomes of it. Raises InputError where the specification would be incomplete.

    C(constants) stand in each document. With C(rewrite), secrets that are given count as a change.
    """
    before = _told(table, standing)
    if standing is None:
        _check(table, wanted, wanted, "is not given, and it is needed to create it")
        return SettingsPlan("create", None, _shown(table, wanted, SET), _document(table, wanted, constants))
    told = {setting.option: setting.told(standing) for setting in table}
    written = [setting for setting in table if setting.option in wanted and _differs(setting, wanted, told, rewrite)]
    if not written:
        return SettingsPlan("none", before, before)
    values = {name: value for name, value in {**told, **wanted}.items() if value is not None}
    _check(
        table,
        values,
        {**dict.fromkeys(_groups_told(told)), **wanted},
        "is not given, and SDDC Manager takes the whole specification with every change of it",
    )
    return SettingsPlan("update", before, _shown(table, values, SET_ANEW), _document(table, values, constants))


def unverified(table: Sequence[Setting], wanted: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    """The options whose values SDDC Manager does not tell after they were written."""
    return [each.option for each in table if each.option in wanted and each.told(kept) is None]


def unkept(table: Sequence[Setting], wanted: Mapping[str, Any], kept: Mapping[str, Any]) -> str | None:
    """How what was read back differs from what was asked for."""
    told = {each.option: each.told(kept) for each in table if each.option in wanted}
    different = [
        f"{each.option} is {told[each.option]!r} instead of {wanted[each.option]!r}"
        for each in table
        if told.get(each.option) is not None and not each.alike(wanted[each.option], told[each.option])
    ]
    return ", ".join(different) or None


def _differs(setting: Setting, wanted: Mapping[str, Any], told: Mapping[str, Any], rewrite: bool) -> bool:
    if setting.secret:
        return rewrite
    stands = told[setting.option]
    if stands is None:
        # Without a place to read it from, nothing would ever be the same.
        return bool(setting.read) and not setting.may_be_untold
    return not setting.alike(wanted[setting.option], stands)


def _groups_told(told: Mapping[str, Any]) -> list[str]:
    return [name for name, value in told.items() if value is not None]


def _check(table: Sequence[Setting], values: Mapping[str, Any], named: Mapping[str, Any], problem: str) -> None:
    """Raise InputError for what is missing; the groups of optional objects count only where one of them is named."""
    used = {name.partition(".")[0] for name in named}
    for setting in table:
        group = setting.option.partition(".")[0]
        optional = group == "ldap" and table is AD_FS_SETTINGS and group not in used
        if setting.required and not values.get(setting.option) and not optional:
            raise InputError(setting.option, problem, "Give it.")
    _check_values(values)


def _check_values(values: Mapping[str, Any]) -> None:
    domains, default = values.get("directory.domains"), values.get("directory.default_domain")
    if domains and default and folded(default) not in {folded(each) for each in domains}:
        raise InputError("directory.default_domain", f"{default!r} is not in directory.domains", "Add it there.")
    endpoints = values.get("ldap.server_endpoints") or ()
    for endpoint in endpoints:
        if not endpoint.startswith(("ldap://", "ldaps://")):
            raise InputError(
                "ldap.server_endpoints", f"{endpoint!r} is no LDAP address", "Write it as ldaps://dc1.example.org."
            )
    if any(each.startswith("ldaps://") for each in endpoints) and not values.get("ldap.cert_chain"):
        raise InputError(
            "ldap.cert_chain",
            "is not given, and SDDC Manager needs it for ldaps; what stands it does not always tell",
            "Give the certificates that sign the directory servers', in PEM.",
        )


def _document(table: Sequence[Setting], values: Mapping[str, Any], constants: Mapping[str, Any]) -> Json:
    document: Json = dict(constants)
    for setting in table:
        if setting.option in values:
            place = document
            for name in setting.write[:-1]:
                place = place.setdefault(name, {})
            place[setting.write[-1]] = values[setting.option]
    return document


def _told(table: Sequence[Setting], standing: Mapping[str, Any] | None) -> Json | None:
    if standing is None:
        return None
    told = {setting.option: setting.told(standing) for setting in table}
    values = {name: value for name, value in told.items() if value is not None}
    # A secret belongs to whatever stands of its object.
    groups = {name.partition(".")[0] for name in values}
    secrets = {each.option: SET for each in table if each.secret and each.option.partition(".")[0] in groups}
    return _shown(table, {**values, **secrets}, SET)


def _shown(table: Sequence[Setting], values: Mapping[str, Any], secret: str) -> Json:
    """The settings as a task writes them, without a secret in them."""
    shown: Json = {}
    for setting in table:
        if setting.option in values:
            group, dot, name = setting.option.partition(".")
            place = shown.setdefault(group, {}) if dot else shown
            place[name or group] = secret if setting.secret else values[setting.option]
    return shown
