#!/usr/bin/env bash
# test.sh [--lint] [--only PATTERN]: every check and test, in two lanes, and a table at the end.
#   --lint          the linters only
#   --only PATTERN  the steps whose name the extended regular expression finds, e.g. 'units|pytest'
# The last line says how many of the steps passed and failed.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ONLY=.
LINT_ONLY=false
while [ $# -gt 0 ]; do
    case $1 in
    --lint) LINT_ONLY=true ;;
    --only) ONLY=$2 && shift ;;
    *) die "test.sh: what is '$1'?" ;;
    esac
    shift
done

cd "$ROOT"
tests/tools/setup.sh test

RESULTS=$(mktemp -d "$CACHE/results.XXXXXX")
mkdir -p "$LOGS"
LANES=()

# What a person has set for his own plays, or for his own vCenter, does not take part.
for name in "${!ANSIBLE_@}" "${!VMWARE_@}" "${!MOLECULE_@}"; do unset "$name"; done
export PATH=$CACHE/venv/bin:$PATH
export ANSIBLE_COLLECTIONS_PATH=$CACHE/collections
export ANSIBLE_HOME=$CACHE/ansible-home
export XDG_CACHE_HOME=$CACHE/xdg
export PYTHONDONTWRITEBYTECODE=1
export NO_COLOR=1
export RUFF_CACHE_DIR=$CACHE/ruff

# --- the steps: each a function, to be run in a shell of its own -------------------------------------

scripts() { git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run; }

step_ruff() { ruff check . && ruff format --check .; }
step_mypy() { mypy; }
step_yamllint() { yamllint --strict .; }
step_ansible_lint() { ansible-lint --offline --profile production; }
step_changelog() { antsibull-changelog lint && antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml; }
step_shellcheck() { scripts | xargs -d '\n' shellcheck --external-sources; }
step_docs() {
    # The linter reads its own copy of the collection. A second one on the path would put the name of the copy's temporary
    # folder into the links, where a name that ends with "_" is an error.
    env -u ANSIBLE_COLLECTIONS_PATH antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all .
    # The rest of the site is left to make docs: it takes half a minute.
    tests/tools/docs.sh --guides
}
step_tarball() { tests/tools/tarball.sh; }
# They wait for processes most of the time.
step_pytest_system() { python -m pytest --numprocesses 4 tests/system; }
# In the environment of the programs that they start and import, whose warnings are not ours.
step_peers() {
    "$CACHE/venv-peers/bin/python" -m pytest -o filterwarnings=default tests/peers
}
step_molecule() { tests/tools/molecule.sh; }
step_sanity_oldest() { tests/tools/ansible_test.sh sanity oldest; }
step_sanity_newest() { tests/tools/ansible_test.sh sanity newest; }
step_units_oldest() { tests/tools/ansible_test.sh units oldest; }
step_units_newest() { tests/tools/ansible_test.sh units newest; }
step_integration_oldest() { tests/tools/ansible_test.sh integration oldest; }
# One target of each kind: the rest says nothing new of another ansible-core.
step_integration_newest() {
    tests/tools/ansible_test.sh integration newest externalid_fact filter_user_report lookup_users_csv scim_group_info
}

# --- running them -------------------------------------------------------------------------------------

# step NAME WHAT: runs step_NAME; what it says is shown at once when it fails, else kept as a file.
step() {
    local name=$1 what=$2 log=$LOGS/test-$1.log began=$SECONDS result=pass
    if ! grep -Eq -- "$ONLY" <<<"$name"; then return 0; fi
    say "==> $what"
    if [[ $name == *_newest && ! -d $CACHE/venv-next ]]; then
        result="NOT RUN"
    elif ! bash -euo pipefail -c "step_$name" >"$log" 2>&1 </dev/null; then
        result=FAIL
    fi
    printf '%s|%s|%d\n' "$result" "$what" $((SECONDS - began)) >"$RESULTS/$name"
    if [ "$result" = FAIL ]; then
        # In one piece, though the other lane talks too.
        printf '%s\n' "<== FAIL $what" "$(cat "$log")" "--- end of: $what"
    else
        say "<== $result $what ($((SECONDS - began)) s) $(tail -n 1 "$log" 2>/dev/null | grep -E '(passed|Success)' || true)"
    fi
}

# NAME|WHAT, in the order in which they begin: what tells soon first, then the long ones, so that both lanes end together.
LINTERS=(
    "ruff|ruff: check and format"
    "mypy|mypy: strict"
    "yamllint|yamllint"
    "changelog|antsibull-changelog: lint"
    "shellcheck|shellcheck: the scripts"
    "ansible_lint|ansible-lint: profile production"
    "docs|antsibull-docs: documentation of the collection"
)
TESTS=(
    "pytest_system|pytest: system, against real servers"
    "integration_oldest|ansible-test integration, oldest ansible-core"
    "integration_newest|ansible-test integration, newest ansible-core"
    "sanity_newest|ansible-test sanity, newest ansible-core"
    "sanity_oldest|ansible-test sanity, oldest ansible-core"
    "units_oldest|ansible-test units, oldest ansible-core"
    "units_newest|ansible-test units, newest ansible-core"
    "peers|pytest: other people's programs and servers"
    "molecule|molecule: the role over SSH"
    "tarball|collection: build, contents, installed copy"
)
STEPS=("${LINTERS[@]}")
if ! $LINT_ONLY; then STEPS+=("${TESTS[@]}"); fi

# Takes the next step that the other lane has not taken, until none is left.
run_steps() {
    local entry
    for entry in "${STEPS[@]}"; do
        if mkdir "$RESULTS/${entry%%|*}.taken" 2>/dev/null; then step "${entry%%|*}" "${entry#*|}"; fi
    done
}

# Every lane is a process group of its own, so that an interrupt ends all that it has started.
stop_lanes() {
    local lane
    for lane in "${LANES[@]}"; do kill -TERM -- "-$lane" 2>/dev/null || true; done
    rm -rf "$RESULTS"
}

start_lane() {
    set -m
    run_steps </dev/null &
    LANES+=($!)
    set +m
}

summary() {
    local name result what seconds passed=0 failed=0 missed=0
    printf '\n%-8s %6s  %s\n' result time step
    for name in "${STEPS[@]}"; do
        [ -f "$RESULTS/${name%%|*}" ] || continue
        IFS='|' read -r result what seconds <"$RESULTS/${name%%|*}"
        printf '%-8s %4d s  %s\n' "$result" "$seconds" "$what"
        case $result in
        pass) passed=$((passed + 1)) ;;
        FAIL) failed=$((failed + 1)) ;;
        *) missed=$((missed + 1)) ;;
        esac
    done
    printf '\nWhat each of them said: .cache/logs/test-*.log (%d s in all)\n' "$SECONDS"
    if [ "$missed" -gt 0 ]; then
        warn "$missed steps were NOT RUN: no Python 3.12 or later for the newest ansible-core."
    fi
    if [ $((passed + failed)) -eq 0 ]; then die "No step has run."; fi
    say "$passed passed, $failed failed" | tee "$LOGS/closing-line"
    [ "$failed" -eq 0 ]
}

export -f say warn die scripts
for name in $(compgen -A function step_); do export -f "${name?}"; done
export ROOT CACHE LOGS
trap stop_lanes EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_lane
start_lane
for pid in "${LANES[@]}"; do wait "$pid" || true; done
LANES=()
summary
