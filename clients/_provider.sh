# Read by the scripts that use the OpenSSL provider: an OpenSSL configuration that loads our module.
# The provider is a package on newer systems (pkcs11-provider). PKCS11_PROVIDER names its file when it is
# somewhere else.
# shellcheck shell=sh

modules=$(openssl version -m | sed 's/^MODULESDIR: "\(.*\)"$/\1/')
provider=${PKCS11_PROVIDER:-$modules/pkcs11.so}
[ -e "$provider" ] || absent "no package pkcs11-provider here, and PKCS11_PROVIDER does not name its file"

cat >"$WORK/provider.cnf" <<CNF
openssl_conf = start
[start]
providers = providers
[providers]
default = own_keys
pkcs11 = token_keys
[own_keys]
activate = 1
[token_keys]
module = $provider
pkcs11-module-path = $MODULE
pkcs11-module-token-pin = $PIN
pkcs11-module-encode-provider-uri-to-pem = true
activate = 1
[req]
distinguished_name = name
x509_extensions = own
[name]
[own]
basicConstraints = critical, CA:TRUE
subjectAltName = DNS:localhost, IP:127.0.0.1
CNF
# openssl with the provider: only what uses a private key. Plain openssl checks the results.
provided() {
    OPENSSL_CONF="$WORK/provider.cnf" timeout 60 openssl "$@"
}
