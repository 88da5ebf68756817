#!/bin/sh
# Shows: wrong PINs are refused, the user changes the PIN, and the security officer sets a new one.
set -eu
. "$(dirname "$0")/common.sh"
make_token

say "a wrong PIN is refused"
refused p11 --login --pin 0000000 -O

say "the user changes the PIN"
p11 --login --pin "$PIN" --change-pin --new-pin 7654321
refused p11 --login --pin "$PIN" -O
p11 --login --pin 7654321 -O

say "a key made now..."
p11 --login --pin 7654321 --keygen --key-type AES:32 --label kept --id 01

say "...survives when the security officer sets a new user PIN"
p11 --login --login-type so --so-pin "$SO_PIN" --init-pin --new-pin "$PIN"
refused p11 --login --pin 7654321 -O
prints "kept" user -O

say "the security officer changes the own PIN"
p11 --login --login-type so --so-pin "$SO_PIN" --change-pin --new-pin 11223344
refused p11 --login --login-type so --so-pin "$SO_PIN" --init-pin --new-pin "$PIN"
p11 --login --login-type so --so-pin 11223344 --init-pin --new-pin "$PIN"
