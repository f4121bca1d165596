# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one run knows of the SCIM server that it talks to. PRIVATE to this collection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """A ServiceProviderConfig (RFC 7643 section 5). None is what it does not say."""

    patch: bool | None = None
    etag: bool | None = None
    max_results: int | None = None
    cursor: bool = False
    """Whether it pages by cursors (RFC 9865 section 4)."""


def service_config(document: Any) -> ServiceConfig:
    """Read a ServiceProviderConfig tolerantly: it only advises."""
    return ServiceConfig(
        patch=_boolean(_part(document, "patch").get("supported")),
        etag=_boolean(_part(document, "etag").get("supported")),
        max_results=_positive(_part(document, "filter").get("maxResults")),
        cursor=_boolean(_part(document, "pagination").get("cursor")) is True,
    )


@dataclass
class ScimServer:
    """A server, as the clients of one run share it. Threads may share it, too."""

    uses_etag: bool = False
    """Whether the server has shown that it compares versions."""
    _config: ServiceConfig | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def max_results(self) -> int | None:
        """The largest page that the server gives, where it has said so."""
        return self._config.max_results if self._config else None

    def config(self, read: Callable[[], Any]) -> ServiceConfig:
        """Return the server's description, read once. `read` returns None for a server that has none."""
        with self._lock:
            if self._config is None:
                self._config = service_config(read())
                self.uses_etag |= self._config.etag is True
            return self._config


def _part(document: Any, name: str) -> Mapping[str, Any]:
    part = document.get(name) if isinstance(document, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _positive(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
