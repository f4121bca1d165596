# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vCenter itself and the vSphere Client log once the broker has let somebody in.

The line of vsphere_client_virgo.log that shows the principal's spelling, and those of a login without permission, are
known from Broadcom's articles: KB 432247, 382081 and 422391. Of vpxd.log KB 433339 tells that it has a NoPermission
right after the token was validated, and KB 384499 shows how vpxd writes one; that it names SessionManager and the root
folder is put together from these, not seen. Both files have their times in UTC.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime
from pathlib import Path

from .permissions import Principal

VPXD = Path("var/log/vmware/vpxd/vpxd.log")
VIRGO = Path("var/log/vmware/vsphere-ui/logs/vsphere_client_virgo.log")

_TOKENS = "com.vmware.vim.sso.client.impl.SecurityTokenServiceImpl"
_HANDLER = "com.vmware.vsphere.client.security.VimAuthenticationHandler"
_PROVIDER = "com.vmware.vise.security.spring.DefaultAuthenticationProvider"
_EXCEPTION = "com.vmware.vise.security.spring.DefaultAuthenticationException"
_NOWHERE = "Unable to login because you do not have permission on any vCenter Server systems connected to this client."
_RESULT = """\
--> Result:
--> (vim.fault.NoPermission) {
-->    faultCause = (vmodl.MethodFault) null,
-->    faultMessage = <unset>,
-->    object = 'vim.Folder:group-d1',
-->    privilegeId = "System.View",
-->    msg = ""
--> }
--> Args:
-->
"""


class VsphereLogs:
    def __init__(self, root: Path, fqdn: str) -> None:
        self.vpxd = root / VPXD
        self.virgo = root / VIRGO
        self._fqdn = fqdn
        self._random = random.Random(15)  # noqa: S311
        for path in (self.vpxd, self.virgo):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def reset(self) -> None:
        for path in (self.vpxd, self.virgo):
            os.truncate(path, 0)

    def write(self, vpxd: str, virgo: str) -> None:
        for path, text in ((self.vpxd, vpxd), (self.virgo, virgo)):
            if text:
                with path.open("ab") as file:
                    file.write(text.encode("utf-8", "surrogateescape"))

    def of_login(self, principal: Principal, moment: datetime, *, sees: bool) -> tuple[str, str]:
        """What a login leaves in vpxd.log and in vsphere_client_virgo.log."""
        stamp = _stamp(moment)
        session = self._random.randrange(100000, 999999)
        acquired = f"Successfully acquired token for user: {{Name: {principal.name}, Domain: {principal.domain}}}"
        virgo = _client_line(stamp, "INFO", f"agw-token-acq{session % 1000}", session, _TOKENS, acquired)
        if sees:
            return "", virgo
        operation = f"{session:08x}-{self._random.getrandbits(16):04x}"
        head = f"{stamp} error vpxd[{session % 90000 + 10000:05d}] [Originator@6876 sub=Default opID={operation}]"
        failed = "SessionManager -- vim.SessionManager.loginByToken: :vim.fault.NoPermission"
        vpxd = f"{head} [VpxLRO] -- ERROR lro-{session} -- {failed}\n{_RESULT}"
        where = f"Login to vCenter Server https://{self._fqdn}:443/sdk failed with NoPermission error for user - null"
        virgo += _client_line(stamp, "WARN", f"m-authentication-pool-{session}", session, _HANDLER, where)
        refused = f"Authentication failure {_EXCEPTION}: {_NOWHERE}"
        virgo += _client_line(stamp, "ERROR", f"p-nio-127.0.0.1-5090-exec-{session % 20}", session, _PROVIDER, refused)
        return vpxd, virgo


def _client_line(stamp: str, level: str, thread: str, session: int, logger: str, message: str) -> str:
    return f"[{stamp}] [{level:<5}] {thread:<28} 70{session} {session} 200{session % 1000:03d} {logger:<64} {message}\n"


def _stamp(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
