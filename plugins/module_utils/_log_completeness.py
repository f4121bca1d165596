# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the login lines that were read show every refused login. PRIVATE to this collection.

If the line of one login cannot be read, the lines of another login would look like the only refused one. So whatever may
hide a refused login makes the list incomplete, and an incomplete list is never used to bind an ExternalId.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ._federation_log import (
    LoginAttempt,
    LoginContext,
    attempts_of,
    escaped,
    login_contexts,
)
from ._log_lines import USER_NOT_FOUND, LoginLine, UnreadLine
from ._log_window import Window
from ._texts import same_name

MAX_SHOWN = 5
"""Lines that cannot be read and are shown."""
MAX_LENGTH = 500
"""Characters of each of them."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """What may hide a refused login.

    `unread` are lines that do not fit their grammar, `without_lookup` and `without_refusal` count logins of which a line
    is missing. `unresolved` are the newest look-ups by each ExternalId that no refusal follows: only the broker's users
    can show whether those logins were allowed.
    """

    unread: tuple[str, ...] = ()
    without_lookup: int = 0
    without_refusal: int = 0
    unresolved: tuple[LoginAttempt, ...] = ()

    @property
    def gaps(self) -> list[str]:
        """Why the list is incomplete, one sentence for each reason."""
        counted = (
            (len(self.unread), "login line cannot be read", "login lines cannot be read"),
            (
                self.without_lookup,
                "refused login has no look-up in what was read",
                "refused logins have no look-up in what was read",
            ),
            (
                self.without_refusal,
                "login of a user who was not found has no refusal in what was read",
                "logins of users who were not found have no refusal in what was read",
            ),
        )
        return [f"{count} {one if count == 1 else several}" for count, one, several in counted if count]

    @property
    def shown(self) -> list[str]:
        """The first lines that cannot be read, escaped."""
        return [escaped(text, most=MAX_LENGTH) for text in self.unread[:MAX_SHOWN]]


def judge(lines: Sequence[LoginLine | UnreadLine], domain: str | None, window: Window) -> Completeness:
    """Return what may hide a refused login in the domain and the window."""
    contexts = login_contexts(lines)
    without_lookup, without_refusal = 0, 0
    for context in contexts.values():
        if not _may_count(context, domain, window):
            continue
        is_missing = bool(context.not_found) or USER_NOT_FOUND in context.reasons
        without_lookup += is_missing and not context.lookups
        without_refusal += bool(context.not_found) and not context.refusals
    # Whether a login with this look-up was refused.
    by_lookup: dict[tuple[str, str, frozenset[str]], bool] = {}
    for context in contexts.values():
        for lookup in context.lookups:
            by_lookup[lookup.looked_up] = by_lookup.get(lookup.looked_up, False) or bool(context.refusals)
    for line in lines:
        if not isinstance(line, LoginLine) or line.context is not None or not _is_of_domain(line.domains, domain):
            continue
        if window.contains(line.line.timestamp):
            # An external broker writes this line without the login context: the login is the one with the same look-up.
            is_refused = by_lookup.get(line.looked_up)
            without_lookup += is_refused is None
            without_refusal += is_refused is False
    unread = [line for line in lines if isinstance(line, UnreadLine)]
    return Completeness(
        tuple(each.text for each in unread if _is_of_domain(each.domains, domain) and window.may_contain(each)),
        without_lookup,
        without_refusal,
        tuple(_unresolved(contexts, domain, window)),
    )


def _unresolved(contexts: dict[str, LoginContext], domain: str | None, window: Window) -> list[LoginAttempt]:
    open_ones = {
        name: context for name, context in contexts.items() if not context.refusals and window.contains(context.first)
    }
    newest: dict[str | None, LoginAttempt] = {}
    for attempt in attempts_of(open_ones):
        lookups = open_ones[attempt.context_id].lookups
        if any(lookup.is_by_external_id and _is_of_domain(lookup.domains, domain) for lookup in lookups):
            newest.setdefault(attempt.external_id, attempt)
    return list(newest.values())


def _may_count(context: LoginContext, domain: str | None, window: Window) -> bool:
    if not (window.contains(context.first) or window.contains(context.last)):
        return False
    said = [*context.lookups, *context.not_found]
    return not said or any(_is_of_domain(line.domains, domain) for line in said)


def _is_of_domain(domains: Sequence[str] | None, domain: str | None) -> bool:
    """Return whether a line is about the domain. A line whose domains cannot be read is about every domain."""
    return domains is None or domain is None or any(same_name(domain, name) for name in domains)
