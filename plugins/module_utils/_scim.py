# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SCIM 2.0 (RFC 7644) as the broker speaks it. PRIVATE to this collection."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from ._address import SCIM_EXAMPLE, OtherHostError, on_this_host, option_address, read_address
from ._errors import (
    AnswerError,
    IdentityBrokerError,
    InputError,
    NotFoundError,
    UnauthenticatedError,
    UnreadableAnswerError,
)
from ._http import Answer, HttpClient, header_authorization
from ._scim_names import canonical
from ._scim_pages import COUNT, ListReader
from ._scim_server import ScimServer, ServiceConfig

CONTENT_TYPE = "application/scim+json"
SCHEMES = {"auto": ("HZN", "Bearer"), "hzn": ("HZN",), "bearer": ("Bearer",)}
"""The authorization schemes to try for a token, in order, by the value of `auth_scheme`."""

PRECONDITION = (412, 428)
NOT_IMPLEMENTED = 501
REBUILDS = 4
"""How often a document is built again because somebody else changed the resource meanwhile."""


class Build(Protocol):
    """Make the document to write from the resource as it is now; return None if nothing is to be written."""

    def __call__(self, standing: dict[str, Any], /) -> dict[str, Any] | None: ...


class Resource(NamedTuple):
    """A resource as it was read, and its version, exactly as received."""

    document: dict[str, Any]
    version: str | None = None


