# Read by the scripts that use the OpenSSL engine: an OpenSSL configuration that loads our module, and
# certificates of both keys.
# shellcheck shell=sh

engines=$(openssl version -e | sed 's/^ENGINESDIR: "\(.*\)"$/\1/')
cat >"$WORK/engine.cnf" <<CNF
openssl_conf = start
[start]
engines = engines
[engines]
pkcs11 = engine
[engine]
engine_id = pkcs11
dynamic_path = $engines/pkcs11.so
MODULE_PATH = $MODULE
[req]
distinguished_name = name
x509_extensions = own
[name]
[own]
basicConstraints = critical, CA:TRUE
subjectAltName = DNS:localhost, IP:127.0.0.1
CNF

# openssl with the engine: only what uses a private key. Plain openssl checks the results.
with_engine() {
    OPENSSL_CONF="$WORK/engine.cnf" timeout 30 openssl "$@"
}

# Writes NAME.crt, a certificate that the key called NAME made for itself, and NAME.pub.
certify() {
    with_engine req -new -x509 -days 2 -subj "/CN=$1.example" -engine pkcs11 -keyform engine \
        -key "$(uri "$1")" -out "$1.crt"
    openssl x509 -in "$1.crt" -noout -pubkey -out "$1.pub"
}
