#!/bin/sh
# Shows: Python programs (python-pkcs11 and PyKCS11): generate, sign, verify, encrypt, wrap, both ways with openssl
set -eu
. "$(dirname "$0")/_common.sh"
. "$CLIENTS/_python.sh"
python_packages "python-pkcs11==0.10.1" "pytest==9.*" "cryptography>=44" "parameterized>=0.9" PyKCS11==1.5.20
version "$("$PYTHON" -m pip list 2>/dev/null | awk '/[Pp]y.*[Kk][Cc][Ss]11/ { printf "%s%s %s", comma, $1, $2; comma = ", " }')"

echo "something to sign" >data
openssl rand -out aes.key 32
openssl rand -out aes.iv 16
openssl genrsa -out openssl.key 2048
openssl dgst -sha256 -sign openssl.key -out by-openssl.signature data
openssl rsa -in openssl.key -pubout -outform DER -RSAPublicKey_out -out openssl.der
key=$(od -An -tx1 aes.key | tr -d ' \n')
iv=$(od -An -tx1 aes.iv | tr -d ' \n')
openssl enc -aes-256-cbc -K "$key" -iv "$iv" -in data -out for-python.cbc

make_keys
for key_pair in rsa ec; do public_key $key_pair; done
openssl pkeyutl -encrypt -pubin -inkey rsa.pub -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
    -pkeyopt rsa_mgf1_md:sha256 -in data -out for-python.rsa
for binding in pkcs11 kcs11; do
    say "$binding"
    timeout 120 "$PYTHON" "$CLIENTS/both_$binding.py" "$MODULE" "$LABEL" "$PIN"
    openssl dgst -sha256 -verify rsa.pub -signature by-python.rsa data
    openssl dgst -sha256 -verify rsa.pub -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
        -signature by-python.pss data
    openssl dgst -sha256 -verify ec.pub -signature by-python.ec data
    openssl enc -d -aes-256-cbc -K "$key" -iv "$iv" -in by-python.cbc -out opened
    same data opened
    rm by-python.*
done
