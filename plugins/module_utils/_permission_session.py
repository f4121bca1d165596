# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules of permissions take, and through which API they work. PRIVATE to this collection."""

from __future__ import annotations

from ._authorization import Found, global_authorization, not_offered
from ._broker_session import BrokerSession


def found_authorization(session: BrokerSession) -> Found:
    """The API that there is, and the permissions. Raises IdentityBrokerError."""
    found = global_authorization(session.vcenter)
    if found is None:
        raise not_offered(session.vcenter)
    return found
