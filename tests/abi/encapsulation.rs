//! C_EncapsulateKey, C_DecapsulateKey, C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated by GCM.
#![allow(unused_assignments, reason = "the module reads them through pointers")]

use crate::rsa_template;
use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn at(bytes: &[u8]) -> (*mut u8, CK_ULONG) {
    (bytes.as_ptr().cast_mut(), bytes.len() as CK_ULONG)
}

fn encapsulate(
    s: &Session,
    mech: &Mech,
    public: CK_OBJECT_HANDLE,
    template: &Template,
) -> Outcome<(Vec<u8>, CK_OBJECT_HANDLE)> {
    let (mut m, mut raw, mut key) = (mech.raw(), template.raw(), 0);
    let (t, tn) = (raw.ptr(), raw.len());
    let sealed = two_call(|out, n| {
        call32!(C_EncapsulateKey(
            s.handle,
            &raw mut m,
            public,
            t,
            tn,
            out,
            n,
            &raw mut key
        ))
    })?;
    Ok((sealed, key))
}

fn decapsulate(
    s: &Session,
    mech: &Mech,
    private: CK_OBJECT_HANDLE,
    template: &Template,
    sealed: &[u8],
) -> Outcome<CK_OBJECT_HANDLE> {
    let (mut m, mut raw, mut key) = (mech.raw(), template.raw(), 0);
    let (t, tn) = (raw.ptr(), raw.len());
    let (d, dn) = at(sealed);
    let rv = call32!(C_DecapsulateKey(
        s.handle,
        &raw mut m,
        private,
        t,
        tn,
        d,
        dn,
        &raw mut key
    ));
    ok(rv).map(|()| key)
}

fn open_aes() -> Template {
    Template::secret(CKK_AES)
        .ulong(CKA_VALUE_LEN, 32)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE])
}

