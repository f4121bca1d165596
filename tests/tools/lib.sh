# shellcheck shell=bash
# What the scripts of this folder share. To be sourced.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE=$ROOT/.cache
LOGS=$CACHE/logs
export CACHE LOGS

say() { printf '%s\n' "$*"; }

warn() {
    printf '\n' >&2
    printf '!! %s\n' "$@" >&2
}

die() {
    warn "$@"
    exit 1
}

# logged NAME COMMAND...: quiet when it goes well, the end of its output when it does not.
logged() {
    local log=$LOGS/$1.log
    shift
    mkdir -p "$LOGS"
    if "$@" >"$log" 2>&1 </dev/null; then
        return 0
    fi
    printf '\n!! This failed: %s\n' "$*" >&2
    tail -n 30 "$log" >&2
    printf '!! All of it: %s\n' "$log" >&2
    return 1
}

# alone NAME: waits until no other run of this working tree does the same. Ends with this process.
alone() {
    mkdir -p "$CACHE/locks"
    if command -v flock >/dev/null; then
        exec 9>"$CACHE/locks/$1"
        flock 9
    fi
}

# checksum FILE...: one word for the contents of the files.
checksum() { cat "$@" | cksum | tr ' ' '-'; }

# runs_python COMMAND LOW HIGH: prints the real path of a Python that works and is LOW <= 3.x <= HIGH.
# A version manager's stand-in on the PATH may be there and yet not run.
runs_python() {
    "$1" - "$2" "$3" 2>/dev/null <<'PYTHON'
import ctypes, sys, ssl, sqlite3, venv
low, high = (int(n) for n in sys.argv[1:])
if sys.version_info[0] != 3 or not low <= sys.version_info[1] <= high:
    sys.exit(1)
print(getattr(sys, "_base_executable", "") or sys.executable)
PYTHON
}

# find_python LOW HIGH MINOR...: the first that runs, the wanted minor versions in their order.
find_python() {
    local low=$1 high=$2 minor candidate found
    shift 2
    for minor in "$@"; do
        for candidate in "python3.$minor" "${PYENV_ROOT:-${HOME:-/nowhere}/.pyenv}/versions/3.$minor".*/bin/python; do
            if found=$(runs_python "$candidate" "$low" "$high"); then
                say "$found"
                return 0
            fi
        done
    done
    for candidate in python3 /usr/bin/python3; do
        if found=$(runs_python "$candidate" "$low" "$high"); then
            say "$found"
            return 0
        fi
    done
    return 1
}
