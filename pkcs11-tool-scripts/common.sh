# Read by every script with `. ./common.sh`: a fresh directory for tokens and files, one token, and
# short names for what the scripts do over and over. Not a script of its own.
#
# MODULE names the module to try; without it, it is the one that cargo built last. The same scripts
# run against other modules: MODULE=/usr/lib/softhsm/libsofthsm2.so ./run-all

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(dirname "$HERE")

if [ -z "${MODULE:-}" ]; then
    MODULE=$(ls -t "$ROOT"/target/*/libkeyward_pkcs11.so 2>/dev/null | head -n 1)
    [ -n "$MODULE" ] || { echo "no module: run cargo build, or set MODULE"; exit 1; }
fi

LABEL="script token"
SO_PIN=87654321
PIN=1234567

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT INT TERM
cd "$WORK"

# Where Keyward keeps its tokens; PINs are stretched little here, so that the scripts are quick.
export KEYWARD_HOME="$WORK/keyward"
export KEYWARD_CONFIG="$WORK/keyward.toml"
mkdir "$KEYWARD_HOME"
printf '[pin]\nmemory_kib = 64\npasses = 1\nlanes = 1\n' >"$KEYWARD_CONFIG"
# Where SoftHSM2 keeps its own, to run the same scripts against it.
export SOFTHSM2_CONF="$WORK/softhsm2.conf"
mkdir "$WORK/softhsm"
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$WORK/softhsm" >"$SOFTHSM2_CONF"

# Says what comes next.
say() {
    echo "== $*"
}

# Ends the script with a reason.
fail() {
    echo "FAILED: $*"
    exit 1
}

# pkcs11-tool with our module, no token chosen.
tool() {
    echo "\$ pkcs11-tool $*"
    pkcs11-tool --module "$MODULE" "$@"
}

# pkcs11-tool with our token, nobody logged in.
p11() {
    tool --token-label "$LABEL" "$@"
}

# pkcs11-tool with our token and the user logged in.
user() {
    p11 --login --pin "$PIN" "$@"
}

# The command must fail.
refused() {
    if "$@" >refused.log 2>&1; then
        cat refused.log
        fail "this should have been refused: $*"
    fi
    echo "refused, as it should be: $(grep -o 'CKR_[A-Z_]*' refused.log | tail -n 1)"
}

# The two files must be the same.
same() {
    cmp "$1" "$2" || fail "$1 and $2 differ"
}

# The text must be in what the command prints.
prints() {
    text=$1
    shift
    "$@" >prints.log 2>&1 || { cat prints.log; fail "$*"; }
    grep -q -e "$text" prints.log || { cat prints.log; fail "'$text' is not in the output of: $*"; }
}

# Makes the token: the security officer's PIN, then the user's.
make_token() {
    tool --init-token --slot-index "$(free_slot)" --label "$LABEL" --so-pin "$SO_PIN"
    p11 --login --login-type so --so-pin "$SO_PIN" --init-pin --new-pin "$PIN"
}

# The id of the slot that holds the token with this label.
slot_of() {
    pkcs11-tool --module "$MODULE" -L 2>/dev/null |
        awk -v label="$1" '/^Slot / { slot = $3 } /token label/ && index($0, ": " label) { print slot }'
}

# The point of the public key with this id, as listed: an OCTET STRING in hexadecimal.
point_of() {
    p11 -O --type pubkey |
        awk -v id="$1" '$1 == "EC_POINT:" { point = $2 } $1 == "ID:" && $2 == id { print point }'
}

# Writes public.pem: the public EC key with this id on this curve, from the point that is listed.
# (pkcs11-tool 0.23 cannot read such keys itself for most curves.)
ec_public() {
    point=$(point_of "$1" | sed 's/^04\(8[12]\)*//')
    cat >public.cnf <<END
asn1 = SEQUENCE:key
[key]
algorithm = SEQUENCE:algorithm
point = FORMAT:HEX,BITSTRING:$(echo "$point" | cut -c3-)
[algorithm]
kind = OID:id-ecPublicKey
curve = OID:$2
END
    openssl asn1parse -genconf public.cnf -noout -out public.der
    openssl pkey -pubin -inform DER -in public.der -out public.pem
}

# The index of the slot whose token waits to be initialised.
free_slot() {
    pkcs11-tool --module "$MODULE" -L 2>/dev/null |
        awk '/^Slot [0-9]+/ { slot = $2 } /uninitialized/ { found = slot } END { print found }'
}
