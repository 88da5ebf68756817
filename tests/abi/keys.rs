//! C_GenerateKey, C_GenerateKeyPair, C_WrapKey, C_UnwrapKey, C_DeriveKey.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

#[test]
fn generated_secret_keys_of_every_size() {
    let token = Token::fresh();
    let s = token.user();
    for length in [16, 24, 32] {
        let key = s.aes_key(length, &[]);
        assert_eq!(s.ulong(key, CKA_VALUE_LEN).unwrap(), length);
        assert_eq!(s.ulong(key, CKA_KEY_TYPE).unwrap(), CKK_AES);
    }
    for length in [1, 16, 33, 64, 512] {
        let template = Template::new()
            .ulong(CKA_VALUE_LEN, length)
            .no(&[CKA_SENSITIVE])
            .yes(&[CKA_EXTRACTABLE]);
        let mech = Mech::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let (one, two) = (
            s.generate(&mech, &template).unwrap(),
            s.generate(&mech, &template).unwrap(),
        );
        let value = s.attribute(one, CKA_VALUE).unwrap();
        assert_eq!(value.len() as u64, length);
        if length >= 16 {
            assert_ne!(value, s.attribute(two, CKA_VALUE).unwrap());
        }
    }
}

#[test]
fn rsa_keys_of_several_sizes() {
    let token = Token::fresh();
    let s = token.user();
    for bits in [2048, 2560, 3072] {
        let (public, private) = s.rsa_pair(bits, &[CKA_VERIFY], &[CKA_SIGN]);
        let modulus = s.attribute(public, CKA_MODULUS).unwrap();
        assert_eq!(modulus.len() as u64 * 8, bits);
        assert_ne!(modulus[0] & 0x80, 0);
        let signature = s
            .sign(&Mech::plain(CKM_SHA256_RSA_PKCS), private, b"x")
            .unwrap();
        s.verify(&Mech::plain(CKM_SHA256_RSA_PKCS), public, b"x", &signature)
            .unwrap();
    }
}

#[test]
fn open_rsa_keys_show_consistent_parts() {
    let token = Token::fresh();
    let s = token.user();
    let (_, private) = s
        .generate_pair(
            &Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
            &Template::new()
                .ulong(CKA_MODULUS_BITS, 2048)
                .bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            &Template::new()
                .no(&[CKA_SENSITIVE])
                .yes(&[CKA_EXTRACTABLE, CKA_SIGN]),
        )
        .unwrap();
    let kinds = [
        CKA_MODULUS,
        CKA_PUBLIC_EXPONENT,
        CKA_PRIVATE_EXPONENT,
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_EXPONENT_1,
        CKA_EXPONENT_2,
        CKA_COEFFICIENT,
    ];
    let again = kinds.iter().fold(
        Template::class(CKO_PRIVATE_KEY)
            .ulong(CKA_KEY_TYPE, CKK_RSA)
            .yes(&[CKA_SIGN]),
        |t, kind| t.bytes(*kind, &s.attribute(private, *kind).unwrap()),
    );
    let again = s.create(&again).expect("the same key imported");
    let mech = Mech::plain(CKM_SHA256_RSA_PKCS);
    assert_eq!(
        s.sign(&mech, private, b"x").unwrap(),
        s.sign(&mech, again, b"x").unwrap()
    );
}

