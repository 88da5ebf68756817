# Read by every script here: what the pkcs11-tool scripts share, and a token with an RSA and an EC key.
# shellcheck shell=sh disable=SC2034

. "$(dirname "$0")/../../pkcs11-tool-scripts/common.sh"
LABEL=clients

# One server at most runs in the background; it goes when the script ends, however that is.
SERVER=
finish() {
    [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || true
    rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 1' INT TERM

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

# Waits until the text is in the file, ten seconds at most.
wait_for() {
    tries=0
    until grep -q -e "$1" "$2" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -le 100 ] || { cat "$2"; fail "'$1' did not appear in $2"; }
        sleep 0.1
    done
}

# Ends the server and waits until it has gone.
stop_server() {
    kill "$SERVER" 2>/dev/null || true
    wait "$SERVER" 2>/dev/null || true
    SERVER=
}
