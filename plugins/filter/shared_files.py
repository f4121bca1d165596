# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds files that several owners share: see shared_files.yml for the documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.identity_broker.plugins.module_utils._file_identity import shared_files as find_shared


def shared_files(owners: Any) -> list[list[str]]:
    """See the documentation of the filter."""
    if not isinstance(owners, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in owners):
        raise AnsibleFilterError("shared_files: the input is not a list of pairs. Give each pair as [owner, path].")
    try:
        return find_shared((str(owner), str(path)) for owner, path in owners)
    except (OSError, RuntimeError, ValueError) as error:
        raise AnsibleFilterError(f"shared_files: a path cannot be resolved ({error}). Correct it.") from None


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter of this file."""
        return {"shared_files": shared_files}
