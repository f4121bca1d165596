# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Directories, identity providers and OAuth 2.0 clients of the broker's own API. PRIVATE to this collection.

Names and rules of fields are those of the API's documentation (github.com/euc-dev/ws1-identity-services-api, and
developer.broadcom.com/xapis/vmware-identity-broker). The two homes of the broker differ in the paths alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._errors import InputError
from ._texts import folded

Document = Mapping[str, Any]

MOST_CHAINS, MOST_IN_CHAIN = 3, 5
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_NAME = re.compile(r"[\w -]+")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9-_.@]+")


def _as_it_is(value: Any) -> Any:
    return value


def _folded(value: Any) -> Any:
    return folded(str(value))


def _folded_set(values: Any) -> Any:
    return frozenset(folded(str(value)) for value in values)


def _set(values: Any) -> Any:
    return frozenset(map(str, values))


def _without_space(value: Any) -> Any:
    return "".join(str(value).split())


def _ids(rows: Any) -> Any:
    return frozenset(row.get("id") for row in rows if isinstance(row, Mapping))


def _names(rows: Any) -> Any:
    """Nobody can foretell the id of a directory that an earlier task makes."""
    return [row.get("name") or row.get("id") for row in rows if isinstance(row, Mapping)]


def _chains(chains: Any) -> Any:
    return frozenset(tuple(certificates(chain)) for chain in chains)


def _methods(rows: Any) -> Any:
    return frozenset(
        (row.get("auth_method_name"), row.get("saml_authn_context") or "") for row in rows if isinstance(row, Mapping)
    )


@dataclass(frozen=True)
class Rule:
    """What is true of a field. C(same) gives what two values have in common that mean the same."""

    fixed: bool = False
    """It cannot be changed once the object stands."""
    filled: bool = False
    """It cannot be emptied."""
    untold: bool = False
    """The broker takes it, and never tells it."""
    late: bool = False
    """A new object has a default in its place, whatever was sent."""
    keyed: str = ""
    """The name by which an item of a list is the same as one that stands, whose id goes along."""
    default: Any = None
    """What it means that the broker tells no value."""
    same: Callable[[Any], Any] = _as_it_is
    told: Callable[[Any], Any] = _as_it_is
    """What a diff shows of it."""
    fields: Mapping[str, Rule] = field(default_factory=dict)
    """What is in an object. Without them it holds names of anybody's choice."""


@dataclass(frozen=True)
class Kind:
    """A kind of object. C(needed) are the options without which none is created."""

    noun: str
    service: str
    path: str
    media_type: str
    named_by: str
    rules: Mapping[str, Rule]
    needed: Mapping[str, str]
    taken: str
    """The way out where the broker says that it is there already."""
    in_use: str = ""
    """The way out where the broker refuses to delete it."""


_DOMAIN = Rule(same=_folded)

DIRECTORIES = Kind(
    "directory",
    "usergroup",
    "broker/directories",
    "vnd.vmware.vidm.usergroup.broker.directory",
    "name",
    {
        "name": Rule(filled=True, same=_folded),
        "domains": Rule(filled=True, same=_folded_set),
        "default_domain": _DOMAIN,
        "source": Rule(),
        "type": Rule(fixed=True),
        "attributes": Rule(fields={"attemptDecodeExternalIdAsMSGuid": Rule(default=False)}),
    },
    {"name": "name", "domains": "domains"},
    "Another directory has one of the domains, or one that is being deleted has the name. Look with broker_directory_info.",
)

