#!/usr/bin/env bash
# setup.sh [demo|test|importer]: makes what the demo, the tests or Galaxy's importer need, in .cache/ and nowhere else.
# Quick when all is there already. Several may be started at once: they wait for each other.
# NEXT_CORE=2.20 NEXT_PYTHON=3.12 make the second column another ansible-core and Python than the newest, for CI's matrix.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LEVEL=${1:-test}
REQUIREMENTS=$ROOT/tests/requirements
case $LEVEL in demo | test | importer) ;; *) die "setup.sh: demo, test or importer, not '$LEVEL'" ;; esac

# make_venv FOLDER PYTHON: also where Debian's Python comes without python3-venv.
make_venv() {
    local folder=$1 python=$2 wheel
    rm -rf "$folder"
    if logged "venv-$(basename "$folder")" "$python" -m venv "$folder" 2>/dev/null; then
        return 0
    fi
    rm -rf "$folder"
    logged "venv-$(basename "$folder")" "$python" -m venv --without-pip "$folder" || return 1
    logged pip-wheel "$ROOT/tests/tools/apt_unpack.sh" "$CACHE/pip-whl" python3-pip-whl || {
        warn "$python has no pip of its own. On Debian and its children: apt-get install python3-venv"
        return 1
    }
    for wheel in "$CACHE"/pip-whl/usr/share/python-wheels/pip-*.whl; do
        logged pip-install "$folder/bin/python" "$wheel/pip" install --no-index --no-deps "$wheel"
    done
}

# made_venv NAME PYTHON: there is .cache/NAME, of that Python and of this tree.
made_venv() {
    local name=$1 python=$2 folder=$CACHE/$1
    if [ "$(cat "$folder/.made-by" 2>/dev/null)" != "$python $folder" ]; then
        say "Making .cache/$name with $python"
        make_venv "$folder" "$python"
        say "$python $folder" >"$folder/.made-by"
    fi
}

# environment NAME PYTHON FILE: the environment .cache/NAME, which is there, holds what FILE asks for.
environment() {
    local name=$1 python=$2 file=$3 folder=$CACHE/$1 wanted
    wanted="$python $folder $(checksum "$REQUIREMENTS"/*.txt)"
    # Once the larger set is installed, the smaller one is there too.
    if [ -f "$folder/.done-$file" ] && [ "$(cat "$folder/.done-$file")" = "$wanted" ]; then
        return 0
    fi
    say "Installing tests/requirements/$file.txt into .cache/$name"
    logged "pip-$name" "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$REQUIREMENTS/$file.txt"
    say "$wanted" >"$folder/.done-$file"
    if [ "$file" = test ]; then
        say "$wanted" >"$folder/.done-demo"
    fi
}

