# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users: SCIM's wire form, our form, and the comparison of both. PRIVATE to this collection.

Attribute names on the wire are those of RFC 7643 section 4.1. The `ws1b` extension is the one that Broadcom's mapping
for Entra ID documents; it was run on vCenter 8.0 U3. The `workspace:mfa` extension is what muffn's article "Integrating
Pocket ID with vCenter Server" sends. The article does not declare it, and its URN is not one that a broker is known to
declare, so `schemas` never names it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ._texts import folded, same_name

CORE_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
WS1B_SCHEMA = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User"
MFA_SCHEMA = "urn:scim:schemas:extension:workspace:mfa:1.0"

USERNAME_FORMATS = ("qualified", "bare")
WIRE_FORMS = ("ws1b", "mfa")
"""The default first."""

TEXT_ATTRIBUTES = ("given_name", "family_name", "display_name", "email")
"""The attributes that an empty string clears."""

MUTABLE_ATTRIBUTES = (*TEXT_ATTRIBUTES, "active")


class GroupReference(NamedTuple):
    """A group of the broker, as far as a member has to know it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class User:
    """An entry of the broker. C(username) is spelt as the broker has it; an unknown C(domain) is None."""

    id: str
    username: str
    domain: str | None
    external_id: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    active: bool | None = None
    groups: tuple[str, ...] = ()
    memberships: tuple[GroupReference, ...] | None = field(default=None, compare=False)
    """The groups of which the user is a direct member, None where the entry shows none. An unknown id is empty."""

    @property
    def bare_name(self) -> str:
        """The user name without the domain that is the user's own."""
        name, at, domain = self.username.rpartition("@")
        return name if at and self.domain and same_name(domain, self.domain) else self.username

    @property
    def label(self) -> str:
        """How messages name the user."""
        return qualified(self.bare_name, self.domain) if self.domain else f"{self.username} (domain not shown)"

    def is_named(self, bare_name: str, domain: str) -> bool:
        """Whether this is the identity (user name and domain) that is meant."""
        return self.domain is not None and same_name(self.domain, domain) and same_name(self.bare_name, bare_name)

    def result(self) -> dict[str, Any]:
        """The user as modules return it: always all keys, empty values as null."""
        return {
            "id": self.id or None,
            "username": self.username,
            "domain": self.domain,
            "external_id": self.external_id,
            **{name: getattr(self, name) for name in MUTABLE_ATTRIBUTES},
            "groups": list(self.groups),
        }


@dataclass(frozen=True, slots=True)
class DesiredUser:
    """One item of what was asked for. Attributes that are None were not named, and stay as they are."""

    username: str
    domain: str
    external_id: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    active: bool | None = None
    state: str = "present"
    recreate: bool = False
    rename: bool = False
    move_from_domain: str | None = None
    """The foreign domain in which an entry of this name and ExternalId is taken, and only that one."""
    entry_id: str | None = None
    """The id of the entry that is to be deleted."""
    username_format: str = "qualified"
    wire_form: str = WIRE_FORMS[0]
    login_from: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    asked_as: str = ""
    position: int = 0
    from_provider: bool = False
    """Whether an identity provider gives the user name, which people may edit there."""
    found_by_name: bool = False
    """Whether the ExternalId is only known by a user name that people may edit at the provider."""
    problem: str | None = None
    """Why this user cannot be provisioned, as far as that is known without reading the broker."""

    @property
    def label(self) -> str:
        """How messages name the user."""
        return qualified(self.username, self.domain) if self.username else self.asked_as or f"users[{self.position}]"

    @property
    def wire_name(self) -> str:
        """The user name of a new entry."""
        return self.label if self.username_format == "qualified" else self.username

    def named_attributes(self) -> dict[str, str | bool]:
        """The changeable attributes that the task named."""
        named = {name: getattr(self, name) for name in MUTABLE_ATTRIBUTES}
        return {name: value for name, value in named.items() if value is not None}


def qualified(username: str, domain: str) -> str:
    """Spell an identity as C(name@domain)."""
    return f"{username}@{domain}" if domain else username