PROVIDERS = Kind(
    "identity provider",
    "federation",
    "broker/identity-providers",
    "vnd.vmware.vidm.federation.broker.identityprovider",
    "idp_name",
    {
        "idp_name": Rule(filled=True, same=_folded),
        "idp_type": Rule(fixed=True),
        "idp_source_type": Rule(fixed=True),
        "directory_list": Rule(same=_ids, told=_names),
        "oidc_profile": Rule(
            fields={
                "configuration_url": Rule(filled=True),
                "client_id": Rule(filled=True),
                "client_secret": Rule(filled=True, untold=True),
                "oidc_user_attribute_mapping": Rule(),
                "authorize_params": Rule(),
                "token_params": Rule(),
                "pass_through_claims": Rule(default=False),
                "open_id_user_identifier_attribute": Rule(default="sub"),
                "internal_user_identifier_attribute": Rule(default="ExternalId"),
                "login_hint_user_attribute": Rule(default="userName"),
                "send_login_hint_in_request": Rule(default=False),
            }
        ),
        "saml_profile": Rule(
            fields={
                "saml_metadata": Rule(same=_without_space),
                "saml_metadata_url": Rule(),
                "saml_name_id_user_attribute_mapping": Rule(),
                "saml_identity_user_attribute_mapping": Rule(
                    fields={
                        "saml_attribute_name": Rule(filled=True),
                        "saml_attribute_format": Rule(filled=True),
                        "idm_attribute": Rule(),
                    }
                ),
                "request_name_id_format_type": Rule(),
                "request_preferred_binding": Rule(filled=True),
                "send_subject_in_request": Rule(default=False),
                "send_subject_with_mapping": Rule(default=False),
                "jit_group_membership_attr_name": Rule(),
                "saml_pass_through_claim_names": Rule(same=_set),
                "saml_slo_configuration": Rule(
                    fields={"enabled": Rule(untold=True), "slo_url": Rule(), "relay_state_param": Rule()}
                ),
            }
        ),
        "trust_certificates": Rule(same=_chains),
        "auth_type_list": Rule(filled=True, late=True, keyed="auth_method_name", same=_methods),
    },
    {"idp_name": "name", "directory_list": "directory_list"},
    "Look with broker_identity_provider_info; it may have the name in another spelling.",
    "Access policies of Workspace ONE refer to it. Remove those rules first (Access console, Resources, Policies).",
)

CLIENTS = Kind(
    "OAuth 2.0 client",
    "acs",
    "broker/oauth2-clients",
    "vnd.vmware.horizon.manager.accesscontrol.broker.oauth2client",
    "client_id",
    {
        "client_id": Rule(fixed=True),
        "secret": Rule(fixed=True, untold=True),
        "grant_types": Rule(filled=True, same=_set),
        "scope": Rule(filled=True, same=_set),
        "redirect_uris": Rule(same=_set),
        "post_logout_redirect_uris": Rule(same=_set),
        "rule_set_names": Rule(same=_set),
        "access_token_ttl": Rule(),
        "refresh_token_ttl": Rule(default=0),
        "refresh_token_idle_ttl": Rule(default=0),
    },
    {"client_id": "client_id", "grant_types": "grant_types", "scope": "scope"},
    "The broker's list does not show it, so it is of somebody else, or of a directory. Choose another client_id.",
)


def sendable(kind: Kind, document: Document) -> dict[str, Any]:
    """Without what came along to be shown: of the directories of a provider the ids alone are sent."""
    sent = dict(document)
    if kind is PROVIDERS and document.get("directory_list"):
        sent["directory_list"] = [{"id": row["id"]} for row in document["directory_list"]]
    return sent


def certificates(text: str) -> list[str]:
    """The certificates of a chain in PEM: what is between the markers, without white space."""
    return ["".join(found.split()) for found in _PEM.findall(text)]


