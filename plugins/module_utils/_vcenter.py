# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vCenter's REST API as far as the Identity Broker needs it. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from ._address import SCIM_EXAMPLE, host_address, option_address
from ._broker_answers import Provider, SyncToken, read_admin_token, read_providers, read_sync_token
from ._errors import (
    IdentityBrokerError,
    InputError,
    NoProviderError,
    NotFoundError,
    TransportError,
    UnauthenticatedError,
    UnreadableAnswerError,
)
from ._http import HttpClient, header_authorization

SESSION_HEADER = "vmware-api-session-id"
T = TypeVar("T")


class VcenterClient:
    """One session of vCenter's API, opened by the first call and closed on leaving, whatever happens.

    Sessions are a limited resource of the appliance (Broadcom KB 375546).
    """

    has_vendor_types = True
    """Of the media types of the broker's own API."""
    nouns = ("external identity provider", "identity providers")
    make_one = "Configure it first: vSphere Client, Administration, Single Sign On, Configuration, Identity Provider."

    def __init__(
        self,
        http: HttpClient,
        *,
        hostname: str,
        username: str,
        password: str,
        port: int = 443,
        tenant: str = "customer",
    ) -> None:
        self._http = http
        self._root = str(host_address("hostname", hostname, port))
        self._username = username
        self._password = password
        self._tenant = tenant
        # The tenant is a part of it.
        option_address("tenant", self.scim_url, SCIM_EXAMPLE)
        self._session: str | None = None
        self.hostname = hostname
        self.warnings: list[str] = []
        http.hide_basic(username, password)

    def __enter__(self) -> VcenterClient:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._session is None:
            return
        session, self._session = self._session, None
        try:
            self._http.request(
                "DELETE",
                f"{self._root}/api/session",
                attempted="log out",
                authorization=header_authorization(SESSION_HEADER, session),
            )
        except UnauthenticatedError:
            pass  # The session has ended by itself.
        except IdentityBrokerError as error:
            self.warnings.append(f"The session on {self.hostname} may be left open until it idles out: {error.message}")

    @property
    def is_open(self) -> bool:
        """Whether vCenter has been contacted."""
        return self._session is not None

    def log_in(self) -> None:
        """Open the session now, so that a refused password is told apart from a refused call."""
        if self._session is None:
            self._session = self._log_in()

    @property
    def root(self) -> str:
        """The appliance's address."""
        return self._root

    @property
    def tenant_path(self) -> str:
        """What stands between a service of the broker and its paths. The tenant is in upper case there."""
        return f"/t/{quote(self._tenant.upper(), safe='')}"

    @property
    def scim_url(self) -> str:
        """Where SCIM is when the broker does not say (documented form of vCenter's wizard)."""
        return f"{self._root}/usergroup{self.tenant_path}/scim/v2"

    def providers(self) -> list[Provider]:
        """The broker's external identity providers."""
        attempted = "list the Identity Broker's providers"
        try:
            document = self.call("GET", self._broker("providers"), attempted)
        except NotFoundError:
            document = self.call("GET", "/api/vcenter/identity/authbrokeridp", attempted)
            if not self.understood(attempted, lambda: read_providers(document, self._tenant)):
                raise NoProviderError(
                    attempted,
                    self.hostname,
                    f"it has no external identity provider in the tenant {self._tenant!r}",
                    "Configure it first (vSphere Client, Administration, Single Sign On, Configuration), or correct tenant.",
                    status=404,
                ) from None
        return self.understood(attempted, lambda: read_providers(document, self._tenant))

    def read_token(self) -> str:
        """The tenant admin token: powerful, so it stays here, and is used to read SCIM, and for the broker's own API."""
        attempted = "ask for the tenant's admin token"
        document = self.call("GET", self._broker("admin-client"), attempted)
        token = self.understood(attempted, lambda: read_admin_token(document))
        self._http.hide(token)
        return token

    def mint_sync_token(self, provider_id: str, *, in_check_mode: bool = False) -> SyncToken:
        """Make a new sync token. The one before is revoked by it."""
        attempted = "mint a sync token"
        path = f"{self._broker('providers')}/{quote(provider_id, safe='')}/sync-client?action=generate-result"
        try:
            document = self.call("POST", path, attempted, in_check_mode=in_check_mode)
            minted = self.understood(attempted, lambda: read_sync_token(document))
        except (TransportError, UnreadableAnswerError) as error:
            raise IdentityBrokerError(
                error.message,
                way_out="One may have been minted all the same, so the token before may be revoked. Run it again.",
            ) from None
        self._http.hide(minted.token)
        return minted

    def _broker(self, path: str) -> str:
        return f"/api/vcenter/identity/broker/tenants/{quote(self._tenant, safe='')}/{path}"

    def call(self, method: str, path: str, attempted: str, *, document: Any = None, in_check_mode: bool = False) -> Any:
        """Send a request in this session, and return the document of its answer."""
        self.log_in()
        try:
            return self._authorized(method, path, attempted, document, in_check_mode)
        except UnauthenticatedError:
            # Idle or absolute end of the session in the midst of a run: once more with a new one.
            self._session = None
            self.log_in()
            return self._authorized(method, path, attempted, document, in_check_mode)

    def _authorized(self, method: str, path: str, attempted: str, document: Any, in_check_mode: bool) -> Any:
        return self._http.request(
            method,
            self._root + path,
            attempted=attempted,
            authorization=header_authorization(SESSION_HEADER, self._session or ""),
            document=document,
            in_check_mode=in_check_mode,
        ).document

    def _log_in(self) -> str:
        attempted = f"log in as {self._username}"
        try:
            answer = self._http.request(
                "POST", f"{self._root}/api/session", attempted=attempted, basic=(self._username, self._password)
            )
        except UnauthenticatedError as error:
            raise UnauthenticatedError(
                attempted,
                error.host,
                "HTTP 401, the user name or password is wrong",
                "The user name has its domain, as in administrator@vsphere.local. It was tried once, since vCenter "
                "locks accounts.",
                status=401,
            ) from None
        except NotFoundError as error:
            raise NotFoundError(
                attempted, error.host, "HTTP 404, there is no vCenter API here", "Check hostname and port.", status=404
            ) from None
        if not isinstance(answer.document, str) or not answer.document:
            raise UnreadableAnswerError(
                attempted, self.hostname, "the answer is no session id", "Is this vCenter itself?", status=answer.status
            )
        self._http.hide(answer.document)
        return answer.document

    def understood(self, attempted: str, read: Callable[[], T]) -> T:
        """What was read of an answer. Raises UnreadableAnswerError where that raises ValueError."""
        try:
            return read()
        except ValueError as error:
            raise UnreadableAnswerError(
                attempted,
                self.hostname,
                f"the answer has an unknown shape: {self._http.scrubbed(str(error))}",
                "Please report this shape, with vCenter's version, to the collection's issue tracker.",
                status=200,
            ) from None


