//! Bad input, classes 5 to 8: parameters, misaligned structures, short buffers.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// A mechanism as a hostile caller would fill it in.
fn forged<T>(kind: CK_MECHANISM_TYPE, parameter: *mut T, length: usize) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: parameter.cast(),
        ulParameterLen: length as CK_ULONG,
    }
}

fn started() -> (Token, Session) {
    expect_rv!(initialize(), CKR_OK);
    let token = Token::create();
    let session = token.user();
    (token, session)
}

/// Every buffer length below the needed one: the answer, the length, no byte touched, still alive.
fn short_buffers(
    what: &str,
    needed: usize,
    mut call: impl FnMut(*mut u8, *mut CK_ULONG) -> CK_RV,
) -> Vec<u8> {
    for short in [0, 1, needed / 2, needed - 1] {
        let mut buffer = vec![CANARY; needed + 16];
        let mut length = short as CK_ULONG;
        let rv = call(buffer.as_mut_ptr(), &raw mut length);
        expect_rv!(
            rv,
            CKR_BUFFER_TOO_SMALL,
            "{what}: {short} of {needed} bytes"
        );
        assert!(
            length as usize >= needed,
            "{what}: the length says {length}, not {needed}"
        );
        assert!(
            buffer.iter().all(|b| *b == CANARY),
            "{what}: {short} bytes, and one was written"
        );
    }
    let mut buffer = vec![CANARY; needed + 64];
    let mut length = (needed + 32) as CK_ULONG;
    expect_rv!(call(buffer.as_mut_ptr(), &raw mut length), CKR_OK, "{what}");
    assert_eq!(length as usize, needed, "{what}");
    assert!(
        buffer[needed + 32..].iter().all(|b| *b == CANARY),
        "{what}: a stray byte"
    );
    buffer.truncate(needed);
    buffer
}

#[test]
fn class_05_inner_null_with_a_length() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
        let (public, private) = session.rsa_pair(2048, &[CKA_ENCRYPT], &[CKA_DECRYPT]);
        let (_, ec) = session.ec_pair(der::P256, &[], &[CKA_DERIVE]);
        let mut bytes = [4u8; 65];
        let at = bytes.as_mut_ptr();
        let gcm = |iv: *mut u8, iv_len, aad: *mut u8, aad_len| CK_GCM_PARAMS {
            pIv: iv,
            ulIvLen: iv_len,
            ulIvBits: 96,
            pAAD: aad,
            ulAADLen: aad_len,
            ulTagBits: 128,
        };
        let huge = 1 << 63;
        for mut p in [
            gcm(null_mut(), 12, null_mut(), 0),
            gcm(at, 12, null_mut(), 5),
            gcm(at, huge, null_mut(), 0),
            gcm(at, 12, at, huge),
            gcm(at, u64::MAX, at, u64::MAX),
        ] {
            let mut m = forged(CKM_AES_GCM, &raw mut p, size_of::<CK_GCM_PARAMS>());
            expect_rv!(
                call!(C_EncryptInit(s, &raw mut m, key)),
                CKR_MECHANISM_PARAM_INVALID
            );
            expect_rv!(
                call!(C_DecryptInit(s, &raw mut m, key)),
                CKR_MECHANISM_PARAM_INVALID
            );
        }
        for (source, data, length) in [
            (CKZ_DATA_SPECIFIED, null_mut(), 5),
            (CKZ_DATA_SPECIFIED, at, huge),
            (7, at, 5),
        ] {
            let mut p = CK_RSA_PKCS_OAEP_PARAMS {
                hashAlg: CKM_SHA_1,
                mgf: CKG_MGF1_SHA1,
                source,
                pSourceData: data.cast(),
                ulSourceDataLen: length,
            };
            let mut m = forged(
                CKM_RSA_PKCS_OAEP,
                &raw mut p,
                size_of::<CK_RSA_PKCS_OAEP_PARAMS>(),
            );
            expect_rv!(
                call!(C_EncryptInit(s, &raw mut m, public)),
                CKR_MECHANISM_PARAM_INVALID,
                "source {source}, {length} bytes"
            );
            expect_rv!(
                call!(C_DecryptInit(s, &raw mut m, private)),
                CKR_MECHANISM_PARAM_INVALID
            );
        }
        for (public, public_len, shared, shared_len) in [
            (null_mut(), 65, null_mut(), 0),
            (at, huge, null_mut(), 0),
            (at, 65, null_mut(), 5),
            (at, 65, at, huge),
            (null_mut(), 0, null_mut(), 0),
        ] {
            let mut p = CK_ECDH1_DERIVE_PARAMS {
                kdf: CKD_SHA256_KDF,
                ulSharedDataLen: shared_len,
                pSharedData: shared,
                ulPublicDataLen: public_len,
                pPublicData: public,
            };
            let mut m = forged(
                CKM_ECDH1_DERIVE,
                &raw mut p,
                size_of::<CK_ECDH1_DERIVE_PARAMS>(),
            );
            let mut t = Template::secret(CKK_AES).ulong(CKA_VALUE_LEN, 32).raw();
            let mut derived = 0;
            expect_rv!(
                call!(C_DeriveKey(
                    s,
                    &raw mut m,
                    ec,
                    t.ptr(),
                    t.len(),
                    &raw mut derived
                )),
                CKR_MECHANISM_PARAM_INVALID,
                "{public_len} bytes of point, {shared_len} of shared data"
            );
        }
    });
}

