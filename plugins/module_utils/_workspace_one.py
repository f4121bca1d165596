# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tenant of VMware (Omnissa) Identity Services as the home of a broker. PRIVATE to this collection."""

from __future__ import annotations

from ._address import Address, option_address
from ._broker_api_answers import read_access_token
from ._errors import AnswerError, InputError, UnauthenticatedError, UnreadableAnswerError
from ._http import Advice, HttpClient

EXAMPLE = "https://acme.workspaceoneaccess.com"
ADVICE = Advice(
    not_itself="Is base_url the tenant itself, and not a login page or a console?",
    untrusted="Its certificate is a public one, so something is in between; or give the CA to trust as ca_path.",
    address="base_url",
    reach="Check base_url.",
    not_the_name="Give the tenant's own name in base_url.",
    statuses={403: "The rule set of the client api_client_id does not allow it."},
)


class WorkspaceOneClient:
    """A tenant, signed in to with the credentials of one of its OAuth 2.0 clients (RFC 6749 section 4.4)."""

    tenant_path = ""
    has_vendor_types = False

    def __init__(self, http: HttpClient, base_url: str, client_id: str, client_secret: str) -> None:
        self._http = http
        address = checked_url(base_url)
        self.root = str(address)
        self.hostname = address.host
        self._netloc = address.netloc
        self.client_id = client_id
        self._client_secret = client_secret
        http.hide_basic(client_id, client_secret)

    @property
    def scim_url(self) -> str:
        """Where SCIM is."""
        return f"{self.root}/usergroup/scim/v2"

    def read_token(self) -> str:
        """The access token of the client: it stays here."""
        attempted = f"get an access token for the client {self.client_id}"
        try:
            answer = self._http.request(
                "POST",
                f"{self.root}/acs/token",
                attempted=attempted,
                form={"grant_type": "client_credentials"},
                basic=(self.client_id, self._client_secret),
            )
        except AnswerError as error:
            if error.status not in (400, 401):
                raise
            raise UnauthenticatedError(
                attempted,
                error.host,
                f"HTTP {error.status}, the client id or the secret is wrong",
                "Give api_client_id and api_client_secret of a client that stands and has the grant type "
                "client_credentials.",
                status=error.status,
            ) from None
        try:
            token = read_access_token(answer.document)
        except ValueError as error:
            raise UnreadableAnswerError(
                attempted,
                self._netloc,
                f"the answer has an unknown shape: {self._http.scrubbed(str(error))}",
                ADVICE.not_itself,
                status=answer.status,
            ) from None
        self._http.hide(token)
        return token


def checked_url(url: str) -> Address:
    """Read the address of a tenant. Raises InputError."""
    address = option_address("base_url", url, EXAMPLE)
    if address.path:
        raise InputError("base_url", "holds more than a host", f"Give an address such as {EXAMPLE}.")
    return address
