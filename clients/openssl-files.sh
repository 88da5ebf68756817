#!/bin/sh
# Shows: key files that OpenSSL 3.5 writes (ML-KEM, ML-DSA, SLH-DSA; seed, expanded key, both) come in, and go out the same
set -eu
. "$(dirname "$0")/_common.sh"
openssl list -signature-algorithms | grep -q ML-DSA-65 || absent "$(openssl version) knows no ML-DSA"
KEYWARD=${KEYWARD:-$ROOT/target/release/keyward}
[ -x "$KEYWARD" ] || absent "the program keyward is not built: KEYWARD names it"
version "$(openssl version)"
printf %s "$SO_PIN" >so.pin
printf %s "$PIN" >user.pin
printf %s "open sesame" >passphrase
"$KEYWARD" token init --label $LABEL --so-pin-file so.pin --pin-file user.pin

# Takes the private keys in the files into the token, each under a label of its own, and compares what comes out with
# what openssl says of the key.
there_and_back() {
    openssl pkey -in "$1" -pubout -out expected.pub
    openssl pkey -in "$1" -outform DER -out expected.der
    for file in "$@"; do
        "$KEYWARD" object import "$file" --label "$file" --force --readable \
            --pin-file user.pin --passphrase-file passphrase
        "$KEYWARD" object export --label "$file" --class private --public --pin-file user.pin --out "$file.pub"
        same expected.pub "$file.pub"
        "$KEYWARD" object export --label "$file" --class private --plain --pin-file user.pin --out "$file.out"
        openssl pkey -in "$file.out" -outform DER -out "$file.out.der"
        openssl pkey -in "$file.out" -pubout | same expected.pub -
        case $file in *expanded*) ;; *) same expected.der "$file.out.der" ;; esac
    done
    openssl pkey -in "$1" -pubout -outform DER -out public.der
    "$KEYWARD" object import public.der --label "public of $1" --force --pin-file user.pin
    "$KEYWARD" object export --label "public of $1" --public --pin-file user.pin | same expected.pub -
}

for algorithm in ML-KEM-512 ML-KEM-768 ML-KEM-1024 ML-DSA-44 ML-DSA-65 ML-DSA-87; do
    say "$algorithm"
    family=$(echo "${algorithm%-*}" | tr '[:upper:]' '[:lower:]')
    openssl genpkey -algorithm $algorithm -out $algorithm.pem
    for form in seed-only priv-only seed-priv; do
        openssl pkey -in $algorithm.pem -provparam "$family.output_formats=$form" -out "$algorithm-$form.pem"
        openssl pkey -in $algorithm.pem -provparam "$family.output_formats=$form" -outform DER -out "$algorithm-$form.der"
    done
    mv "$algorithm-priv-only.pem" "$algorithm-expanded.pem"
    mv "$algorithm-priv-only.der" "$algorithm-expanded.der"
    openssl pkcs8 -topk8 -in $algorithm.pem -passout "file:passphrase" -out $algorithm-encrypted.pem
    there_and_back $algorithm.pem $algorithm-seed-only.pem $algorithm-seed-only.der $algorithm-expanded.pem \
        $algorithm-expanded.der $algorithm-seed-priv.pem $algorithm-seed-priv.der $algorithm-encrypted.pem
done
for algorithm in SLH-DSA-SHA2-128s SLH-DSA-SHAKE-192f SLH-DSA-SHA2-256f; do
    say "$algorithm"
    openssl genpkey -algorithm $algorithm -out $algorithm.pem
    openssl pkey -in $algorithm.pem -outform DER -out $algorithm.der
    there_and_back $algorithm.pem $algorithm.der
done

say "a certificate and a PKCS#12 file with an ML-DSA key"
openssl req -new -x509 -key ML-DSA-65.pem -subj "/CN=lattice" -days 2 -out lattice.crt
openssl pkcs12 -export -inkey ML-DSA-65.pem -in lattice.crt -name lattice -passout "file:passphrase" -out lattice.p12
"$KEYWARD" object import lattice.p12 --force --readable --pin-file user.pin --passphrase-file passphrase
"$KEYWARD" object export --label lattice --class certificate --out lattice.out
same lattice.crt lattice.out
"$KEYWARD" object export --label lattice --class private --pkcs12 --pin-file user.pin --passphrase-file passphrase --out back.p12
openssl pkcs12 -in back.p12 -passin "file:passphrase" -nodes -nocerts -out back.pem
openssl pkey -in back.pem -pubout -out back.pub
openssl pkey -in ML-DSA-65.pem -pubout | same back.pub -
seen "6 lattice keys in three forms, 3 SLH-DSA keys, PKCS#12"
