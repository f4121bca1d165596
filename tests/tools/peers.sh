#!/usr/bin/env bash
# peers.sh [PYTEST ARGUMENT...]: run our modules on SCIM servers that others wrote, and on Keycloak.
# Builds them in .cache/peers from their registries (npm, Go's module proxy, Maven Central). A peer whose language is not on
# this machine is skipped, and the reason is printed.
set -euo pipefail
# shellcheck source=tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

KEYCLOAK=26.7.3
PEERS=$CACHE/peers
SOURCES=$ROOT/tests/foreign

"$ROOT/tests/tools/setup.sh" test
alone peers
mkdir -p "$PEERS"

skip_peer() {
    rm -rf "${PEERS:?}/$1"
    say "$2" >"$PEERS/$1.skipped"
    warn "SKIPPED: $2"
}

java_major() { java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1; }

has_java() {
    command -v java >/dev/null && command -v mvn >/dev/null && [ "$(java_major)" -ge 17 ] 2>/dev/null
}

# build_peer NAME STAMP: calls build_NAME in an empty .cache/peers/NAME, unless that was done for the same STAMP.
build_peer() {
    local name=$1 stamp=$2 folder=$PEERS/$1
    rm -f "$folder.skipped"
    if [ "$(cat "$folder/.built" 2>/dev/null)" = "$stamp" ]; then return 0; fi
    say "Building the peer $name in .cache/peers"
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && "build_$name")
    say "$stamp" >"$folder/.built"
}

build_scimmy() {
    cp "$SOURCES"/scimmy/{package.json,package-lock.json,server.js} .
    logged peer-scimmy npm ci --no-audit --no-fund --omit-lockfile-registry-resolved
}

build_elimity() {
    cp "$SOURCES"/elimity/{go.mod,go.sum,main.go} .
    GOTOOLCHAIN=local logged peer-elimity go build -o peer .
}

build_scim_sdk() {
    cp -R "$SOURCES"/scim_sdk/. .
    logged peer-scim_sdk mvn -B -q compile dependency:copy-dependencies
}

build_keycloak() {
    local archive=keycloak-quarkus-dist-$KEYCLOAK.zip
    logged peer-keycloak mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy \
        "-Dartifact=org.keycloak:keycloak-quarkus-dist:$KEYCLOAK:zip" -DoutputDirectory=.
    "$CACHE/venv/bin/python" -m zipfile -e "$archive" .
    mv "keycloak-$KEYCLOAK"/* .
    rm -rf "$archive" "keycloak-$KEYCLOAK"
    logged peer-keycloak-build bash bin/kc.sh build --features=scim-api --db=dev-mem
}

if command -v node >/dev/null && command -v npm >/dev/null; then
    build_peer scimmy "$(checksum "$SOURCES"/scimmy/*.js*)"
else
    skip_peer scimmy "SCIMMY needs Node.js and npm, which are not on this machine."
fi
if command -v go >/dev/null; then
    build_peer elimity "$(checksum "$SOURCES"/elimity/*)"
else
    skip_peer elimity "elimity-com/scim needs Go, which is not on this machine."
fi
if has_java; then
    build_peer scim_sdk "$(checksum "$SOURCES"/scim_sdk/pom.xml "$SOURCES"/scim_sdk/src/main/java/*)"
    build_peer keycloak "$KEYCLOAK"
else
    skip_peer scim_sdk "captaingoldfish's scim-sdk-server needs Java 17 or later and Maven, which are not on this machine."
    skip_peer keycloak "Keycloak needs Java 17 or later and Maven, which are not on this machine."
fi

cd "$ROOT"
export PATH=$CACHE/venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$CACHE/collections PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1
PYTHONPATH=$ROOT/tests:$CACHE/collections python -m pytest -rs tests/foreign "$@"
