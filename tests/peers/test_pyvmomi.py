# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""pyVmomi's SmartConnect and what its users read talk to the simulator."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl
from simulator import Appliance


@pytest.fixture
def service(appliance: Appliance) -> Iterator[Any]:
    instance = SmartConnect(
        host="localhost",
        port=appliance.https_port,
        user=appliance.username,
        pwd=appliance.password,
        sslContext=ssl.create_default_context(cafile=str(appliance.ca_file)),
    )
    yield instance
    Disconnect(instance)


def test_what_users_of_smartconnect_read(service: Any, appliance: Appliance) -> None:
    content = service.content
    assert content.about.apiVersion == f"{content.about.version}.0"
    assert service.CurrentTime().tzinfo is not None
    assert content.sessionManager.currentSession.userName == appliance.username
    assert content.rootFolder.name == "Datacenters"


def test_permissions_and_privileges(service: Any) -> None:
    manager, root = service.content.authorizationManager, service.content.rootFolder
    assert {role.name for role in manager.roleList} == {"Admin", "ReadOnly", "NoAccess"}
    given = vim.AuthorizationManager.Permission(principal="LAB\\muffin", group=False, roleId=-2, propagate=True)
    manager.SetEntityPermissions(root, [given])
    assert "LAB\\muffin" in {each.principal for each in manager.RetrieveEntityPermissions(root, inherited=False)}
    assert "LAB\\muffin" in {each.principal for each in manager.RetrieveAllPermissions()}
    session = service.content.sessionManager.currentSession.key
    assert manager.HasPrivilegeOnEntity(root, session, ["System.Read", "System.View"]) == [True, True]
    manager.RemoveEntityPermission(root, "LAB\\muffin", isGroup=False)
    assert "LAB\\muffin" not in {each.principal for each in manager.RetrieveAllPermissions()}


def test_what_there_is_not_is_a_fault(service: Any) -> None:
    with pytest.raises(vmodl.fault.InvalidRequest, match="Unable to resolve WSDL method name"):
        service.content.sessionManager.SessionIsActive("key", "name")
    with pytest.raises(vmodl.query.InvalidProperty):
        _property = service.content.rootFolder.overallStatus


def test_a_wrong_password_is_refused(appliance: Appliance) -> None:
    with pytest.raises(vim.fault.InvalidLogin):
        SmartConnect(
            host="localhost",
            port=appliance.https_port,
            user=appliance.username,
            pwd="wrong",
            sslContext=ssl.create_default_context(cafile=str(appliance.ca_file)),
        )
