#!/bin/sh
# Shows: a thousand TLS handshakes with an RSA key and a thousand with an EC key (OpenSSL's server, engine)
# OpenSSL 3.0 knows no ML-DSA, so there is no such run.
set -eu
. "$(dirname "$0")/_common.sh"
. "$CLIENTS/_openssl.sh"
version "$(openssl version)"
make_keys

for key in rsa ec; do
    say "$key"
    certify $key
    port=$(free_port)
    rm -f server.log
    OPENSSL_CONF="$WORK/engine.cnf" timeout 600 openssl s_server -engine pkcs11 -keyform engine \
        -key "$(uri $key)" -cert $key.crt -accept "127.0.0.1:$port" -www </dev/null >server.log 2>&1 &
    SERVER=$!
    wait_for '^ACCEPT' server.log
    handshakes 500 "$port" $key.crt TLSv1_2
    handshakes 500 "$port" $key.crt TLSv1_3
    stop_server
done