#[test]
fn class_05_inner_null_of_eddsa() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let public = Template::new()
            .bytes(CKA_EC_PARAMS, der::ED25519)
            .yes(&[CKA_VERIFY]);
        let (_, key) = session
            .generate_pair(
                &Mech::plain(CKM_EC_EDWARDS_KEY_PAIR_GEN),
                &public,
                &Template::new().yes(&[CKA_SIGN]),
            )
            .expect("an Ed25519 pair");
        let mut byte = 0u8;
        for (context, length) in [
            (null_mut(), 5),
            (&raw mut byte, 1 << 63),
            (&raw mut byte, 256),
        ] {
            let mut p = CK_EDDSA_PARAMS {
                phFlag: 0,
                ulContextDataLen: length,
                pContextData: context,
            };
            if length == 256 {
                p.pContextData = Box::leak(Box::new([0u8; 256])).as_mut_ptr();
            }
            let mut m = forged(CKM_EDDSA, &raw mut p, size_of::<CK_EDDSA_PARAMS>());
            expect_rv!(
                call!(C_SignInit(s, &raw mut m, key)),
                CKR_MECHANISM_PARAM_INVALID,
                "{length}"
            );
        }
    });
}

#[test]
fn class_06_wrong_parameter_length() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN]);
        let (_, rsa) = session.rsa_pair(2048, &[], &[CKA_DECRYPT, CKA_SIGN]);
        let mut bytes = [0u8; 256];
        let at = bytes.as_mut_ptr();
        let wrong = |right: usize| [0, 1, right - 1, right + 1, right + 8, usize::MAX];
        for length in wrong(16) {
            for kind in [CKM_AES_CBC, CKM_AES_CBC_PAD] {
                let mut m = forged(kind, at, length);
                expect_rv!(
                    call!(C_EncryptInit(s, &raw mut m, key)),
                    CKR_MECHANISM_PARAM_INVALID,
                    "{length}"
                );
            }
        }
        let mut m = forged(CKM_AES_CBC, null_mut::<u8>(), 16);
        expect_rv!(
            call!(C_EncryptInit(s, &raw mut m, key)),
            CKR_MECHANISM_PARAM_INVALID
        );
        let mut m = forged(CKM_AES_CBC, null_mut::<u8>(), 0);
        expect_rv!(
            call!(C_EncryptInit(s, &raw mut m, key)),
            CKR_MECHANISM_PARAM_INVALID
        );
        for (kind, right) in [
            (CKM_AES_CTR, size_of::<CK_AES_CTR_PARAMS>()),
            (CKM_AES_GCM, size_of::<CK_GCM_PARAMS>()),
        ] {
            for length in wrong(right) {
                let mut m = forged(kind, at, length);
                expect_rv!(
                    call!(C_EncryptInit(s, &raw mut m, key)),
                    CKR_MECHANISM_PARAM_INVALID,
                    "{kind:#x} {length}"
                );
            }
        }
        for length in wrong(size_of::<CK_RSA_PKCS_OAEP_PARAMS>()) {
            let mut m = forged(CKM_RSA_PKCS_OAEP, at, length);
            expect_rv!(
                call!(C_DecryptInit(s, &raw mut m, rsa)),
                CKR_MECHANISM_PARAM_INVALID,
                "{length}"
            );
        }
        for length in wrong(size_of::<CK_RSA_PKCS_PSS_PARAMS>()) {
            let mut m = forged(CKM_RSA_PKCS_PSS, at, length);
            expect_rv!(
                call!(C_SignInit(s, &raw mut m, rsa)),
                CKR_MECHANISM_PARAM_INVALID,
                "{length}"
            );
            let mut m = forged(CKM_SHA256_RSA_PKCS_PSS, at, length);
            expect_rv!(
                call!(C_SignInit(s, &raw mut m, rsa)),
                CKR_MECHANISM_PARAM_INVALID,
                "{length}"
            );
        }
        // Parameters where the mechanism has none.
        let mut m = forged(CKM_SHA256, at, 4);
        expect_rv!(
            call!(C_DigestInit(s, &raw mut m)),
            CKR_MECHANISM_PARAM_INVALID
        );
        let mut m = forged(CKM_AES_ECB, at, 16);
        expect_rv!(
            call!(C_EncryptInit(s, &raw mut m, key)),
            CKR_MECHANISM_PARAM_INVALID
        );
        let mut m = forged(CKM_SHA256_RSA_PKCS, at, 4);
        expect_rv!(
            call!(C_SignInit(s, &raw mut m, rsa)),
            CKR_MECHANISM_PARAM_INVALID
        );
    });
}

