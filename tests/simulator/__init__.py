# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for vCenter's appliance, Pocket ID, Workspace ONE and SDDC Manager, to try the collection on."""

from __future__ import annotations

from .appliance import Appliance
from .failures import FAILURES, Failure
from .federation_log import FederationLog
from .gate import http_date
from .inventory import INVENTORY
from .login import PEOPLE, Login
from .mixed_log import CASES, Case, MixedLog
from .pocket_id import PocketId, PocketIdSwitches
from .resources import GROUP_SCHEMA, MFA_SCHEMA, USER_SCHEMA, WS1B_SCHEMA
from .sddc_manager import SddcManager, SddcSwitches
from .state import Seen
from .switches import DEFAULT_DOMAIN, DEFAULT_PROVIDER_ID, Fault, Provider, Switches
from .workspace_one import WorkspaceOne

__all__ = [
    "CASES",
    "DEFAULT_DOMAIN",
    "DEFAULT_PROVIDER_ID",
    "FAILURES",
    "GROUP_SCHEMA",
    "INVENTORY",
    "MFA_SCHEMA",
    "PEOPLE",
    "USER_SCHEMA",
    "WS1B_SCHEMA",
    "Appliance",
    "Case",
    "Failure",
    "Fault",
    "FederationLog",
    "Login",
    "MixedLog",
    "PocketId",
    "PocketIdSwitches",
    "Provider",
    "SddcManager",
    "SddcSwitches",
    "Seen",
    "Switches",
    "WorkspaceOne",
    "http_date",
]
