//! Bad input, class 1: NULL where a pointer is required.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn started() -> (Token, Session) {
    expect_rv!(initialize(), CKR_OK);
    let token = Token::create();
    let session = token.user();
    (token, session)
}

/// Ends whatever operation is active: NULL for a mechanism means that since 3.0.
fn cancel(s: CK_SESSION_HANDLE) {
    let _ = call!(C_EncryptInit(s, null_mut(), 0));
    let _ = call!(C_DecryptInit(s, null_mut(), 0));
    let _ = call!(C_SignInit(s, null_mut(), 0));
    let _ = call!(C_VerifyInit(s, null_mut(), 0));
    let _ = call!(C_DigestInit(s, null_mut()));
}

#[test]
fn class_01_null_pointers_outside_sessions() {
    isolated!(|| {
        let (token, _session) = started();
        let slot = token.slot;
        let mut count = 0;
        let mut label = [b' '; 32];
        let mut pin = *b"12345678";
        expect_rv!(call!(C_GetInfo(null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(call!(C_GetFunctionList(null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(
            call!(C_GetSlotList(CK_TRUE, null_mut(), null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(call!(C_GetSlotInfo(slot, null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(call!(C_GetTokenInfo(slot, null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(
            call!(C_GetMechanismList(slot, null_mut(), null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GetMechanismInfo(slot, CKM_SHA256, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_OpenSession(
                slot,
                CKF_SERIAL_SESSION,
                null_mut(),
                None,
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        let free = free_slot();
        expect_rv!(
            call!(C_InitToken(free, null_mut(), 8, label.as_mut_ptr())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_InitToken(free, pin.as_mut_ptr(), 8, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_WaitForSlotEvent(CKF_DONT_BLOCK, null_mut(), null_mut())),
            CKR_ARGUMENTS_BAD | CKR_FUNCTION_NOT_SUPPORTED
        );
        expect_rv!(
            call!(C_GetSlotList(CK_TRUE, null_mut(), &raw mut count)),
            CKR_OK
        );
    });
}

#[test]
fn class_01_null_pointers_in_sessions() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP]);
        let mut template = Template::data("x", b"x").raw();
        let mut handle = 0;
        expect_rv!(call!(C_GetSessionInfo(s, null_mut())), CKR_ARGUMENTS_BAD);
        expect_rv!(
            call!(C_SetPIN(s, null_mut(), 8, null_mut(), 8)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_CreateObject(s, null_mut(), 1, &raw mut handle)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_CreateObject(
                s,
                template.ptr(),
                template.len(),
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_CopyObject(s, key, null_mut(), 1, &raw mut handle)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_CopyObject(s, key, null_mut(), 0, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GetObjectSize(s, key, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GetAttributeValue(s, key, null_mut(), 1)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_SetAttributeValue(s, key, null_mut(), 1)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_FindObjectsInit(s, null_mut(), 1)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(call!(C_FindObjectsInit(s, null_mut(), 0)), CKR_OK);
        let mut count = 0;
        expect_rv!(
            call!(C_FindObjects(s, null_mut(), 1, &raw mut count)),
            CKR_ARGUMENTS_BAD
        );
        let _ = call!(C_FindObjectsFinal(s));
        expect_rv!(call!(C_FindObjectsInit(s, null_mut(), 0)), CKR_OK);
        expect_rv!(
            call!(C_FindObjects(s, &raw mut handle, 1, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        let _ = call!(C_FindObjectsFinal(s));
        expect_rv!(call!(C_GenerateRandom(s, null_mut(), 5)), CKR_ARGUMENTS_BAD);
        expect_rv!(
            call!(C_SeedRandom(s, null_mut(), 5)),
            CKR_ARGUMENTS_BAD | CKR_RANDOM_SEED_NOT_SUPPORTED
        );
    });
}

#[test]
fn class_01_null_pointers_of_attribute_values() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let mut handle = 0;
        for (kind, length) in [
            (CKA_LABEL, 5),
            (CKA_CLASS, 8),
            (CKA_ID, usize::MAX),
            (CKA_TOKEN, 1),
        ] {
            let mut wrong = Template::data("x", b"x").without(kind).raw();
            wrong.attributes.push(CK_ATTRIBUTE {
                type_: kind,
                pValue: null_mut(),
                ulValueLen: length as CK_ULONG,
            });
            expect_rv!(
                call!(C_CreateObject(s, wrong.ptr(), wrong.len(), &raw mut handle)),
                CKR_ARGUMENTS_BAD | CKR_ATTRIBUTE_VALUE_INVALID,
                "attribute {kind:#x}"
            );
        }
    });
}

#[test]
fn class_01_null_pointers_of_keys() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let wrapping = session.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
        let key = session.aes_key(32, &[CKA_EXTRACTABLE, CKA_DERIVE]);
        let mut generate = Mech::plain(CKM_AES_KEY_GEN).raw();
        let mut pair = Mech::plain(CKM_EC_KEY_PAIR_GEN).raw();
        let mut wrap = Mech::plain(CKM_AES_KEY_WRAP).raw();
        let mut t = Template::new().ulong(CKA_VALUE_LEN, 16).raw();
        let mut p = Template::new().bytes(CKA_EC_PARAMS, der::P256).raw();
        let (mut one, mut two, mut length) = (0, 0, 64);
        let mut buffer = [0u8; 64];
        let at = buffer.as_mut_ptr();
        expect_rv!(
            call!(C_GenerateKey(s, null_mut(), t.ptr(), t.len(), &raw mut one)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKey(
                s,
                &raw mut generate,
                null_mut(),
                1,
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKey(
                s,
                &raw mut generate,
                t.ptr(),
                t.len(),
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                null_mut(),
                p.ptr(),
                1,
                null_mut(),
                0,
                &raw mut one,
                &raw mut two
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                &raw mut pair,
                null_mut(),
                1,
                null_mut(),
                0,
                &raw mut one,
                &raw mut two
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                &raw mut pair,
                p.ptr(),
                1,
                null_mut(),
                1,
                &raw mut one,
                &raw mut two
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                &raw mut pair,
                p.ptr(),
                1,
                null_mut(),
                0,
                null_mut(),
                &raw mut two
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_GenerateKeyPair(
                s,
                &raw mut pair,
                p.ptr(),
                1,
                null_mut(),
                0,
                &raw mut one,
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_WrapKey(s, null_mut(), wrapping, key, at, &raw mut length)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_WrapKey(s, &raw mut wrap, wrapping, key, at, null_mut())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_UnwrapKey(
                s,
                null_mut(),
                wrapping,
                at,
                24,
                t.ptr(),
                t.len(),
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_UnwrapKey(
                s,
                &raw mut wrap,
                wrapping,
                null_mut(),
                24,
                t.ptr(),
                t.len(),
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_UnwrapKey(
                s,
                &raw mut wrap,
                wrapping,
                at,
                24,
                null_mut(),
                1,
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_UnwrapKey(
                s,
                &raw mut wrap,
                wrapping,
                at,
                24,
                t.ptr(),
                t.len(),
                null_mut()
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            call!(C_DeriveKey(
                s,
                null_mut(),
                key,
                t.ptr(),
                t.len(),
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        let mut ecdh = Mech::ecdh(CKD_NULL, b"", &[4; 65]).raw();
        expect_rv!(
            call!(C_DeriveKey(
                s,
                &raw mut ecdh,
                key,
                null_mut(),
                1,
                &raw mut one
            )),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(call!(C_GetInfo(null_mut())), CKR_ARGUMENTS_BAD);
    });
}

#[test]
fn class_01_null_pointers_of_operations() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]);
        let (iv, mac) = (
            Mech::bytes(CKM_AES_CBC_PAD, &[0; 16]),
            Mech::plain(CKM_AES_CMAC),
        );
        let mut buffer = [0u8; 64];
        let at = buffer.as_mut_ptr();
        let mut n = 64;
        for calls in 0..4 {
            session.encrypt_init(&iv, key).unwrap();
            let rv = match calls {
                0 => call!(C_Encrypt(s, null_mut(), 5, at, &raw mut n)),
                1 => call!(C_Encrypt(s, at, 5, at, null_mut())),
                2 => call!(C_EncryptUpdate(s, null_mut(), 5, at, &raw mut n)),
                _ => call!(C_EncryptUpdate(s, at, 5, at, null_mut())),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "encrypt {calls}");
            expect_rv!(
                call!(C_EncryptFinal(s, at, null_mut())),
                CKR_ARGUMENTS_BAD | CKR_OPERATION_NOT_INITIALIZED
            );
            cancel(s);
            session.decrypt_init(&iv, key).unwrap();
            let rv = match calls {
                0 => call!(C_Decrypt(s, null_mut(), 16, at, &raw mut n)),
                1 => call!(C_Decrypt(s, at, 16, at, null_mut())),
                2 => call!(C_DecryptUpdate(s, null_mut(), 16, at, &raw mut n)),
                _ => call!(C_DecryptUpdate(s, at, 16, at, null_mut())),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "decrypt {calls}");
            cancel(s);
            session.sign_init(&mac, key).unwrap();
            let rv = match calls {
                0 => call!(C_Sign(s, null_mut(), 5, at, &raw mut n)),
                1 => call!(C_Sign(s, at, 5, at, null_mut())),
                2 => call!(C_SignUpdate(s, null_mut(), 5)),
                _ => call!(C_SignFinal(s, at, null_mut())),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "sign {calls}");
            cancel(s);
            session.verify_init(&mac, key).unwrap();
            let rv = match calls {
                0 => call!(C_Verify(s, null_mut(), 5, at, 16)),
                1 => call!(C_Verify(s, at, 5, null_mut(), 16)),
                2 => call!(C_VerifyUpdate(s, null_mut(), 5)),
                _ => call!(C_VerifyFinal(s, null_mut(), 16)),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "verify {calls}");
            cancel(s);
            session.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
            let rv = match calls {
                0 => call!(C_Digest(s, null_mut(), 5, at, &raw mut n)),
                1 => call!(C_Digest(s, at, 5, at, null_mut())),
                2 => call!(C_DigestUpdate(s, null_mut(), 5)),
                _ => call!(C_DigestFinal(s, at, null_mut())),
            };
            expect_rv!(rv, CKR_ARGUMENTS_BAD, "digest {calls}");
            cancel(s);
        }
    });
}

#[test]
fn class_01_null_mechanism_cancels() {
    isolated!(|| {
        let (_token, session) = started();
        let s = session.handle;
        let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_SIGN]);
        session
            .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
            .unwrap();
        expect_rv!(
            session.encrypt_init(&Mech::plain(CKM_AES_ECB), key),
            CKR_OPERATION_ACTIVE
        );
        expect_rv!(call!(C_EncryptInit(s, null_mut(), 0)), CKR_OK);
        session
            .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
            .unwrap();
        session.sign_init(&Mech::plain(CKM_AES_CMAC), key).unwrap();
        expect_rv!(call30!(C_SessionCancel(s, CKF_ENCRYPT | CKF_SIGN)), CKR_OK);
        session
            .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
            .unwrap();
        session.sign_init(&Mech::plain(CKM_AES_CMAC), key).unwrap();
    });
}
