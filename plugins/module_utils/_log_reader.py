# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read login attempts from the log with commands that run on the appliance. PRIVATE to this collection."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ._client_log import CLIENT_LOG, TOKEN_MARK, read_spellings
from ._errors import IdentityBrokerError
from ._federation_log import LoginAttempt, attempts_of, decisive_lines, in_domain, login_contexts, newest_distinct
from ._log_commands import MOST_OUTPUT, LogCommands, refusal_to_read
from ._log_completeness import Completeness, judge
from ._log_lines import LOGIN_MARKS, LOOKUP_MARK, LoginLine, UnreadLine, login_lines, timestamp_of
from ._log_window import (
    WINDOWS,
    Clock,
    LogFile,
    Window,
    is_in_order,
    next_start,
    older_files,
    placed,
    read_clock,
    window_of,
)
from ._login_failures import FAILURE_MARKS, KEY_MARK, LoginFailure, is_unexplained, read_failures

MAX_OUTPUT = 8 * MOST_OUTPUT
"""Bytes of login lines that are read from one file."""
UNCERTAIN = "the offset of the log's time stamps from UTC is not certain, so since cannot be judged"
"""The gap after which only the position in the file, or an ExternalId that is given, helps."""

Execute = Callable[[str], tuple[str, str]]
"""Runs a command on the appliance; returns standard output and standard error."""


@dataclass(frozen=True)
class Request:
    """What is asked of the log; see the options of C(externalid_fact)."""

    log_path: str
    domain: str | None = None
    since: timedelta | datetime | None = None
    denied_only: bool = True
    limit: int = 5
    include_rotated: bool = False
    wait: int = 0
    settle: int = 10
    evidence: bool = False
    client_log_path: str = CLIENT_LOG


@dataclass
class Reading:
    """What was found. `gaps` says why the list may be short of attempts; empty means that it is complete."""

    clock: Clock
    position: tuple[str, int]
    attempts: list[LoginAttempt] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    failures: list[LoginFailure] = field(default_factory=list)
    lines: dict[str, str] = field(default_factory=dict)
    """The line that decided each login, by login context."""
    spellings: list[tuple[str, str]] = field(default_factory=list)
    """Names and domains under which vCenter knows who was let in."""
    completeness: Completeness = field(default_factory=Completeness)


def read_log(request: Request, execute: Execute) -> Reading:
    """Find login attempts, newest first. Raises IdentityBrokerError where the log cannot be read."""
    return _Reader(request, execute).read()


