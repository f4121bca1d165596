# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules of permissions take, and through which API they work. PRIVATE to this collection."""

from __future__ import annotations

from contextlib import ExitStack

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._authorization import Found, global_authorization, not_offered
from ._broker_session import BrokerSession, vcenter_spec
from ._errors import IdentityBrokerError
from ._module import Spec
from ._root_folder import NOT_GLOBAL, PYVMOMI_IMPORT_ERROR, RootFolderAuthorization
from ._tls import tls_context


def permission_spec() -> Spec:
    """The options of every module of permissions."""
    return {**vcenter_spec(), "root_folder": {"type": "bool", "default": False}}


class PermissionSession(BrokerSession):
    """The session of vCenter, and what gives permissions there."""

    def __init__(self, module: AnsibleModule, stack: ExitStack) -> None:
        super().__init__(module, stack)
        self._stack = stack

    def found(self) -> Found:
        """The API that there is, and the permissions. Raises IdentityBrokerError."""
        found = global_authorization(self.vcenter)
        if found is not None:
            return found
        if not self._module.params["root_folder"]:
            raise not_offered(self.vcenter)
        if PYVMOMI_IMPORT_ERROR is not None:
            raise IdentityBrokerError(missing_required_lib("pyvmomi", reason="for root_folder"))
        options = self._module.params
        login = {name: options[name] for name in ("hostname", "port", "username", "password", "timeout")}
        context = tls_context(options["validate_certs"], options["ca_path"])
        root_folder = self._stack.enter_context(RootFolderAuthorization(self.http, context, **login))
        self.warnings.append(NOT_GLOBAL)
        return Found(root_folder, root_folder.permissions())
