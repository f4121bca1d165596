#!/usr/bin/env bash
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# Two stories. From the log: a denied login, a dry run, the run, an allowed login, a second run. From Pocket ID: an empty
# broker, a group, one run, everybody can log in; one leaves the group, and cannot; with a role, the inventory is seen.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state=$(mktemp -d "$CACHE/demo.XXXXXX")
python=$CACHE/venv/bin/python
export PYTHONPATH=$ROOT/tests
: >"$state/ansible.cfg"
export HOME=$state ANSIBLE_CONFIG=$state/ansible.cfg ANSIBLE_COLLECTIONS_PATH=$CACHE/collections
export ANSIBLE_DISPLAY_SKIPPED_HOSTS=false ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_LOCALHOST_WARNING=false
# Short, since a path to an SSH control socket must be.
ANSIBLE_SSH_CONTROL_PATH_DIR=$(mktemp -d)
export ANSIBLE_SSH_CONTROL_PATH_DIR

leave() {
    "$python" -m simulator stop --state "$state" >/dev/null 2>&1 || true
    rm -rf "$state" "$ANSIBLE_SSH_CONTROL_PATH_DIR"
}
trap leave EXIT

chapter() { printf '\n\n=== %s\n\n' "$*"; }

login() {
    printf '$ muffin signs in with SSO\n'
    "$python" -m simulator login muffin --state "$state"
}

sign_in() {
    printf '$ %s signs in at Pocket ID\n' "$1"
    "$python" -m simulator sign-in "$1" --state "$state"
}

play() {
    printf '$ ansible-playbook homelab.identity_broker.provision %s\n' "$*"
    "$CACHE/venv/bin/ansible-playbook" -i "$state/inventory.yml" homelab.identity_broker.provision \
        -e "@$state/vars.yml" -e "@$state/users.yml" "$@" 2>&1 | tee "$state/output"
}

cat >"$state/users.yml" <<'YAML'
federated_users_users:
  - username: muffin
    given_name: Muffin
    family_name: Muffinson
    email: muffin@example.org
YAML

say "A simulated vCenter appliance starts on 127.0.0.1, with its Identity Broker, its log and SSH."
"$python" -m simulator start --state "$state" --detach >/dev/null

chapter "1. The identity provider knows muffin, the broker does not: the login is denied"
login

chapter "2. A dry run: what would be done, and why"
play --check --diff

chapter "3. The run"
play --diff

chapter "4. The same login again"
login

chapter "5. A second run changes nothing"
play
grep -q 'changed=0 .*failed=0' "$state/output" || die "The second run should have changed nothing."

say ""
say "That was the way through the log. With Pocket ID nobody has to fail first."
"$python" -m simulator stop --state "$state" >/dev/null
"$python" -m simulator start --state "$state" --detach >/dev/null
"$python" -m simulator pocket-id join vcenter-admins crumpet --state "$state" >/dev/null
cat >"$state/users.yml" <<'YAML'
federated_users_pocket_id_url: "{{ pocket_id_url }}"
federated_users_pocket_id_api_key: "{{ pocket_id_api_key }}"
federated_users_pocket_id_ca_path: "{{ pocket_id_ca_path }}"
federated_users_from_pocket_id:
  groups: [vcenter-admins]
federated_users_purge: true
federated_users_max_deletes: 1
YAML

chapter "6. The broker is empty again; in Pocket ID, muffin and crumpet are in the group vcenter-admins"
play --diff

chapter "7. Both sign in at Pocket ID"
sign_in muffin
sign_in crumpet

chapter "8. crumpet leaves the group in Pocket ID, and the next run sees it"
"$python" -m simulator pocket-id leave vcenter-admins crumpet --state "$state"
play
sign_in crumpet

chapter "9. A second run changes nothing"
play
grep -q 'changed=0 .*failed=0' "$state/output" || die "The second run should have changed nothing."

chapter "10. The group gets a role, and who is in it sees the inventory"
cat >>"$state/users.yml" <<'YAML'
federated_users_mirror_groups: [vcenter-admins]
federated_users_group_permissions:
  - { group: vcenter-admins, role: ReadOnly }
YAML
play --diff
sign_in muffin

say ""
say "Those are the two stories. To play with the appliance yourself: make appliance, and in another terminal:"
say "make login USER=muffin"
