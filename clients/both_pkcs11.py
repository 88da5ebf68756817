"""both_pkcs11.py MODULE TOKEN PIN: python-pkcs11 against files that openssl made, and files for openssl."""

import hashlib
import sys
from pathlib import Path

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MGF, ObjectClass
from pkcs11.util.ec import encode_ecdsa_signature
from pkcs11.util.rsa import decode_rsa_public_key

module, label, pin = sys.argv[1:]
read = lambda name: Path(name).read_bytes()
write = lambda name, content: Path(name).write_bytes(content)
data = read("data")

with pkcs11.lib(module).get_token(token_label=label).open(user_pin=pin, rw=True) as session:
    rsa = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="rsa")
    ec = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="ec")
    write("by-python.rsa", rsa.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
    pss = (Mechanism.SHA256, MGF.SHA256, 32)
    write("by-python.pss", rsa.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=pss))
    digest = hashlib.sha256(data).digest()
    write("by-python.ec", encode_ecdsa_signature(ec.sign(digest, mechanism=Mechanism.ECDSA)))

    theirs = session.create_object(decode_rsa_public_key(read("openssl.der")))
    assert theirs.verify(data, read("by-openssl.signature"), mechanism=Mechanism.SHA256_RSA_PKCS)
    assert not theirs.verify(data + b"!", read("by-openssl.signature"), mechanism=Mechanism.SHA256_RSA_PKCS)
    oaep = (Mechanism.SHA256, MGF.SHA256, None)
    assert rsa.decrypt(read("for-python.rsa"), mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=oaep) == data

    iv = read("aes.iv")
    known = session.create_object({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES,
                                   Attribute.VALUE: read("aes.key"), Attribute.ENCRYPT: True, Attribute.DECRYPT: True})
    assert known.decrypt(read("for-python.cbc"), mechanism_param=iv) == data
    write("by-python.cbc", known.encrypt(data, mechanism_param=iv))

    # A key wrapped under another, unwrapped, and used as the one it was.
    wrapping = session.generate_key(KeyType.AES, 256, template={Attribute.WRAP: True, Attribute.UNWRAP: True})
    wrapped = session.generate_key(KeyType.AES, 256, template={Attribute.EXTRACTABLE: True})
    blob = wrapping.wrap_key(wrapped, mechanism=Mechanism.AES_KEY_WRAP)
    again = wrapping.unwrap_key(ObjectClass.SECRET_KEY, KeyType.AES, blob, mechanism=Mechanism.AES_KEY_WRAP)
    assert again.decrypt(wrapped.encrypt(data, mechanism_param=iv), mechanism_param=iv) == data
    print("ok: python-pkcs11")
