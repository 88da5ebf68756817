#!/bin/sh
# Shows: keys can demand the PIN for each use, and nothing secret is listed or used without login.
set -eu
. "$(dirname "$0")/common.sh"
make_token
echo "a message" >message

say "a key that asks for the PIN at each signature"
user --keypairgen --key-type rsa:2048 --label careful --id 01 --always-auth
user --sign -m SHA256-RSA-PKCS --id 01 -i message -o signature
user --verify -m SHA256-RSA-PKCS --id 01 -i message --signature-file signature

say "a private key is neither listed nor used without login"
if p11 -O --type privkey 2>/dev/null | grep -q careful; then
    fail "a private key is listed without login"
fi
refused p11 --sign -m SHA256-RSA-PKCS --id 01 -i message -o signature
prints careful p11 -O --type pubkey