class _Reader:
    def __init__(self, request: Request, execute: Execute) -> None:
        self._request = request
        self._execute = execute
        self._commands = LogCommands(secrets.token_hex(12), request.log_path, MAX_OUTPUT)
        self._marks = FAILURE_MARKS if request.evidence else ()
        self._hits = ""
        self._order: list[str] = []
        self._gaps: list[str] = []

    def read(self) -> Reading:
        request = self._request
        opened = self._run(self._commands.open(rotated=True))
        files = files_of(opened["files"])
        current = files[0]
        clock = self._clock(int(opened["now"]), files, opened["last"])
        window = Window() if request.wait else window_of(request.since, clock)
        here = clock.log_time(clock.now)
        if request.wait:
            lines, attempts = self._wait_for(current, here + timedelta(seconds=2 * (request.wait + request.settle)))
        else:
            last = (timestamp_of(line) for line in reversed(opened["last"].split("\n")))
            log_end = max(next((stamp for stamp in last if stamp), here), here)
            lines, clock = self._search(files, window, clock)
            attempts = [a for a in self._listed(lines, log_end) if window.contains(a.timestamp)]
        completeness = judge(lines, request.domain, window)
        chosen, cut = newest_distinct(attempts, request.limit)
        if cut:
            self._gaps.append(f"there are more than {request.limit} ExternalIds (limit)")
        failures = [each for each in self._failures(current) if window.contains(each.timestamp)]
        of_line = decisive_lines(self._hits) if request.evidence else {}
        evidence = {attempt.context_id: of_line.get(attempt.context_id, "") for attempt in chosen}
        return Reading(
            clock,
            (current.inode, current.size),
            chosen,
            list(dict.fromkeys([*self._gaps, *completeness.gaps])),
            failures,
            evidence if request.evidence else {},
            self._spellings() if request.evidence else [],
            completeness,
        )

    def _clock(self, now: int, files: Sequence[LogFile], last_lines: str) -> Clock:
        """Compare the log's last readable line with the time of change; in a log that was just rotated, that of the file before."""
        current, *rotated = files
        clock = read_clock(now, current.modified, last_lines, is_empty=current.size == 0)
        if self._request.include_rotated and rotated and not any(map(timestamp_of, last_lines.split("\n"))):
            newest = max(rotated, key=lambda file: file.modified)
            clock = read_clock(now, newest.modified, self._run(self._commands.last(newest.path))["last"])
        return clock

    def _spellings(self) -> list[tuple[str, str]]:
        """The end of the vSphere Client's log. Where there is none, or it may not be read, nothing is known of them."""
        commands = LogCommands(secrets.token_hex(12), self._request.client_log_path)
        opened = commands.sections(self._execute(commands.open(rotated=False))[0])
        if opened is None or refusal_to_read(opened):
            return []
        (file, *_others) = files_of(opened["files"])
        found = commands.sections(
            self._execute(commands.scan(file.path, max(0, file.size - WINDOWS[1]), (TOKEN_MARK,)))[0]
        )
        return read_spellings(found.get("lines", "")) if found else []

    def _search(
        self, files: Sequence[LogFile], window: Window, clock: Clock
    ) -> tuple[list[LoginLine | UnreadLine], Clock]:
        """Return the login lines of the files, and the clock as far as the order of the lines confirms it."""
        current, older = files[0], older_files(files, files[0].path, window.first, clock)
        text, reaches_back = self._search_file(current, current, window)
        for file in older if not reaches_back else ():
            if not self._request.include_rotated:
                if window.first is not None:
                    self._gaps.append("the log was rotated inside the window (include_rotated)")
                break
            if self._limit_is_reached(text):
                self._gaps.append(
                    f"older files were not read, since {self._request.limit} ExternalIds were found (limit)"
                )
                break
            older_text, reaches_back = self._search_file(file, current, window)
            text = older_text + text
            if reaches_back:
                break
        lines = _in_order(text)
        if window.first is None:
            return lines, clock
        readable, not_after = placed(self._order)
        if not is_in_order(readable, window):
            clock = replace(clock, certain=False)
        if not clock.certain:
            self._gaps.append(UNCERTAIN)
        return [_placed(line, not_after) for line in lines], clock

    def _search_file(self, file: LogFile, current: LogFile, window: Window) -> tuple[str, bool]:
        """Return the file's login lines, and whether it reaches back beyond the window."""
        start: int | None = None
        first: datetime | None = None
        wanted, hits = window.first, ""
        while True:
            # Where all is wanted, a part would be read twice.
            whole = file.compressed or (wanted is None and not self._request.limit)
            offset = 0 if whole and start is None else next_start(file.size, start, first, wanted)
            if offset is None and start and judge(_in_order(hits), self._request.domain, window).without_lookup:
                offset = next_start(file.size, start, None, None)
            if offset is None:
                break
            start = offset
            found = self._run(self._commands.scan(file.path, start, self._marks, logins=True))
            hits = found["lines"]
            first = next((stamp for line in found["first"].split("\n") if (stamp := timestamp_of(line))), None)
            self._notice_rotation(found["current"], current)
            if self._limit_is_reached(hits) and next_start(file.size, start, first, wanted) is not None:
                self._gaps.append(f"reading stopped at {self._request.limit} ExternalIds (limit)")
                break
        self._notice_size(hits)
        self._hits = hits + self._hits
        if wanted is not None:
            self._note_order(file, start or 0, current)
        return hits, bool(first and wanted and first < wanted)

    def _note_order(self, file: LogFile, start: int, current: LogFile) -> None:
        found = self._run(self._commands.timeline(file.path, start))
        self._notice_size(found["lines"])
        self._notice_rotation(found["current"], current)
        self._order = [*found["lines"].rstrip("\n").split("\n"), *self._order]

    def _notice_size(self, text: str) -> None:
        if len(text.encode("utf-8", "surrogateescape")) >= MAX_OUTPUT:
            self._gaps.append(f"there is more than {MAX_OUTPUT >> 20} MiB of logins")

    def _failures(self, file: LogFile) -> list[LoginFailure]:
        """Those of which something is in what was read; the keys are looked at only where nothing else explains one."""
        failures = read_failures(self._hits) if self._request.evidence else []
        if not is_unexplained(failures):
            return failures
        found = self._run(self._commands.scan(file.path, max(0, file.size - WINDOWS[-1]), (KEY_MARK,)))
        return read_failures(self._hits + found["lines"])

    def _wait_for(self, current: LogFile, log_end: datetime) -> tuple[list[LoginLine | UnreadLine], list[LoginAttempt]]:
        """Return the login lines from now on, and their attempts. "From now on" is a position in the file, not a time."""
        request = self._request
        deadline = time.monotonic() + request.wait
        ends_with = (*(mark for mark in LOGIN_MARKS if mark != LOOKUP_MARK or not request.denied_only), *self._marks)
        while True:
            seconds = max(0, round(deadline - time.monotonic()))
            self._run(self._commands.wait(current.inode, current.size, seconds, request.settle, ends_with))
            found = self._run(self._commands.scan(current.path, current.size, self._marks, logins=True))
            self._notice_rotation(found["current"], current)
            self._notice_size(found["lines"])
            self._hits = found["lines"]
            lines = _in_order(self._hits)
            attempts = self._listed(lines, log_end)
            # What cannot be read stays so.
            if attempts or judge(lines, request.domain, Window()).unread or time.monotonic() >= deadline:
                return lines, attempts

    def _listed(self, lines: Sequence[LoginLine | UnreadLine], log_end: datetime | None = None) -> list[LoginAttempt]:
        return [attempt for attempt in attempts_of(login_contexts(lines), log_end) if self._counts(attempt)]

    def _counts(self, attempt: LoginAttempt) -> bool:
        if self._request.denied_only and attempt.outcome != "denied":
            return False
        return attempt.malformed or in_domain(attempt, self._request.domain)

    def _limit_is_reached(self, text: str) -> bool:
        found = {a.external_id for a in self._listed(_in_order(text)) if in_domain(a, self._request.domain)}
        return 0 < self._request.limit <= len(found)

    def _notice_rotation(self, described: str, current: LogFile) -> None:
        now = files_of(described)[0]
        if now.inode != current.inode or now.size < current.size:
            self._gaps.append("the log was rotated while it was read")

    def _run(self, command: str) -> dict[str, str]:
        output, errors = self._execute(command)
        sections = self._commands.sections(output)
        if sections is None:
            raise not_a_shell(output, errors)
        reason = refusal_to_read(sections)
        if reason:
            raise cannot_read(reason, self._request.log_path)
        if self._commands.is_damaged(errors) or "damaged" in sections:
            self._gaps.append("a compressed log file is damaged")
        return sections


