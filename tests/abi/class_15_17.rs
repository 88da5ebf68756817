//! Bad input, classes 15 to 17: what wrapping gives away, trusted keys, unwrapped keys.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

#[test]
fn class_15_what_may_not_leave_is_not_wrapped() {
    let token = Token::fresh();
    let s = token.user();
    let kek = s.aes_key(32, &[CKA_WRAP]);
    let (rsa, _) = s.rsa_pair(2048, &[CKA_WRAP], &[CKA_UNWRAP]);
    let stays = s.aes_key(32, &[]);
    let mechs = || {
        vec![
            (Mech::plain(CKM_AES_KEY_WRAP), kek),
            (Mech::plain(CKM_AES_KEY_WRAP_PAD), kek),
            (Mech::plain(CKM_RSA_PKCS), rsa),
            (Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b""), rsa),
        ]
    };
    for (mech, wrapper) in mechs() {
        expect_rv!(
            s.wrap(&mech, wrapper, stays),
            CKR_KEY_UNEXTRACTABLE,
            "{:#x}",
            mech.kind()
        );
    }
    let picky = s.aes_key(32, &[CKA_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED]);
    for (mech, wrapper) in mechs() {
        expect_rv!(
            s.wrap(&mech, wrapper, picky),
            CKR_KEY_NOT_WRAPPABLE,
            "{:#x}",
            mech.kind()
        );
    }
    let data = s.create(&Template::data("x", b"x")).unwrap();
    expect_rv!(
        s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), kek, data),
        CKR_KEY_HANDLE_INVALID | CKR_KEY_NOT_WRAPPABLE
    );
}

#[test]
fn class_15_domain_keys_only_wrap() {
    let token = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = token.user();
    let key = crate::key_tokens::domain_key(&s);
    assert!(s.flag(key, CKA_WRAP).unwrap() && s.flag(key, CKA_UNWRAP).unwrap());
    for kind in [
        CKA_ENCRYPT,
        CKA_DECRYPT,
        CKA_SIGN,
        CKA_VERIFY,
        CKA_DERIVE,
        CKA_EXTRACTABLE,
        CKA_MODIFIABLE,
        CKA_COPYABLE,
    ] {
        assert!(!s.flag(key, kind).unwrap(), "attribute {kind:#x}");
    }
    for kind in [CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert!(s.flag(key, kind).unwrap(), "attribute {kind:#x}");
    }
    expect_rv!(s.attribute(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    expect_rv!(
        s.encrypt_init(&Mech::plain(CKM_AES_ECB), key),
        CKR_KEY_FUNCTION_NOT_PERMITTED | CKR_MECHANISM_INVALID
    );
    expect_rv!(
        s.decrypt_init(&Mech::bytes(CKM_AES_CBC, &[0; 16]), key),
        CKR_KEY_FUNCTION_NOT_PERMITTED | CKR_MECHANISM_INVALID
    );
    expect_rv!(
        s.sign_init(&Mech::plain(CKM_AES_CMAC), key),
        CKR_KEY_FUNCTION_NOT_PERMITTED | CKR_MECHANISM_INVALID
    );
    expect_rv!(s.copy(key, &Template::new()), CKR_ACTION_PROHIBITED);
    expect_rv!(
        s.set(key, &Template::new().label("mine")),
        CKR_ACTION_PROHIBITED
    );
    let other = s.aes_key(32, &[CKA_WRAP]);
    expect_rv!(
        s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), other, key),
        CKR_KEY_UNEXTRACTABLE
    );
}

#[test]
fn class_16_user_does_not_make_trusted_keys() {
    let token = Token::fresh();
    let s = token.user();
    let trusted = Template::new().yes(&[CKA_TRUSTED]);
    let key = s.aes_key(32, &[CKA_WRAP]);
    expect_rv!(s.set(key, &trusted), CKR_ATTRIBUTE_READ_ONLY);
    expect_rv!(s.copy(key, &trusted), CKR_ATTRIBUTE_READ_ONLY);
    expect_rv!(
        s.create(&Template::aes(&[1; 32]).yes(&[CKA_TRUSTED])),
        CKR_ATTRIBUTE_READ_ONLY
    );
    expect_rv!(
        s.generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new().ulong(CKA_VALUE_LEN, 32).yes(&[CKA_TRUSTED])
        ),
        CKR_ATTRIBUTE_READ_ONLY
    );
    expect_rv!(
        s.generate_pair(
            &Mech::plain(CKM_EC_KEY_PAIR_GEN),
            &Template::new()
                .bytes(CKA_EC_PARAMS, der::P256)
                .yes(&[CKA_TRUSTED]),
            &Template::new()
        ),
        CKR_ATTRIBUTE_READ_ONLY
    );
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let open = s.create(&Template::aes(&[2; 32])).unwrap();
    let wrapped = s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), kek, open).unwrap();
    expect_rv!(
        s.unwrap(
            &Mech::plain(CKM_AES_KEY_WRAP),
            kek,
            &wrapped,
            &Template::secret(CKK_AES).yes(&[CKA_TRUSTED])
        ),
        CKR_ATTRIBUTE_READ_ONLY
    );
}

