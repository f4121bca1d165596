# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Permissions on the root folder of the inventory, through pyVmomi. PRIVATE to this collection.

They are not global. Methods are those of the AuthorizationManager (vSphere Web Services API reference).
"""

from __future__ import annotations

import socket
import ssl
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ._errors import IdentityBrokerError, TransportError
from ._http import HttpClient
from ._permissions import Permission, Principal, Role, Roles

PYVMOMI_IMPORT_ERROR: str | None = None
try:
    from pyVim.connect import Disconnect, SmartConnect
    from pyVmomi import vim, vmodl
except ImportError:
    PYVMOMI_IMPORT_ERROR = traceback.format_exc()

NOT_GLOBAL = (
    "This vCenter offers no API of global permissions, so this is about the root folder of the inventory, as root_folder: true "
    "allows. That is not global: it does not reach what is no part of the inventory, such as tags and content libraries."
)

T = TypeVar("T")


class RootFolderAuthorization:
    """The permissions on the root folder, in a session of their own that is closed on leaving."""

    name = "root_folder"
    title = "Permissions on the root folder"
    is_global = False
    changes_in_place = True

    def __init__(
        self,
        http: HttpClient,
        context: ssl.SSLContext,
        *,
        hostname: str,
        port: int,
        username: str,
        password: str,
        timeout: float,
    ) -> None:
        self._http = http
        self._context = context
        self._hostname = hostname
        self._port = port
        self._username = username
        self._password = password
        self._timeout = timeout
        self._instance: Any = None
        self._content: Any = None

    def __enter__(self) -> RootFolderAuthorization:
        with _patience(self._timeout):
            self._instance = self._asked(f"log in to the SOAP API as {self._username}", self._connected)
        self._content = self._asked("read the SOAP API's services", self._instance.RetrieveContent)
        return self

    def __exit__(self, *_exception: object) -> None:
        Disconnect(self._instance)

    def permissions(self) -> list[Permission]:
        """Those on the root folder itself."""
        rows = self._asked(
            "list the permissions on the root folder",
            lambda: self._manager.RetrieveEntityPermissions(entity=self._root, inherited=False),
        )
        return [
            Permission(
                Principal.spelt("group" if row.group else "user", str(row.principal)),
                str(row.roleId),
                bool(row.propagate),
            )
            for row in rows or ()
        ]

    def roles(self) -> Roles:
        """All of them."""
        rows = self._asked("list the roles", lambda: self._manager.roleList)
        return Roles(tuple(Role(str(row.roleId), str(row.name)) for row in rows), complete=True)

    def create(self, permission: Permission) -> None:
        self._set(f"give {permission.principal.shown} the permission on the root folder", permission)

    def update(self, _before: Permission, after: Permission, /) -> None:
        self._set(f"change the permission of {after.principal.shown} on the root folder", after)

    def delete(self, permission: Permission) -> None:
        principal = permission.principal
        self._asked(
            f"remove the permission of {principal.shown} on the root folder",
            lambda: self._manager.RemoveEntityPermission(
                entity=self._root, user=principal.label, isGroup=principal.type == "group"
            ),
        )

    @property
    def _manager(self) -> Any:
        return self._content.authorizationManager

    @property
    def _root(self) -> Any:
        return self._content.rootFolder

    def _connected(self) -> Any:
        return SmartConnect(
            host=self._hostname,
            port=self._port,
            user=self._username,
            pwd=self._password,
            sslContext=self._context,
            httpConnectionTimeout=self._timeout,
        )

    def _set(self, attempted: str, permission: Permission) -> None:
        principal = permission.principal
        wanted = vim.AuthorizationManager.Permission(
            principal=principal.label,
            group=principal.type == "group",
            roleId=int(permission.role_id),
            propagate=permission.propagate,
        )
        self._asked(attempted, lambda: self._manager.SetEntityPermissions(entity=self._root, permission=[wanted]))

    def _asked(self, attempted: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except vmodl.MethodFault as fault:
            raise self._refusal(attempted, fault) from None
        except Exception as error:  # noqa: BLE001 - pyVmomi raises what it meets, and that itself where no vSphere answers
            problem = f"{type(error).__name__}, {self._http.scrubbed(str(error))}"
            raise TransportError(attempted, self._hostname, problem, "Try again.") from None

    def _refusal(self, attempted: str, fault: Any) -> IdentityBrokerError:
        said = self._http.scrubbed(str(fault.msg or "")).rstrip(".")
        way_out = ""
        if isinstance(fault, vim.fault.NoPermission):
            way_out = "The account that logs in needs the privilege Authorization.ModifyPermissions on the root folder."
        if isinstance(fault, vim.fault.UserNotFound):
            way_out = "Correct principal, domain or principal_type; vCenter looks whether there is one."
        if isinstance(fault, vim.fault.AuthMinimumAdminPermission):
            way_out = "vCenter keeps its last Administrator. Give the role Admin to another group or account first."
        name = type(fault).__name__.rpartition(".")[2]
        return IdentityBrokerError(
            f"Could not {attempted} on {self._hostname}: {name}{f' ({said})' if said else ''}.", way_out=way_out
        )


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """pyVmomi asks for the versions of the API without a time-out of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
