# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a task's options to desired users, and what is wrong with them. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ._candidates import AttemptList, networks
from ._errors import InputError
from ._federation_log import attempt_from_result
from ._texts import composed, required_text, same_name, text_option
from ._users import TEXT_ATTRIBUTES, WIRE_FORMS, DesiredUser


def desired_users(
    items: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any], provider_domains: Sequence[str] | None
) -> list[DesiredUser]:
    """Read the items of `users`; what an item does not say, `defaults` says.

    An item that cannot be read becomes a user with a `problem`. Raises InputError for what is wrong with the defaults.
    `provider_domains` None means that they are not known yet: everything else is checked already, and `in_domains` is
    left to be done.
    """
    _refuse_defaults(defaults)
    found = []
    for position, item in enumerate(items):
        groups = [*(defaults.get("groups") or ()), *(item.get("groups") or ())]
        options = {**defaults, **_said(item), "groups": groups}
        if options.get("problem"):
            found.append(_failing(options, position, str(options["problem"])))
            continue
        try:
            found.append(desired_user(options, None, position, f"users[{position}]."))
        except InputError as error:
            found.append(_failing(options, position, str(error)))
    return in_domains(found, provider_domains, defaults.get("domain"))


def harmless(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items of C(users) as far as they create or update entries."""
    left_out: dict[str, Any] = {
        "recreate": False,
        "rename": False,
        "move_from_domain": None,
        "groups": [],
        "permissions": None,
    }
    return [{**item, **left_out} for item in items if item.get("state") != "absent"]


def in_domains(
    desired: Sequence[DesiredUser], provider_domains: Sequence[str] | None, task_domain: str | None = None
) -> list[DesiredUser]:
    """Return users that were read before the provider's domains were known, with these.

    A user of another domain gets a problem. Raises InputError if the domain that the task gives for all users is wrong.
    """
    if provider_domains is None:
        return list(desired)
    known_domain(task_domain, provider_domains)
    found = []
    for wanted in desired:
        try:
            found.append(
                wanted if wanted.problem else _in_domain(wanted, provider_domains, f"users[{wanted.position}].")
            )
        except InputError as error:
            found.append(replace(wanted, problem=_naming(wanted.asked_as, str(error))))
    return found


def desired_user(
    options: Mapping[str, Any], provider_domains: Sequence[str] | None, position: int = 0, field: str = ""
) -> DesiredUser:
    """Read the options of one user. Raises InputError."""
    asked_as = required_text(f"{field}username", options.get("username"))
    may_split = _may_split(options)
    username, domain = map(composed, _identity(field, asked_as, options.get("domain") or None, may_split=may_split))
    login_from = tuple(options.get("login_from") or ())
    try:
        networks(login_from)
    except ValueError as error:
        raise InputError(f"{field}login_from", str(error), "Give addresses or networks such as 192.0.2.0/24.") from None
    wanted = DesiredUser(
        username=username,
        domain=domain,
        external_id=_external_id(field, options.get("external_id")),
        active=options.get("active"),
        state=options.get("state") or "present",
        recreate=bool(options.get("recreate")),
        rename=bool(options.get("rename")),
        move_from_domain=_foreign_domain(field, options),
        entry_id=text_option(f"{field}id", options.get("id")),
        username_format=options.get("username_format") or "qualified",
        wire_form=options.get("wire_form") or WIRE_FORMS[0],
        login_from=login_from,
        groups=tuple(required_text(f"{field}groups", name) for name in options.get("groups") or ()),
        asked_as=asked_as,
        position=position,
        from_provider=bool(options.get("from_provider")),
        found_by_name=bool(options.get("found_by_name")),
        **{name: options.get(name) for name in TEXT_ATTRIBUTES},
    )
    if wanted.entry_id and wanted.state != "absent":
        raise InputError(f"{field}id", "is for state: absent only", "Leave it out, or set state: absent.")
    _refuse_own_domain(wanted, field)
    return wanted if provider_domains is None else _in_domain(wanted, provider_domains, field)


def attempt_list(value: Any, field: str = "login_attempts") -> AttemptList | None:
    """Read an option that takes the registered result of C(externalid_fact)."""
    if value is None:
        return None
    way_out = "Pass the registered result of homelab.identity_broker.externalid_fact as it is."
    if not isinstance(value, Mapping) or not isinstance(value.get("attempts"), list):
        raise InputError(field, "is not the result of externalid_fact", way_out)
    if not isinstance(value.get("complete"), bool):
        raise InputError(field, "does not say whether the list is complete", way_out)
    unresolved, unread = value.get("unresolved") or [], value.get("unread") or {}
    if not isinstance(unresolved, list) or not isinstance(unread, Mapping):
        raise InputError(field, "is not the result of externalid_fact", way_out)
    try:
        attempts = tuple(attempt_from_result(item) for item in value["attempts"])
        open_lookups = tuple(attempt_from_result(item) for item in unresolved)
    except ValueError as error:
        raise InputError(field, f"an attempt cannot be read ({error})", way_out) from None
    return AttemptList(
        attempts,
        value["complete"],
        _texts(value.get("gaps")),
        open_lookups,
        _texts(unread.get("lines")),
        "offset" not in value or value["offset"] is not None,
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(text) for text in value) if isinstance(value, list) else ()


def known_domain(domain: str | None, known: Sequence[str] | None) -> None:
    """Raise InputError for a domain of the task that is not one of the provider's."""
    if domain and known and not any(same_name(domain, each) for each in known):
        raise InputError(
            "domain",
            f"{domain!r} is not a domain of the identity provider",
            f"The broker knows {', '.join(known)}. {_takeover(domain)}",
        )


def _takeover(domain: str) -> str:
    return (
        f"To take over an entry that a script made in {domain}, name the user in the right domain, with external_id and "
        f"move_from_domain: {domain}."
    )


def _refuse_defaults(defaults: Mapping[str, Any]) -> None:
    for name in defaults.get("groups") or ():
        required_text("groups", name)
    if defaults.get("domain"):
        _checked_domain("", defaults["domain"])


def _failing(options: Mapping[str, Any], position: int, problem: str) -> DesiredUser:
    """Return a user who cannot be provisioned, with as much of name and ExternalId as can be read."""
    asked, domain, external_id = (_printable(options.get(name)) for name in ("username", "domain", "external_id"))
    name, at, behind = asked.rpartition("@")
    may_split = _may_split(options)
    is_qualified = may_split and bool(name and at and (not domain or same_name(behind, domain)))
    return DesiredUser(
        username=composed(name if is_qualified else asked),
        domain=composed(behind if is_qualified else domain),
        external_id=external_id or None,
        state=options.get("state") or "present",
        asked_as=asked,
        position=position,
        from_provider=bool(options.get("from_provider")),
        problem=_naming(asked, problem),
    )


def _may_split(options: Mapping[str, Any]) -> bool:
    return options.get("split_usernames") is not False and not options.get("from_provider")


def _naming(asked: str, problem: str) -> str:
    """Return the problem, so that it names the user."""
    return problem if asked in problem else f"{asked}: {problem}"


def _printable(value: Any) -> str:
    return value.strip() if isinstance(value, str) and value.isprintable() else ""


def _said(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}


def _external_id(field: str, value: Any) -> str | None:
    if value is None:
        return None
    external_id = required_text(f"{field}external_id", value)
    if external_id != external_id.strip():
        raise InputError(f"{field}external_id", "has white space around it", "Remove it; ExternalIds compare exactly.")
    return external_id


def _identity(field: str, asked: str, domain: str | None, *, may_split: bool) -> tuple[str, str]:
    """Return user name and domain, the latter empty where it is the provider's only one."""
    name, at, behind = asked.rpartition("@")
    if asked != asked.strip() or (at and not (name and behind)):
        raise InputError(f"{field}username", f"{asked!r} is no user name", "Give name, or name@domain.")
    if domain is None and at and may_split:
        domain = behind
    if domain is None:
        return asked, ""
    _checked_domain(field, domain)
    if not (at and may_split):
        return asked, domain
    if not same_name(behind, domain):
        raise InputError(
            f"{field}username",
            f"{asked!r} names another domain than {domain!r}",
            f"{_whole_name(field, asked, (domain,))} Otherwise correct the domain.",
        )
    return name, domain


def _whole_name(field: str, asked: str, domains: Sequence[str]) -> str:
    """Return how a user name that contains `@` is written."""
    spellings = " or ".join(f"{asked}@{domain}" for domain in domains)
    in_list = ", or set split_usernames: false for the whole list" if field.startswith("users[") else ""
    return f"If the whole text is the user name, write {spellings}{in_list}."


def _checked_domain(field: str, domain: str) -> None:
    if not domain.isprintable() or " " in domain or "@" in domain:
        raise InputError(
            f"{field}domain", f"{domain!r} is no domain", "Give the domain configured in vCenter's wizard."
        )


def _foreign_domain(field: str, options: Mapping[str, Any]) -> str | None:
    domain = text_option(f"{field}move_from_domain", options.get("move_from_domain"))
    if domain is None:
        return None
    if " " in domain or "@" in domain:
        raise InputError(f"{field}move_from_domain", f"{domain!r} is not a domain", "Give the domain of the old entry.")
    if options.get("external_id") is None:
        raise InputError(
            f"{field}move_from_domain",
            "needs external_id, since user name, domain and ExternalId must all match",
            "Give the ExternalId of the old entry.",
        )
    return composed(domain)


def _refuse_own_domain(wanted: DesiredUser, field: str) -> None:
    if wanted.move_from_domain and same_name(wanted.move_from_domain, wanted.domain):
        raise InputError(
            f"{field}move_from_domain", "is the domain of the user itself", "Give the domain of the old entry, or none."
        )


def _in_domain(wanted: DesiredUser, known: Sequence[str], field: str) -> DesiredUser:
    if not wanted.domain and len(known) == 1:
        wanted = replace(wanted, domain=known[0])
    _refuse_own_domain(wanted, field)
    if not wanted.domain:
        some = f" It is one of {', '.join(known)}." if known else ""
        raise InputError(
            f"{field}domain", f"is not given for {wanted.asked_as!r}", f"Give domain, or name@domain.{some}"
        )
    if known and not any(same_name(wanted.domain, each) for each in known):
        is_cut = wanted.username != wanted.asked_as
        whole = f"{_whole_name(field, wanted.asked_as, known)} " if is_cut else ""
        raise InputError(
            f"{field}domain",
            f"{wanted.domain!r} is not a domain of the identity provider",
            f"The broker knows {', '.join(known)}. {whole}{_takeover(wanted.domain)}",
        )
    return wanted
