# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The broker's users as one page for a browser, which needs nothing but itself. PRIVATE to this collection.

Without the script it is a plain table with everything in it. Every text goes through C(_shown).
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator

from ._text_table import visible
from ._user_page_script import FIRST_SCRIPT, SCRIPT
from ._user_page_style import STYLE
from ._user_rows import ONLY_SOMEBODY, LogRead, Row, Users, full_name, name_to_show

STATES = {True: ("active", "Active"), False: ("inactive", "Inactive"), None: ("unclear", "Unknown")}

# Title and width in percent, without and with what the log told.
_COLUMNS = (
    ("Name", 22, 16.5),
    ("User name", 20, 16),
    ("Domain", 14, 10.5),
    ("ExternalId", 19, 14.5),
    ("State", 9, 8),
    ("Groups", 16, 12.5),
)
_LOG_COLUMNS = (("Last attempt", 11.5), ("Outcome", 10.5))
_EMPTY = '<td class="none"></td>'


def page(users: Users) -> str:
    """The whole page, ready to be written as UTF-8."""
    title = f"Users of {users.host}" if users.host else "Users of the Identity Broker"
    return "".join(
        (
            "<!DOCTYPE html>\n",
            f'<html lang="en"{" data-log" if users.log else ""}>\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n',
            f"<title>{_shown(title)}</title>\n<style>{STYLE}</style>\n<script>{FIRST_SCRIPT}</script>\n</head>\n<body>\n",
            _top(users),
            "<main>\n",
            _gaps(users.log),
            _controls(users),
            _table(users),
            '<p id="nobody" hidden>Nobody fits. <button type="button" id="clear">Show everybody</button></p>\n',
            '<p id="more" hidden><span></span> <button type="button" id="further">Show 2,000 more</button></p>\n',
            f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        )
    )


def _policy() -> str:
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in (FIRST_SCRIPT, SCRIPT))
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src {scripts}; base-uri 'none'; form-action 'none'"


def _shown(text: str) -> str:
    """Text as content or attribute of an element: neither a tag nor a change of writing direction survives."""
    return html.escape(visible(text))


def _breakable(text: str) -> str:
    """Shown text that goes on in the next line between the parts of a name, where it has to."""
    return _shown(text).replace("@", "<wbr>@").replace(".", "<wbr>.")


def _top(users: Users) -> str:
    facts = [
        (len(users.rows), "user" if len(users.rows) == 1 else "users"),
        (users.count("active", False), "inactive"),
        (len(users.domains), "domain" if len(users.domains) == 1 else "domains"),
    ]
    if users.log:
        facts.append((users.count("last_outcome", "denied"), "last denied"))
    numbers = "".join(f"<li><b>{number:,}</b> {words}</li>" for number, words in facts)
    moment = users.read_at_text
    when = f'<time datetime="{moment}">{moment[:10]} {moment[11:19]} UTC</time>'
    host = f"<b>{_shown(users.host)}</b>" if users.host else "a host that was not named"
    return (
        f'<header>\n<div class="title"><p class="over">Identity Broker users</p>'
        f"<h1>{_shown(users.host or 'Unnamed host')}</h1></div>\n"
        f'<ul class="facts">{numbers}</ul>\n'
        f'<p class="legend">Read {when} from {host}. {_about_log(users.log)}</p>\n</header>\n'
    )


def _about_log(log: LogRead | None) -> str:
    if log is None:
        return "The log of logins was not read."
    narrowed = f" Only attempts {_shown(' and '.join(log.narrowed))} were asked for." if log.narrowed else ""
    return f"Times are UTC. {ONLY_SOMEBODY}{narrowed}"


def _gaps(log: LogRead | None) -> str:
    if log is None or log.complete:
        return ""
    gaps = "".join(f"<li>{_shown(gap)}</li>" for gap in log.gaps or ("The reader does not say why.",))
    return (
        '<aside class="gaps"><p><b>The log was not read wholly.</b> Attempts may be missing, or older than the newest.</p>'
        f"<ul>{gaps}</ul></aside>\n"
    )


def _controls(users: Users) -> str:
    states = "".join(
        f'<option value="{key}">{words}</option>'
        for value, (key, words) in STATES.items()
        if users.count("active", value)
    )
    domains = "".join(f'<option value="{number}">{_shown(name)}</option>' for number, name in enumerate(users.domains))
    if users.count("domain", None):
        domains += '<option value="">Unknown</option>'
    return (
        '<div class="bar" id="bar" role="search" hidden>\n'
        '<label class="find"><span class="unseen">Search</span><input type="search" id="find" '
        'placeholder="Search names, ExternalIds, groups" autocomplete="off" spellcheck="false"></label>\n'
        f'<label><span>State</span><select id="state"><option value="*">All</option>{states}</select></label>\n'
        f'<label><span>Domain</span><select id="domain"><option value="*">All</option>{domains}</select></label>\n'
        '<output id="count" for="find state domain"></output>\n</div>\n'
    )


def _table(users: Users) -> str:
    columns = [(title, with_log if users.log else alone) for title, alone, with_log in _COLUMNS]
    columns += _LOG_COLUMNS if users.log else ()
    widths = "".join(f'<col style="width:{percent}%">' for _title, percent in columns)
    heads = "".join(f'<th scope="col">{title}</th>' for title, _percent in columns)
    domains = {name: number for number, name in enumerate(users.domains)}
    rows = "\n".join("".join(_row(row, domains, log=users.log is not None)) for row in users.rows)
    if not rows:
        rows = f'<tr class="noone"><td colspan="{len(columns)}">The broker has no users.</td></tr>'
    return (
        '<table id="users"><caption class="unseen">Users of the Identity Broker</caption>\n'
        f"<colgroup>{widths}</colgroup>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n"
    )


def _row(row: Row, domains: dict[str, int], *, log: bool) -> Iterator[str]:
    state, words = STATES[row["active"]]
    yield f'<tr data-s="{state}" data-d="{domains.get(row["domain"], "")}">{_name(row)}'
    yield f"<td>{_breakable(row['username'] or '')}</td>{_cell(row['domain'])}{_cell(row['external_id'])}"
    yield f'<td><span class="{state}">{words}</span></td>'
    groups = " ".join(f"<li>{_shown(group)}</li>" for group in row["groups"])
    yield f"<td><ul>{groups}</ul></td>" if groups else _EMPTY
    if log:
        yield _attempt(row)
    yield "</tr>"


def _name(row: Row) -> str:
    whole = full_name(row)
    name = name_to_show(row)
    below = [text for text in (whole if whole != name else None, row["email"]) if text]
    first = f"<b>{_shown(name)}</b>" if name else "<b></b>"
    return f'<th scope="row">{first}{"".join(f" <small>{_breakable(text)}</small>" for text in below)}</th>'


def _cell(text: str | None) -> str:
    return f"<td>{_breakable(text)}</td>" if text else _EMPTY


def _attempt(row: Row) -> str:
    when, outcome = row["last_attempt"], row["last_outcome"]
    if not when:
        return _EMPTY * 2
    source = f" <small>from {_shown(row['last_source_ip'])}</small>" if row["last_source_ip"] else ""
    return (
        f'<td><time datetime="{_shown(when)}">{_shown(when[:10])} {_shown(when[11:19])}</time>{source}</td>'
        f'<td><span class="{outcome}">{outcome.capitalize()}</span></td>'
    )
