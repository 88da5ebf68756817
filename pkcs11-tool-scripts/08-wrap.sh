#!/bin/sh
# Shows: keys wrapped inside come back as the same keys, and a key that may not leave does not.
set -eu
. "$(dirname "$0")/common.sh"
make_token
user --keygen --key-type AES:32 --label wrapper --id 01 --usage-wrap
user --keygen --key-type AES:32 --label travels --id 02 --extractable --usage-decrypt
user --keygen --key-type AES:32 --label stays --id 03 --usage-decrypt
IV=00000000000000000000000000000000
echo "a message to keep" >message
user --encrypt -m AES-CBC-PAD --iv $IV --id 02 -i message -o sealed

# pkcs11-tool 0.23 knows AES-KEY-WRAP-PAD and AES-KEY-WRAP-KWP by number only.
for mechanism in ${WRAPS:-AES-KEY-WRAP 0x210A 0x210B}; do
    say "$mechanism"
    user --wrap -m $mechanism --id 01 --application-id 02 -o wrapped
    user --unwrap -m $mechanism --id 01 -i wrapped --key-type AES: --application-id 12 \
        --application-label back --usage-decrypt
    user --decrypt -m AES-CBC-PAD --iv $IV --id 12 -i sealed -o opened
    same message opened
    user --delete-object --type secrkey --id 12
done

say "a key that may not leave is not wrapped"
refused user --wrap -m AES-KEY-WRAP --id 01 --application-id 03 -o wrapped

say "under an RSA key"
user --keypairgen --key-type rsa:2048 --label rsa --id 04 --usage-wrap
user --wrap -m RSA-PKCS --id 04 --application-id 02 -o wrapped
user --unwrap -m RSA-PKCS --id 04 -i wrapped --key-type AES: --application-id 14 \
    --application-label "back by RSA" --usage-decrypt
user --decrypt -m AES-CBC-PAD --iv $IV --id 14 -i sealed -o opened
same message opened
