# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every simulated server has: a folder, switches, a certificate, a gate and the record of its requests."""

from __future__ import annotations

import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self

from werkzeug.wrappers import Response

from .gate import Environ, Gate
from .https_server import HttpsServer, WsgiApp
from .state import Record, Seen
from .switches import SwitchesT, snapshot


class Service(ABC, Generic[SwitchesT]):
    name: str

    def __init__(self, state_dir: Path | str | None, switches: SwitchesT, fqdn: str) -> None:
        self._temporary = None
        if not state_dir:
            self._temporary = tempfile.TemporaryDirectory(prefix=f"{self.name}-")
            state_dir = self._temporary.name
        self.state_dir = Path(state_dir).absolute()
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.state_dir.chmod(0o700)
        self.fqdn = fqdn
        self._switches = switches
        self._first_switches = snapshot(switches)
        self.https_port = 0

    def _serve(self, application: WsgiApp, record: Record, expire: Callable[[Environ], None]) -> None:
        """Called once the parts of the application are put together."""
        self._record = record
        self.gate = Gate(application, record, self._switches, expire, self._too_busy)
        self._https = HttpsServer(self.gate, self.state_dir / "tls", self.fqdn)

    def _too_busy(self, status: int) -> Response:
        return Response("", status, content_type="text/plain")

    # Life

    def start(self) -> Self:
        self.https_port = self._https.start()
        try:
            self._start_others()
            self._write_description()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        self.gate.stopping.set()
        self._https.stop()
        self._stop_others()
        self.description_file.unlink(missing_ok=True)
        if self._temporary is not None:
            self._temporary.cleanup()

    def _start_others(self) -> None:
        """What else there is to start."""

    def _stop_others(self) -> None:
        """What else there is to end, once nobody is answered any more."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def reset(self) -> None:
        """As after the start."""

    def _restore_switches(self) -> None:
        self._switches.copy_from(snapshot(self._first_switches))

    @property
    def switches(self) -> SwitchesT:
        return self._switches

    @switches.setter
    def switches(self, wanted: SwitchesT) -> None:
        """Every part holds the one object, so its values change, not the object."""
        self._switches.copy_from(wanted)

    def switch(self, changes: dict[str, Any]) -> None:
        """Change the switches that are named. Raises ValueError for one that there is not."""
        with self._record.lock:
            self._switches.update(changes)

    # How to reach it

    @property
    def ca_file(self) -> Path:
        return self._https.ca_file

    @property
    def base_url(self) -> str:
        return f"https://{self.fqdn}:{self.https_port}"

    @property
    def control_url(self) -> str:
        return f"{self.base_url}/simulator"

    @property
    def description_file(self) -> Path:
        return self.state_dir / f"{self.name}.json"

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """How to reach it, in words of JSON."""

    def _write_description(self) -> None:
        fresh = self.description_file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(self.description(), indent=2) + "\n")
        # A reader that waits for the file must never see half of it.
        fresh.replace(self.description_file)

    # What happened

    @property
    def requests(self) -> list[Seen]:
        with self._record.lock:
            return list(self._record.requests)

    @abstractmethod
    def writes(self) -> list[Seen]:
        """Every request that could change something."""

    def clear_requests(self) -> None:
        with self._record.lock:
            self._record.requests.clear()

    def all_secrets(self) -> list[str]:
        """Every password, key, session id and token that there was since the start."""
        return self._record.all_secrets()
