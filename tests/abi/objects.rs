//! C_CreateObject, C_CopyObject, C_DestroyObject, C_GetObjectSize.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

/// A self-signed certificate, made for this test.
const CERTIFICATE: &str = "308201343081e7a003020102021413b8d247862cc1d1cdeec5285941c425fbd0b272300506032b65\
    70300f310d300b06035504030c04746573743020170d3236313132323139313530385a180f323132\
    36313032393139313530385a300f310d300b06035504030c0474657374302a300506032b65700321\
    0045182ca23b16a74787647b749a1870fa540633d990f856c36dfa11a217d237eaa3533051301d06\
    03551d0e041604143787d54cf8b8fecdb44782c418b3e2ae7e8e19c4301f0603551d230418301680\
    143787d54cf8b8fecdb44782c418b3e2ae7e8e19c4300f0603551d130101ff040530030101ff3005\
    06032b65700341007ce93e92ee3d6f191646f837c09a12d4f0404d7c02fd9eab9ee7d1ed4c3ffaed\
    06769adfc155b2c105a3079ce4885830e497bc1789280f479b912847fdc0fa07";

#[test]
fn token_objects_outlive_the_process() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        {
            let s = token.user();
            s.create(
                &Template::data("kept", b"value")
                    .token()
                    .text(CKA_APPLICATION, "tests")
                    .no(&[CKA_PRIVATE]),
            )
            .unwrap();
            s.create(
                &Template::data("hidden", b"secret")
                    .token()
                    .yes(&[CKA_PRIVATE]),
            )
            .unwrap();
            s.create(&Template::data("gone", b"value")).unwrap();
            s.generate(
                &Mech::plain(CKM_AES_KEY_GEN),
                &Template::new()
                    .ulong(CKA_VALUE_LEN, 32)
                    .token()
                    .label("key")
                    .yes(&[CKA_ENCRYPT]),
            )
            .unwrap();
        }
        expect_rv!(finalize(), CKR_OK);
        expect_rv!(initialize(), CKR_OK);
        let token = Token::named(&token.label).expect("the token");
        let s = token.session();
        let kept = s.find_one(CKO_DATA, "kept").expect("a token object");
        assert_eq!(s.attribute(kept, CKA_VALUE).unwrap(), b"value");
        assert_eq!(s.attribute(kept, CKA_APPLICATION).unwrap(), b"tests");
        assert!(
            s.find_one(CKO_DATA, "gone").is_none(),
            "a session object outlived its session"
        );
        assert!(
            s.find_one(CKO_DATA, "hidden").is_none(),
            "a private object without login"
        );
        s.login(CKU_USER, PIN).unwrap();
        let hidden = s.find_one(CKO_DATA, "hidden").expect("a private object");
        assert_eq!(s.attribute(hidden, CKA_VALUE).unwrap(), b"secret");
        let key = s.find_one(CKO_SECRET_KEY, "key").expect("a key");
        assert!(s.flag(key, CKA_SENSITIVE).unwrap() && s.flag(key, CKA_LOCAL).unwrap());
        s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).unwrap();
    });
}

