#!/bin/sh
# Shows: data, certificates and public keys are written and read back byte for byte.
set -eu
. "$(dirname "$0")/common.sh"
make_token

say "data, public and private"
echo "some data" >data
user --write-object data --type data --label "open data" --application-label scripts
user --write-object data --type data --label "hidden data" --application-label scripts --private
p11 --read-object --type data --label "open data" -o back
same data back
user --read-object --type data --label "hidden data" -o back
same data back
if p11 -O --type data 2>/dev/null | grep -q "hidden data"; then
    fail "a private object is listed without login"
fi

say "a certificate"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj "/CN=script" -days 30 2>/dev/null
openssl x509 -in cert.pem -outform DER -out cert.der
user --write-object cert.der --type cert --label certificate --id 05
p11 --read-object --type cert --id 05 -o back
same cert.der back
prints "certificate" p11 -O --type cert

say "public keys"
openssl rsa -in key.pem -pubout -outform DER -out public.der 2>/dev/null
user --write-object public.der --type pubkey --label "their rsa" --id 06
p11 --read-object --type pubkey --id 06 -o back
same public.der back
openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
openssl pkey -in ec.pem -pubout -outform DER -out ec.der
user --write-object ec.der --type pubkey --label "their ec" --id 07
p11 --read-object --type pubkey --id 07 -o back
same ec.der back

say "labels and ids change; what is deleted is gone"
user --set-id 66 --type pubkey --id 06
p11 --read-object --type pubkey --id 66 -o back
same public.der back
user --delete-object --type data --label "open data"
refused p11 --read-object --type data --label "open data" -o back

say "a secret key is not read"
user --keygen --key-type AES:32 --label secret --id 08
refused user --read-object --type secrkey --id 08 -o back
