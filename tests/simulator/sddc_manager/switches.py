# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be chosen at run time for SDDC Manager: where its documents disagree, its lies, its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.switches import BaseSwitches


@dataclass
class SddcSwitches(BaseSwitches):
    """The defaults are the printed examples of the API."""

    created: Literal["text", "json", "nothing"] = "json"
    """How the id of a new provider is returned: as a JSON string, as bare text under `application/json`, or not at all."""
    source_created: Literal[201, "text", 204] = 201
    """The answer to a new identity source: a JSON string, bare text under `application/json`, or no content."""
    unknown_id: Literal[404, 500] = 500
    """What reading a provider that there is not ends with; nothing is documented."""
    refused_login: Literal[400, 401] = 401
    refresh_refused: bool = False
    refreshed: Literal["json", "text"] = "json"
    ttl_unit: Literal["minutes", "seconds"] = "minutes"
    minted: Literal["example", "schema", "opaque", "nothing"] = "example"
    """What a minting answers: C(schema) has expireAt too, C(opaque) no end at all, and 9.x names no body."""
    precheck: str = "SUCCESS"
    precheck_details: list[dict[str, Any]] = field(default_factory=list)
    upper_status: bool = False
    """Whether the status of a provider is told as the schema has it, in capitals."""
    tells_token: bool = False
    """Whether the list has the sync token in it, for which the schema has a place."""
    page_total: int | None = None
    """The number of providers that the list announces."""
    refuse: dict[str, Any] = field(default_factory=dict)
    """The status, one that is documented, with which an operation is refused."""
    canned: dict[str, Any] = field(default_factory=dict)
    """The text of the answer to an operation, whatever the server holds."""

    # lies
    forget: list[str] = field(default_factory=list)
    """Names of a specification that are not kept."""
    change: dict[str, Any] = field(default_factory=dict)
    lose_write: bool = False
