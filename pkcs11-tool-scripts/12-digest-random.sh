#!/bin/sh
# Shows: digests made inside are openssl's, and random numbers differ.
set -eu
. "$(dirname "$0")/common.sh"
make_token
echo "a message" >message
for hash in SHA1 SHA224 SHA256 SHA384 SHA512; do
    name=$(echo $hash | tr A-Z a-z)
    mechanism=$(echo $hash | sed 's/SHA1$/SHA-1/')
    p11 --hash -m "$mechanism" -i message -o ours
    openssl dgst -$name -binary -out theirs message
    same ours theirs
done
user --generate-random 64 -o one
user --generate-random 64 -o two
cmp -s one two && fail "the same random bytes twice"
[ "$(wc -c <one)" -eq 64 ] || fail "not 64 bytes"
