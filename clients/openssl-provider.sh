#!/bin/sh
# Shows: OpenSSL 3 provider: certificates, signatures, PSS, decryption, key generation and TLS with RSA and EC keys
set -eu
. "$(dirname "$0")/_common.sh"
. "$CLIENTS/_provider.sh"
version "$(openssl version), pkcs11-provider $(provided list -providers | sed -n '/^  pkcs11/,$s/^    version: //p')"
make_keys
echo "something to sign" >data

for key in rsa ec; do
    say "$key: a certificate, which signs itself"
    provided req -new -x509 -days 2 -subj "/CN=$key.example" -key "$(uri $key)" -out $key.crt
    openssl verify -check_ss_sig -x509_strict -CAfile $key.crt $key.crt
    openssl x509 -in $key.crt -noout -pubkey -out $key.pub

    say "$key: a certificate for somebody else's key"
    openssl req -new -newkey ed25519 -nodes -keyout other.key -subj /CN=other -out other.csr
    provided x509 -req -in other.csr -days 1 -CA $key.crt -CAkey "$(uri $key)" -set_serial 2 -out other.crt
    openssl verify -CAfile $key.crt other.crt

    say "$key: signatures, and none for other data"
    for hash in sha256 sha384 sha512; do
        provided dgst -$hash -sign "$(uri $key)" -out signature data
        openssl dgst -$hash -verify $key.pub -signature signature data
        echo "something else" | openssl dgst -$hash -verify $key.pub -signature signature &&
            fail "$hash: the signature is good for other data"
    done

    say "$key: a signed message"
    provided cms -sign -inkey "$(uri $key)" -signer $key.crt -in data -out message
    openssl cms -verify -in message -CAfile $key.crt -purpose any -out read
    tr -d '\r' <read | same data -
done

say "PSS"
provided dgst -sha256 -sign "$(uri rsa)" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -out signature data
openssl dgst -sha256 -verify rsa.pub -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -signature signature data

say "decryption"
# With OAEP the hashes are named: provider 1.2.0 sends none otherwise (0 for both), which is refused.
for padding in rsa_padding_mode:pkcs1 \
    "rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256"; do
    # shellcheck disable=SC2086 # several options
    openssl pkeyutl -encrypt -pubin -inkey rsa.pub -pkeyopt $padding -in data -out secret
    # shellcheck disable=SC2086
    provided pkeyutl -decrypt -inkey "$(uri rsa)" -pkeyopt $padding -in secret -out opened
    same data opened
done

say "an agreed secret is the same on both sides"
openssl ecparam -name prime256v1 -genkey -noout -out peer.key
openssl pkey -in peer.key -pubout -out peer.pub
provided pkeyutl -derive -inkey "$(uri ec)" -peerkey peer.pub -out ours
openssl pkeyutl -derive -inkey peer.key -peerkey ec.pub -out theirs
same ours theirs

say "a key pair that the provider makes"
provided genpkey -propquery provider=pkcs11 -algorithm EC -pkeyopt ec_paramgen_curve:P-384 \
    -pkeyopt "pkcs11_uri:pkcs11:token=$LABEL;object=made;id=%09" -out made.pem
provided dgst -sha384 -sign "$(uri made)" -out signature data
provided pkey -in "pkcs11:token=$LABEL;object=made;type=public" -pubin -pubout -out made.pub
openssl dgst -sha384 -verify made.pub -signature signature data

say "TLS"
for key in rsa ec; do
    port=$(free_port)
    rm -f server.log
    OPENSSL_CONF="$WORK/provider.cnf" timeout 600 openssl s_server -key "$(uri $key)" -cert $key.crt \
        -accept "127.0.0.1:$port" -www </dev/null >server.log 2>&1 &
    SERVER=$!
    wait_for '^ACCEPT' server.log
    handshakes 500 "$port" $key.crt TLSv1_2
    handshakes 500 "$port" $key.crt TLSv1_3
    stop_server
done
