#!/usr/bin/env bash
# Runs Galaxy's own importer over the tarball that tests/tools/tarball.sh has built. A warning counts as an error.
# What needs a container is left out, and ansible-lint is a step of tests/tools/test.sh.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tarball=$(echo "$CACHE"/dist/homelab-identity_broker-*.tar.gz)
[ -f "$tarball" ] || die "There is no tarball: tests/tools/tarball.sh"
"$ROOT/tests/tools/setup.sh" importer

# It writes its result into the folder that it is started in.
work=$(mktemp -d "$CACHE/importer.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH=$CACHE/venv-importer/bin:$PATH ANSIBLE_HOME=$work/.ansible
export GALAXY_IMPORTER_CHECK_REQUIRED_TAGS=true GALAXY_IMPORTER_RUN_ANSIBLE_LINT=false GALAXY_IMPORTER_RUN_FLAKE8=false
export GALAXY_IMPORTER_RUN_ANSIBLE_TEST=false GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP=$work/tmp
python -m galaxy_importer.main "$tarball" >output.txt 2>&1 || true
if grep -E '^(WARNING|ERROR|CRITICAL)|Traceback' output.txt || ! grep -q 'completed successfully' output.txt; then
    tail -n 5 output.txt >&2
    die "Galaxy would not take $(basename "$tarball") as it is."
fi
say "Galaxy's importer takes $(basename "$tarball"): $(grep -c '^Loading' output.txt) parts, no warning"
