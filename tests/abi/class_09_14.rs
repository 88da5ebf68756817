//! Bad input, classes 9 to 14: what ends an operation, signatures, key types, usages, one-way flags.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

#[test]
fn class_09_errors_end_the_operation() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]);
    let mut data = [0u8; 64];
    let at = data.as_mut_ptr();
    let mut n = 64;
    session
        .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
        .unwrap();
    expect_rv!(
        call!(C_Encrypt(s, at, 15, at, &raw mut n)),
        CKR_DATA_LEN_RANGE
    );
    expect_rv!(
        call!(C_Encrypt(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    for length in [15, 17] {
        session
            .decrypt_init(&Mech::bytes(CKM_AES_CBC_PAD, &[0; 16]), key)
            .unwrap();
        n = 64;
        expect_rv!(
            call!(C_Decrypt(s, at, length, at, &raw mut n)),
            CKR_ENCRYPTED_DATA_LEN_RANGE | CKR_ENCRYPTED_DATA_INVALID
        );
        expect_rv!(
            call!(C_Decrypt(s, at, 16, at, &raw mut n)),
            CKR_OPERATION_NOT_INITIALIZED
        );
    }
    session
        .encrypt_init(&Mech::bytes(CKM_AES_CBC, &[0; 16]), key)
        .unwrap();
    n = 64;
    expect_rv!(call!(C_EncryptUpdate(s, at, 10, at, &raw mut n)), CKR_OK);
    n = 64;
    expect_rv!(call!(C_EncryptFinal(s, at, &raw mut n)), CKR_DATA_LEN_RANGE);
    n = 64;
    expect_rv!(
        call!(C_EncryptFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    // The session is as good as before.
    session
        .encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16])
        .unwrap();
}

#[test]
fn class_09_verification_always_ends() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_SIGN, CKA_VERIFY]);
    let mac = Mech::plain(CKM_AES_CMAC);
    let mut tag = session.sign(&mac, key, b"data").unwrap();
    let mut data = *b"data";
    let verify = |tag: &mut [u8]| {
        call!(C_Verify(
            s,
            data.as_ptr().cast_mut(),
            4,
            tag.as_mut_ptr(),
            tag.len() as CK_ULONG
        ))
    };
    session.verify_init(&mac, key).unwrap();
    expect_rv!(verify(&mut tag), CKR_OK);
    expect_rv!(verify(&mut tag), CKR_OPERATION_NOT_INITIALIZED);
    session.verify_init(&mac, key).unwrap();
    expect_rv!(verify(&mut [0; 16]), CKR_SIGNATURE_INVALID);
    expect_rv!(verify(&mut tag), CKR_OPERATION_NOT_INITIALIZED);
    session.verify_init(&mac, key).unwrap();
    expect_rv!(verify(&mut [0; 5]), CKR_SIGNATURE_LEN_RANGE);
    expect_rv!(verify(&mut tag), CKR_OPERATION_NOT_INITIALIZED);
    session.verify_init(&mac, key).unwrap();
    expect_rv!(call!(C_VerifyUpdate(s, data.as_mut_ptr(), 4)), CKR_OK);
    expect_rv!(
        call!(C_VerifyFinal(s, [0u8; 16].as_mut_ptr(), 16)),
        CKR_SIGNATURE_INVALID
    );
    expect_rv!(
        call!(C_VerifyFinal(s, tag.as_mut_ptr(), 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
}

#[test]
fn class_09_calls_out_of_order() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let mut data = [0u8; 64];
    let at = data.as_mut_ptr();
    let mut n = 64;
    expect_rv!(
        call!(C_Encrypt(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_EncryptUpdate(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_EncryptFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Decrypt(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_DecryptUpdate(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_DecryptFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Sign(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_SignUpdate(s, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_SignFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Verify(s, at, 16, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_VerifyUpdate(s, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_VerifyFinal(s, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Digest(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_DigestUpdate(s, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_DigestFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    let mut handle = 0;
    expect_rv!(
        call!(C_FindObjects(s, &raw mut handle, 1, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(call!(C_FindObjectsFinal(s)), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn class_10_bad_signatures() {
    let token = Token::fresh();
    let s = token.user();
    let (rsa, rsa_private) = s.rsa_pair(2048, &[CKA_VERIFY], &[CKA_SIGN]);
    let (ec, ec_private) = s.ec_pair(der::P256, &[CKA_VERIFY], &[CKA_SIGN]);
    let secret = s.aes_key(32, &[CKA_SIGN, CKA_VERIFY]);
    let pss = || Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
    let cases: Vec<(Mech, u64, u64, usize)> = vec![
        (Mech::plain(CKM_SHA256_RSA_PKCS), rsa, rsa_private, 256),
        (Mech::plain(CKM_RSA_PKCS), rsa, rsa_private, 256),
        (pss(), rsa, rsa_private, 256),
        (Mech::plain(CKM_RSA_X_509), rsa, rsa_private, 256),
        (Mech::plain(CKM_ECDSA), ec, ec_private, 64),
        (Mech::plain(CKM_AES_CMAC), secret, secret, 16),
    ];
    for (mech, public, private, size) in cases {
        let kind = mech.kind();
        let good = s.sign(&mech, private, &[7; 32]).unwrap();
        s.verify(&mech, public, &[7; 32], &good).unwrap();
        for bad in [vec![0; size], vec![0xFF; size], vec![1; size]] {
            expect_rv!(
                s.verify(&mech, public, &[7; 32], &bad),
                CKR_SIGNATURE_INVALID,
                "{kind:#x} with {:#x}",
                bad[0]
            );
        }
        let mut flipped = good.clone();
        flipped[size - 1] ^= 1;
        expect_rv!(
            s.verify(&mech, public, &[7; 32], &flipped),
            CKR_SIGNATURE_INVALID,
            "{kind:#x}"
        );
        expect_rv!(
            s.verify(&mech, public, &[8; 32], &good),
            CKR_SIGNATURE_INVALID,
            "{kind:#x}"
        );
        for wrong in [0, 1, size - 1, size + 1, 2 * size, 100_000] {
            let mut bad = good.clone();
            bad.resize(wrong, 0);
            expect_rv!(
                s.verify(&mech, public, &[7; 32], &bad),
                CKR_SIGNATURE_LEN_RANGE,
                "{kind:#x} with {wrong} bytes"
            );
        }
    }
}

#[test]
fn class_11_wrong_key_types() {
    let token = Token::fresh();
    let s = token.user();
    let usages = [
        CKA_ENCRYPT,
        CKA_DECRYPT,
        CKA_SIGN,
        CKA_VERIFY,
        CKA_WRAP,
        CKA_UNWRAP,
        CKA_DERIVE,
    ];
    let aes = s.aes_key(32, &usages);
    let (rsa, rsa_private) = s.rsa_pair(
        2048,
        &[CKA_ENCRYPT, CKA_VERIFY, CKA_WRAP],
        &[CKA_DECRYPT, CKA_SIGN, CKA_UNWRAP],
    );
    let (ec, ec_private) = s.ec_pair(der::P256, &[CKA_VERIFY], &[CKA_SIGN, CKA_DERIVE]);
    let iv = || Mech::bytes(CKM_AES_CBC, &[0; 16]);
    let oaep = || Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    let pss = || Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
    for key in [rsa, rsa_private, ec, ec_private] {
        expect_rv!(s.encrypt_init(&iv(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(s.decrypt_init(&iv(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(
            s.sign_init(&Mech::plain(CKM_AES_CMAC), key),
            CKR_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(
            s.sign_init(&Mech::plain(CKM_SHA256_HMAC), key),
            CKR_KEY_TYPE_INCONSISTENT
        );
    }
    for key in [aes, ec, ec_private] {
        expect_rv!(s.encrypt_init(&oaep(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(s.decrypt_init(&oaep(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(s.sign_init(&pss(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(s.verify_init(&pss(), key), CKR_KEY_TYPE_INCONSISTENT);
    }
    for key in [aes, rsa, rsa_private] {
        expect_rv!(
            s.sign_init(&Mech::plain(CKM_ECDSA), key),
            CKR_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(
            s.verify_init(&Mech::plain(CKM_ECDSA), key),
            CKR_KEY_TYPE_INCONSISTENT
        );
        let derived = Template::secret(CKK_AES).ulong(CKA_VALUE_LEN, 32);
        let point = s.attribute(ec, CKA_EC_POINT).unwrap();
        expect_rv!(
            s.derive(&Mech::ecdh(CKD_NULL, b"", &point), key, &derived),
            CKR_KEY_TYPE_INCONSISTENT
        );
    }
    // The public half does not sign, the private half does not verify.
    expect_rv!(
        s.sign_init(&Mech::plain(CKM_ECDSA), ec),
        CKR_KEY_TYPE_INCONSISTENT | CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.verify_init(&Mech::plain(CKM_ECDSA), ec_private),
        CKR_KEY_TYPE_INCONSISTENT | CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let open = s.create(&Template::aes(&[1; 16])).unwrap();
    for key in [rsa, rsa_private, ec_private] {
        expect_rv!(
            s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), key, open),
            CKR_WRAPPING_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(
            s.unwrap(
                &Mech::plain(CKM_AES_KEY_WRAP),
                key,
                &[0; 24],
                &Template::secret(CKK_AES)
            ),
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
        );
    }
    expect_rv!(
        s.wrap(&Mech::plain(CKM_RSA_PKCS), aes, open),
        CKR_WRAPPING_KEY_TYPE_INCONSISTENT
    );
    let data = s.create(&Template::data("no key", b"x")).unwrap();
    expect_rv!(
        s.encrypt_init(&iv(), data),
        CKR_KEY_HANDLE_INVALID | CKR_KEY_TYPE_INCONSISTENT
    );
}

#[test]
fn class_12_usage_flags() {
    let token = Token::fresh();
    let s = token.user();
    let bare = Template::new().ulong(CKA_VALUE_LEN, 32).no(&[
        CKA_ENCRYPT,
        CKA_DECRYPT,
        CKA_SIGN,
        CKA_VERIFY,
        CKA_WRAP,
        CKA_UNWRAP,
        CKA_DERIVE,
    ]);
    let aes = s.generate(&Mech::plain(CKM_AES_KEY_GEN), &bare).unwrap();
    expect_rv!(
        s.encrypt_init(&Mech::plain(CKM_AES_ECB), aes),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.decrypt_init(&Mech::plain(CKM_AES_ECB), aes),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.sign_init(&Mech::plain(CKM_AES_CMAC), aes),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.verify_init(&Mech::plain(CKM_AES_CMAC), aes),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let open = s.create(&Template::aes(&[1; 16])).unwrap();
    expect_rv!(
        s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), aes, open),
        CKR_KEY_FUNCTION_NOT_PERMITTED
            | CKR_WRAPPING_KEY_HANDLE_INVALID
            | CKR_WRAPPING_KEY_TYPE_INCONSISTENT
    );
    expect_rv!(
        s.unwrap(
            &Mech::plain(CKM_AES_KEY_WRAP),
            aes,
            &[0; 24],
            &Template::secret(CKK_AES)
        ),
        CKR_KEY_FUNCTION_NOT_PERMITTED
            | CKR_UNWRAPPING_KEY_HANDLE_INVALID
            | CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
    );
    let off = |kinds: &[CK_ATTRIBUTE_TYPE]| Template::new().no(kinds);
    let (rsa, rsa_private) = s
        .generate_pair(
            &Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
            &off(&[CKA_ENCRYPT, CKA_VERIFY, CKA_WRAP])
                .ulong(CKA_MODULUS_BITS, 2048)
                .bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            &off(&[CKA_DECRYPT, CKA_SIGN, CKA_UNWRAP]),
        )
        .unwrap();
    expect_rv!(
        s.encrypt_init(&Mech::plain(CKM_RSA_PKCS), rsa),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.verify_init(&Mech::plain(CKM_SHA256_RSA_PKCS), rsa),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.decrypt_init(&Mech::plain(CKM_RSA_PKCS), rsa_private),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.sign_init(&Mech::plain(CKM_SHA256_RSA_PKCS), rsa_private),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let (ec, ec_private) = s
        .generate_pair(
            &Mech::plain(CKM_EC_KEY_PAIR_GEN),
            &Template::new().bytes(CKA_EC_PARAMS, der::P256),
            &off(&[CKA_DERIVE, CKA_SIGN]),
        )
        .unwrap();
    let point = s.attribute(ec, CKA_EC_POINT).unwrap();
    expect_rv!(
        s.derive(
            &Mech::ecdh(CKD_NULL, b"", &point),
            ec_private,
            &Template::secret(CKK_AES).ulong(CKA_VALUE_LEN, 32)
        ),
        CKR_KEY_FUNCTION_NOT_PERMITTED | CKR_KEY_TYPE_INCONSISTENT | CKR_KEY_HANDLE_INVALID
    );
}

#[test]
fn class_12_allowed_mechanisms() {
    let token = Token::fresh();
    let s = token.user();
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .yes(&[CKA_ENCRYPT, CKA_DECRYPT])
        .ulongs(CKA_ALLOWED_MECHANISMS, &[CKM_AES_GCM, CKM_AES_CBC_PAD]);
    let key = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    s.encrypt(&Mech::bytes(CKM_AES_CBC_PAD, &[0; 16]), key, b"x")
        .unwrap();
    expect_rv!(
        s.encrypt_init(&Mech::plain(CKM_AES_ECB), key),
        CKR_MECHANISM_INVALID
    );
    expect_rv!(
        s.decrypt_init(&Mech::bytes(CKM_AES_CBC, &[0; 16]), key),
        CKR_MECHANISM_INVALID
    );
}

/// The attributes of each class that nobody may read from a sensitive key.
const SECRETS: [CK_ATTRIBUTE_TYPE; 6] = [
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
];

#[test]
fn class_13_secrets_are_not_read() {
    let token = Token::fresh();
    let s = token.user();
    let aes = s.aes_key(32, &[]);
    let (_, rsa) = s.rsa_pair(2048, &[], &[]);
    let (_, ec) = s.ec_pair(der::P256, &[], &[]);
    for key in [aes, rsa, ec] {
        assert!(s.flag(key, CKA_SENSITIVE).unwrap(), "sensitive by default");
        assert!(
            !s.flag(key, CKA_EXTRACTABLE).unwrap(),
            "not extractable by default"
        );
        assert!(s.flag(key, CKA_ALWAYS_SENSITIVE).unwrap());
        assert!(s.flag(key, CKA_NEVER_EXTRACTABLE).unwrap());
        assert!(s.flag(key, CKA_LOCAL).unwrap());
    }
    for (key, kind) in [(aes, CKA_VALUE), (ec, CKA_VALUE)]
        .into_iter()
        .chain(SECRETS.into_iter().map(|kind| (rsa, kind)))
    {
        let (rv, lengths, buffers) = s.mixed(key, &[CKA_CLASS, kind, CKA_KEY_TYPE]);
        expect_rv!(rv, CKR_ATTRIBUTE_SENSITIVE, "attribute {kind:#x}");
        assert_eq!(lengths[1], CK_UNAVAILABLE_INFORMATION);
        assert!(
            buffers[1].iter().all(|b| *b == 0),
            "a byte of the secret was written"
        );
        assert_eq!((lengths[0], lengths[2]), (8, 8), "the others are answered");
        let mut asked = CK_ATTRIBUTE {
            type_: kind,
            pValue: std::ptr::null_mut(),
            ulValueLen: 0,
        };
        expect_rv!(
            call!(C_GetAttributeValue(s.handle, key, &raw mut asked, 1)),
            CKR_ATTRIBUTE_SENSITIVE
        );
        assert_eq!(asked.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    }
}

#[test]
fn class_13_sensitivity_is_what_counts() {
    let token = Token::fresh();
    let s = token.user();
    // Either flag alone hides the value.
    for (sensitive, extractable, readable) in [
        (true, true, false),
        (true, false, false),
        (false, false, false),
        (false, true, true),
    ] {
        let template = Template::secret(CKK_GENERIC_SECRET)
            .bytes(CKA_VALUE, b"0123456789abcdef")
            .bytes(CKA_SENSITIVE, &[u8::from(sensitive)])
            .bytes(CKA_EXTRACTABLE, &[u8::from(extractable)]);
        let key = s.create(&template).unwrap();
        if readable {
            assert_eq!(s.attribute(key, CKA_VALUE).unwrap(), b"0123456789abcdef");
        } else {
            expect_rv!(
                s.attribute(key, CKA_VALUE),
                CKR_ATTRIBUTE_SENSITIVE,
                "{sensitive} {extractable}"
            );
        }
        // What was once outside never was always sensitive.
        assert!(!s.flag(key, CKA_ALWAYS_SENSITIVE).unwrap());
        assert!(!s.flag(key, CKA_NEVER_EXTRACTABLE).unwrap());
        assert!(!s.flag(key, CKA_LOCAL).unwrap());
    }
}

#[test]
fn class_13_values_are_not_found_by_search() {
    let token = Token::fresh();
    let s = token.user();
    let template = Template::secret(CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, b"0123456789abcdef")
        .yes(&[CKA_SENSITIVE])
        .no(&[CKA_EXTRACTABLE]);
    s.create(&template).unwrap();
    let guess = Template::class(CKO_SECRET_KEY).bytes(CKA_VALUE, b"0123456789abcdef");
    match s.find(&guess) {
        Ok(found) => assert!(found.is_empty(), "a search confirms a guessed value"),
        Err(rv) => expect_rv!(rv.0, CKR_ATTRIBUTE_SENSITIVE | CKR_ATTRIBUTE_TYPE_INVALID),
    }
}

#[test]
fn class_14_flags_go_one_way() {
    let token = Token::fresh();
    let s = token.user();
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE]);
    let open = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    s.set(open, &Template::new().yes(&[CKA_SENSITIVE])).unwrap();
    s.set(open, &Template::new().no(&[CKA_EXTRACTABLE]))
        .unwrap();
    for (kind, value) in [(CKA_SENSITIVE, 0), (CKA_EXTRACTABLE, 1)] {
        let loosen = Template::new().bytes(kind, &[value]);
        expect_rv!(
            s.set(open, &loosen),
            CKR_ATTRIBUTE_READ_ONLY,
            "set {kind:#x}"
        );
        expect_rv!(
            s.copy(open, &loosen),
            CKR_ATTRIBUTE_READ_ONLY | CKR_TEMPLATE_INCONSISTENT,
            "copy {kind:#x}"
        );
    }
    let copy = s.copy(open, &Template::new()).unwrap();
    assert!(s.flag(copy, CKA_SENSITIVE).unwrap());
    assert!(!s.flag(copy, CKA_EXTRACTABLE).unwrap());
    for kind in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL] {
        for value in [0, 1] {
            expect_rv!(
                s.set(open, &Template::new().bytes(kind, &[value])),
                CKR_ATTRIBUTE_READ_ONLY,
                "set {kind:#x}"
            );
        }
    }
    expect_rv!(
        s.set(
            open,
            &Template::new().ulong(CKA_KEY_GEN_MECHANISM, CKM_AES_KEY_GEN)
        ),
        CKR_ATTRIBUTE_READ_ONLY
    );
    expect_rv!(
        s.set(open, &Template::new().ulong(CKA_CLASS, CKO_DATA)),
        CKR_ATTRIBUTE_READ_ONLY
    );
    expect_rv!(
        s.set(open, &Template::new().ulong(CKA_KEY_TYPE, CKK_RSA)),
        CKR_ATTRIBUTE_READ_ONLY
    );
    expect_rv!(
        s.set(open, &Template::new().bytes(CKA_VALUE, &[0; 32])),
        CKR_ATTRIBUTE_READ_ONLY
    );
    let wrapped_only = s.aes_key(32, &[CKA_WRAP_WITH_TRUSTED]);
    expect_rv!(
        s.set(wrapped_only, &Template::new().no(&[CKA_WRAP_WITH_TRUSTED])),
        CKR_ATTRIBUTE_READ_ONLY
    );
}

#[test]
fn class_14_copyable_destroyable_modifiable() {
    let token = Token::fresh();
    let s = token.user();
    let fixed = s
        .create(&Template::data("fixed", b"x").no(&[CKA_COPYABLE, CKA_DESTROYABLE, CKA_MODIFIABLE]))
        .unwrap();
    expect_rv!(s.copy(fixed, &Template::new()), CKR_ACTION_PROHIBITED);
    expect_rv!(s.destroy(fixed), CKR_ACTION_PROHIBITED);
    expect_rv!(
        s.set(fixed, &Template::new().label("other")),
        CKR_ACTION_PROHIBITED
    );
    for kind in [CKA_COPYABLE, CKA_DESTROYABLE, CKA_MODIFIABLE] {
        expect_rv!(
            s.set(fixed, &Template::new().yes(&[kind])),
            CKR_ACTION_PROHIBITED | CKR_ATTRIBUTE_READ_ONLY
        );
    }
    assert_eq!(s.attribute(fixed, CKA_LABEL).unwrap(), b"fixed");
    let key = s
        .generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new().ulong(CKA_VALUE_LEN, 32).no(&[CKA_COPYABLE]),
        )
        .unwrap();
    expect_rv!(s.copy(key, &Template::new()), CKR_ACTION_PROHIBITED);
    expect_rv!(
        s.set(key, &Template::new().yes(&[CKA_COPYABLE])),
        CKR_ATTRIBUTE_READ_ONLY
    );
}
