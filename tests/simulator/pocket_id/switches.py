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
    duplicate_status: Literal[409, 400] = 409
    """The status of a refused duplicate; 400 in 2.9."""
    missing_deletion: Literal[404, 204] = 404
    """What the deletion of a thing that is not there ends with; 204 in 2.9."""
    any_content_type: bool = False
    """Whether a body is read whatever its content type is, as before 2.13."""
    requests_per_second: int = 0
    """The rate that is allowed to callers of one address: 1 in 2.9, 100 in 2.14. 0 means no limit."""
    burst: int = 100
    """How many requests may come at once: 100 in 2.9, 300 in 2.14."""
    tells_when: bool = True
    """Whether a 429 of that limit has Retry-After, in whole seconds; not so in 2.9."""
    scim_service_providers: bool = True
    """Before 2.0 there are none."""
    require_user_email: bool = True
    """Whether a user is refused without an e-mail address (`requireUserEmail`)."""
    own_account_edit: bool = True
    """Whether people may edit their own accounts (`allowOwnAccountEdit`)."""
    user_count_off: int = 0
    """How far the number of members is off in the list of groups, as when members change in the midst."""
    members_cut: int | None = None
    """How many members a group shows at most."""
    sub_differs: str | None = None
    """What clients are told as a person's id, in place of that id."""

    def become_2_9(self, *, limited: bool = False) -> None:
        """Answer as Pocket ID 2.9.0 was seen to, with its limit of requests if that is wanted."""
        self.error_form, self.single_secret = "plain", True
        self.duplicate_status, self.missing_deletion, self.any_content_type = 400, 204, True
        if limited:
            self.requests_per_second, self.burst, self.tells_when = 1, 100, False
