#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_token
short_description: Mint the Identity Broker's sync token, or keep the one that still serves
version_added: 0.1.0
description:
  - Makes sure that there is a sync token, the credential with which users are pushed to the broker over SCIM.
  - Minting revokes the token before. Without O(current_token) or O(token_file), each run mints.
  - The other modules of this collection need no such task, they read and mint by themselves as rarely as possible. It is for
    sites that hand the token to something else.
  - Before it mints, it waits for other runs of the same user on this machine that have minted for the same host and tenant, until
    they have ended, at most 15 minutes. Then O(token_file) is read again.
  - Set C(no_log=true) on the task, since its result is the secret itself.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.vcenter
  - homelab.identity_broker.workspace_one
attributes:
  check_mode:
    details:
      - Check mode mints nothing. Where it would, RV(token) is null, and RV(expires_at) and RV(expires_in) are those of the
        token that stands.
  idempotent:
    support: partial
    details:
      - Only with O(current_token) or O(token_file), and not with O(force=true).
options:
  current_token:
    description:
      - The token that stands. It is kept while the broker accepts it and it lives longer than O(renew_before).
    type: str
  token_file:
    description:
      - A file, on the host that runs the module, in which the token is kept. Made with mode C(0600), refused when others can
        read it, or when it holds the token of another host.
    type: path
  renew_before:
    description:
      - Mint anew when the standing token ends within so many seconds. A token that does not tell its end is kept while it is
        accepted.
    type: int
    default: 300
  force:
    description: Mint in any case.
    type: bool
    default: false
  auth_scheme:
    description: The word before the token when the standing one is tried; see M(homelab.identity_broker.scim_user).
    type: str
    default: auto
    choices: [auto, hzn, bearer]
  provider_id:
    description:
      - The broker's id of the identity provider; needed only where the broker has several.
      - It goes with neither O(directory) nor O(platform=workspace_one).
    type: str
  directory:
    description:
      - The directory that the token pushes users into, by name or id. It is minted through the broker's own API, which revokes the
        credentials of the directory's sync client before.
      - In Workspace ONE, it is needed only where there are several. In vCenter, without it the token is minted through
        vCenter's API, for O(provider_id).
    type: str
    version_added: 0.9.0
  token_ttl:
    description:
      - For how many minutes a minted token lives, at most 1051200 (two years). If not set, it is what the directory's sync client
        has, at first 262800 (six months).
      - Only through the broker's own API, so that in vCenter O(directory) is needed.
    type: int
    version_added: 0.9.0
seealso:
  - module: homelab.identity_broker.broker_directory
  - module: homelab.identity_broker.broker_provider_info
  - module: homelab.identity_broker.scim_user
"""

EXAMPLES = r"""
- name: Keep a sync token in a file, and mint only when it ends
  homelab.identity_broker.sync_token:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    token_file: "{{ playbook_dir }}/.sync_token"
  no_log: true
  register: sync

- name: Tell when it ends
  ansible.builtin.debug:
    msg: "The sync token ends at {{ sync.expires_at }}"

- name: Ask how long a token still lives, and mint none
  homelab.identity_broker.sync_token:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    current_token: "{{ vault_sync_token }}"
  check_mode: true
  no_log: true
  register: standing

- name: Warn a week before it ends
  ansible.builtin.debug:
    msg: The sync token ends within a week. Rotate it.
  when: standing.expires_in is not none and standing.expires_in < 7 * 24 * 3600

- name: Mint one of two years for a directory of Workspace ONE
  homelab.identity_broker.sync_token:
    platform: workspace_one
    base_url: https://acme.workspaceoneaccess.com
    api_client_id: automation
    api_client_secret: "{{ vault_workspace_one_secret }}"
    directory: Lab
    token_ttl: 1051200
  no_log: true
  register: pushing
"""

RETURN = r"""
token:
  description: The sync token. Null in check mode where one would be minted.
  returned: success
  type: str
scim_url:
  description: Where the token is used.
  returned: success
  type: str
  sample: https://vcsa.example.org/usergroup/t/CUSTOMER/scim/v2
