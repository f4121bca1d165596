# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The appliance as one object: starts and stops its servers, and lets tests look inside."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from .access import Access
from .access_api import access_api
from .broker import Broker
from .certs_api import certs_api
from .control import control_api
from .federation_log import FederationLog
from .gate import Environ
from .identity_services import IdentityServices, identity_services_api
from .login import Login, LoginFront
from .mixed_log import CASES, Case, LogMixer, MixedLog
from .permissions import READ_ONLY, Permission, Permissions, RefusedError
from .permissions_api import permissions_api
from .permissions_legacy import legacy_permissions_api
from .pocket_id import PocketId
from .resources import MFA_SCHEMA, USER_SCHEMA, WS1B_SCHEMA, Json
from .scim_api import scim_api, scim_groups_api
from .service import Service
from .soap_api import soap_api
from .ssh_server import SshServer
from .sshd import DebianSshd
from .state import Seen, State
from .switches import Switches
from .vcenter_api import vcenter_api
from .vsphere_logs import VsphereLogs
from .web import web_application

SESSION_HEADER = "HTTP_VMWARE_API_SESSION_ID"
LOG = Path("var/log/vmware/vc-ws1a-broker/federation-service.log")
_READING_POST = re.compile(r"^/api/session$|/\.search$|^/rest/com/vmware/cis/session$")
_READING_QUERY = re.compile(r"(^|&)(action=list|~action=list-detail)(&|$)")