def task_domains(desired: Iterable[DesiredUser], *more: str | None) -> tuple[str, ...]:
    """Return the domains that a task names, each once."""
    named = [domain for each in desired for domain in (each.domain, each.move_from_domain)]
    return tuple({folded(domain): domain for domain in (*named, *more) if domain}.values())


def users_from_scim(documents: Iterable[Mapping[str, Any]], domains: Iterable[str]) -> list[User]:
    """Read SCIM User resources. Raises ValueError that names what is missing.

    A resource that shows no domain counts as one of a domain in `domains` if its user name ends in `@` and that domain.
    """
    known = tuple(domains)
    return [user_from_scim(document, known) for document in documents]


def user_from_scim(document: Mapping[str, Any], domains: tuple[str, ...]) -> User:
    """Read a SCIM User resource. Raises ValueError that names what is missing."""
    for key in ("id", "userName"):
        if not isinstance(document.get(key), str) or not document[key]:
            raise ValueError(f"a user without {key}")
    name = document.get("name")
    name = name if isinstance(name, Mapping) else {}
    return User(
        id=document["id"],
        username=document["userName"],
        domain=returned_domain(document) or _domain_in_name(document["userName"], domains),
        external_id=_text(document.get("externalId")),
        given_name=_text(name.get("givenName")),
        family_name=_text(name.get("familyName")),
        display_name=_text(document.get("displayName")),
        email=_text((_primary_email(document.get("emails")) or {}).get("value")),
        active=_boolean(document.get("active")),
        groups=tuple(sorted(_group_name(group) for group in document.get("groups") or ())),
        memberships=_memberships(document.get("groups")),
    )


def returned_domain(document: Mapping[str, Any]) -> str | None:
    """The domain that a SCIM User resource names itself, if it names any."""
    for schema, key in ((WS1B_SCHEMA, "domain"), (MFA_SCHEMA, "defaultDomain")):
        extension = document.get(schema)
        if isinstance(extension, Mapping) and _text(extension.get(key)):
            return str(extension[key])
    return None


def differences(user: User, wanted: DesiredUser) -> dict[str, str | bool]:
    """The named attributes that the broker holds differently (null and "" are the same)."""
    different: dict[str, str | bool] = {}
    for name in MUTABLE_ATTRIBUTES:
        value = getattr(wanted, name)
        if value is not None and (getattr(user, name) if name == "active" else getattr(user, name) or "") != value:
            different[name] = value
    return different


def document_for_creation(wanted: DesiredUser) -> dict[str, Any]:
    """Return the body of `POST /Users`, with its keys in the order of the article."""
    is_ws1b = wanted.wire_form == "ws1b"
    document: dict[str, Any] = {
        "schemas": [CORE_SCHEMA, WS1B_SCHEMA] if is_ws1b else [CORE_SCHEMA],
        "userName": wanted.wire_name,
        "name": {"givenName": wanted.given_name or "", "familyName": wanted.family_name or ""},
    }
    if wanted.display_name:
        document["displayName"] = wanted.display_name
    if wanted.email:
        document["emails"] = [_work_email(wanted.email)]
    document["externalId"] = wanted.external_id
    document["active"] = True if wanted.active is None else wanted.active
    if is_ws1b:
        document[WS1B_SCHEMA] = {"domain": wanted.domain}
    else:
        document[MFA_SCHEMA] = {"defaultDomain": wanted.domain}
    return document


def other_wire_form(wire_form: str) -> str:
    """Return the wire form to try where `wire_form` does not work."""
    return next(form for form in WIRE_FORMS if form != wire_form)


def document_for_replacement(
    standing: Mapping[str, Any], changes: Mapping[str, str | bool], username: str | None
) -> dict[str, Any]:
    """Return the body of `PUT /Users/{id}`: the standing resource with the changes merged in.

    `externalId` is sent unchanged: vCenter's broker ignores it (Broadcom KB 416480), and others clear what a PUT does not
    carry (RFC 7644 section 3.5.1). `groups` and `meta` are read-only (RFC 7643 sections 3.1 and 4.1.2).
    """
    document = copy.deepcopy({k: v for k, v in standing.items() if k not in ("groups", "meta")})
    if username is not None:
        document["userName"] = username
    for attribute, key in (("given_name", "givenName"), ("family_name", "familyName")):
        if attribute in changes:
            name = document.get("name")
            document["name"] = {**(name if isinstance(name, dict) else {}), key: changes[attribute]}
    if "display_name" in changes:
        document["displayName"] = changes["display_name"]
    if "active" in changes:
        document["active"] = changes["active"]
    if "email" in changes:
        document["emails"] = _emails_with(document.get("emails"), str(changes["email"]))
    return document


