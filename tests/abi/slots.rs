//! C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo, C_GetMechanismList, C_GetMechanismInfo,
//! C_WaitForSlotEvent.

use crate::support::*;
use cryptoki_sys::*;
use std::collections::HashSet;
use std::ptr::null_mut;

#[test]
fn a_free_slot_is_always_last() {
    let token = Token::fresh();
    let info = |slot| {
        let mut info = CK_TOKEN_INFO::default();
        expect_rv!(
            call!(C_GetTokenInfo(slot, &raw mut info)),
            CKR_OK | CKR_TOKEN_NOT_RECOGNIZED
        );
        info
    };
    // Other tests make tokens at the same time: look at one list.
    let list = slots(true);
    let free: Vec<_> = list
        .iter()
        .filter(|slot| info(**slot).flags & CKF_TOKEN_INITIALIZED == 0)
        .collect();
    assert!(free.len() <= 1 && list.contains(&token.slot));
}

#[test]
fn slot_ids_never_change() {
    let one = Token::fresh();
    let two = Token::fresh();
    assert_ne!(one.slot, two.slot);
    assert_eq!(one.info().label[..one.label.len()], *one.label.as_bytes());
    let three = Token::fresh();
    assert_eq!(Token::named(&one.label).unwrap().slot, one.slot);
    assert_eq!(Token::named(&two.label).unwrap().slot, two.slot);
    assert_eq!(Token::named(&three.label).unwrap().slot, three.slot);
}

#[test]
fn slot_ids_survive_initialising_again() {
    let token = Token::fresh();
    let mut pin = SO_PIN.as_bytes().to_vec();
    let mut label = *b"another label                   ";
    let rv = call!(C_InitToken(
        token.slot,
        pin.as_mut_ptr(),
        pin.len() as CK_ULONG,
        label.as_mut_ptr()
    ));
    expect_rv!(rv, CKR_OK);
    assert_eq!(token.info().label, label);
    assert!(
        token.info().flags & CKF_USER_PIN_INITIALIZED == 0,
        "the user's PIN is gone"
    );
}

#[test]
fn slots_that_do_not_exist() {
    module();
    let mut slot = CK_SLOT_INFO::default();
    let mut token = CK_TOKEN_INFO::default();
    let (mut n, mut handle) = (0, 0);
    let nowhere = u64::MAX - 5;
    expect_rv!(
        call!(C_GetSlotInfo(nowhere, &raw mut slot)),
        CKR_SLOT_ID_INVALID
    );
    expect_rv!(
        call!(C_GetTokenInfo(nowhere, &raw mut token)),
        CKR_SLOT_ID_INVALID
    );
    expect_rv!(
        call!(C_GetMechanismList(nowhere, null_mut(), &raw mut n)),
        CKR_SLOT_ID_INVALID
    );
    expect_rv!(call!(C_CloseAllSessions(nowhere)), CKR_SLOT_ID_INVALID);
    expect_rv!(
        call!(C_OpenSession(
            nowhere,
            CKF_SERIAL_SESSION,
            null_mut(),
            None,
            &raw mut handle
        )),
        CKR_SLOT_ID_INVALID
    );
}

#[test]
fn the_free_slot_has_no_token_to_use() {
    module();
    let slot = free_slot();
    let mut handle = 0;
    expect_rv!(
        call!(C_OpenSession(
            slot,
            CKF_SERIAL_SESSION,
            null_mut(),
            None,
            &raw mut handle
        )),
        CKR_TOKEN_NOT_RECOGNIZED | CKR_TOKEN_NOT_PRESENT
    );
}

#[test]
fn token_info_counts_sessions() {
    let token = Token::fresh();
    assert_eq!(token.info().ulSessionCount, 0);
    let (_one, _two) = (token.session(), token.read_only());
    let info = token.info();
    assert_eq!((info.ulSessionCount, info.ulRwSessionCount), (2, 1));
    assert!(info.flags & CKF_RNG != 0 && info.flags & CKF_LOGIN_REQUIRED != 0);
    assert!(info.flags & CKF_USER_PIN_INITIALIZED != 0);
    assert!(info.ulMinPinLen >= 4 && info.ulMaxPinLen >= 16);
    assert!(
        info.serialNumber.iter().all(|b| *b != 0),
        "padded with blanks"
    );
}

