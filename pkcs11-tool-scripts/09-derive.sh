#!/bin/sh
# Shows: ECDH inside agrees with openssl on the same secret.
set -eu
. "$(dirname "$0")/common.sh"
make_token
for curve in prime256v1 secp384r1 secp521r1; do
    say "ECDH on $curve"
    user --keypairgen --key-type EC:$curve --usage-derive --label $curve --id 01
    ec_public 01 $curve
    openssl ecparam -name $curve -genkey -noout -out theirs.pem
    openssl pkey -in theirs.pem -pubout -outform DER -out theirs.der
    openssl pkeyutl -derive -inkey theirs.pem -peerkey public.pem -out expected
    user --derive -m ECDH1-DERIVE --id 01 -i theirs.der -o secret
    same secret expected
    user --delete-object --type privkey --id 01
    user --delete-object --type pubkey --id 01
done
