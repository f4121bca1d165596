# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the lines of a login as the appliance does, for tests that read them back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from ansible_collections.homelab.identity_broker.plugins.module_utils._federation_log import LoginAttempt
from hypothesis import strategies as st

VIDM = "com.vmware.vidm.federation"
RESOLVER = f"{VIDM}.login.processor.AuthResponseUserResolver"
EVENTS = f"{VIDM}.login.LoginEventServiceAspect"
CONTEXTS = f"{VIDM}.login.context.LoginContextManager"
REQUEST = "5d0f3c1e-cbe2-42c4-bef3-9f1a7c35d202"
START = datetime(2026, 2, 4, 15, 0)  # noqa: DTZ001  the log's own time has no zone
END = START + timedelta(days=1)

TRACE = (
    "java.net.SocketTimeoutException: Read timed out",
    "\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:283)",
    "Caused by: com.vmware.vidm.federation.login.AccessDeniedException: "
    "Access denied with reason code: USER_NOT_FOUND, isAuthenticationForced: false",
    "\t... 12 common frames omitted",
    "",
)


@dataclass(frozen=True)
class Login:
    """What somebody did at the log-in page; C(lines) is what the log says of it."""

    context: str
    value: str = "3b7de0c4-f0eb-49d9-a318-7c55d1a90e21"
    domains: tuple[str, ...] = ("lab.example.org",)
    moment: datetime = START
    source: str | None = "192.0.2.44"
    reason: str | None = "USER_NOT_FOUND"
    attribute: str = "ExternalId"

    def line(self, level: str, logger: str, message: str, late: int = 0) -> str:
        bracket = None if self.source is None else f"[CUSTOMER;-;{self.source};{REQUEST};-;{self.context}]"
        return log_line(level, logger, message, self.moment + timedelta(milliseconds=late), bracket)

    @property
    def lookup(self) -> str:
        return self.line(
            "INFO",
            RESOLVER,
            f"Fetching user for jit login context: {self.context} on attribute {self.attribute}={self.value}, "
            f"domains: [{', '.join(self.domains)}]",
        )

    @property
    def not_found(self) -> str:
        return self.line(
            "WARN",
            RESOLVER,
            f"User fetching exception with nameId {self.value}, nameIdFormat {self.attribute}, and domains "
            f"[{', '.join(self.domains)}], user not found",
            1,
        )

    @property
    def refusal(self) -> str:
        return self.line(
            "INFO",
            EVENTS,
            f"Failing login. contextUuid: {self.context}, exception: {VIDM}.login.AccessDeniedException: Access denied "
            f"with reason code: {self.reason}, isAuthenticationForced: false",
            2,
        )

    @property
    def lines(self) -> list[str]:
        lines = [self.lookup]
        if self.reason == "USER_NOT_FOUND" and self.source is not None:
            lines.append(self.not_found)
        if self.reason is not None:
            lines.append(self.refusal)
        return lines

    @property
    def attempt(self) -> LoginAttempt:
        """How it has to be read, once some time has passed."""
        return LoginAttempt(
            timestamp=self.moment,
            context_id=self.context.lower(),
            external_id=self.value,
            domains=self.domains,
            outcome="allowed" if self.reason is None else "denied",
            reason=self.reason,
            source_ip=self.source,
            malformed=False,
            attribute=self.attribute,
        )


def log_line(level: str, logger: str, message: str, moment: datetime = START, bracket: str | None = None) -> str:
    """One line of the log, without its end."""
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S},{moment.microsecond // 1000:03d}"
    middle = "" if bracket is None else f"{bracket} "
    return f"{stamp} {level:<5} vcsa.example.org:federation (federation-business-pool-0) {middle}{logger} - {message}"


def text_of(*lines: str) -> str:
    """The lines as the log holds them."""
    return "".join(f"{line}\n" for line in lines)


def fixture(name: str) -> str:
    """A piece of a log from the folder of fixtures."""
    return (Path(__file__).parent / "fixtures" / name).read_bytes().decode()


# What isprintable() refuses (categories C and Z) and what the law names.
external_ids = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters=",[]{}\ufffd"), min_size=1, max_size=30
)
domain_names = st.builds(
    "{}.{}".format,
    st.sampled_from(["a", "lab", "xn--bcher-kva", "9"]),
    st.sampled_from(["example", "Example.ORG", "b"]),
)
addresses = st.sampled_from(["192.0.2.1", "198.51.100.200", "10.0.0.1", "2001:db8::1", "::1", "fe80::a:b"])
moments = st.integers(0, 86_400_000 - 10_000).map(lambda ms: START + timedelta(milliseconds=ms))

logins = st.builds(
    Login,
    context=st.integers(1, 2**128 - 1).map(lambda number: str(UUID(int=number))),
    value=external_ids,
    domains=st.lists(domain_names, max_size=3, unique_by=str.casefold).map(tuple),
    moment=moments,
    source=st.none() | addresses,
    reason=st.none() | st.sampled_from(["USER_NOT_FOUND", "USER_DISABLED", "GROUP_NOT_ALLOWED"]),
    attribute=st.sampled_from(["ExternalId", "ExternalID", "externalId"]),
)
login_lists = st.lists(logins, max_size=4, unique_by=(lambda one: one.context, lambda one: one.moment))


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[Login], list[str]]:
    """Logins at the same time: the lines of each stay in order, with noise between them."""
    several = draw(login_lists)
    waiting = [list(login.lines) for login in several]
    turns = draw(st.permutations([number for number, lines in enumerate(waiting) for _line in lines]))
    lines: list[str] = []
    for number in turns:
        lines += draw(st.sampled_from([(), (), TRACE, (log_line("DEBUG", "com.vmware.x.Y", "nothing"),)]))
        lines.append(waiting[number].pop(0))
    return several, lines
