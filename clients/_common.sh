# Read by every script here: what the pkcs11-tool scripts share, and a token with an RSA and an EC key.
# shellcheck shell=sh disable=SC2034

CLIENTS=$(cd "$(dirname "$0")" && pwd)
. "$CLIENTS/../pkcs11-tool-scripts/common.sh"
LABEL=clients

# Where what comes from a package registry is kept from one run to the next.
CACHE=${CLIENTS_CACHE:-$ROOT/target/clients}

# One server at most runs in the background; it goes when the script ends, however that is.
SERVER=
finish() {
    [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || true
    rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Which version of the program this is about; the runner prints it.
version() {
    say "version: $*"
}

# What was counted or measured; the runner prints it.
seen() {
    say "seen: $*"
}

# The program cannot be had here, for this reason.
absent() {
    echo "ABSENT: $*"
    exit 77
}

# The token, with the keys that most scripts use.
make_keys() {
    make_token
    user --keypairgen --key-type rsa:2048 --label rsa --id 01
    user --keypairgen --key-type EC:prime256v1 --label ec --id 02
}

# The PKCS#11 URI of a private key, by its label, with the PIN.
uri() {
    echo "pkcs11:token=$LABEL;object=$1;type=private?pin-value=$PIN"
}

# Writes NAME.pub, the public key of the pair called NAME, as PEM.
public_key() {
    GNUTLS_PIN=$PIN timeout 60 p11tool --provider "$MODULE" --login --export-pubkey \
        "pkcs11:token=$LABEL;object=$1;type=private" >"$1.pub"
    openssl pkey -pubin -in "$1.pub" -noout
}

# A port of the loopback interface that nothing listens on.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# handshakes COUNT PORT CERTIFICATE [VERSION]: so many whole TLS handshakes, eight at a time. All must succeed.
handshakes() {
    python3 "$CLIENTS/handshakes.py" "$@" >handshakes.log 2>&1 || { cat handshakes.log; fail "TLS handshakes"; }
    seen "$(cat handshakes.log)"
}

# Waits until the text is in the file, ten seconds at most.
wait_for() {
    tries=0
    until grep -q -e "$1" "$2" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -le 100 ] || { cat "$2"; fail "'$1' did not appear in $2"; }
        sleep 0.1
    done
}

# Waits until something listens on the port, ten seconds at most.
wait_for_port() {
    tries=0
    until python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -le 100 ] || fail "nothing listens on port $1"
        sleep 0.1
    done
}

# Ends the server and waits until it has gone.
stop_server() {
    kill "$SERVER" 2>/dev/null || true
    wait "$SERVER" 2>/dev/null || true
    SERVER=
}
