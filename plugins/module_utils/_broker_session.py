# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module of vCenter's Identity Broker takes, and what it works with. PRIVATE to this collection."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ._access import AccessOptions, ScimAccess, TokenHome
from ._address import SCIM_EXAMPLE, host_address, option_address
from ._apply import Work
from ._errors import InputError
from ._http import VCENTER_ADVICE
from ._identity_services import DirectoryTokens, IdentityServicesClient
from ._journal import DEFAULT as JOURNAL
from ._journal import Journal
from ._module import Session, Spec
from ._provision import Provisioned
from ._summary import group_summary, interruption, permission_summary, summary
from ._undo import restore_command
from ._users import USERNAME_FORMATS, WIRE_FORMS
from ._vcenter import VcenterClient
from ._workspace_one import ADVICE as WORKSPACE_ONE_ADVICE
from ._workspace_one import WorkspaceOneClient, checked_url

MOST_THREADS = 64


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


def workspace_one_spec() -> Spec:
    """The options of the C(workspace_one) fragment."""
    return {
        "platform": {"type": "str", "default": "vcenter", "choices": ["vcenter", "workspace_one"]},
        "base_url": {"type": "str", "fallback": (env_fallback, ["WORKSPACE_ONE_URL"])},
        "api_client_id": {"type": "str", "fallback": (env_fallback, ["WORKSPACE_ONE_CLIENT_ID"])},
        "api_client_secret": {
            "type": "str",
            "no_log": True,
            "fallback": (env_fallback, ["WORKSPACE_ONE_CLIENT_SECRET"]),
        },
    }


def broker_spec() -> Spec:
    """The options of the C(vcenter), C(workspace_one) and C(broker) fragments."""
    media_type = {"type": "str", "default": "auto", "choices": ["auto", "vendor", "json"]}
    return {**vcenter_spec(), **workspace_one_spec(), "media_type": media_type}


def prefixed_vcenter_spec() -> Spec:
    """The same for modules whose own option is called C(username)."""
    spec = vcenter_spec()
    spec["vcenter_username"] = spec.pop("username")
    spec["vcenter_password"] = {**spec.pop("password"), "aliases": ["password"]}
    return spec


def scim_info_spec() -> Spec:
    """Return the options of the `scim_info` fragment."""
    return {
        "token": {"type": "str", "no_log": True},
        "scim_url": {"type": "str"},
        "token_file": {"type": "path", "no_log": False},
        "auth_scheme": {"type": "str", "default": "auto", "choices": ["auto", "hzn", "bearer"]},
        "provider_id": {"type": "str"},
    }


def scim_spec() -> Spec:
    """Return the options of the `scim_info` and `scim` fragments, for modules that write."""
    return {
        **scim_info_spec(),
        "mint_token": {"type": "bool", "no_log": False},
        "check_mode_mint": {"type": "bool", "default": False},
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
        "move_from_domain": {"type": "str"},
        "username_format": {"type": "str", "choices": list(USERNAME_FORMATS)},
        "wire_form": {"type": "str", "choices": list(WIRE_FORMS)},
    }


def user_permissions_spec() -> Spec:
    """The options of the C(user_permissions) fragment."""
    return {
        "inherit_permissions": {"type": "bool", "default": False},
        "remove_permissions": {"type": "bool", "default": False},
    }


def journal_spec() -> Spec:
    """The option of modules that may create a user anew."""
    return {"journal_path": {"type": "path", "default": JOURNAL}}