#[test]
fn class_07_misaligned_structures() {
    isolated!(|| {
        /// The bytes of a value, at an address that no C structure may have.
        struct Odd(Vec<u8>);
        impl Odd {
            fn new<T>(values: &[T]) -> Odd {
                let size = size_of_val(values);
                let mut bytes = vec![0u8; size + 16];
                let offset = 8 - bytes.as_ptr() as usize % 8 + 1;
                // SAFETY: source and destination are `size` bytes long and do not overlap.
                unsafe {
                    std::ptr::copy_nonoverlapping(
                        values.as_ptr().cast::<u8>(),
                        bytes.as_mut_ptr().add(offset),
                        size,
                    );
                }
                Odd(bytes)
            }
            fn at<T>(&mut self) -> *mut T {
                let offset = 8 - self.0.as_ptr() as usize % 8 + 1;
                self.0[offset..].as_mut_ptr().cast()
            }
        }
        let (_token, session) = started();
        let s = session.handle;
        let mut length = Odd::new(&[32 as CK_ULONG]);
        let attribute = CK_ATTRIBUTE {
            type_: CKA_VALUE_LEN,
            pValue: length.at(),
            ulValueLen: 8,
        };
        let yes = Box::leak(Box::new(CK_TRUE));
        let encrypt = CK_ATTRIBUTE {
            type_: CKA_ENCRYPT,
            pValue: std::ptr::from_mut(yes).cast(),
            ulValueLen: 1,
        };
        let mut template = Odd::new(&[attribute, encrypt]);
        let mut generate = Odd::new(&[Mech::plain(CKM_AES_KEY_GEN).raw()]);
        let mut key = 0;
        expect_rv!(
            call!(C_GenerateKey(
                s,
                generate.at(),
                template.at(),
                2,
                &raw mut key
            )),
            CKR_OK
        );
        assert_eq!(session.ulong(key, CKA_VALUE_LEN).unwrap(), 32);

        let gcm = Mech::gcm(&[1; 12], b"aad", 128);
        let raw = gcm.raw();
        // SAFETY: the mechanism's parameter is a CK_GCM_PARAMS that lives as long as `gcm`.
        let mut parameter = Odd::new(&[unsafe { *raw.pParameter.cast::<CK_GCM_PARAMS>() }]);
        let mut mechanism = Odd::new(&[forged(
            CKM_AES_GCM,
            parameter.at::<u8>(),
            size_of::<CK_GCM_PARAMS>(),
        )]);
        expect_rv!(call!(C_EncryptInit(s, mechanism.at(), key)), CKR_OK);
        let mut data = *b"some data";
        let ours = two_call(|out, n| call!(C_Encrypt(s, data.as_mut_ptr(), 9, out, n))).unwrap();
        assert_eq!(ours, session.encrypt(&gcm, key, &data).unwrap());

        let mut value = Odd::new(&[0 as CK_ULONG]);
        let wanted = CK_ATTRIBUTE {
            type_: CKA_VALUE_LEN,
            pValue: value.at(),
            ulValueLen: 8,
        };
        let mut asked = Odd::new(&[wanted]);
        expect_rv!(call!(C_GetAttributeValue(s, key, asked.at(), 1)), CKR_OK);
        // SAFETY: eight bytes at the odd address.
        assert_eq!(unsafe { value.at::<CK_ULONG>().read_unaligned() }, 32);
    });
}

