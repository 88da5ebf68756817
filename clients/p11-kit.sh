#!/bin/sh
# Shows: pkcs11-tool reaches the token through another process, the server of p11-kit
set -eu
. "$(dirname "$0")/_common.sh"
version "$(p11-kit --version | head -n 1)"
make_keys
client=$(find /usr/lib /usr/lib64 /usr/local/lib -name p11-kit-client.so 2>/dev/null | head -n 1)
[ -n "$client" ] || fail "p11-kit-client.so is not installed"

timeout 200 p11-kit server -f -n "$WORK/p11-kit" --provider "$MODULE" "pkcs11:token=$LABEL" >server.log 2>&1 &
SERVER=$!
wait_for 'P11_KIT_SERVER_ADDRESS' server.log
export P11_KIT_SERVER_ADDRESS="unix:path=$WORK/p11-kit"
direct=$MODULE
MODULE=$client

say "a signature made there is good here"
echo "something to sign" >data
user --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data --output-file signature
MODULE=$direct
p11 --read-object --type pubkey --id 01 --output-file rsa.der
openssl dgst -sha256 -verify rsa.der -keyform DER -signature signature data
MODULE=$client

say "keys made there are seen here"
user --keypairgen --key-type EC:secp384r1 --label far --id 03
user --keygen --key-type AES:32 --label "far secret" --id 04
MODULE=$direct
prints "far" user -O --type privkey
prints "far secret" user -O --type secrkey
MODULE=$client

say "pkcs11-tool's own tests"
# p11-kit cannot carry zero bytes back: it turns the answer to the test that asks for as many random
# bytes into an error of its own. This one error is allowed, and no other.
user --test >log 2>&1 || { cat log; fail "--test"; }
cat log
grep -v -F -e "C_GenerateRandom(buf1,0)" log >others
if grep -q -e "ERR" others || ! grep -q -x -e "No errors" -e "1 errors" log; then
    fail "--test reports errors"
fi
