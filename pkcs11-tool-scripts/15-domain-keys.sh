#!/bin/sh
# Shows: a domain key is added, put to use and removed by pkcs11-tool, which writes the signed change as a
# data object; what was left wrapped under the removed key no longer opens.
set -eu
. "$(dirname "$0")/common.sh"

# Only Keyward has domains.
case $MODULE in *keyward*) ;; *) echo "not Keyward: nothing to show"; exit 0 ;; esac
PATH=$(dirname "$MODULE"):$PATH
export KEYWARD_PIN="$PIN" KEYWARD_SO_PIN="$SO_PIN" KEYWARD_PASSPHRASE="a passphrase"
make_token

# Makes the domain token of a change that the operator approved.
approved() {
    name=$1
    shift
    keyward operator approve "$name.request" --key alice.key
    keyward domain propose "$name.request" --out "$name.token" "$@"
}

# Installs a domain token; pkcs11-tool cuts objects at 5,000 bytes, so a longer one goes in parts.
install_token() {
    split -b 4000 -d "$1" part.
    count=$(ls part.* | wc -l)
    if [ "$count" -eq 1 ]; then
        user --write-object "$1" --type data --application-label keyward.domain-token --label change
    else
        number=0
        for part in part.*; do
            number=$((number + 1))
            user --write-object "$part" --type data \
                --application-label keyward.domain-token.part --label "$number/$count"
        done
    fi
    rm part.*
}

# The id of the domain key in this state.
domain_key() {
    keyward domain show | awk -v state="$1" '$2 == state { print $1; exit }'
}

say "the domain gets an operator"
keyward operator keygen --label alice --key alice.key --card alice.card
keyward domain create --operator alice.card --out found.request
approved found --so
install_token found.token

say "a key wrapped under the domain key, as any wrapping key wraps"
old=$(domain_key active)
user --keygen --key-type AES:32 --label customer --id 01 --extractable --usage-decrypt
user --wrap -m AES-KEY-WRAP --id "$old" --application-id 01 -o wrapped

say "a second domain key"
keyward domain request key.add --out add.request
approved add
install_token add.token
prints "domain key (pending)" user -O --type secrkey

say "the second takes over; the first still opens, and wraps no more"
keyward domain request key.retire --out retire.request
approved retire
install_token retire.token
prints "domain key (decrypt-only)" user -O --type secrkey
refused user --wrap -m AES-KEY-WRAP --id "$old" --application-id 01 -o again
user --unwrap -m AES-KEY-WRAP --id "$old" -i wrapped --key-type AES: --application-id 11 --usage-decrypt

say "the first is removed: not by oversight, while something may be wrapped under it; then that stays shut"
keyward domain request "key.remove:$old" --out remove.request
keyward operator approve remove.request --key alice.key
refused keyward domain propose remove.request --out remove.token
approved remove --force
install_token remove.token
refused user --unwrap -m AES-KEY-WRAP --id "$old" -i wrapped --key-type AES: --application-id 12
refused keyward domain ingest retire.token

say "the token's own keys moved to the new domain key"
prints "customer" user -O --type secrkey
prints "as this module left it" keyward token verify
