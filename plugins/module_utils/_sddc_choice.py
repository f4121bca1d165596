# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which identity provider or identity source of SDDC Manager is meant. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._errors import InputError
from ._sddc_answers import AD_FS, EMBEDDED, FEDERATED, provider_type
from ._sddc_settings import AD_FS_SETTINGS, FEDERATED_SETTINGS, Setting
from ._texts import same_name

Provider = Mapping[str, Any]
_BELONGS = {"ldap": AD_FS, "directory": FEDERATED, "source": FEDERATED}


def settings_of(wanted_type: str, options: Mapping[str, Any]) -> tuple[Setting, ...]:
    """The table of a provider's type. Raises InputError for an option of the other one."""
    for name, belongs in _BELONGS.items():
        if options.get(name) is not None and belongs != wanted_type:
            raise InputError(name, f"does not go with type {wanted_type}", f"Leave it out, or give type {belongs}.")
    return AD_FS_SETTINGS if wanted_type == AD_FS else FEDERATED_SETTINGS


def provider_names(provider: Provider) -> list[str]:
    """Under which names a provider is known."""
    federated = provider.get("fedIdp")
    inner = federated.get("name") if isinstance(federated, Mapping) else None
    return [str(name) for name in (provider.get("name"), inner) if name]


def standing_provider(
    providers: Sequence[Provider], provider_id: str | None, name: str | None, wanted_type: str | None
) -> Provider | None:
    """The external provider that is meant, by its id where that is given. Raises InputError."""
    if provider_id is not None:
        found = [each for each in providers if each.get("id") == provider_id]
    elif name is not None:
        found = [each for each in _external(providers) if any(same_name(name, known) for known in provider_names(each))]
    else:
        raise InputError("name", "is not given, nor is id", "Give one of them.")
    if len(found) > 1:
        raise InputError("name", f"{name!r} is the name of several providers", f"Give id: {listed(found)}.")
    if not found:
        return None
    if provider_type(found[0]) == EMBEDDED:
        raise InputError("id", "is the embedded identity provider's", "It is SDDC Manager's own; give an external one.")
    told = provider_type(found[0])
    if wanted_type is not None and told != wanted_type:
        raise InputError(
            "type",
            f"{provider_names(found[0])[0]!r} is of type {told}, and a type cannot be changed to {wanted_type}",
            "Remove it with state: absent, or give another name.",
        )
    return found[0]


def syncing_provider(providers: Sequence[Provider], provider_id: str | None, name: str | None) -> Provider:
    """The one provider to which users are pushed. Raises InputError that lists the others."""
    pushed = [each for each in providers if provider_type(each) == FEDERATED]
    fitting = narrowed(pushed, provider_id, name, None)
    if len(fitting) == 1:
        return fitting[0]
    if not pushed:
        raise InputError(
            "provider_id",
            f"SDDC Manager has no provider of type {FEDERATED}, and only such have a sync token",
            "Configure one with sddc_identity_provider.",
        )
    problem = "several fit" if fitting else "none fits"
    raise InputError("provider_id", f"{problem} {provider_id or name or ''}".rstrip(), f"Choose from {listed(pushed)}.")


def narrowed(
    providers: Sequence[Provider], provider_id: str | None, name: str | None, wanted_type: str | None
) -> list[Provider]:
    """The providers that fit all that is given."""
    return [
        each
        for each in providers
        if (provider_id is None or each.get("id") == provider_id)
        and (name is None or any(same_name(name, known) for known in provider_names(each)))
        and (wanted_type is None or provider_type(each) == wanted_type)
    ]


def embedded_provider(providers: Sequence[Provider]) -> Provider:
    """The provider that holds identity sources. Raises InputError."""
    found = [each for each in providers if provider_type(each) == EMBEDDED]
    if len(found) != 1:
        raise InputError(
            "hostname", f"SDDC Manager lists {len(found)} embedded identity providers, not one", "Is it set up yet?"
        )
    return found[0]


def standing_source(embedded: Provider, domain: str, options: Mapping[str, Any]) -> Provider | None:
    """The identity source of a domain. Raises InputError for one that is built in, and for what cannot be changed."""
    sources = [each for each in embedded.get("identitySources") or () if isinstance(each, Mapping)]
    found = [each for each in sources if any(same_name(domain, known) for known in _domains(each))]
    if found and not isinstance(found[0].get("ldap"), Mapping):
        raise InputError("domain_name", f"{domain!r} is built in ({found[0].get('type')})", "Give another domain.")
    if options["state"] == "absent":
        return found[0] if found else None
    name, alias = options["name"], (options["ldap"] or {}).get("domain_alias")
    if not found:
        _refuse_another_domain(sources, domain, name)
        return None
    told = found[0]["ldap"].get("domainAlias")
    if alias is not None and told is not None and not same_name(alias, told):
        raise InputError(
            "ldap.domain_alias",
            f"the identity source of {domain} has the alias {told!r}, and it cannot be changed to {alias!r}",
            "Remove the source with state: absent, and add it anew; or leave the alias as it is.",
        )
    return found[0]


def listed(providers: Sequence[Provider]) -> str:
    """Providers for a message."""
    return ", ".join(f"{each.get('id')} ({each.get('name') or 'unnamed'})" for each in providers)


def _refuse_another_domain(sources: Sequence[Provider], domain: str, name: str | None) -> None:
    for each in sources:
        if name is not None and isinstance(each.get("ldap"), Mapping) and same_name(name, str(each.get("name"))):
            told = ", ".join(_domains(each))
            raise InputError(
                "domain_name",
                f"the identity source {name!r} is that of {told}, and its domain name cannot be changed to {domain}",
                f"Remove it with domain_name: {told} and state: absent, and add it anew; or give another name.",
            )


def _domains(source: Provider) -> list[str]:
    ldap = source.get("ldap")
    own = ldap.get("domainName") if isinstance(ldap, Mapping) else None
    return [str(own)] if own else [str(each) for each in source.get("domainNames") or ()]


def _external(providers: Sequence[Provider]) -> list[Provider]:
    return [each for each in providers if provider_type(each) != EMBEDDED]
