# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A message of syslog is the same however it arrives, and what is none ends the connection."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._syslog_frames import (
    LONGEST_FRAME,
    Frames,
    FramingError,
    line_of,
)
from hypothesis import given
from hypothesis import strategies as st

HEADER = b"<14>1 2026-02-04T15:05:23.412Z vcsa.example.org federation 811 - "
TEXTS = st.binary(min_size=1, max_size=80).filter(lambda text: b"\n" not in text)


def counted(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


@given(st.lists(st.tuples(TEXTS, st.booleans()), max_size=8), st.lists(st.integers(1, 60), min_size=1))
def test_messages_are_whole_whatever_the_pieces(texts: list[tuple[bytes, bool]], sizes: list[int]) -> None:
    messages = [HEADER + b"- " + text for text, _by_length in texts]
    stream = b"".join(
        counted(message) if by_length else message + b"\n"
        for message, (_t, by_length) in zip(messages, texts, strict=True)
    )
    frames, found, number = Frames(), list[bytes](), 0
    while stream:
        size = sizes[number % len(sizes)]
        found += frames.feed(stream[:size])
        stream, number = stream[size:], number + 1
    assert found == messages


@pytest.mark.parametrize("data", ["-", '[a@1 b="c \\] \\" d"]', '[a b="1"][c]'])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_line_stands_behind_the_header(data: str, mark: bytes) -> None:
    assert line_of(HEADER + data.encode() + b" " + mark + b"2026 INFO [x;y] - a ") == "2026 INFO [x;y] - a "


@pytest.mark.parametrize(
    "frame",
    [b"", b"hello", b"<14>Feb  4 15:05:23 vcsa federation: old", HEADER + b"[open text", HEADER + b"- two\nlines"],
)
def test_what_has_no_header_is_no_line(frame: bytes) -> None:
    assert line_of(frame) is None


def test_what_is_too_long_is_left_out_and_the_next_is_read() -> None:
    long, short = HEADER + b"- " + b"x" * LONGEST_FRAME, HEADER + b"- y"
    for stream in (counted(long) + counted(short), long + b"\n" + short + b"\n", long + b"\n" + counted(short)):
        frames, found = Frames(), list[bytes]()
        for at in range(0, len(stream), 1000):
            found += frames.feed(stream[at : at + 1000])
            assert len(frames._rest) <= LONGEST_FRAME + 2000
        assert found == [short]


@pytest.mark.parametrize("stream", [b"GET / HTTP/1.1\r\n", b"123456789 x", b"0 x", b"12x<", b"\x16\x03\x01"])
def test_who_does_not_speak_syslog_is_not_listened_to(stream: bytes) -> None:
    with pytest.raises(FramingError):
        Frames().feed(stream)


@given(st.binary(max_size=200))
def test_bytes_never_break_it(data: bytes) -> None:
    frames = Frames()
    try:
        for frame in frames.feed(data):
            line_of(frame)
    except FramingError:
        pass
