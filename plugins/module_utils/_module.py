# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What joins modules to Ansible: options, the one try, and the way out. PRIVATE to this collection."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from ._access import AccessOptions, ScimAccess
from ._apply import Work
from ._errors import IdentityBrokerError, InputError
from ._http import REQUESTS_IMPORT_ERROR, VCENTER_ADVICE, Advice, HttpClient
from ._journal import DEFAULT as JOURNAL
from ._journal import Journal
from ._pocket_id import ADVICE as POCKET_ID_ADVICE
from ._pocket_id import PocketIdClient
from ._provision import Provisioned
from ._summary import group_summary, interruption, summary
from ._users import USERNAME_FORMATS, WIRE_FORMS
from ._vcenter import VcenterClient

Spec = dict[str, dict[str, Any]]
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
MOST_THREADS = 64
MOST_ECHOED = 100
POCKET_ID_THREADS = 8
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


S = TypeVar("S", bound="Session")


def vcenter_spec() -> Spec:
    """The options of the C(vcenter) fragment."""
    return {
        "hostname": {"type": "str", "fallback": (env_fallback, ["VMWARE_HOST"])},
        "port": {"type": "int", "default": 443, "fallback": (env_fallback, ["VMWARE_PORT"])},
        "username": {"type": "str", "fallback": (env_fallback, ["VMWARE_USER"])},
        "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["VMWARE_PASSWORD"])},
        "validate_certs": {"type": "bool", "default": True, "fallback": (env_fallback, ["VMWARE_VALIDATE_CERTS"])},
        "ca_path": {"type": "path", "fallback": (env_fallback, ["VMWARE_CA_PATH"])},
        "timeout": {"type": "float", "default": 30.0},
        "tenant": {"type": "str", "default": "customer"},
    }


def prefixed_vcenter_spec() -> Spec:
    """The same for modules whose own option is called C(username)."""
    spec = vcenter_spec()
    spec["vcenter_username"] = spec.pop("username")
    spec["vcenter_password"] = {**spec.pop("password"), "aliases": ["password"]}
    return spec


def scim_spec() -> Spec:
    """The options of the C(scim) fragment."""
    return {
        "token": {"type": "str", "no_log": True},
        "scim_url": {"type": "str"},
        "token_file": {"type": "path", "no_log": False},
        "auth_scheme": {"type": "str", "default": "auto", "choices": ["auto", "hzn", "bearer"]},
        "mint_token": {"type": "bool", "no_log": False},
        "check_mode_mint": {"type": "bool", "default": False},
        "provider_id": {"type": "str"},
    }


def user_spec() -> Spec:
    """The options that describe one user; in a list their defaults come from the module's own options."""
    return {
        "username": {"type": "raw", "required": True},
        "domain": {"type": "str"},
        "external_id": {"type": "raw"},
        "given_name": {"type": "str"},
        "family_name": {"type": "str"},
        "display_name": {"type": "str"},
        "email": {"type": "str"},
        "active": {"type": "bool"},
        "state": {"type": "str", "choices": ["present", "absent"]},
        "recreate": {"type": "bool"},
        "rename": {"type": "bool"},
        "username_format": {"type": "str", "choices": list(USERNAME_FORMATS)},
        "wire_form": {"type": "str", "choices": list(WIRE_FORMS)},
    }


def journal_spec() -> Spec:
    """The option of modules that may create a user anew."""
    return {"journal_path": {"type": "path", "default": JOURNAL}}


def pocket_id_spec() -> Spec:
    """The options of the C(pocket_id) fragment."""
    return {
        "url": {"type": "str", "fallback": (env_fallback, ["POCKET_ID_URL"])},
        "api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["POCKET_ID_API_KEY"])},
        "validate_certs": {"type": "bool", "default": True, "fallback": (env_fallback, ["POCKET_ID_VALIDATE_CERTS"])},
        "ca_path": {"type": "path", "fallback": (env_fallback, ["POCKET_ID_CA_PATH"])},
        "timeout": {"type": "float", "default": 30.0},
    }


