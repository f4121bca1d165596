#!/usr/bin/env bash
# release.sh VERSION          makes the working tree that release: version, changelog, tarball and bill of materials.
# release.sh --check VERSION  holds a commit that claims to be that release to it, and builds it.
# Nothing is committed, tagged or published: .github/workflows/release.yml publishes what is tagged.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CHECK=false
if [ "${1:-}" = --check ]; then CHECK=true && shift; fi
VERSION=${1:-}
[[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || die "Which version? Say: make release VERSION=1.0.0"

cd "$ROOT"
tests/tools/setup.sh test
export PATH=$CACHE/venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$CACHE/collections

in_changelog() { grep -q "^  $VERSION:\$" changelogs/changelog.yaml && grep -qF "## v${VERSION//./\\.}" CHANGELOG.md; }
fragments() { find changelogs/fragments -name '*.yml' -o -name '*.yaml'; }

[ -z "$(git status --porcelain)" ] || die "There are changes that are not committed: git status"
if ! $CHECK; then
    ! in_changelog || die "$VERSION is in the changelog already. The next one has another number."
    sed -i "s/^version: .*/version: $VERSION/" galaxy.yml
    # New plugins are those whose version_added is this version.
    antsibull-changelog release --version "$VERSION"
fi

grep -qx "version: $VERSION" galaxy.yml || die "galaxy.yml has another version than $VERSION."
in_changelog || die "The changelog has no $VERSION: make release VERSION=$VERSION"
[ -z "$(fragments)" ] || die "There are fragments that no release has: $(fragments | paste -sd' ')"
antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml
tests/tools/tarball.sh
tests/tools/importer.sh
(cd "$CACHE/dist" && sha256sum homelab-identity_broker-*.* | tee SHA256SUMS)
if ! $CHECK; then
    printf "%s\n" "" "Read it with git diff. Then:" \
        "  git add -A && git commit -m 'Release $VERSION' && git tag -a $VERSION -m $VERSION && git push --follow-tags"
fi
