#!/usr/bin/env bash
# Builds the documentation site into .cache/site: the guides, and what modules and roles say of themselves.
# A warning is an error. Needs no network.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export PATH=$CACHE/venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$CACHE/collections
SOURCE=$CACHE/site-source
alone site
mkdir -p "$SOURCE" "$LOGS"
# antsibull-docs wants a folder that nobody else writes to.
chmod go-w "$SOURCE"
antsibull-docs --config-file "$ROOT/tests/tools/docsite/antsibull-docs.cfg" collection \
    --cleanup everything --use-current --squash-hierarchy --dest-dir "$SOURCE" homelab.identity_broker
# Pictures are not its business.
cp -r "$ROOT/docs/docsite/rst/images" "$SOURCE/docsite/"
rm -rf "$CACHE/site.new"
sphinx-build -q -b html -c "$ROOT/tests/tools/docsite" -d "$CACHE/site-doctrees" -j auto \
    --fail-on-warning --keep-going "$SOURCE" "$CACHE/site.new"
rm -rf "$CACHE/site"
mv "$CACHE/site.new" "$CACHE/site"
say "The documentation: $CACHE/site/index.html"
