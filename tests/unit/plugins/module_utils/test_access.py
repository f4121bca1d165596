# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The token law: which token reads and writes, and when one is minted."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._access import AccessOptions, ScimAccess
from ansible_collections.homelab.identity_broker.plugins.module_utils._address import read_address
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_answers import Provider, SyncToken
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import (
    ForbiddenError,
    IdentityBrokerError,
    InputError,
    UnauthenticatedError,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import Answer, HttpClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._minting_lock import MintingLock
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_file import (
    read_token_file,
    write_token_file,
)
from hypothesis import given
from hypothesis import strategies as st

HOST = "vcsa.example.org"
MODULE = "homelab.identity_broker.scim_user"


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the locks of this test alone."""
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


class Request:
    """A request, as far as an authorization needs one."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}


class Broker(HttpClient):
    """SCIM without a network. The admin token may be refused, and only the last sync token is accepted."""

    def __init__(self, admin: str = "accepted") -> None:
        super().__init__()
        self.admin = admin
        self.current = "sync-0"
        self.urls: list[str] = []
        self.tokens: list[str] = []

    def request(self, method: str, url: str, *, attempted: str, authorization: Any, **_more: Any) -> Answer:  # type: ignore[override]
        request = Request()
        authorization(request)
        self.urls.append(url)
        token = request.headers["Authorization"].partition(" ")[2]
        if self.tokens[-1:] != [token]:
            self.tokens.append(token)
        if token == "admin" and self.admin == "forbidden":
            raise ForbiddenError(attempted, HOST, "HTTP 403", status=403)
        if token != self.current and not (token == "admin" and self.admin == "accepted" and method == "GET"):
            raise UnauthenticatedError(attempted, HOST, "HTTP 401", status=401)
        return Answer(200, {"totalResults": 0, "Resources": []})


class Home:
    """What mints sync tokens."""

    hostname = HOST
    nouns = ("provider", "providers")
    make_one = "Configure one."
    is_open = True
    scim_url = f"https://{HOST}/usergroup/t/CUSTOMER/scim/v2"

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.minted = 0
        self.answered_url: str | None = None

    def log_in(self) -> None:
        """There is nothing to log in to."""

    def read_token(self) -> str:
        return "admin"

    def providers(self) -> list[Provider]:
        return [Provider("p-1", "Pocket ID", ("lab.example.org",))]

    def mint_sync_token(self, provider_id: str, *, in_check_mode: bool = False) -> SyncToken:
        assert (provider_id, in_check_mode) in (("p-1", False), ("p-1", True))
        self.minted += 1
        self.broker.current = f"sync-{self.minted}"
        return SyncToken(self.broker.current, self.answered_url)


def access(
    broker: Broker, home: Home | None, *, changes_state: bool = True, check_mode: bool = False, **options: Any
) -> ScimAccess:
    return ScimAccess(
        broker, home, AccessOptions(**options), module=MODULE, changes_state=changes_state, check_mode=check_mode
    )


@given(
    st.sampled_from(["accepted", "refused", "forbidden"]),
    st.sampled_from([None, "sync-0", "stale"]),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.booleans(),
)
def test_reading_modules_never_mint(
    admin: str, token: str | None, mint_token: bool | None, check_mode_mint: bool, check_mode: bool
) -> None:
    with Broker(admin) as broker:
        home = Home(broker)
        reading = access(
            broker,
            home,
            changes_state=False,
            check_mode=check_mode,
            token=token,
            mint_token=mint_token,
            check_mode_mint=check_mode_mint,
        )
        fits = token == "sync-0" or (token is None and admin == "accepted")
        if fits:
            assert reading.read_users() == []
        else:
            with pytest.raises(IdentityBrokerError) as caught:
                reading.read_users()
            assert "mint_token: true" not in str(caught.value)
            assert "check_mode_mint: true" not in str(caught.value)
            assert "is minted" not in str(caught.value)
        assert (home.minted, reading.minted, reading.warnings) == (0, False, [])


def test_a_reading_module_says_how_to_read_where_the_admin_token_may_not() -> None:
    with Broker("refused") as broker, pytest.raises(IdentityBrokerError) as caught:
        access(broker, Home(broker), changes_state=False).read_users()
    for part in ("never mints", "token_file", "token", "scim_url", "homelab.identity_broker.sync_token"):
        assert part in str(caught.value)


@pytest.mark.parametrize("admin", ["refused", "forbidden"])
def test_a_state_module_mints_where_the_admin_token_may_not_read(admin: str) -> None:
    with Broker(admin) as broker:
        home = Home(broker)
        writing = access(broker, home)
        assert writing.read_users() == []
        assert (home.minted, writing.minted, writing.writing()[1]) == (1, True, False)


def test_nothing_is_minted_until_something_is_written() -> None:
    with Broker() as broker:
        home = Home(broker)
        writing = access(broker, home)
        assert writing.read_users() == []
        assert home.minted == 0
        assert writing.writing()[1]
        assert home.minted == 1


def test_each_warning_of_a_minting_is_of_its_own() -> None:
    """Ansible shows equal warnings once, so five tasks that mint must not say the same."""
    warnings = []
    with Broker() as broker:
        for _number in range(5):
            writing = access(broker, Home(broker))
            writing.read_users()
            client, _other = writing.writing()
            broker.current = "of somebody else"
            writing.renewed(client, UnauthenticatedError("write", HOST, "HTTP 401", status=401))
            assert len(writing.warnings) == 2
            warnings += writing.warnings
            writing.close()
    assert len(set(warnings)) == 10
    for warning in warnings:
        assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", warning)
        for part in (HOST, "Pocket ID (p-1)", MODULE, "previous"):
            assert part in warning


EVIL = [
    r"https://127.0.0.1:9\@vcsa.example.org/usergroup/t/CUSTOMER/scim/v2",
    "https://vcsa.example.org@127.0.0.1/usergroup/t/CUSTOMER/scim/v2",
    "https://evil.example/usergroup/t/CUSTOMER/scim/v2",
    "https://vcsa.example.org.evil.example/scim",
    "https://vcsa.example.org\n/scim",
]


@pytest.mark.parametrize("url", EVIL)
def test_a_broker_does_not_decide_where_its_token_is_sent(url: str, tmp_path: Path) -> None:
    with Broker("refused") as broker:
        home = Home(broker)
        home.answered_url = url
        writing = access(broker, home, token_file=str(tmp_path / "token"))
        with pytest.raises(InputError) as caught:
            writing.read_users()
        assert caught.value.field == "scim_url"
        assert {read_address(seen).host for seen in broker.urls} == {HOST}
    assert not (tmp_path / "token").exists(), "no later run uses this address"


def test_the_host_that_the_broker_names_is_what_the_message_says_to_give() -> None:
    with Broker("refused") as broker:
        home = Home(broker)
        home.answered_url = "https://vcsa.other.example/usergroup/t/CUSTOMER/scim/v2"
        with pytest.raises(InputError, match=r"Give vcsa\.other\.example as hostname"):
            access(broker, home).read_users()


@pytest.mark.parametrize("url", EVIL)
def test_a_token_file_does_not_decide_where_its_token_is_sent(url: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    write_token_file(str(file), SyncToken("sync-0", url))
    with Broker() as broker:
        with pytest.raises(InputError) as caught:
            access(broker, Home(broker), token_file=str(file)).read_users()
        assert (caught.value.field, broker.urls) == ("token_file", [])


def test_only_the_path_of_an_answer_and_of_a_token_file_is_used(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with Broker("refused") as broker:
        home = Home(broker)
        home.answered_url = f"http://{HOST.upper()}:9443/other/scim/v2"
        writing = access(broker, home, token_file=str(file))
        writing.read_users()
        writing.close()
        write_token_file(str(file), SyncToken(broker.current, home.answered_url))
        access(broker, home, token_file=str(file)).read_users()
        assert home.minted == 1
        assert {seen for seen in broker.urls if "other" in seen} == {f"https://{HOST}/other/scim/v2/Users"}


@pytest.mark.parametrize("url", [EVIL[0], EVIL[1], EVIL[4], "http://vcsa.example.org/scim"])
@pytest.mark.parametrize("name", ["token", "token_file"])
def test_an_option_is_refused_before_any_request(url: str, name: str, tmp_path: Path) -> None:
    with Broker() as broker:
        with pytest.raises(InputError) as caught:
            access(broker, Home(broker), scim_url=url, **{name: str(tmp_path / "sync-0")})
        assert (caught.value.field, broker.urls) == ("scim_url", [])


@pytest.mark.parametrize("name", ["token", "token_file"])
def test_something_of_the_task_must_name_the_host(name: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    write_token_file(str(file), SyncToken("sync-0", Home.scim_url))
    with Broker() as broker, pytest.raises(InputError, match=f"is needed with {name} where no hostname is given"):
        access(broker, None, **{name: str(file)})


def holding(*keys: str) -> MintingLock:
    """Another run that has minted and still writes."""
    other = MintingLock(lambda _seconds: None, max_wait=0)
    other.acquire(*keys)
    return other


def test_a_run_waits_for_another_that_mints_on_the_same_host() -> None:
    other = holding(Home.scim_url)
    with Broker() as broker:
        home = Home(broker)
        pauses: list[int] = []

        def pause(_seconds: float) -> None:
            assert home.minted == 0
            pauses.append(1)
            if len(pauses) == 2:
                other.release()

        broker.pause = pause
        writing = access(broker, home)
        writing.read_users()
        writing.writing()
        assert (home.minted, len(pauses)) == (1, 2)
        assert any("another run" in warning and HOST in warning for warning in writing.warnings)
        # Held until the last write, so for the rest of the run.
        with pytest.raises(IdentityBrokerError, match=f"process {os.getpid()}"):
            holding(Home.scim_url)
        writing.close()
        holding(Home.scim_url).release()


@pytest.mark.parametrize("admin", ["accepted", "refused"])
def test_the_token_that_another_run_has_kept_meanwhile_is_used(admin: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    write_token_file(str(file), SyncToken("stale", Home.scim_url))
    other = holding(Home.scim_url)
    with Broker(admin) as broker:
        home = Home(broker)

        def pause(_seconds: float) -> None:
            broker.current = "of-the-other"
            write_token_file(str(file), SyncToken(broker.current, Home.scim_url))
            other.release()

        broker.pause = pause
        writing = access(broker, home, token_file=str(file))
        writing.read_users()
        client, _differs = writing.writing()
        client.create_user({}, "muffin")
        assert (home.minted, writing.minted) == (0, False)
        writing.close()


def test_a_kept_token_that_is_refused_is_not_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    write_token_file(str(file), SyncToken("stale", Home.scim_url))
    with Broker("refused") as broker:
        home = Home(broker)
        writing = access(broker, home, token_file=str(file))
        writing.read_users()
        assert (home.minted, broker.tokens) == (1, ["stale", "admin", "sync-1"])
        assert read_token_file(str(file)) == SyncToken("sync-1", Home.scim_url)
        writing.close()


def test_another_host_with_the_same_token_file_mints_nothing(tmp_path: Path) -> None:
    """The file is one under another spelling, and the other run writes it while this one waits."""
    (tmp_path / "link").symlink_to(tmp_path / "token")
    other = holding(f"the file {tmp_path / 'token'}")
    with Broker() as broker:
        home = Home(broker)

        def pause(_seconds: float) -> None:
            write_token_file(str(tmp_path / "token"), SyncToken("its", "https://other.example.org/scim/v2"))
            other.release()

        broker.pause = pause
        writing = access(broker, home, token_file=str(tmp_path / "link"))
        writing.read_users()
        with pytest.raises(InputError, match=r"a token of other\.example\.org"):
            writing.writing()
        assert home.minted == 0
        writing.close()


def test_a_token_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "token")
    write_token_file(str(tmp_path / "link"), SyncToken("its", Home.scim_url))
    assert (tmp_path / "link").is_symlink()
    assert read_token_file(str(tmp_path / "token")) == SyncToken("its", Home.scim_url)


def test_a_minting_is_told_also_where_its_address_is_refused() -> None:
    with Broker("refused") as broker:
        home = Home(broker)
        home.answered_url = EVIL[2]
        writing = access(broker, home)
        with pytest.raises(InputError):
            writing.read_users()
        assert (writing.minted, len(writing.warnings)) == (True, 1)
