# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shell commands that read the log, and their output. PRIVATE to this collection.

They need POSIX sh, grep, tail, head, zcat, date, wc and ls on the host, and use awk where it exists. Every value is an
argument of a fixed script, quoted by `shlex`, so none can become shell syntax. Output is fenced by marks
with a random word, put together by the shell that runs the script: a shell that merely echoes the command
cannot produce them, nor can a line of the log.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._log_lines import LOGIN_MARKS, LOGIN_NEEDLES

MOST_OUTPUT = 2 << 20
"""Bytes of log that one command may return."""

_DIGIT2, _TIME = "[0-9][0-9]", "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
_SECONDS = f"{_DIGIT2}{_DIGIT2}-{_DIGIT2}-{_DIGIT2}T{_TIME}"
_COLOUR = "([^ -~][[][0-9;]*m)*"
# The grammar of _log_lines as extended regular expressions, a little wider. No backslash and no interval, which some awks
# read in another way.
_STAMP = (
    f"^((<[0-9]+>)?[A-Z][a-z][a-z] [ 0-9][0-9] {_TIME} [^ ]+ [^ ]+: "
    "|<[0-9]+>1 [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ (-|([[][^]]*[]])+) "
    f"|{_SECONDS}([.][0-9]+)?(Z|[-+][0-9:]+) (std(out|err) F )?)?[^ -~]*{_COLOUR}{_SECONDS}"
)
"""How a log line begins; it ends with the seconds."""
_GAP = "([^ -~][[][0-9;]*m| )+"
_REST = (
    f"^([,.][0-9]+)?( ?(Z|[-+][0-9:]+))?{_GAP}(TRACE|DEBUG|INFO|WARN|ERROR|FATAL){_GAP}[^ :()]+:[^ :()]+{_GAP}"
    f"[(][^()]+[)]{_GAP}([[][^]]*[]]{_GAP})?[A-Za-z0-9_.$]+{_GAP}-{_GAP}"
)
"""How it goes on."""

_COMMON = r"""
LC_ALL=C; export LC_ALL
word=$1; log=$2; shift 2
mark() { printf '\n@%s%s:%s\n' "$((6 * 7))" "$word" "$1"; }
fail() { mark "$1"; mark end; exit 0; }
text=
printf 'a\n' | grep -a a >/dev/null 2>&1 && text=-a
identify() { (ls -di "$1") 2>/dev/null | { read -r inode rest; printf '%s' "$inode"; }; }
modified() { date -u -r "$1" +%s 2>/dev/null || printf 0; }
size() { wc -c <"$1" 2>/dev/null || printf 0; }
describe() { printf '%s\t%s\t%s\t%s\n' "$(identify "$1")" "$(($(size "$1")))" "$(modified "$1")" "$1"; }
[ -e "$log" ] || fail missing
[ -f "$log" ] || fail nofile
[ -r "$log" ] || fail unreadable
"""

_OPEN = r"""
stamp=$1; rotated=$2; shift 2
mark now; date -u +%s
mark files; describe "$log"
if [ "$rotated" ]; then
  for file in "${log%.log}"*.log*; do
    [ -f "$file" ] && [ "$file" != "$log" ] && describe "$file"
  done
fi
mark last; tail -c 65536 "$log" | grep $text -E "$stamp" | tail -n 5
"""

_LAST = r"""
stamp=$1; file=$2; shift 2
[ -r "$file" ] || fail unreadable
mark last
case $file in
  *.gz) zcat "$file" 2>/dev/null | tail -c 65536 ;;
  *) tail -c 65536 "$file" ;;
esac | grep $text -E "$stamp" | tail -n 5
"""

# One pattern at a time: grep is slow at several patterns in any case, and the order of the lines does not matter. Refusals come
# first, so that a login during the reading lacks its refusal rather than its look-up.
_SCAN = r"""
stamp=$1; file=$2; start=$3; most=$4; fetching=$5; failing=$6; shift 6
[ -r "$file" ] || fail unreadable
case $file in
  *.gz) command -v zcat >/dev/null 2>&1 || fail nozcat; all() { zcat "$file" 2>/dev/null; } ;;
  *) all() { tail -c "+$((start + 1))" "$file"; } ;;
esac
search() {
  case $start$file in
    *.gz) { all || mark damaged >&2; } | grep $text "$@" ;;
    0*) grep $text -h "$@" "$file" ;;
    *) all | grep $text "$@" ;;
  esac
}
mark first; all 2>/dev/null | head -c 65536 | grep $text -E "$stamp" | head -n 5
mark lines
{
  if [ "$fetching" ]; then
    search -iF -e "$failing" | grep $text -viF -e "$fetching"
    search -iF -e "$fetching"
  fi
  [ "$#" -eq 0 ] || search -F "$@"
} | tail -c "$most"
mark current; describe "$log"
"""

