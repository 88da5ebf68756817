#!/bin/sh
# Shows: every script of pkcs11-tool-scripts/: tokens, PINs, keys, signatures, decryption, wrapping, derivation, own tests
set -eu
echo "== version: $(dpkg-query -W -f 'OpenSC ${Version}' opensc 2>/dev/null || pkcs11-tool --version 2>&1 | head -n 1)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$(dirname "$0")/../pkcs11-tool-scripts/run-all" >"$log" 2>&1 || { cat "$log"; exit 1; }
cat "$log"
echo "== seen: $(grep -c '^ok ' "$log") scripts, all ok"
