# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The broker's own API, in vCenter and in Workspace ONE alike. PRIVATE to this collection.

The API is documented in github.com/euc-dev/ws1-identity-services-api for Workspace ONE, and at
developer.broadcom.com/xapis/vmware-identity-broker for vCenter, where C(/t/TENANT) follows the name of the service.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from ._address import read_address
from ._broker_answers import Provider, SyncToken
from ._broker_api_answers import (
    JSON,
    REFUSED,
    MediaTypes,
    Rows,
    addresses_of_client,
    as_providers,
    read_generated,
    read_object,
    read_rows,
    saml_metadata_shown,
)
from ._broker_objects import CLIENTS, DIRECTORIES, Kind, sendable
from ._errors import (
    AnswerError,
    IdentityBrokerError,
    ListingError,
    NotFoundError,
    TransportError,
    UnauthenticatedError,
    UnreadableAnswerError,
)
from ._http import HttpClient, header_authorization

PAGE = 100
SYNC_CLIENT = f"{DIRECTORIES.media_type}.syncclientconfiguration"
ROTATION = f"{CLIENTS.media_type}.secret.rotation"
CLIENT = f"{CLIENTS.media_type}.with.rule.sets"
SAML_DETAILS = "vnd.vmware.vidm.federation.broker.samlspmetadata.details"

T = TypeVar("T")


class Home(Protocol):
    """Where a broker is, and an administrator's token for it."""

    hostname: str
    has_vendor_types: bool
    """Whether the vendor's own media types are what its documentation names."""

    @property
    def root(self) -> str:
        """The address."""

    @property
    def tenant_path(self) -> str:
        """What stands between a service and its paths."""

    @property
    def scim_url(self) -> str:
        """Where SCIM is."""

    def read_token(self) -> str:
        """A new token of the administrator. Asking revokes nothing."""


