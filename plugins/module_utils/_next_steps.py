# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about each case of a diagnosis, in words and as a command. PRIVATE to this collection.

A command is pasted into a shell, and what it hands to Ansible is trusted there. So it holds nothing out of a log, and a name
only where that consists of letters, digits and a few signs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PLAYBOOK = "ansible-playbook homelab.identity_broker."
_MODULE = "ansible localhost -m homelab.identity_broker."
_LOOK = " --check --diff"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next. C(command) is None where the collection cannot do it, or the person cannot be named safely."""

    says: str
    command: str | None


CASES = {
    "allowed": ("Nothing: the broker lets this person in.", None),
    "would_be_let_in": ("Let the person try again.", None),
    "never_reached": (
        "Let the person try again, and look at what the identity provider says: the login has not reached vCenter.",
        _PLAYBOOK + "diagnose -e diagnose_user={name}",
    ),
    "refused_at_provider": (
        "Create the person in Pocket ID, enable the account there, or put the person into a group that may use vCenter's client; "
        "this shows who may.",
        _MODULE + "pocket_id_user_info -a client_id=vcenter",
    ),
    "user_not_found": (
        "Add the person to federated_users_users, with the external_id, or with Pocket ID configured without it, and provision.",
        _PLAYBOOK + "provision" + _LOOK,
    ),
    "unknown_external_id": (
        "Whose it is, only the identity provider can tell. With Pocket ID configured, this playbook asks it. Without, let the "
        "person who waits log in while the run listens, and confirm.",
        _PLAYBOOK + "provision -e federated_users_wait_for_login=120 -e federated_users_confirm=true",
    ),
    "external_id_differs": (
        "The broker never changes an ExternalId: the entry has to be deleted and made anew. See what that does, then run it "
        "without --check.",
        _PLAYBOOK + "provision -e federated_users_recreate=true" + _LOOK,
    ),
    "other_attribute": (
        "Set the attribute by which the broker looks users up back to ExternalId, as Broadcom's articles KB 437271 and 440397 show "
        "it (internal_user_identifier_attribute of the identity provider). This shows the identity provider.",
        _MODULE + "broker_provider_info",
    ),
    "wrong_domain": (
        "Correct the domain, federated_users_domain, to the one of the provider with which the person logs in; delete the entry "
        "of the other domain, and provision anew.",
        _PLAYBOOK + "delete -e {delete}" + _LOOK,
    ),
    "inactive": (
        "If the person may log in, set active: true for this item of federated_users_users, and provision.",
        _PLAYBOOK + "provision" + _LOOK,
    ),
    "no_permission": (
        "Grant a role. Choose it with care; read-only is shown here.",
        _MODULE + "global_permission -a '{permission}'" + _LOOK,
    ),
    "claim_missing": (
        "In vCenter's identity provider settings, the claim that names the user must be sub. This shows what Pocket ID puts "
        "there.",
        _MODULE + "pocket_id_user_info -a 'client_id=vcenter verify_sub=true'",
    ),
    "key_or_trust": (
        "Import the CA of the identity provider's certificate into vCenter, with the whole chain, and see that the provider "
        "offers a key with use: sig. This shows the client's side.",
        _MODULE + "broker_provider_info",
    ),
    "client_secret": (
        "Rotate the client's secret in Pocket ID, and enter the new one in vCenter's identity provider settings.",
        _MODULE + "pocket_id_oidc_client -a 'client_id=vcenter rotate_secret=true'",
    ),
    "clock_skew": (
        "Let the appliance and the identity provider take their time from one NTP server. This shows the appliance's clock.",
        "ansible all -m ansible.builtin.raw -a 'date -u'",
    ),
    "provider_error": (
        "See whether the identity provider runs, and whether the appliance reaches it.",
        _MODULE + "broker_provider_info",
    ),
    "broker_down": (
        "See on the appliance whether the service vc-ws1a-broker runs, and start it.",
        "ansible all -m ansible.builtin.raw -a 'service-control --status vc-ws1a-broker'",
    ),
    "refused": (
        "Broadcom's articles explain the reason; the log around this login says more.",
        None,
    ),
    "malformed": (
        "Somebody may be trying something. Look at the log around this login; nothing of it is ever bound.",
        None,
    ),
    "unknown": ("Mend what could not be read, and diagnose again.", _PLAYBOOK + "diagnose"),
}


def next_step(case: str, username: str | None, domain: str | None) -> Step:
    """What to do about a case, about a person, if that is known."""
    says, command = CASES[case]
    if command is None or "{" not in command:
        return Step(says, command)
    if not username or not _PLAIN.fullmatch(username) or (domain and not _PLAIN.fullmatch(domain)):
        return Step(says, None)
    delete = {"delete_users": [username], **({"federated_users_domain": domain} if domain else {})}
    permission = f"principal={username}" + (f" domain={domain}" if domain else "") + " role=ReadOnly"
    return Step(says, command.format(name=username, delete=f"'{json.dumps(delete)}'", permission=permission))