find_next_python() {
    local minor=${NEXT_PYTHON:-}
    minor=${minor#3.}
    if [ -n "$minor" ]; then find_python "$minor" "$minor" "$minor"; else find_python 12 14 13 12 14; fi
}

# next_environment PYTHON: the second column, with the ansible-core that was asked for.
next_environment() {
    local venv=$CACHE/venv-next
    environment venv-next "$1" test-next
    if [ -n "${NEXT_CORE:-}" ] && ! "$venv/bin/python" -m pip show ansible-core | grep -q "^Version: $NEXT_CORE\."; then
        say "Installing ansible-core $NEXT_CORE into .cache/venv-next"
        logged pip-next-core "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "ansible-core==$NEXT_CORE.*"
    fi
}

# ansible-rulebook needs Java. Without one, the test of the rulebook is skipped.
want_rulebook() {
    if command -v java >/dev/null && java -version >/dev/null 2>&1; then
        made_venv venv-rulebook "$1"
        environment venv-rulebook "$1" rulebook
    else
        warn "NO JAVA: the rulebook just_in_time will NOT be tried with ansible-rulebook." \
            "On Debian and its children: apt-get install openjdk-17-jre-headless."
    fi
}

# The collection as Ansible wants to see it: through a link, so that there is one working tree.
link_collection() {
    local folder=$CACHE/collections/ansible_collections/homelab
    mkdir -p "$folder"
    ln -sfn ../../../.. "$folder/identity_broker"
}

# ansible-test downloads a script to put pip into the environments that it makes. It looks for it in
# its home first: this one takes pip from a wheel, so that nothing but the package index is needed.
stand_in_for_get_pip() {
    local column=$1 venv=$2 home=$CACHE/ansible-test/home-$1 version script wheel
    version=$("$venv/bin/python" - <<'PYTHON'
import pathlib, re, ansible_test
source = pathlib.Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
print(re.search(r"\bpip='([0-9.]+)'", source.read_text()).group(1))
PYTHON
    )
    script=$home/.ansible/test/cache/get_pip_${version//./_}.py
    wheel=$CACHE/wheels/pip-$version-py3-none-any.whl
    # pip's settings apply in that home as well; only, what it says would hide what ansible-test says.
    mkdir -p "$home/.pip"
    printf '[install]\nquiet = 2\n' >"$home/.pip/pip.conf"
    if [ -f "${HOME:-}/.config/pip/pip.conf" ]; then
        mkdir -p "$home/.config/pip"
        ln -sf "$HOME/.config/pip/pip.conf" "$home/.config/pip/pip.conf"
    fi
    if [ -f "$script" ] && [ -f "$wheel" ] && grep -qF "$wheel" "$script"; then
        return 0
    fi
    say "Fetching pip $version for ansible-test ($column)"
    mkdir -p "$(dirname "$script")" "$CACHE/wheels"
    logged "get-pip-$column" "$venv/bin/python" -m pip download --quiet --disable-pip-version-check \
        --no-deps --only-binary :all: --dest "$CACHE/wheels" "pip==$version"
    cat >"$script" <<PYTHON
"""Puts pip into an environment, from a wheel that was fetched before."""
import runpy
import sys

wheel = "$wheel"
sys.path.insert(0, wheel)
sys.argv = ["pip", "install", "--quiet", "--no-index", "--no-deps", wheel]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
PYTHON
}

missing_libraries() {
    local folders
    folders=$(find "$1" -name '*.so.*' -exec dirname {} \; | sort -u | paste -sd:)
    # Not into grep -q, which ends at the first hit: ldd's broken pipe would count as none.
    [[ $(LD_LIBRARY_PATH=$folders ldd "$1/usr/sbin/sshd") == *'not found'* ]]
}

# A real sshd for the tests, unpacked beside its libraries; the machine's own is left alone.
unpack_sshd() {
    local folder=$CACHE/sshd made=$CACHE/sshd.new libraries
    if [ -x "$folder/usr/sbin/sshd" ]; then
        return 0
    fi
    say "Unpacking Debian's sshd into .cache/sshd"
    rm -rf "$made"
    logged sshd "$ROOT/tests/tools/apt_unpack.sh" "$made" openssh-server openssh-sftp-server || {
        warn "The tests over real SSH need Debian's openssh-server, which could not be fetched." \
            "They will fail; 'make demo' does without."
        return 1
    }
    if missing_libraries "$made"; then
        libraries=$(apt-cache -o "Dir::State::Lists=$CACHE/apt/lists" -o "Dir::Cache=$CACHE/apt" \
            depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
            --no-enhances openssh-server | grep -E '^lib' | grep -vE '^libc6$|-common$|-perl$' | sort -u)
        # shellcheck disable=SC2086  # one package a word
        logged sshd-libraries "$ROOT/tests/tools/apt_unpack.sh" "$made" $libraries
        if missing_libraries "$made"; then
            ldd "$made/usr/sbin/sshd" >&2
            warn "The unpacked sshd lacks the libraries named above."
            return 1
        fi
    fi
    rm -rf "$folder"
    mv "$made" "$folder"
}

# install_package PACKAGE: where that can be done without asking anybody.
install_package() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "Installing $1"
    logged "apt-$1" apt-get -q update || true
    logged "apt-$1" apt-get -q -y --no-install-recommends install "$1"
}

need_programs() {
    local program package
    for program in "$@"; do
        command -v "$program" >/dev/null && continue
        package=$program
        [ "$program" = ssh ] && package=openssh-client
        install_package "$package" || die "'$program' is missing. On Debian and its children: apt-get install $package"
    done
}

# peers_environment PYTHON: other people's programs, and the collections of VMware as they are in the package `ansible`.
peers_environment() {
    local python=$1 version=12.3.0 folder=$CACHE/peers-collections
    made_venv venv-peers "$python"
    environment venv-peers "$python" peers
    if [ "$(cat "$folder/.version" 2>/dev/null)" = "$version" ]; then return 0; fi
    say "Unpacking VMware's collections from ansible $version into .cache/peers-collections"
    rm -rf "$folder"
    logged pip-ansible "$CACHE/venv-peers/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --dest "$CACHE/wheels" "ansible==$version"
    "$CACHE/venv-peers/bin/python" - "$CACHE/wheels/ansible-$version-py3-none-any.whl" "$folder" <<'PYTHON'
import sys, zipfile
folders = tuple(f"ansible_collections/{name}/" for name in ("vmware/vmware", "vmware/vmware_rest", "community/vmware"))
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(folders)])
PYTHON
    say "$version" >"$folder/.version"
}

# The browser that looks at the page of users. Without one, those tests are skipped.
want_browser() {
    command -v "${CHROMIUM:-chromium}" >/dev/null && return 0
    [ -z "${CHROMIUM:-}" ] && install_package chromium && return 0
    warn "NO BROWSER: '${CHROMIUM:-chromium}' was not found. The page of users will NOT be looked at." \
        "On Debian and its children: apt-get install chromium. CHROMIUM names another."
}

main() {
    local python next='' beside=''
    alone setup
    need_programs ssh
    python=$(find_python 11 13 11 12 13) ||
        die "No Python 3.11, 3.12 or 3.13 that runs was found." \
            "On Debian and its children: apt-get install python3 python3-venv"
    link_collection
    if [ "$LEVEL" = importer ]; then
        # Beside older libraries than ours: in an environment of its own.
        made_venv venv-importer "$python"
        environment venv-importer "$python" importer
        return 0
    fi
    made_venv venv "$python"
    if [ "$LEVEL" = test ] && next=$(find_next_python); then
        made_venv venv-next "$next"
        # Installing waits for the network as much as for a processor.
        next_environment "$next" &
        beside=$!
        # shellcheck disable=SC2064  # the one that was started now
        trap "kill $beside 2>/dev/null || true" EXIT
    fi
    environment venv "$python" "$LEVEL"
    [ "$LEVEL" = test ] || return 0

    need_programs git tar
    stand_in_for_get_pip oldest "$CACHE/venv"
    if [ -n "$next" ]; then
        wait "$beside"
        trap - EXIT
        # ansible-test only warns when it is missing, and then checks no script.
        ln -sf ../../venv/bin/shellcheck "$CACHE/venv-next/bin/shellcheck"
        stand_in_for_get_pip newest "$CACHE/venv-next"
    else
        rm -rf "$CACHE/venv-next"
        warn "NO PYTHON 3.12 OR LATER WAS FOUND: the newest ansible-core will NOT be tested." \
            "Only its oldest supported release is. Put a python3.12 or python3.13 on the PATH for both."
    fi
    want_rulebook "$python"
    peers_environment "$python"
    unpack_sshd
    want_browser
}

main
