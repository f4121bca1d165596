#!/usr/bin/env bash
# docs.sh [--guides]: builds the documentation site into .cache/site: the guides, and what modules and roles say of themselves.
# A warning is an error. Needs no network.
#   --guides  the guides alone, into .cache/site-guides: quick. antsibull-docs' linter looks at the rest, and at links to that.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export PATH=$CACHE/venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$CACHE/collections
SITE=$CACHE/site
SOURCE=$CACHE/site-source
RST=$ROOT/docs/docsite/rst
alone site
mkdir -p "$LOGS"
if [ "${1:-}" = --guides ]; then
    SITE=$CACHE/site-guides
    SOURCE=$CACHE/site-guides-source
    export GUIDES_ONLY=1
    rm -rf "$SOURCE"
    mkdir -p "$SOURCE"
    cp -r "$RST" "$SOURCE/docsite"
    printf '%s\n' Guides ====== '' '.. toctree::' '   :glob:' '' '   docsite/*' >"$SOURCE/index.rst"
else
    mkdir -p "$SOURCE"
    # antsibull-docs wants a folder that nobody else writes to.
    chmod go-w "$SOURCE"
    antsibull-docs --config-file "$ROOT/tests/tools/docsite/antsibull-docs.cfg" collection \
        --cleanup everything --use-current --squash-hierarchy --dest-dir "$SOURCE" homelab.identity_broker
    # Pictures are not its business.
    cp -r "$RST/images" "$SOURCE/docsite/"
fi
rm -rf "$SITE.new"
sphinx-build -q -b html -c "$ROOT/tests/tools/docsite" -d "$SITE-doctrees" -j auto \
    --fail-on-warning --keep-going "$SOURCE" "$SITE.new"
rm -rf "$SITE"
mv "$SITE.new" "$SITE"
say "The documentation: $SITE/index.html"
