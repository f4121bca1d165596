#!/usr/bin/env bash
# Builds the collection, looks into it, installs it and reads its documentation from there.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PATH=$CACHE/venv/bin:$PATH
OUT=$CACHE/dist
INSTALLED=$OUT/collections/ansible_collections/homelab/identity_broker
alone dist
rm -rf "$OUT"
mkdir -p "$OUT"

cd "$ROOT"
ansible-galaxy collection build --output-path "$OUT" >/dev/null
tarball=$(echo "$OUT"/homelab-identity_broker-*.tar.gz)
python tests/tools/check_tarball.py "$tarball"

# From nowhere near the working tree, and without it on the path.
cd "$OUT"
export ANSIBLE_COLLECTIONS_PATH=$OUT/collections
ansible-galaxy collection install --offline --no-deps --collections-path "$OUT/collections" "$tarball"
ansible-galaxy collection verify --offline --collections-path "$OUT/collections" homelab.identity_broker
modules=()
for module in "$INSTALLED"/plugins/modules/*.py; do
    modules+=("homelab.identity_broker.$(basename "$module" .py)")
done
ansible-doc --type module "${modules[@]}" >/dev/null
for role in "$INSTALLED"/roles/*/; do
    if [ -d "$role" ]; then
        [ -n "$(ansible-doc --type role "homelab.identity_broker.$(basename "$role")")" ] ||
            die "ansible-doc shows nothing for the role $role"
    fi
done
for playbook in "$INSTALLED"/playbooks/*.yml; do
    if [ -f "$playbook" ]; then
        ansible-playbook --inventory localhost, --syntax-check \
            "homelab.identity_broker.$(basename "$playbook" .yml)" >/dev/null
    fi
done
say "Installed: $(find "$INSTALLED" -type f | wc -l) files, with their documentation"
