#!/bin/sh
# Shows: the module describes itself, its slots, mechanisms, interfaces and objects.
set -eu
. "$(dirname "$0")/common.sh"
make_token
tool --show-info
tool --list-slots
tool --list-token-slots
p11 --list-mechanisms >mechanisms
for mechanism in SHA256 RSA-PKCS RSA-PKCS-PSS RSA-PKCS-OAEP ECDSA ECDH1-DERIVE EDDSA AES-CBC-PAD AES-GCM AES-KEY-WRAP SHA256-HMAC; do
    grep -q "$mechanism" mechanisms || { cat mechanisms; fail "$mechanism is not listed"; }
done
echo "$(grep -c '^ ' mechanisms) mechanisms"
tool --list-interfaces || [ -n "${NO_INTERFACES:-}" ]
user -O
