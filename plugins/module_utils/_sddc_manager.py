# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SDDC Manager's REST API as far as identity goes. PRIVATE to this collection.

Addresses are those of the VMware Cloud Foundation API (developer.broadcom.com, "Tokens", "Identity Providers").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar
from urllib.parse import quote

from ._address import host_address
from ._errors import (
    AnswerError,
    IdentityBrokerError,
    NotFoundError,
    TransportError,
    UnauthenticatedError,
    UnreadableAnswerError,
)
from ._http import Advice, Answer, HttpClient, header_authorization, no_authorization
from ._sddc_answers import (
    Json,
    MintedToken,
    TokenPair,
    identified,
    read_access_token,
    read_created_id,
    read_minted,
    read_oidc_info,
    read_precheck,
    read_providers,
    read_token_pair,
)

TOKENS = "/v1/tokens"
PROVIDERS = "/v1/identity-providers"
BROKER = "/v1/identity-broker"
REFUSED = (400, 401, 403)
SERVER_ERROR = 500
ADVICE = Advice(
    not_itself="Is this SDDC Manager itself, and not a proxy or a login page?",
    untrusted="Give the CA that signed SDDC Manager's certificate as ca_path.",
    reach="Check hostname and port: SDDC Manager's, not vCenter's.",
    statuses={403: "The user needs the role ADMIN in SDDC Manager."},
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Login:
    """What proves who logs in (schema TokenCreationSpec)."""

    username: str | None = None
    password: str | None = None
    api_key: str | None = None
    id_token: str | None = None

    def document(self) -> Json:
        """The body of a login."""
        names = {"api_key": "apiKey", "id_token": "idToken"}
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        return {names.get(name, name): value for name, value in told.items() if value}

    @property
    def label(self) -> str:
        """Who it is, for a message."""
        return f"log in as {self.username}" if self.username else "log in"


class SddcManagerClient:
    """One login at SDDC Manager, made by the first call and ended on leaving, whatever happens."""

    def __init__(self, http: HttpClient, *, hostname: str, login: Login, port: int = 443) -> None:
        self._http = http
        self._root = str(host_address("hostname", hostname, port))
        self._login = login
        self._tokens: TokenPair | None = None
        self._living: list[str] = []
        """The refresh tokens to end."""
        self.hostname = hostname
        self.warnings: list[str] = []
        for secret in (login.password, login.api_key, login.id_token):
            self._http.hide(secret or "")

    def __enter__(self) -> SddcManagerClient:
        return self

    def __exit__(self, *_exception: object) -> None:
        tokens, self._tokens = self._tokens, None
        if tokens is not None:
            for refresh in self._living:
                self._log_out(tokens.access, refresh)

    def _log_out(self, access: str, refresh: str) -> None:
        try:
            self._request("DELETE", f"{TOKENS}/refresh-token", "log out", access=access, document=refresh)
        except (UnauthenticatedError, NotFoundError):
            pass  # It has ended by itself.
        except IdentityBrokerError as error:
            self.warnings.append(f"The refresh token on {self.hostname} may live on until it ends: {error.message}")

    # Reading

    def providers(self) -> list[Json]:
        """All identity providers, with the identity sources of the embedded one."""
        attempted = "list SDDC Manager's identity providers"
        answer = self._call("GET", PROVIDERS, attempted)
        return [self._without_token(row) for row in self._read(attempted, read_providers, answer)]

    def provider(self, provider_id: str) -> Json:
        """One provider that is known to be there: for an unknown id no answer is documented."""
        attempted = f"read the identity provider {provider_id}"
        answer = self._call("GET", f"{PROVIDERS}/{_segment(provider_id)}", attempted)
        return self._without_token(self._read(attempted, identified, answer))

    def precheck(self, source: str | None) -> Json:
        """Whether a provider of this kind could be configured now."""
        attempted = f"run the prechecks for {source}" if source else "run the prechecks"
        query = {"type": source} if source else None
        return self._read(attempted, read_precheck, self._call("GET", f"{BROKER}/prechecks", attempted, query=query))

    def oidc_info(self) -> Json:
        """The OIDC client that SDDC Manager itself is to the broker."""
        attempted = "read SDDC Manager's OIDC client"
        return self._read(attempted, read_oidc_info, self._call("GET", f"{BROKER}/sddc-manager-oidc", attempted))

    # Writing

    def add_provider(self, document: Mapping[str, Any], label: str) -> str | None:
        """Configure an external provider; its id, where the answer tells it."""
        return read_created_id(self._call("POST", PROVIDERS, f"add the {label}", document=document).document)

    def update_provider(self, provider_id: str, document: Mapping[str, Any], label: str) -> None:
        """Write the whole specification of an external provider."""
        self._call("PATCH", f"{PROVIDERS}/{_segment(provider_id)}", f"update the {label}", document=document)

    def delete_provider(self, provider_id: str, label: str) -> None:
        """Remove an external provider; one that is gone already is fine."""
        self._delete(f"{PROVIDERS}/{_segment(provider_id)}", f"delete the {label}")

    def add_source(self, provider_id: str, document: Mapping[str, Any], label: str) -> None:
        """Add an identity source to the embedded provider."""
        self._call("POST", _sources(provider_id), f"add the {label}", document=document)

    def update_source(self, provider_id: str, domain: str, document: Mapping[str, Any], label: str) -> None:
        """Write the whole specification of an identity source."""
        self._call("PATCH", _sources(provider_id, domain), f"update the {label}", document=document)

    def delete_source(self, provider_id: str, domain: str, label: str) -> None:
        """Remove an identity source; one that is gone already is fine."""
        self._delete(_sources(provider_id, domain), f"delete the {label}")

    def mint_sync_token(self, provider_id: str, ttl: int | None) -> MintedToken:
        """Make a new sync token. The one before is revoked by it."""
        attempted = "mint a sync token"
        path = f"{PROVIDERS}/{_segment(provider_id)}/sync-client"
        query = None if ttl is None else {"syncClientTokenTTL": ttl}
        try:
            minted = self._read(attempted, read_minted, self._call("POST", path, attempted, query=query))
        except (TransportError, UnreadableAnswerError) as error:
            raise IdentityBrokerError(
                error.message,
                way_out="One may have been minted all the same, so the token before may be revoked. Run it again, or mint "
                "one in the user interface.",
            ) from None
        self._http.hide(minted.token)
        return minted

    # Requests

    def _delete(self, path: str, attempted: str) -> None:
        try:
            self._call("DELETE", path, attempted)
        except NotFoundError:
            return

    def _call(
        self,
        method: str,
        path: str,
        attempted: str,
        *,
        document: Any = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """Send a request. A login that ends in the midst is refreshed, and if that is refused or of no use, made anew."""
        tokens = self._tokens or self._log_in()
        for renew in (self._refreshed, self._log_in):
            try:
                return self._request(method, path, attempted, access=tokens.access, document=document, query=query)
            except UnauthenticatedError:
                tokens = renew()
        return self._request(method, path, attempted, access=tokens.access, document=document, query=query)

    def _log_in(self) -> TokenPair:
        attempted = self._login.label
        try:
            answer = self._request("POST", TOKENS, attempted, document=self._login.document())
        except NotFoundError as error:
            raise NotFoundError(
                attempted, error.host, "HTTP 404, there is no SDDC Manager here", ADVICE.reach, status=404
            ) from None
        except AnswerError as error:
            if error.status not in REFUSED:
                raise
            raise UnauthenticatedError(
                attempted,
                error.host,
                f"HTTP {error.status}{f' {error.code}' if error.code else ''}, the login is refused",
                "Check username and password, api_key or id_token; the user name has its domain, as in "
                "administrator@vsphere.local. It was tried once, since accounts are locked.",
                status=error.status,
            ) from None
        return self._kept(self._read(attempted, read_token_pair, answer))

    def _refreshed(self) -> TokenPair:
        tokens = self._tokens
        if tokens is None or tokens.refresh is None:
            return self._log_in()
        attempted = "refresh the login"
        try:
            answer = self._request("PATCH", f"{TOKENS}/access-token/refresh", attempted, document=tokens.refresh)
        except AnswerError as error:
            if error.status >= SERVER_ERROR:
                raise
            self._living.remove(tokens.refresh)
            return self._log_in()
        return self._kept(TokenPair(self._read(attempted, read_access_token, answer), tokens.refresh))

    def _kept(self, tokens: TokenPair) -> TokenPair:
        self._http.hide(tokens.access)
        if tokens.refresh and tokens.refresh not in self._living:
            self._http.hide(tokens.refresh)
            self._living.append(tokens.refresh)
        self._tokens = tokens
        return tokens

    def _request(self, method: str, path: str, attempted: str, *, access: str | None = None, **what: Any) -> Answer:
        authorization = header_authorization("Authorization", f"Bearer {access}") if access else no_authorization
        try:
            # A text that should be JSON is no answer to a question, and may be one to a write.
            return self._http.request(
                method,
                self._root + path,
                attempted=attempted,
                authorization=authorization,
                text_too=method != "GET",
                **what,
            )
        except UnreadableAnswerError as error:
            # What it says is left out: a spoilt list may hold a token that nobody knows to hide.
            problem = f"the answer ({error.status}) is not JSON"
            raise UnreadableAnswerError(
                attempted, error.host, problem, ADVICE.not_itself, status=error.status
            ) from None

    def _without_token(self, provider: Json) -> Json:
        """No documented example tells the token again, and the schema has a place for it."""
        federated = provider.get("fedIdp")
        info = federated.get("syncClientTokenInfo") if isinstance(federated, dict) else None
        if isinstance(info, dict):
            self._http.hide(str(info.pop("token", None) or ""))
        return provider

    def _read(self, attempted: str, read: Callable[[Any], T], answer: Answer) -> T:
        try:
            return read(answer.document)
        except ValueError as error:
            raise UnreadableAnswerError(
                attempted,
                self.hostname,
                f"the answer has an unknown shape: {self._http.scrubbed(str(error))}",
                "Please report this shape, with SDDC Manager's version, to the collection's issue tracker.",
                status=answer.status,
            ) from None


def _sources(provider_id: str, domain: str | None = None) -> str:
    path = f"{PROVIDERS}/{_segment(provider_id)}/identity-sources"
    return path if domain is None else f"{path}/{_segment(domain)}"


def _segment(text: str) -> str:
    return quote(text, safe="")
