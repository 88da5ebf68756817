#!/bin/sh
# Shows: Node programs (pkcs11js and graphene-pk11): generate, sign, verify, encrypt, both ways with openssl
# They come from npm, once, into target/clients.
set -eu
. "$(dirname "$0")/_common.sh"
for tool in node npm; do command -v $tool >/dev/null || absent "$tool is not installed (packages nodejs, npm)"; done
if ! [ -e "$CACHE/node/done" ]; then
    mkdir -p "$CACHE/node"
    timeout 300 npm install --silent --prefix "$CACHE/node" pkcs11js@2.1.7 graphene-pk11@2.3.6 >&2 &&
        [ -e "$CACHE/node/node_modules/pkcs11js/build/Release/pkcs11.node" ] ||
        absent "pkcs11js and graphene-pk11 cannot be had from npm (or pkcs11js cannot be compiled here)"
    touch "$CACHE/node/done"
fi
export NODE_PATH="$CACHE/node/node_modules"
version "Node $(node --version), $(cd "$NODE_PATH" && node -p '["pkcs11js", "graphene-pk11"].map(n => n + " " + require("./" + n + "/package.json").version).join(", ")')"

echo "something to sign" >data
openssl rand -out aes.key 32
openssl rand -out aes.iv 16
key=$(od -An -tx1 aes.key | tr -d ' \n')
iv=$(od -An -tx1 aes.iv | tr -d ' \n')
openssl enc -aes-256-cbc -K "$key" -iv "$iv" -in data -out for-node.cbc
make_keys
for key_pair in rsa ec; do public_key $key_pair; done
openssl pkeyutl -encrypt -pubin -inkey rsa.pub -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
    -pkeyopt rsa_mgf1_md:sha256 -in data -out for-node.rsa
for program in pkcs11js graphene; do
    say "$program"
    timeout 120 node "$CLIENTS/both_$program.js" "$MODULE" "$LABEL" "$PIN"
    openssl dgst -sha256 -verify rsa.pub -signature by-node.rsa data
    openssl dgst -sha256 -verify ec.pub -signature by-node.ec data
    openssl enc -d -aes-256-cbc -K "$key" -iv "$iv" -in by-node.cbc -out opened
    same data opened
    rm by-node.*
done