class BrokerSession(Session):
    """The HTTPS session, vCenter where it is given, and SCIM by the token law."""

    def __init__(self, module: AnsibleModule, stack: ExitStack) -> None:
        options = module.params
        if options["hostname"]:
            # Also where a token is given and the name is not used, since it is a mistake all the same.
            host_address("hostname", options["hostname"], options["port"])
        concurrency = 1 if options.get("concurrency") is None else options["concurrency"]
        if not 1 <= concurrency <= MOST_THREADS:
            raise InputError("concurrency", f"{concurrency} is not between 1 and {MOST_THREADS}", "The default is 8.")
        self.is_workspace_one = options.get("platform") == "workspace_one"
        advice = WORKSPACE_ONE_ADVICE if self.is_workspace_one else VCENTER_ADVICE
        super().__init__(module, stack, concurrency=concurrency, advice=advice)
        self._vcenter: VcenterClient | None = None
        self._may_log_in = False
        self._services: IdentityServicesClient | None = None
        needs_none = bool(options.get("token") and options.get("scim_url"))
        has_token = bool(options.get("token_file") or options.get("token"))
        if self.is_workspace_one and not needs_none:
            self._services = self._workspace_one(needed=not has_token)
        elif options["hostname"] and not needs_none:
            self._vcenter = self._named_vcenter(stack, needed=not has_token)
        self._access: ScimAccess | None = None

    def _named_vcenter(self, stack: ExitStack, *, needed: bool) -> VcenterClient:
        options = self._module.params
        prefix = "vcenter_" if "vcenter_username" in options else ""
        login = {name: options[f"{prefix}{name}"] or "" for name in ("username", "password")}
        for name, variable in (("username", "VMWARE_USER"), ("password", "VMWARE_PASSWORD")):
            if not login[name] and needed:
                raise InputError(f"{prefix}{name}", "is not given", f"Give it, or set {variable}.")
        self._may_log_in = all(login.values())
        return stack.enter_context(
            VcenterClient(
                self.http, hostname=options["hostname"], port=options["port"], tenant=options["tenant"], **login
            )
        )

    def _workspace_one(self, *, needed: bool) -> IdentityServicesClient | None:
        options = self._module.params
        variables = {
            "base_url": "WORKSPACE_ONE_URL",
            "api_client_id": "WORKSPACE_ONE_CLIENT_ID",
            "api_client_secret": "WORKSPACE_ONE_CLIENT_SECRET",
        }
        missing = [name for name in variables if not options[name]]
        if missing and needed:
            raise InputError(missing[0], "is not given", f"Give it, or set {variables[missing[0]]}.")
        if missing:
            return None
        home = WorkspaceOneClient(self.http, *(options[name] for name in variables))
        return IdentityServicesClient(self.http, home, options.get("media_type", "auto"))

    @property
    def vcenter(self) -> VcenterClient:
        """The vCenter that was named. Raises InputError where none was."""
        if self._vcenter is None:
            raise InputError("hostname", "is not given", "Give hostname, or set VMWARE_HOST.")
        return self._vcenter

    @property
    def authorizing_vcenter(self) -> VcenterClient | None:
        """Where permissions are looked at. A token is SCIM's alone: without a log-in, they are not."""
        return self._vcenter if self._may_log_in else None

    @property
    def services(self) -> IdentityServicesClient:
        """The broker's own API, wherever it is. Raises InputError where no home of a broker was named."""
        if self._services is None:
            self._services = IdentityServicesClient(
                self.http, self.vcenter, self._module.params.get("media_type", "auto")
            )
        return self._services

    @property
    def tokens(self) -> TokenHome | None:
        """What mints sync tokens; None where the task names nothing that does."""
        if self._vcenter is None and self._services is not None:
            return DirectoryTokens(self._services)
        return self._vcenter

    @property
    def broker_hosts(self) -> set[str]:
        """The names under which the task reaches the broker."""
        options = self._module.params
        hosts = {None if self.is_workspace_one else options["hostname"]}
        if options["scim_url"]:
            hosts.add(option_address("scim_url", options["scim_url"], SCIM_EXAMPLE).host)
        if self.is_workspace_one and options["base_url"]:
            hosts.add(checked_url(options["base_url"]).host)
        return {host for host in hosts if host}

    def scim_access(self, *, changes_state: bool) -> ScimAccess:
        """SCIM by the token law."""
        names = AccessOptions.__dataclass_fields__
        given = self._module.params
        options = AccessOptions(**{name: given[name] for name in names if name in given})
        if options.token:
            self.http.hide(options.token)
        if self.is_workspace_one and options.auth_scheme == "auto":
            # Documented as the one scheme there.
            options = replace(options, auth_scheme="bearer")
        self._access = ScimAccess(
            self.http,
            self.tokens,
            options,
            module=self._module._name,  # noqa: SLF001 - AnsibleModule has no other way to tell its name
            changes_state=changes_state,
            check_mode=self._module.check_mode,
        )
        self._stack.callback(self._access.close)
        return self._access

    def work(self) -> Work:
        """What users are read, planned and written with."""
        journal = Journal(self._module.params["journal_path"])
        return Work(self.http, self.scim_access(changes_state=True), journal, vcenter=self.authorizing_vcenter)

    def told(self, done: Provisioned, work: Work) -> dict[str, Any]:
        """What modules return of a provisioning for people, and where somebody broke it off, what was done by then."""
        self.warnings += done.notes
        self.warnings += done.plan.announcements
        results = [(o.operation.wanted, o.operation.kind, o.error) for o in done.outcomes]
        lines = summary(results, done.plan.announcements, check_mode=self._module.check_mode, minted=self.minted)
        groups = [(each.plan.wanted.display_name, each.plan.operation, each.error) for each in done.groups]
        lines += group_summary(groups, check_mode=self._module.check_mode)
        lines += permission_summary(done.permissions.results(), done.powerless, check_mode=self._module.check_mode)
        undo: dict[str, Any] = {"restore_file": done.restore_file, "restore_command": None}
        if done.restore_file:
            undo["restore_command"] = restore_command(done.restore_file)
            lines += ["To restore the deleted users:", undo["restore_command"]]
        if done.not_done:
            self.warnings.append(done.not_done)
            lines.append(f"NOT DONE {done.not_done}")
        if done.interrupted:
            lines = interruption(lines, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
            try:
                work.journal.report(work.access.client.host, lines)
            except InputError as error:
                self.warnings.append(str(error))
            # Ansible itself has stopped listening by now; the log of the system has not.
            self._module.log("\n".join(lines))
            return {"summary": lines, **undo, "failed": True, "msg": "\n".join(lines)}
        return {"summary": lines, **undo}

    @property
    def minted(self) -> bool:
        return self._access is not None and self._access.minted

    def all_warnings(self) -> list[str]:
        access = self._access.warnings if self._access else []
        vcenter = self._vcenter.warnings if self._vcenter else []
        return [*self.warnings, *access, *vcenter]