class Session:
    """The HTTPS session of a module, and what there is to say besides its result."""

    def __init__(
        self, module: AnsibleModule, stack: ExitStack, *, concurrency: int = 1, advice: Advice = VCENTER_ADVICE
    ) -> None:
        options = module.params
        self._module = module
        self.http = stack.enter_context(
            HttpClient(
                validate_certs=options["validate_certs"],
                ca_path=options["ca_path"],
                timeout=options["timeout"],
                check_mode=module.check_mode,
                concurrency=concurrency,
                advice=advice,
            )
        )
        self.warnings: list[str] = []
        self.released: str | None = None
        """The one secret that the task was asked for; options that hold it stay hidden all the same."""
        if not options["validate_certs"]:
            self.warnings.append("Certificates are not verified: whoever is in between reads the credentials.")

    @property
    def minted(self) -> bool:
        """Whether a sync token was minted."""
        return False

    def requests(self) -> dict[str, int]:
        """How many requests of each kind were sent."""
        return {method.lower(): self.http.sent.get(method, 0) for method in METHODS}

    def all_warnings(self) -> list[str]:
        """What the user must know besides the result."""
        return self.warnings


class PocketIdConnection(Session):
    """What a module of Pocket ID works with."""

    def __init__(self, module: AnsibleModule, stack: ExitStack) -> None:
        super().__init__(module, stack, concurrency=POCKET_ID_THREADS, advice=POCKET_ID_ADVICE)
        for name, variable in (("url", "POCKET_ID_URL"), ("api_key", "POCKET_ID_API_KEY")):
            if not module.params[name]:
                raise InputError(name, "is not given", f"Give it, or set {variable}.")
        self.pocket_id = PocketIdClient(self.http, module.params["url"], module.params["api_key"])


