# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way a login can fail, and how each is brought about.

Some are of one moment and lie between the broker and the provider: those of login_lines.py, and C(refused_at_provider),
where the person never comes back and the appliance hears nothing. The others are a state of things, which stays after
the login: C(broker_down) until the switch of that name is set back, the rest until the user or a permission is changed.

- C(unknown_external_id): the broker has no such user.
- C(other_external_id): the user stands there with another ExternalId than the provider sends.
- C(inactive): the user stands there and is inactive. That this is logged as USER_NOT_FOUND is likely, not known.
- C(wrong_domain): the user stands there, and signs in at the provider of another domain. The broker names the domains of
  the look-up in its log; that a user of none of them is not found is likely, not known, and happens for this failure only.
- C(no_permission): the user is let in, and sees nothing.
"""

from __future__ import annotations

import uuid
from typing import Literal, get_args

from .broker import Broker
from .inventory import inventory_of
from .login_lines import PROVIDER_FAILURES, ProviderFailure
from .permissions import Permissions
from .resources import USER_SCHEMA
from .switches import Switches

StateFailure = Literal[
    "broker_down", "unknown_external_id", "other_external_id", "inactive", "wrong_domain", "no_permission"
]
Failure = Literal["refused_at_provider"] | ProviderFailure | StateFailure
FAILURES: tuple[Failure, ...] = ("refused_at_provider", *PROVIDER_FAILURES, *get_args(StateFailure))
SILENT: frozenset[Failure] = frozenset({"refused_at_provider", "broker_down"})
"""Nothing of them is in any log."""

WRONG_DOMAIN = "other.example.org"


def known_failure(name: str) -> Failure:
    for failure in FAILURES:
        if failure == name:
            return failure
    raise ValueError(f"No failure {name!r}; known: {', '.join(FAILURES)}")


class Causes:
    """Makes the appliance such that the next login of somebody fails as wanted."""

    def __init__(self, broker: Broker, permissions: Permissions, switches: Switches) -> None:
        self._broker = broker
        self._permissions = permissions
        self._switches = switches

    def bring_about(self, failure: Failure, name: str, external_id: str) -> None:
        if failure == "broker_down":
            self._switches.broker_down = True
        elif failure == "unknown_external_id":
            self._broker.remove_user_of(external_id, name)
        elif failure == "other_external_id":
            self._stand(name, external_id, str(uuid.uuid4()))
        elif failure == "inactive":
            self._stand(name, external_id, external_id, active=False)
        elif failure == "wrong_domain":
            self._stand(name, external_id, external_id)
        elif failure == "no_permission":
            self._stand(name, external_id, external_id)
            self._revoke(external_id)

    def _stand(self, name: str, former: str, external_id: str, *, active: bool = True) -> None:
        """Whoever has the ExternalId, or else the name, has these values then; nobody has them twice."""
        changes = {"externalId": external_id, "active": active}
        if self._broker.alter_user(former, name, changes):
            return
        providers = self._switches.providers
        names = {"givenName": name.title(), "familyName": ""}
        body = {"schemas": [USER_SCHEMA], "userName": name, "name": names, **changes}
        self._broker.place_user(body, providers[0].idp if providers else "")

    def _revoke(self, external_id: str) -> None:
        """Takes away each permission that would show the user something, also those of its groups."""
        user = self._broker.active_user(external_id)
        spelling = self._switches.principal_spelling
        for permission in self._permissions.all():
            if user is not None and inventory_of(user, spelling, [permission]):
                self._permissions.delete(permission.id)
