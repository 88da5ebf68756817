#!/bin/sh
# Shows: keytool, jarsigner and a Java program (SunPKCS11): keys made, certified and used, both ways with openssl
# Exceptions, in the configuration of SunPKCS11: EC keys may derive, and an agreed secret may be read (a program
# that asks Java for the bytes of one needs this; TLS does not). The program imports an AES key that openssl has too.
set -eu
. "$(dirname "$0")/_common.sh"
for tool in java javac keytool jarsigner; do command -v $tool >/dev/null || fail "$tool is not installed"; done
version "$(java -version 2>&1 | head -n 1)"
make_token
cat >p.cfg <<CNF
name = token
library = $MODULE
slotListIndex = 0
attributes(generate, CKO_PRIVATE_KEY, CKK_EC) = { CKA_SIGN = true CKA_DERIVE = true }
attributes(generate, CKO_SECRET_KEY, CKK_GENERIC_SECRET) = { CKA_SENSITIVE = false CKA_EXTRACTABLE = true }
CNF

# keytool with the token as its key store.
keys() {
    timeout 120 keytool -keystore NONE -storetype PKCS11 -addprovider SunPKCS11 -providerarg p.cfg \
        -storepass "$PIN" "$@"
}

say "key pairs with their certificates"
keys -genkeypair -alias rsa -keyalg RSA -keysize 2048 -sigalg SHA256withRSA -dname CN=rsa.example -validity 30
keys -genkeypair -alias ec -keyalg EC -groupname secp256r1 -sigalg SHA256withECDSA -dname CN=ec.example -validity 30
keys -genseckey -alias aes -keyalg AES -keysize 256
keys -list | tee listed
for key in rsa ec; do
    grep -q "^$key, PrivateKeyEntry" listed || fail "$key is not listed"
    keys -exportcert -alias $key -rfc -file $key.crt
    openssl verify -check_ss_sig -CAfile $key.crt $key.crt
    openssl x509 -in $key.crt -noout -pubkey -out $key.pub
done
grep -q "^aes, SecretKeyEntry" listed || fail "aes is not listed"

say "a certificate by somebody else, for a key in the token"
openssl req -new -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=ca -days 30 -out ca.crt
keys -certreq -alias ec -file ec.csr
openssl req -in ec.csr -verify -noout
openssl x509 -req -in ec.csr -CA ca.crt -CAkey ca.key -set_serial 7 -days 30 -out new.crt
cat new.crt ca.crt >chain.crt
keys -importcert -noprompt -alias ec -file chain.crt
prints "CN=ca" keys -list -v -alias ec

say "signed archives"
mkdir files
echo "something" >files/text
for key in rsa ec; do
    (cd files && python3 -m zipfile -c "../$key.jar" text)
    timeout 120 jarsigner -keystore NONE -storetype PKCS11 -addprovider SunPKCS11 -providerArg p.cfg \
        -storepass "$PIN" $key.jar $key
    timeout 120 jarsigner -verify $key.jar >verified
    grep -q "^jar verified" verified || { cat verified; fail "the signature of $key.jar"; }
done

say "a program, in both directions"
echo "something to sign" >data
openssl rand -out aes.key 32
openssl rand -out aes.iv 16
openssl enc -aes-256-cbc -K "$(od -An -tx1 aes.key | tr -d ' \n')" -iv "$(od -An -tx1 aes.iv | tr -d ' \n')" \
    -in data -out for-java.cbc
openssl pkeyutl -encrypt -pubin -inkey rsa.pub -pkeyopt rsa_padding_mode:pkcs1 -in data -out for-java.rsa
openssl ecparam -name prime256v1 -genkey -noout -out peer.key
openssl pkey -in peer.key -pubout -outform DER -out peer.der
openssl dgst -sha256 -sign ca.key -out by-openssl.signature data
timeout 120 java "$CLIENTS/Both.java" p.cfg "$PIN"
for key in rsa ec; do
    openssl dgst -sha256 -verify $key.pub -signature by-java.$key data
done
openssl dgst -sha256 -verify rsa.pub -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
    -signature by-java.pss data
openssl enc -d -aes-256-cbc -K "$(od -An -tx1 aes.key | tr -d ' \n')" -iv "$(od -An -tx1 aes.iv | tr -d ' \n')" \
    -in by-java.cbc -out opened
same data opened
openssl pkeyutl -derive -inkey peer.key -peerkey ec.pub -out theirs
same theirs by-java.agreed
openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -tx1 aes.key | tr -d ' \n')" -binary -out theirs data
same theirs by-java.hmac

say "keys are deleted"
keys -delete -alias rsa
! keys -list | grep "^rsa," || fail "a deleted key is still listed"
