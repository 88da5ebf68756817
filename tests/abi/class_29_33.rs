//! Bad input, classes 29 to 33: much of everything, nesting, broken DER, and what protected keys
//! give away. The searches over call sequences of class 33 are in
//! `tests/policy.rs` and `policy_search.rs`.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

#[test]
fn class_29_large_data() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]);
    let data: Vec<u8> = (0..5_000_000u32).map(|i| (i % 251) as u8).collect();
    for mech in [
        || Mech::bytes(CKM_AES_CBC_PAD, &[1; 16]),
        || Mech::ctr(128, [2; 16]),
        || Mech::gcm(&[3; 12], b"aad", 128),
    ] {
        let sealed = s.encrypt(&mech(), key, &data).unwrap();
        assert_eq!(
            sealed,
            s.encrypt_parts(&mech(), key, &data, 65_537).unwrap()
        );
        assert_eq!(s.decrypt(&mech(), key, &sealed).unwrap(), data);
        assert_eq!(
            s.decrypt_parts(&mech(), key, &sealed, 99_991).unwrap(),
            data
        );
    }
    let once = s.digest(&Mech::plain(CKM_SHA256), &data).unwrap();
    assert_eq!(
        once,
        s.digest_parts(&Mech::plain(CKM_SHA256), &data, 12_345)
            .unwrap()
    );
    let tag = s.sign(&Mech::plain(CKM_AES_CMAC), key, &data).unwrap();
    s.verify_parts(&Mech::plain(CKM_AES_CMAC), key, &data, &tag, 70_001)
        .unwrap();
    let big = vec![7u8; 1_500_000];
    let object = s.create(&Template::data("big", &big).token()).unwrap();
    assert_eq!(s.attribute(object, CKA_VALUE).unwrap(), big);
}

/// The pages this process has in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn class_29_many_operations_do_not_grow() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let s = token.user();
        let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_WRAP, CKA_UNWRAP]);
        let open = s.create(&Template::aes(&[1; 32])).unwrap();
        let kw = Mech::plain(CKM_AES_KEY_WRAP);
        let round = |count: usize| {
            for _ in 0..count {
                s.encrypt(&Mech::gcm(&[3; 12], b"", 128), key, &[0; 64])
                    .unwrap();
            }
            for _ in 0..count / 10 {
                let wrapped = s.wrap(&kw, key, open).unwrap_or_default();
                if !wrapped.is_empty() {
                    let back = s
                        .unwrap(&kw, key, &wrapped, &Template::secret(CKK_AES))
                        .unwrap();
                    s.destroy(back).unwrap();
                }
                let session = token.session();
                session.create(&Template::data("x", b"x")).unwrap();
                session.find(&Template::data("x", b"x")).unwrap();
            }
        };
        round(20_000);
        let before = resident();
        round(100_000);
        let grown = resident().saturating_sub(before) * 4096;
        assert!(
            grown < 4 << 20,
            "{grown} bytes more after 100,000 operations"
        );
    });
}

#[test]
fn class_29_thousands_of_sessions() {
    let token = Token::fresh();
    let first = token.user();
    let sessions: Vec<Session> = (0..4000).map(|_| token.session()).collect();
    assert_eq!(token.info().ulSessionCount, 4001);
    let last = sessions.last().unwrap();
    let key = last.aes_key(32, &[CKA_ENCRYPT]);
    first
        .encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16])
        .unwrap();
    drop(sessions);
    assert_eq!(token.info().ulSessionCount, 1);
}

#[test]
fn class_30_nested_templates_have_a_depth() {
    let token = Token::fresh();
    let s = token.user();
    let mut inner = Template::new().yes(&[CKA_ENCRYPT]);
    for depth in 0..64 {
        inner = Template::new().nested(CKA_WRAP_TEMPLATE, inner);
        let template = inner.clone().ulong(CKA_VALUE_LEN, 32).yes(&[CKA_WRAP]);
        let outcome = s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template);
        if depth >= 16 {
            expect_rv!(
                outcome,
                CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCONSISTENT,
                "depth {depth}"
            );
        }
    }
}

