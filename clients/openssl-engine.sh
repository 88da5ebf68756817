#!/bin/sh
# Shows: certificates, signatures, PSS, decryption and CMS with RSA and EC keys
set -eu
. "$(dirname "$0")/_common.sh"
. "$CLIENTS/_openssl.sh"
version "$(openssl version), $(openssl engine pkcs11 2>/dev/null)"
make_keys
echo "something to sign" >data

for key in rsa ec; do
    say "$key: a certificate, which signs itself"
    certify $key
    openssl verify -check_ss_sig -x509_strict -CAfile $key.crt $key.crt
    openssl x509 -in $key.crt -noout -subject -fingerprint -sha256

    say "$key: a certificate for somebody else's key"
    openssl req -new -newkey ed25519 -nodes -keyout other.key -subj /CN=other -out other.csr
    with_engine x509 -req -in other.csr -days 1 -CA $key.crt -CAkeyform engine -CAkey "$(uri $key)" \
        -engine pkcs11 -set_serial 2 -out other.crt
    openssl verify -CAfile $key.crt other.crt

    say "$key: signatures, and none for other data"
    for hash in sha256 sha384 sha512; do
        with_engine dgst -$hash -engine pkcs11 -keyform engine -sign "$(uri $key)" -out signature data
        openssl dgst -$hash -verify $key.pub -signature signature data
        echo "something else" | openssl dgst -$hash -verify $key.pub -signature signature &&
            fail "$hash: the signature is good for other data"
    done

    say "$key: a signed message"
    with_engine cms -sign -engine pkcs11 -keyform engine -inkey "$(uri $key)" -signer $key.crt \
        -in data -out message
    openssl cms -verify -in message -CAfile $key.crt -purpose any -out read
    tr -d '\r' <read | same data -
done

say "PSS"
with_engine dgst -sha256 -engine pkcs11 -keyform engine -sign "$(uri rsa)" -sigopt rsa_padding_mode:pss \
    -sigopt rsa_pss_saltlen:32 -out signature data
openssl dgst -sha256 -verify rsa.pub -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
    -signature signature data

say "decryption"
for padding in pkcs1 oaep; do
    openssl pkeyutl -encrypt -pubin -inkey rsa.pub -pkeyopt rsa_padding_mode:$padding -in data -out secret
    with_engine pkeyutl -decrypt -engine pkcs11 -keyform engine -inkey "$(uri rsa)" \
        -pkeyopt rsa_padding_mode:$padding -in secret -out opened
    same data opened
done
