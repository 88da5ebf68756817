#!/bin/sh
# Shows: ECDSA and Ed25519 signatures made inside are good for openssl, and openssl's inside.
set -eu
. "$(dirname "$0")/common.sh"
make_token
echo "a message to sign" >message
openssl dgst -sha256 -binary -out digest message

id=20
for curve in prime256v1 secp384r1 secp521r1 secp256k1; do
    say "ECDSA on $curve"
    user --keypairgen --key-type EC:$curve --label $curve --id $id
    ec_public $id $curve

    user --sign -m ECDSA --id $id -i digest --signature-format openssl -o signature
    openssl dgst -sha256 -verify public.pem -signature signature message
    user --verify -m ECDSA --id $id -i digest --signature-format openssl --signature-file signature

    if [ -z "${NO_HASHED_ECDSA:-}" ]; then
        user --sign -m ECDSA-SHA256 --id $id -i message --signature-format openssl -o signature
        openssl dgst -sha256 -verify public.pem -signature signature message
    fi

    openssl ecparam -name $curve -genkey -noout -out theirs.pem
    openssl pkey -in theirs.pem -pubout -outform DER -out theirs.der
    user --write-object theirs.der --type pubkey --label "their $curve" --id e$((id - 20))
    openssl dgst -sha256 -sign theirs.pem -out signature message
    user --verify -m ECDSA --id e$((id - 20)) -i digest --signature-format openssl --signature-file signature
    id=$((id + 1))
done

say "Ed25519"
user --keypairgen --key-type EC:edwards25519 --label ed --id 30
user --sign -m EDDSA --id 30 -i message -o signature
# pkcs11-tool 0.23 cannot read such keys: the point is listed, the header before it is the standard's.
point=$(point_of 30 | sed 's/^0420//')
cat >public.cnf <<END
asn1 = SEQUENCE:key
[key]
algorithm = SEQUENCE:algorithm
point = FORMAT:HEX,BITSTRING:$point
[algorithm]
kind = OID:ED25519
END
openssl asn1parse -genconf public.cnf -noout -out public.der
openssl pkeyutl -verify -pubin -keyform DER -inkey public.der -rawin -in message -sigfile signature