class Appliance(Service[Switches]):
    name = "appliance"
    username = "administrator@vsphere.local"
    tenant = "customer"

    def __init__(
        self,
        state_dir: Path | str | None = None,
        switches: Switches | None = None,
        ssh: Literal["asyncssh", "debian"] | None = "asyncssh",
        *,
        sshd_root: Path | str | None = None,
        fqdn: str = "localhost",
    ) -> None:
        super().__init__(state_dir, switches or Switches(), fqdn)
        self.state = State(self.switches, self.username)
        self.broker = Broker(self.switches, self.state.lock, lambda: self.scim_url)
        self.services = IdentityServices(self.switches, self.state, self.broker.wipe, takes_saml=False)
        self.broker.default_domain_of = self.services.default_domain
        self._place_providers()
        self.permissions = Permissions(self.state.lock)
        self.log = FederationLog(
            self.state_dir / LOG, lambda: self.switches.log_timezone, lambda: self.switches.log_wrapping
        )
        # The users of an earlier start are gone: its log lines would tell of nobody.
        self.log.reset()
        self._vsphere_logs = VsphereLogs(self.state_dir, fqdn)
        self._vsphere_logs.reset()
        self.access = Access(self.switches)
        self._front = LoginFront(self.broker, self.permissions, self.log, self._vsphere_logs, self.switches)
        app = web_application(fqdn, lambda: self.switches.broker_down)
        app.register_blueprint(certs_api(lambda: self.ca_file))
        app.register_blueprint(vcenter_api(self.state, self.switches, lambda: self.scim_url, self.services))
        app.register_blueprint(access_api(self.state, self.access, self.switches))
        app.register_blueprint(permissions_api(self.state, self.permissions, self.switches))
        app.register_blueprint(legacy_permissions_api(self.state, self.permissions, self.switches))
        app.register_blueprint(soap_api(self.state, self.permissions, self.switches))
        for blueprint in (scim_api, scim_groups_api):
            app.register_blueprint(
                blueprint(self.state, self.broker, self.switches), url_prefix="/usergroup/t/<tenant>/scim/v2"
            )
        app.register_blueprint(
            identity_services_api(self.state, self.services, self.switches, lambda: self.base_url, "/t/<tenant>")
        )
        app.register_blueprint(control_api(self))
        self._serve(app.wsgi_app, self.state, lambda environ: self.state.expire(_credential(environ)))
        self.ssh_port = 0
        self._ssh: SshServer | DebianSshd | None = None
        if ssh == "asyncssh":
            self._ssh = SshServer(self.state_dir / "ssh", self.switches, self.access)
        elif ssh == "debian":
            if sshd_root is None:
                raise ValueError("ssh='debian' needs sshd_root, the folder of an unpacked sshd")
            self._ssh = DebianSshd(self.state_dir / "ssh", Path(sshd_root), self.switches)
        if self._ssh is not None and self._ssh.password is not None:
            self.state.remember_secret(self._ssh.password)

    # Life

    def _start_others(self) -> None:
        if self._ssh is not None:
            self.ssh_port = self._ssh.start()
            self.access.follow = self._open_or_close_ssh
            self._open_or_close_ssh()

    def _stop_others(self) -> None:
        self.access.follow = lambda: None
        if self._ssh is not None:
            self._ssh.stop()

    def _open_or_close_ssh(self) -> None:
        if self.access.ssh:
            self.ssh.open()
        else:
            self.ssh.close()

    def reset(self) -> None:
        """As after the start: no users, groups, sessions, tokens or log lines; first permissions, access and switches."""
        with self.state.lock:
            self._restore_switches()
            self.access.reset()
            self.state.reset()
            self.broker.reset()
            self.services.clear()
            self._place_providers()
            self.permissions.reset()
            self.log.reset()
            self._vsphere_logs.reset()
            if isinstance(self._ssh, SshServer):
                self._ssh.log.clear()

    def _place_providers(self) -> None:
        for provider in self.switches.providers:
            self.services.place(provider)

    # How to reach it

    @property
    def password(self) -> str:
        return self.state.password

    @property
    def scim_url(self) -> str:
        return f"{self.base_url}/usergroup/t/CUSTOMER/scim/v2"

    @property
    def log_path(self) -> Path:
        return self.log.path

    @property
    def vpxd_log(self) -> Path:
        return self._vsphere_logs.vpxd

    @property
    def virgo_log(self) -> Path:
        return self._vsphere_logs.virgo

    @property
    def ssh(self) -> SshServer | DebianSshd:
        if self._ssh is None:
            raise RuntimeError("this appliance was started without SSH")
        return self._ssh

    @property
    def ssh_user(self) -> str:
        return self.ssh.user

    @property
    def ssh_password(self) -> str | None:
        return self.ssh.password

    @property
    def ssh_key(self) -> Path:
        return self.ssh.keys.client_key

    @property
    def known_hosts(self) -> Path:
        return self.ssh.keys.known_hosts

    @property
    def ssh_commands(self) -> list[str]:
        """What callers ran. Debian's sshd does not tell."""
        return list(self.ssh.log.commands) if isinstance(self.ssh, SshServer) else []

    @property
    def ssh_logins(self) -> int:
        return self.ssh.log.logins if isinstance(self.ssh, SshServer) else 0

    @property
    def ssh_failures(self) -> list[str]:
        return list(self.ssh.log.failures) if isinstance(self.ssh, SshServer) else []

    def description(self) -> dict[str, Any]:
        with_ssh = self._ssh is not None
        return {
            "fqdn": self.fqdn,
            "https_port": self.https_port,
            "ca_file": str(self.ca_file),
            "username": self.username,
            "password": self.password,
            "tenant": self.tenant,
            "scim_url": self.scim_url,
            "ssh_port": self.ssh_port if with_ssh else None,
            "ssh_user": self.ssh_user if with_ssh else None,
            "ssh_password": self.ssh_password if with_ssh else None,
            "ssh_key": str(self.ssh_key) if with_ssh else None,
            "known_hosts": str(self.known_hosts) if with_ssh else None,
            "log_path": str(self.log_path),
            "vpxd_log": str(self.vpxd_log),
            "virgo_log": str(self.virgo_log),
            "control_url": self.control_url,
            "pid": os.getpid(),
        }

    # What happened

    def writes(self) -> list[Seen]:
        """Every request that could change something, minting apart."""
        return [seen for seen in self.requests if _writes(seen) and not _mints(seen)]

    def mintings(self) -> list[Seen]:
        return [seen for seen in self.requests if _mints(seen)]

    # Acting on it, without a request

    def login(self, person: str | None = None, **options: Any) -> Login:
        return self._front.login(person, **options)

    def sign_in(self, username: str, *, at: PocketId, client_id: str | None = None, **options: Any) -> Login | None:
        """As somebody of Pocket ID. Whom that refuses, the broker never sees: None, and no line in the log."""
        sub = at.sign_in(username, client_id)
        return None if sub is None else self.login(sub=sub, **options)

    def write_attempts(
        self,
        attempts: int = 10_000,
        people: int = 200,
        *,
        seed: int = 16,
        end: datetime | None = None,
        within: timedelta = timedelta(minutes=10),
        cases: Sequence[Case] = CASES,
    ) -> MixedLog:
        """Logs in which many have tried, until now, and failed in every way; with their users and permissions.

        Comes back with the truth. The broker is not down after it, though it was for those whose case that is; the
        last seconds of the log are as new as those of any log, so what was allowed there may yet look undecided.
        """
        known, spelling = self.switches.providers, self.switches.principal_spelling
        domain = known[0].domains[0] if known and known[0].domains else ""
        mixer = LogMixer(self.log, self._vsphere_logs, spelling, seed=seed)
        until = end or datetime.now(UTC)
        mixed, texts = mixer.mix(attempts, people, domain, end=until, within=within, cases=cases)
        for person in mixed.people:
            if person.standing_id is not None:
                names = {"given_name": person.name.title(), "family_name": "Baker"}
                self.add_user(person.name, person.standing_id, domain=domain, active=person.active, **names)
            if person.permitted:
                # One that stands outlived its user, and serves.
                with suppress(RefusedError):
                    self.permissions.create(Permission(person.principal(spelling), READ_ONLY, propagating=True))
        self.log.append(texts.federation)
        self._vsphere_logs.write(texts.vpxd, texts.virgo)
        return mixed

    @property
    def current_sync_token(self) -> str | None:
        return self.state.current_sync_token()

    def mint(self, provider: str | None = None) -> str:
        """As another client would: the sync token before ends."""
        idp = provider or self.switches.providers[0].idp
        return self.state.issue("sync", idp).value

    def add_user(
        self,
        username: str,
        external_id: str | None,
        *,
        domain: str | None = None,
        provider: str | None = None,
        given_name: str = "",
        family_name: str = "",
        email: str | None = None,
        **attributes: Any,
    ) -> Json:
        """A user that was there before, or that somebody else made. Attributes as on the wire."""
        body: Json = {
            "schemas": [USER_SCHEMA],
            "userName": username,
            "externalId": external_id,
            "name": {"givenName": given_name, "familyName": family_name},
            **attributes,
        }
        if email is not None:
            body["emails"] = [{"value": email, "type": "work", "primary": True}]
        if domain is not None:
            body[WS1B_SCHEMA] = {**body.get(WS1B_SCHEMA, {}), "domain": domain}
            body[MFA_SCHEMA] = {"defaultDomain": domain}
        known = self.switches.providers
        return self.broker.place_user(body, provider or (known[0].idp if known else ""))


def _credential(environ: Environ) -> str:
    session = environ.get(SESSION_HEADER)
    return str(session or str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")[2])


def _mints(seen: Seen) -> bool:
    return seen.method == "POST" and seen.path.endswith("/sync-client")


def _writes(seen: Seen) -> bool:
    if seen.method in ("GET", "HEAD", "OPTIONS"):
        return False
    return not (_READING_POST.search(seen.path) or _READING_QUERY.search(seen.query))