#[test]
fn keys_come_back_from_every_wrap() {
    let token = Token::fresh();
    let s = token.user();
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let key = s.aes_key(32, &[CKA_EXTRACTABLE, CKA_ENCRYPT]);
    let (_, rsa) = s.rsa_pair(2048, &[], &[CKA_EXTRACTABLE, CKA_SIGN]);
    let (_, ec) = s.ec_pair(
        der::P256,
        &[CKA_VERIFY],
        &[CKA_EXTRACTABLE, CKA_SIGN, CKA_DERIVE],
    );
    let ecb = Mech::plain(CKM_AES_ECB);
    let expected = s.encrypt(&ecb, key, &[1; 16]).unwrap();
    let mut kinds = vec![CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_PAD];
    if is_keyward() {
        kinds.push(CKM_AES_KEY_WRAP_KWP);
    }
    for kind in kinds {
        let mech = Mech::plain(kind);
        let wrapped = s.wrap(&mech, kek, key).unwrap();
        let back = s
            .unwrap(
                &mech,
                kek,
                &wrapped,
                &Template::secret(CKK_AES).yes(&[CKA_ENCRYPT]),
            )
            .unwrap();
        assert_eq!(
            s.encrypt(&ecb, back, &[1; 16]).unwrap(),
            expected,
            "{kind:#x}"
        );
        assert_eq!(s.ulong(back, CKA_VALUE_LEN).unwrap(), 32);
        if kind == CKM_AES_KEY_WRAP {
            continue;
        }
        // Private keys as PKCS#8.
        let private = |kind| {
            Template::class(CKO_PRIVATE_KEY)
                .ulong(CKA_KEY_TYPE, kind)
                .yes(&[CKA_SIGN])
        };
        let wrapped = s.wrap(&mech, kek, rsa).unwrap();
        let back = s.unwrap(&mech, kek, &wrapped, &private(CKK_RSA)).unwrap();
        let sha256 = Mech::plain(CKM_SHA256_RSA_PKCS);
        assert_eq!(
            s.sign(&sha256, back, b"x").unwrap(),
            s.sign(&sha256, rsa, b"x").unwrap()
        );
        assert_eq!(
            s.attribute(back, CKA_MODULUS).unwrap(),
            s.attribute(rsa, CKA_MODULUS).unwrap()
        );
        let wrapped = s.wrap(&mech, kek, ec).unwrap();
        let back = s.unwrap(&mech, kek, &wrapped, &private(CKK_EC)).unwrap();
        assert_eq!(s.attribute(back, CKA_EC_PARAMS).unwrap(), der::P256);
        s.sign(&Mech::plain(CKM_ECDSA), back, &[1; 32]).unwrap();
        assert!(s.flag(back, CKA_SENSITIVE).unwrap() && !s.flag(back, CKA_EXTRACTABLE).unwrap());
    }
}

#[test]
fn wrapping_under_rsa() {
    let token = Token::fresh();
    let s = token.user();
    let (public, private) = s.rsa_pair(2048, &[CKA_WRAP], &[CKA_UNWRAP]);
    let key = s.create(&Template::aes(&[7; 32])).unwrap();
    for mech in [
        Mech::plain(CKM_RSA_PKCS),
        Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b""),
    ] {
        let wrapped = s.wrap(&mech, public, key).unwrap();
        assert_eq!(wrapped.len(), 256);
        let template = Template::secret(CKK_AES).yes(&[CKA_ENCRYPT]);
        let back = s.unwrap(&mech, private, &wrapped, &template).unwrap();
        assert_eq!(s.ulong(back, CKA_VALUE_LEN).unwrap(), 32);
        let mut bad = wrapped.clone();
        bad[100] ^= 1;
        if mech.kind() == CKM_RSA_PKCS_OAEP {
            expect_rv!(
                s.unwrap(&mech, private, &bad, &template),
                CKR_WRAPPED_KEY_INVALID
            );
        }
        expect_rv!(
            s.unwrap(&mech, private, &wrapped[..255], &template),
            CKR_WRAPPED_KEY_LEN_RANGE
        );
    }
}

#[test]
fn the_length_of_a_wrapped_key_is_told_before_it_is_made() {
    let token = Token::fresh();
    let s = token.user();
    let kek = s.aes_key(32, &[CKA_WRAP]);
    let key = s.create(&Template::aes(&[7; 32])).unwrap();
    let mut m = Mech::plain(CKM_AES_KEY_WRAP).raw();
    let mut n = 0;
    expect_rv!(
        call!(C_WrapKey(
            s.handle,
            &raw mut m,
            kek,
            key,
            std::ptr::null_mut(),
            &raw mut n
        )),
        CKR_OK
    );
    assert_eq!(n, 40);
    // The standard fills a key that is no whole number of semiblocks up with zeros.
    let odd = s
        .create(
            &Template::secret(CKK_GENERIC_SECRET)
                .bytes(CKA_VALUE, &[1; 13])
                .no(&[CKA_SENSITIVE])
                .yes(&[CKA_EXTRACTABLE]),
        )
        .unwrap();
    assert_eq!(
        s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), kek, odd)
            .unwrap()
            .len(),
        24
    );
}

