# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SDDC Manager's sync token: kept while it serves, else minted. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ._broker_answers import SyncToken
from ._errors import IdentityBrokerError
from ._http import HttpClient
from ._minting_lock import MintingLock, lock_keys
from ._scim import ScimClient
from ._sddc_answers import moment_text
from ._sddc_choice import syncing_provider
from ._sddc_manager import SddcManagerClient
from ._sddc_sync import Life, life_of, revocation_doubt, told_address, told_end, ttl_doubt
from ._token_file import check_token_file, read_token_file, write_token_file


@dataclass(frozen=True)
class TokenWish:
    """What the task says of the token."""

    provider_id: str | None
    name: str | None
    ttl: int | None
    current_token: str | None
    token_file: str | None
    renew_before: int
    force: bool
    scim_url: str | None
    auth_scheme: Literal["auto", "hzn", "bearer"]


@dataclass
class TokenOutcome:
    """The token that stands in the end; where check mode would mint, none, and the life of the one before."""

    provider_id: str
    changed: bool
    token: str | None
    scim_url: str | None
    expires_at: str | None
    expires_in: int | None
    stood: bool
    before: str | None
    """When the token before ends."""
    warnings: list[str] = field(default_factory=list)


def ensure_token(
    http: HttpClient, manager: SddcManagerClient, wish: TokenWish, lock: MintingLock, *, check_mode: bool
) -> TokenOutcome:
    """Keep the token that stands, or mint one. Raises InputError."""
    provider = syncing_provider(manager.providers(), wish.provider_id, wish.name)
    kept = _standing(wish)
    address = wish.scim_url or (kept.scim_url if kept else None) or told_address(provider)
    life = life_of(kept.token if kept else None, provider)
    if kept is not None:
        http.hide(kept.token)
        life = _tried(http, kept.token, life, wish, curious=check_mode)
    now = datetime.now(UTC)
    outcome = TokenOutcome(
        str(provider["id"]),
        changed=True,
        token=None,
        scim_url=address,
        expires_at=moment_text(life.expires_at),
        expires_in=life.left(now),
        stood=kept is not None or life.expires_at is not None,
        before=moment_text(life.expires_at),
    )
    if kept is not None and not wish.force and life.serves(now, wish.renew_before):
        outcome.changed, outcome.token = False, kept.token
        if wish.scim_url is None and (doubt := revocation_doubt(life, provider)):
            outcome.warnings.append(doubt)
        return outcome
    if wish.token_file:
        check_token_file(wish.token_file)
    if check_mode:
        return outcome
    waited = lock.acquire(*lock_keys(address or f"https://{manager.hostname}", wish.token_file))
    if waited and wish.token_file and _standing(wish) != kept:
        # Another run has minted one and kept it meanwhile.
        newer = ensure_token(http, manager, wish, lock, check_mode=check_mode)
        newer.warnings[:0] = lock.take_waits()
        return newer
    outcome.warnings += lock.take_waits()
    _mint(manager, wish, outcome)
    return outcome


def _standing(wish: TokenWish) -> SyncToken | None:
    if wish.current_token:
        return SyncToken(wish.current_token, None)
    return read_token_file(wish.token_file) if wish.token_file else None


def _tried(http: HttpClient, token: str, life: Life, wish: TokenWish, *, curious: bool) -> Life:
    """Where the task names a host to ask, that decides.

    It is asked only where the answer is of use.
    """
    if wish.scim_url is None:
        return life
    ends = Life(life.expires_at)
    revoked = Life(life.expires_at, revoked=True)
    client = ScimClient(http, wish.scim_url, token, wish.auth_scheme)
    if not wish.force and ends.serves(datetime.now(UTC), wish.renew_before):
        return ends if client.is_accepted() else revoked
    if curious and ends.left(datetime.now(UTC)) != 0:
        # What is wrong besides does not hinder the minting.
        with suppress(IdentityBrokerError):
            return ends if client.is_accepted() else revoked
    return life


def _mint(manager: SddcManagerClient, wish: TokenWish, outcome: TokenOutcome) -> None:
    minted = manager.mint_sync_token(outcome.provider_id, wish.ttl)
    if wish.token_file:
        write_token_file(wish.token_file, SyncToken(minted.token, minted.scim_url))
    end = minted.expires_at or _read_back(manager, outcome)
    now = datetime.now(UTC)
    outcome.token, outcome.scim_url = minted.token, minted.scim_url
    outcome.expires_at, outcome.expires_in = moment_text(end), Life(end).left(now)
    if doubt := ttl_doubt(wish.ttl, end, now):
        outcome.warnings.append(doubt)


def _read_back(manager: SddcManagerClient, outcome: TokenOutcome) -> datetime | None:
    """When the new token ends, where its own answer leaves that out. A token that is there is not lost over it."""
    provider: Mapping[str, Any] = {}
    try:
        provider = syncing_provider(manager.providers(), outcome.provider_id, None)
    except IdentityBrokerError as error:
        outcome.warnings.append(f"A token was minted, and when it ends could not be read: {error}")
    return told_end(provider)
