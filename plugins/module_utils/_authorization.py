# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vCenter's APIs of global permissions, and which of them there is. PRIVATE to this collection.

Addresses are those of the vSphere Automation SDK 9 (com.vmware.vcenter.authorization) and, for the older API, of govmomi
(vapi/cis/authz).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from ._errors import (
    AnswerError,
    ConflictError,
    ForbiddenError,
    IdentityBrokerError,
    ListingError,
    NotFoundError,
    UnauthenticatedError,
)
from ._permission_plan import BY_HAND
from ._permissions import (
    Permission,
    Roles,
    legacy_creation,
    page_from_rest,
    permissions_from_legacy,
    rest_creation,
    rest_update,
    roles_page_from_rest,
)
from ._vcenter import VcenterClient

REST = "/api/vcenter/authorization"
LEGACY = "/rest/com/vmware/cis/authz/permission"
PAGE = 200
"""The default of the API; the server may give fewer at a time."""
LISTING = "list the global permissions"

T = TypeVar("T")


class Authorization(Protocol):
    """Where permissions are read and written."""

    name: str
    title: str
    is_global: bool
    changes_in_place: bool
    """Whether a permission can be changed; else it is deleted and created."""

    def permissions(self) -> list[Permission]:
        """All of them."""

    def roles(self) -> Roles:
        """The roles that can be given."""

    def create(self, permission: Permission) -> None:
        """Give it."""

    def update(self, before: Permission, after: Permission, /) -> None:
        """Change it."""

    def delete(self, permission: Permission) -> None:
        """Take it away."""


@dataclass
class Found:
    """An API that answered, and what it said."""

    authorization: Authorization
    permissions: list[Permission]


def global_authorization(vcenter: VcenterClient) -> Found | None:
    """The first API of global permissions that there is. A refusal is an error, never a reason to try the next."""
    # A 404 to the login means another thing.
    vcenter.log_in()
    candidates: tuple[Authorization, ...] = (RestAuthorization(vcenter), LegacyAuthorization(vcenter))
    for candidate in candidates:
        try:
            return Found(candidate, candidate.permissions())
        except NotFoundError:
            continue
    return None


def not_offered(vcenter: VcenterClient) -> IdentityBrokerError:
    """What to say where no API of global permissions answers."""
    return IdentityBrokerError(
        f"Could not {LISTING} on {vcenter.hostname}: it offers neither {REST}/permissions (vSphere 9) nor {LEGACY}.",
        way_out=f"Give the permission by hand ({BY_HAND}). Or set root_folder: true, which gives it on the root folder of "
        "the inventory: that is not global, so it does not reach what is no part of the inventory, such as tags and "
        "content libraries.",
    )


class RestAuthorization:
    """The public API of vSphere 9."""

    name = "rest"
    title = "Global permissions"
    is_global = True
    changes_in_place = True

    def __init__(self, vcenter: VcenterClient) -> None:
        self._vcenter = vcenter

    def permissions(self) -> list[Permission]:
        """Return all of them. Those on the inventory are told apart here, so that no filter is needed."""

        def page(marker: str | None) -> Any:
            iterate = {"page_size": PAGE} if marker is None else {"page_size": PAGE, "marker": marker}
            return self._call("POST", "/permissions?action=list", LISTING, {"iterate": iterate})

        return self._all_pages(LISTING, page, page_from_rest)

    def roles(self) -> Roles:
        attempted = "list the roles"

        def page(marker: str | None) -> Any:
            query = "" if marker is None else f"?page_size={PAGE}&marker={quote(marker, safe='')}"
            return self._call("GET", f"/roles{query}", attempted)

        return Roles(tuple(self._all_pages(attempted, page, roles_page_from_rest)), complete=True)

    def _all_pages(
        self, attempted: str, page: Callable[[str | None], Any], read: Callable[[Any], tuple[list[T], str | None]]
    ) -> list[T]:
        """Read page after page, until one has no marker."""
        found: list[T] = []
        marker: str | None = None
        markers: set[str] = set()
        while True:
            document = page(marker)
            rows, marker = self._vcenter.understood(attempted, partial(read, document))
            found += rows
            if marker is None:
                return found
            if marker in markers:
                raise ListingError(
                    f"Could not {attempted} on {self._vcenter.hostname}: the list comes back to where it was before. Try again."
                )
            markers.add(marker)

    def create(self, permission: Permission) -> None:
        self._call("POST", "/permissions", _giving(permission), rest_creation(permission))

    def update(self, before: Permission, after: Permission) -> None:
        attempted = f"change the permission of {before.principal.shown}"
        self._call("PATCH", self._one(before), attempted, rest_update(before, after))

    def delete(self, permission: Permission) -> None:
        self._call("DELETE", self._one(permission), _taking(permission))

    def _one(self, permission: Permission) -> str:
        return f"/permissions/{quote(permission.id, safe='')}"

    def _call(self, method: str, path: str, attempted: str, document: Any = None) -> Any:
        return _advised(lambda: self._vcenter.call(method, f"{REST}{path}", attempted, document=document))


class LegacyAuthorization:
    """The older API, which knows neither roles by name nor a way to change a permission."""

    name = "legacy"
    title = "Global permissions"
    is_global = True
    changes_in_place = False

    def __init__(self, vcenter: VcenterClient) -> None:
        self._vcenter = vcenter

    def permissions(self) -> list[Permission]:
        document = self._call("POST", "?~action=list-detail", LISTING)
        return self._vcenter.understood(LISTING, lambda: permissions_from_legacy(document))

    def roles(self) -> Roles:
        return Roles()

    def create(self, permission: Permission) -> None:
        self._call("POST", "", _giving(permission), legacy_creation(permission))

    def update(self, *_permissions: Permission) -> None:
        raise AssertionError("the older API changes nothing in place")

    def delete(self, permission: Permission) -> None:
        self._call("DELETE", f"/id:{quote(permission.id, safe='')}", _taking(permission))

    def _call(self, method: str, path: str, attempted: str, document: Any = None) -> Any:
        return _advised(lambda: self._vcenter.call(method, f"{LEGACY}{path}", attempted, document=document))


def _giving(permission: Permission) -> str:
    return f"give {permission.principal.shown} the permission"


def _taking(permission: Permission) -> str:
    return f"remove the permission of {permission.principal.shown}"


def _advised(ask: Callable[[], T]) -> T:
    """What a refusal means here."""
    try:
        return ask()
    except (ForbiddenError, UnauthenticatedError) as error:
        if error.way_out:
            # Of logging in anew, in the midst.
            raise
        raise IdentityBrokerError(
            error.message,
            way_out="The account that logs in needs the privilege Permissions, Modify permission "
            "(Authorization.ModifyPermissions), by a global permission of its own or of its group.",
        ) from None
    except ConflictError as error:
        raise IdentityBrokerError(
            error.message,
            way_out="The list does not show one of this spelling, so somebody gave it at this moment, or vCenter takes another "
            "spelling for the same. Run it again, or look with global_permission_info.",
        ) from None
    except AnswerError as error:
        if error.code != "RESOURCE_BUSY":
            raise
        raise IdentityBrokerError(
            error.message,
            way_out="vCenter keeps its last Administrator. Give the role Admin to another group or account first.",
        ) from None
