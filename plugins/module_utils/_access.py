# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The token law: with which token the broker's users are read and written. PRIVATE to this collection.

Minting a sync token revokes the one before (said of the sibling API, the Omnissa Identity Service, and to be
assumed of vCenter), so it is done as late and as rarely as possible, and never without saying so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ._address import SCIM_EXAMPLE, option_address
from ._broker_answers import Provider, SyncToken, token_expiry
from ._errors import (
    AccessEndedError,
    ForbiddenError,
    IdentityBrokerError,
    InputError,
    NotFoundError,
    PlanRefusedError,
    UnauthenticatedError,
)
from ._http import HttpClient
from ._minting_lock import MintingLock, lock_keys
from ._scim import ScimClient, trusted_scim_url
from ._scim_server import ScimServer
from ._token_file import check_token_file, kept_for, read_token_file, write_token_file
from ._users import User, returned_domain, users_from_scim
from ._vcenter import chosen_provider

REFUSED = (UnauthenticatedError, ForbiddenError, NotFoundError)
MOST_MINTINGS = 2
ENDING_SOON = timedelta(seconds=30)

P = ParamSpec("P")
T = TypeVar("T")


class TokenHome(Protocol):
    """What reads with an administrator's token, and mints sync tokens: vCenter, or the broker's own API."""

    hostname: str
    nouns: tuple[str, str]
    """What there is a sync token for: one, and several."""
    make_one: str
    """The way out where there is none."""

    @property
    def is_open(self) -> bool:
        """Whether it has been contacted."""

    @property
    def scim_url(self) -> str:
        """Where SCIM is when the broker does not say."""

    def log_in(self) -> None:
        """Sign in now, so that refused credentials are told apart from a refused call."""

    def read_token(self) -> str:
        """The administrator's token."""

    def providers(self) -> list[Provider]:
        """All that there is a sync token for."""

    def mint_sync_token(self, provider_id: str, *, in_check_mode: bool = False) -> SyncToken:
        """Make a new sync token. The one before is revoked by it."""


@dataclass(frozen=True)
class AccessOptions:
    """The options of the C(scim) fragment. C(mint_token) None is its default: only where no token is given."""

    token: str | None = None
    scim_url: str | None = None
    token_file: str | None = None
    auth_scheme: str = "auto"
    mint_token: bool | None = None
    check_mode_mint: bool = False
    provider_id: str | None = None

    @property
    def may_mint(self) -> bool:
        """Whether the task allows minting a sync token."""
        return self.token is None if self.mint_token is None else self.mint_token