def _in_order(text: str) -> list[LoginLine | UnreadLine]:
    """Return the login lines of what was found, each login at the place of its look-up, although refusals are found first."""
    return sorted(login_lines(text), key=lambda line: isinstance(line, LoginLine) and line.kind == "refusal")


def _placed(line: LoginLine | UnreadLine, not_after: Mapping[str, datetime | None]) -> LoginLine | UnreadLine:
    return replace(line, not_after=not_after.get(line.text)) if isinstance(line, UnreadLine) else line


def files_of(described: str) -> list[LogFile]:
    """The files that the scripts described."""
    files = []
    for line in described.split("\n"):
        parts = line.split("\t", 3)
        if len(parts) == 4:
            files.append(LogFile(parts[3], parts[0], int(parts[1]), int(parts[2] or 0)))
    return files


def not_a_shell(output: str, errors: str) -> IdentityBrokerError:
    """What to tell where something else than a POSIX shell answered."""
    said = " ".join((output + " " + errors).split())[:200]
    if "Unknown command" in output + errors:
        return IdentityBrokerError(
            "The appliance answered with its own shell (appliancesh) instead of a POSIX shell, so its log cannot be read.",
            way_out=(
                "There are two ways out. Either make bash root's login shell, with: chsh -s /bin/bash root (and undo it "
                "with: chsh -s /bin/appliancesh root; Broadcom KB 2115983). Or copy federation-service.log from the "
                "appliance to the control node, keeping its time of change, and read the copy with connection: local and "
                "log_path."
            ),
        )
    return IdentityBrokerError(
        f"The host did not run the reading command to its end; it said: {said or 'nothing'}.",
        way_out="It needs a POSIX sh with grep, tail, head, zcat, date, wc and ls.",
    )


def cannot_read(reason: str, path: str) -> IdentityBrokerError:
    """What to tell of a word of C(refusal_to_read)."""
    problems = {
        "missing": (
            "does not exist on the host",
            "Is this the appliance that runs the Identity Broker (vCenter 8.0 U1 or later, service vc-ws1a-broker), and "
            "has anybody tried to log in yet? An external broker keeps its log elsewhere: set log_path.",
        ),
        "nofile": ("is not a file", "Set log_path to federation-service.log itself."),
        "unreadable": ("may not be read by this user", "Connect as root, or use become."),
        "nozcat": ("has rotated files that are compressed, and there is no zcat", "Leave include_rotated out."),
        "rotated": ("was rotated while waiting for a login", "Let the person try again, and run this again."),
    }
    problem, way_out = problems[reason]
    return IdentityBrokerError(f"The log {path} {problem}.", way_out=way_out)
