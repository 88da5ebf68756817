#!/bin/sh
# Shows: keys of every type are generated, listed, and deleted.
set -eu
. "$(dirname "$0")/common.sh"
make_token

id=10
for type in rsa:2048 rsa:3072 EC:prime256v1 EC:secp384r1 EC:secp521r1 EC:secp256k1 EC:edwards25519; do
    user --keypairgen --key-type "$type" --label "pair $type" --id $id
    prints "pair $type" user -O --type privkey
    prints "pair $type" user -O --type pubkey
    id=$((id + 1))
done
for type in AES:16 AES:24 AES:32 GENERIC:32 GENERIC:64; do
    user --keygen --key-type "$type" --label "secret $type" --id $id
    prints "secret $type" user -O --type secrkey
    id=$((id + 1))
done

say "what was deleted is gone"
user --delete-object --type privkey --id 10
user --delete-object --type pubkey --id 10
if user -O | grep -q "pair rsa:2048"; then
    fail "a deleted key is still listed"
fi

say "sizes and types that do not exist are refused"
refused user --keygen --key-type AES:17 --label wrong
refused user --keypairgen --key-type EC:no-such-curve --label wrong
