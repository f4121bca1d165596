# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: check_role_variables
short_description: Find misspelt variables of a role
version_added: 0.9.1
description:
  - Compares the names of all variables that begin with a prefix with the names that a role knows.
  - An unknown name that is at most two edits away from a known one is an error that gives the known name. The other unknown names
    are listed in one warning.
  - The values of the variables are not read.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
attributes:
  check_mode:
    description: Can run in check mode and report the same as a run.
    support: full
  diff_mode:
    description: Can show what would change. This module changes nothing.
    support: N/A
  platform:
    description: The platforms on which it runs. It runs on the control node.
    support: full
    platforms: posix
options:
  prefix:
    description: The prefix of the role's variables.
    type: str
    required: true
  known:
    description: The names that the role knows, prefix included.
    type: list
    elements: str
    required: true
  removed:
    description:
      - Names that the role knew once. Each is an error; the value says what to do in place of it, as the end of a sentence that
        begins with the name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Check the names of a role's variables
  homelab.identity_broker.check_role_variables:
    prefix: bakery_
    known: [bakery_users, bakery_purge]
    removed:
      bakery_delete: was removed. Use state absent in bakery_users.
"""

RETURN = r"""
unknown:
  description: The unknown names, which have no effect.
  returned: success
  type: list
  elements: str
  sample: [federated_users_of_the_other_site]
"""
