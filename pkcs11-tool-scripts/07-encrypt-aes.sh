#!/bin/sh
# Shows: AES inside gives what openssl gives, both ways, and GCM refuses what was tampered with.
set -eu
. "$(dirname "$0")/common.sh"
make_token
KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
IV=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff
printf '\000\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020\021\022\023\024\025\026\027\030\031\032\033\034\035\036\037' >key
user --write-object key --type secrkey --key-type AES:32 --label aes --id 01
echo "a message of some length that is no multiple of anything" >message

say "CBC with padding, made inside, opened by openssl"
user --encrypt -m AES-CBC-PAD --iv $IV --id 01 -i message -o sealed
openssl enc -d -aes-256-cbc -K $KEY -iv $IV -in sealed -out opened
same message opened

say "CBC with padding, made by openssl, opened inside"
openssl enc -aes-256-cbc -K $KEY -iv $IV -in message -out sealed
user --decrypt -m AES-CBC-PAD --iv $IV --id 01 -i sealed -o opened
same message opened

say "ECB and CBC of whole blocks"
head -c 48 message >blocks
openssl enc -aes-256-ecb -K $KEY -nopad -in blocks -out theirs
user --encrypt -m AES-ECB --id 01 -i blocks -o ours
same ours theirs
openssl enc -aes-256-cbc -K $KEY -iv $IV -nopad -in blocks -out theirs
user --encrypt -m AES-CBC --iv $IV --id 01 -i blocks -o ours
same ours theirs

if pkcs11-tool --help 2>&1 | grep -q -- --aad && [ -z "${NO_GCM:-}" ]; then
    say "GCM"
    user --encrypt -m AES-GCM --iv f0f1f2f3f4f5f6f7f8f9fafb --aad 0102 --tag-bits-len 128 --id 01 -i message -o sealed
    user --decrypt -m AES-GCM --iv f0f1f2f3f4f5f6f7f8f9fafb --aad 0102 --tag-bits-len 128 --id 01 -i sealed -o opened
    same message opened
    refused user --decrypt -m AES-GCM --iv f0f1f2f3f4f5f6f7f8f9fafb --aad 0103 --tag-bits-len 128 --id 01 -i sealed -o opened
fi
