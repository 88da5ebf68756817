#!/bin/sh
# Shows: RSA signatures made inside are good for openssl, and openssl's are good inside.
set -eu
. "$(dirname "$0")/common.sh"
make_token
user --keypairgen --key-type rsa:2048 --label rsa --id 01
user --read-object --type pubkey --id 01 -o public.der
openssl rsa -pubin -inform DER -in public.der -out public.pem
echo "a message to sign" >message

say "PKCS#1 v1.5, the hash made inside"
for hash in SHA1 SHA224 SHA256 SHA384 SHA512; do
    user --sign -m "$hash-RSA-PKCS" --id 01 -i message -o signature
    openssl dgst "-$(echo $hash | tr A-Z a-z)" -verify public.pem -signature signature message
    user --verify -m "$hash-RSA-PKCS" --id 01 -i message --signature-file signature
done

say "PSS, the hash made inside"
for hash in SHA256 SHA384 SHA512; do
    user --sign -m "$hash-RSA-PKCS-PSS" --id 01 -i message -o signature
    openssl dgst "-$(echo $hash | tr A-Z a-z)" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
        -verify public.pem -signature signature message
    user --verify -m "$hash-RSA-PKCS-PSS" --id 01 -i message --signature-file signature
done

say "PSS over a digest made outside"
openssl dgst -sha256 -binary -out digest message
user --sign -m RSA-PKCS-PSS --hash-algorithm SHA256 --mgf MGF1-SHA256 --id 01 -i digest -o signature
openssl pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature \
    -pkeyopt rsa_padding_mode:pss -pkeyopt digest:sha256 -pkeyopt rsa_pss_saltlen:digest

say "another message does not verify"
echo "another message" >other
user --sign -m SHA256-RSA-PKCS --id 01 -i message -o signature
# OpenSC 0.26 ends with an error then, older ones say so and end well.
user --verify -m SHA256-RSA-PKCS --id 01 -i other --signature-file signature >verify.log 2>&1 || true
grep -q "Invalid signature" verify.log || { cat verify.log; fail "the signature is good for another message"; }

say "a public key from openssl verifies openssl's signatures inside"
openssl genrsa -out theirs.pem 2048
openssl rsa -in theirs.pem -pubout -outform DER -out theirs.der
user --write-object theirs.der --type pubkey --label theirs --id 02
openssl dgst -sha256 -sign theirs.pem -out signature message
user --verify -m SHA256-RSA-PKCS --id 02 -i message --signature-file signature

say "a private key from openssl signs inside"
openssl pkcs8 -topk8 -nocrypt -in theirs.pem -outform DER -out theirs.p8
user --write-object theirs.p8 --type privkey --label theirs --id 02
user --sign -m SHA256-RSA-PKCS --id 02 -i message -o ours
same ours signature
