//! Bad input, classes 18 to 20: oracles, forged ciphertexts, weak parameters.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

/// A sensitive key that its owner lets out by a standard wrap.
fn extractable(s: &Session) -> CK_OBJECT_HANDLE {
    s.aes_key(32, &[CKA_EXTRACTABLE])
}

#[test]
fn class_18_one_code_for_every_padding_failure() {
    let token = Token::fresh();
    let s = token.user();
    let aes = s.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    let (rsa, private) = s.rsa_pair(2048, &[CKA_ENCRYPT], &[CKA_DECRYPT]);
    let pad = Mech::bytes(CKM_AES_CBC_PAD, &[0; 16]);
    // Every last byte of a block under CBC without padding, read as padding.
    let raw = Mech::bytes(CKM_AES_CBC, &[0; 16]);
    for last in [0u8, 2, 17, 32, 255] {
        let mut block = [7u8; 16];
        block[15] = last;
        let sealed = s.encrypt(&raw, aes, &block).unwrap();
        expect_rv!(
            s.decrypt(&pad, aes, &sealed),
            CKR_ENCRYPTED_DATA_INVALID,
            "last byte {last}"
        );
    }
    let oaep = Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"");
    let labelled = Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"label");
    let sealed = s.encrypt(&labelled, rsa, b"message").unwrap();
    assert_eq!(s.decrypt(&labelled, private, &sealed).unwrap(), b"message");
    expect_rv!(
        s.decrypt(&oaep, private, &sealed),
        CKR_ENCRYPTED_DATA_INVALID
    );
    let mut flipped = sealed.clone();
    flipped[100] ^= 1;
    expect_rv!(
        s.decrypt(&labelled, private, &flipped),
        CKR_ENCRYPTED_DATA_INVALID
    );
    expect_rv!(
        s.decrypt(&labelled, private, &[0; 256]),
        CKR_ENCRYPTED_DATA_INVALID
    );
    for length in [0, 255, 257] {
        expect_rv!(
            s.decrypt(&labelled, private, &vec![1; length]),
            CKR_ENCRYPTED_DATA_LEN_RANGE | CKR_ENCRYPTED_DATA_INVALID,
            "{length}"
        );
    }
    // PKCS#1 v1.5 rejects implicitly: the same made-up message every time, and no error.
    let v15 = Mech::plain(CKM_RSA_PKCS);
    let mut sealed = s.encrypt(&v15, rsa, b"message").unwrap();
    assert_eq!(s.decrypt(&v15, private, &sealed).unwrap(), b"message");
    sealed[200] ^= 1;
    let once = s
        .decrypt(&v15, private, &sealed)
        .expect("implicit rejection");
    let again = s
        .decrypt(&v15, private, &sealed)
        .expect("implicit rejection");
    assert_eq!(once, again);
    assert_ne!(once, b"message");
}

#[test]
fn class_18_bare_cbc_does_not_unwrap() {
    let token = Token::fresh();
    let s = token.user();
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    for kind in [CKM_AES_CBC, CKM_AES_CBC_PAD] {
        expect_rv!(
            s.unwrap(
                &Mech::bytes(kind, &[0; 16]),
                kek,
                &[0; 32],
                &Template::secret(CKK_AES)
            ),
            CKR_MECHANISM_INVALID
        );
    }
    expect_rv!(
        s.unwrap(
            &Mech::plain(CKM_AES_ECB),
            kek,
            &[0; 32],
            &Template::secret(CKK_AES)
        ),
        CKR_MECHANISM_INVALID
    );
}

