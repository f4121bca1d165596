# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads login attempts through somebody's way to run a command on the appliance. PRIVATE to this collection."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ._client_log import CLIENT_LOG, TOKEN_MARK, read_spellings
from ._errors import IdentityBrokerError
from ._federation_log import (
    LOOKUP_MARK,
    NOT_FOUND_MARK,
    REFUSAL_MARK,
    LoginAttempt,
    context_ids,
    decisive_lines,
    in_domain,
    lookup_is_missing,
    newest_distinct,
    read_attempts,
    timestamp_of,
)
from ._log_commands import MOST_OUTPUT, LogCommands, refusal_to_read
from ._log_window import LOOK_BACK, WINDOWS, Clock, LogFile, first_wanted, next_start, older_files, read_clock
from ._login_failures import FAILURE_MARKS, KEY_MARK, LoginFailure, is_unexplained, read_failures

CONTEXTS_A_COMMAND = 1000
MOST_CONTEXTS = 5000
MORE_FOR_ALL = 8
"""How many times as much may be read where every login is wanted, and none is bound."""
LINE_MARKS = (LOOKUP_MARK, NOT_FOUND_MARK, REFUSAL_MARK)

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
    """What was found. C(gaps) says why the list may be short of attempts; empty means that it is complete."""

    clock: Clock
    position: tuple[str, int]
    attempts: list[LoginAttempt] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    failures: list[LoginFailure] = field(default_factory=list)
    lines: dict[str, str] = field(default_factory=dict)
    """The line that decided each login, by login context."""
    spellings: list[tuple[str, str]] = field(default_factory=list)
    """Names and domains under which vCenter knows who was let in."""


def read_log(request: Request, execute: Execute) -> Reading:
    """Find login attempts, newest first. Raises IdentityBrokerError where the log cannot be read."""
    return _Reader(request, execute).read()