#[test]
fn class_17_unwrapping_what_does_not_fit() {
    let token = Token::fresh();
    let s = token.user();
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let open = s.create(&Template::aes(&[2; 32])).unwrap();
    for kind in [CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP] {
        let mech = Mech::plain(kind);
        let wrapped = s.wrap(&mech, kek, open).unwrap();
        let plain = || Template::secret(CKK_AES);
        for length in [0, 1, 7, 8, 15, wrapped.len() - 1] {
            expect_rv!(
                s.unwrap(&mech, kek, &wrapped[..length], &plain()),
                CKR_WRAPPED_KEY_LEN_RANGE | CKR_ARGUMENTS_BAD,
                "{kind:#x}, {length} bytes"
            );
        }
        for at in [0, 8, wrapped.len() - 1] {
            let mut bad = wrapped.clone();
            bad[at] ^= 1;
            expect_rv!(
                s.unwrap(&mech, kek, &bad, &plain()),
                CKR_WRAPPED_KEY_INVALID,
                "{kind:#x}"
            );
        }
        expect_rv!(
            s.unwrap(&mech, kek, &wrapped, &plain().ulong(CKA_VALUE_LEN, 16)),
            CKR_WRAPPED_KEY_LEN_RANGE | CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_READ_ONLY,
            "{kind:#x}: 32 bytes as 16"
        );
        // Triple DES keys have 24 bytes; a module without them knows no such type.
        expect_rv!(
            s.unwrap(&mech, kek, &wrapped, &Template::secret(CKK_DES3)),
            CKR_WRAPPED_KEY_LEN_RANGE
                | CKR_ATTRIBUTE_VALUE_INVALID
                | CKR_TEMPLATE_INCONSISTENT
                | CKR_KEY_TYPE_INCONSISTENT,
            "{kind:#x}: AES as DES3"
        );
        let odd = s
            .create(
                &Template::secret(CKK_GENERIC_SECRET)
                    .bytes(CKA_VALUE, &[3; 40])
                    .no(&[CKA_SENSITIVE])
                    .yes(&[CKA_EXTRACTABLE]),
            )
            .unwrap();
        let wrapped = s.wrap(&mech, kek, odd).unwrap();
        expect_rv!(
            s.unwrap(&mech, kek, &wrapped, &plain()),
            CKR_WRAPPED_KEY_LEN_RANGE,
            "40 bytes as AES"
        );
        expect_rv!(
            s.unwrap(&mech, kek, &wrapped, &Template::new()),
            CKR_TEMPLATE_INCOMPLETE
        );
    }
}

#[test]
fn class_17_unwrapped_keys_are_closed_by_default() {
    let token = Token::fresh();
    let s = token.user();
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let open = s.create(&Template::aes(&[2; 32])).unwrap();
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let wrapped = s.wrap(&mech, kek, open).unwrap();
    let key = s
        .unwrap(&mech, kek, &wrapped, &Template::secret(CKK_AES))
        .unwrap();
    assert!(s.flag(key, CKA_SENSITIVE).unwrap());
    assert!(!s.flag(key, CKA_EXTRACTABLE).unwrap());
    assert!(!s.flag(key, CKA_ALWAYS_SENSITIVE).unwrap());
    assert!(!s.flag(key, CKA_NEVER_EXTRACTABLE).unwrap());
    assert!(!s.flag(key, CKA_LOCAL).unwrap());
    expect_rv!(s.attribute(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    let template = Template::secret(CKK_AES)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE]);
    let key = s.unwrap(&mech, kek, &wrapped, &template).unwrap();
    assert_eq!(s.attribute(key, CKA_VALUE).unwrap(), [2; 32]);
}

#[test]
fn class_17_unwrap_template() {
    let token = Token::fresh();
    let s = token.user();
    let demands = Template::new()
        .yes(&[CKA_SENSITIVE, CKA_DECRYPT])
        .no(&[CKA_EXTRACTABLE]);
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .yes(&[CKA_WRAP, CKA_UNWRAP])
        .nested(CKA_UNWRAP_TEMPLATE, demands);
    let kek = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let wrapped = s
        .wrap(&mech, kek, s.create(&Template::aes(&[2; 32])).unwrap())
        .unwrap();
    let against = Template::secret(CKK_AES).yes(&[CKA_EXTRACTABLE]);
    expect_rv!(
        s.unwrap(&mech, kek, &wrapped, &against),
        CKR_TEMPLATE_INCONSISTENT
    );
    let key = s
        .unwrap(&mech, kek, &wrapped, &Template::secret(CKK_AES))
        .unwrap();
    assert!(
        s.flag(key, CKA_DECRYPT).unwrap(),
        "the unwrap template adds what the caller left out"
    );
}

#[test]
fn class_17_wrap_template() {
    let token = Token::fresh();
    let s = token.user();
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .yes(&[CKA_WRAP])
        .nested(CKA_WRAP_TEMPLATE, Template::new().yes(&[CKA_DECRYPT]));
    let kek = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let fits = s
        .create(&Template::aes(&[2; 32]).yes(&[CKA_DECRYPT]))
        .unwrap();
    let differs = s
        .create(&Template::aes(&[2; 32]).no(&[CKA_DECRYPT]))
        .unwrap();
    s.wrap(&mech, kek, fits).unwrap();
    expect_rv!(
        s.wrap(&mech, kek, differs),
        CKR_KEY_HANDLE_INVALID | CKR_KEY_NOT_WRAPPABLE
    );
}
