# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTPS: TLS, time-outs, retries, and error answers turned into exceptions. PRIVATE to this collection."""

from __future__ import annotations

import itertools
import json
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from ._address import read_address
from ._error_bodies import error_said
from ._errors import (
    TOO_MANY,
    AnswerError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    TransportError,
    UnauthenticatedError,
    UnreadableAnswerError,
)
from ._read_only import changes_nothing, only_reads
from ._retry import MAX_WAIT, Patience, back_off, retry_after, seconds_asked
from ._secret_forms import basic_credential, secret_forms
from ._tls import tls_context

REQUESTS_IMPORT_ERROR: str | None = None
try:
    import requests
    from requests.adapters import HTTPAdapter
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()

VERSION = "0.1.0"
BODY_SHOWN = 300
WAVE = 64
"""How many questions are on their way to the threads at once."""
BUSY = frozenset({502, 503, 504})

Authorization = Callable[["requests.PreparedRequest"], "requests.PreparedRequest"]
Item = TypeVar("Item")
Reply = TypeVar("Reply")


@dataclass(frozen=True)
class Answer:
    """A successful answer. C(document) is the decoded JSON, None where there is no body, or text that was asked for."""

    status: int
    document: Any
    etag: str | None = None
    """The header of this name, exactly as received."""


def header_authorization(name: str, value: str) -> Authorization:
    """Carry a credential in a header.

    As C(auth=) it cannot be replaced by a .netrc, which a header of the session can (requests documentation,
    "netrc Authentication").
    """

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[name] = value
        return request

    return authorize