#[test]
fn class_30_a_template_that_holds_itself() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let s = token.user();
        let mut looped = CK_ATTRIBUTE {
            type_: CKA_WRAP_TEMPLATE,
            pValue: std::ptr::null_mut(),
            ulValueLen: 24,
        };
        looped.pValue = (&raw mut looped).cast();
        let mut m = Mech::plain(CKM_AES_KEY_GEN).raw();
        let mut key = 0;
        expect_rv!(
            call!(C_GenerateKey(
                s.handle,
                &raw mut m,
                &raw mut looped,
                1,
                &raw mut key
            )),
            CKR_ATTRIBUTE_VALUE_INVALID
        );
        // A length that is no whole number of attributes.
        let mut value = [0u8; 64];
        let mut torn = CK_ATTRIBUTE {
            type_: CKA_UNWRAP_TEMPLATE,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 23,
        };
        expect_rv!(
            call!(C_GenerateKey(
                s.handle,
                &raw mut m,
                &raw mut torn,
                1,
                &raw mut key
            )),
            CKR_ATTRIBUTE_VALUE_INVALID
        );
    });
}

#[test]
fn class_31_the_host_lives_on() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let session = token.user();
        let s = session.handle;
        // Lengths that no allocation can meet, where nothing has to be read first.
        let mut byte = 0u8;
        for n in [1u64 << 46, 1 << 50, 1 << 62] {
            let template = Template::new().ulong(CKA_VALUE_LEN, n);
            assert!(
                session
                    .generate(&Mech::plain(CKM_GENERIC_SECRET_KEY_GEN), &template)
                    .is_err()
            );
            let mut count = n;
            let rv = call!(C_GetMechanismList(
                token.slot,
                std::ptr::null_mut(),
                &raw mut count
            ));
            expect_rv!(rv, CKR_OK);
            let mut m = CK_MECHANISM {
                mechanism: CKM_AES_GCM,
                pParameter: (&raw mut byte).cast(),
                ulParameterLen: n,
            };
            assert_ne!(call!(C_EncryptInit(s, &raw mut m, 1)), CKR_OK);
        }
        // Every mechanism number in a range, with and without a parameter, at every init call.
        let key = session.aes_key(
            32,
            &[
                CKA_ENCRYPT,
                CKA_DECRYPT,
                CKA_SIGN,
                CKA_VERIFY,
                CKA_WRAP,
                CKA_UNWRAP,
                CKA_DERIVE,
            ],
        );
        let mut noise = [0xA5u8; 512];
        for kind in (0..0x1200)
            .chain(0x2100..0x2140)
            .chain(0x4000..0x4060)
            .chain([0x8000_0001, u64::MAX])
        {
            for length in [0u64, 1, 8, 16, 24, 40, 48, 512] {
                let mut m = CK_MECHANISM {
                    mechanism: kind,
                    pParameter: if length == 0 {
                        std::ptr::null_mut()
                    } else {
                        noise.as_mut_ptr().cast()
                    },
                    ulParameterLen: length,
                };
                // Structures of pointers would be pointers into nowhere: only flat parameters here.
                if length >= 24 && ![CKM_AES_CTR].contains(&kind) && length != 512 {
                    continue;
                }
                if length == 512
                    && [CKM_AES_GCM, CKM_ECDH1_DERIVE, CKM_RSA_PKCS_OAEP, CKM_EDDSA].contains(&kind)
                {
                    continue;
                }
                if length == 16 && [CKM_EDDSA, CKM_RSA_AES_KEY_WRAP].contains(&kind) {
                    continue;
                }
                let _ = call!(C_DigestInit(s, &raw mut m));
                let _ = call!(C_EncryptInit(s, &raw mut m, key));
                let _ = call!(C_DecryptInit(s, &raw mut m, key));
                let _ = call!(C_SignInit(s, &raw mut m, key));
                let _ = call!(C_VerifyInit(s, &raw mut m, key));
                let null = std::ptr::null_mut();
                let _ = call!(C_DigestInit(s, null));
                let _ = call!(C_EncryptInit(s, null, 0));
                let _ = call!(C_DecryptInit(s, null, 0));
                let _ = call!(C_SignInit(s, null, 0));
                let _ = call!(C_VerifyInit(s, null, 0));
            }
        }
        session.random(16).expect("the module still works");
    });
}