#[test]
fn class_19_nothing_of_a_forgery_is_given_out() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    let gcm = Mech::gcm(&[3; 12], b"aad", 128);
    let sealed = session.encrypt(&gcm, key, &[0x42; 100]).unwrap();
    for at in [0, 50, 99, 100, 115] {
        let mut forged = sealed.clone();
        forged[at] ^= 0x80;
        let (from, length) = (forged.as_mut_ptr(), forged.len() as CK_ULONG);
        let mut out = [CANARY; 256];
        let mut n = 256;
        session.decrypt_init(&gcm, key).unwrap();
        expect_rv!(
            call!(C_Decrypt(s, from, length, out.as_mut_ptr(), &raw mut n)),
            CKR_ENCRYPTED_DATA_INVALID
        );
        assert!(
            out.iter().all(|b| *b == CANARY),
            "unverified plaintext was given out"
        );
        session.decrypt_init(&gcm, key).unwrap();
        n = 256;
        expect_rv!(
            call!(C_DecryptUpdate(
                s,
                from,
                length,
                out.as_mut_ptr(),
                &raw mut n
            )),
            CKR_OK
        );
        assert_eq!(n, 0, "plaintext before the tag is verified");
        n = 256;
        expect_rv!(
            call!(C_DecryptFinal(s, out.as_mut_ptr(), &raw mut n)),
            CKR_ENCRYPTED_DATA_INVALID
        );
        assert!(
            out.iter().all(|b| *b == CANARY),
            "unverified plaintext was given out"
        );
    }
    for length in [0, 1, 15] {
        expect_rv!(
            session.decrypt(&gcm, key, &sealed[..length]),
            CKR_ENCRYPTED_DATA_LEN_RANGE | CKR_ENCRYPTED_DATA_INVALID
        );
    }
    expect_rv!(
        session.decrypt(&Mech::gcm(&[3; 12], b"aaD", 128), key, &sealed),
        CKR_ENCRYPTED_DATA_INVALID
    );
    expect_rv!(
        session.decrypt(&Mech::gcm(&[4; 12], b"aad", 128), key, &sealed),
        CKR_ENCRYPTED_DATA_INVALID
    );
}

#[test]
fn class_19_degenerate_parameters() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    for bits in [0, 7, 127, 129, 256, 1 << 40] {
        let gcm = Mech::gcm(&[3; 12], b"", bits);
        expect_rv!(
            s.encrypt_init(&gcm, key),
            CKR_MECHANISM_PARAM_INVALID,
            "a tag of {bits} bits"
        );
        expect_rv!(
            s.decrypt_init(&gcm, key),
            CKR_MECHANISM_PARAM_INVALID,
            "a tag of {bits} bits"
        );
    }
    expect_rv!(
        s.encrypt_init(&Mech::gcm(&[], b"", 128), key),
        CKR_MECHANISM_PARAM_INVALID,
        "an empty IV"
    );
    for bits in [0, 129, 256, u64::MAX] {
        expect_rv!(
            s.encrypt_init(&Mech::ctr(bits, [0; 16]), key),
            CKR_MECHANISM_PARAM_INVALID,
            "{bits} counter bits"
        );
    }
}

#[test]
fn class_19_counters_do_not_wrap_around() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_ENCRYPT]);
    // Eight bits count 256 blocks: one more would use a counter twice.
    expect_rv!(
        s.encrypt(&Mech::ctr(8, [0; 16]), key, &[0; 256 * 16]),
        CKR_OK
    );
    expect_rv!(
        s.encrypt(&Mech::ctr(8, [0; 16]), key, &[0; 257 * 16]),
        CKR_DATA_LEN_RANGE
    );
}

#[test]
fn class_19_pss_salt_length_is_enforced() {
    let token = Token::fresh();
    let s = token.user();
    let (public, private) = s.rsa_pair(2048, &[CKA_VERIFY], &[CKA_SIGN]);
    let pss = |salt| Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, salt);
    for salt in [0, 20, 32] {
        let signature = s.sign(&pss(salt), private, b"data").unwrap();
        s.verify(&pss(salt), public, b"data", &signature).unwrap();
        expect_rv!(
            s.verify(&pss(salt + 1), public, b"data", &signature),
            CKR_SIGNATURE_INVALID
        );
    }
    // More salt than a 2048-bit key has room for.
    expect_rv!(
        s.sign_init(&pss(223), private),
        CKR_MECHANISM_PARAM_INVALID | CKR_KEY_SIZE_RANGE
    );
    expect_rv!(
        s.sign_init(&pss(u64::MAX), private),
        CKR_MECHANISM_PARAM_INVALID
    );
    // The parameter's hash is not the mechanism's.
    let mixed = Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA256, 32);
    expect_rv!(s.sign_init(&mixed, private), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn class_20_bad_points() {
    let token = Token::fresh();
    let s = token.user();
    let (public, private) = s.ec_pair(der::P256, &[], &[CKA_DERIVE]);
    let good = der::octets_of(&s.attribute(public, CKA_EC_POINT).unwrap())
        .unwrap()
        .to_vec();
    let mut off = good.clone();
    off[64] ^= 1;
    let mut prefix = good.clone();
    prefix[0] = 5;
    let field = unhex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let beyond = [&[4u8][..], &field, &field].concat();
    let bad = [
        off,
        prefix,
        beyond,
        vec![0],
        vec![],
        vec![4],
        good[..64].to_vec(),
        [&good[..], &[0]].concat(),
        vec![4; 65],
        vec![0; 65],
    ];
    for point in &bad {
        let template = Template::class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, der::P256)
            .bytes(CKA_EC_POINT, &der::octets(point));
        expect_rv!(
            s.create(&template),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "{point:02x?}"
        );
        let derived = Template::secret(CKK_AES).ulong(CKA_VALUE_LEN, 32);
        expect_rv!(
            s.derive(&Mech::ecdh(CKD_NULL, b"", point), private, &derived),
            CKR_MECHANISM_PARAM_INVALID,
            "{point:02x?}"
        );
    }
    // Both encodings of a good one are taken.
    for point in [good.clone(), der::octets(&good)] {
        let derived = Template::secret(CKK_AES).ulong(CKA_VALUE_LEN, 32);
        s.derive(&Mech::ecdh(CKD_NULL, b"", &point), private, &derived)
            .unwrap();
        let template = Template::class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, der::P256)
            .bytes(CKA_EC_POINT, &point);
        let key = s.create(&template).unwrap();
        assert_eq!(
            s.attribute(key, CKA_EC_POINT).unwrap(),
            der::octets(&good),
            "the standard's on output"
        );
    }
}

