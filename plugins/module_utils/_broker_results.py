# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects of the broker's own API as modules take and return them. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._broker_object_plan import shown_fields
from ._broker_objects import CLIENTS, DIRECTORIES, PROVIDERS, Document

MS_GUID = ("attempt_decode_external_id_as_ms_guid", "attemptDecodeExternalIdAsMSGuid")


def named(value: Any) -> Any:
    """What was named of an option and its suboptions: those that are null were not."""
    if isinstance(value, Mapping):
        return {str(name): named(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [named(part) for part in value]
    return str(value) if isinstance(value, str) else value


def wanted_directory(options: Mapping[str, Any]) -> dict[str, Any]:
    """What a task names of a directory, by the API's names."""
    wanted: dict[str, Any] = named({name: options[name] for name in DIRECTORIES.rules})
    attributes = wanted.get("attributes")
    if attributes is not None:
        wanted["attributes"] = {MS_GUID[1]: attributes[MS_GUID[0]]} if MS_GUID[0] in attributes else {}
    return wanted


def directory_result(document: Document | None) -> dict[str, Any] | None:
    """A directory as modules return it."""
    if document is None:
        return None
    shown = shown_fields(DIRECTORIES.rules, document)
    attributes = shown["attributes"] or {}
    return {
        "id": document.get("id"),
        **shown,
        "domains": list(shown["domains"] or ()),
        "attributes": {MS_GUID[0]: bool(attributes.get(MS_GUID[1]))},
        "delete_in_progress": bool(document.get("delete_in_progress")),
    }


def wanted_provider(options: Mapping[str, Any]) -> dict[str, Any]:
    """What a task names of an identity provider, by the API's names."""
    names = {"idp_name": "name"}
    wanted: dict[str, Any] = named({name: options[names.get(name, name)] for name in PROVIDERS.rules})
    return wanted


def provider_result(document: Document | None, directories: Sequence[Document] = ()) -> dict[str, Any] | None:
    """An identity provider as modules return it. C(directories) lend their names where it does not tell them."""
    if document is None:
        return None
    shown = shown_fields(PROVIDERS.rules, document)
    names = {str(row.get("id")): row.get("name") for row in directories}
    rows = [row for row in shown["directory_list"] or () if isinstance(row, Mapping)]
    shown["directory_list"] = [
        {"id": row.get("id"), "name": row.get("name") or names.get(str(row.get("id")))} for row in rows
    ]
    methods = [row for row in shown["auth_type_list"] or () if isinstance(row, Mapping)]
    shown["auth_type_list"] = [
        {name: row.get(name) for name in ("id", "auth_method_name", "saml_authn_context")} for row in methods
    ]
    shown["trust_certificates"] = list(shown["trust_certificates"] or ())
    return {"id": document.get("id"), "name": shown.pop("idp_name"), **shown}


def client_result(document: Document | None) -> dict[str, Any] | None:
    """An OAuth 2.0 client as modules return it."""
    if document is None:
        return None
    shown = shown_fields(CLIENTS.rules, document)
    lists = ("grant_types", "scope", "redirect_uris", "post_logout_redirect_uris", "rule_set_names")
    return {
        "id": document.get("id"),
        **shown,
        **{name: list(shown[name] or ()) for name in lists},
        "rotate_secret": bool(document.get("rotate_secret")),
        "primary_secret_auto_retires_at": document.get("primary_secret_auto_retires_at"),
    }


def sorted_by_name(results: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """In an order that does not change from run to run."""
    return sorted(results, key=lambda each: (str(each[name]).casefold(), str(each["id"])))
