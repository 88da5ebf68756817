//! Bad input, classes 2 to 4: counts of templates, lengths of data, sizes of keys.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn started() -> (Token, Session) {
    expect_rv!(initialize(), CKR_OK);
    let token = Token::create();
    let session = token.user();
    (token, session)
}

/// Ends whatever operation is active: NULL for a mechanism means that since 3.0.
fn cancel(s: CK_SESSION_HANDLE) {
    let _ = call!(C_EncryptInit(s, null_mut(), 0));
    let _ = call!(C_DecryptInit(s, null_mut(), 0));
    let _ = call!(C_SignInit(s, null_mut(), 0));
    let _ = call!(C_VerifyInit(s, null_mut(), 0));
    let _ = call!(C_DigestInit(s, null_mut()));
}

/// Counts whose bytes no address space holds.
const COUNTS: [u64; 6] = [
    1 << 32,
    1 << 40,
    1 << 61,
    u64::MAX / 24 + 2,
    1 << 63,
    u64::MAX,
];

/// Lengths that no slice may have.
const LENGTHS: [u64; 3] = [1 << 63, (1 << 63) + 1, u64::MAX];

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
            CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCONSISTENT,
            "RSA with exponent {exponent:x?}"
        );
    }
    // Zero, the order, and beyond it.
    let order = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
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
