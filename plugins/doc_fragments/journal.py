# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must outlive an interrupted run."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  journal_path:
    description:
      - A folder on the host that the module runs on, for what must not get lost when a run is broken off. It is made when it is
        needed, for its owner only.
      - Before an entry is deleted to be created anew, it is kept here with its group memberships; the next run of the same task
        goes on from there. Where that is not possible, nothing is deleted.
      - Before users are deleted for good, by C(purge) or C(state=absent), they are written to a dated file here, with ExternalIds,
        attributes and groups. The result names the file and the command that restores them. The files are not removed; they hold
        names and addresses, so delete them when they are no longer needed.
      - What an interrupted run has done is written here as well, and the next run says it.
    type: path
    default: ~/.local/state/homelab.identity_broker
    version_added: 0.9.0
"""
