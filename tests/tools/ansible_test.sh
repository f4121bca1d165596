#!/usr/bin/env bash
# ansible_test.sh sanity|units|integration oldest|newest [ARGUMENT...]
# Runs ansible-test on a copy of the working tree: it refuses a collection outside of
# ansible_collections/NAMESPACE/NAME, also behind a link.
# The integration targets run under one variant of the appliance, with VARIANTS=every under each of them;
# tests/system/test_variants.py has them all in less time.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

COMMAND=$1
COLUMN=$2
shift 2
case $COLUMN in
oldest) VENV=$CACHE/venv ;;
newest) VENV=$CACHE/venv-next ;;
*) die "ansible_test.sh: oldest or newest, not '$COLUMN'" ;;
esac
[ -x "$VENV/bin/ansible-test" ] || die "$VENV has no ansible-test: make setup"

OWN=$CACHE/ansible-test/$COLUMN-$COMMAND
COPY=$OWN/ansible_collections/homelab/identity_broker
STATE=$OWN/appliance
PYTHON_VERSION=$("$VENV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# A copy with a git of its own: inside our ignored folder, the files would count as ignored
# and ansible-test would check none of them, and be content.
make_copy() {
    rm -rf "$OWN/ansible_collections"
    mkdir -p "$COPY"
    (
        cd "$ROOT"
        git ls-files -z --cached --others --exclude-standard |
            while IFS= read -r -d '' file; do
                if [ -e "$file" ]; then printf '%s\0' "$file"; fi
            done | tar --null --files-from - -cf -
    ) | tar -xf - -C "$COPY"
    (
        cd "$COPY"
        git init -q
        git add -A
        git -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false \
            commit -q --no-verify -m copy
    )
}

# A home of its own, so that the person's stays as it was; no version manager's stand-ins on the PATH.
ansible_test() {
    (
        cd "$COPY"
        HOME=$CACHE/ansible-test/home-$COLUMN \
            PATH=$VENV/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            ansible-test "$@" </dev/null
    )
}

# The check of the check: a fault that is put in has to be found.
finds_planted_fault() {
    local fault=plugins/module_utils/_planted.py output
    mkdir -p "$(dirname "$COPY/$fault")"
    printf 'def broken(:\n' >"$COPY/$fault"
    if output=$(ansible_test sanity --python "$PYTHON_VERSION" --test compile 2>&1) ||
        ! grep -q "ERROR: $fault:1:" <<<"$output"; then
        say "$output" >&2
        die "ansible-test did not find the fault in $fault: it checks nothing."
    fi
    rm "$COPY/$fault"
}

run_sanity() {
    finds_planted_fault
    if compgen -G "$COPY/tests/sanity/ignore*" >/dev/null; then
        die "There are ignore entries in tests/sanity: this collection passes without any."
    fi
    # What looks at the text alone says the same of every ansible-core: the newest one's word is enough.
    if [ "$COLUMN" = oldest ] && [ -x "$CACHE/venv-next/bin/ansible-test" ]; then
        set -- --skip-test pylint --skip-test pep8 --skip-test yamllint --skip-test shellcheck "$@"
    fi
    ansible_test sanity --python "$PYTHON_VERSION" --color no "$@"
}

run_units() {
    local output=$OWN/units.txt
    ansible_test units --python "$PYTHON_VERSION" --color no "$@" 2>&1 | tee "$output"
    grep -Eq '[1-9][0-9]* passed' "$output" || die "No unit test ran."
}

simulator() { PYTHONPATH=$ROOT/tests "$CACHE/venv/bin/python" -m simulator "$@" --state "$STATE"; }

stop_simulator() { simulator stop || true; }

# Modules that are not run by an interpreter of their own each start in a third of the time. The newest core has the real one.
start_interpreter() {
    INTERPRETER=$OWN/interpreter
    rm -rf "$INTERPRETER"
    mkdir "$INTERPRETER"
    exec 9> >(exec env LC_ALL=C.UTF-8 "$VENV/bin/python" "$ROOT/tests/tools/warm_interpreter.py" "$INTERPRETER" \
        >"$INTERPRETER/said" 2>&1)
    until grep -q ready "$INTERPRETER/said" 2>/dev/null; do
        kill -0 $! 2>/dev/null || die "The interpreter for the modules did not start: $(cat "$INTERPRETER/said")"
        sleep 0.1
    done
}

run_integration() {
    local output=$OWN/integration.txt target
    compgen -G "$COPY/tests/integration/targets/*" >/dev/null || die "There are no integration targets."
    simulator stop >/dev/null
    trap stop_simulator EXIT
    simulator start --detach >/dev/null
    INTERPRETER=''
    if [ "$COLUMN" = oldest ]; then start_interpreter; fi
    "$CACHE/venv/bin/python" "$ROOT/tests/tools/integration_config.py" "$STATE/appliance.json" "${VARIANTS:-one}" "$INTERPRETER" \
        >"$COPY/tests/integration/integration_config.yml"
    ansible_test integration --python "$PYTHON_VERSION" --color no "$@" 2>&1 | tee "$output"
    [ $# -eq 0 ] || return 0
    for target in "$COPY"/tests/integration/targets/*; do
        target=$(basename "$target")
        case $target in setup_* | prepare_*) continue ;; esac
        grep -q "^Running $target integration test" "$output" || die "The target $target did not run."
    done
}

mkdir -p "$OWN"
alone "ansible-test-$COLUMN-$COMMAND"
make_copy
case $COMMAND in
sanity | units | integration) "run_$COMMAND" "$@" ;;
*) die "ansible_test.sh: sanity, units or integration, not '$COMMAND'" ;;
esac
