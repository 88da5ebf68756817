"""both_kcs11.py MODULE TOKEN PIN: PyKCS11 against files that openssl made, and files for openssl."""

import hashlib
import sys
from pathlib import Path

import PyKCS11
from asn1crypto.algos import DSASignature
from asn1crypto.keys import RSAPublicKey
from PyKCS11 import (CKA_CLASS, CKA_DECRYPT, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_KEY_TYPE, CKA_LABEL, CKA_MODULUS,
                     CKA_PUBLIC_EXPONENT, CKA_TOKEN, CKA_UNWRAP, CKA_VALUE, CKA_VALUE_LEN, CKA_VERIFY, CKA_WRAP,
                     CKF_RW_SESSION, CKF_SERIAL_SESSION, CKG_MGF1_SHA256, CKK_AES, CKK_RSA, CKM_AES_CBC_PAD,
                     CKM_AES_KEY_WRAP, CKM_ECDSA, CKM_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS,
                     CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY, Mechanism, RSA_PSS_Mechanism, RSAOAEPMechanism)

module, label, pin = sys.argv[1:]
read = lambda name: Path(name).read_bytes()
write = lambda name, content: Path(name).write_bytes(bytes(content))
data = read("data")

library = PyKCS11.PyKCS11Lib()
library.load(module)
slot = next(s for s in library.getSlotList(tokenPresent=True) if library.getTokenInfo(s).label.strip() == label)
session = library.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
session.login(pin)


def private(name):
    return session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_LABEL, name)])[0]


rsa, ec = private("rsa"), private("ec")
write("by-python.rsa", session.sign(rsa, data, Mechanism(CKM_SHA256_RSA_PKCS, None)))
pss = RSA_PSS_Mechanism(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32)
write("by-python.pss", session.sign(rsa, data, pss))
raw = bytes(session.sign(ec, hashlib.sha256(data).digest(), Mechanism(CKM_ECDSA, None)))
write("by-python.ec", DSASignature.from_p1363(raw).dump())

parts = RSAPublicKey.load(read("openssl.der"))
number = lambda name: parts[name].native.to_bytes((parts[name].native.bit_length() + 7) // 8, "big")
theirs = session.createObject([(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_KEY_TYPE, CKK_RSA), (CKA_TOKEN, False),
                               (CKA_VERIFY, True), (CKA_MODULUS, number("modulus")),
                               (CKA_PUBLIC_EXPONENT, number("public_exponent"))])
assert session.verify(theirs, data, read("by-openssl.signature"), Mechanism(CKM_SHA256_RSA_PKCS, None))
assert not session.verify(theirs, data + b"!", read("by-openssl.signature"), Mechanism(CKM_SHA256_RSA_PKCS, None))
opened = session.decrypt(rsa, read("for-python.rsa"), RSAOAEPMechanism(CKM_SHA256, CKG_MGF1_SHA256))
assert bytes(opened) == data

cbc = Mechanism(CKM_AES_CBC_PAD, read("aes.iv"))
kind = [(CKA_CLASS, CKO_SECRET_KEY), (CKA_KEY_TYPE, CKK_AES), (CKA_TOKEN, False)]
use = [(CKA_ENCRYPT, True), (CKA_DECRYPT, True)]
known = session.createObject(kind + use + [(CKA_VALUE, read("aes.key"))])
assert bytes(session.decrypt(known, read("for-python.cbc"), cbc)) == data
write("by-python.cbc", session.encrypt(known, data, cbc))

# A key wrapped under another, unwrapped, and used as the one it was.
wrapping = session.generateKey(kind + [(CKA_VALUE_LEN, 32), (CKA_WRAP, True), (CKA_UNWRAP, True)])
wrapped = session.generateKey(kind + use + [(CKA_VALUE_LEN, 32), (CKA_EXTRACTABLE, True)])
blob = session.wrapKey(wrapping, wrapped, Mechanism(CKM_AES_KEY_WRAP, None))
again = session.unwrapKey(wrapping, blob, kind + use, Mechanism(CKM_AES_KEY_WRAP, None))
assert bytes(session.decrypt(again, session.encrypt(wrapped, data, cbc), cbc)) == data
session.logout()
session.closeSession()
print("ok: PyKCS11")
