# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login front: what the broker does, and logs, when somebody comes back from the provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .broker import Broker
from .failures import SILENT, WRONG_DOMAIN, Causes, Failure, known_failure
from .federation_log import FederationLog
from .inventory import inventory_of, principal_of
from .login_lines import CLAIM, SOURCE_IP, USER_AGENT, Attempt, is_provider_failure, lines_of
from .permissions import Permissions
from .resources import Json
from .switches import Switches
from .vsphere_logs import VsphereLogs

PEOPLE = {
    "muffin": "d0e47cc3-ff12-45fd-b4ba-6a30628bd50e",
    "crumpet": "5f2a9be8-90c1-4f0e-8a57-2d1f3c9b7e02",
    "scone": "a17c60d4-33be-4f9a-b1c8-9e4d5a6b8c03",
}


@dataclass(frozen=True)
class Login:
    """What came of it.

    The context id is the one in the log, and empty where nothing reached the broker; the reason is the code that the
    log gives, where it gives one. Who is allowed in is known to vCenter as the `principal`, and yet sees only what its
    permissions say: `inventory`. `failure` is what was brought about.
    """

    allowed: bool
    reason: str | None
    context_id: str
    external_id: str
    permitted: bool
    principal: str | None = None
    inventory: list[str] = field(default_factory=list)
    failure: Failure | None = None


class LoginFront:
    def __init__(
        self, broker: Broker, permissions: Permissions, log: FederationLog, logs: VsphereLogs, switches: Switches
    ) -> None:
        self._broker = broker
        self._permissions = permissions
        self._log = log
        self._logs = logs
        self._switches = switches
        self._causes = Causes(broker, permissions, switches)

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
        claim: str = CLAIM,
        at: datetime | str | None = None,
        provider: str | None = None,
        failure: Failure | None = None,
    ) -> Login:
        """One attempt. A `failure` that is a state of the appliance stays after it.

        Values are logged raw, whatever they hold: that is what the appliance does.
        """
        external_id = sub if sub is not None else _sub(person)
        if failure is not None:
            self._causes.bring_about(known_failure(failure), person or external_id, external_id)
        if failure in SILENT or self._switches.broker_down:
            failure = "broker_down" if self._switches.broker_down else failure
            return Login(False, None, "", external_id, permitted=False, failure=failure)
        if domains is None:
            # Without a domain of its own, the provider of another one is that of nobody here.
            wrong = failure == "wrong_domain" and domain is None and provider is None
            domains = [domain or WRONG_DOMAIN] if domain or wrong else self._domains(provider)
        attempt = Attempt(external_id, domains, source_ip, user_agent, attribute, claim)
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        if is_provider_failure(failure):
            self._log.append("".join(lines_of(self._log, attempt, failure, moment)))
            return Login(False, None, attempt.context, external_id, permitted=False, failure=failure)
        # Whether the domain counts in the look-up is not known: it does where that is to be shown, and there alone.
        user = self._broker.active_user(external_id, domains if failure == "wrong_domain" else ())
        self._log.append("".join(lines_of(self._log, attempt, "allowed" if user else "user_not_found", moment)))
        if user is None:
            return Login(False, "USER_NOT_FOUND", attempt.context, external_id, permitted=False, failure=failure)
        return self._let_in(user, attempt, moment, failure)

    def _let_in(self, user: Json, attempt: Attempt, moment: datetime | None, failure: Failure | None) -> Login:
        spelling = self._switches.principal_spelling
        principal = principal_of(user, spelling)
        seen = inventory_of(user, spelling, self._permissions.all())
        self._logs.write(*self._logs.of_login(principal, self._log.aware(moment), sees=bool(seen)))
        return Login(True, None, attempt.context, attempt.external_id, bool(seen), principal.full_name, seen, failure)

    def _domains(self, provider: str | None) -> list[str]:
        known = self._switches.providers
        for candidate in known:
            if provider in (candidate.idp, candidate.name):
                return list(candidate.domains)
        if provider is not None:
            raise ValueError(f"No provider {provider!r}; known: {[item.name for item in known]}")
        return list(known[0].domains) if known else []


def _sub(person: str | None) -> str:
    if person is None:
        raise ValueError("Name a person or give a sub")
    try:
        return PEOPLE[person]
    except KeyError:
        known = ", ".join(PEOPLE)
        raise ValueError(f"Nobody knows {person!r} (known: {known}); give a sub") from None
