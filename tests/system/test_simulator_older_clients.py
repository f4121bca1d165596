# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The appliance answers older clients and pyVmomi as vCenter does: the session below /rest, and SOAP with its faults."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import SoapStubAdapter, vim, vmodl
from simulator import Appliance
from simulator.client import PROVIDERS, Caller

LEGACY_SESSION = "/rest/com/vmware/cis/session"
LEGACY_PERMISSIONS = "/rest/com/vmware/cis/authz/permission"


@pytest.fixture
def call(appliance: Appliance) -> Iterator[Caller]:
    with Caller(appliance) as caller:
        yield caller


# Sessions below /rest


def test_the_older_session_opens_both_families(appliance: Appliance, call: Caller) -> None:
    answer = call("POST", LEGACY_SESSION, auth=(appliance.username, appliance.password))
    assert (answer.status_code, list(answer.json())) == (200, ["value"])
    call.headers = {"vmware-api-session-id": answer.json()["value"]}
    assert call("GET", PROVIDERS).status_code == 200
    assert call("GET", LEGACY_PERMISSIONS).status_code == 200
    assert call("POST", f"{LEGACY_SESSION}?~action=get").json()["value"]["user"] == appliance.username
    assert call("DELETE", LEGACY_SESSION).status_code == 200
    assert [call("GET", path).status_code for path in (PROVIDERS, LEGACY_PERMISSIONS)] == [401, 401]


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("POST", LEGACY_SESSION, 401, "com.vmware.vapi.std.errors.unauthenticated"),
        ("POST", f"{LEGACY_SESSION}?~action=get", 401, "com.vmware.vapi.std.errors.unauthenticated"),
        ("DELETE", LEGACY_SESSION, 401, "com.vmware.vapi.std.errors.unauthenticated"),
        ("GET", LEGACY_PERMISSIONS, 401, "com.vmware.vapi.std.errors.unauthenticated"),
        ("POST", f"{LEGACY_SESSION}?~action=list", 404, "com.vmware.vapi.rest.httpNotFound"),
        ("PUT", LEGACY_SESSION, 404, "com.vmware.vapi.rest.httpNotFound"),
        ("GET", "/rest/vcenter/vm", 404, "com.vmware.vapi.rest.httpNotFound"),
    ],
)
def test_refusals_below_rest_have_the_older_shape(
    appliance: Appliance, call: Caller, method: str, path: str, status: int, kind: str
) -> None:
    answer = call(method, path, auth=(appliance.username, "wrong"))
    assert (answer.status_code, answer.json()["type"]) == (status, kind)
    assert isinstance(answer.json()["value"]["messages"], list)


# Content types


def test_an_answer_without_content_has_no_content_type(appliance: Appliance, call: Caller) -> None:
    call.log_in()
    answers = [
        call("PUT", "/api/appliance/access/ssh", json={"enabled": True}),
        call("DELETE", "/api/session"),
    ]
    call.use(appliance.mint())
    user = appliance.add_user("muffin", "id-of-muffin")
    answers.append(call.scim("DELETE", f"/Users/{user['id']}"))
    appliance.switches.delete_status = 202
    user = appliance.add_user("muffin", "id-of-muffin")
    answers.append(call.scim("DELETE", f"/Users/{user['id']}"))
    assert [answer.status_code for answer in answers] == [204, 204, 204, 202]
    assert not [answer.headers["Content-Type"] for answer in answers if "Content-Type" in answer.headers]


# SOAP


@pytest.fixture
def anonymous(appliance: Appliance) -> Iterator[Any]:
    """pyVmomi, not logged in."""
    context = ssl.create_default_context(cafile=str(appliance.ca_file))
    adapter = SoapStubAdapter(
        host="localhost", port=appliance.https_port, sslContext=context, version="vim.version.v9_0_0_0"
    )
    yield vim.ServiceInstance("ServiceInstance", adapter)
    adapter.DropConnections()


@pytest.fixture
def vsphere(appliance: Appliance) -> Iterator[Any]:
    """pyVmomi, logged in."""
    instance = SmartConnect(
        host="localhost",
        port=appliance.https_port,
        user=appliance.username,
        pwd=appliance.password,
        sslContext=ssl.create_default_context(cafile=str(appliance.ca_file)),
    )
    yield instance
    Disconnect(instance)


def test_without_a_session_only_what_is_anonymous(appliance: Appliance, anonymous: Any) -> None:
    content = anonymous.content
    assert content.about.version == "9.0.0"
    assert content.sessionManager.currentSession is None
    with pytest.raises(vim.fault.NotAuthenticated):
        anonymous.CurrentTime()
    with pytest.raises(vim.fault.NotAuthenticated):
        _name = content.rootFolder.name
    with pytest.raises(vim.fault.InvalidLogin):
        content.sessionManager.Login(appliance.username, "wrong")


def test_an_object_that_is_not_there_ends_in_a_fault(vsphere: Any) -> None:
    content = vsphere.RetrieveContent()
    assert list(content.rootFolder.childEntity) == []
    gone = vim.Folder("group-d9", content.rootFolder._stub)
    with pytest.raises(vmodl.fault.ManagedObjectNotFound) as missing:
        _name = gone.name
    assert missing.value.obj._moId == "group-d9"
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        content.authorizationManager.RetrieveEntityPermissions(gone, inherited=False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no XML",
        b"<Envelope/>",
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>',
    ],
)
def test_a_request_that_cannot_be_read_ends_in_a_fault(call: Caller, body: bytes) -> None:
    answer = call("POST", "/sdk", data=body, headers={"Content-Type": "text/xml"})
    assert answer.status_code == 500
    fault = ElementTree.fromstring(answer.content).find(".//{*}Fault")  # noqa: S314 - the simulator wrote it
    assert fault is not None
    assert fault.findtext("faultcode") == "ServerFaultCode"
    detail = fault.find("detail")
    assert detail is not None
    assert [each.tag for each in detail] == ["{urn:vim25}InvalidRequestFault"]