def chosen_provider(
    providers: Sequence[Provider],
    provider_id: str | None,
    name: str | None,
    hostname: str,
    *,
    nouns: tuple[str, str] = VcenterClient.nouns,
    way_out: str = VcenterClient.make_one,
) -> Provider:
    """The one provider that is meant. Raises InputError that lists the others."""
    fitting = narrowed(providers, provider_id, name)
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(f"{provider.id} ({provider.name or 'unnamed'})" for provider in providers)
    if not providers:
        raise InputError(
            "provider_id",
            f"the Identity Broker on {hostname} has no {nouns[0]}",
            way_out,
        )
    if not fitting:
        raise InputError("provider_id", f"{provider_id or name!r} is not on {hostname}", f"It knows {known}.")
    raise InputError("provider_id", f"{hostname} has several {nouns[1]}", f"Choose one of {known}.")


def chosen_directory(
    directories: Sequence[Provider], directory: str | None, name: str | None, hostname: str
) -> Provider:
    """The one directory that is meant, by its name or id. Raises InputError that lists the others."""
    fitting = narrowed(directories, directory, name) or narrowed(directories, None, directory or name)
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(f"{each.name or 'unnamed'} ({each.id})" for each in directories)
    if not directories:
        raise InputError("directory", f"the broker on {hostname} has none", "Make one first, with broker_directory.")
    if not fitting:
        raise InputError("directory", f"{directory or name!r} is not on {hostname}", f"It knows {known}.")
    raise InputError("directory", f"{hostname} has several directories", f"Choose one of {known}.")


def narrowed(providers: Sequence[Provider], provider_id: str | None, name: str | None) -> list[Provider]:
    """The providers that fit an id or a name."""
    return [
        provider
        for provider in providers
        if (provider_id is None or provider.id == provider_id)
        and (name is None or (provider.name or "").casefold() == name.casefold())
    ]
