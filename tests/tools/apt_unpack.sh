#!/usr/bin/env bash
# apt_unpack.sh FOLDER PACKAGE...: puts the files of Debian packages into a folder of ours.
# Nothing is installed and the system stays as it is: any user can do it.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

target=$1
shift
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    die "This is not Debian or one of its children: $* cannot be fetched."
fi

own=$CACHE/apt
mkdir -p "$own/lists/partial" "$own/archives/partial" "$target"
downloads=$(mktemp -d "$own/downloads.XXXXXX")
trap 'rm -rf "$downloads"' EXIT
cd "$downloads"

# Lists of our own: those of the system may be old or missing, and only root may renew them.
apt_own() {
    apt-get -q -o "Dir::State::Lists=$own/lists" -o "Dir::Cache=$own" -o APT::Sandbox::User= "$@"
}
if ! apt_own download "$@"; then
    apt_own update
    apt_own download "$@"
fi
for package in ./*.deb; do
    dpkg-deb --extract "$package" "$target"
done