# Prints the first and the last log line of each minute (with or without a zone) in the order of the file, login lines that
# are no log lines, and the log line that follows each of those. Without awk all lines are printed, which takes longer and
# says the same.
_TIMELINE = r"""
stamp=$1; rest=$2; file=$3; start=$4; most=$5; first=$6; second=$7; third=$8; shift 8
[ -r "$file" ] || fail unreadable
all() { case $file in *.gz) zcat "$file" 2>/dev/null ;; *) tail -c "+$((start + 1))" "$file" ;; esac; }
if command -v awk >/dev/null 2>&1; then
  reduced() {
    awk -v stamp="$stamp" -v rest="$rest" -v first="$first" -v second="$second" -v third="$third" '
      match($0, stamp) && substr($0, RSTART + RLENGTH, 1000) ~ rest {
        zoned = substr($0, RSTART + RLENGTH, 30) ~ /^([,.][0-9]+)?( ?Z| ?[-+][0-9])/
        minute = substr($0, RSTART + RLENGTH - 19, 16) zoned
        if (minute != last || follows) { if (held != "") print held; print substr($0, 1, 1000); held = "" }
        else held = substr($0, 1, 1000)
        last = minute; follows = 0
        next
      }
      { folded = tolower($0) }
      index(folded, first) || index(folded, second) || index(folded, third) {
        if (held != "") print held
        print; held = ""; follows = 1
      }
      END { if (held != "") print held }'
  }
else
  reduced() { grep $text ""; }
fi
mark lines; all | reduced | tail -c "$most"
mark current; describe "$log"
"""

_WAIT = r"""
inode=$1; position=$2; seconds=$3; settle=$4; shift 4
if command -v sleep >/dev/null 2>&1; then nap() { sleep 1; }
else nap() { until=$(($(date +%s) + 1)); while [ "$(date +%s)" -lt "$until" ]; do :; done; }
fi
from=$((position > 200 ? position - 199 : 1))
before() { tail -c "+$from" "$log" | head -c "$((position + 1 - from))"; }
standing=$(before)
end=$(($(date +%s) + seconds)); seen=$position; found=
while :; do
  [ "$(identify "$log")" = "$inode" ] || fail rotated
  size=$(($(size "$log")))
  [ "$size" -ge "$position" ] || fail rotated
  [ "$size" -eq "$seen" ] || [ "$(before)" = "$standing" ] || fail rotated
  if [ "$size" -gt "$seen" ] && [ -z "$found" ]; then
    seen=$size
    if tail -c "+$((position + 1))" "$log" | grep $text -iF "$@" >/dev/null; then
      found=1; end=$(($(date +%s) + settle))
    fi
  fi
  [ "$(date +%s)" -lt "$end" ] || break
  nap
done
mark waited; printf '%s\n' "${found:-0}"
"""

_FOLLOW = r"""
inode=$1; seen=$2; offset=$3; back=$4; seconds=$5; most=$6
look() {
  (ls -Lnd -i "$log") 2>/dev/null | { read -r i mode links owner group bytes rest; printf '%s %s' "$i" "$bytes"; }
}
end=$(($(date +%s) + seconds))
while [ "$(look)" = "$inode $seen" ] && [ "$(date +%s)" -lt "$end" ]; do
  sleep 0.2 2>/dev/null || sleep 1 2>/dev/null || break
done
mark seen; look
mark current; describe "$log"
mark head; head -c "$HEAD" "$log"
mark lines; tail -c "+$((offset - back + 1))" "$log" | head -c "$((back + most))"
"""

_FILES = r"""
offset=$1; back=$2; count=0
for file in "$log" "${log%.log}"*.log*; do
  if [ -f "$file" ] && { [ "$count" -eq 0 ] || [ "$file" != "$log" ]; } && [ "$count" -lt "$FILES" ]; then
    count=$((count + 1))
    mark "file$count"; describe "$file"
    case $file in
      *.gz) mark "head$count"; zcat "$file" 2>/dev/null | head -c "$HEAD" ;;
      *)
        mark "head$count"; head -c "$HEAD" "$file"
        mark "before$count"; tail -c "+$((offset - back + 1))" "$file" | head -c "$back" ;;
    esac
  fi
done
"""

