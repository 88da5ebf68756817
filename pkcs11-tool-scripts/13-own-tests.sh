#!/bin/sh
# Shows: pkcs11-tool's own tests pass: operations, EC, threads, and a fork.
set -eu
. "$(dirname "$0")/common.sh"
make_token
user --keypairgen --key-type rsa:2048 --label rsa --id 01
user --test >log 2>&1 || { cat log; fail "--test"; }
cat log
grep -q "No errors" log || fail "--test reports errors"

if [ -z "${NO_TEST_EC:-}" ]; then
    user --session-rw --test-ec --key-type EC:prime256v1 --label ec --id 02 >log 2>&1 || { cat log; fail "--test-ec"; }
    cat log
    if grep -qi "failed" log; then
        fail "--test-ec reports errors"
    fi
fi

say "four threads that initialise, list and read at the same time"
tool --use-locking --test-threads ISTMGI --test-threads ISTMGI --test-threads ISTMGI --test-threads ISTMGI -L >log 2>&1 ||
    { cat log; fail "--test-threads"; }

say "a child of a fork initialises the module"
tool --test-fork