class IdentityServicesClient:
    """Directories, identity providers and OAuth 2.0 clients, seen and changed with an administrator's token."""

    def __init__(self, http: HttpClient, home: Home, media_type: str = "auto") -> None:
        self._http = http
        self.home = home
        self.host = read_address(home.root).netloc
        self._token: str | None = None
        self._types = MediaTypes(media_type, vendor_first=home.has_vendor_types)

    @property
    def is_open(self) -> bool:
        """Whether the broker has been contacted."""
        return self._token is not None

    @property
    def redirect_uri(self) -> str:
        """Where the broker takes the answer of a sign-in at an OIDC provider.

        Documented for vCenter (Broadcom, "Configure vCenter Server Identity Provider Federation"); the path in Workspace ONE is
        that without the tenant, as of the SAML address beside it.
        """
        return f"{self.home.root}/federation{self.home.tenant_path}/auth/response/oauth2"

    def token(self) -> str:
        """The administrator's token, asked for once."""
        if self._token is None:
            self._token = self.home.read_token()
        return self._token

    def signs_in(self) -> bool:
        """Whether the administrator's credentials give a token, asked for anew."""
        self._token = None
        try:
            self.token()
        except UnauthenticatedError:
            return False
        return True

    def hide(self, secret: str | None) -> None:
        """Keep a secret out of messages from now on."""
        if secret:
            self._http.hide(secret)

    def pause(self, seconds: float) -> None:
        """Wait before asking again, unless somebody wants an end."""
        self._http.pause(seconds)

    def rows(self, kind: Kind) -> list[dict[str, Any]]:
        """All objects of a kind as the list tells them, which is less than each tells by itself."""
        if kind is CLIENTS:
            return self._pages(kind)
        return self._page(kind, None).rows

    def read(self, kind: Kind, row: dict[str, Any]) -> dict[str, Any] | None:
        """One object with all that it tells, by what the list says of it; None where it is gone."""
        for address in self._addresses(kind, row):
            try:
                return self._object("GET", kind, address, f"read the {kind.noun} {_label(kind, row)}")
            except NotFoundError:
                continue
        return None

    def create(self, kind: Kind, document: dict[str, Any]) -> dict[str, Any]:
        """Create an object."""
        attempted = f"create the {kind.noun} {_label(kind, document)}"
        return self._object("POST", kind, None, attempted, sendable(kind, document))

    def change(
        self, kind: Kind, row: dict[str, Any], document: dict[str, Any], query: dict[str, str | int] | None = None
    ) -> None:
        """Change fields of an object."""
        attempted, sent = f"update the {kind.noun} {_label(kind, row)}", sendable(kind, document)
        self._at(kind, row, lambda path: self._send("PATCH", path, attempted, _type_of(kind), sent, query))

    def delete(self, kind: Kind, row: dict[str, Any]) -> None:
        """Delete an object; one that is gone already raises NotFoundError."""
        attempted = f"delete the {kind.noun} {_label(kind, row)}"
        self._at(kind, row, lambda path: self._send("DELETE", path, attempted, _type_of(kind)))

    def start_rotation(self, row: dict[str, Any], secret: str, minutes: int | None) -> None:
        """Give an OAuth 2.0 client a second secret, beside which the first serves for some time."""
        self._http.hide(secret)
        document: dict[str, Any] = {"secondary_secret": secret}
        if minutes is not None:
            document["primary_secret_auto_retire_duration"] = minutes
        self._rotate(row, "start-rotate-secret", document)

    def retire_secret(self, row: dict[str, Any]) -> None:
        """End the first secret of an OAuth 2.0 client that has two."""
        self._rotate(row, "retire-primary-secret", {})

    def sync_client(self, directory_id: str) -> dict[str, Any] | None:
        """How a directory's sync client is set up, without its secrets; None where it has none."""
        attempted = f"read the sync client of the directory {directory_id}"
        try:
            document = self._send("GET", self._sync_path(directory_id), attempted, SYNC_CLIENT)
        except NotFoundError:
            return None
        held = document if isinstance(document, dict) else {}
        return {name: held.get(name) for name in ("client_id", "generate_token", "token_ttl")}

    def generate_token(self, directory_id: str, minutes: int | None, *, in_check_mode: bool = False) -> SyncToken:
        """Make a new sync token of a directory. The credentials before are revoked by it."""
        attempted = f"generate a sync token of the directory {directory_id}"
        document: dict[str, Any] = {"generate_token": True}
        if minutes is not None:
            document["token_ttl"] = minutes
        try:
            answer = self._send(
                "POST",
                self._sync_path(directory_id),
                attempted,
                SYNC_CLIENT,
                document,
                {"action": "generate_credentials"},
                in_check_mode=in_check_mode,
            )
            token = self._understood(attempted, lambda: read_generated(answer, datetime.now(UTC)))
        except (TransportError, UnreadableAnswerError) as error:
            raise IdentityBrokerError(
                error.message,
                way_out="One may have been generated all the same, so the one before may be revoked. Run it again.",
            ) from None
        self._http.hide(token.token)
        return token

    def saml_metadata(self) -> dict[str, Any] | None:
        """What a SAML provider must know of the broker; None where the broker has it not."""
        attempted = "read the SAML metadata"
        try:
            document = self._send(
                "GET", self._path("federation", "broker/saml-sp-metadata/details"), attempted, SAML_DETAILS
            )
        except NotFoundError:
            return None
        return self._understood(attempted, lambda: saml_metadata_shown(document))

    def _rotate(self, row: dict[str, Any], action: str, document: dict[str, Any]) -> None:
        attempted = f"{action.replace('-', ' ')} of the {CLIENTS.noun} {_label(CLIENTS, row)}"
        self._at(CLIENTS, row, lambda path: self._send("POST", path, attempted, ROTATION, document, {"action": action}))

    def _pages(self, kind: Kind) -> list[dict[str, Any]]:
        """C(start_index) counts rows, as its name says, or pages, as the C(pageNumber) of an answer then shows."""
        first = self._page(kind, 1)
        found = {str(row.get("client_id")): row for row in first.rows}
        pages, by_page = 1, False
        while first.total is not None and len(found) < first.total:
            start = pages + 1 if by_page else len(found) + 1
            page = self._page(kind, start)
            new = {str(row.get("client_id")): row for row in page.rows}
            if not by_page and (page.number == start != pages + 1 or not new.keys() - found.keys()):
                pages, by_page = 1, True
                continue
            if not page.rows:
                raise ListingError(
                    f"Could not list the {kind.noun}s on {self.host}: {first.total} announced, {len(found)} sent. "
                    "Nothing was changed by it.",
                    way_out="Try again; if it stays so, something else changes them at this moment.",
                )
            found |= new
            pages += 1
        return list(found.values())

    def _page(self, kind: Kind, start: int | None) -> Rows:
        attempted = f"list the {_plural(kind.noun)}"
        query: dict[str, str | int] | None = None if start is None else {"start_index": start, "page_size": PAGE}
        document = self._send(
            "GET", self._path(kind.service, kind.path), attempted, f"{kind.media_type}.list", None, query
        )
        return self._understood(attempted, lambda: read_rows(document))

    def _object(
        self, method: str, kind: Kind, address: str | None, attempted: str, document: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        path = self._path(kind.service, kind.path) + ("" if address is None else f"/{quote(address, safe='')}")
        answer = self._send(method, path, attempted, _type_of(kind), document)
        return self._understood(attempted, lambda: read_object(answer))

    def _at(self, kind: Kind, row: dict[str, Any], send: Callable[[str], Any]) -> None:
        """Send to the first address of an object that there is."""
        *others, last = self._addresses(kind, row)
        for address in others:
            try:
                send(f"{self._path(kind.service, kind.path)}/{quote(address, safe='')}")
                return
            except NotFoundError:
                continue
        send(f"{self._path(kind.service, kind.path)}/{quote(last, safe='')}")

    def _addresses(self, kind: Kind, row: dict[str, Any]) -> list[str]:
        return addresses_of_client(row) if kind is CLIENTS else [str(row["id"])]

    def _sync_path(self, directory_id: str) -> str:
        return f"{self._path(DIRECTORIES.service, DIRECTORIES.path)}/{quote(directory_id, safe='')}/sync-client"

    def _path(self, service: str, path: str) -> str:
        return f"/{service}{self.home.tenant_path}/{path}"

    def _send(
        self,
        method: str,
        path: str,
        attempted: str,
        media_type: str,
        document: Any = None,
        query: dict[str, str | int] | None = None,
        *,
        in_check_mode: bool = False,
    ) -> Any:
        """A refused media type or token means that nothing was done, so the same is sent once more in another way."""
        renewed = False
        tries = self._types.to_try()
        while True:
            vendor = tries[0]
            try:
                answer = self._http.request(
                    method,
                    self.home.root + path,
                    attempted=attempted,
                    authorization=header_authorization("Authorization", f"Bearer {self.token()}"),
                    query=query,
                    document=document,
                    content_type=f"application/{media_type}+json" if vendor else JSON,
                    in_check_mode=in_check_mode,
                )
            except UnauthenticatedError as error:
                # Its end in the midst of a run: once more with a new one.
                if renewed:
                    raise _explained(error) from None
                renewed, self._token = True, None
                continue
            except AnswerError as error:
                if error.status in REFUSED and len(tries) > 1:
                    tries = tries[1:]
                    continue
                raise _explained(error) from None
            self._types.settled = vendor
            return answer.document

    def _understood(self, attempted: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            raise UnreadableAnswerError(
                attempted,
                self.host,
                f"the answer has an unknown shape: {self._http.scrubbed(str(error))}",
                "Please report this shape, with the broker's version, to the collection's issue tracker.",
                status=200,
            ) from None


class DirectoryTokens:
    """Sync tokens of directories through the broker's own API, where SCIM asks for them."""

    nouns = ("directory", "directories")
    make_one = "Make one first: homelab.identity_broker.broker_directory."

    def __init__(self, services: IdentityServicesClient, minutes: int | None = None) -> None:
        self._services = services
        self._minutes = minutes
        self.hostname = services.home.hostname
        self.warnings: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether the broker has been contacted."""
        return self._services.is_open

    @property
    def scim_url(self) -> str:
        """Where SCIM is."""
        return self._services.home.scim_url

    def log_in(self) -> None:
        """Get the administrator's token now, so that refused credentials are told apart from a refused call."""
        self._services.token()

    def read_token(self) -> str:
        """The administrator's token."""
        return self._services.token()

    def providers(self) -> list[Provider]:
        """The directories."""
        return as_providers(self._services.rows(DIRECTORIES))

    def mint_sync_token(self, provider_id: str, *, in_check_mode: bool = False) -> SyncToken:
        """Make a new sync token. The one before is revoked by it."""
        return self._services.generate_token(provider_id, self._minutes, in_check_mode=in_check_mode)


def _explained(error: AnswerError) -> IdentityBrokerError:
    """With what a refusal means here."""
    media_type = "Set media_type to auto, or to the other one."
    ways = {
        401: "The broker does not take the administrator's token for its own API.",
        403: "The administrator's token does not allow it.",
        406: media_type,
        415: media_type,
    }
    if error.way_out or error.status not in ways:
        return error
    return IdentityBrokerError(error.message, way_out=ways[error.status])


def _label(kind: Kind, row: dict[str, Any]) -> str:
    return str(row.get(kind.named_by) or row.get("id"))


def _plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def _type_of(kind: Kind) -> str:
    return CLIENT if kind is CLIENTS else kind.media_type
