# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What becomes of the permissions that a user's name holds."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  inherit_permissions:
    description:
      - Whether an entry may be created, renamed or created anew under a name that holds a global permission of vCenter already.
        Permissions hang on names, so whoever gets the name has it at once.
      - Without it, that is an error before anything is written. It is not looked at where only C(token) and C(scim_url) are given,
        and where vCenter offers no API for global permissions.
    type: bool
    default: false
    version_added: 0.9.0
  remove_permissions:
    description:
      - Whether the global permissions of a user who is deleted are removed, too, also those that an earlier deletion
        left behind. Without it, they are listed in RV(permissions), since whoever gets the name next would have them.
    type: bool
    default: false
    version_added: 0.9.0
"""