class Sender:
    """Sends with the token in use, and with a new one where that is refused in the midst. Threads may share it."""

    def __init__(self, access: ScimAccess, client: ScimClient) -> None:
        self._access = access
        self.client = client

    def send(self, method: Callable[Concatenate[ScimClient, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the client. A 401 means that nothing was done, so the same is sent again with a new token."""
        while True:
            client = self.client
            try:
                return method(client, *args, **kwargs)
            except UnauthenticatedError as refusal:
                self.client = self._access.renewed(client, refusal)


class ScimAccess:
    """Hands out SCIM clients by the token law, and keeps count of what was minted."""

    def __init__(
        self,
        http: HttpClient,
        home: TokenHome | None,
        options: AccessOptions,
        *,
        module: str,
        changes_state: bool,
        check_mode: bool,
    ) -> None:
        self._http = http
        self._home = home
        self._options = options
        self._module = module
        self._changes_state = changes_state
        self._check_mode = check_mode
        self._providers: list[Provider] | None = None
        self._client: ScimClient | None = None
        self._server = ScimServer()
        self._client_writes = False
        self._token = ""
        self._refused: set[str] = set()
        self._lock = MintingLock(http.pause)
        self._renewing = threading.Lock()
        self._ended: IdentityBrokerError | None = None
        self.mintings = 0
        self.warnings: list[str] = []
        self._named_url = str(option_address("scim_url", options.scim_url, SCIM_EXAMPLE)) if options.scim_url else None
        for name in ("token", "token_file"):
            if getattr(options, name) and not options.scim_url and home is None:
                raise InputError("scim_url", f"is needed with {name} where no hostname is given", "Give either.")
        if home is None and not options.token and not options.token_file:
            raise InputError("hostname", "is not given", "Give hostname, username and password, or token and scim_url.")

    def close(self) -> None:
        """Let other runs mint. Nothing may be written after it."""
        self._lock.release()

    @property
    def minted(self) -> bool:
        """Whether a sync token was minted in this run."""
        return self.mintings > 0

    @property
    def _may_mint(self) -> bool:
        return self._changes_state and self._options.may_mint

    @property
    def client(self) -> ScimClient:
        """The client in use, to read more with the token that read the users."""
        if self._client is None:
            raise ValueError("read the users first")
        return self._client

    def read_users(self) -> list[dict[str, Any]]:
        """The broker's users, read with the first token that serves."""
        if self._options.token:
            return self._read_with_given_token(self._options.token)
        kept = self._kept_token()
        if kept is not None:
            try:
                return self._read_with(kept.token, kept.scim_url, writes=True)
            except UnauthenticatedError as error:
                self._refused.add(kept.token)
                if self._home is None:
                    purpose = (
                        "so that a new one can be minted" if self._changes_state else "to read with the admin token"
                    )
                    raise _with_way_out(
                        error,
                        f"The kept token is no longer accepted. Give hostname, username and password, {purpose}.",
                    ) from None
        home = self._needed_home()
        home.log_in()
        try:
            return self._read_with(home.read_token(), None, writes=False)
        except REFUSED as error:
            self._refuse_to_mint_for_reading(error)
        found = self._new_token()
        return self._read_with(found.token, found.scim_url, writes=True)

    def writing(self) -> tuple[ScimClient, bool]:
        """The client to write with, and whether its token is another than the one that was read with."""
        if self._client is not None and self._client_writes:
            return self._client, False
        found = self._new_token()
        return self._use(found.token, found.scim_url, writes=True), True

    def renewed(self, refused: ScimClient, refusal: UnauthenticatedError) -> ScimClient:
        """A client with a new token, after the one of C(refused) was refused in the midst of a run.

        Of all the threads that meet the refusal, the first mints, and the others get what it minted.
        """
        with self._renewing:
            if self._client is not None and self._client is not refused:
                return self._client
            self._refused.add(self._token)
            if self._ended is None:
                try:
                    return self._minted_anew(refusal)
                except IdentityBrokerError as error:
                    self._ended = error
            raise AccessEndedError(self._ended.message, way_out=self._ended.way_out)

    def _minted_anew(self, refusal: UnauthenticatedError) -> ScimClient:
        if self._options.token and not self._may_mint:
            raise _with_way_out(refusal, self._given_refused(self._options.token))
        if self.mintings >= MOST_MINTINGS:
            raise _with_way_out(
                refusal,
                "Tokens minted in this run were revoked twice: another process seems to mint for the same provider. "
                "Stop it, or give both the same token.",
            )
        found = self._new_token()
        return self._use(found.token, found.scim_url, writes=True)

    def provider_domains(self, documents: Sequence[Mapping[str, Any]] = (), *, needed: bool = False) -> tuple[str, ...]:
        """The provider's domains; empty where nobody needs them and vCenter was not contacted anyway."""
        if self._home is None:
            return ()
        if not (needed or self._home.is_open or any(returned_domain(document) is None for document in documents)):
            return ()
        return self._provider().domains

    def _read_with_given_token(self, token: str) -> list[dict[str, Any]]:
        try:
            return self._read_with(token, None, writes=True)
        except (UnauthenticatedError, ForbiddenError) as error:
            if not self._may_mint:
                raise _with_way_out(error, self._given_refused(token)) from None
            self._refuse_to_mint_for_reading(error)
        found = self._new_token()
        return self._read_with(found.token, found.scim_url, writes=True)

    def _given_refused(self, token: str) -> str:
        """Return the hint where the broker refuses the token of the task."""
        expiry = token_expiry(token)
        hint = _REVOKED
        if expiry is not None and expiry <= datetime.now(UTC):
            hint = f"The given token expired at {expiry:%Y-%m-%dT%H:%M:%SZ}. Give a current one"
        without = "and one is minted" if self._changes_state else "to read with the admin token"
        return f"{hint}; or leave token out{',' if self._changes_state else ''} {without}."

    def _refuse_to_mint_for_reading(self, refusal: IdentityBrokerError) -> None:
        only = "The broker lets only a sync token read"
        ways = "Give token (with scim_url), or token_file"
        if not self._changes_state:
            raise _with_way_out(
                refusal,
                f"{only}, and this module never mints one, since that revokes the previous one. {ways}; "
                "homelab.identity_broker.sync_token mints a token and keeps it in a token_file.",
            )
        if self._check_mode and not (self._options.check_mode_mint and self._may_mint):
            raise _with_way_out(
                refusal,
                f"{only}, and check mode mints none, since that revokes the previous one. {ways}, or set "
                "check_mode_mint: true.",
            )
        if not self._may_mint:
            raise _with_way_out(refusal, f"{ways}, or set mint_token: true (it revokes the previous token).")

    def _kept_token(self) -> SyncToken | None:
        if not self._options.token_file:
            return None
        kept = read_token_file(self._options.token_file)
        if kept is None:
            if self._home is None:
                raise InputError("token_file", "holds no token, and no hostname is given", "Give hostname too.")
            return None
        kept = kept_for(self._options.token_file, kept, self._own_url)
        expiry = token_expiry(kept.token)
        if expiry is not None and expiry <= datetime.now(UTC) + ENDING_SOON and self._home is not None:
            return None
        return kept

    @property
    def _own_url(self) -> str:
        """The SCIM address that follows from the task: its host alone decides where tokens are sent."""
        return self._named_url or self._needed_home().scim_url

    def _new_token(self) -> SyncToken:
        """Return the sync token that another run has kept meanwhile, or mint one. No other run mints until `close`."""
        if not self._may_mint:
            raise InputError(
                "mint_token",
                "is false, and no other token may write",
                "Give token (with scim_url) or token_file, or allow minting, which revokes the previous token.",
            )
        path = self._options.token_file
        if path:
            check_token_file(path)
        try:
            self._lock.acquire(*lock_keys(self._needed_home().scim_url, path))
        finally:
            self.warnings += self._lock.take_waits()
        kept = self._kept_token()
        if kept is not None and kept.token not in self._refused:
            if self._use(kept.token, kept.scim_url, writes=True).is_accepted():
                return kept
            self._refused.add(kept.token)
        return self._mint()

    def _mint(self) -> SyncToken:
        options, home = self._options, self._needed_home()
        provider = self._provider()
        minted = home.mint_sync_token(provider.id, in_check_mode=options.check_mode_mint)
        self.mintings += 1
        self.warnings.append(_minting_warning(home.hostname, provider, self._module))
        # The file tells whose token it holds.
        kept = SyncToken(minted.token, self._named_url or trusted_scim_url(minted.scim_url, home.scim_url))
        if options.token_file:
            write_token_file(options.token_file, kept)
        return kept

    def _provider(self) -> Provider:
        home = self._needed_home()
        if self._providers is None:
            self._providers = home.providers()
        return chosen_provider(
            self._providers, self._options.provider_id, None, home.hostname, nouns=home.nouns, way_out=home.make_one
        )

    def _read_with(self, token: str, scim_url: str | None, *, writes: bool) -> list[dict[str, Any]]:
        return self._use(token, scim_url, writes=writes).users()

    def _use(self, token: str, scim_url: str | None, *, writes: bool) -> ScimClient:
        url = self._named_url or scim_url or self._own_url
        if not token.isascii() or not token.isprintable() or " " in token:
            raise InputError(
                "token",
                "is malformed: it holds white space or other characters no token has",
                "Give the access token alone, without HZN or Bearer before it.",
            )
        self._client = ScimClient(self._http, url, token, self._options.auth_scheme, self._server)
        self._client_writes = writes
        self._token = token
        return self._client

    def _needed_home(self) -> TokenHome:
        if self._home is None:
            raise InputError(
                "hostname",
                "is needed for this",
                "Give hostname, username and password of vCenter, or base_url of Workspace ONE.",
            )
        return self._home


def read_documents(access: ScimAccess, *, domain_needed: bool) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Read the broker's users as they are on the wire, and the provider's domains."""
    documents = access.read_users()
    return documents, access.provider_domains(documents, needed=domain_needed)


def read_users(access: ScimAccess) -> tuple[list[User], tuple[str, ...]]:
    """Read the broker's users, and the provider's domains."""
    documents, domains = read_documents(access, domain_needed=False)
    return users_from_scim(documents, domains), domains


def plans_differ(client: ScimClient, what: str) -> PlanRefusedError:
    """The refusal to write by a plan that the writing token does not confirm; C(what) was read with both."""
    return PlanRefusedError(
        [
            f"The writing token shows other {what} on {client.host} than the reading one did, and the plan would differ. Run "
            "it again; if it stays so, keep the minted token in token_file and read with it too."
        ]
    )


_REVOKED = "The given token was refused: it has expired, or was revoked by a later minting. Give the current one"


def _minting_warning(hostname: str, provider: Provider, module: str) -> str:
    """Return the warning of one minting. Ansible shows equal warnings once, so no two may be equal."""
    named = f"{provider.name} ({provider.id})" if provider.name else provider.id
    return (
        f"{module} minted a new sync token on {hostname} for the provider {named} at "
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}. The previous token is revoked: give the new one to everything else that "
        "pushes users with it."
    )


def _with_way_out(error: IdentityBrokerError, way_out: str) -> IdentityBrokerError:
    return IdentityBrokerError(error.message, way_out=way_out)