#[test]
fn class_20_missing_and_weak_parameters() {
    let token = Token::fresh();
    let s = token.user();
    let pair =
        |kind, template: &Template| s.generate_pair(&Mech::plain(kind), template, &Template::new());
    expect_rv!(
        pair(CKM_EC_KEY_PAIR_GEN, &Template::new()),
        CKR_TEMPLATE_INCOMPLETE
    );
    expect_rv!(
        pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &Template::new()),
        CKR_TEMPLATE_INCOMPLETE
    );
    expect_rv!(
        pair(
            CKM_EC_KEY_PAIR_GEN,
            &Template::new().bytes(CKA_EC_PARAMS, &[0x06, 0x03, 0x2A, 0x03, 0x04])
        ),
        CKR_CURVE_NOT_SUPPORTED | CKR_ATTRIBUTE_VALUE_INVALID | CKR_DOMAIN_PARAMS_INVALID
    );
    expect_rv!(
        pair(
            CKM_EC_KEY_PAIR_GEN,
            &Template::new().bytes(CKA_EC_PARAMS, &[0x06])
        ),
        CKR_ATTRIBUTE_VALUE_INVALID | CKR_CURVE_NOT_SUPPORTED | CKR_DOMAIN_PARAMS_INVALID
    );
    let public = || Template::class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
    expect_rv!(s.create(&public()), CKR_TEMPLATE_INCOMPLETE);
    expect_rv!(
        s.create(&public().bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])),
        CKR_TEMPLATE_INCOMPLETE
    );
    let modulus = crate::rsa_parts()[0].1.clone();
    for exponent in [&[][..], &[0], &[1], &[2], &[4]] {
        expect_rv!(
            s.create(
                &public()
                    .bytes(CKA_MODULUS, &modulus)
                    .bytes(CKA_PUBLIC_EXPONENT, exponent)
            ),
            CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCOMPLETE,
            "exponent {exponent:x?}"
        );
    }
    expect_rv!(
        s.create(&Template::secret(CKK_AES)),
        CKR_TEMPLATE_INCOMPLETE
    );
    expect_rv!(s.create(&Template::new()), CKR_TEMPLATE_INCOMPLETE);
    expect_rv!(
        s.create(&Template::class(CKO_SECRET_KEY)),
        CKR_TEMPLATE_INCOMPLETE
    );
    expect_rv!(
        s.create(&Template::class(999)),
        CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCONSISTENT
    );
    expect_rv!(
        s.create(
            &Template::class(CKO_SECRET_KEY)
                .ulong(CKA_KEY_TYPE, 9999)
                .bytes(CKA_VALUE, &[1; 16])
        ),
        CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCONSISTENT
    );
    // A wrong CKA_KEY_TYPE or class for what generates the key.
    expect_rv!(
        s.generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 32)
        ),
        CKR_TEMPLATE_INCONSISTENT
    );
    let _ = extractable(&s);
}
