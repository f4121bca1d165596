# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pocket ID's REST API. PRIVATE to this collection.

Addresses and shapes are those of Pocket ID 2.14 (github.com/pocket-id/pocket-id, backend/internal/controller); what older
releases do otherwise is said where it matters. An API key of an administrator is needed for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from ._address import option_address
from ._errors import AnswerError, InputError, ListingError, NotFoundError, UnreadableAnswerError
from ._http import Advice, HttpClient, header_authorization
from ._pocket_id_answers import (
    ListPage,
    Person,
    UserGroup,
    may_edit_own_account,
    read_group,
    read_page,
    read_person,
    read_subject,
)

PAGE = 100
"""Pocket ID gives no more at a time."""
READINGS = 3
ADVICE = Advice(
    not_itself="Is url Pocket ID itself, and not a login page before it?",
    untrusted="Give the CA that signed Pocket ID's certificate as ca_path.",
    address="url",
    reach="Is Pocket ID up, and is its port in url?",
    statuses={
        401: "Give api_key as Pocket ID showed it: Settings, Admin, API Keys. It may have expired.",
        403: "The API key must be of an administrator of Pocket ID.",
        429: "Pocket ID limits how often it may be asked. Wait a minute, and run it again.",
    },
)

T = TypeVar("T")


class PocketIdClient:
    """Pocket ID, seen and changed with one API key."""

    def __init__(self, http: HttpClient, url: str, api_key: str) -> None:
        self._http = http
        address = option_address("url", url, "https://id.example.org")
        self._root = str(address)
        self._api_key = _usable(api_key)
        self.host = address.netloc
        http.hide(api_key)

    def users(self) -> list[Person]:
        """Everybody but the administrator whom Pocket ID makes up for its static API key."""
        rows = self._listing("users", "list Pocket ID's users", "username")
        people = self._understood("list Pocket ID's users", lambda: [read_person(row) for row in rows])
        return [person for person in people if not person.is_synthetic]

    def own_account_edit(self) -> bool:
        """Return whether people may edit their own accounts, user names included. Assumed where it cannot be read."""
        try:
            document = self._get("application-configuration", "read Pocket ID's settings")
        except AnswerError:
            return True
        return may_edit_own_account(document)

    def groups(self) -> list[UserGroup]:
        """All groups, with the number of their members."""
        rows = self._listing("user-groups", "list Pocket ID's groups", "name")
        return self._understood("list Pocket ID's groups", lambda: [read_group(row) for row in rows])

    def group(self, group: UserGroup) -> UserGroup:
        """One group with its members."""
        attempted = f"read the group {group.name}"
        document = self._get(f"user-groups/{_segment(group.id)}", attempted)
        return self._understood(attempted, lambda: read_group(document))

    def clients(self) -> list[dict[str, Any]]:
        """All OIDC clients, as they come, without the groups that may use them."""
        return self._listing("oidc/clients", "list Pocket ID's OIDC clients", "name")

    def client(self, client_id: str) -> dict[str, Any]:
        """One OIDC client with the groups that may use it. Raises NotFoundError."""
        attempted = f"read the OIDC client {client_id}"
        document = self._get(f"oidc/clients/{_segment(client_id)}", attempted)
        return self._understood(attempted, lambda: _object(document))

    def create_client(self, document: dict[str, Any]) -> dict[str, Any]:
        """Create an OIDC client."""
        attempted = f"create the OIDC client {document['name']}"
        answer = self._send("POST", "oidc/clients", attempted, document)
        return self._understood(attempted, lambda: _object(answer))

    def replace_client(self, client_id: str, document: dict[str, Any]) -> None:
        """Write all attributes of an OIDC client but its groups and secrets."""
        self._send("PUT", f"oidc/clients/{_segment(client_id)}", f"update the OIDC client {document['name']}", document)

    def allow_groups(self, client_id: str, group_ids: Sequence[str], name: str) -> None:
        """Write which groups may use an OIDC client."""
        path = f"oidc/clients/{_segment(client_id)}/allowed-user-groups"
        self._send("PUT", path, f"write the groups that may use {name}", {"userGroupIds": list(group_ids)})

    def delete_client(self, client_id: str, name: str) -> None:
        """Delete an OIDC client."""
        self._send("DELETE", f"oidc/clients/{_segment(client_id)}", f"delete the OIDC client {name}")

    def create_secret(self, client_id: str, name: str) -> str:
        """A new secret of the client, which is shown this once.

        Since 2.14 it stands beside the others; earlier releases replace the only one there is.
        """
        attempted = f"create a secret of the OIDC client {name}"
        path = f"oidc/clients/{_segment(client_id)}"
        try:
            document = self._send("POST", f"{path}/secrets", attempted, {})
        except NotFoundError:
            document = self._send("POST", f"{path}/secret", attempted, {})
        secret = document.get("secret") if isinstance(document, dict) else None
        if not isinstance(secret, str) or not secret:
            raise self._unreadable(attempted, "no secret came")
        self._http.hide(secret)
        return secret

    def secret_ids(self, client_id: str, name: str) -> list[str]:
        """The ids of the client's secrets; empty before Pocket ID 2.14, which has just one."""
        attempted = f"list the secrets of the OIDC client {name}"
        try:
            document = self._get(f"oidc/clients/{_segment(client_id)}/secrets", attempted)
        except NotFoundError:
            return []
        return [str(row["id"]) for row in document or () if isinstance(row, dict) and row.get("id")]

    def delete_secret(self, client_id: str, secret_id: str, name: str) -> None:
        """End a secret of the client."""
        path = f"oidc/clients/{_segment(client_id)}/secrets/{_segment(secret_id)}"
        self._send("DELETE", path, f"delete a former secret of the OIDC client {name}")

    def subjects(self, client_id: str, people: Sequence[Person]) -> list[str]:
        """The claim C(sub) that the client would get of each, from the preview of the ID token."""
        return list(self._http.side_by_side(lambda person: self._subject(client_id, person), people))

    def scim_endpoints(self, client_ids: Sequence[str]) -> list[str | None]:
        """Where Pocket ID's own SCIM client pushes the users of each OIDC client to, None where nowhere."""
        return list(self._http.side_by_side(self._scim_endpoint, client_ids))

    def _scim_endpoint(self, client_id: str) -> str | None:
        attempted = f"read the SCIM service provider of the client {client_id}"
        try:
            document = self._get(f"oidc/clients/{_segment(client_id)}/scim-service-provider", attempted)
        except NotFoundError:
            return None
        # The answer holds the token in clear.
        token = document.get("token") if isinstance(document, dict) else None
        if isinstance(token, str):
            self._http.hide(token)
        endpoint = document.get("endpoint") if isinstance(document, dict) else None
        return endpoint if isinstance(endpoint, str) and endpoint else None

    def _subject(self, client_id: str, person: Person) -> str:
        attempted = f"preview the ID token of {person.username} for the client {client_id}"
        path = f"oidc/clients/{_segment(client_id)}/preview/{_segment(person.external_id)}"
        document = self._get(path, attempted, {"scopes": "openid"})
        return self._understood(attempted, lambda: read_subject(document))

    def _listing(self, resource: str, attempted: str, sort: str) -> list[dict[str, Any]]:
        """Reading is safe to repeat: a list that changed while it was paged may add up the next time."""
        for number in range(1, READINGS):
            try:
                return self._one_listing(resource, attempted, sort)
            except ListingError:
                self._http.pause(number)
        return self._one_listing(resource, attempted, sort)

    def _one_listing(self, resource: str, attempted: str, sort: str) -> list[dict[str, Any]]:
        first = self._page(resource, attempted, sort, 1)
        pages: list[ListPage] = [first]
        for page in self._http.side_by_side(
            lambda number: self._page(resource, attempted, sort, number), range(2, first.pages + 1)
        ):
            # A page that is beyond the last one by now repeats it.
            if page.number != len(pages) + 1:
                break
            pages.append(page)
        rows = [row for page in pages for row in page.rows]
        ids = {row.get("id") if isinstance(row, dict) else None for row in rows}
        if {page.total for page in pages} != {len(rows)} or len(ids) != len(rows):
            raise ListingError(
                f"Could not {attempted} on {self.host}: {first.total} announced, {len(rows)} sent, {len(ids)} different. "
                "Nothing was changed by it.",
                way_out="Try again; if it stays so, something else changes them at this moment.",
            )
        return rows

    def _page(self, resource: str, attempted: str, sort: str, number: int) -> ListPage:
        # Without a column to sort by, the database may give the rows in another order for each page.
        query: dict[str, str | int] = {
            "pagination[page]": number,
            "pagination[limit]": PAGE,
            "sort[column]": sort,
            "sort[direction]": "asc",
        }
        document = self._get(resource, attempted, query)
        return self._understood(attempted, lambda: read_page(document))

    def _get(self, path: str, attempted: str, query: dict[str, str | int] | None = None) -> Any:
        return self._request("GET", path, attempted, query=query)

    def _send(self, method: str, path: str, attempted: str, document: Any = None) -> Any:
        return self._request(method, path, attempted, document=document)

    def _request(self, method: str, path: str, attempted: str, **what: Any) -> Any:
        return self._http.request(
            method,
            f"{self._root}/api/{path}",
            attempted=attempted,
            authorization=header_authorization("X-API-Key", self._api_key),
            **what,
        ).document

    def _understood(self, attempted: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            raise self._unreadable(attempted, f"the answer has an unknown shape: {error}") from None

    def _unreadable(self, attempted: str, problem: str) -> UnreadableAnswerError:
        way_out = "Please report this, with Pocket ID's version, to the collection's issue tracker."
        return UnreadableAnswerError(attempted, self.host, problem, way_out, status=200)


def _usable(api_key: str) -> str:
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise InputError("api_key", "holds white space or other characters no key has", "Give the key alone.")
    return api_key


def _segment(text: str) -> str:
    return quote(text, safe="")


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict) or not isinstance(document.get("id"), str) or not document["id"]:
        raise ValueError("a client without id")
    return document