#[test]
fn destroyed_objects_are_gone_everywhere() {
    let token = Token::fresh();
    let (one, two) = (token.user(), token.session());
    let object = one.create(&Template::data("x", b"x").token()).unwrap();
    let theirs = two.find_one(CKO_DATA, "x").unwrap();
    one.destroy(object).unwrap();
    expect_rv!(two.attribute(theirs, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    expect_rv!(one.destroy(object), CKR_OBJECT_HANDLE_INVALID);
    assert!(two.find_one(CKO_DATA, "x").is_none());
}

#[test]
fn copies_have_what_the_template_changes() {
    let token = Token::fresh();
    let s = token.user();
    let object = s
        .create(&Template::data("original", b"value").text(CKA_APPLICATION, "app"))
        .unwrap();
    let copy = s
        .copy(object, &Template::new().label("copy").token())
        .unwrap();
    assert_eq!(s.attribute(copy, CKA_LABEL).unwrap(), b"copy");
    assert_eq!(s.attribute(copy, CKA_VALUE).unwrap(), b"value");
    assert_eq!(s.attribute(copy, CKA_APPLICATION).unwrap(), b"app");
    assert!(s.flag(copy, CKA_TOKEN).unwrap() && !s.flag(object, CKA_TOKEN).unwrap());
    assert_eq!(s.attribute(object, CKA_LABEL).unwrap(), b"original");
    expect_rv!(
        s.copy(object, &Template::new().ulong(CKA_CLASS, CKO_SECRET_KEY)),
        CKR_ATTRIBUTE_READ_ONLY | CKR_TEMPLATE_INCONSISTENT
    );
    expect_rv!(
        s.copy(object, &Template::new().bytes(CKA_MODULUS, &[1])),
        CKR_ATTRIBUTE_TYPE_INVALID | CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_READ_ONLY
    );
    let key = s.aes_key(32, &[CKA_ENCRYPT]);
    let copy = s.copy(key, &Template::new().token().label("kept")).unwrap();
    let ecb = Mech::plain(CKM_AES_ECB);
    assert_eq!(
        s.encrypt(&ecb, key, &[1; 16]).unwrap(),
        s.encrypt(&ecb, copy, &[1; 16]).unwrap()
    );
}

#[test]
fn every_class_is_created_and_read_back() {
    let token = Token::fresh();
    let s = token.user();
    let certificate = Template::class(CKO_CERTIFICATE)
        .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .bytes(CKA_SUBJECT, &der::tlv(0x30, &[]))
        .bytes(CKA_ISSUER, &der::tlv(0x30, &[]))
        .bytes(CKA_SERIAL_NUMBER, &der::integer(&[7]))
        .bytes(CKA_VALUE, &unhex(CERTIFICATE))
        .bytes(CKA_ID, b"id")
        .label("certificate")
        .token();
    let object = s.create(&certificate).unwrap();
    assert_eq!(s.attribute(object, CKA_VALUE).unwrap(), unhex(CERTIFICATE));
    assert_eq!(s.attribute(object, CKA_ID).unwrap(), b"id");
    let parts = crate::rsa_parts();
    let public = parts[..2].iter().fold(
        Template::class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_RSA)
            .token(),
        |t, (kind, value)| t.bytes(*kind, value),
    );
    let object = s.create(&public).unwrap();
    assert_eq!(s.ulong(object, CKA_MODULUS_BITS).unwrap(), 2048);
    assert_eq!(s.attribute(object, CKA_MODULUS).unwrap(), parts[0].1);
    let object = s.create(&crate::rsa_template().token()).unwrap();
    assert_eq!(s.attribute(object, CKA_MODULUS).unwrap(), parts[0].1);
    assert_eq!(s.attribute(object, CKA_PUBLIC_EXPONENT).unwrap(), [1, 0, 1]);
    expect_rv!(s.attribute(object, CKA_PRIME_1), CKR_ATTRIBUTE_SENSITIVE);
    let parameters = Template::class(CKO_DOMAIN_PARAMETERS)
        .ulong(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, der::P256);
    match s.create(&parameters) {
        Ok(object) => assert_eq!(s.attribute(object, CKA_EC_PARAMS).unwrap(), der::P256),
        Err(rv) => assert!(!is_keyward(), "domain parameters: {rv:?}"),
    }
}

#[test]
fn an_rsa_key_signs_by_what_was_imported() {
    let token = Token::fresh();
    let s = token.user();
    // With all parts, and with modulus and exponents only.
    let whole = s.create(&crate::rsa_template()).unwrap();
    let mech = Mech::plain(CKM_SHA256_RSA_PKCS);
    let signature = s.sign(&mech, whole, b"abc").unwrap();
    let few = crate::rsa_parts()[..3].iter().fold(
        Template::class(CKO_PRIVATE_KEY)
            .ulong(CKA_KEY_TYPE, CKK_RSA)
            .yes(&[CKA_SIGN]),
        |t, (kind, value)| t.bytes(*kind, value),
    );
    match s.create(&few) {
        Ok(key) => assert_eq!(s.sign(&mech, key, b"abc").unwrap(), signature),
        Err(rv) => expect_rv!(rv.0, CKR_TEMPLATE_INCOMPLETE),
    }
}

#[test]
fn templates_that_contradict_themselves() {
    let token = Token::fresh();
    let s = token.user();
    expect_rv!(
        s.create(&Template::data("x", b"x").again(CKA_LABEL, b"y")),
        CKR_TEMPLATE_INCONSISTENT | CKR_OK
    );
    expect_rv!(
        s.create(&Template::data("x", b"x").bytes(CKA_MODULUS, &[1, 2, 3])),
        CKR_ATTRIBUTE_TYPE_INVALID | CKR_TEMPLATE_INCONSISTENT
    );
    expect_rv!(
        s.create(&Template::data("x", b"x").bytes(0x8765_4321, &[1])),
        CKR_ATTRIBUTE_TYPE_INVALID
    );
    for (kind, value) in [
        (CKA_TOKEN, &[][..]),
        (CKA_TOKEN, &[1, 0]),
        (CKA_PRIVATE, &[0; 8]),
    ] {
        expect_rv!(
            s.create(&Template::data("x", b"x").bytes(kind, value)),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "{kind:#x} {value:?}"
        );
    }
    expect_rv!(
        s.create(
            &Template::new()
                .bytes(CKA_CLASS, &[0, 0, 0, 0])
                .bytes(CKA_VALUE, b"x")
        ),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        expect_rv!(
            s.create(&Template::aes(&[1; 32]).yes(&[kind])),
            CKR_ATTRIBUTE_READ_ONLY | CKR_TEMPLATE_INCONSISTENT,
            "{kind:#x}"
        );
    }
}

#[test]
fn sizes_are_told() {
    let token = Token::fresh();
    let s = token.user();
    let object = s.create(&Template::data("x", &[0; 1000])).unwrap();
    let size = s.size(object).unwrap();
    assert!(size >= 1000 || size == CK_UNAVAILABLE_INFORMATION, "{size}");
}