#[test]
fn class_32_broken_der() {
    let token = Token::fresh();
    let s = token.user();
    let point = [4u8; 65];
    for parameters in [
        &[][..],
        &[0x06],
        &[0x06, 0x80],
        &[0x06, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0x06, 0x08, 0x2A],
        &[0x30, 0x80, 0x06],
        &[0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF, 0x02],
        &[
            0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x00,
        ],
        &[0x13, 0xFF, b'e'],
        &[0xFF; 300],
    ] {
        let template = Template::class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, parameters)
            .bytes(CKA_EC_POINT, &der::octets(&point));
        expect_rv!(
            s.create(&template),
            CKR_ATTRIBUTE_VALUE_INVALID
                | CKR_CURVE_NOT_SUPPORTED
                | CKR_DOMAIN_PARAMS_INVALID
                | CKR_TEMPLATE_INCOMPLETE,
            "{parameters:02x?}"
        );
    }
    for point in [
        &[][..],
        &[0x04],
        &[0x04, 0x41],
        &[0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x04],
        &[0x24, 0x80],
        &[0x04, 0x80, 0, 0],
    ] {
        let template = Template::class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_EC)
            .bytes(CKA_EC_PARAMS, der::P256)
            .bytes(CKA_EC_POINT, point);
        expect_rv!(
            s.create(&template),
            CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCOMPLETE,
            "{point:02x?}"
        );
    }
    // Private keys that come out of a wrap as broken PKCS#8.
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    for broken in [
        vec![0x30; 64],
        vec![0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        [vec![0x30, 0x82, 0x01, 0x00], vec![0; 60]].concat(),
    ] {
        let secret = Template::secret(CKK_GENERIC_SECRET)
            .bytes(CKA_VALUE, &broken)
            .no(&[CKA_SENSITIVE])
            .yes(&[CKA_EXTRACTABLE]);
        let key = s.create(&secret).unwrap();
        let kwp = Mech::plain(CKM_AES_KEY_WRAP_KWP);
        let wrapped = s.wrap(&kwp, kek, key).unwrap();
        for kind in [CKK_RSA, CKK_EC] {
            let template = Template::class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, kind);
            expect_rv!(
                s.unwrap(&kwp, kek, &wrapped, &template),
                CKR_WRAPPED_KEY_INVALID,
                "{broken:02x?}"
            );
        }
    }
}

/// The flags of an open key, to ask for with whatever makes a key.
fn open() -> Template {
    Template::secret(CKK_GENERIC_SECRET)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE])
}

#[test]
fn class_33_derivations_of_protected_keys_inherit_protection() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_DERIVE]);
    let other = s.create(&Template::aes(&[0; 16])).unwrap();
    let concat = Mech::bytes(CKM_CONCATENATE_BASE_AND_KEY, &other.to_ne_bytes());
    for mech in [
        Mech::text(CKM_CONCATENATE_BASE_AND_DATA, b"data"),
        Mech::text(CKM_CONCATENATE_DATA_AND_BASE, b"data"),
        Mech::text(CKM_XOR_BASE_AND_DATA, &[0; 32]),
        Mech::general(CKM_EXTRACT_KEY_FROM_KEY, 0),
        concat,
    ] {
        let Ok(derived) = s
            .derive(&mech, key, &open().ulong(CKA_VALUE_LEN, 16))
            .or_else(|_| s.derive(&mech, key, &open()))
        else {
            continue;
        };
        expect_rv!(
            s.attribute(derived, CKA_VALUE),
            CKR_ATTRIBUTE_SENSITIVE,
            "{:#x}",
            mech.kind()
        );
        assert!(
            !s.flag(derived, CKA_EXTRACTABLE).unwrap(),
            "{:#x}",
            mech.kind()
        );
    }
    s.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
    expect_rv!(call!(C_DigestKey(s.handle, key)), CKR_KEY_INDIGESTIBLE);
}

