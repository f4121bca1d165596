# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a sync token may be minted to write the broker's users."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  mint_token:
    description:
      - Whether a sync token may be minted when no other token works. Minting revokes the previous sync token, also for other
        programs that use it.
      - A token is minted when there is something to write, or when the broker does not let the admin token read.
      - The default is V(true) where no O(token) is given, and V(false) otherwise.
      - Before it mints, a run waits for other runs of the same user on this machine that have minted for the same host and tenant,
        or that keep their token in the same file, until they have ended, at most 15 minutes, and says so in a warning. Then
        O(token_file) is read again, and a token that another run has kept is used. The locks are in E(XDG_RUNTIME_DIR), else in a
        private folder of the user in the temporary folder.
    type: bool
  check_mode_mint:
    description:
      - Whether check mode may mint, too, where the broker lets only a sync token read.
    type: bool
    default: false
"""
