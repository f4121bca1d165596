# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renders users for people: see user_report.yml for the documentation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_report import format_of, render
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_rows import read_users


def user_report(
    users: Any,
    format: Any = None,  # noqa: A002
    attempts: Any = None,
    host: Any = None,
    read_at: Any = None,
    file: Any = None,
    since: Any = None,
    domain: Any = None,
) -> str | list[str]:
    """See the documentation of the filter."""
    try:
        wanted = format_of(format, file)
        moment = datetime.now(UTC) if read_at is None else read_at
        return render(read_users(users, attempts, host=host, read_at=moment, since=since, domain=domain), wanted)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file."""
        return {"user_report": user_report}