_PART = r"""
file=$1; start=$2; most=$3
[ -r "$file" ] || fail unreadable
mark lines
case $file in
  *.gz) zcat "$file" 2>/dev/null | tail -c "+$((start + 1))" | head -c "$most" ;;
  *) tail -c "+$((start + 1))" "$file" | head -c "$most" ;;
esac
"""

HEAD_BYTES = 256
"""Bytes from its beginning that a file is known by."""
MOST_FILES = 100
_BOUNDS = f"HEAD={HEAD_BYTES}; FILES={MOST_FILES}"

_END = "\nmark end\n"


@dataclass(frozen=True)
class LogCommands:
    """Builds the commands for one log. C(word) is random and fit for a shell word."""

    word: str
    log: str
    most_output: int = MOST_OUTPUT

    def open(self, *, rotated: bool) -> str:
        """Return the command for clock, files and the last lines of the log."""
        return self._command(_OPEN, _STAMP, "yes" if rotated else "")

    def last(self, file: str) -> str:
        """Return the command for the last lines of another file."""
        return self._command(_LAST, _STAMP, file)

    def scan(self, file: str, start: int, marks: Sequence[str] = (), *, logins: bool = False) -> str:
        """Return the command for the first lines from an offset on, and all lines from there that contain a mark.

        With `logins` also those that may be login lines.
        """
        needles = LOGIN_NEEDLES if logins else ("", "")
        return self._command(_SCAN, _STAMP, file, start, self.most_output, *needles, *_patterns(marks))

    def timeline(self, file: str, start: int) -> str:
        """Return the command for the lines from an offset on that show the order of their times."""
        return self._command(
            _TIMELINE, _STAMP, _REST, file, start, self.most_output, *(mark.lower() for mark in LOGIN_MARKS)
        )

    def wait(self, inode: str, position: int, seconds: int, settle: int, marks: Sequence[str]) -> str:
        """Block until a line with one of the marks is written behind the position, at most so many seconds."""
        return self._command(_WAIT, inode, position, seconds, settle, *_patterns(marks))

    def follow(self, seen: tuple[str, int], offset: int, back: int, seconds: int) -> str:
        """Block until inode or size are others than were seen, and return what stands from C(back) before the offset on."""
        return self._command(_BOUNDS + _FOLLOW, *seen, offset, back, seconds, self.most_output)

    def files(self, offset: int, back: int) -> str:
        """The log and the rotated files, each with how it begins and what stands before the offset."""
        return self._command(_BOUNDS + _FILES, offset, back)

    def part(self, file: str, start: int) -> str:
        """What stands in a file from an offset on."""
        return self._command(_PART, file, start, self.most_output)

    def sections(self, output: str) -> dict[str, str] | None:
        """The parts of a command's output by their marks; None where the script did not run to its end."""
        # A terminal (become with -tt) ends lines with "\r\n".
        text = output.replace("\r\n", "\n") if f"@42{self.word}:end\r\n" in output else output
        # With become, ansible-core 2.19 and later strip the white space before the first mark, if it arrives in time.
        pieces = f"\n{text}".split(f"\n@42{self.word}:")
        found: dict[str, str] = {}
        for piece in pieces[1:]:
            name, _newline, body = piece.partition("\n")
            found[name] = body
        return found if "end" in found else None

    def is_damaged(self, output: str) -> bool:
        """Whether a compressed file ended before its end; said on standard error."""
        return f"@42{self.word}:damaged" in output

    def _command(self, script: str, *arguments: Any) -> str:
        words = (self.word, self.log, *arguments)
        return " ".join(shlex.quote(str(part)) for part in ("/bin/sh", "-c", _COMMON + script + _END, "sh", *words))


def refusal_to_read(sections: Mapping[str, str]) -> str | None:
    """Why the log could not be read, in a word of the scripts above."""
    return next((name for name in ("missing", "nofile", "unreadable", "nozcat", "rotated") if name in sections), None)


def _patterns(texts: Sequence[str]) -> list[str]:
    return [part for text in texts for part in ("-e", text)]
