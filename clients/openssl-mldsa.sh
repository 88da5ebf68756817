#!/bin/sh
# Shows: OpenSSL 3.5 provider: Ed25519 and ML-DSA keys that stay in the token sign, certify and serve TLS 1.3
set -eu
. "$(dirname "$0")/_common.sh"
openssl list -signature-algorithms | grep -q ML-DSA-65 || absent "$(openssl version) knows no ML-DSA"
. "$CLIENTS/_provider.sh"
version "$(openssl version), pkcs11-provider $(provided list -providers | sed -n '/^  pkcs11/,$s/^    version: //p')"
make_token
echo "something to sign" >data

# Makes a key pair by the provider; its private key is in the token under the algorithm's name.
make_pair() {
    provided genpkey -propquery provider=pkcs11 -algorithm "$1" \
        -pkeyopt "pkcs11_uri:pkcs11:token=$LABEL;object=$1" -out made.pem
}
# What the provider has no algorithm for, OpenSSL refuses before it comes as far as the module.
is_offered() {
    make_pair "$1" 2>made.log && return
    grep -q "unsupported" made.log || { cat made.log; fail "$1: no key pair"; }
    return 1
}

for algorithm in ED25519 ML-DSA-44 ML-DSA-65 ML-DSA-87; do
    say "$algorithm: a key pair that the provider makes"
    is_offered $algorithm || absent "this pkcs11-provider has no $algorithm (1.2.0 does)"
    provided pkey -in "pkcs11:token=$LABEL;object=$algorithm;type=public" -pubin -pubout -out made.pub

    say "$algorithm: a signature, and none for other data"
    provided pkeyutl -sign -rawin -inkey "$(uri $algorithm)" -in data -out signature
    openssl pkeyutl -verify -rawin -pubin -inkey made.pub -in data -sigfile signature
    echo "something else" >other
    openssl pkeyutl -verify -rawin -pubin -inkey made.pub -in other -sigfile signature &&
        fail "the signature is good for other data"

    say "$algorithm: a certificate, which signs itself, and one for somebody else's key"
    provided req -new -x509 -days 2 -subj "/CN=$algorithm" -key "$(uri $algorithm)" -out made.crt
    openssl verify -check_ss_sig -x509_strict -CAfile made.crt made.crt
    openssl req -new -newkey ed25519 -nodes -keyout other.key -subj /CN=other -out other.csr
    provided x509 -req -in other.csr -days 1 -CA made.crt -CAkey "$(uri $algorithm)" -set_serial 2 -out other.crt
    openssl verify -CAfile made.crt other.crt

    say "$algorithm: TLS"
    port=$(free_port)
    rm -f server.log
    OPENSSL_CONF="$WORK/provider.cnf" timeout 600 openssl s_server -key "$(uri $algorithm)" -cert made.crt \
        -accept "127.0.0.1:$port" -www </dev/null >server.log 2>&1 &
    SERVER=$!
    wait_for '^ACCEPT' server.log
    handshakes 500 "$port" made.crt TLSv1_3
    openssl s_client -connect "127.0.0.1:$port" -CAfile made.crt -verify_return_error -brief </dev/null >client.log 2>&1
    seen "$algorithm: $(grep '^Signature type' client.log), $(grep 'group' client.log)"
    stop_server
done

say "ML-KEM: what plain openssl encapsulates, the key in the token opens"
if is_offered ML-KEM-768; then
    provided pkey -in "pkcs11:token=$LABEL;object=ML-KEM-768;type=public" -pubin -pubout -out kem.pub
    openssl pkeyutl -encap -pubin -inkey kem.pub -out ciphertext -secret theirs
    provided pkeyutl -decap -inkey "$(uri ML-KEM-768)" -in ciphertext -secret ours
    same ours theirs
    seen "ML-KEM-768: the same secret on both sides"
else
    seen "ML-KEM-768: not in this provider"
fi

say "what else OpenSSL 3.5 knows"
for algorithm in X25519 SLH-DSA-SHA2-128f; do
    if is_offered $algorithm; then
        seen "$algorithm: key pairs"
    else
        seen "$algorithm: not in this provider"
    fi
done
