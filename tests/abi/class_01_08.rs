//! Bad input, classes 1 to 8: pointers, counts, lengths, parameters, buffers.

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

#[test]
fn class_01_null_pointers_outside_sessions() {
    isolated!(|| {
        let (token, _session) = started();
        let slot = token.slot;
        let mut count = 0;
        let mut label = [b' '; 32];
        let mut pin = *b"12345678";
        expect_rv!(call!(C_GetInfo(null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(call!(C_GetFunctionList(null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(
            call!(C_GetSlotList(CK_TRUE, null_mut(), null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(call!(C_GetSlotInfo(slot, null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(call!(C_GetTokenInfo(slot, null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(
            call!(C_GetMechanismList(slot, null_mut(), null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GetMechanismInfo(slot, CKM_SHA256, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_OpenSession(
                slot,
                CKF_SERIAL_SESSION,
                null_mut(),
                None,
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        let free = free_slot();
        expect_rv!(
            call!(C_InitToken(free, null_mut(), 8, label.as_mut_ptr())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_InitToken(free, pin.as_mut_ptr(), 8, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_WaitForSlotEvent(CKF_DONT_BLOCK, null_mut(), null_mut())),
            CKR_ARGUMENTS_BAD | CKR_FUNCTION_NOT_SUPPORTED
        );
        expect_rv!(
            call!(C_GetSlotList(CK_TRUE, null_mut(), &raw mut count)),
            CKR_OK
        );
    });
}

#[test]
fn class_01_null_pointers_in_sessions() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP]);
        let mut template = Template::data("x", b"x").raw();
        let mut handle = 0;
        expect_rv!(call!(C_GetSessionInfo(s, null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(
            call!(C_SetPIN(s, null_mut(), 8, null_mut(), 8)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_CreateObject(s, null_mut(), 1, &raw mut handle)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_CreateObject(
                s,
                template.ptr(),
                template.len(),
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_CopyObject(s, key, null_mut(), 1, &raw mut handle)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_CopyObject(s, key, null_mut(), 0, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GetObjectSize(s, key, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GetAttributeValue(s, key, null_mut(), 1)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_SetAttributeValue(s, key, null_mut(), 1)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_FindObjectsInit(s, null_mut(), 1)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(call!(C_FindObjectsInit(s, null_mut(), 0)), CKR_OK);
        let mut count = 0;
        expect_rv!(
            call!(C_FindObjects(s, null_mut(), 1, &raw mut count)),
            CKR_ARGUMENTS_BAD
        );
        let _ = call!(C_FindObjectsFinal(s));
        expect_rv!(call!(C_FindObjectsInit(s, null_mut(), 0)), CKR_OK);
        expect_rv!(
            call!(C_FindObjects(s, &raw mut handle, 1, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        let _ = call!(C_FindObjectsFinal(s));
        expect_rv!(call!(C_GenerateRandom(s, null_mut(), 5)), CKR_ARGUMENTS_BAD);
        expect_rv!(
            call!(C_SeedRandom(s, null_mut(), 5)),
            CKR_ARGUMENTS_BAD | CKR_RANDOM_SEED_NOT_SUPPORTED
        );
    });
}

#[test]
fn class_01_null_pointers_of_attribute_values() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let mut handle = 0;
        for (kind, length) in [
            (CKA_LABEL, 5),
            (CKA_CLASS, 8),
            (CKA_ID, usize::MAX),
            (CKA_TOKEN, 1),
        ] {
            let mut wrong = Template::data("x", b"x").without(kind).raw();
            wrong.attributes.push(CK_ATTRIBUTE {
                type_: kind,
                pValue: null_mut(),
                ulValueLen: length as CK_ULONG,
            });
            expect_rv!(
                call!(C_CreateObject(s, wrong.ptr(), wrong.len(), &raw mut handle)),
                CKR_ARGUMENTS_BAD | CKR_ATTRIBUTE_VALUE_INVALID,
                "attribute {kind:#x}"
            );
        }
    });
}

#[test]
fn class_01_null_pointers_of_keys() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let wrapping = session.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
        let key = session.aes_key(32, &[CKA_EXTRACTABLE, CKA_DERIVE]);
        let mut generate = Mech::plain(CKM_AES_KEY_GEN).raw();
        let mut pair = Mech::plain(CKM_EC_KEY_PAIR_GEN).raw();
        let mut wrap = Mech::plain(CKM_AES_KEY_WRAP).raw();
        let mut t = Template::new().ulong(CKA_VALUE_LEN, 16).raw();
        let mut p = Template::new().bytes(CKA_EC_PARAMS, der::P256).raw();
        let (mut one, mut two, mut length) = (0, 0, 64);
        let mut buffer = [0u8; 64];
        let at = buffer.as_mut_ptr();
        expect_rv!(
            call!(C_GenerateKey(s, null_mut(), t.ptr(), t.len(), &raw mut one)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKey(
                s,
                &raw mut generate,
                null_mut(),
                1,
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKey(
                s,
                &raw mut generate,
                t.ptr(),
                t.len(),
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                null_mut(),
                p.ptr(),
                1,
                null_mut(),
                0,
                &raw mut one,
                &raw mut two
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                &raw mut pair,
                null_mut(),
                1,
                null_mut(),
                0,
                &raw mut one,
                &raw mut two
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                &raw mut pair,
                p.ptr(),
                1,
                null_mut(),
                1,
                &raw mut one,
                &raw mut two
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                &raw mut pair,
                p.ptr(),
                1,
                null_mut(),
                0,
                null_mut(),
                &raw mut two
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                &raw mut pair,
                p.ptr(),
                1,
                null_mut(),
                0,
                &raw mut one,
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_WrapKey(s, null_mut(), wrapping, key, at, &raw mut length)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_WrapKey(s, &raw mut wrap, wrapping, key, at, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_UnwrapKey(
                s,
                null_mut(),
                wrapping,
                at,
                24,
                t.ptr(),
                t.len(),
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_UnwrapKey(
                s,
                &raw mut wrap,
                wrapping,
                null_mut(),
                24,
                t.ptr(),
                t.len(),
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_UnwrapKey(
                s,
                &raw mut wrap,
                wrapping,
                at,
                24,
                null_mut(),
                1,
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_UnwrapKey(
                s,
                &raw mut wrap,
                wrapping,
                at,
                24,
                t.ptr(),
                t.len(),
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_DeriveKey(
                s,
                null_mut(),
                key,
                t.ptr(),
                t.len(),
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        let mut ecdh = Mech::ecdh(CKD_NULL, b"", &[4; 65]).raw();
        expect_rv!(
            call!(C_DeriveKey(
                s,
                &raw mut ecdh,
                key,
                null_mut(),
                1,
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(call!(C_GetInfo(null_mut())), CKR_ARGUMENTS_BAD);
    });
}

#[test]
fn class_01_null_pointers_of_operations() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]);
        let (iv, mac) = (
            Mech::bytes(CKM_AES_CBC_PAD, &[0; 16]),
            Mech::plain(CKM_AES_CMAC),
        );
        let mut buffer = [0u8; 64];
        let at = buffer.as_mut_ptr();
        let mut n = 64;
        for calls in 0..4 {
            session.encrypt_init(&iv, key).unwrap();
            let rv = match calls {
                0 => call!(C_Encrypt(s, null_mut(), 5, at, &raw mut n)),
                1 => call!(C_Encrypt(s, at, 5, at, null_mut())),
                2 => call!(C_EncryptUpdate(s, null_mut(), 5, at, &raw mut n)),
                _ => call!(C_EncryptUpdate(s, at, 5, at, null_mut())),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "encrypt {calls}");
            expect_rv!(
                call!(C_EncryptFinal(s, at, null_mut())),
                CKR_ARGUMENTS_BAD | CKR_OPERATION_NOT_INITIALIZED
            );
            cancel(s);
            session.decrypt_init(&iv, key).unwrap();
            let rv = match calls {
                0 => call!(C_Decrypt(s, null_mut(), 16, at, &raw mut n)),
                1 => call!(C_Decrypt(s, at, 16, at, null_mut())),
                2 => call!(C_DecryptUpdate(s, null_mut(), 16, at, &raw mut n)),
                _ => call!(C_DecryptUpdate(s, at, 16, at, null_mut())),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "decrypt {calls}");
            cancel(s);
            session.sign_init(&mac, key).unwrap();
            let rv = match calls {
                0 => call!(C_Sign(s, null_mut(), 5, at, &raw mut n)),
                1 => call!(C_Sign(s, at, 5, at, null_mut())),
                2 => call!(C_SignUpdate(s, null_mut(), 5)),
                _ => call!(C_SignFinal(s, at, null_mut())),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "sign {calls}");
            cancel(s);
            session.verify_init(&mac, key).unwrap();
            let rv = match calls {
                0 => call!(C_Verify(s, null_mut(), 5, at, 16)),
                1 => call!(C_Verify(s, at, 5, null_mut(), 16)),
                2 => call!(C_VerifyUpdate(s, null_mut(), 5)),
                _ => call!(C_VerifyFinal(s, null_mut(), 16)),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "verify {calls}");
            cancel(s);
            session.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
            let rv = match calls {
                0 => call!(C_Digest(s, null_mut(), 5, at, &raw mut n)),
                1 => call!(C_Digest(s, at, 5, at, null_mut())),
                2 => call!(C_DigestUpdate(s, null_mut(), 5)),
                _ => call!(C_DigestFinal(s, at, null_mut())),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "digest {calls}");
            cancel(s);
        }
    });
}

/// Ends whatever operation is active: NULL for a mechanism means that since 3.0.
fn cancel(s: CK_SESSION_HANDLE) {
    let _ = call!(C_EncryptInit(s, null_mut(), 0));
    let _ = call!(C_DecryptInit(s, null_mut(), 0));
    let _ = call!(C_SignInit(s, null_mut(), 0));
    let _ = call!(C_VerifyInit(s, null_mut(), 0));
    let _ = call!(C_DigestInit(s, null_mut()));
}

#[test]
fn class_01_null_mechanism_cancels() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_SIGN]);
        session
            .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
            .unwrap();
        expect_rv!(
            session.encrypt_init(&Mech::plain(CKM_AES_ECB), key),
            CKR_OPERATION_ACTIVE
        );
        expect_rv!(call!(C_EncryptInit(s, null_mut(), 0)), CKR_OK);
        session
            .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
            .unwrap();
        session.sign_init(&Mech::plain(CKM_AES_CMAC), key).unwrap();
        expect_rv!(call30!(C_SessionCancel(s, CKF_ENCRYPT | CKF_SIGN)), CKR_OK);
        session
            .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
            .unwrap();
        session.sign_init(&Mech::plain(CKM_AES_CMAC), key).unwrap();
    });
}

const COUNTS: [u64; 6] = [
    1 << 32,
    1 << 40,
    1 << 61,
    u64::MAX / 24 + 2,
    1 << 63,
    u64::MAX,
];

#[test]
fn class_02_template_counts() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_WRAP, CKA_UNWRAP, CKA_DERIVE]);
        let mut t = Template::data("x", b"x").raw();
        let at = t.ptr();
        let mut generate = Mech::plain(CKM_AES_KEY_GEN).raw();
        let mut pair = Mech::plain(CKM_EC_KEY_PAIR_GEN).raw();
        let mut wrap = Mech::plain(CKM_AES_KEY_WRAP).raw();
        let mut ecdh = Mech::ecdh(CKD_NULL, b"", &[4; 65]).raw();
        let mut wrapped = [0u8; 24];
        let (mut one, mut two) = (0, 0);
        for n in COUNTS {
            expect_rv!(
                call!(C_CreateObject(s, at, n, &raw mut one)),
                CKR_ARGUMENTS_BAD,
                "{n}"
            );
            expect_rv!(
                call!(C_CopyObject(s, key, at, n, &raw mut one)),
                CKR_ARGUMENTS_BAD,
                "{n}"
            );
            expect_rv!(
                call!(C_GetAttributeValue(s, key, at, n)),
                CKR_ARGUMENTS_BAD,
                "{n}"
            );
            expect_rv!(
                call!(C_SetAttributeValue(s, key, at, n)),
                CKR_ARGUMENTS_BAD,
                "{n}"
            );
            expect_rv!(call!(C_FindObjectsInit(s, at, n)), CKR_ARGUMENTS_BAD, "{n}");
            expect_rv!(
                call!(C_GenerateKey(s, &raw mut generate, at, n, &raw mut one)),
                CKR_ARGUMENTS_BAD,
                "{n}"
            );
            for (public, private) in [(n, 0), (0, n)] {
                expect_rv!(
                    call!(C_GenerateKeyPair(
                        s,
                        &raw mut pair,
                        at,
                        public,
                        at,
                        private,
                        &raw mut one,
                        &raw mut two
                    )),
                    CKR_ARGUMENTS_BAD,
                    "{n}"
                );
            }
            expect_rv!(
                call!(C_UnwrapKey(
                    s,
                    &raw mut wrap,
                    key,
                    wrapped.as_mut_ptr(),
                    24,
                    at,
                    n,
                    &raw mut one
                )),
                CKR_ARGUMENTS_BAD,
                "{n}"
            );
            expect_rv!(
                call!(C_DeriveKey(s, &raw mut ecdh, key, at, n, &raw mut one)),
                CKR_ARGUMENTS_BAD,
                "{n}"
            );
        }
    });
}

const LENGTHS: [u64; 3] = [1 << 63, (1 << 63) + 1, u64::MAX];

#[test]
fn class_03_data_lengths() {
    isolated!(|| {
        let (token, session) = started();
        let s = session.handle;
        let key = session.aes_key(
            32,
            &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_UNWRAP],
        );
        let mut buffer = [0u8; 64];
        let at = buffer.as_mut_ptr();
        let mut n = 64;
        let (ecb, mac) = (Mech::plain(CKM_AES_ECB), Mech::plain(CKM_AES_CMAC));
        for length in LENGTHS {
            for call in 0..5 {
                for part in [false, true] {
                    let rv = match (call, part) {
                        (0, false) => {
                            session.encrypt_init(&ecb, key).unwrap();
                            call!(C_Encrypt(s, at, length, at, &raw mut n))
                        }
                        (0, true) => {
                            session.encrypt_init(&ecb, key).unwrap();
                            call!(C_EncryptUpdate(s, at, length, at, &raw mut n))
                        }
                        (1, false) => {
                            session.decrypt_init(&ecb, key).unwrap();
                            call!(C_Decrypt(s, at, length, at, &raw mut n))
                        }
                        (1, true) => {
                            session.decrypt_init(&ecb, key).unwrap();
                            call!(C_DecryptUpdate(s, at, length, at, &raw mut n))
                        }
                        (2, false) => {
                            session.sign_init(&mac, key).unwrap();
                            call!(C_Sign(s, at, length, at, &raw mut n))
                        }
                        (2, true) => {
                            session.sign_init(&mac, key).unwrap();
                            call!(C_SignUpdate(s, at, length))
                        }
                        (3, false) => {
                            session.verify_init(&mac, key).unwrap();
                            call!(C_Verify(s, at, length, at, 16))
                        }
                        (3, true) => {
                            session.verify_init(&mac, key).unwrap();
                            call!(C_VerifyUpdate(s, at, length))
                        }
                        (_, false) => {
                            session.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
                            call!(C_Digest(s, at, length, at, &raw mut n))
                        }
                        (_, true) => {
                            session.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
                            call!(C_DigestUpdate(s, at, length))
                        }
                    };
                    expect_rv!(
                        rv,
                        CKR_ARGUMENTS_BAD | CKR_DATA_LEN_RANGE | CKR_ENCRYPTED_DATA_LEN_RANGE,
                        "call {call}, part {part}"
                    );
                    cancel(s);
                }
            }
            session.verify_init(&mac, key).unwrap();
            expect_rv!(
                call!(C_Verify(s, at, 16, at, length)),
                CKR_ARGUMENTS_BAD | CKR_SIGNATURE_LEN_RANGE
            );
            cancel(s);
            expect_rv!(call!(C_GenerateRandom(s, at, length)), CKR_ARGUMENTS_BAD);
            let mut wrap = Mech::plain(CKM_AES_KEY_WRAP).raw();
            let mut t = Template::secret(CKK_AES).raw();
            let mut handle = 0;
            expect_rv!(
                call!(C_UnwrapKey(
                    s,
                    &raw mut wrap,
                    key,
                    at,
                    length,
                    t.ptr(),
                    t.len(),
                    &raw mut handle
                )),
                CKR_ARGUMENTS_BAD | CKR_WRAPPED_KEY_LEN_RANGE
            );
            let mut wrong = Template::data("x", b"x").raw();
            wrong.attributes[1].ulValueLen = length;
            expect_rv!(
                call!(C_CreateObject(s, wrong.ptr(), wrong.len(), &raw mut handle)),
                CKR_ARGUMENTS_BAD | CKR_ATTRIBUTE_VALUE_INVALID
            );
            expect_rv!(
                call!(C_SetPIN(s, at, length, at, 8)),
                CKR_ARGUMENTS_BAD | CKR_PIN_LEN_RANGE
            );
            expect_rv!(
                call!(C_SetPIN(s, at, 8, at, length)),
                CKR_ARGUMENTS_BAD | CKR_PIN_LEN_RANGE
            );
        }
        drop(session);
        let session = token.session();
        expect_rv!(
            call!(C_Login(session.handle, CKU_USER, at, 1 << 63)),
            CKR_ARGUMENTS_BAD | CKR_PIN_LEN_RANGE | CKR_PIN_INCORRECT
        );
    });
}

#[test]
fn class_04_sizes_of_secret_keys() {
    let token = Token::fresh();
    let s = token.user();
    for length in [
        0,
        1,
        15,
        17,
        31,
        33,
        64,
        1 << 20,
        1 << 40,
        1 << 63,
        u64::MAX,
    ] {
        let template = Template::new().ulong(CKA_VALUE_LEN, length);
        expect_rv!(
            s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template),
            CKR_ATTRIBUTE_VALUE_INVALID | CKR_KEY_SIZE_RANGE,
            "AES of {length} bytes"
        );
    }
    for length in [0, 1 << 32, 1 << 40, 1 << 63, u64::MAX] {
        let template = Template::new().ulong(CKA_VALUE_LEN, length);
        expect_rv!(
            s.generate(&Mech::plain(CKM_GENERIC_SECRET_KEY_GEN), &template),
            CKR_ATTRIBUTE_VALUE_INVALID | CKR_KEY_SIZE_RANGE,
            "a secret of {length} bytes"
        );
    }
    for length in [0, 1, 15, 17, 64] {
        expect_rv!(
            s.create(&Template::aes(&vec![7; length])),
            CKR_ATTRIBUTE_VALUE_INVALID | CKR_KEY_SIZE_RANGE,
            "an AES value of {length} bytes"
        );
    }
    expect_rv!(
        s.generate(&Mech::plain(CKM_AES_KEY_GEN), &Template::new()),
        CKR_TEMPLATE_INCOMPLETE
    );
}

#[test]
fn class_04_sizes_of_rsa_and_ec_keys() {
    let token = Token::fresh();
    let s = token.user();
    for bits in [
        0,
        1,
        7,
        512,
        1023,
        1024,
        1 << 20,
        1 << 40,
        1 << 63,
        u64::MAX,
    ] {
        let public = Template::new()
            .ulong(CKA_MODULUS_BITS, bits)
            .bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
        expect_rv!(
            s.generate_pair(
                &Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
                &public,
                &Template::new()
            ),
            CKR_ATTRIBUTE_VALUE_INVALID | CKR_KEY_SIZE_RANGE,
            "RSA of {bits} bits"
        );
    }
    for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[0xFF; 300]] {
        let public = Template::new()
            .ulong(CKA_MODULUS_BITS, 2048)
            .bytes(CKA_PUBLIC_EXPONENT, exponent);
        expect_rv!(
            s.generate_pair(
                &Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
                &public,
                &Template::new()
            ),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "RSA with exponent {exponent:x?}"
        );
    }
    // Zero, the order, and beyond it.
    let order = crate::hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for value in [
        vec![0; 32],
        vec![],
        order,
        vec![0xFF; 32],
        vec![1; 33],
        vec![1; 1000],
    ] {
        let private = Template::class(CKO_PRIVATE_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, der::P256)
            .bytes(CKA_VALUE, &value);
        expect_rv!(
            s.create(&private),
            CKR_ATTRIBUTE_VALUE_INVALID | CKR_KEY_SIZE_RANGE,
            "{value:x?}"
        );
    }
}

#[test]
fn class_04_contradictory_rsa_parts() {
    let token = Token::fresh();
    let s = token.user();
    let good = crate::rsa_template();
    let key = s.create(&good).expect("a good key");
    s.destroy(key).unwrap();
    for kind in [
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_PRIVATE_EXPONENT,
        CKA_EXPONENT_1,
        CKA_EXPONENT_2,
        CKA_COEFFICIENT,
    ] {
        for value in [vec![1], vec![0; 128], vec![3; 128], vec![0xFF; 4096]] {
            expect_rv!(
                s.create(&good.clone().bytes(kind, &value)),
                CKR_ATTRIBUTE_VALUE_INVALID | CKR_KEY_SIZE_RANGE | CKR_TEMPLATE_INCONSISTENT,
                "attribute {kind:#x}"
            );
        }
    }
    expect_rv!(
        s.create(&good.clone().bytes(CKA_PUBLIC_EXPONENT, &[1])),
        CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCONSISTENT
    );
    let mut even = good.clone();
    even = even.bytes(CKA_MODULUS, &[0xFE; 256]);
    expect_rv!(
        s.create(&even),
        CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn class_04_huge_derived_keys() {
    let token = Token::fresh();
    let s = token.user();
    let (public, private) = s.ec_pair(der::P256, &[], &[CKA_DERIVE]);
    let point = s.attribute(public, CKA_EC_POINT).unwrap();
    for (kdf, lengths) in [
        (CKD_NULL, [33, 1 << 32, 1 << 63, u64::MAX]),
        (CKD_SHA256_KDF, [1 << 33, 1 << 40, 1 << 63, u64::MAX]),
    ] {
        for length in lengths {
            let template = Template::secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, length);
            expect_rv!(
                s.derive(&Mech::ecdh(kdf, b"", &point), private, &template),
                CKR_ATTRIBUTE_VALUE_INVALID | CKR_KEY_SIZE_RANGE | CKR_TEMPLATE_INCONSISTENT,
                "{length} bytes"
            );
        }
    }
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

#[test]
fn class_08_short_buffers_of_lists_and_attributes() {
    let token = Token::fresh();
    let session = token.user();
    let mut count = 0;
    let mut one = [0; 1];
    expect_rv!(
        call!(C_GetSlotList(CK_FALSE, null_mut(), &raw mut count)),
        CKR_OK
    );
    assert!(count >= 2);
    count = 1;
    expect_rv!(
        call!(C_GetSlotList(CK_FALSE, one.as_mut_ptr(), &raw mut count)),
        CKR_BUFFER_TOO_SMALL
    );
    assert!(count >= 2);
    count = 1;
    expect_rv!(
        call!(C_GetMechanismList(
            token.slot,
            one.as_mut_ptr(),
            &raw mut count
        )),
        CKR_BUFFER_TOO_SMALL
    );
    assert!(count > 10);

    let object = session
        .create(&Template::data("a label", b"0123456789"))
        .unwrap();
    let (mut label, mut value) = ([CANARY; 16], [CANARY; 16]);
    let mut wanted = [
        CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: label.as_mut_ptr().cast(),
            ulValueLen: 3,
        },
        CK_ATTRIBUTE {
            type_: CKA_VALUE,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 16,
        },
    ];
    expect_rv!(
        call!(C_GetAttributeValue(
            session.handle,
            object,
            wanted.as_mut_ptr(),
            2
        )),
        CKR_BUFFER_TOO_SMALL
    );
    assert_eq!(wanted[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_eq!(label, [CANARY; 16]);
    // The other attribute is filled all the same.
    assert_eq!(wanted[1].ulValueLen, 10);
    assert_eq!(&value[..10], b"0123456789");
    assert_eq!(&value[10..], [CANARY; 6]);
}
