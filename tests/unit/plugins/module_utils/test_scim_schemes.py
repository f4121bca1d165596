# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authorization scheme belongs to a token: each is tried with both before it counts as refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import (
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import Answer, HttpClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._scim import ScimClient
from hypothesis import given
from hypothesis import strategies as st

SCHEMES = ("HZN", "Bearer")
URL = "https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2"


class Request:
    """A request, as far as an authorization needs one."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}


class ScriptedHttp(HttpClient):
    """Answers by the scheme of each request, without a network."""

    def __init__(self, accepted: Callable[[str, str], bool]) -> None:
        super().__init__()
        self._accepted = accepted
        self.seen: list[tuple[str, str]] = []

    def request(self, method: str, url: str, *, attempted: str, authorization: Any, **_more: Any) -> Answer:  # type: ignore[override]
        request = Request()
        authorization(request)
        scheme = request.headers["Authorization"].partition(" ")[0]
        assert url.startswith(URL)
        if url == f"{URL}/ServiceProviderConfig":
            raise NotFoundError(attempted, "vcsa.example.org", "HTTP 404", status=404)
        self.seen.append((method, scheme))
        if not self._accepted(method, scheme):
            raise UnauthenticatedError(
                attempted, "vcsa.example.org", f"HTTP 401 refused-by-{scheme.lower()}", status=401
            )
        return Answer(200, {"totalResults": 0, "Resources": []})


def client(http: HttpClient, auth_scheme: str = "auto") -> ScimClient:
    return ScimClient(http, URL, "token-of-the-test", auth_scheme)


@given(st.sampled_from(SCHEMES), st.lists(st.sampled_from(["read", "create", "delete"]), min_size=1, max_size=5))
def test_a_token_works_with_the_one_scheme_that_it_has(scheme: str, calls: list[str]) -> None:
    with ScriptedHttp(lambda _method, tried: tried == scheme) as http:
        scim = client(http)
        for call in calls:
            if call == "read":
                assert scim.users() == []
            elif call == "create":
                scim.create_user({}, "muffin")
            else:
                scim.delete_user("u-1", "muffin")
        assert [tried for _method, tried in http.seen[-len(calls) :]] == [scheme] * len(calls)
        assert len(http.seen) == len(calls) + SCHEMES.index(scheme), "the scheme is found once"


@pytest.mark.parametrize("write", [False, True])
def test_a_refusal_shows_both_schemes(write: bool) -> None:
    with ScriptedHttp(lambda _method, _scheme: False) as http:
        scim = client(http)
        with pytest.raises(UnauthenticatedError) as caught:
            scim.create_user({}, "muffin") if write else scim.users()
        for part in ("HTTP 401 refused-by-hzn with HZN", "HTTP 401 refused-by-bearer with Bearer", "vcsa.example.org"):
            assert part in str(caught.value)
        assert [scheme for _method, scheme in http.seen] == ["HZN", "Bearer"]


def test_a_token_that_writes_with_another_scheme_than_it_reads_with() -> None:
    with ScriptedHttp(lambda method, scheme: scheme == ("Bearer" if method == "GET" else "HZN")) as http:
        scim = client(http)
        for _number in range(2):
            assert scim.users() == []
            scim.create_user({}, "muffin")
        assert http.seen.count(("POST", "HZN")) == 2


def test_a_named_scheme_is_the_only_one() -> None:
    with ScriptedHttp(lambda _method, scheme: scheme == "HZN") as http:
        with pytest.raises(UnauthenticatedError) as caught:
            client(http, "bearer").users()
        assert http.seen == [("GET", "Bearer")]
        assert "HTTP 401 refused-by-bearer." in str(caught.value)


class ForbiddingHttp(ScriptedHttp):
    def request(self, method: str, url: str, *, attempted: str, authorization: Any, **_more: Any) -> Answer:  # type: ignore[override]
        super().request(method, url, attempted=attempted, authorization=authorization)
        raise ForbiddenError(attempted, "vcsa.example.org", "HTTP 403", status=403)


def test_only_a_401_is_tried_again() -> None:
    with ForbiddingHttp(lambda _method, _scheme: True) as http:
        with pytest.raises(ForbiddenError):
            client(http).create_user({}, "muffin")
        assert http.seen == [("POST", "HZN")]
