# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be chosen at run time for Pocket ID: its versions, its lies, its faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.switches import BaseSwitches


@dataclass
class PocketIdSwitches(BaseSwitches):
    """The defaults are Pocket ID 2.14."""

    error_form: Literal["coded", "plain"] = "coded"
    """Before 2.14 an error says nothing but what went wrong."""
    single_secret: bool = False
    """Before 2.14 a client has one secret, and each new one replaces it."""
    scim_service_providers: bool = True
    """Before 2.0 there are none."""
    own_account_edit: bool = True
    """Whether people may edit their own accounts (`allowOwnAccountEdit`)."""
    user_count_off: int = 0
    """How far the number of members is off in the list of groups, as when members change in the midst."""
    members_cut: int | None = None
    """How many members a group shows at most."""
    sub_differs: str | None = None
    """What clients are told as a person's id, in place of that id."""
