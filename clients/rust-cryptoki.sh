#!/bin/sh
# Shows: the own tests of the Rust crate cryptoki
# Exceptions: one test is left out, which wants C_WaitForSlotEvent to be missing: ours waits, as the standard says.
# Which tests fail, and why, is in docs/clients.md and in rust-cryptoki.differences, which must be true.
# The crate comes from crates.io, once, into target/clients.
set -eu
. "$(dirname "$0")/_common.sh"
release=0.12.1
source=$CACHE/cryptoki-$release
command -v cargo >/dev/null || absent "cargo is not installed"
if ! [ -e "$source/done" ]; then
    rm -rf "$source" && mkdir -p "$source/fetch/src"
    # cargo itself brings the package: it unpacks what a package depends on.
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\ncryptoki = "=%s"\n[workspace]\n' \
        $release >"$source/fetch/Cargo.toml"
    : >"$source/fetch/src/lib.rs"
    (cd "$source/fetch" && timeout 300 cargo vendor --quiet vendor >/dev/null) || absent "crates.io cannot be reached"
    cp -R "$source/fetch/vendor/cryptoki/." "$source/"
    rm -rf "$source/fetch"
    touch "$source/done"
fi
version "cryptoki $release, $(cargo --version)"
# Its tests are compiled before the time counts.
(cd "$source" && CARGO_TARGET_DIR=$CACHE/cryptoki-target cargo test --quiet --tests --no-run)

tool --init-token --slot-index "$(free_slot)" --label first --so-pin abcdef654321
p11_first() { tool --token-label first "$@"; }
p11_first --login --login-type so --so-pin abcdef654321 --init-pin --new-pin fedcba123456
(cd "$source" && TEST_PKCS11_MODULE=$MODULE CARGO_TARGET_DIR=$CACHE/cryptoki-target timeout 800 \
    cargo test --tests --no-fail-fast -- --test-threads=1 --skip wait_for_slot_event) >log 2>&1 || true
grep -E '^test |^test result|panicked' log
# A test prints between its name and its result, so the names of those that failed are at the end of each part.
awk '/^failures:$/ { on = 1; next } /^test result/ { on = 0 } on && /^    [a-z0-9_:]+$/ { print $1 }' log | sort -u >failed
seen "$(awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 } END { print passed " passed, " failed " failed, " ignored " ignored" }' log)"
[ -z "${NO_EXPECTATIONS:-}" ] || { sed 's/^/failed: /' failed; exit 0; }
sed 's/#.*//; /^ *$/d; s/ *$//' "$CLIENTS/rust-cryptoki.differences" | sort >expected
diff expected failed || fail "other tests fail than rust-cryptoki.differences says (< expected, > seen)"
