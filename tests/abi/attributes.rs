//! C_GetAttributeValue, C_SetAttributeValue.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

#[test]
fn mixed_templates_are_answered_as_far_as_they_go() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_ENCRYPT]);
    let (rv, lengths, buffers) = s.mixed(
        key,
        &[
            CKA_CLASS,
            0x8765_4321,
            CKA_VALUE,
            CKA_KEY_TYPE,
            CKA_MODULUS,
            CKA_LABEL,
        ],
    );
    expect_rv!(rv, CKR_ATTRIBUTE_TYPE_INVALID | CKR_ATTRIBUTE_SENSITIVE);
    assert_eq!(lengths[0], 8);
    assert_eq!(ulong_of(&buffers[0][..8]), CKO_SECRET_KEY);
    assert_eq!(lengths[1], CK_UNAVAILABLE_INFORMATION);
    assert_eq!(lengths[2], CK_UNAVAILABLE_INFORMATION);
    assert_eq!(ulong_of(&buffers[3][..8]), CKK_AES);
    assert_eq!(lengths[4], CK_UNAVAILABLE_INFORMATION);
    assert_eq!(lengths[5], 0);
}

#[test]
fn defaults_are_readable() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[]);
    assert_eq!(s.attribute(key, CKA_ID).unwrap(), b"");
    assert_eq!(s.attribute(key, CKA_LABEL).unwrap(), b"");
    assert_eq!(s.attribute(key, CKA_START_DATE).unwrap(), b"");
    assert_eq!(s.attribute(key, CKA_END_DATE).unwrap(), b"");
    assert!(!s.flag(key, CKA_TOKEN).unwrap());
    assert!(s.flag(key, CKA_MODIFIABLE).unwrap());
    assert!(s.flag(key, CKA_COPYABLE).unwrap());
    assert!(s.flag(key, CKA_DESTROYABLE).unwrap());
    assert!(!s.flag(key, CKA_WRAP_WITH_TRUSTED).unwrap());
    assert!(!s.flag(key, CKA_TRUSTED).unwrap());
    assert_eq!(
        s.ulong(key, CKA_KEY_GEN_MECHANISM).unwrap(),
        CKM_AES_KEY_GEN
    );
    let (public, private) = s.rsa_pair(2048, &[], &[]);
    assert!(!s.flag(private, CKA_ALWAYS_AUTHENTICATE).unwrap());
    assert_eq!(s.attribute(private, CKA_SUBJECT).unwrap(), b"");
    assert_eq!(s.ulong(public, CKA_MODULUS_BITS).unwrap(), 2048);
    assert_eq!(s.attribute(public, CKA_PUBLIC_EXPONENT).unwrap(), [1, 0, 1]);
    assert_eq!(s.attribute(public, CKA_MODULUS).unwrap().len(), 256);
    assert_eq!(s.attribute(private, CKA_MODULUS).unwrap().len(), 256);
    assert_eq!(
        s.ulong(private, CKA_KEY_GEN_MECHANISM).unwrap(),
        CKM_RSA_PKCS_KEY_PAIR_GEN
    );
    let (public, private) = s.ec_pair(der::P256, &[], &[]);
    let point = s.attribute(public, CKA_EC_POINT).unwrap();
    assert_eq!(der::octets_of(&point).expect("an OCTET STRING").len(), 65);
    assert_eq!(s.attribute(private, CKA_EC_PARAMS).unwrap(), der::P256);
    let imported = s.create(&Template::aes(&[1; 16])).unwrap();
    assert_eq!(
        s.ulong(imported, CKA_KEY_GEN_MECHANISM).unwrap(),
        CK_UNAVAILABLE_INFORMATION
    );
    assert_eq!(s.ulong(imported, CKA_VALUE_LEN).unwrap(), 16);
    if is_keyward() {
        assert_eq!(s.attribute(public, CKA_PUBLIC_KEY_INFO).unwrap()[0], 0x30);
        assert!(!s.attribute(key, CKA_UNIQUE_ID).unwrap().is_empty());
        assert_eq!(
            s.attribute(key, CKA_CHECK_VALUE).map_or(3, |kcv| kcv.len()),
            3
        );
    }
}

#[test]
fn pairs_share_what_identifies_them() {
    let token = Token::fresh();
    let s = token.user();
    let both = Template::new().label("pair").bytes(CKA_ID, &[1, 2]);
    let (public, private) = s
        .generate_pair(
            &Mech::plain(CKM_EC_KEY_PAIR_GEN),
            &both.clone().bytes(CKA_EC_PARAMS, der::P384),
            &both,
        )
        .unwrap();
    for key in [public, private] {
        assert_eq!(s.attribute(key, CKA_LABEL).unwrap(), b"pair");
        assert_eq!(s.attribute(key, CKA_ID).unwrap(), [1, 2]);
        assert!(s.flag(key, CKA_LOCAL).unwrap());
    }
    assert!(!s.flag(public, CKA_PRIVATE).unwrap());
    assert!(s.flag(private, CKA_PRIVATE).unwrap());
}

#[test]
fn several_attributes_change_together_or_not_at_all() {
    let token = Token::fresh();
    let s = token.user();
    for kept in [false, true] {
        let template = Template::new()
            .ulong(CKA_VALUE_LEN, 32)
            .label("before")
            .yes(&[CKA_ENCRYPT]);
        let template = if kept { template.token() } else { template };
        let key = s
            .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
            .unwrap();
        expect_rv!(
            s.set(key, &Template::new().label("after").yes(&[CKA_EXTRACTABLE])),
            CKR_ATTRIBUTE_READ_ONLY
        );
        assert_eq!(s.attribute(key, CKA_LABEL).unwrap(), b"before");
        s.set(
            key,
            &Template::new()
                .label("after")
                .bytes(CKA_ID, &[9])
                .no(&[CKA_ENCRYPT]),
        )
        .unwrap();
        assert_eq!(s.attribute(key, CKA_LABEL).unwrap(), b"after");
        assert_eq!(s.attribute(key, CKA_ID).unwrap(), [9]);
        expect_rv!(
            s.encrypt_init(&Mech::plain(CKM_AES_ECB), key),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
        expect_rv!(
            s.set(key, &Template::new().bytes(0x8765_4321, &[1])),
            CKR_ATTRIBUTE_TYPE_INVALID
        );
        expect_rv!(
            s.set(key, &Template::new().bytes(CKA_ENCRYPT, &[1, 1])),
            CKR_ATTRIBUTE_VALUE_INVALID
        );
        expect_rv!(
            s.set(key, &Template::new().bytes(CKA_TOKEN, &[u8::from(!kept)])),
            CKR_ATTRIBUTE_READ_ONLY
        );
        expect_rv!(
            s.set(key, &Template::new().bytes(CKA_PRIVATE, &[0])),
            CKR_ATTRIBUTE_READ_ONLY
        );
    }
}

#[test]
fn class_08_short_buffers_of_lists_and_attributes() {
    let token = Token::fresh();
    let session = token.user();
    let mut count = 0;
    let mut one = [0; 1];
    expect_rv!(
        call!(C_GetSlotList(
            CK_FALSE,
            std::ptr::null_mut(),
            &raw mut count
        )),
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
