# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Syslog as it arrives over TLS: bytes to messages to lines of the log. PRIVATE to this collection.

RFC 5425 section 4.3 (octet counting), RFC 6587 section 3.4 (framing by newlines, which rsyslog uses unless told otherwise) and
RFC 5424 section 6 (the header).
"""

from __future__ import annotations

import re

LONGEST_FRAME = 65536
_LONGEST_COUNT = 8

# PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID, then STRUCTURED-DATA and the message.
_HEADER = re.compile(rb"<\d{1,3}>1 (?:[\x21-\x7e]{1,255} ){5}")
_DATA = re.compile(rb'(?:-|(?:\[[^\s="\]]{1,32}(?: [^\s="\]]{1,32}="(?:\\.|[^"\\\]])*")*\])+)(?: |$)', re.DOTALL)
_BOM = b"\xef\xbb\xbf"


class FramingError(ValueError):
    """The peer does not speak syslog."""


class Frames:
    """Cuts what one connection sends into messages, however it arrives."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skip = 0
        self._skipping_line = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole by now. One that is too long is left out. Raises FramingError."""
        self._rest += data
        found: list[bytes] = []
        while (frame := self._next()) is not None:
            if frame:
                found.append(frame)
        return found

    def _next(self) -> bytes | None:
        if self._skip:
            skipped = min(self._skip, len(self._rest))
            del self._rest[:skipped]
            self._skip -= skipped
        if not self._rest or self._skip:
            return None
        if not self._skipping_line and self._rest[:1].isdigit():
            return self._counted()
        return self._line()

    def _counted(self) -> bytes | None:
        count, space, _rest = bytes(self._rest[: _LONGEST_COUNT + 1]).partition(b" ")
        if not space and len(count) <= _LONGEST_COUNT and count.isdigit():
            return None
        if not space or not count.isdigit() or count.startswith(b"0"):
            raise FramingError("a message begins with neither its length nor its priority")
        length, begin = int(count), len(count) + 1
        if length > LONGEST_FRAME:
            del self._rest[:begin]
            self._skip = length
            return b""
        if len(self._rest) < begin + length:
            return None
        frame = bytes(self._rest[begin : begin + length])
        del self._rest[: begin + length]
        return frame

    def _line(self) -> bytes | None:
        if not self._skipping_line and bytes(self._rest[:1]) not in (b"<", b"\n"):
            raise FramingError("a message begins with neither its length nor its priority")
        end = self._rest.find(b"\n")
        if end < 0:
            if self._skipping_line or len(self._rest) > LONGEST_FRAME:
                self._skipping_line = True
                self._rest.clear()
            return None
        frame = b"" if self._skipping_line or end > LONGEST_FRAME else bytes(self._rest[:end])
        self._skipping_line = False
        del self._rest[: end + 1]
        return frame


def line_of(frame: bytes) -> str | None:
    """The line of the log that a message brings; None where it has no header of RFC 5424."""
    header = _HEADER.match(frame)
    data = _DATA.match(frame, header.end()) if header else None
    if data is None:
        return None
    text = frame[data.end() :].removeprefix(_BOM).removesuffix(b"\n").decode("utf-8", "surrogateescape")
    # Lines end in the log; a message is one of them.
    return None if "\n" in text else text