def renamed(standing: User, wanted: DesiredUser) -> str:
    """The new user name on the wire, in the form (bare or qualified) that the standing one has."""
    return wanted.username if standing.bare_name == standing.username else wanted.label


def predicted(wanted: DesiredUser, standing: User | None) -> User:
    """What the entry will be once the plan has been carried out."""
    if standing is None:
        return User(
            id="",
            username=wanted.wire_name,
            domain=wanted.domain,
            external_id=wanted.external_id,
            active=True if wanted.active is None else wanted.active,
            given_name=wanted.given_name or None,
            family_name=wanted.family_name or None,
            display_name=wanted.display_name or None,
            email=wanted.email or None,
        )
    changed: dict[str, Any] = {
        name: value if name == "active" else value or None for name, value in differences(standing, wanted).items()
    }
    return replace(standing, **changed)


def unkept(asked: User, kept: User, attributes: Iterable[str]) -> tuple[dict[str, tuple[Any, Any]], list[str]]:
    """Compare what was asked with what was read back.

    Returns what the broker keeps differently, as name: (asked, kept), and what it does not return at all.
    """
    different: dict[str, tuple[Any, Any]] = {}
    unverified: list[str] = []
    for name in attributes:
        want, have = getattr(asked, name), getattr(kept, name)
        if (want or None) == (have or None) and (name != "active" or want is have):
            continue
        if name in ("username", "domain") and want and have and same_name(want, have):
            continue
        if have is None and want not in (None, ""):
            unverified.append(name)
        else:
            different[name] = (want, have)
    return different, unverified


def _domain_in_name(username: str, domains: tuple[str, ...]) -> str | None:
    """Return the domain that the user name ends in. A provider's only domain says nothing about an entry."""
    name, at, behind = username.rpartition("@")
    if not (name and at):
        return None
    return next((domain for domain in domains if same_name(domain, behind)), None)


def _primary_email(emails: Any) -> Mapping[str, Any] | None:
    """The address that counts as the user's: the primary one, else the work one, else one without a type."""
    counting = [entry for entry in _entries(emails) if _counts_as_email(entry)]
    if len(counting) < 2:
        return counting[0] if counting else None
    for is_it in (lambda e: _boolean(e.get("primary")), lambda e: e.get("type") == "work", lambda _e: True):
        found = next((entry for entry in counting if is_it(entry)), None)
        if found is not None:
            return found
    return None


def _counts_as_email(entry: Mapping[str, Any]) -> bool:
    return bool(_boolean(entry.get("primary"))) or entry.get("type") in (None, "", "work")


def _emails_with(emails: Any, value: str) -> list[dict[str, Any]]:
    if not value:
        return [dict(entry) for entry in _entries(emails) if not _counts_as_email(entry)]
    primary = _primary_email(emails)
    others = [dict(entry) for entry in _entries(emails) if entry is not primary]
    return [{**(primary or _work_email(value)), "value": value}, *others]


def _entries(emails: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in emails if isinstance(entry, Mapping)] if isinstance(emails, list) else []


def _work_email(value: str) -> dict[str, Any]:
    return {"value": value, "type": "work", "primary": True}


def _memberships(groups: Any) -> tuple[GroupReference, ...] | None:
    """Return the groups that a user names, without those reached through another group (RFC 7643 section 4.1.2)."""
    if not isinstance(groups, list):
        return None
    found = []
    for group in groups:
        entry = group if isinstance(group, Mapping) else {"display": group}
        if str(entry.get("type") or "").lower() != "indirect":
            found.append(GroupReference(_text(entry.get("value")) or "", _text(entry.get("display")) or ""))
    return tuple(found)


def _group_name(group: Any) -> str:
    if isinstance(group, Mapping):
        return str(group.get("display") or group.get("value") or "")
    return str(group)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return str(value) or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None
