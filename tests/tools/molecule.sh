#!/usr/bin/env bash
# molecule.sh [COMMAND [ARGUMENT...]]: runs molecule in the environment of the tests; without a
# command, all of its scenarios.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

alone molecule
# Short, since a path to an SSH control socket must be.
sockets=$(mktemp -d)
trap 'rm -rf "$sockets"' EXIT

cd "$ROOT"
export PATH=$CACHE/venv/bin:$PATH
export ANSIBLE_COLLECTIONS_PATH=$CACHE/collections
export ANSIBLE_HOME=$CACHE/ansible-home
export ANSIBLE_SSH_CONTROL_PATH_DIR=$sockets
export XDG_CACHE_HOME=$CACHE/xdg
if [ $# -eq 0 ]; then set -- test --all; fi
molecule "$@"
