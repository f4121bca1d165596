# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the sync token that stands serves on, as far as SDDC Manager tells. PRIVATE to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ._broker_answers import token_expiry
from ._sddc_answers import moment_text, read_moment

# Between a token and what is told of it a moment may pass, and less than between two mintings that matter.
TOLERANCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of a standing token."""

    expires_at: datetime | None
    revoked: bool = False

    def left(self, now: datetime) -> int | None:
        """Whole seconds; 0 where it has ended, None where nothing tells its end."""
        if self.revoked:
            return 0
        return None if self.expires_at is None else max(0, int((self.expires_at - now).total_seconds()))

    def serves(self, now: datetime, renew_before: int) -> bool:
        """Whether it is kept."""
        left = self.left(now)
        return not self.revoked and (left is None or left > renew_before)


def told_end(provider: Mapping[str, Any]) -> datetime | None:
    """When the token that was minted last ends, by SDDC Manager."""
    return read_moment(_last_minted(provider).get("expireAt"))


def told_address(provider: Mapping[str, Any]) -> str | None:
    """Where SDDC Manager says that users are pushed to."""
    url = _last_minted(provider).get("scimUrl")
    return url if isinstance(url, str) and url else None


def _last_minted(provider: Mapping[str, Any]) -> Mapping[str, Any]:
    federated = provider.get("fedIdp")
    info = federated.get("syncClientTokenInfo") if isinstance(federated, Mapping) else None
    return info if isinstance(info, Mapping) else {}


def life_of(token: str | None, provider: Mapping[str, Any]) -> Life:
    """The life of a token; without one, of the token that was minted last.

    Its own end goes before the told one, of which not even the unit of its making is documented.
    """
    own = token_expiry(token) if token else None
    return Life(own or told_end(provider))


def revocation_doubt(life: Life, provider: Mapping[str, Any]) -> str | None:
    """A warning where another token than the kept one seems to have been minted last, which would have revoked it.

    It is kept all the same: minting on a guess would revoke a token that serves.
    """
    told = told_end(provider)
    if life.expires_at is None or told is None or abs(life.expires_at - told) <= TOLERANCE:
        return None
    return (
        f"The kept token ends at {moment_text(life.expires_at)}, and SDDC Manager tells {moment_text(told)} of the one that was "
        "minted last, which may have revoked it. Give scim_url, so that it is tried, or set force: true."
    )


def ttl_doubt(ttl: int | None, expires_at: datetime | None, now: datetime) -> str | None:
    """A warning where the new token's end is not the one that was asked for.

    The unit is nowhere told of the query; the example's value makes six months of minutes, and the text of the same
    field elsewhere says seconds.
    """
    if ttl is None or expires_at is None:
        return None
    lives, end = (expires_at - now).total_seconds(), moment_text(expires_at)
    for unit, seconds in (("minutes", ttl * 60), ("seconds", ttl)):
        if abs(lives - seconds) <= max(0.05 * seconds, 60):
            told = f"SDDC Manager took ttl={ttl} for seconds, not for minutes: the token ends at {end}."
            return None if unit == "minutes" else told
    return f"ttl={ttl} minutes were asked for, and the token ends at {end}, in {int(lives // 60)} minutes."
