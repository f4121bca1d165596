# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses are read once, by the parser that connects, and no other parser reads them differently."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests
from ansible_collections.homelab.identity_broker.plugins.module_utils._address import (
    Address,
    OtherHostError,
    host_address,
    on_this_host,
    option_address,
    read_address,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError, TransportError
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import HttpClient
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

BASE = Address("vcsa.example.org", 443, "/usergroup/t/CUSTOMER/scim/v2")

ATTACKS = [
    r"https://127.0.0.1:9\@localhost/usergroup",
    r"https://127.0.0.1\@localhost/usergroup",
    r"https:\\127.0.0.1/usergroup",
    r"https://localhost\.evil.example/usergroup",
    "https://127.0.0.1@localhost/usergroup",
    "https://muffin:s3cr3t@localhost/usergroup",
    "https://@localhost/usergroup",
    "https://localhost /usergroup",
    " https://localhost/usergroup",
    "https://localhost/usergroup\n",
    "https://local\thost/usergroup",
    "https://localhost\r\nHost: evil.example/usergroup",
    "https://localhost\x00.evil.example/usergroup",
    "https://localhost\u3000/usergroup",
    "https://localhost%2f.evil.example/usergroup",
    "https://local[host]/usergroup",
    "https://localhost:9:9/usergroup",
    "https://localhost:99999/usergroup",
    "https://localhost:port/usergroup",
    "https:///usergroup",
    "https:localhost/usergroup",
    "//localhost/usergroup",
    "localhost/usergroup",
    "localhost",
    "",
    "http://localhost/usergroup",
    "ftp://localhost/usergroup",
    "https://localhost/usergroup?x=1",
    "https://localhost/usergroup#x",
    "https://localhost/usergroup/../other",
    "https://localhost/./usergroup",
    "https://localhost/usergroup/..",
    "https://localhost/usergroup/%2e%2e/other",
]


@pytest.mark.parametrize("url", ATTACKS)
def test_an_address_that_parsers_may_read_differently_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_address(url)
    with pytest.raises(InputError) as caught:
        option_address("scim_url", url, "https://vcsa.example.org")
    assert caught.value.field == "scim_url"
    assert "s3cr3t" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("url", [url for url in ATTACKS if "?" not in url])
def test_nothing_is_sent_to_such_an_address(url: str) -> None:
    with HttpClient() as http:
        with pytest.raises(TransportError) as caught:
            http.request("GET", url, attempted="read")
        assert http.sent == {}
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://vcsa.example.org", Address("vcsa.example.org", 443, "")),
        ("https://vcsa.example.org/", Address("vcsa.example.org", 443, "")),
        ("HTTPS://VCSA.example.ORG:443/a/b/", Address("vcsa.example.org", 443, "/a/b")),
        ("https://vcsa.example.org:8443/a", Address("vcsa.example.org", 8443, "/a")),
        ("https://192.0.2.1/a", Address("192.0.2.1", 443, "/a")),
        ("https://[2001:db8::1]:8443/a", Address("[2001:db8::1]", 8443, "/a")),
        ("https://b\u00fccher.example/a", Address("xn--bcher-kva.example", 443, "/a")),
        ("https://vcsa.example.org/t/A%20B/scim", Address("vcsa.example.org", 443, "/t/A%20B/scim")),
    ],
)
def test_an_address_is_read(url: str, expected: Address) -> None:
    assert read_address(url) == expected
    assert read_address(str(expected)) == expected


parts = st.lists(
    st.sampled_from(
        [
            *(
                "https:",
                "http:",
                "//",
                "/",
                "\\",
                "@",
                ":",
                "?",
                "#",
                "%",
                "%2f",
                "%40",
                "[",
                "]",
                ".",
                "..",
                ";",
                "&",
                "=",
            ),
            *(
                "localhost",
                "evil.example",
                "127.0.0.1",
                "::1",
                "443",
                "9",
                "\t",
                "\n",
                " ",
                "\u2028",
                "\u00fc",
                "\uff0f",
                "\u3002",
            ),
        ]
    ),
    max_size=8,
).map("".join)


@given(st.just("https://") | st.just("") | st.just("https:/\\"), parts | st.text(max_size=12))
@example("https://", r"127.0.0.1:9\@localhost/")
@example("https://", ".a")
def test_every_parser_reads_what_is_accepted_in_the_same_way(start: str, rest: str) -> None:
    try:
        address = read_address(start + rest)
    except ValueError:
        return
    url = str(address) + "/Users?startIndex=1"
    connecting = urlsplit(requests.Request("GET", url).prepare().url or "")
    for host, port, path in (
        (connecting.hostname, connecting.port, connecting.path),
        (urlsplit(url).hostname, urlsplit(url).port, urlsplit(url).path),
        ((parse_url(url).host or "").strip("[]"), parse_url(url).port, parse_url(url).path),
    ):
        assert host == address.host.strip("[]")
        assert (port or 443) == address.port
        assert path == f"{address.path}/Users"


@given(
    st.sampled_from(["https", "http"]),
    st.sampled_from(["", ":443", ":9", ":8443"]),
    st.sampled_from(["/scim/v2", "/other"]),
)
def test_only_the_path_is_taken_from_what_a_server_says(scheme: str, port: str, path: str) -> None:
    assert on_this_host(BASE, f"{scheme}://VCSA.example.org{port}{path}") == Address("vcsa.example.org", 443, path)


def test_a_server_that_says_no_path_changes_nothing() -> None:
    assert on_this_host(BASE, "https://vcsa.example.org.") == BASE


def test_another_host_is_refused_and_named() -> None:
    with pytest.raises(OtherHostError) as caught:
        on_this_host(BASE, "https://evil.example/usergroup")
    assert caught.value.host == "evil.example"


@pytest.mark.parametrize(
    "hostname", ["vcsa.example.org", "VCSA", "192.0.2.1", "vcsa_1.example.org", "vcsa.example.org."]
)
def test_a_host_name(hostname: str) -> None:
    assert host_address("hostname", hostname, 8443) == Address(hostname.lower(), 8443, "")


def test_an_ipv6_address_gets_its_brackets() -> None:
    for hostname in ("2001:db8::1", "[2001:db8::1]"):
        assert str(host_address("hostname", hostname, 443)) == "https://[2001:db8::1]"


@pytest.mark.parametrize(
    "hostname",
    [
        *(
            "",
            "https://vcsa.example.org",
            "vcsa.example.org/",
            "vcsa.example.org:443",
            "muffin:s3cr3t@vcsa.example.org",
        ),
        *("vcsa\\@localhost", "vcsa example", "vcsa\n", "vcsa#", "vcsa?", "[::1", "a b", "\x00"),
    ],
)
def test_what_is_no_host_name(hostname: str) -> None:
    with pytest.raises(InputError) as caught:
        host_address("hostname", hostname, 443)
    assert "no host name" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