#[test]
fn class_33_first_use_decides_the_role() {
    let token = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = token.user();
    let both = [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_TOKEN];
    let ecb = || Mech::plain(CKM_AES_ECB);
    let kw = || Mech::plain(CKM_AES_KEY_WRAP);
    let open = s.create(&Template::aes(&[1; 32])).unwrap();

    let data = s.aes_key(32, &both);
    let copy = s.copy(data, &Template::new()).unwrap();
    s.encrypt(&ecb(), data, &[0; 16]).unwrap();
    for key in [data, copy] {
        expect_rv!(s.wrap(&kw(), key, open), CKR_KEY_FUNCTION_NOT_PERMITTED);
        expect_rv!(
            s.unwrap(&kw(), key, &[0; 40], &Template::secret(CKK_AES)),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
    }
    let wrapper = s.aes_key(32, &both);
    let copy = s.copy(wrapper, &Template::new()).unwrap();
    s.wrap(&kw(), wrapper, open).unwrap();
    for key in [wrapper, copy] {
        expect_rv!(s.decrypt_init(&ecb(), key), CKR_KEY_FUNCTION_NOT_PERMITTED);
        expect_rv!(s.encrypt_init(&ecb(), key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    }
    assert_eq!(
        s.ulong(wrapper, 0x804B_5703).unwrap(),
        2,
        "CKA_KEYWARD_ROLE: wrapping"
    );
    assert_eq!(
        s.ulong(data, 0x804B_5703).unwrap(),
        1,
        "CKA_KEYWARD_ROLE: data"
    );
}

#[test]
fn class_33_sensitive_keys_leave_under_protected_keys_only() {
    let token = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = token.user();
    let kw = || Mech::plain(CKM_AES_KEY_WRAP);
    let leaves = s.aes_key(32, &[CKA_EXTRACTABLE, CKA_ENCRYPT]);
    // An imported key is known outside, an RSA public key has its private half anywhere.
    let known = s.create(&Template::aes(&[1; 32]).yes(&[CKA_WRAP])).unwrap();
    expect_rv!(s.wrap(&kw(), known, leaves), CKR_KEY_NOT_WRAPPABLE);
    let rsa = crate::rsa_parts()[..2].iter().fold(
        Template::class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_RSA)
            .yes(&[CKA_WRAP]),
        |t, (kind, value)| t.bytes(*kind, value),
    );
    let rsa = s.create(&rsa).unwrap();
    expect_rv!(
        s.wrap(&Mech::plain(CKM_RSA_PKCS), rsa, leaves),
        CKR_KEY_NOT_WRAPPABLE
    );
    // Under a key made here it leaves, and comes back closed whatever is asked for.
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP, CKA_ENCRYPT, CKA_DECRYPT]);
    let wrapped = s.wrap(&kw(), kek, leaves).unwrap();
    let back = s
        .unwrap(
            &kw(),
            kek,
            &wrapped,
            &Template::secret(CKK_AES)
                .no(&[CKA_SENSITIVE])
                .yes(&[CKA_EXTRACTABLE]),
        )
        .expect("tightened, not refused");
    expect_rv!(s.attribute(back, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    assert!(s.flag(back, CKA_SENSITIVE).unwrap());
    assert!(!s.flag(back, CKA_EXTRACTABLE).unwrap());
    expect_rv!(
        s.decrypt_init(&Mech::plain(CKM_AES_ECB), kek),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

#[test]
fn class_33_who_governs_may_trust_a_key_to_wrap() {
    let token = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = token.user();
    let kw = || Mech::plain(CKM_AES_KEY_WRAP);
    let leaves = s.aes_key(32, &[CKA_EXTRACTABLE, CKA_ENCRYPT]);
    let closed = |value| {
        let template = Template::aes(value).yes(&[CKA_WRAP, CKA_TOKEN]);
        s.create(&template.no(&[CKA_EXTRACTABLE])).unwrap()
    };
    let (trusted, other) = (closed(&[1; 32]), closed(&[2; 32]));
    expect_rv!(s.wrap(&kw(), trusted, leaves), CKR_KEY_NOT_WRAPPABLE);
    let id = String::from_utf8(s.attribute(trusted, CKA_UNIQUE_ID).unwrap()).unwrap();
    token.change_domain(&format!("policy.set:trusted=+{id}"));
    s.wrap(&kw(), trusted, leaves).expect("trusted now");
    expect_rv!(s.wrap(&kw(), other, leaves), CKR_KEY_NOT_WRAPPABLE);
    token.change_domain(&format!("policy.set:trusted=-{id}"));
    expect_rv!(s.wrap(&kw(), trusted, leaves), CKR_KEY_NOT_WRAPPABLE);
}

#[test]
fn class_33_raw_rsa_is_a_usage_of_its_own() {
    let token = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = token.user();
    let leaves = s.aes_key(32, &[CKA_EXTRACTABLE]);
    let (public, private) = s.rsa_pair(
        2048,
        &[CKA_WRAP, CKA_ENCRYPT, CKA_VERIFY],
        &[CKA_UNWRAP, CKA_DECRYPT, CKA_SIGN],
    );
    let Ok(wrapped) = s.wrap(&Mech::plain(CKM_RSA_PKCS), public, leaves) else {
        return;
    };
    let back = s
        .unwrap(
            &Mech::plain(CKM_RSA_PKCS),
            private,
            &wrapped,
            &Template::secret(CKK_AES),
        )
        .unwrap();
    s.destroy(back).unwrap();
    for mech in [Mech::plain(CKM_RSA_X_509), Mech::plain(CKM_RSA_PKCS)] {
        expect_rv!(
            s.decrypt_init(&mech, private),
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "{:#x}",
            mech.kind()
        );
    }
    expect_rv!(
        s.sign_init(&Mech::plain(CKM_RSA_X_509), private),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}
