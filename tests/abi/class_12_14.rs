//! Bad input, classes 12 to 14: usages, reading secrets, flags that go one way.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

/// The parts of an RSA key that nobody may read from a sensitive one.
const SECRETS: [CK_ATTRIBUTE_TYPE; 6] = [
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
];

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
