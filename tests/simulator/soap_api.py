# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of vSphere's SOAP API as pyVmomi calls for permissions on the root folder (vSphere Web Services API reference)."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from flask import Blueprint, Response, request

from .permissions import ROOT_FOLDER, Kind, Permission, Permissions, Principal, RefusedError
from .state import State
from .switches import Switches

COOKIE = "vmware_soap_session"
VERSIONS = ("9.0.0.0", "8.0.3.0", "8.0.1.0", "7.0")
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

CONTENT = """<returnval><rootFolder type="Folder">group-d1</rootFolder>\
<propertyCollector type="PropertyCollector">propertyCollector</propertyCollector>\
<about><name>VMware vCenter Server</name><fullName>VMware vCenter Server 8.0.3</fullName><vendor>VMware, Inc.</vendor>\
<version>8.0.3</version><build>1</build><osType>linux-x64</osType><productLineId>vpx</productLineId>\
<apiType>VirtualCenter</apiType><apiVersion>8.0.3.0</apiVersion></about>\
<sessionManager type="SessionManager">SessionManager</sessionManager>\
<authorizationManager type="AuthorizationManager">AuthorizationManager</authorizationManager></returnval>"""


class FaultError(Exception):
    """A fault, by the name of its type."""

    def __init__(self, kind: str, message: str, inner: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.inner = inner


def soap_api(state: State, permissions: Permissions, switches: Switches) -> Blueprint:
    api = Blueprint("soap", __name__, url_prefix="/sdk")
    authorization = _Authorization(permissions, switches)
    inside: dict[str, Callable[[ElementTree.Element], str]] = {
        "Fetch": authorization.fetch,
        "RetrieveEntityPermissions": authorization.retrieve,
        "SetEntityPermissions": authorization.set,
        "RemoveEntityPermission": authorization.remove,
    }

    @api.get("/vimServiceVersions.xml")
    def versions() -> Response:
        older = "".join(f"<version>{version}</version>" for version in VERSIONS[1:])
        text = (
            f'<namespaces version="1.0"><namespace><name>urn:vim25</name><version>{VERSIONS[0]}</version>'
            f"<priorVersions>{older}</priorVersions></namespace></namespaces>"
        )
        return Response(text, content_type="text/xml")

    @api.post("")
    def call() -> Response:
        body = ElementTree.fromstring(request.get_data()).find("{*}Body")  # noqa: S314 - pyVmomi wrote it
        assert body is not None
        (method,) = body
        try:
            return answered(method, request.cookies.get(COOKIE, "").strip('"'))
        except FaultError as error:
            return _fault(error)

    def answered(method: ElementTree.Element, session: str) -> Response:
        name = _local(method)
        if name == "RetrieveServiceContent":
            return _answer(name, CONTENT)
        if name == "Login":
            return _logged_in(state, _text(method, "userName"), _text(method, "password"))
        if state.session(session) is None:
            raise FaultError("NotAuthenticated", "The session is not authenticated.")
        if name == "Logout":
            state.log_out(session)
            return _answer(name, "")
        return _answer(name, inside[name](method))

    return api


def _logged_in(state: State, user: str, password: str) -> Response:
    session = state.log_in(user, password)
    if session is None:
        raise FaultError("InvalidLogin", "Cannot complete login due to an incorrect user name or password.")
    now = "2026-01-01T00:00:00Z"
    told = (
        f"<returnval><key>{session}</key><userName>{escape(user)}</userName><fullName>{escape(user)}</fullName>"
        f"<loginTime>{now}</loginTime><lastActiveTime>{now}</lastActiveTime><locale>en</locale>"
        "<messageLocale>en</messageLocale></returnval>"
    )
    answer = _answer("Login", told)
    answer.headers["Set-Cookie"] = f'{COOKIE}="{session}"; Path=/; HttpOnly; Secure;'
    return answer


class _Authorization:
    """The AuthorizationManager, for the root folder only."""

    def __init__(self, permissions: Permissions, switches: Switches) -> None:
        self._permissions = permissions
        self._switches = switches

    def fetch(self, method: ElementTree.Element) -> str:
        if _text(method, "prop") != "roleList":
            raise FaultError("InvalidProperty", "There is no such property here.")
        roles = "".join(
            f"<AuthorizationRole><roleId>{key}</roleId><system>{_bool(role.system)}</system><name>{escape(role.name)}</name>"
            f"<info><label>{escape(role.name)}</label><summary>{escape(role.description)}</summary></info></AuthorizationRole>"
            for key, role in sorted(self._permissions.roles().items())
        )
        return f'<returnval xsi:type="ArrayOfAuthorizationRole">{roles}</returnval>'

    def retrieve(self, method: ElementTree.Element) -> str:
        self._known(method)
        return "".join(
            f'<returnval><entity type="Folder">group-d1</entity><principal>{escape(row.principal.full_name)}</principal>'
            f"<group>{_bool(row.principal.type == 'GROUP')}</group><roleId>{row.role}</roleId>"
            f"<propagate>{_bool(row.propagating)}</propagate></returnval>"
            for row in self._permissions.all()
            if row.object == ROOT_FOLDER
        )

    def set(self, method: ElementTree.Element) -> str:
        """Creates or changes, as it comes."""
        self._known(method)
        for item in method.findall("{*}permission"):
            spelling = _text(item, "principal")
            if spelling in self._switches.unknown_principals:
                inner = f"<principal>{escape(spelling)}</principal><unresolved>false</unresolved>"
                raise FaultError("UserNotFound", f"The user or group named '{spelling}' does not exist.", inner)
            principal = Principal.spelt("GROUP" if _text(item, "group") == "true" else "USER", spelling)
            role, propagating = _text(item, "roleId"), _text(item, "propagate") == "true"
            standing = self._standing(principal)
            try:
                if standing is None:
                    self._permissions.create(Permission(principal, role, propagating, ROOT_FOLDER))
                else:
                    self._permissions.update(standing, role, propagating)
            except RefusedError as error:
                raise FaultError("NotFound", error.message) from None
        return ""

    def remove(self, method: ElementTree.Element) -> str:
        self._known(method)
        kind: Kind = "GROUP" if _text(method, "isGroup") == "true" else "USER"
        standing = self._standing(Principal.spelt(kind, _text(method, "user")))
        if standing is None:
            raise FaultError("NotFound", "The object or item referred to could not be found.")
        self._permissions.delete(standing)
        return ""

    def _standing(self, principal: Principal) -> str | None:
        rows = [row for row in self._permissions.all() if row.object == ROOT_FOLDER]
        return next((row.id for row in rows if row.principal.key() == principal.key()), None)

    def _known(self, method: ElementTree.Element) -> None:
        if _text(method, "entity") != ROOT_FOLDER[1]:
            raise FaultError("ManagedObjectNotFound", "The object has already been deleted.")


def _answer(method: str, inside: str) -> Response:
    return _envelope(f'<{method}Response xmlns="urn:vim25" {XSI}>{inside}</{method}Response>', 200)


def _fault(error: FaultError) -> Response:
    detail = f'<{error.kind}Fault xmlns="urn:vim25" {XSI} xsi:type="{error.kind}">{error.inner}</{error.kind}Fault>'
    text = (
        f"<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{escape(str(error))}</faultstring>"
        f"<detail>{detail}</detail></soapenv:Fault>"
    )
    return _envelope(text, 500)


def _envelope(inside: str, status: int) -> Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>"
    )
    return Response(text, status, content_type="text/xml; charset=utf-8")


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _bool(value: bool) -> str:
    return "true" if value else "false"