def chain_as_pem(number: int, text: str) -> str:
    """A chain as the broker wants it, each marker on a line of its own. Raises InputError."""
    fields, found = f"trust_certificates[{number}]", certificates(text)
    if not found or _PEM.sub("", text).strip():
        raise InputError(
            fields, "is no chain of certificates in PEM", "Give -----BEGIN CERTIFICATE----- and so on alone."
        )
    if len(found) > MOST_IN_CHAIN:
        raise InputError(fields, f"has {len(found)} certificates", f"The broker takes {MOST_IN_CHAIN} a chain.")
    lines = []
    for each in found:
        try:
            der = base64.b64decode(each, validate=True)
        except (binascii.Error, ValueError):
            raise InputError(
                fields, "holds a certificate that is no Base64", "Give the file's text as it is."
            ) from None
        lines.append(f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----")
    return "\n".join(lines)


def checked_directory(wanted: dict[str, Any], standing: Document | None) -> dict[str, Any]:
    """What is wanted of a directory, once it makes sense together with what stands. Raises InputError."""
    _check_name(wanted, "name", "name", 128)
    domains = wanted.get("domains", (standing or {}).get("domains")) or []
    default = wanted.get("default_domain", (standing or {}).get("default_domain"))
    if domains and default and folded(default) not in _folded_set(domains):
        raise InputError(
            "default_domain", f"{default!r} is none of the domains", f"Choose one of {', '.join(domains)}, or add it."
        )
    return wanted


def checked_provider(wanted: dict[str, Any], standing: Document | None) -> dict[str, Any]:
    """The same of an identity provider."""
    _check_name(wanted, "idp_name", "name", 100)
    chains = wanted.get("trust_certificates") or []
    if len(chains) > MOST_CHAINS:
        raise InputError("trust_certificates", f"has {len(chains)} chains", f"The broker takes {MOST_CHAINS}.")
    if chains:
        wanted = {**wanted, "trust_certificates": [chain_as_pem(*each) for each in enumerate(chains)]}
    if standing is not None:
        return wanted
    profiles = {"OIDC": "oidc_profile", "SAML": "saml_profile"}
    given = [name for name, profile in profiles.items() if wanted.get(profile)]
    protocol = wanted.get("idp_type") or (given[0] if len(given) == 1 else None)
    if protocol is None:
        raise InputError("idp_type", "is not given, and a new provider needs it", "Give it, and the profile.")
    profile = wanted.get(profiles[protocol]) or {}
    needed = ("configuration_url", "client_id", "client_secret") if protocol == "OIDC" else ()
    for name in needed:
        if not profile.get(name):
            raise InputError(f"oidc_profile.{name}", "is not given, and a new provider needs it", "Give it.")
    if protocol == "SAML" and not (profile.get("saml_metadata") or profile.get("saml_metadata_url")):
        raise InputError(
            "saml_profile.saml_metadata", "is not given, and a new provider needs it", "Give it or its URL."
        )
    return {**wanted, "idp_type": protocol}


def checked_client(wanted: dict[str, Any], standing: Document | None) -> dict[str, Any]:
    """The same of an OAuth 2.0 client."""
    client_id = str(wanted["client_id"])
    if not _CLIENT_ID.fullmatch(client_id) or len(client_id) > 256:
        raise InputError("client_id", f"{client_id!r} is no client id", "Use letters, digits and - _ . @, at most 256.")
    for name in ("access_token_ttl", "refresh_token_ttl", "refresh_token_idle_ttl"):
        if (wanted.get(name) or 0) < 0 or (name == "access_token_ttl" and wanted.get(name) == 0):
            raise InputError(name, f"{wanted[name]} is no time to live", "Give minutes.")
    together = {**(standing or {}), **wanted}
    if "authorization_code" in (together.get("grant_types") or ()) and not together.get("redirect_uris"):
        raise InputError("redirect_uris", "is empty, and the grant type authorization_code needs one", "Give it.")
    return wanted


def directory_ids(
    rows: Sequence[Document], wanted: Sequence[str], *, foretold: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """The directories that are named by name or id, and the names of those that there are not. Raises InputError.

    C(foretold): one that there is not may be made by an earlier task, which check mode did not carry out.
    """
    found: list[dict[str, Any]] = []
    missing = []
    for name in dict.fromkeys(wanted):
        fitting = [row for row in rows if row.get("id") == name] or [
            row for row in rows if folded(str(row.get("name"))) == folded(name)
        ]
        if fitting:
            found.append({"id": str(fitting[0]["id"]), "name": fitting[0].get("name")})
        elif foretold:
            missing.append(name)
            found.append({"id": f"({name})", "name": name})
        else:
            known = ", ".join(sorted(str(row.get("name")) for row in rows)) or "none"
            raise InputError("directory_list", f"the broker has no directory {name!r}", f"It has {known}.")
    return found, missing


def _check_name(wanted: Document, key: str, option: str, longest: int) -> None:
    name = wanted.get(key)
    if name is not None and (not _NAME.fullmatch(name) or len(name) > longest):
        raise InputError(
            option,
            f"{name!r} is no name that the broker takes",
            f"Use letters, digits, spaces, hyphens and underscores, at most {longest}.",
        )