#[test]
fn both_sides_of_ecdh_agree() {
    let token = Token::fresh();
    let s = token.user();
    for (curve, size) in [
        (der::P256, 32),
        (der::P384, 48),
        (der::P521, 66),
        (der::SECP256K1, 32),
    ] {
        let (a, b) = (
            s.ec_pair(curve, &[], &[CKA_DERIVE]),
            s.ec_pair(curve, &[], &[CKA_DERIVE]),
        );
        let point = |key| s.attribute(key, CKA_EC_POINT).unwrap();
        let secret = |private, public, kdf, shared: &[u8], length| {
            let template = Template::secret(CKK_GENERIC_SECRET)
                .ulong(CKA_VALUE_LEN, length)
                .no(&[CKA_SENSITIVE])
                .yes(&[CKA_EXTRACTABLE]);
            let key = s
                .derive(&Mech::ecdh(kdf, shared, &point(public)), private, &template)
                .unwrap();
            s.attribute(key, CKA_VALUE).unwrap()
        };
        let raw = secret(a.1, b.0, CKD_NULL, b"", size);
        assert_eq!(raw, secret(b.1, a.0, CKD_NULL, b"", size));
        assert_eq!(raw.len() as u64, size);
        // Shorter than the secret: its first bytes, as the standard says.
        let short = secret(a.1, b.0, CKD_NULL, b"", 16);
        assert!(raw.starts_with(&short) || raw.ends_with(&short));
        if is_keyward() {
            for kdf in [
                CKD_SHA1_KDF,
                CKD_SHA224_KDF,
                CKD_SHA256_KDF,
                CKD_SHA384_KDF,
                CKD_SHA512_KDF,
            ] {
                let derived = secret(a.1, b.0, kdf, b"info", 80);
                assert_eq!(derived, secret(b.1, a.0, kdf, b"info", 80));
                assert_ne!(derived, secret(a.1, b.0, kdf, b"other", 80));
            }
            // ANSI X9.63 with SHA-256: one block is the hash of secret, counter and shared data.
            let input = [&raw[..], &[0, 0, 0, 1], b"info"].concat();
            let block = s.digest(&Mech::plain(CKM_SHA256), &input).unwrap();
            assert_eq!(secret(a.1, b.0, CKD_SHA256_KDF, b"info", 32), block);
        }
    }
}

#[test]
fn x25519_agrees() {
    let token = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = token.user();
    let pair = || {
        s.generate_pair(
            &Mech::plain(CKM_EC_MONTGOMERY_KEY_PAIR_GEN),
            &Template::new().bytes(CKA_EC_PARAMS, der::X25519),
            &Template::new().yes(&[CKA_DERIVE]),
        )
        .unwrap()
    };
    let (a, b) = (pair(), pair());
    let secret = |private, public| {
        let template = Template::secret(CKK_GENERIC_SECRET)
            .ulong(CKA_VALUE_LEN, 32)
            .no(&[CKA_SENSITIVE])
            .yes(&[CKA_EXTRACTABLE]);
        let point = s.attribute(public, CKA_EC_POINT).unwrap();
        let key = s
            .derive(&Mech::ecdh(CKD_NULL, b"", &point), private, &template)
            .unwrap();
        s.attribute(key, CKA_VALUE).unwrap()
    };
    assert_eq!(secret(a.1, b.0), secret(b.1, a.0));
}

#[test]
fn derived_keys_are_closed_by_default() {
    let token = Token::fresh();
    let s = token.user();
    let (a, b) = (
        s.ec_pair(der::P256, &[], &[CKA_DERIVE]),
        s.ec_pair(der::P256, &[], &[CKA_DERIVE]),
    );
    let point = s.attribute(b.0, CKA_EC_POINT).unwrap();
    let key = s
        .derive(
            &Mech::ecdh(CKD_NULL, b"", &point),
            a.1,
            &Template::secret(CKK_AES)
                .ulong(CKA_VALUE_LEN, 32)
                .yes(&[CKA_ENCRYPT]),
        )
        .unwrap();
    assert!(s.flag(key, CKA_SENSITIVE).unwrap());
    assert!(!s.flag(key, CKA_EXTRACTABLE).unwrap());
    assert!(!s.flag(key, CKA_LOCAL).unwrap());
}
