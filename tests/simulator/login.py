# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login front: what the broker does, and logs, when somebody comes back from the provider."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from .broker import Broker
from .federation_log import FederationLog
from .inventory import inventory_of, principal_of
from .permissions import Permissions
from .switches import Switches
from .vsphere_logs import VsphereLogs

PEOPLE = {
    "muffin": "d0e47cc3-4b52-4c6f-9a0d-6f0f6f3f7a01",
    "crumpet": "5f2a9be8-90c1-4f0e-8a57-2d1f3c9b7e02",
    "scone": "a17c60d4-33be-4f9a-b1c8-9e4d5a6b8c03",
}
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SOURCE_IP = "192.0.2.10"

_MANAGER = "login.context.LoginContextManager"
_RESOLVER = "login.processor.AuthResponseUserResolver"
_METRICS = "utils.MetricsPublisherUtil"
_DENIED = "com.vmware.vidm.federation.login.AccessDeniedException: Access denied with reason code"


@dataclass(frozen=True)
class Login:
    """What came of it. The context id is the one in the log.

    Who is allowed in is known to vCenter as the `principal`, and yet sees only what its permissions say: `inventory`.
    """

    allowed: bool
    reason: str | None
    context_id: str
    external_id: str
    permitted: bool
    principal: str | None = None
    inventory: list[str] = field(default_factory=list)


class LoginFront:
    def __init__(
        self, broker: Broker, permissions: Permissions, log: FederationLog, logs: VsphereLogs, switches: Switches
    ) -> None:
        self._broker = broker
        self._permissions = permissions
        self._log = log
        self._logs = logs
        self._switches = switches

    def login(
        self,
        person: str | None = None,
        *,
        sub: str | None = None,
        domain: str | None = None,
        domains: list[str] | None = None,
        source_ip: str = SOURCE_IP,
        user_agent: str = USER_AGENT,
        attribute: str = "ExternalId",
        at: datetime | str | None = None,
        provider: str | None = None,
    ) -> Login:
        """Values are logged raw, whatever they hold: that is what the appliance does."""
        external_id = sub if sub is not None else _sub(person)
        if domains is None:
            domains = self._domains(provider) if domain is None else [domain]
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        user = self._broker.active_user(external_id)
        context = str(uuid.uuid4())
        lines = self._lines(
            context,
            external_id,
            ", ".join(domains),
            source_ip,
            user_agent,
            attribute,
            moment,
            denied=user is None,
        )
        self._log.append("".join(lines))
        if user is None:
            return Login(False, "USER_NOT_FOUND", context, external_id, permitted=False)
        spelling = self._switches.principal_spelling
        principal = principal_of(user, spelling)
        seen = inventory_of(user, spelling, self._permissions.all())
        self._logs.write(*self._logs.of_login(principal, self._log.aware(moment), sees=bool(seen)))
        return Login(True, None, context, external_id, bool(seen), principal.full_name, seen)

    def _domains(self, provider: str | None) -> list[str]:
        known = self._switches.providers
        for candidate in known:
            if provider in (candidate.idp, candidate.name):
                return list(candidate.domains)
        if provider is not None:
            raise ValueError(f"No provider {provider!r}; known: {[item.name for item in known]}")
        return list(known[0].domains) if known else []

    def _lines(
        self,
        context: str,
        sub: str,
        domains: str,
        address: str,
        user_agent: str,
        attribute: str,
        at: datetime | None,
        *,
        denied: bool,
    ) -> list[str]:
        line = partial(self._log.line, address=address, request=str(uuid.uuid4()))
        back = partial(line, context=context)
        fetching = f"Fetching user for jit login context: {context} on attribute {attribute}={sub}"
        changed = "changed during login flow from null to"
        steps = [
            partial(line, "INFO", _MANAGER, f"Created new login context with id: {context}"),
            partial(line, "INFO", _MANAGER, f"Loaded login context: {context}"),
            partial(back, "WARN", _MANAGER, f"User agent {changed} {user_agent}"),
            partial(back, "WARN", _MANAGER, f"Client IP {changed} {address}"),
            partial(back, "INFO", _METRICS, "OIDC authentication successful"),
            partial(back, "INFO", _RESOLVER, f"{fetching}, domains: [{domains}]"),
        ]
        if denied:
            exception = (
                f"User fetching exception with nameId {sub}, nameIdFormat {attribute}, "
                f"and domains [{domains}], user not found"
            )
            failing = (
                f"Failing login. contextUuid: {context}, exception: {_DENIED}: USER_NOT_FOUND, "
                "isAuthenticationForced: false"
            )
            failed = "Login failed due to reason: USER_NOT_FOUND"
            access = f"Access denied for login context: {context}"
            worker = partial(back, thread="ForkJoinPool-2-worker-3542")
            steps += [
                partial(worker, "WARN", _RESOLVER, exception),
                partial(worker, "INFO", "login.LoginEventServiceAspect", failing),
                partial(worker, "INFO", _METRICS, failed),
                partial(back, "INFO", "exception.handler.LoginExceptionHandler", access),
            ]
        moments = [at + timedelta(milliseconds=7 * n) if at else None for n in range(len(steps))]
        return [step(moment=moment) for step, moment in zip(steps, moments, strict=True)]


def _sub(person: str | None) -> str:
    if person is None:
        raise ValueError("Name a person or give a sub")
    try:
        return PEOPLE[person]
    except KeyError:
        known = ", ".join(PEOPLE)
        raise ValueError(f"Nobody knows {person!r} (known: {known}); give a sub") from None
