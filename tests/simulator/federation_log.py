# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes federation-service.log, line for line as the appliance does, and turns it over."""

from __future__ import annotations

import gzip
import os
import random
import re
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from .switches import Wrapping

VIDM = "com.vmware.vidm.federation"
POOL = "federation-business-pool-0"

_NOISE = (
    ("INFO", "utils.MetricsPublisherUtil", "Published 14 metrics in 3 ms"),
    ("INFO", "health.HealthCheckService", "Health check finished: UP, database UP, cache UP"),
    ("DEBUG", "idp.IdentityProviderCache", "Loading identity providers of tenant CUSTOMER"),
    ("INFO", "idp.IdentityProviderService", "Attribute ExternalId is the user identifier"),
    ("WARN", "oidc.JwkSetLoader", "JWK skipped: use: sig != enc"),
    ("INFO", "login.context.LoginContextCleaner", "Removed 0 login contexts that had ended"),
)
_TRACE = (
    "java.net.SocketTimeoutException: Read timed out",
    "\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:283)",
    "\tat com.vmware.vidm.federation.oidc.JwkSetLoader.load(JwkSetLoader.java:97)",
    "\tat java.base/java.lang.Thread.run(Thread.java:840)",
    "Caused by: java.io.IOException: domains: [none] of ExternalId are out of reach",
    "\t... 12 common frames omitted",
)
_STAMP = b"@STAMP_OF_THE_BLOCK@@@@"


def zone(name: str) -> tzinfo:
    """UTC, an offset as +02:00, or a name of the time zone database."""
    if name == "UTC":
        return UTC
    offset = re.fullmatch(r"([+-])(\d\d):(\d\d)", name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    return ZoneInfo(name)


class FederationLog:
    def __init__(
        self,
        path: Path,
        timezone_name: Callable[[], str] = lambda: "UTC",
        wrapping: Callable[[], Wrapping] = lambda: "none",
    ) -> None:
        self.path = path
        self.timezone_name = timezone_name
        self.wrapping = wrapping
        self._random = random.Random(14)  # noqa: S311
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def aware(self, moment: datetime | None = None) -> datetime:
        """A moment in the log's zone; one without a zone is taken as the log's own time."""
        here = zone(self.timezone_name())
        if moment is None:
            return datetime.now(here)
        return moment.replace(tzinfo=here) if moment.tzinfo is None else moment.astimezone(here)

    def stamp(self, moment: datetime | None = None) -> str:
        moment = self.aware(moment)
        return f"{moment:%Y-%m-%dT%H:%M:%S},{moment.microsecond // 1000:03d}"

    def line(
        self,
        level: str,
        logger: str,
        message: str,
        *,
        package: str = f"{VIDM}.",
        moment: datetime | str | None = None,
        thread: str = POOL,
        tenant: str = "CUSTOMER",
        address: str = "-",
        request: str = "-",
        context: str = "-",
    ) -> str:
        stamp = moment if isinstance(moment, str) else self.stamp(moment)
        shown, writer, end = f"{level:<5}", f"{package}{logger}", ""
        if self.wrapping() == "zone":
            stamp += f"{self.aware(None if isinstance(moment, str) else moment):%z}"
        elif self.wrapping() == "colour":
            shown, writer, end = f"\x1b[32m{shown}\x1b[m", f"\x1b[36m{writer}", "\x1b[m"
        brackets = f"[{tenant};-;{address};{request};-;{context}]"
        head = f"{stamp} {shown} localhost:federation ({thread}) {brackets}"
        return f"{self._prefix()}{head} {writer} - {message}{end}\n"

    def _prefix(self) -> str:
        now = datetime.now(UTC)
        if self.wrapping() == "rfc3164":
            return f"<134>{now:%b} {now.day:2} {now:%H:%M:%S} vcsa federation[2711]: "
        if self.wrapping() == "rfc5424":
            return f"<134>1 {now:%Y-%m-%dT%H:%M:%S.%f}Z vcsa.example.org federation 2711 - - "
        if self.wrapping() == "container":
            return f"{now:%Y-%m-%dT%H:%M:%S.%f}000Z stdout F "
        return ""

    def append(self, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        with self.path.open("ab") as file:
            file.write(data)

    def _noise(self, count: int, moment: datetime | str | None) -> list[str]:
        lines: list[str] = []
        while len(lines) < count:
            if self._random.random() < 0.02 and len(lines) + len(_TRACE) < count:
                error = "Loading the key set failed"
                lines.append(self.line("ERROR", "oidc.JwkSetLoader", error, moment=moment))
                lines.extend(f"{self._prefix()}{part}\n" for part in _TRACE)
                continue
            level, logger, message = self._random.choice(_NOISE)
            request = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            thread = f"federation-business-pool-{self._random.randrange(8)}"
            lines.append(self.line(level, logger, message, moment=moment, thread=thread, request=request))
        return lines

    def write_noise(self, count: int, moment: datetime | None = None) -> None:
        """`count` lines that have nothing to do with a login, stack traces among them."""
        self.append("".join(self._noise(count, moment)))

    def fill(self, size: int, start: datetime, end: datetime) -> None:
        """Grows the log by about `size` bytes of noise, its stamps running from start to end.

        A gigabyte takes seconds: one block is written again and again, with a new stamp.
        """
        block = "".join(self._noise(16384, _STAMP.decode())).encode()
        block_size = len(block)
        count = max(1, round(size / block_size))
        if size < block_size:
            block = block[: block.rfind(b"\n", 0, size) + 1]
        with self.path.open("ab") as file:
            for number in range(count):
                moment = start + (end - start) * number / count
                file.write(block.replace(_STAMP, self.stamp(moment).encode()))

    def rotate(self, kind: Literal["rename", "copytruncate"] = "rename", *, compress: bool = False) -> Path:
        """Turns the log over as logrotate does, and names the file that holds the old lines."""
        rotated = self.rotated()
        for number in sorted(rotated, reverse=True):
            old = rotated[number]
            ending = ".gz" if old.suffix == ".gz" else ""
            old.rename(self.path.with_name(f"{self.path.name}.{number + 1}{ending}"))
        target = self.path.with_name(f"{self.path.name}.1")
        if kind == "rename":
            self.path.rename(target)
            self.path.touch()
        else:
            shutil.copy2(self.path, target)
            os.truncate(self.path, 0)
        if not compress:
            return target
        packed = target.with_name(f"{target.name}.gz")
        with target.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as file:
            shutil.copyfileobj(source, file)
        shutil.copystat(target, packed)
        target.unlink()
        return packed

    def rotated(self) -> dict[int, Path]:
        found: dict[int, Path] = {}
        for path in self.path.parent.glob(f"{self.path.name}.*"):
            number = path.name.removeprefix(f"{self.path.name}.").removesuffix(".gz")
            if number.isdigit():
                found[int(number)] = path
        return found

    def reset(self) -> None:
        for path in self.rotated().values():
            path.unlink()
        os.truncate(self.path, 0)
