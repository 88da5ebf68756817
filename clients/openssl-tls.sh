#!/bin/sh
# Shows: a TLS 1.2 and 1.3 server whose RSA or EC key stays in the token
set -eu
. "$(dirname "$0")/_common.sh"
. "$CLIENTS/_openssl.sh"
version "$(openssl version), $(openssl engine pkcs11 2>/dev/null)"
make_keys
HANDSHAKES=5

# Starts a server with this key on a free port of the loopback interface; it takes so many connections.
serve() {
    rm -f server.log
    OPENSSL_CONF="$WORK/engine.cnf" timeout 120 openssl s_server -engine pkcs11 -keyform engine \
        -key "$(uri "$1")" -cert "$1.crt" -accept 127.0.0.1:0 -naccept $HANDSHAKES -www \
        </dev/null >server.log 2>&1 &
    SERVER=$!
    wait_for '^ACCEPT 127' server.log
    address=$(sed -n 's/^ACCEPT //p' server.log | head -n 1)
}

# One connection that trusts nothing but this key's certificate, and reads the server's page.
connect() {
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 20 openssl s_client -connect "$address" "-$2" -quiet \
        -CAfile "$1.crt" -verify_return_error -verify_ip 127.0.0.1 >page 2>client.log ||
        { cat client.log server.log; fail "$1, $2: no connection"; }
    grep -q -e "Protocol *: *$3" page || { cat page client.log; fail "$1, $2: not $3"; }
}

for key in rsa ec; do
    certify $key
    for version in "tls1_2 TLSv1.2" "tls1_3 TLSv1.3"; do
        say "$key, $version"
        serve $key
        for _ in $(seq $HANDSHAKES); do
            # shellcheck disable=SC2086 # two arguments
            connect $key $version
        done
        stop_server
    done
done

say "another certificate is not believed"
serve rsa
if timeout 20 openssl s_client -connect "$address" -CAfile ec.crt -verify_return_error \
    </dev/null >client.log 2>&1; then
    fail "the connection was made"
fi
grep -q "certificate verify failed" client.log || { cat client.log; fail "it failed for another reason"; }