/// What the foundation offers, with a flag that each must have.
const MECHANISMS: &[(CK_MECHANISM_TYPE, CK_FLAGS)] = &[
    (CKM_AES_KEY_GEN, CKF_GENERATE),
    (CKM_GENERIC_SECRET_KEY_GEN, CKF_GENERATE),
    (CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
    (CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
    (CKM_EC_EDWARDS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
    (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
    (CKM_AES_ECB, CKF_ENCRYPT),
    (CKM_AES_CBC, CKF_ENCRYPT),
    (CKM_AES_CBC_PAD, CKF_DECRYPT),
    (CKM_AES_CTR, CKF_ENCRYPT),
    (CKM_AES_GCM, CKF_DECRYPT),
    (CKM_AES_CMAC, CKF_SIGN),
    (CKM_AES_KEY_WRAP, CKF_WRAP),
    (CKM_AES_KEY_WRAP_PAD, CKF_UNWRAP),
    (CKM_AES_KEY_WRAP_KWP, CKF_WRAP),
    (CKM_RSA_PKCS, CKF_SIGN),
    (CKM_RSA_X_509, CKF_DECRYPT),
    (CKM_SHA1_RSA_PKCS, CKF_VERIFY),
    (CKM_SHA224_RSA_PKCS, CKF_SIGN),
    (CKM_SHA256_RSA_PKCS, CKF_SIGN),
    (CKM_SHA384_RSA_PKCS, CKF_SIGN),
    (CKM_SHA512_RSA_PKCS, CKF_SIGN),
    (CKM_SHA3_256_RSA_PKCS, CKF_SIGN),
    (CKM_SHA3_512_RSA_PKCS, CKF_SIGN),
    (CKM_RSA_PKCS_PSS, CKF_SIGN),
    (CKM_SHA256_RSA_PKCS_PSS, CKF_SIGN),
    (CKM_SHA384_RSA_PKCS_PSS, CKF_SIGN),
    (CKM_SHA512_RSA_PKCS_PSS, CKF_VERIFY),
    (CKM_SHA3_384_RSA_PKCS_PSS, CKF_VERIFY),
    (CKM_RSA_PKCS_OAEP, CKF_DECRYPT),
    (CKM_ECDSA, CKF_SIGN),
    (CKM_ECDSA_SHA256, CKF_SIGN),
    (CKM_ECDSA_SHA384, CKF_SIGN),
    (CKM_ECDSA_SHA512, CKF_SIGN),
    (CKM_ECDSA_SHA3_256, CKF_VERIFY),
    (CKM_ECDH1_DERIVE, CKF_DERIVE),
    (CKM_EDDSA, CKF_SIGN),
    (CKM_SHA_1, CKF_DIGEST),
    (CKM_SHA224, CKF_DIGEST),
    (CKM_SHA256, CKF_DIGEST),
    (CKM_SHA384, CKF_DIGEST),
    (CKM_SHA512, CKF_DIGEST),
    (CKM_SHA3_224, CKF_DIGEST),
    (CKM_SHA3_256, CKF_DIGEST),
    (CKM_SHA3_384, CKF_DIGEST),
    (CKM_SHA3_512, CKF_DIGEST),
    (CKM_SHA_1_HMAC, CKF_SIGN),
    (CKM_SHA256_HMAC, CKF_SIGN),
    (CKM_SHA512_HMAC, CKF_VERIFY),
    (CKM_SHA3_256_HMAC, CKF_SIGN),
];

#[test]
fn mechanisms_have_information_and_nothing_else_has() {
    let token = Token::fresh();
    let mut count = 0;
    expect_rv!(
        call!(C_GetMechanismList(token.slot, null_mut(), &raw mut count)),
        CKR_OK
    );
    let mut list = vec![0; count as usize];
    expect_rv!(
        call!(C_GetMechanismList(
            token.slot,
            list.as_mut_ptr(),
            &raw mut count
        )),
        CKR_OK
    );
    let set: HashSet<_> = list.iter().copied().collect();
    assert_eq!(set.len(), list.len(), "a mechanism twice");
    println!("{} mechanisms", list.len());
    let info = |kind| {
        let mut info = CK_MECHANISM_INFO::default();
        (
            call!(C_GetMechanismInfo(token.slot, kind, &raw mut info)),
            info,
        )
    };
    for kind in &list {
        let (rv, info) = info(*kind);
        expect_rv!(rv, CKR_OK, "{kind:#x}");
        assert!(info.ulMinKeySize <= info.ulMaxKeySize, "{kind:#x}");
        assert_ne!(info.flags & !CKF_HW, 0, "{kind:#x} does nothing");
    }
    for kind in (0..0x1200)
        .filter(|kind| !set.contains(kind))
        .chain([u64::MAX])
    {
        expect_rv!(info(kind).0, CKR_MECHANISM_INVALID, "{kind:#x}");
    }
    if is_keyward() {
        for (kind, flag) in MECHANISMS {
            assert!(set.contains(kind), "{kind:#x} is missing");
            assert_ne!(info(*kind).1.flags & flag, 0, "{kind:#x} lacks {flag:#x}");
        }
    }
}

#[test]
fn listed_mechanisms_are_taken_and_others_are_not() {
    let token = Token::fresh();
    let session = token.user();
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]);
    for kind in [0x9999u64, CKM_MD2, CKM_DES_ECB, u64::MAX] {
        let m = Mech::plain(kind);
        expect_rv!(session.encrypt_init(&m, key), CKR_MECHANISM_INVALID);
        expect_rv!(session.decrypt_init(&m, key), CKR_MECHANISM_INVALID);
        expect_rv!(session.sign_init(&m, key), CKR_MECHANISM_INVALID);
        expect_rv!(session.verify_init(&m, key), CKR_MECHANISM_INVALID);
        expect_rv!(session.digest_init(&m), CKR_MECHANISM_INVALID);
        expect_rv!(
            session.generate(&m, &Template::new()),
            CKR_MECHANISM_INVALID
        );
        expect_rv!(
            session.generate_pair(&m, &Template::new(), &Template::new()),
            CKR_MECHANISM_INVALID
        );
        expect_rv!(
            session.derive(&m, key, &Template::new()),
            CKR_MECHANISM_INVALID
        );
    }
    // A mechanism for something else.
    expect_rv!(
        session.encrypt_init(&Mech::plain(CKM_SHA256), key),
        CKR_MECHANISM_INVALID
    );
    expect_rv!(
        session.digest_init(&Mech::plain(CKM_AES_ECB)),
        CKR_MECHANISM_INVALID
    );
    expect_rv!(
        session.sign_init(&Mech::plain(CKM_AES_ECB), key),
        CKR_MECHANISM_INVALID
    );
}

#[test]
fn waiting_for_slots_without_blocking() {
    module();
    let mut slot = 0;
    expect_rv!(
        call!(C_WaitForSlotEvent(
            CKF_DONT_BLOCK,
            &raw mut slot,
            null_mut()
        )),
        CKR_NO_EVENT | CKR_OK | CKR_FUNCTION_NOT_SUPPORTED
    );
}