class Connection(Session):
    """What a module works with: the HTTPS session, vCenter where it is given, and SCIM by the token law."""

    def __init__(self, module: AnsibleModule, stack: ExitStack) -> None:
        options = module.params
        if "\n" in (options["hostname"] or "") or "/" in (options["hostname"] or ""):
            raise InputError("hostname", f"{options['hostname']!r} is no host name", "Give the name alone, no URL.")
        concurrency = 1 if options.get("concurrency") is None else options["concurrency"]
        if not 1 <= concurrency <= MOST_THREADS:
            raise InputError("concurrency", f"{concurrency} is not between 1 and {MOST_THREADS}", "The default is 8.")
        super().__init__(module, stack, concurrency=concurrency)
        self._vcenter: VcenterClient | None = None
        if options["hostname"] and not (options.get("token") and options.get("scim_url")):
            prefix = "vcenter_" if "vcenter_username" in options else ""
            login = {name: options[f"{prefix}{name}"] or "" for name in ("username", "password")}
            for name, variable in (("username", "VMWARE_USER"), ("password", "VMWARE_PASSWORD")):
                if not login[name] and not options.get("token_file") and not options.get("token"):
                    raise InputError(f"{prefix}{name}", "is not given", f"Give it, or set {variable}.")
            self._vcenter = stack.enter_context(
                VcenterClient(
                    self.http, hostname=options["hostname"], port=options["port"], tenant=options["tenant"], **login
                )
            )
        self._access: ScimAccess | None = None

    @property
    def vcenter(self) -> VcenterClient:
        """The vCenter that was named. Raises InputError where none was."""
        if self._vcenter is None:
            raise InputError("hostname", "is not given", "Give hostname, or set VMWARE_HOST.")
        return self._vcenter

    @property
    def broker_hosts(self) -> set[str]:
        """The names under which the task reaches the broker."""
        options = self._module.params
        return {host for host in (options["hostname"], urlsplit(options["scim_url"] or "").hostname) if host}

    def scim_access(self, *, changes_state: bool) -> ScimAccess:
        """SCIM by the token law."""
        names = AccessOptions.__dataclass_fields__
        options = AccessOptions(**{name: self._module.params[name] for name in names})
        if options.token:
            self.http.hide(options.token)
        self._access = ScimAccess(
            self.http, self._vcenter, options, changes_state=changes_state, check_mode=self._module.check_mode
        )
        return self._access

    def work(self) -> Work:
        """What users are read, planned and written with."""
        return Work(self.http, self.scim_access(changes_state=True), Journal(self._module.params["journal_path"]))

    def told(self, done: Provisioned, work: Work) -> dict[str, Any]:
        """What modules return of a provisioning for people, and where somebody broke it off, what was done by then."""
        self.warnings += done.notes
        if done.plan.binding:
            self.warnings.append(done.plan.binding.announcement)
        results = [(o.operation.wanted, o.operation.kind, o.error) for o in done.outcomes]
        lines = summary(results, done.plan.binding, check_mode=self._module.check_mode, minted=self.minted)
        groups = [(each.plan.wanted.display_name, each.plan.operation, each.error) for each in done.groups]
        lines += group_summary(groups, check_mode=self._module.check_mode)
        if done.interrupted:
            lines = interruption(lines, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
            try:
                work.journal.report(work.access.client.host, lines)
            except InputError as error:
                self.warnings.append(str(error))
            # Ansible itself has stopped listening by now; the log of the system has not.
            self._module.log("\n".join(lines))
            return {"summary": lines, "failed": True, "msg": "\n".join(lines)}
        return {"summary": lines}

    @property
    def minted(self) -> bool:
        return self._access is not None and self._access.minted

    def all_warnings(self) -> list[str]:
        access = self._access.warnings if self._access else []
        vcenter = self._vcenter.warnings if self._vcenter else []
        return [*self.warnings, *access, *vcenter]


def make_module(*specs: Spec, **arguments: Any) -> AnsibleModule:
    """An AnsibleModule that takes all options of the given parts."""
    # Thousands of users are many objects that stay to the end; to search them for garbage takes a tenth of the time.
    gc.disable()
    merged: Spec = {}
    for spec in specs:
        merged.update(spec)
    return AnsibleModule(argument_spec=merged, supports_check_mode=True, **arguments)


def run(module: AnsibleModule, work: Callable[[Connection], dict[str, Any]]) -> None:
    """Do the work of a module of the broker; see C(run_with)."""
    run_with(Connection, module, work)


def run_with(
    connect: Callable[[AnsibleModule, ExitStack], S], module: AnsibleModule, work: Callable[[S], dict[str, Any]]
) -> None:
    """Do the work, and end the module with its result, or with one message that says what went wrong.

    A result with C(msg) and C(failed) is a failure that still says what was done.
    """
    if REQUESTS_IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)
    connection: S | None = None
    result: dict[str, Any] = {}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with ExitStack() as stack:
            connection = connect(module, stack)
            try:
                result = work(connection)
            except KeyboardInterrupt:
                # What is still sent, such as the logging out, waits for nothing any more.
                connection.http.hurry.set()
                raise
    except IdentityBrokerError as error:
        result = {"failed": True, "msg": str(error)}
        if connection is not None and connection.minted:
            result["minted"] = True
    except KeyboardInterrupt:
        result = result or _interrupted(connection)
    _leave(module, connection, result)


def _interrupted(connection: Session | None) -> dict[str, Any]:
    if connection is None or not connection.http.wrote:
        return {"failed": True, "msg": "Interrupted. Nothing had been written."}
    told = "Interrupted. Some of it may have been done; running the same task again does the rest."
    return {"failed": True, "msg": told, **({"minted": True} if connection.minted else {})}


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _leave(module: AnsibleModule, connection: Session | None, result: Mapping[str, Any]) -> None:
    for warning in connection.all_warnings() if connection else []:
        module.warn(warning)
    released = None
    if connection is not None:
        module.no_log_values.update(connection.http.secrets)
        released = connection.released
        module.no_log_values.discard(released)
    arguments = {name: _echoed(value, released) for name, value in module.params.items()}
    result = {**result, "invocation": {"module_args": arguments}}
    if result.get("failed"):
        module.fail_json(**{key: value for key, value in result.items() if key != "failed"})
    module.exit_json(**result)


def _echoed(value: Any, released: str | None) -> Any:
    """An option as the result repeats it. A long list comes back as its length: the result has an item for each anyway."""
    if released is not None and value == released:
        return HIDDEN
    return f"{len(value)} items" if isinstance(value, list) and len(value) > MOST_ECHOED else value
