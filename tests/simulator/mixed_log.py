# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many attempts by many people, with every way to fail among them, mixed as in a log of a busy morning.

Nobody signs in for it: the lines are made and put in the order of their times, and what they tell of comes with them as
the truth. To write them, and to place the users as they stand in the broker, is left to the caller.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Literal

from .failures import FAILURES, SILENT, WRONG_DOMAIN, Failure
from .federation_log import FederationLog
from .inventory import principal_of
from .login_lines import PROVIDER_FAILURES, STEP, Attempt, Course, is_provider_failure, lines_of
from .permissions import Principal
from .resources import WS1B_SCHEMA
from .switches import PrincipalSpelling
from .vsphere_logs import VsphereLogs

Case = Literal["allowed"] | Failure
CASES: tuple[Case, ...] = ("allowed", *FAILURES)

_PASSING = 0.2
"""How often somebody fails between the broker and the provider, of whom that is not the case."""


@dataclass(frozen=True)
class MixedPerson:
    """Somebody, and the case that this is: that of the newest attempt, and of most before it.

    `external_id` is what the provider sends, `standing_id` what the broker has, if it has the user at all.
    """

    name: str
    domain: str
    case: Case
    external_id: str
    standing_id: str | None

    @property
    def active(self) -> bool:
        return self.case != "inactive"

    @property
    def permitted(self) -> bool:
        return self.case != "no_permission"

    def principal(self, spelling: PrincipalSpelling) -> Principal:
        return principal_of({"userName": self.name, WS1B_SCHEMA: {"domain": self.domain}}, spelling)


@dataclass(frozen=True)
class MixedAttempt:
    """The context id is empty where nothing is in the log."""

    person: str
    case: Case
    context_id: str
    external_id: str
    moment: datetime


@dataclass
class MixedLog:
    """The truth about the log. Attempts are in the order of their times."""

    people: list[MixedPerson] = field(default_factory=list)
    attempts: list[MixedAttempt] = field(default_factory=list)

    @property
    def by_context(self) -> dict[str, Case]:
        return {attempt.context_id: attempt.case for attempt in self.attempts if attempt.context_id}

    @property
    def by_person(self) -> dict[str, Case]:
        return {person.name: person.case for person in self.people}


@dataclass(frozen=True)
class Texts:
    """What is to be appended to each of the logs."""

    federation: str
    vpxd: str
    virgo: str


class LogMixer:
    """The same seed gives the same people, cases and ids."""

    def __init__(
        self, log: FederationLog, logs: VsphereLogs, spelling: PrincipalSpelling = "name", *, seed: int = 16
    ) -> None:
        self._log = log
        self._logs = logs
        self._spelling = spelling
        self._random = random.Random(seed)  # noqa: S311

    def mix(
        self,
        attempts: int,
        people: int,
        domain: str,
        *,
        end: datetime,
        within: timedelta,
        cases: Sequence[Case] = CASES,
    ) -> tuple[MixedLog, Texts]:
        """So many people, with the cases in turn, who each try at least once."""
        if not 1 <= people <= attempts or not cases:
            raise ValueError(f"{attempts} attempts by {people} people with {len(cases)} cases cannot be")
        mixed = MixedLog([self._person(number, domain, cases[number % len(cases)]) for number in range(people)])
        tried = [*mixed.people, *self._random.choices(mixed.people, k=attempts - people)]
        self._random.shuffle(tried)
        newest = {person.name: number for number, person in enumerate(tried)}
        begin = self._log.aware(end) - within
        moments = sorted(begin + within * self._random.random() for _person in tried)
        lines: list[tuple[datetime, str]] = []
        vpxd: list[str] = []
        virgo: list[str] = []
        for number, (person, moment) in enumerate(zip(tried, moments, strict=True)):
            passing = number != newest[person.name] and self._random.random() < _PASSING
            case: Case = self._random.choice(PROVIDER_FAILURES) if passing else person.case
            context = "" if case in SILENT else self._uuid()
            mixed.attempts.append(MixedAttempt(person.name, case, context, person.external_id, moment))
            if context:
                made = self._lines(person, case, context, moment)
                lines += [(moment + STEP * step, line) for step, line in enumerate(made)]
            if case in ("allowed", "no_permission"):
                of_vpxd, of_virgo = self._let_in(person, case, moment)
                vpxd.append(of_vpxd)
                virgo.append(of_virgo)
        # Stable: the lines of one login keep their order.
        lines.sort(key=itemgetter(0))
        return mixed, Texts("".join(line for _moment, line in lines), "".join(vpxd), "".join(virgo))

    def _person(self, number: int, domain: str, case: Case) -> MixedPerson:
        external_id = self._uuid()
        standing_id: str | None = external_id
        if case == "unknown_external_id":
            standing_id = None
        elif case == "other_external_id":
            standing_id = self._uuid()
        return MixedPerson(f"baker{number:04}", domain, case, external_id, standing_id)

    def _lines(self, person: MixedPerson, case: Case, context: str, at: datetime) -> list[str]:
        domains = [WRONG_DOMAIN if case == "wrong_domain" else person.domain]
        address = f"192.0.2.{self._random.randrange(1, 255)}"
        attempt = Attempt(person.external_id, domains, address, context=context, request=self._uuid())
        return lines_of(self._log, attempt, _course(case), at)

    def _let_in(self, person: MixedPerson, case: Case, moment: datetime) -> tuple[str, str]:
        return self._logs.of_login(person.principal(self._spelling), moment, sees=case == "allowed")

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _course(case: Case) -> Course:
    if is_provider_failure(case):
        return case
    return "allowed" if case in ("allowed", "no_permission") else "user_not_found"
