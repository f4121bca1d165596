#!/usr/bin/env bash
# Builds the collection, looks into it, installs it, and uses it from there with the oldest and the newest ansible-core.
# What it leaves in .cache/dist is what a release consists of: the tarball and its bill of materials.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PATH=$CACHE/venv/bin:$PATH
OUT=$CACHE/dist
WORK=$OUT/work
COLLECTIONS=$WORK/collections
INSTALLED=$COLLECTIONS/ansible_collections/homelab/identity_broker
alone dist
rm -rf "$OUT"
mkdir -p "$WORK"
export PYTHONDONTWRITEBYTECODE=1

cd "$ROOT"
ansible-galaxy collection build --output-path "$OUT" >/dev/null
tarball=$(echo "$OUT"/homelab-identity_broker-*.tar.gz)
python tests/tools/check_tarball.py "$tarball"
python tests/tools/sbom.py "$tarball" "${tarball%.tar.gz}.cdx.json"

# From nowhere near the working tree, and without it on the path.
cd "$WORK"
export HOME=$WORK ANSIBLE_HOME=$WORK/.ansible ANSIBLE_CONFIG=$WORK/ansible.cfg ANSIBLE_COLLECTIONS_PATH=$COLLECTIONS
export ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=1
: >ansible.cfg
ansible-galaxy collection install --offline --no-deps --collections-path "$COLLECTIONS" "$tarball"
ansible-galaxy collection verify --offline --collections-path "$COLLECTIONS" homelab.identity_broker
modules=()
for module in "$INSTALLED"/plugins/modules/*.py; do
    modules+=("homelab.identity_broker.$(basename "$module" .py)")
done
ansible-doc --type module "${modules[@]}" >/dev/null
roles=()
for role in "$INSTALLED"/roles/*/; do
    roles+=("homelab.identity_broker.$(basename "$role")")
done
shown=$(ansible-doc --type role --json "${roles[@]}")
for role in "${roles[@]}"; do
    grep -qF "\"$role\": {" <<<"$shown" || die "ansible-doc shows nothing for the role $role"
done
# ansible-playbook takes several, in one process.
playbooks=()
for playbook in "$INSTALLED"/playbooks/*.yml; do
    playbooks+=("homelab.identity_broker.$(basename "$playbook" .yml)")
done
ansible-playbook --inventory localhost, --syntax-check "${playbooks[@]}" >/dev/null

simulator() { PYTHONPATH=$ROOT/tests "$CACHE/venv/bin/python" -m simulator "$@" --state "$WORK/appliance"; }

leave() { simulator stop >/dev/null || true; }
trap leave EXIT
simulator start --detach --no-ssh >/dev/null
cp "$ROOT/tests/tools/use_installed.yml" .

# run ENVIRONMENT CHANGED ARGUMENT...: the play, shown only when it does not do what it should.
run() {
    local venv=$1 wanted=$2 output
    shift 2
    if ! output=$("$venv/bin/ansible-playbook" --inventory appliance/inventory.yml use_installed.yml \
        --extra-vars @appliance/vars.yml "$@" 2>&1) || ! grep -Eq "^localhost +:.* changed=$wanted .* failed=0 " <<<"$output"; then
        die "$output" "With $venv the installed copy did not do what it should: changed=$wanted"
    fi
}

# Somebody new for each, so that there is something to do.
use_installed() {
    local venv=$CACHE/$1 person=$1
    printf '%s, Some, Body, %s@example.org, id-of-%s\n' "$person" "$person" "$person" >"$person.csv"
    run "$venv" 1 --extra-vars "provision_users_csv=$person.csv" --check --diff
    run "$venv" 1 --extra-vars "provision_users_csv=$person.csv"
    "$venv/bin/python" "$ROOT/tests/tools/use_event_sources.py" "$INSTALLED"
    say "Used with ansible-core $("$venv/bin/python" -c 'from ansible.release import __version__; print(__version__)')"
}

use_installed venv
if [ -d "$CACHE/venv-next" ]; then
    use_installed venv-next
else
    warn "NOT TRIED with the newest ansible-core: there is no .cache/venv-next."
fi
ansible-galaxy collection verify --offline --collections-path "$COLLECTIONS" homelab.identity_broker >/dev/null
[[ $(ansible-builder introspect "$COLLECTIONS") == *requests* ]] ||
    die "An execution environment would not learn from it that requests is needed"
say "Installed: $(find "$INSTALLED" -type f | wc -l) files, with their documentation"
