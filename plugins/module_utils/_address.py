# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses of servers, read by the parser that the HTTP library connects with. PRIVATE to this collection.

Parsers disagree about addresses such as `https://a\\@b/`. A check with one parser says nothing about the host that another
one connects to, so an address is parsed once, and what a parser could read in another way is refused.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace

from ._errors import InputError

# It comes with requests, whose absence _module reports.
with contextlib.suppress(ImportError):
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

HTTPS_PORT = 443
# In lower case and with IDNA applied, as the parser returns it.
# requests refuses a name that begins with a dot.
HOST = re.compile(r"[a-z0-9_-][a-z0-9._-]*|\[[0-9a-f:.]+\]")
SCIM_EXAMPLE = "https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2"


class OtherHostError(ValueError):
    """An address names another host than the task does."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(f"names the host {host}")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server that is reached over https. The path has no slash at its end."""

    host: str
    port: int = HTTPS_PORT
    path: str = ""

    @property
    def netloc(self) -> str:
        """Return host and port, without the port that https has by default."""
        return self.host if self.port == HTTPS_PORT else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"https://{self.netloc}{self.path}"


def read_address(text: str, *, schemes: tuple[str, ...] = ("https",), with_query: bool = False) -> Address:
    """Read an address. Raises ValueError with a problem that completes a sentence and shows nothing of the address."""
    if "\\" in text or not text.isprintable() or " " in text:
        raise ValueError("holds white space, a control character or a backslash")
    try:
        parts = parse_url(text)
    except LocationParseError:
        raise ValueError("is no https address") from None
    if parts.scheme not in schemes:
        raise ValueError("is no https address")
    if parts.host is None or not HOST.fullmatch(parts.host) or parts.port == 0:
        raise ValueError("names no host, or one that cannot be read")
    if parts.auth is not None or "@" in text.split("/")[2]:
        raise ValueError("holds a user name or a password")
    if parts.fragment is not None or (parts.query is not None and not with_query):
        raise ValueError("holds a query or a fragment")
    # The parser resolves these, so they are looked for in the text.
    if re.search(r"/(?:\.|%2e){1,2}(?:[/?#]|$)", text, re.IGNORECASE):
        raise ValueError("holds . or .. as a part of its path")
    return Address(parts.host, parts.port or HTTPS_PORT, (parts.path or "").rstrip("/"))


def option_address(field: str, text: str, example: str) -> Address:
    """Read the address that an option gives. Raises InputError."""
    try:
        return read_address(text)
    except ValueError as error:
        raise InputError(field, f"{_shown(text)} {error}", f"Give an address such as {example}.") from None


def host_address(field: str, hostname: str, port: int) -> Address:
    """Return the address of a host. Raises InputError."""
    name = f"[{hostname}]" if hostname.count(":") > 1 and not hostname.startswith("[") else hostname
    with contextlib.suppress(ValueError):
        address = read_address(f"https://{name}:{port}")
        if not address.path:
            return address
    raise InputError(field, f"{_shown(hostname)} is no host name", "Give the name alone, no URL and no port.")


def on_this_host(base: Address, named: str) -> Address:
    """Return the address with the path that a server or a file names, and nothing else of it.

    Raises OtherHostError for another host, and ValueError as `read_address` does.
    """
    found = read_address(named, schemes=("https", "http"))
    if found.host.rstrip(".") != base.host.rstrip("."):
        raise OtherHostError(found.host)
    return replace(base, path=found.path or base.path)


def _shown(text: str) -> str:
    """Return the text for a message. What holds an `@` may hold a password."""
    return "the address" if "@" in text else ascii(text)
