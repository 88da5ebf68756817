#!/bin/sh
# Shows: a token is made with its two PINs, keeps its slot, and leaves a free slot for the next one.
set -eu
. "$(dirname "$0")/common.sh"

say "an empty slot waits for a token"
[ -n "$(free_slot)" ] || fail "no slot is free"

make_token
prints "token label *: $LABEL" tool -T
prints "token initialized" tool -T
prints "PIN initialized" tool -T

say "a second token takes the next slot; the first stays where it is"
before=$(slot_of "$LABEL")
tool --init-token --slot-index "$(free_slot)" --label "second" --so-pin "$SO_PIN"
[ -n "$(free_slot)" ] || fail "no slot is free after the second token"
after=$(slot_of "$LABEL")
[ "$before" = "$after" ] || fail "the slot changed from '$before' to '$after'"

say "initialising a token again needs its security officer's PIN"
refused p11 --init-token --label "$LABEL" --so-pin 00000000
