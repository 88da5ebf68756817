//! What is asynchronous, cancelled, seeded, waited for and trusted.

use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

#[test]
fn nothing_is_asynchronous_and_nothing_is_validated() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    expect_rv!(
        token.open(CKF_SERIAL_SESSION | CKF_ASYNC_SESSION),
        CKR_SESSION_ASYNC_NOT_SUPPORTED
    );
    let mut name = *b"C_SignInit\0";
    let name = name.as_mut_ptr();
    let (mut id, mut byte) = (0, 0u8);
    expect_rv!(
        call32!(C_AsyncComplete(h, name, null_mut())),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call32!(C_AsyncGetID(h, name, &raw mut id)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call32!(C_AsyncJoin(h, name, 1, &raw mut byte, 1)),
        CKR_SAVED_STATE_INVALID
    );
    expect_rv!(
        call32!(C_AsyncComplete(h, null_mut(), null_mut())),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(
        call32!(C_AsyncGetID(h, name, null_mut())),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(
        call32!(C_AsyncJoin(h, null_mut(), 1, &raw mut byte, 1)),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(
        call32!(C_AsyncComplete(0, name, null_mut())),
        CKR_SESSION_HANDLE_INVALID
    );
    let mut flags = 7;
    let kind = CKS_LAST_VALIDATION_OK;
    expect_rv!(
        call32!(C_GetSessionValidationFlags(h, kind, &raw mut flags)),
        CKR_OK
    );
    assert_eq!(flags, 0);
    expect_rv!(
        call32!(C_GetSessionValidationFlags(h, 9, &raw mut flags)),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(
        call32!(C_GetSessionValidationFlags(h, kind, null_mut())),
        CKR_ARGUMENTS_BAD
    );
    assert!(s.find(&Template::class(CKO_VALIDATION)).unwrap().is_empty());
    expect_rv!(
        s.create(&Template::class(CKO_VALIDATION)),
        CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn every_flag_cancels_its_operation_and_no_other() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]);
    let start = || {
        let ecb = Mech::plain(CKM_AES_ECB);
        let cmac = Mech::plain(CKM_AES_CMAC);
        [
            (CKF_ENCRYPT, s.encrypt_init(&ecb, key)),
            (CKF_DECRYPT, s.decrypt_init(&ecb, key)),
            (CKF_DIGEST, s.digest_init(&Mech::plain(CKM_SHA256))),
            (CKF_SIGN, s.sign_init(&cmac, key)),
            (CKF_VERIFY, s.verify_init(&cmac, key)),
            (
                CKF_FIND_OBJECTS,
                ok(call!(C_FindObjectsInit(h, null_mut(), 0))),
            ),
        ]
    };
    for (_, begun) in start() {
        begun.unwrap();
    }
    for flag in [
        CKF_ENCRYPT,
        CKF_DECRYPT,
        CKF_DIGEST,
        CKF_SIGN,
        CKF_VERIFY,
        CKF_FIND_OBJECTS,
    ] {
        expect_rv!(call30!(C_SessionCancel(h, flag)), CKR_OK);
        for (own, begun) in start() {
            match own == flag {
                true => expect_rv!(begun, CKR_OK),
                false => expect_rv!(begun, CKR_OPERATION_ACTIVE),
            }
        }
    }
    expect_rv!(call30!(C_SessionCancel(h, 0)), CKR_OK);
    expect_rv!(call30!(C_SessionCancel(h, u64::MAX)), CKR_OK);
    for (_, begun) in start() {
        begun.unwrap();
    }
    expect_rv!(call30!(C_SessionCancel(0, 0)), CKR_SESSION_HANDLE_INVALID);
}

#[test]
fn seeds_are_mixed_in() {
    let token = Token::fresh();
    let s = token.user();
    let mut seed = [1u8; 64];
    let mut seen = std::collections::HashSet::new();
    for _ in 0..10 {
        expect_rv!(call!(C_SeedRandom(s.handle, seed.as_mut_ptr(), 64)), CKR_OK);
        assert!(seen.insert(s.random(32).unwrap()));
    }
    expect_rv!(call!(C_SeedRandom(s.handle, null_mut(), 0)), CKR_OK);
    expect_rv!(
        call!(C_SeedRandom(s.handle, null_mut(), 1)),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(
        call!(C_SeedRandom(s.handle, seed.as_mut_ptr(), 1 << 63)),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(
        call!(C_SeedRandom(0, seed.as_mut_ptr(), 1)),
        CKR_SESSION_HANDLE_INVALID
    );
}

#[test]
fn slot_events_of_tokens_that_come() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let mut slot = 0;
        let wait =
            |slot: &mut CK_SLOT_ID, flags| call!(C_WaitForSlotEvent(flags, slot, null_mut()));
        expect_rv!(wait(&mut slot, CKF_DONT_BLOCK), CKR_NO_EVENT);
        expect_rv!(
            call!(C_WaitForSlotEvent(CKF_DONT_BLOCK, null_mut(), null_mut())),
            CKR_ARGUMENTS_BAD
        );
        let mut byte = 0u8;
        expect_rv!(
            call!(C_WaitForSlotEvent(
                CKF_DONT_BLOCK,
                &raw mut slot,
                (&raw mut byte).cast()
            )),
            CKR_ARGUMENTS_BAD
        );
        let token = Token::create();
        expect_rv!(wait(&mut slot, CKF_DONT_BLOCK), CKR_OK);
        assert_eq!(slot, token.slot);
        expect_rv!(wait(&mut slot, CKF_DONT_BLOCK), CKR_NO_EVENT);
        // One thread waits until a token comes, and then until the module ends.
        let waiting = std::thread::spawn(move || {
            let mut slot = 0;
            let first = call!(C_WaitForSlotEvent(0, &raw mut slot, null_mut()));
            let mut other = 0;
            let second = call!(C_WaitForSlotEvent(0, &raw mut other, null_mut()));
            (first, slot, second)
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        let token = Token::create();
        std::thread::sleep(std::time::Duration::from_millis(500));
        expect_rv!(finalize(), CKR_OK);
        let (first, slot, second) = waiting.join().unwrap();
        assert_eq!((first, slot), (CKR_OK, token.slot));
        assert_eq!(second, CKR_CRYPTOKI_NOT_INITIALIZED);
        expect_rv!(
            wait(&mut { 0 }, CKF_DONT_BLOCK),
            CKR_CRYPTOKI_NOT_INITIALIZED
        );
    });
}

#[test]
fn trust_objects() {
    let token = Token::fresh();
    let s = token.user();
    let named = || {
        Template::class(CKO_TRUST)
            .bytes(CKA_ISSUER, b"\x30\x00")
            .bytes(CKA_SERIAL_NUMBER, b"\x02\x01\x05")
    };
    let trusted = named()
        .token()
        .bytes(CKA_HASH_OF_CERTIFICATE, &[7; 32])
        .ulong(CKA_NAME_HASH_ALGORITHM, CKM_SHA256)
        .ulong(CKA_TRUST_SERVER_AUTH, CK_ULONG::from(CKT_TRUST_ANCHOR));
    let object = s.create(&trusted).unwrap();
    assert_eq!(
        s.ulong(object, CKA_TRUST_SERVER_AUTH).unwrap(),
        CK_ULONG::from(CKT_TRUST_ANCHOR)
    );
    assert_eq!(
        s.ulong(object, CKA_TRUST_EMAIL_PROTECTION).unwrap(),
        CK_ULONG::from(CKT_TRUST_UNKNOWN)
    );
    assert!(!s.flag(object, CKA_PRIVATE).unwrap() && s.flag(object, CKA_MODIFIABLE).unwrap());
    let search = Template::class(CKO_TRUST).bytes(CKA_SERIAL_NUMBER, b"\x02\x01\x05");
    assert_eq!(s.find(&search).unwrap(), [object]);
    // Trust wants the certificate's hash, doubt does not.
    let doubted = named().ulong(CKA_TRUST_SERVER_AUTH, CK_ULONG::from(CKT_NOT_TRUSTED));
    let doubted = s.create(&doubted).unwrap();
    let trust = Template::new().ulong(CKA_TRUST_SERVER_AUTH, CK_ULONG::from(CKT_TRUSTED));
    expect_rv!(s.set(doubted, &trust), CKR_TEMPLATE_INCOMPLETE);
    s.set(object, &trust).unwrap();
    expect_rv!(
        s.create(&named().ulong(CKA_TRUST_CODE_SIGNING, CK_ULONG::from(CKT_TRUSTED))),
        CKR_TEMPLATE_INCOMPLETE
    );
    expect_rv!(
        s.create(&named().ulong(CKA_TRUST_CODE_SIGNING, 5)),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    expect_rv!(
        s.create(&named().without(CKA_ISSUER)),
        CKR_TEMPLATE_INCOMPLETE
    );
    s.logout().unwrap();
    assert_eq!(s.find(&search).unwrap().len(), 2);
}