class Rewritten(NamedTuple):
    """Whether a document was sent, and whether that was without the version that the server shows."""

    sent: bool
    without_version: bool = False


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of resource: where it is, what it is called in messages, and the attribute that names one."""

    path: str
    noun: str
    named_by: str


USERS = _Kind("Users", "user", "userName")
GROUPS = _Kind("Groups", "group", "displayName")

_VERBS = {"PUT": "update", "PATCH": "update", "DELETE": "delete"}


class ScimClient:
    """The broker's users and groups, read and written with one token.

    `server` is what is known of the broker; the clients of one run share it.
    """

    def __init__(
        self, http: HttpClient, base_url: str, token: str, auth_scheme: str, server: ScimServer | None = None
    ) -> None:
        self._http = http
        address = option_address("scim_url", base_url, SCIM_EXAMPLE)
        self._base = str(address)
        self._token = token
        self._server = server or ScimServer()
        # Of this token alone: a broker may take the admin token with one scheme and the sync token with another.
        self._schemes = SCHEMES[auth_scheme]
        # Spelt in one way, since the journal of a host is found by it.
        self.host = address.netloc
        http.hide(token)

    def users(self) -> list[dict[str, Any]]:
        """Return all users the token sees. Raises ListingError where the pages do not add up."""
        return self._listing(USERS)

    def users_with_groups(self, rows: Sequence[Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
        """Return all users, or those of an earlier reading, with their groups also where the server shows them on request.

        RFC 7643 section 7 lets a server do that. It costs a second listing, so it is for decisions that depend on it.
        """
        found = self.users() if rows is None else [dict(row) for row in rows]
        if any(isinstance(row.get("groups"), list) for row in found):
            return found
        shown = {
            row["id"]: row["groups"] for row in self._asked_for_groups(found) if isinstance(row.get("groups"), list)
        }
        return [row | {"groups": shown[row["id"]]} if row["id"] in shown else row for row in found]

    def groups(self) -> list[dict[str, Any]]:
        """Return all groups the token sees, maybe without their members. Raises ListingError as `users` does."""
        return self._listing(GROUPS)

    def user(self, user_id: str, label: str) -> Resource:
        """Read one user, with its version. Raises NotFoundError."""
        return self._read(USERS, user_id, label)

    def group(self, group_id: str, label: str) -> dict[str, Any]:
        """Return one group, with its members where the broker shows them. Raises NotFoundError."""
        return self._read(GROUPS, group_id, label).document

    def _asked_for_groups(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        try:
            return self._listing(USERS, {"attributes": "userName,groups"}) if rows else []
        except AnswerError as error:
            if not _is_refusal(error):
                raise
            return []

    def _with_members(self, document: dict[str, Any], attempted: str) -> dict[str, Any]:
        """Ask for the members of a group whose answer has none."""
        if isinstance(document.get("members"), list):
            return document
        query = {"attributes": "displayName,members"}
        try:
            asked = self._send("GET", _address(GROUPS, document["id"]), attempted, query=query).document
        except AnswerError as error:
            if not _is_refusal(error):
                raise
            return document
        members = asked.get("members") if isinstance(asked, dict) else None
        return document | {"members": members} if isinstance(members, list) else document

    def is_accepted(self) -> bool:
        """Whether the broker accepts the token for reading."""
        try:
            self._send("GET", "Users", "try the token", query={"count": 1})
        except UnauthenticatedError:
            return False
        return True

    def create_user(self, document: dict[str, Any], label: str) -> None:
        """Create a user. Raises ConflictError where the broker holds its name or ExternalId already."""
        self._create(USERS, document, label)

    def update_user(self, user_id: str, label: str, build: Build) -> Rewritten:
        """Replace a user by what `build` makes of a read just before it. Raises NotFoundError, and what `build` raises."""
        return self._rewrite("PUT", USERS, user_id, label, build)

    def patch_user(self, user_id: str, label: str, build: Build) -> Rewritten:
        """Change a user by the PATCH that `build` makes of a read just before it. Raises as `update_user`, and for no PATCH."""
        self._refuse_without_patch(USERS, label)
        return self._rewrite("PATCH", USERS, user_id, label, build)

    def delete_user(self, user_id: str, label: str) -> None:
        """Delete a user; one that is gone already is fine."""
        self._delete(USERS, user_id, label)

    def create_group(self, document: dict[str, Any], label: str) -> None:
        """Create a group. Raises ConflictError where the broker holds its name already, or forbids it."""
        self._create(GROUPS, document, label)

    def patch_group(self, group_id: str, document: dict[str, Any], label: str) -> Rewritten:
        """Change a group's members with PATCH (RFC 7644 section 3.5.2).

        Raises AnswerError with status 501, without a request, where the server describes itself as having no PATCH.
        """
        self._refuse_without_patch(GROUPS, label)
        return self._write("PATCH", GROUPS, group_id, label, document)

    def update_group(self, group_id: str, label: str, build: Build) -> Rewritten:
        """Replace a group by what `build` makes of a read just before it. Raises NotFoundError, and what `build` raises."""
        return self._rewrite("PUT", GROUPS, group_id, label, build)

    def delete_group(self, group_id: str, label: str) -> None:
        """Delete a group; one that is gone already is fine."""
        self._delete(GROUPS, group_id, label)

    def _refuse_without_patch(self, kind: _Kind, label: str) -> None:
        if self._config().patch is False:
            raise AnswerError(
                f"update the {kind.noun} {label}",
                self.host,
                "its ServiceProviderConfig says that it has no PATCH",
                status=NOT_IMPLEMENTED,
            )

    def _config(self) -> ServiceConfig:
        return self._server.config(self._read_config)

    def _read_config(self) -> Any:
        """Return the ServiceProviderConfig. It only advises, so whatever prevents reading it is as if it was not there."""
        with contextlib.suppress(IdentityBrokerError):
            return self._send("GET", "ServiceProviderConfig", "read what the broker supports").document
        return None

    def _read(self, kind: _Kind, key: str, label: str, purpose: str = "") -> Resource:
        attempted = f"read the {kind.noun} {label}{purpose}"
        answer = self._send("GET", _address(kind, key), attempted)
        document = _identified(kind, answer.document, attempted, self.host)
        if kind is GROUPS:
            document = self._with_members(document, attempted)
        if answer.etag:
            self._server.uses_etag = True
            return Resource(document, answer.etag)
        meta = document.get("meta")
        version = meta.get("version") if isinstance(meta, Mapping) else None
        return Resource(document, version if isinstance(version, str) and version else None)

    def _read_before_writing(self, method: str, kind: _Kind, key: str, label: str) -> Resource:
        try:
            return self._read(kind, key, label, f" to {_VERBS[method]} it")
        except IdentityBrokerError as error:
            error.while_reading = True
            raise

    def _create(self, kind: _Kind, document: dict[str, Any], label: str) -> None:
        self._config()
        self._send("POST", kind.path, f"create the {kind.noun} {label}", document)

    def _delete(self, kind: _Kind, key: str, label: str) -> None:
        with contextlib.suppress(NotFoundError):
            self._write("DELETE", kind, key, label, None)

    def _write(self, method: str, kind: _Kind, key: str, label: str, document: dict[str, Any] | None) -> Rewritten:
        """Send what does not depend on the rest of the resource: read it only where a version is demanded."""
        self._config()
        if not self._server.uses_etag:
            try:
                self._send(method, _address(kind, key), f"{_VERBS[method]} the {kind.noun} {label}", document)
            except AnswerError as error:
                if error.status not in PRECONDITION:
                    raise
                self._server.uses_etag = True
            else:
                return Rewritten(sent=True)
        return self._rewrite(method, kind, key, label, lambda _standing: document, always=True)

    def _rewrite(
        self, method: str, kind: _Kind, key: str, label: str, build: Build, *, always: bool = False
    ) -> Rewritten:
        """Write by a version that was just read, again if somebody else was quicker.

        A server that refuses the very version it shows (412) gets the document once without it.
        """
        self._config()
        attempted = f"{_VERBS[method]} the {kind.noun} {label}"
        refused: str | None = None
        for last in (False,) * REBUILDS + (True,):
            standing = self._read_before_writing(method, kind, key, label)
            document = build(standing.document)
            if document is None and not always:
                return Rewritten(sent=False)
            version = standing.version if self._server.uses_etag else None
            without = version is not None and version == refused
            try:
                self._send(method, _address(kind, key), attempted, document, if_match=None if without else version)
            except AnswerError as error:
                if error.status not in PRECONDITION or last or without:
                    raise
                if standing.version is None:
                    raise
                refused = version
                self._server.uses_etag = True
            else:
                return Rewritten(sent=True, without_version=without)
        raise AssertionError("the last try neither went through nor failed")

    def _listing(self, kind: _Kind, more: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        reader = ListReader(
            self._http,
            self.host,
            kind.noun,
            read=lambda query: (
                self._send(
                    "GET", kind.path, f"list the broker's {kind.noun}s", query={**query, **(more or {})}
                ).document
            ),
            identified=lambda row: _identified(kind, row, f"list the broker's {kind.noun}s", self.host),
            config=self._config,
            count=min(COUNT, self._server.max_results or COUNT),
        )
        return reader.rows()

    def _send(
        self,
        method: str,
        path: str,
        attempted: str,
        document: Any = None,
        query: Mapping[str, str | int] | None = None,
        if_match: str | None = None,
    ) -> Answer:
        """Send a request with each scheme until one is accepted. A 401 means that nothing was done."""
        refusals: dict[str, UnauthenticatedError] = {}
        for scheme in self._schemes:
            try:
                answer = self._http.request(
                    method,
                    f"{self._base}/{path}",
                    attempted=attempted,
                    authorization=header_authorization("Authorization", f"{scheme} {self._token}"),
                    query=query,
                    document=document,
                    content_type=CONTENT_TYPE,
                    headers={"If-Match": if_match} if if_match else {},
                )
            except UnauthenticatedError as error:
                refusals[scheme] = error
                continue
            # The one that was accepted is tried first from now on.
            self._schemes = (scheme, *(other for other in self._schemes if other != scheme))
            return replace(answer, document=canonical(answer.document))
        raise _refused_with_each(attempted, refusals)


def _is_refusal(error: AnswerError) -> bool:
    """Whether the server does not know a query that names attributes."""
    return error.status in (400, 404, 501)


def _address(kind: _Kind, key: str) -> str:
    return f"{kind.path}/{quote(key, safe='')}"


def _identified(kind: _Kind, document: Any, attempted: str, host: str) -> dict[str, Any]:
    """The document, if it says which resource it is."""
    if isinstance(document, dict):
        values = [document.get(attribute) for attribute in ("id", kind.named_by)]
        if all(isinstance(value, str) and value for value in values):
            return document
    raise UnreadableAnswerError(
        attempted, host, f"a {kind.noun} without id or {kind.named_by} came back", "Is this SCIM?", status=200
    )


def _refused_with_each(attempted: str, refusals: Mapping[str, UnauthenticatedError]) -> UnauthenticatedError:
    """Return one error that shows the refusal of each scheme."""
    first, *others = refusals.values()
    if not others:
        return first
    problem = ", ".join(f"{error.problem} with {scheme}" for scheme, error in refusals.items())
    return UnauthenticatedError(attempted, first.host, problem, first.way_out, status=first.status, code=first.code)


def trusted_scim_url(answered: str | None, own: str) -> str:
    """Return the SCIM address of a host with the path that its broker answered. Raises InputError.

    `own` is the address that follows from the host that the task names.
    """
    base = read_address(own)
    try:
        return str(on_this_host(base, answered) if answered else base)
    except OtherHostError as error:
        raise InputError(
            "scim_url",
            f"the broker on {base.netloc} names {error.host} as its SCIM host, and tokens are sent only to the host that the "
            "task names",
            f"Give {error.host} as hostname (in Workspace ONE in base_url), or give scim_url.",
        ) from None
    except ValueError as error:
        raise InputError(
            "scim_url",
            f"the SCIM address that the broker on {base.netloc} names {error}",
            f"Give scim_url, such as {own}.",
        ) from None
