#!/bin/sh
# Shows: p11tool lists every object, signs, makes and deletes keys; gnutls-serv serves TLS with RSA and EC keys
set -eu
. "$(dirname "$0")/_common.sh"
version "$(p11tool --version | head -n 1)"
make_keys
export GNUTLS_PIN=$PIN

# p11tool with our module.
gnutls() {
    timeout 60 p11tool --provider "$MODULE" "$@"
}

prints "URL: pkcs11:.*token=$LABEL" gnutls --list-tokens
prints "Type: Private key" gnutls --list-all --login "pkcs11:token=$LABEL"
for key in rsa ec; do
    say "$key"
    prints "object=$key;type=private" gnutls --list-all --login "pkcs11:token=$LABEL"
    prints "object=$key;type=public" gnutls --list-all "pkcs11:token=$LABEL"
    prints "Verifying against public key in the token... ok" \
        gnutls --login --test-sign "pkcs11:token=$LABEL;object=$key;type=private"
done

say "a key pair made by p11tool, and gone again"
gnutls --login --generate-privkey ecdsa --curve secp384r1 --label made --outfile made.pub "pkcs11:token=$LABEL"
prints "Verifying against public key in the token... ok" \
    gnutls --login --test-sign "pkcs11:token=$LABEL;object=made;type=private"
gnutls --login --batch --delete "pkcs11:token=$LABEL;object=made"
if gnutls --list-all --login "pkcs11:token=$LABEL" | grep "object=made"; then
    fail "a deleted key is still listed"
fi

say "a wrong PIN lists no private key"
if GNUTLS_PIN=0000000 gnutls --batch --list-all --login "pkcs11:token=$LABEL" | grep "type=private"; then
    fail "private keys are listed"
fi

say "a TLS server whose key stays in the token"
cat >template <<CNF
cn = "gnutls.example"
ip_address = 127.0.0.1
ca
expiration_days = 2
CNF
for key in rsa ec; do
    timeout 60 certtool --generate-self-signed --template template --provider "$MODULE" \
        --load-privkey "pkcs11:token=$LABEL;object=$key;type=private" \
        --load-pubkey "pkcs11:token=$LABEL;object=$key;type=public" --outfile $key.crt
    openssl verify -check_ss_sig -CAfile $key.crt $key.crt
    port=$(free_port)
    timeout 300 gnutls-serv --provider "$MODULE" --http --quiet --port "$port" --x509certfile $key.crt \
        --x509keyfile "pkcs11:token=$LABEL;object=$key;type=private?pin-value=$PIN" >server.log 2>&1 &
    SERVER=$!
    wait_for_port "$port"
    for version in TLSv1_2 TLSv1_3; do
        handshakes 100 "$port" $key.crt $version
    done
    stop_server
done