def no_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep a .netrc out of requests that carry no credential."""
    return request


@dataclass(frozen=True)
class Advice:
    """What to do about the troubles of a system, in its own terms. C({host}) stands for its host and port."""

    not_itself: str = "Is this vCenter itself, and not a proxy or a login page?"
    untrusted: str = (
        "Fetch the appliance's CA from https://{host}/certs/download.zip (folder certs/lin), compare its fingerprint, and "
        "give the file as ca_path."
    )
    address: str = "hostname"
    """The option that names the host."""
    not_the_name: str = (
        "Use the appliance's fully qualified domain name (its primary network identifier) as hostname, not an address, an "
        "alias or localhost."
    )
    """Where it answers HTTP 444."""
    reach: str = "Check hostname and port."
    statuses: Mapping[int, str] = field(default_factory=dict)
    """The way out of an HTTP status."""


VCENTER_ADVICE = Advice()


class HttpClient:
    """Kept-alive HTTPS, one session a thread. Every secret that is told to C(hide) stays out of every message."""

    def __init__(
        self,
        *,
        validate_certs: bool = True,
        ca_path: str | None = None,
        timeout: float = 30,
        check_mode: bool = False,
        concurrency: int = 1,
        pause: Callable[[float], object] | None = None,
        advice: Advice | None = None,
    ) -> None:
        self._advice = advice or VCENTER_ADVICE
        self._timeout = timeout
        self._check_mode = check_mode
        self.concurrency = concurrency
        self.pool = ThreadPoolExecutor(concurrency)
        """For what is sent side by side; each of its threads keeps its connection for the whole run."""
        self.hurry = threading.Event()
        """Once set, nothing is waited for between tries: somebody wants an end."""
        self.pause = pause or self.hurry.wait
        self._secrets: frozenset[str] = frozenset()
        # Not True, with which requests 2.32.0 to 2.32.2 put a context of their own in place of this one.
        self._verify = None if validate_certs else False
        self._proxies: dict[str, dict[str, str]] = {}
        self.sent: dict[str, int] = {}
        self.wrote = False
        """Whether anything was sent that may change something."""
        self._lock = threading.Lock()
        self._own = threading.local()
        self._sessions: list[requests.Session] = []
        self._quiet_until = 0.0
        context = tls_context(validate_certs, ca_path)
        if not validate_certs:
            # The module warns once, in its own words.
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")

        class Adapter(HTTPAdapter):
            """The context alone knows who is trusted, with and without a proxy."""

            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                super().init_poolmanager(*args, ssl_context=context, **kwargs)

            def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
                return super().proxy_manager_for(*args, ssl_context=context, **kwargs)

            def cert_verify(self, *_args: Any, **_kwargs: Any) -> None:
                """Nothing is added to it, least of all by looking a file up for each request."""

        self._adapter = Adapter

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.pool.shutdown(cancel_futures=True)
        for session in self._sessions:
            session.close()

    def side_by_side(self, ask: Callable[[Item], Reply], items: Iterable[Item]) -> Iterator[Reply]:
        """The answers to one question about each, in their order. Asked in bounded numbers, so whoever reads them may stop."""
        rest = iter(items)
        while wave := list(itertools.islice(rest, WAVE)):
            yield from self.pool.map(ask, wave)

    def hide(self, secret: str) -> None:
        """Keep a secret out of messages from now on."""
        if secret:
            self._secrets |= secret_forms(secret)

    def hide_basic(self, username: str, password: str) -> None:
        """Keep a password out of messages, and what basic authentication makes of it."""
        self.hide(password)
        self.hide(basic_credential(username, password))

    @property
    def secrets(self) -> frozenset[str]:
        """All that must not be shown."""
        return self._secrets

    def request(
        self,
        method: str,
        url: str,
        *,
        attempted: str,
        authorization: Authorization = no_authorization,
        query: Mapping[str, str | int] | None = None,
        document: Any = None,
        form: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        basic: tuple[str, str] | None = None,
        in_check_mode: bool = False,
        text_too: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; C(attempted) says in a message what it was for.

        Only what changes nothing is repeated: reads, and what the server refused to look at (429). Where it says how long
        to wait, that is waited for, up to MAX_WAIT in all.
        C(in_check_mode) is for what the user allowed in check mode in so many words. With C(text_too) a body that is
        no JSON is an answer, too.
        """
        try:
            host = read_address(url, with_query=True).netloc
        except ValueError as error:
            raise TransportError(attempted, "the server", f"its address {error}", "Correct the address.") from None
        if self._check_mode and not in_check_mode and not changes_nothing(method, url):
            raise TransportError(
                attempted, host, "check mode sends nothing that changes anything", "Please report this."
            )
        if basic:
            authorization = header_authorization("Authorization", f"Basic {basic_credential(*basic)}")
        described, body = _content(document, form, content_type)
        patience = Patience()
        while True:
            patience.attempt += 1
            self._wait_until_welcome()
            repeatable = patience.may_try_again and not self.hurry.is_set() and only_reads(method, url)
            self._count(method, url)
            try:
                response = self._session().request(
                    method,
                    url,
                    params=query,
                    data=body,
                    headers={**described, **(headers or {})},
                    auth=authorization,
                    proxies=self._proxies_for(url, host),
                    timeout=self._timeout,
                    allow_redirects=False,
                )
            except (requests.RequestException, OSError) as error:
                if repeatable and _passing(error):
                    self.pause(back_off(patience.attempt))
                    continue
                raise self._transport_error(attempted, host, error) from None
            if self._waits_for(response, patience, repeatable=repeatable):
                continue
            try:
                return self._read(response, attempted, host, text_too)
            except UnreadableAnswerError:
                if not repeatable:
                    raise
                self.pause(back_off(patience.attempt))

    def _waits_for(self, response: requests.Response, patience: Patience, *, repeatable: bool) -> bool:
        """Wait for a busy server. Return whether the request is to be sent again."""
        header = response.headers.get("Retry-After")
        if response.status_code == TOO_MANY and not self.hurry.is_set():
            wait = patience.seconds_for(header)
            if wait is not None:
                self._be_quiet(wait)
            return wait is not None
        if repeatable and response.status_code in BUSY:
            self.pause(retry_after(header, patience.attempt))
            return True
        return False

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            # Else the environment would be searched for each request, and REQUESTS_CA_BUNDLE be trusted.
            session.trust_env = False
            session.verify = self._verify
            session.mount("https://", self._adapter())
            session.headers["User-Agent"] = f"homelab.identity_broker/{VERSION}"
            with self._lock:
                self._sessions.append(session)
        return session

    def _proxies_for(self, url: str, host: str) -> dict[str, str]:
        """What the environment says of a host, asked once."""
        if host not in self._proxies:
            self._proxies[host] = requests.utils.get_environ_proxies(url)
        return self._proxies[host]

    def _count(self, method: str, url: str) -> None:
        with self._lock:
            self.wrote = self.wrote or not changes_nothing(method, url)
            self.sent[method] = self.sent.get(method, 0) + 1

    def _be_quiet(self, seconds: float) -> None:
        """A server that has had too much is left alone by every thread, not just by the one that it told."""
        with self._lock:
            self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)

    def _wait_until_welcome(self) -> None:
        rest = self._quiet_until - time.monotonic()
        if rest > 0:
            self.pause(rest)

    def scrubbed(self, text: str) -> str:
        """Text from a server, on one line, bounded and without secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "********")
        text = "".join(char if char.isprintable() else " " for char in text)
        text = " ".join(text.split())
        return text if len(text) <= BODY_SHOWN else f"{text[:BODY_SHOWN]}..."

    def _read(self, response: requests.Response, attempted: str, host: str, text_too: bool) -> Answer:
        status = response.status_code
        if 200 <= status < 300:
            etag = response.headers.get("ETag")
            if status == 204 or not response.content.strip():
                return Answer(status, None, etag)
            try:
                return Answer(status, response.json(), etag)
            except (ValueError, RecursionError):
                kind = response.headers.get("Content-Type", "no content type")
                if text_too and "html" not in kind:
                    return Answer(status, response.text)
                raise UnreadableAnswerError(
                    attempted,
                    host,
                    f"the answer ({status}, {self.scrubbed(kind)}) is not JSON: {self.scrubbed(response.text)}",
                    self._advice.not_itself,
                    status=status,
                ) from None
        raise self._answer_error(response, attempted, host)

    def _answer_error(self, response: requests.Response, attempted: str, host: str) -> AnswerError:
        status = response.status_code
        code, said = error_said(response.content, response.text)
        code, said = self.scrubbed(code), self.scrubbed(said)
        problem = f"HTTP {status}" + (f" {code}" if code else "") + (f" ({said})" if said else "")
        if 300 <= status < 400:
            target = _host_of(response.headers.get("Location", ""))
            return AnswerError(
                attempted,
                host,
                f"HTTP {status}, a redirect to {target}, which is not followed with credentials",
                "Name the host that answers itself.",
                status=status,
            )
        if status == 444:
            return AnswerError(
                attempted,
                host,
                "HTTP 444: the broker does not answer to this host name",
                self._advice.not_the_name,
                status=status,
            )
        kinds: dict[int, type[AnswerError]] = {
            401: UnauthenticatedError,
            403: ForbiddenError,
            404: NotFoundError,
            409: ConflictError,
        }
        kind = kinds.get(status, AnswerError)
        if status == 400 and code == "ALREADY_EXISTS":
            kind = ConflictError
        way_out = self._advice.statuses.get(status, "") or _too_busy(response)
        return kind(attempted, host, problem, way_out, status=status, code=code)

    def _transport_error(self, attempted: str, host: str, error: Exception) -> TransportError:
        text = str(error)
        if isinstance(error, requests.exceptions.SSLError):
            if "CERTIFICATE_VERIFY_FAILED" in text:
                reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "not trusted"
                return TransportError(
                    attempted,
                    host,
                    f"its certificate is not trusted ({self.scrubbed(reason)})",
                    self._advice.untrusted.format(host=host),
                )
            return TransportError(attempted, host, f"TLS failed: {self.scrubbed(text)}")
        if isinstance(error, requests.exceptions.Timeout):
            return TransportError(
                attempted, host, f"no answer within {self._timeout:g} s", "Is it up? Raise timeout if it is just slow."
            )
        if "NameResolutionError" in text or "Failed to resolve" in text:
            return TransportError(
                attempted, host, "the name does not resolve", f"Check {self._advice.address} and the DNS."
            )
        if "Connection refused" in text:
            return TransportError(attempted, host, "the connection was refused", self._advice.reach)
        return TransportError(
            attempted, host, f"the connection broke ({type(error).__name__}: {self.scrubbed(text)})", "Try again."
        )


def _too_busy(response: requests.Response) -> str:
    """Return what to do about a server that asks for a longer wait than one request has."""
    asked = seconds_asked(response.headers.get("Retry-After")) if response.status_code == TOO_MANY else None
    if not asked:
        return ""
    return (
        f"The server asks to wait {asked:.0f} s (Retry-After), and a request waits {MAX_WAIT:.0f} s at most in all. Run it "
        "again later."
    )


def _host_of(location: str) -> str:
    """Return the host of a redirect for a message."""
    try:
        return read_address(location, schemes=("https", "http"), with_query=True).netloc
    except ValueError:
        return "elsewhere"


def _content(document: Any, form: Mapping[str, str] | None, content_type: str) -> tuple[dict[str, str], bytes | None]:
    """What a request says of its content, and the content: a document, a form, or nothing."""
    headers = {"Accept": content_type}
    if form is not None:
        return {**headers, "Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
    if document is None:
        return headers, None
    return {**headers, "Content-Type": content_type}, json.dumps(document).encode()


def _passing(error: Exception) -> bool:
    """Whether trying again may help: not where TLS fails, nor where nobody is reached at all."""
    broken = requests.exceptions.ConnectionError | requests.exceptions.ChunkedEncodingError
    hopeless = requests.exceptions.SSLError | requests.exceptions.ConnectTimeout
    return isinstance(error, broken | requests.exceptions.ReadTimeout) and not isinstance(error, hopeless)