#[test]
fn class_08_short_buffers_of_ciphers() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    let mut data = [0x42u8; 32];
    let at = data.as_mut_ptr();
    for (mech, sealed) in [
        (Mech::plain(CKM_AES_ECB), 32),
        (Mech::bytes(CKM_AES_CBC, &[1; 16]), 32),
        (Mech::bytes(CKM_AES_CBC_PAD, &[1; 16]), 48),
        (Mech::ctr(64, [2; 16]), 32),
        (Mech::gcm(&[3; 12], b"", 128), 48),
    ] {
        session.encrypt_init(&mech, key).unwrap();
        let mut ciphertext = short_buffers("C_Encrypt", sealed, |out, n| {
            call!(C_Encrypt(s, at, 32, out, n))
        });
        let (from, length) = (ciphertext.as_mut_ptr(), ciphertext.len() as CK_ULONG);
        session.decrypt_init(&mech, key).unwrap();
        let opened = short_buffers("C_Decrypt", 32, |out, n| {
            call!(C_Decrypt(s, from, length, out, n))
        });
        assert_eq!(opened, data);
    }
    let cbc = Mech::bytes(CKM_AES_CBC_PAD, &[1; 16]);
    session.encrypt_init(&cbc, key).unwrap();
    let first = short_buffers("C_EncryptUpdate", 32, |out, n| {
        call!(C_EncryptUpdate(s, at, 32, out, n))
    });
    let last = short_buffers("C_EncryptFinal", 16, |out, n| {
        call!(C_EncryptFinal(s, out, n))
    });
    assert_eq!(
        [first, last].concat(),
        session.encrypt(&cbc, key, &data).unwrap()
    );
}

#[test]
fn class_08_short_buffers_of_signatures_digests_and_wraps() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let (_, rsa) = session.rsa_pair(2048, &[], &[CKA_SIGN, CKA_DECRYPT]);
    let (_, ec) = session.ec_pair(der::P384, &[], &[CKA_SIGN]);
    let secret = session.aes_key(32, &[CKA_SIGN]);
    let mut data = [0x42u8; 32];
    let at = data.as_mut_ptr();
    for (mech, key, size) in [
        (Mech::plain(CKM_SHA256_RSA_PKCS), rsa, 256),
        (
            Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32),
            rsa,
            256,
        ),
        (Mech::plain(CKM_ECDSA), ec, 96),
        (Mech::plain(CKM_AES_CMAC), secret, 16),
    ] {
        session.sign_init(&mech, key).unwrap();
        short_buffers("C_Sign", size, |out, n| call!(C_Sign(s, at, 32, out, n)));
        if mech.kind() == CKM_SHA256_RSA_PKCS || mech.kind() == CKM_AES_CMAC {
            session.sign_init(&mech, key).unwrap();
            expect_rv!(call!(C_SignUpdate(s, at, 32)), CKR_OK);
            short_buffers("C_SignFinal", size, |out, n| call!(C_SignFinal(s, out, n)));
        }
    }
    for (kind, size) in [(CKM_SHA_1, 20), (CKM_SHA256, 32), (CKM_SHA512, 64)] {
        session.digest_init(&Mech::plain(kind)).unwrap();
        short_buffers("C_Digest", size, |out, n| {
            call!(C_Digest(s, at, 32, out, n))
        });
        session.digest_init(&Mech::plain(kind)).unwrap();
        expect_rv!(call!(C_DigestUpdate(s, at, 32)), CKR_OK);
        short_buffers("C_DigestFinal", size, |out, n| {
            call!(C_DigestFinal(s, out, n))
        });
    }
    let kek = session.aes_key(32, &[CKA_WRAP]);
    let open = session.create(&Template::aes(&[9; 32])).unwrap();
    for (kind, size) in [(CKM_AES_KEY_WRAP, 40), (CKM_AES_KEY_WRAP_PAD, 40)] {
        let mut m = Mech::plain(kind).raw();
        short_buffers("C_WrapKey", size, |out, n| {
            call!(C_WrapKey(s, &raw mut m, kek, open, out, n))
        });
    }
}
