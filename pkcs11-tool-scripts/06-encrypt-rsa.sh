#!/bin/sh
# Shows: what openssl encrypts to a key inside is decrypted inside (PKCS#1 v1.5 and OAEP).
set -eu
. "$(dirname "$0")/common.sh"
make_token
user --keypairgen --key-type rsa:2048 --label rsa --id 01
user --read-object --type pubkey --id 01 -o public.der
openssl rsa -pubin -inform DER -in public.der -out public.pem
printf 'a secret of the day' >message

say "PKCS#1 v1.5"
openssl pkeyutl -encrypt -pubin -inkey public.pem -in message -out sealed
user --decrypt -m RSA-PKCS --id 01 -i sealed -o opened
same message opened

for hash in ${OAEP_HASHES:-sha1 sha256 sha384 sha512}; do
    say "OAEP with $hash"
    upper=$(echo $hash | tr a-z A-Z | sed 's/SHA1$/SHA-1/')
    openssl pkeyutl -encrypt -pubin -inkey public.pem -in message -out sealed \
        -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:$hash -pkeyopt rsa_mgf1_md:$hash
    user --decrypt -m RSA-PKCS-OAEP --hash-algorithm "$upper" --mgf "MGF1-$(echo $hash | tr a-z A-Z)" \
        --id 01 -i sealed -o opened
    same message opened
done

say "a ciphertext that was tampered with is refused"
printf '\000\001\002' | dd of=sealed bs=1 seek=10 conv=notrunc status=none
refused user --decrypt -m RSA-PKCS-OAEP --hash-algorithm SHA-1 --mgf MGF1-SHA1 --id 01 -i sealed -o opened