expires_at:
  description:
    - When the token ends (ISO 8601, UTC); null where it does not tell.
    - Where check mode would mint, that of the standing token, as far as one is known.
  returned: success
  type: str
  sample: "2026-08-04T15:05:23Z"
expires_in:
  description:
    - In how many seconds the token ends, by this host's clock; null where it does not tell.
    - V(0) where it has ended, or where the broker refuses it, as it does after a later minting.
    - Where check mode would mint, that of the standing token, as far as one is known.
  returned: success
  type: int
  version_added: 0.9.0
  sample: 15552000
provider_id:
  description: The provider that the token is for; null where it is for a directory.
  returned: success
  type: str
  sample: 3750355e-b646-44ed-9ce8-9d8fb66564a7
directory_id:
  description: The directory that the token is for; null where it is for a provider.
  returned: success
  type: str
  version_added: 0.9.0
  sample: 165178fc-acba-46d3-8a0a-6099ab71eb51
"""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._access import TokenHome
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_answers import (
    SyncToken,
    seconds_left,
    token_expiry,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import (
    BrokerSession,
    vcenter_spec,
    workspace_one_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError, InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._identity_services import DirectoryTokens
from ansible_collections.homelab.identity_broker.plugins.module_utils._minting_lock import lock_keys
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._scim import (
    ScimClient,
    trusted_scim_url,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._token_file import (
    check_token_file,
    kept_for,
    read_token_file,
    write_token_file,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._vcenter import (
    chosen_directory,
    chosen_provider,
    narrowed,
)

LONGEST_TTL = 1051200


def judged(
    session: BrokerSession, home: TokenHome, kept: SyncToken, options: dict[str, Any], *, curious: bool
) -> tuple[bool, bool]:
    """Whether the standing token is kept, and whether the broker is known to refuse it.

    Who is curious has the broker asked also where that decides nothing.
    """
    session.http.hide(kept.token)
    url = kept.scim_url or home.scim_url
    scheme = "bearer" if session.is_workspace_one and options["auth_scheme"] == "auto" else options["auth_scheme"]
    client = ScimClient(session.http, url, kept.token, scheme)
    left = seconds_left(kept.token, datetime.now(UTC))
    if not options["force"] and (left is None or left > options["renew_before"]):
        accepted = client.is_accepted()
        return accepted, not accepted
    refused = False
    if curious and left != 0:
        # What is wrong besides does not hinder the minting.
        with suppress(IdentityBrokerError):
            refused = not client.is_accepted()
    return False, refused


def check(options: dict[str, Any], *, of_directory: bool) -> None:
    """Refuse options that do not go together. Raises InputError."""
    if options["token_ttl"] is not None:
        if not of_directory:
            raise InputError("token_ttl", "goes with directory only", "Give directory, or leave it out.")
        if not 1 <= options["token_ttl"] <= LONGEST_TTL:
            raise InputError("token_ttl", f"{options['token_ttl']} is not between 1 and {LONGEST_TTL}", "Give minutes.")
    if of_directory and options["provider_id"]:
        raise InputError("provider_id", "does not go with directories", "Give directory.")


def standing(options: dict[str, Any], home: TokenHome) -> SyncToken | None:
    """The token that is given, or that of the file."""
    if options["current_token"]:
        return SyncToken(options["current_token"], None)
    path = options["token_file"]
    kept = read_token_file(path) if path else None
    return kept_for(path, kept, home.scim_url) if kept else None


def after_other_runs(
    session: BrokerSession, home: TokenHome, kept: SyncToken | None, options: dict[str, Any]
) -> tuple[SyncToken | None, bool]:
    """Wait for other runs that mint, and return the token that is kept then, and whether it need not be replaced."""
    lock = session.minting_lock()
    lock.acquire(*lock_keys(home.scim_url, options["token_file"]))
    session.warnings += lock.take_waits()
    newer = standing(options, home)
    if newer is None or newer == kept:
        return kept, False
    return newer, judged(session, home, newer, options, curious=False)[0]


def mint(home: TokenHome, key: str, path: str | None) -> SyncToken:
    """Mint a token, and keep it in the file that the task names."""
    minted = home.mint_sync_token(key)
    token = replace(minted, scim_url=trusted_scim_url(minted.scim_url, home.scim_url))
    if path:
        write_token_file(path, token)
    return token


def main() -> None:
    module = make_module(
        vcenter_spec(),
        workspace_one_spec(),
        {
            "current_token": {"type": "str", "no_log": True},
            "token_file": {"type": "path", "no_log": False},
            "renew_before": {"type": "int", "default": 300},
            "force": {"type": "bool", "default": False},
            "auth_scheme": {"type": "str", "default": "auto", "choices": ["auto", "hzn", "bearer"]},
            "provider_id": {"type": "str"},
            "directory": {"type": "str"},
            "token_ttl": {"type": "int", "no_log": False},
        },
    )
    options = module.params

    def ensure(session: BrokerSession) -> dict[str, Any]:
        of_directory = session.is_workspace_one or options["directory"] is not None
        check(options, of_directory=of_directory)
        path = options["token_file"]
        home: TokenHome = (
            session.vcenter if not of_directory else DirectoryTokens(session.services, options["token_ttl"])
        )
        ids = chosen(session, home, of_directory=of_directory)
        kept = standing(options, home)
        stands, refused = judged(session, home, kept, options, curious=module.check_mode) if kept else (False, False)
        if stands:
            return result(session, home, kept, ids, before=kept)
        if path:
            check_token_file(path)
        if module.check_mode:
            return result(session, home, None, ids, before=kept, refused=refused)
        kept, stands = after_other_runs(session, home, kept, options)
        if kept and stands:
            return result(session, home, kept, ids, before=kept)
        return result(session, home, mint(home, str(next(iter(ids.values()))), path), ids, before=kept)

    def chosen(session: BrokerSession, home: TokenHome, *, of_directory: bool) -> dict[str, str | None]:
        if not of_directory:
            return {"provider_id": chosen_provider(home.providers(), options["provider_id"], None, home.hostname).id}
        directories, named = home.providers(), options["directory"]
        if (
            module.check_mode
            and named
            and not (narrowed(directories, named, None) or narrowed(directories, None, named))
        ):
            # As broker_identity_provider takes it.
            session.warnings.append(
                f"There is no directory {named!r} yet. It is taken for one that an earlier task makes."
            )
            return {"directory_id": None}
        return {"directory_id": chosen_directory(directories, named, None, home.hostname).id}

    def result(
        session: BrokerSession,
        home: TokenHome,
        token: SyncToken | None,
        ids: dict[str, str | None],
        *,
        before: SyncToken | None,
        refused: bool = False,
    ) -> dict[str, Any]:
        session.released = token.token if token else None
        changed = token is None or token is not before
        told = token or before
        standing = f"ends at {shown(before) or 'a time that it does not tell'}" if before else "none known"
        return {
            "changed": changed,
            "token": token.token if token else None,
            "scim_url": (token and token.scim_url) or home.scim_url,
            "expires_at": shown(told),
            "expires_in": 0 if refused else told and left(told),
            "provider_id": None,
            "directory_id": None,
            **ids,
            "diff": {
                "before": {"sync_token": standing},
                "after": {"sync_token": "minted anew, the one before is revoked" if changed else standing},
            },
        }

    run(BrokerSession, module, ensure)


def shown(token: SyncToken | None) -> str | None:
    """When a token ends, as text."""
    expiry = (token_expiry(token.token) or token.expires_at) if token else None
    return expiry.strftime("%Y-%m-%dT%H:%M:%SZ") if expiry else None


def left(token: SyncToken) -> int | None:
    """For how many seconds a token lives, by itself or by what the broker said when it was made."""
    now = datetime.now(UTC)
    known = seconds_left(token.token, now)
    if known is None and token.expires_at is not None:
        return max(0, int((token.expires_at - now).total_seconds()))
    return known


if __name__ == "__main__":
    main()
