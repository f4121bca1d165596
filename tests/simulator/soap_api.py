# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of vSphere's SOAP API as pyVmomi calls for permissions on the root folder (vSphere Web Services API reference)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from flask import Blueprint, Response, request

from .permissions import ROOT_FOLDER, Kind, Permission, Permissions, Principal, RefusedError
from .state import State
from .switches import Switches

COOKIE = "vmware_soap_session"
VERSIONS = ("9.0.0.0", "8.0.3.0", "8.0.1.0", "7.0")
ANONYMOUS = ("content", "currentSession")
"""The properties that may be read before the login (privilege System.Anonymous)."""
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'

CONTENT = """<returnval><rootFolder type="Folder">group-d1</rootFolder>\
<propertyCollector type="PropertyCollector">propertyCollector</propertyCollector>\
<about><name>VMware vCenter Server</name><fullName>VMware vCenter Server 9.0.0</fullName><vendor>VMware, Inc.</vendor>\
<version>9.0.0</version><build>1</build><osType>linux-x64</osType><productLineId>vpx</productLineId>\
<apiType>VirtualCenter</apiType><apiVersion>9.0.0.0</apiVersion></about>\
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
    methods = _Methods(state, _Authorization(permissions, switches))

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
        try:
            return methods.answer(_method(request.get_data()), request.cookies.get(COOKIE, "").strip('"'))
        except FaultError as error:
            return _fault(error)

    return api


def _method(envelope: bytes) -> ElementTree.Element:
    """Return the one element in the body of a request."""
    try:
        body = ElementTree.fromstring(envelope).find("{*}Body")  # noqa: S314 - the tests wrote it
    except ElementTree.ParseError as error:
        raise FaultError("InvalidRequest", f"XML document is not well formed: {error}") from None
    if body is None or len(body) != 1:
        raise FaultError("InvalidRequest", "Expected one method in the Body of the Envelope.")
    return body[0]


class _Methods:
    """The methods of the managed objects that pyVmomi's users call for sessions and permissions."""

    def __init__(self, state: State, authorization: _Authorization) -> None:
        self._state = state
        self._authorization = authorization
        self._inside: dict[str, Callable[[ElementTree.Element], str]] = {
            "CurrentTime": lambda _method: f"<returnval>{_now()}</returnval>",
            "RetrieveEntityPermissions": authorization.retrieve,
            "RetrieveAllPermissions": authorization.retrieve_all,
            "HasPrivilegeOnEntity": authorization.has_privileges,
            "SetEntityPermissions": authorization.set,
            "RemoveEntityPermission": authorization.remove,
        }

    def answer(self, method: ElementTree.Element, session: str) -> Response:
        name = _local(method)
        if name == "RetrieveServiceContent":
            return _answer(name, CONTENT)
        if name == "Login":
            return _logged_in(self._state, _text(method, "userName"), _text(method, "password"))
        if name == "Fetch" and _text(method, "prop") in ANONYMOUS:
            return _answer(name, self._property(method, session))
        if self._state.session(session) is None:
            raise FaultError("NotAuthenticated", "The session is not authenticated.")
        if name == "Logout":
            self._state.log_out(session)
            return _answer(name, "")
        if name == "Fetch":
            return _answer(name, self._property(method, session))
        if name not in self._inside:
            raise FaultError("InvalidRequest", f"Unable to resolve WSDL method name {name}")
        return _answer(name, self._inside[name](method))

    def _property(self, method: ElementTree.Element, session: str) -> str:
        """Return one property of a managed object."""
        kind, key = _reference(method, "_this")
        prop = _text(method, "prop")
        if kind == "Folder" and (kind, key) != ROOT_FOLDER:
            raise _object_not_found(kind, key)
        properties: dict[tuple[str, str], Callable[[], str]] = {
            ("ServiceInstance", "content"): lambda: CONTENT.replace(
                "<returnval>", '<returnval xsi:type="ServiceContent">', 1
            ),
            ("AuthorizationManager", "roleList"): self._authorization.roles,
            ("SessionManager", "currentSession"): lambda: _session(self._state, session),
            ("Folder", "name"): lambda: '<returnval xsi:type="xsd:string">Datacenters</returnval>',
            ("Folder", "childEntity"): lambda: '<returnval xsi:type="ArrayOfManagedObjectReference"/>',
        }
        if (kind, prop) not in properties:
            raise FaultError(
                "InvalidProperty", f"The property {prop} of {kind} is not valid.", f"<name>{escape(prop)}</name>"
            )
        return properties[kind, prop]()


def _logged_in(state: State, user: str, password: str) -> Response:
    session = state.log_in(user, password)
    if session is None:
        raise FaultError("InvalidLogin", "Cannot complete login due to an incorrect user name or password.")
    answer = _answer("Login", _session(state, session))
    answer.headers["Set-Cookie"] = f'{COOKIE}="{session}"; Path=/; HttpOnly; Secure;'
    return answer


def _session(state: State, key: str) -> str:
    """Return a session, or nothing for one that there is not: the property is optional."""
    session = state.session(key)
    if session is None:
        return ""
    user = escape(session.user)
    return (
        f'<returnval xsi:type="UserSession"><key>{key}</key><userName>{user}</userName><fullName>{user}</fullName>'
        f"<loginTime>{_now(session.created)}</loginTime><lastActiveTime>{_now(session.last_used)}</lastActiveTime>"
        f"<locale>en</locale><messageLocale>en</messageLocale></returnval>"
    )


def _now(moment: float | None = None) -> str:
    when = datetime.now(UTC) if moment is None else datetime.fromtimestamp(moment, UTC)
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Authorization:
    """The AuthorizationManager, for the root folder only."""

    def __init__(self, permissions: Permissions, switches: Switches) -> None:
        self._permissions = permissions
        self._switches = switches

    def roles(self) -> str:
        roles = "".join(
            f"<AuthorizationRole><roleId>{key}</roleId><system>{_bool(role.system)}</system><name>{escape(role.name)}</name>"
            f"<info><label>{escape(role.name)}</label><summary>{escape(role.description)}</summary></info></AuthorizationRole>"
            for key, role in sorted(self._permissions.roles().items())
        )
        return f'<returnval xsi:type="ArrayOfAuthorizationRole">{roles}</returnval>'

    def retrieve(self, method: ElementTree.Element) -> str:
        self._known(method)
        return self.retrieve_all(method)

    def has_privileges(self, method: ElementTree.Element) -> str:
        """The one account that logs in here has all of them."""
        self._known(method)
        return "".join("<returnval>true</returnval>" for _privilege in method.findall("{*}privId"))

    def retrieve_all(self, _method: ElementTree.Element) -> str:
        """Return the permissions on objects of the inventory. Global permissions are not among them."""
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
        entity = _reference(method, "entity")
        if entity != ROOT_FOLDER:
            raise _object_not_found(*entity)


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


def _object_not_found(kind: str, key: str) -> FaultError:
    message = f"The object 'vim.{kind}:{key}' has already been deleted or has not been completely created"
    return FaultError("ManagedObjectNotFound", message, f'<obj type="{escape(kind)}">{escape(key)}</obj>')


def _reference(element: ElementTree.Element, name: str) -> tuple[str, str]:
    """Return the type and the id of a managed object that a request names."""
    found = element.find(f"{{*}}{name}")
    return ("", "") if found is None else (found.get("type", ""), found.text or "")


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _bool(value: bool) -> str:
    return "true" if value else "false"