#[test]
fn keys_are_encapsulated() {
    let token = Token::fresh();
    let s = token.user();
    let (rsa_public, rsa) = s.rsa_pair(2048, &[CKA_ENCAPSULATE], &[CKA_DECAPSULATE]);
    let mut cases = vec![
        (Mech::plain(CKM_RSA_PKCS), rsa_public, rsa, 256),
        (
            Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"label"),
            rsa_public,
            rsa,
            256,
        ),
    ];
    for (curve, length) in [(der::P256, 65), (der::P384, 97), (der::P521, 133)] {
        let (public, private) = s.ec_pair(curve, &[CKA_ENCAPSULATE], &[CKA_DECAPSULATE]);
        cases.push((
            Mech::ecdh(CKD_SHA256_KDF, b"shared", b""),
            public,
            private,
            length,
        ));
    }
    for (mech, public, private, length) in &cases {
        let (sealed, key) = encapsulate(&s, mech, *public, &open_aes()).unwrap();
        assert_eq!(sealed.len(), *length);
        let again = decapsulate(&s, mech, *private, &open_aes(), &sealed).unwrap();
        let value = s.attribute(key, CKA_VALUE).unwrap();
        assert_eq!(s.attribute(again, CKA_VALUE).unwrap(), value);
        for key in [key, again] {
            for flag in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
                assert!(!s.flag(key, flag).unwrap(), "{flag:#x}");
            }
        }
        let (_, other) = encapsulate(&s, mech, *public, &open_aes()).unwrap();
        assert_ne!(s.attribute(other, CKA_VALUE).unwrap(), value);
        // Hidden unless the template says otherwise.
        let closed = Template::secret(CKK_AES).ulong(CKA_VALUE_LEN, 32);
        let (_, hidden) = encapsulate(&s, mech, *public, &closed).unwrap();
        expect_rv!(s.attribute(hidden, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
        // What was changed gives another key or none.
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        if let Ok(key) = decapsulate(&s, mech, *private, &open_aes(), &changed) {
            assert_ne!(s.attribute(key, CKA_VALUE).unwrap(), value);
        }
        decapsulate(&s, mech, *private, &open_aes(), &sealed[1..]).unwrap_err();
        decapsulate(&s, mech, *private, &open_aes(), b"").unwrap_err();
        // The wrong half, and what its flags do not permit.
        expect_rv!(
            encapsulate(&s, mech, *private, &open_aes()),
            CKR_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(
            decapsulate(&s, mech, *public, &open_aes(), &sealed),
            CKR_KEY_TYPE_INCONSISTENT
        );
    }
    let (public, private) = s.rsa_pair(2048, &[CKA_ENCRYPT], &[CKA_DECRYPT]);
    let pkcs = Mech::plain(CKM_RSA_PKCS);
    expect_rv!(
        encapsulate(&s, &pkcs, public, &open_aes()),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        decapsulate(&s, &pkcs, private, &open_aes(), &[1; 256]),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        encapsulate(&s, &Mech::plain(CKM_RSA_X_509), rsa_public, &open_aes()),
        CKR_MECHANISM_INVALID
    );
    expect_rv!(
        encapsulate(&s, &pkcs, rsa_public, &open_aes().without(CKA_VALUE_LEN)),
        CKR_TEMPLATE_INCOMPLETE
    );
    expect_rv!(
        encapsulate(&s, &pkcs, 0, &open_aes()),
        CKR_KEY_HANDLE_INVALID
    );
    let with_point = Mech::ecdh(CKD_NULL, b"", &[4; 65]);
    expect_rv!(
        encapsulate(&s, &with_point, cases[2].1, &open_aes()),
        CKR_MECHANISM_PARAM_INVALID
    );
}

#[test]
fn encapsulation_without_room_makes_no_key() {
    let token = Token::fresh();
    let s = token.user();
    let (public, private) = s.ec_pair(der::P256, &[CKA_ENCAPSULATE], &[CKA_DECAPSULATE]);
    let mech = Mech::ecdh(CKD_NULL, b"", b"");
    let (mut m, template) = (mech.raw(), open_aes().label("new"));
    let mut raw = template.raw();
    let (t, tn) = (raw.ptr(), raw.len());
    let mut out = [CANARY; 80];
    let (mut n, mut key) = (64, 77);
    let h = s.handle;
    let place = &raw mut key;
    let o = out.as_mut_ptr();
    expect_rv!(
        call32!(C_EncapsulateKey(
            h, &raw mut m, public, t, tn, o, &raw mut n, place
        )),
        CKR_BUFFER_TOO_SMALL
    );
    assert_eq!((n, key, out), (65, 77, [CANARY; 80]));
    expect_rv!(
        call32!(C_EncapsulateKey(
            h,
            &raw mut m,
            public,
            t,
            tn,
            null_mut(),
            &raw mut n,
            null_mut()
        )),
        CKR_OK
    );
    assert!(s.find(&Template::new().label("new")).unwrap().is_empty());
    for rv in [
        call32!(C_EncapsulateKey(
            h,
            null_mut(),
            public,
            t,
            tn,
            o,
            &raw mut n,
            place
        )),
        call32!(C_EncapsulateKey(
            h,
            &raw mut m,
            public,
            null_mut(),
            2,
            o,
            &raw mut n,
            place
        )),
        call32!(C_EncapsulateKey(
            h,
            &raw mut m,
            public,
            t,
            tn,
            o,
            null_mut(),
            place
        )),
        call32!(C_EncapsulateKey(
            h,
            &raw mut m,
            public,
            t,
            tn,
            o,
            &raw mut n,
            null_mut()
        )),
        call32!(C_DecapsulateKey(
            h,
            &raw mut m,
            private,
            t,
            tn,
            null_mut(),
            65,
            place
        )),
        call32!(C_DecapsulateKey(
            h,
            &raw mut m,
            private,
            t,
            tn,
            o,
            65,
            null_mut()
        )),
        call32!(C_DecapsulateKey(
            h,
            null_mut(),
            private,
            t,
            tn,
            o,
            65,
            place
        )),
    ] {
        assert_eq!(rv, CKR_ARGUMENTS_BAD);
    }
    s.logout().unwrap();
    n = 80;
    let rv = call32!(C_EncapsulateKey(
        h, &raw mut m, public, t, tn, o, &raw mut n, place
    ));
    assert_ne!(rv, CKR_OK);
}

/// What RSA has wrapped is not opened as a decapsulated key, nor the other way round.
#[test]
fn class_33_decapsulation_is_a_way_of_unwrapping() {
    let token = Token::fresh();
    let s = token.user();
    let usages = (
        [CKA_WRAP, CKA_ENCRYPT, CKA_ENCAPSULATE],
        [CKA_UNWRAP, CKA_DECRYPT, CKA_DECAPSULATE],
    );
    let (public, private) = s.rsa_pair(2048, &usages.0, &usages.1);
    let oaep = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    let secret = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .yes(&[CKA_EXTRACTABLE]);
    let secret = s.generate(&Mech::plain(CKM_AES_KEY_GEN), &secret).unwrap();
    let wrapped = s.wrap(&oaep, public, secret).unwrap();
    let key = decapsulate(&s, &oaep, private, &open_aes(), &wrapped).unwrap();
    expect_rv!(s.attribute(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    assert!(!s.flag(key, CKA_EXTRACTABLE).unwrap());
    expect_rv!(
        s.decrypt_init(&oaep, private),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let (public, private) = s.rsa_pair(2048, &usages.0, &usages.1);
    let (sealed, _) = encapsulate(&s, &oaep, public, &open_aes()).unwrap();
    expect_rv!(
        s.decrypt(&oaep, private, &sealed),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

/// The parameter of an authenticated wrap.
fn gcm_message(iv: &mut [u8], tag: &mut [u8], generator: CK_ULONG) -> CK_GCM_MESSAGE_PARAMS {
    CK_GCM_MESSAGE_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: iv.len() as CK_ULONG,
        ulIvFixedBits: 0,
        ivGenerator: generator,
        pTag: tag.as_mut_ptr(),
        ulTagBits: 8 * tag.len() as CK_ULONG,
    }
}

#[test]
fn keys_are_wrapped_by_gcm_with_data() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 24)
        .yes(&[CKA_EXTRACTABLE])
        .no(&[CKA_SENSITIVE]);
    let open = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    let sensitive = s
        .generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &template.clone().yes(&[CKA_SENSITIVE]),
        )
        .unwrap();
    let protected = s.aes_key(24, &[]);
    let rsa = s.create(&rsa_template().yes(&[CKA_EXTRACTABLE])).unwrap();
    let ((mut iv, mut tag), (a, an)) = (([0x5a; 12], [0; 16]), at(b"data"));
    let mut raw = gcm_message(&mut iv, &mut tag, CKG_GENERATE);
    let mut m = CK_MECHANISM {
        mechanism: CKM_AES_GCM,
        pParameter: (&raw mut raw).cast(),
        ulParameterLen: size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG,
    };
    let unwrap = |m: *mut CK_MECHANISM, wrapped: &[u8], aad: &[u8], template: &Template| {
        let ((w, wn), (a, an)) = (at(wrapped), at(aad));
        let (mut raw, mut key) = (template.raw(), 0);
        let (t, tn) = (raw.ptr(), raw.len());
        let rv = call32!(C_UnwrapKeyAuthenticated(
            h,
            m,
            kek,
            w,
            wn,
            t,
            tn,
            a,
            an,
            &raw mut key
        ));
        ok(rv).map(|()| key)
    };
    let aes = Template::secret(CKK_AES)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE]);
    let wrapped = two_call(|out, n| {
        call32!(C_WrapKeyAuthenticated(
            h, &raw mut m, kek, open, a, an, out, n
        ))
    })
    .unwrap();
    assert_eq!(wrapped.len(), 24);
    assert_ne!(iv, [0x5a; 12]);
    let key = unwrap(&raw mut m, &wrapped, b"data", &aes).unwrap();
    assert_eq!(
        s.attribute(key, CKA_VALUE).unwrap(),
        s.attribute(open, CKA_VALUE).unwrap()
    );
    expect_rv!(
        unwrap(&raw mut m, &wrapped, b"date", &aes),
        CKR_WRAPPED_KEY_INVALID
    );
    expect_rv!(
        unwrap(&raw mut m, &wrapped[1..], b"data", &aes),
        CKR_WRAPPED_KEY_INVALID
    );
    tag[3] ^= 1;
    expect_rv!(
        unwrap(&raw mut m, &wrapped, b"data", &aes),
        CKR_WRAPPED_KEY_INVALID
    );
    // A private key, as PrivateKeyInfo.
    let wrapped = two_call(|out, n| {
        call32!(C_WrapKeyAuthenticated(
            h, &raw mut m, kek, rsa, a, an, out, n
        ))
    })
    .unwrap();
    let rsa_again = Template::class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
    unwrap(&raw mut m, &wrapped, b"data", &rsa_again).unwrap();
    // A sensitive key: it comes back hidden, whatever is asked.
    let wrapped = two_call(|out, n| {
        call32!(C_WrapKeyAuthenticated(
            h, &raw mut m, kek, sensitive, a, an, out, n
        ))
    })
    .unwrap();
    let key = unwrap(&raw mut m, &wrapped, b"data", &aes).unwrap();
    expect_rv!(s.attribute(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    let mut out = [CANARY; 64];
    let o = out.as_mut_ptr();
    let mut n = 64;
    expect_rv!(
        call32!(C_WrapKeyAuthenticated(
            h, &raw mut m, kek, protected, a, an, o, &raw mut n
        )),
        CKR_KEY_UNEXTRACTABLE
    );
    // IVs of the caller's choice would let one key under the same IV give away another.
    let used = iv;
    for generator in [
        CKG_NO_GENERATE,
        CKG_GENERATE_COUNTER,
        CKG_GENERATE_COUNTER_XOR,
    ] {
        raw.ivGenerator = generator;
        for key in [open, sensitive] {
            expect_rv!(
                call32!(C_WrapKeyAuthenticated(
                    h, &raw mut m, kek, key, a, an, o, &raw mut n
                )),
                CKR_MECHANISM_PARAM_INVALID
            );
        }
    }
    assert_eq!((iv, out), (used, [CANARY; 64]));
    raw.ivGenerator = CKG_GENERATE_RANDOM;
    n = 23;
    expect_rv!(
        call32!(C_WrapKeyAuthenticated(
            h, &raw mut m, kek, open, a, an, o, &raw mut n
        )),
        CKR_BUFFER_TOO_SMALL
    );
    assert_eq!((n, iv, out), (24, used, [CANARY; 64]));
    // The roles of a key hold here too, and domain keys have a mechanism of their own.
    expect_rv!(
        s.encrypt_init(&Mech::gcm(&[1; 12], b"", 128), kek),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let domain = s.find(
        &Template::class(CKO_SECRET_KEY)
            .yes(&[CKA_WRAP])
            .label("domain key (active)"),
    );
    for domain in domain.unwrap() {
        n = 64;
        expect_rv!(
            call32!(C_WrapKeyAuthenticated(
                h, &raw mut m, domain, open, a, an, o, &raw mut n
            )),
            CKR_WRAPPING_KEY_TYPE_INCONSISTENT
        );
    }
    m.ulParameterLen -= 1;
    expect_rv!(
        call32!(C_WrapKeyAuthenticated(
            h, &raw mut m, kek, open, a, an, o, &raw mut n
        )),
        CKR_MECHANISM_PARAM_INVALID
    );
}

#[test]
fn keys_are_wrapped_by_gcm_with_the_tag_behind() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let open = s.create(&Template::aes(&[9; 32])).unwrap();
    let (mut iv, (aad, aad_length)) = ([0x5a; 12], at(b"data"));
    let mut raw = CK_GCM_WRAP_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvFixedBits: 0,
        ivGenerator: CKG_GENERATE,
        pAAD: aad,
        ulAADLen: aad_length,
        ulTagBits: 128,
    };
    let mut m = CK_MECHANISM {
        mechanism: CKM_AES_GCM,
        pParameter: (&raw mut raw).cast(),
        ulParameterLen: size_of::<CK_GCM_WRAP_PARAMS>() as CK_ULONG,
    };
    let wrapped = two_call(|out, n| call!(C_WrapKey(h, &raw mut m, kek, open, out, n))).unwrap();
    assert_eq!(wrapped.len(), 48);
    assert_ne!(iv, [0x5a; 12]);
    let unwrap = |m: *mut CK_MECHANISM, wrapped: &[u8]| {
        let (w, wn) = at(wrapped);
        let (mut raw, mut key) = (Template::aes(&[]).without(CKA_VALUE).raw(), 0);
        let (t, tn) = (raw.ptr(), raw.len());
        ok(call!(C_UnwrapKey(h, m, kek, w, wn, t, tn, &raw mut key))).map(|()| key)
    };
    let key = unwrap(&raw mut m, &wrapped).unwrap();
    assert_eq!(s.attribute(key, CKA_VALUE).unwrap(), [9; 32]);
    for place in [0, 31, 32, 47] {
        let mut changed = wrapped.clone();
        changed[place] ^= 1;
        expect_rv!(unwrap(&raw mut m, &changed), CKR_WRAPPED_KEY_INVALID);
    }
    expect_rv!(
        unwrap(&raw mut m, &wrapped[..15]),
        CKR_WRAPPED_KEY_LEN_RANGE
    );
    raw.ulAADLen -= 1;
    expect_rv!(unwrap(&raw mut m, &wrapped), CKR_WRAPPED_KEY_INVALID);
    raw.ulIvFixedBits = 40;
    let mut out = [CANARY; 64];
    let mut n = 64;
    let rv = call!(C_WrapKey(
        h,
        &raw mut m,
        kek,
        open,
        out.as_mut_ptr(),
        &raw mut n
    ));
    expect_rv!(rv, CKR_MECHANISM_PARAM_INVALID);
    raw.pAAD = null_mut();
    let rv = call!(C_WrapKey(
        h,
        &raw mut m,
        kek,
        open,
        out.as_mut_ptr(),
        &raw mut n
    ));
    expect_rv!(rv, CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(out, [CANARY; 64]);
}
