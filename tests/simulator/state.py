# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server knows about its callers: the requests it saw, and the appliance their sessions and tokens."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Literal

from .switches import Switches

TokenKind = Literal["sync", "read"]


@dataclass(frozen=True)
class Seen:
    """One request, as the server saw it. Status 0: the connection ended without an answer."""

    method: str
    path: str
    query: str
    status: int
    authorization_scheme: str | None


@dataclass
class Token:
    value: str = field(repr=False)
    kind: TokenKind
    provider: str | None
    expires: float
    revoked: bool = False
    client: str | None = None
    """The OAuth 2.0 client that got it; None is the administrator's own of the appliance."""
    rules: tuple[str, ...] = ()

    def lives(self) -> bool:
        return not self.revoked and time.time() < self.expires


@dataclass
class Session:
    user: str
    created: float
    last_used: float


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(kind: str, issued: int, expires: int) -> str:
    """Nobody verifies the signature, as no client of the appliance has its key."""
    claims = {
        "jti": str(uuid.uuid4()),
        "iss": "https://localhost/acs/t/CUSTOMER",
        "azp": f"{'syncClientId' if kind == 'sync' else 'adminClientId'}-{uuid.uuid4()}",
        "scp": "admin",
        "iat": issued,
        "exp": expires,
    }
    header = b'{"typ":"JWT","alg":"RS256"}'
    body = json.dumps(claims, separators=(",", ":")).encode()
    parts = (header, body, secrets.token_bytes(256))
    return ".".join(_base64url(part) for part in parts)


class Record:
    """The requests that a server saw, and every secret that it handed out."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.requests: list[Seen] = []
        self._secrets: list[str] = []

    def record(self, seen: Seen) -> None:
        with self.lock:
            self.requests.append(seen)

    def remember_secret(self, value: str) -> None:
        with self.lock:
            self._secrets.append(value)

    def all_secrets(self) -> list[str]:
        with self.lock:
            return list(self._secrets)

    def reset(self) -> None:
        """Secrets stay known: a leak test may look for those of an earlier run."""
        with self.lock:
            self.requests.clear()


class State(Record):
    def __init__(self, switches: Switches, username: str) -> None:
        super().__init__()
        self.switches = switches
        self.username = username
        self.password = secrets.token_urlsafe(18)
        self.sessions: dict[str, Session] = {}
        self.tokens: dict[str, Token] = {}
        self.remember_secret(self.password)
        self.remember_secret(base64.b64encode(f"{username}:{self.password}".encode()).decode())

    def reset(self) -> None:
        with self.lock:
            super().reset()
            self.sessions.clear()
            self.tokens.clear()

    def log_in(self, username: str, password: str) -> str | None:
        right_name = username.casefold() == self.username.casefold()
        if not (right_name and secrets.compare_digest(password.encode(), self.password.encode())):
            return None
        session = secrets.token_hex(16)
        with self.lock:
            self.sessions[session] = Session(self.username, time.time(), time.time())
            self.remember_secret(session)
        return session

    def session(self, session_id: str) -> Session | None:
        with self.lock:
            session = self.sessions.get(session_id)
            if session:
                session.last_used = time.time()
            return session

    def log_out(self, session_id: str) -> bool:
        with self.lock:
            return self.sessions.pop(session_id, None) is not None

    def issue(
        self,
        kind: TokenKind,
        provider: str | None = None,
        *,
        ttl: int | None = None,
        client: str | None = None,
        rules: tuple[str, ...] = (),
    ) -> Token:
        """A new sync token ends the one before of the same provider; a read token ends none."""
        ttl = self.switches.token_ttl if ttl is None else ttl
        now = time.time()
        opaque = self.switches.opaque_token
        value = secrets.token_urlsafe(48) if opaque else jwt(kind, int(now), int(now) + ttl)
        token = Token(value, kind, provider, now + ttl, client=client, rules=rules)
        with self.lock:
            if kind == "sync":
                self.revoke_sync_tokens(provider)
            self.tokens[value] = token
            self.remember_secret(value)
        return token

    def revoke_sync_tokens(self, provider: str | None) -> None:
        """What pushed users for a provider, or into a directory, does no more."""
        with self.lock:
            for token in self.tokens.values():
                if token.kind == "sync" and token.provider == provider:
                    token.revoked = True

    def revoke_tokens_of(self, client: str) -> None:
        with self.lock:
            for token in self.tokens.values():
                if token.client == client:
                    token.revoked = True

    def token(self, value: str) -> Token | None:
        """The token, if it is known and alive."""
        with self.lock:
            token = self.tokens.get(value)
            return token if token and token.lives() else None

    def expire(self, credential: str) -> None:
        """Ends a token or a session, whichever the string is."""
        with self.lock:
            self.sessions.pop(credential, None)
            if credential in self.tokens:
                self.tokens[credential].revoked = True

    def current_sync_token(self) -> str | None:
        with self.lock:
            alive = [t.value for t in self.tokens.values() if t.kind == "sync" and t.lives()]
            return alive[-1] if alive else None
