# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module of SDDC Manager takes, and what it works with. PRIVATE to this collection."""

from __future__ import annotations

from contextlib import ExitStack

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ._errors import InputError
from ._module import Session, Spec
from ._sddc_manager import ADVICE, Login, SddcManagerClient


def sddc_spec() -> Spec:
    """The options of the C(sddc) fragment."""
    return {
        "hostname": {"type": "str", "fallback": (env_fallback, ["SDDC_MANAGER_HOST"])},
        "port": {"type": "int", "default": 443, "fallback": (env_fallback, ["SDDC_MANAGER_PORT"])},
        "username": {"type": "str", "fallback": (env_fallback, ["SDDC_MANAGER_USER"])},
        "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["SDDC_MANAGER_PASSWORD"])},
        "api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["SDDC_MANAGER_API_KEY"])},
        "id_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["SDDC_MANAGER_ID_TOKEN"])},
        "validate_certs": {
            "type": "bool",
            "default": True,
            "fallback": (env_fallback, ["SDDC_MANAGER_VALIDATE_CERTS"]),
        },
        "ca_path": {"type": "path", "fallback": (env_fallback, ["SDDC_MANAGER_CA_PATH"])},
        "timeout": {"type": "float", "default": 60.0},
    }


def ldap_spec() -> Spec:
    """The options of a directory server but its domain, which stand in an object of their own."""
    return {
        "type": {"type": "str", "choices": ["ActiveDirectory", "OpenLdap"]},
        "domain_alias": {"type": "str"},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "users_base_dn": {"type": "str"},
        "groups_base_dn": {"type": "str"},
        "server_endpoints": {"type": "list", "elements": "str"},
        "cert_chain": {"type": "list", "elements": "str"},
    }


class SddcSession(Session):
    """The HTTPS session, and SDDC Manager."""

    def __init__(self, module: AnsibleModule, stack: ExitStack) -> None:
        super().__init__(module, stack, advice=ADVICE)
        options = module.params
        hostname = options["hostname"]
        if not hostname:
            raise InputError("hostname", "is not given", "Give it, or set SDDC_MANAGER_HOST.")
        self.sddc_manager = stack.enter_context(
            SddcManagerClient(self.http, hostname=hostname, port=options["port"], login=_login(options))
        )

    def all_warnings(self) -> list[str]:
        return [*self.warnings, *self.sddc_manager.warnings]


def _login(options: dict[str, str | None]) -> Login:
    """One proof alone is sent: the rarer one, which nobody gives by chance."""
    if options["api_key"] and options["id_token"]:
        raise InputError("api_key", "is given, and id_token too", "Give one of them.")
    if options["api_key"] or options["id_token"]:
        return Login(api_key=options["api_key"], id_token=options["id_token"])
    for name, variable in (("username", "SDDC_MANAGER_USER"), ("password", "SDDC_MANAGER_PASSWORD")):
        if not options[name]:
            raise InputError(name, "is not given, nor is api_key or id_token", f"Give it, or set {variable}.")
    return Login(options["username"], options["password"])