class _Reader:
    def __init__(self, request: Request, execute: Execute) -> None:
        self._request = request
        self._execute = execute
        more = 1 if request.denied_only else MORE_FOR_ALL
        self._most_output, self._most_contexts = more * MOST_OUTPUT, more * MOST_CONTEXTS
        self._commands = LogCommands(secrets.token_hex(12), request.log_path, self._most_output)
        self._marks: tuple[str, ...] = (REFUSAL_MARK, NOT_FOUND_MARK) if request.denied_only else LINE_MARKS
        if request.evidence:
            self._marks += FAILURE_MARKS
        self._hits = ""
        self._lines: dict[str, str] = {}
        self._gaps: list[str] = []

    def read(self) -> Reading:
        request = self._request
        opened = self._run(self._commands.open(rotated=True))
        files = files_of(opened["files"])
        current = files[0]
        last_line = opened["last"].rstrip("\n")
        clock = read_clock(int(opened["now"]), current.modified, last_line)
        here = clock.log_time(clock.now)
        log_end = max(timestamp_of(last_line) or here, here)
        if request.wait:
            attempts = self._wait_for(current, log_end + timedelta(seconds=2 * (request.wait + request.settle)))
        else:
            attempts = self._search(files, first_wanted(request.since, clock), clock, log_end)
        chosen, cut = newest_distinct(attempts, request.limit)
        if cut:
            self._gaps.append(f"there are more than {request.limit} ExternalIds (limit)")
        wanted = first_wanted(request.since, clock)
        failures = [failure for failure in self._failures(current) if wanted is None or failure.timestamp >= wanted]
        lines = (
            {attempt.context_id: self._lines.get(attempt.context_id, "") for attempt in chosen}
            if request.evidence
            else {}
        )
        gaps = list(dict.fromkeys(self._gaps))
        spellings = self._spellings() if request.evidence else []
        return Reading(clock, (current.inode, current.size), chosen, gaps, failures, lines, spellings)

    def _spellings(self) -> list[tuple[str, str]]:
        """The end of the vSphere Client's log. Where there is none, or it may not be read, nothing is known of them."""
        commands = LogCommands(secrets.token_hex(12), self._request.client_log_path, self._most_output)
        opened = commands.sections(self._execute(commands.open(rotated=False))[0])
        if opened is None or refusal_to_read(opened):
            return []
        (file, *_others) = files_of(opened["files"])
        found = commands.sections(
            self._execute(commands.scan(file.path, max(0, file.size - WINDOWS[1]), (TOKEN_MARK,)))[0]
        )
        return read_spellings(found.get("lines", "")) if found else []

    def _search(
        self, files: Sequence[LogFile], wanted: datetime | None, clock: Clock, log_end: datetime
    ) -> list[LoginAttempt]:
        current, older = files[0], older_files(files, files[0].path, wanted, clock)
        text, reaches_back = self._search_file(current, current, wanted)
        for file in older if not reaches_back else ():
            if not self._request.include_rotated:
                if wanted is not None:
                    self._gaps.append("the log was rotated inside the window (include_rotated)")
                break
            if self._limit_is_reached(text):
                self._gaps.append(
                    f"older files were not read, since {self._request.limit} ExternalIds were found (limit)"
                )
                break
            older_text, reaches_back = self._search_file(file, current, wanted)
            text = older_text + text
            if reaches_back:
                break
        attempts = read_attempts(text, log_end)
        if lookup_is_missing(text):
            self._gaps.append("a refused login's first lines are not in what was read")
        return [a for a in attempts if self._counts(a) and (wanted is None or a.timestamp >= wanted)]

    def _search_file(self, file: LogFile, current: LogFile, wanted: datetime | None) -> tuple[str, bool]:
        """The lines of the file's attempts, and whether it reaches back beyond the wanted time."""
        start: int | None = None
        first: datetime | None = None
        hits = ""
        while True:
            # Where all is wanted, a part would be read twice.
            whole = file.compressed or (wanted is None and not self._request.limit)
            offset = 0 if whole and start is None else next_start(file.size, start, first, wanted)
            if offset is None:
                break
            start = offset
            found = self._run(self._commands.scan(file.path, start, self._marks))
            hits, first = found["lines"], timestamp_of(found["first"].strip("\n"))
            self._notice_rotation(found["current"], current)
            if self._limit_is_reached(hits) and next_start(file.size, start, first, wanted) is not None:
                self._gaps.append(f"reading stopped at {self._request.limit} ExternalIds (limit)")
                break
        if len(hits.encode()) >= self._most_output:
            self._gaps.append(f"there is more than {self._most_output >> 20} MiB of refusals")
        self._hits += hits
        if self._request.denied_only or lookup_is_missing(hits):
            text = self._lines_of(file.path, context_ids(hits), max(0, (start or 0) - LOOK_BACK), current)
        else:
            text = self._noted(hits)
        return text, bool(first and wanted and first < wanted)

    def _lines_of(self, path: str, contexts: Sequence[str], start: int, current: LogFile) -> str:
        if len(contexts) > self._most_contexts:
            self._gaps.append(f"there are more than {self._most_contexts} logins")
        newest = list(contexts)[-self._most_contexts :]
        text = ""
        for at in range(0, len(newest), CONTEXTS_A_COMMAND):
            batch = newest[at : at + CONTEXTS_A_COMMAND]
            found = self._run(self._commands.select(path, start, batch, LINE_MARKS))
            if len(found["lines"].encode()) >= self._most_output:
                self._gaps.append(f"there is more than {self._most_output >> 20} MiB of logins")
            self._notice_rotation(found["current"], current)
            text += found["lines"]
        return self._noted(text)

    def _noted(self, text: str) -> str:
        if self._request.evidence:
            self._lines |= decisive_lines(text)
        return text

    def _failures(self, file: LogFile) -> list[LoginFailure]:
        """Those of which something is in what was read; the keys are looked at only where nothing else explains one."""
        failures = read_failures(self._hits) if self._request.evidence else []
        if not is_unexplained(failures):
            return failures
        found = self._run(self._commands.scan(file.path, max(0, file.size - WINDOWS[-1]), (KEY_MARK,)))
        return read_failures(self._hits + found["lines"])

    def _wait_for(self, current: LogFile, log_end: datetime) -> list[LoginAttempt]:
        """Attempts made from now on. "From now on" is a position in the file, not a time."""
        request = self._request
        deadline = time.monotonic() + request.wait
        while True:
            seconds = max(0, round(deadline - time.monotonic()))
            self._run(self._commands.wait(current.inode, current.size, seconds, request.settle, self._marks))
            found = self._run(self._commands.scan(current.path, current.size, self._marks))
            text = self._lines_of(current.path, context_ids(found["lines"]), current.size, current)
            self._hits = found["lines"]
            attempts = [attempt for attempt in read_attempts(text, log_end) if self._counts(attempt)]
            if attempts or time.monotonic() >= deadline:
                return attempts

    def _counts(self, attempt: LoginAttempt) -> bool:
        if self._request.denied_only and attempt.outcome != "denied":
            return False
        return attempt.malformed or in_domain(attempt, self._request.domain)

    def _limit_is_reached(self, text: str) -> bool:
        found = {a.external_id for a in read_attempts(text) if in_domain(a, self._request.domain)}
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
