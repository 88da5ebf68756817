//! The functions that few callers use: message signatures, known signatures, recovery, dual calls, saved
//! digests, encapsulation, authenticated wraps, and what is asynchronous.

use crate::rsa_template;
use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn at(bytes: &[u8]) -> (*mut u8, CK_ULONG) {
    (bytes.as_ptr().cast_mut(), bytes.len() as CK_ULONG)
}

/// Any signing pair of the test: mechanism, the key that signs, the key that verifies.
fn signers(s: &Session) -> Vec<(Mech, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
    let (public, private) = s.rsa_pair(2048, &[CKA_VERIFY], &[CKA_SIGN]);
    let (ec_public, ec_private) = s.ec_pair(der::P256, &[CKA_VERIFY], &[CKA_SIGN]);
    let secret = s.aes_key(32, &[CKA_SIGN, CKA_VERIFY]);
    vec![
        (Mech::plain(CKM_SHA256_RSA_PKCS), private, public),
        (
            Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32),
            private,
            public,
        ),
        (Mech::plain(CKM_ECDSA_SHA256), ec_private, ec_public),
        (Mech::plain(CKM_AES_CMAC), secret, secret),
        (Mech::general(CKM_AES_CMAC_GENERAL, 8), secret, secret),
    ]
}

#[test]
fn messages_are_signed_and_verified() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    for (mech, own, other) in signers(&s) {
        let mut m = mech.raw();
        expect_rv!(call30!(C_MessageSignInit(h, &raw mut m, own)), CKR_OK);
        expect_rv!(
            call30!(C_MessageSignInit(h, &raw mut m, own)),
            CKR_OPERATION_ACTIVE
        );
        expect_rv!(call30!(C_MessageVerifyInit(h, &raw mut m, other)), CKR_OK);
        for message in [&b""[..], b"one", &[7; 3000]] {
            let (d, dn) = at(message);
            let signature =
                two_call(|out, n| call30!(C_SignMessage(h, null_mut(), 0, d, dn, out, n))).unwrap();
            s.verify(&mech, other, message, &signature).unwrap();
            let (sig, sn) = at(&signature);
            expect_rv!(
                call30!(C_VerifyMessage(h, null_mut(), 0, d, dn, sig, sn)),
                CKR_OK
            );
            let mut bad = signature.clone();
            bad[0] ^= 1;
            let (b, bn) = at(&bad);
            expect_rv!(
                call30!(C_VerifyMessage(h, null_mut(), 0, d, dn, b, bn)),
                CKR_SIGNATURE_INVALID
            );
            expect_rv!(
                call30!(C_VerifyMessage(h, null_mut(), 0, d, dn, b, bn - 1)),
                CKR_SIGNATURE_LEN_RANGE
            );
            // In parts.
            expect_rv!(call30!(C_SignMessageBegin(h, null_mut(), 0)), CKR_OK);
            expect_rv!(
                call30!(C_SignMessageBegin(h, null_mut(), 0)),
                CKR_OPERATION_ACTIVE
            );
            for chunk in message.chunks(100) {
                let (c, cn) = at(chunk);
                let null = null_mut();
                expect_rv!(
                    call30!(C_SignMessageNext(h, null, 0, c, cn, null_mut(), null_mut())),
                    CKR_OK
                );
            }
            let parts = two_call(|out, n| {
                call30!(C_SignMessageNext(h, null_mut(), 0, null_mut(), 0, out, n))
            })
            .unwrap();
            expect_rv!(call30!(C_VerifyMessageBegin(h, null_mut(), 0)), CKR_OK);
            let (p, pn) = at(&parts);
            expect_rv!(
                call30!(C_VerifyMessageNext(h, null_mut(), 0, d, dn, null_mut(), 0)),
                CKR_OK
            );
            expect_rv!(
                call30!(C_VerifyMessageNext(h, null_mut(), 0, null_mut(), 0, p, pn)),
                CKR_OK
            );
            expect_rv!(
                call30!(C_VerifyMessageNext(h, null_mut(), 0, d, dn, p, pn)),
                CKR_OPERATION_NOT_INITIALIZED
            );
        }
        expect_rv!(call30!(C_MessageSignFinal(h)), CKR_OK);
        expect_rv!(call30!(C_MessageVerifyFinal(h)), CKR_OK);
        expect_rv!(
            call30!(C_MessageSignFinal(h)),
            CKR_OPERATION_NOT_INITIALIZED
        );
    }
}

#[test]
fn signed_messages_met_by_bad_calls() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    let (d, dn) = at(b"data");
    let mut buffer = [CANARY; 300];
    let (out, mut n) = (buffer.as_mut_ptr(), 300);
    let none = CKR_OPERATION_NOT_INITIALIZED;
    for rv in [
        call30!(C_SignMessage(h, null_mut(), 0, d, dn, out, &raw mut n)),
        call30!(C_SignMessageBegin(h, null_mut(), 0)),
        call30!(C_SignMessageNext(h, null_mut(), 0, d, dn, out, &raw mut n)),
        call30!(C_VerifyMessage(h, null_mut(), 0, d, dn, out, 4)),
        call30!(C_VerifyMessageBegin(h, null_mut(), 0)),
        call30!(C_VerifyMessageNext(h, null_mut(), 0, d, dn, out, 4)),
        call30!(C_MessageVerifyFinal(h)),
    ] {
        assert_eq!(rv, none);
    }
    let (_, private) = s.ec_pair(der::P256, &[CKA_VERIFY], &[CKA_SIGN]);
    let mut m = Mech::plain(CKM_ECDSA).raw();
    expect_rv!(call30!(C_MessageSignInit(h, &raw mut m, private)), CKR_OK);
    // One part only, no parameter of a message, no room.
    expect_rv!(
        call30!(C_SignMessageBegin(h, null_mut(), 0)),
        CKR_FUNCTION_NOT_SUPPORTED
    );
    expect_rv!(
        call30!(C_SignMessage(h, out.cast(), 8, d, dn, out, &raw mut n)),
        CKR_MECHANISM_PARAM_INVALID
    );
    n = 63;
    expect_rv!(
        call30!(C_SignMessage(h, null_mut(), 0, d, dn, out, &raw mut n)),
        CKR_BUFFER_TOO_SMALL
    );
    assert_eq!((n, buffer), (64, [CANARY; 300]));
    expect_rv!(
        call30!(C_SignMessage(
            h,
            null_mut(),
            0,
            null_mut(),
            5,
            out,
            &raw mut n
        )),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(
        call30!(C_SignMessage(h, null_mut(), 0, d, dn, out, &raw mut n)),
        CKR_OK
    );
    expect_rv!(call30!(C_SessionCancel(h, CKF_MESSAGE_SIGN)), CKR_OK);
    assert_eq!(call30!(C_MessageSignFinal(h)), none);
    expect_rv!(call30!(C_MessageSignInit(h, &raw mut m, private)), CKR_OK);
    s.logout().unwrap();
    n = 300;
    assert_eq!(
        call30!(C_SignMessage(h, null_mut(), 0, d, dn, out, &raw mut n)),
        none
    );
}

#[test]
fn each_message_wants_the_pin_that_the_key_wants() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    let template = Template::new().yes(&[CKA_SIGN, CKA_ALWAYS_AUTHENTICATE]);
    let public = Template::new().bytes(CKA_EC_PARAMS, der::P256);
    let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
    let (_, key) = s.generate_pair(&mech, &public, &template).unwrap();
    let mut m = Mech::plain(CKM_ECDSA_SHA256).raw();
    expect_rv!(call30!(C_MessageSignInit(h, &raw mut m, key)), CKR_OK);
    let (d, dn) = at(b"data");
    let mut out = [0u8; 64];
    for _ in 0..2 {
        let mut n = 64;
        let rv = call30!(C_SignMessage(
            h,
            null_mut(),
            0,
            d,
            dn,
            out.as_mut_ptr(),
            &raw mut n
        ));
        expect_rv!(rv, CKR_USER_NOT_LOGGED_IN);
        s.login(CKU_CONTEXT_SPECIFIC, PIN).unwrap();
        let rv = call30!(C_SignMessage(
            h,
            null_mut(),
            0,
            d,
            dn,
            out.as_mut_ptr(),
            &raw mut n
        ));
        expect_rv!(rv, CKR_OK);
    }
}

#[test]
fn a_signature_that_is_known_first() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    for (mech, own, other) in signers(&s) {
        let signature = s.sign(&mech, own, b"the data").unwrap();
        let mut m = mech.raw();
        let ((sig, sn), (d, dn)) = (at(&signature), at(b"the data"));
        let init = |m: &mut CK_MECHANISM| call32!(C_VerifySignatureInit(h, m, other, sig, sn));
        expect_rv!(init(&mut m), CKR_OK);
        expect_rv!(init(&mut m), CKR_OPERATION_ACTIVE);
        expect_rv!(call32!(C_VerifySignature(h, d, dn)), CKR_OK);
        expect_rv!(
            call32!(C_VerifySignature(h, d, dn)),
            CKR_OPERATION_NOT_INITIALIZED
        );
        expect_rv!(init(&mut m), CKR_OK);
        expect_rv!(
            call32!(C_VerifySignature(h, d, dn - 1)),
            CKR_SIGNATURE_INVALID
        );
        expect_rv!(
            call32!(C_VerifySignatureFinal(h)),
            CKR_OPERATION_NOT_INITIALIZED
        );
        expect_rv!(init(&mut m), CKR_OK);
        expect_rv!(call32!(C_VerifySignatureUpdate(h, d, 3)), CKR_OK);
        expect_rv!(call32!(C_VerifySignature(h, d, dn)), CKR_OPERATION_ACTIVE);
        expect_rv!(
            call32!(C_VerifySignatureUpdate(
                h,
                b"_ data"[1..].as_ptr().cast_mut(),
                0
            )),
            CKR_OK
        );
        let (rest, rn) = at(b" data");
        expect_rv!(call32!(C_VerifySignatureUpdate(h, rest, rn)), CKR_OK);
        expect_rv!(call32!(C_VerifySignatureFinal(h)), CKR_OK);
        // Too short a signature, no signature, and a way out.
        let rv = call32!(C_VerifySignatureInit(h, &raw mut m, other, sig, sn - 1));
        if rv == CKR_OK {
            expect_rv!(
                call32!(C_VerifySignature(h, d, dn)),
                CKR_SIGNATURE_LEN_RANGE
            );
        } else {
            assert_eq!(rv, CKR_SIGNATURE_LEN_RANGE);
        }
        expect_rv!(
            call32!(C_VerifySignatureInit(h, &raw mut m, other, null_mut(), 5)),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(init(&mut m), CKR_OK);
        expect_rv!(call30!(C_SessionCancel(h, CKF_VERIFY)), CKR_OK);
        expect_rv!(init(&mut m), CKR_OK);
        expect_rv!(
            call32!(C_VerifySignatureInit(h, null_mut(), 0, null_mut(), 0)),
            CKR_OK
        );
        expect_rv!(
            call32!(C_VerifySignature(h, d, dn)),
            CKR_OPERATION_NOT_INITIALIZED
        );
    }
}

#[test]
fn what_was_signed_is_recovered() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    let (public, private) = s.rsa_pair(2048, &[CKA_VERIFY_RECOVER], &[CKA_SIGN_RECOVER]);
    let (_, plain) = s.rsa_pair(2048, &[], &[CKA_SIGN]);
    for (kind, data) in [
        (CKM_RSA_PKCS, b"some text".to_vec()),
        (CKM_RSA_PKCS, Vec::new()),
        (CKM_RSA_PKCS, vec![0xff; 245]),
        (CKM_RSA_X_509, [vec![0; 200], vec![7; 56]].concat()),
    ] {
        let mut m = Mech::plain(kind).raw();
        let (d, dn) = at(&data);
        expect_rv!(
            call!(C_SignRecoverInit(h, &raw mut m, plain)),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
        expect_rv!(
            call!(C_SignRecoverInit(h, &raw mut m, public)),
            CKR_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(call!(C_SignRecoverInit(h, &raw mut m, private)), CKR_OK);
        expect_rv!(
            call!(C_SignRecoverInit(h, &raw mut m, private)),
            CKR_OPERATION_ACTIVE
        );
        let signature = two_call(|out, n| call!(C_SignRecover(h, d, dn, out, n))).unwrap();
        expect_rv!(call!(C_VerifyRecoverInit(h, &raw mut m, public)), CKR_OK);
        let (sig, sn) = at(&signature);
        let recovered = two_call(|out, n| call!(C_VerifyRecover(h, sig, sn, out, n))).unwrap();
        assert_eq!(recovered, data);
        let mut out = [CANARY; 300];
        if !data.is_empty() {
            expect_rv!(call!(C_VerifyRecoverInit(h, &raw mut m, public)), CKR_OK);
            let mut n = data.len() as CK_ULONG - 1;
            let rv = call!(C_VerifyRecover(h, sig, sn, out.as_mut_ptr(), &raw mut n));
            expect_rv!(rv, CKR_BUFFER_TOO_SMALL);
            assert_eq!((n as usize, out), (data.len(), [CANARY; 300]));
            let mut n = 300;
            let rv = call!(C_VerifyRecover(h, sig, sn, out.as_mut_ptr(), &raw mut n));
            expect_rv!(rv, CKR_OK);
        }
        expect_rv!(call!(C_VerifyRecoverInit(h, &raw mut m, public)), CKR_OK);
        let mut n = 300;
        let rv = call!(C_VerifyRecover(
            h,
            sig,
            sn - 1,
            out.as_mut_ptr(),
            &raw mut n
        ));
        expect_rv!(rv, CKR_SIGNATURE_LEN_RANGE);
        let rv = call!(C_VerifyRecover(h, sig, sn, out.as_mut_ptr(), &raw mut n));
        expect_rv!(rv, CKR_OPERATION_NOT_INITIALIZED);
    }
    let mut m = Mech::plain(CKM_RSA_PKCS).raw();
    let mut out = [0u8; 300];
    let mut n = 300;
    let (d, _) = at(&[1; 300]);
    expect_rv!(call!(C_SignRecoverInit(h, &raw mut m, private)), CKR_OK);
    let rv = call!(C_SignRecover(h, d, 246, out.as_mut_ptr(), &raw mut n));
    expect_rv!(rv, CKR_DATA_LEN_RANGE);
    expect_rv!(call!(C_VerifyRecoverInit(h, &raw mut m, public)), CKR_OK);
    let rv = call!(C_VerifyRecover(h, d, 256, out.as_mut_ptr(), &raw mut n));
    expect_rv!(rv, CKR_SIGNATURE_INVALID);
    for flag in [CKF_SIGN_RECOVER, CKF_VERIFY_RECOVER] {
        expect_rv!(call!(C_SignRecoverInit(h, &raw mut m, private)), CKR_OK);
        expect_rv!(call!(C_VerifyRecoverInit(h, &raw mut m, public)), CKR_OK);
        expect_rv!(call30!(C_SessionCancel(h, flag)), CKR_OK);
        n = 300;
        let gone = match flag {
            CKF_SIGN_RECOVER => call!(C_SignRecover(h, d, 5, out.as_mut_ptr(), &raw mut n)),
            _ => call!(C_VerifyRecover(h, d, 256, out.as_mut_ptr(), &raw mut n)),
        };
        expect_rv!(gone, CKR_OPERATION_NOT_INITIALIZED);
        expect_rv!(call!(C_SignRecoverInit(h, null_mut(), 0)), CKR_OK);
        expect_rv!(call!(C_VerifyRecoverInit(h, null_mut(), 0)), CKR_OK);
    }
}

#[test]
fn two_operations_in_one_call() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    let mac = s.aes_key(32, &[CKA_SIGN, CKA_VERIFY]);
    let cbc = Mech::bytes(CKM_AES_CBC, &[1; 16]);
    let (sha, cmac) = (Mech::plain(CKM_SHA256), Mech::plain(CKM_AES_CMAC));
    let data: Vec<u8> = (0..96).collect();
    let sealed = s.encrypt(&cbc, key, &data).unwrap();
    let digest = s.digest(&sha, &data).unwrap();
    let signature = s.sign(&cmac, mac, &data).unwrap();

    s.encrypt_init(&cbc, key).unwrap();
    let mut n = 0;
    let (d, dn) = at(&data);
    let none = CKR_OPERATION_NOT_INITIALIZED;
    expect_rv!(
        call!(C_DigestEncryptUpdate(h, d, dn, null_mut(), &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    s.digest_init(&sha).unwrap();
    let mut all = Vec::new();
    for chunk in data.chunks(32) {
        let (c, cn) = at(chunk);
        let mut short = [CANARY; 32];
        n = 31;
        let rv = call!(C_DigestEncryptUpdate(
            h,
            c,
            cn,
            short.as_mut_ptr(),
            &raw mut n
        ));
        expect_rv!(rv, CKR_BUFFER_TOO_SMALL);
        assert_eq!((n, short), (32, [CANARY; 32]));
        all.extend(two_call(|out, n| call!(C_DigestEncryptUpdate(h, c, cn, out, n))).unwrap());
    }
    assert_eq!(all, sealed);
    two_call(|out, n| call!(C_EncryptFinal(h, out, n))).unwrap();
    let own = two_call(|out, n| call!(C_DigestFinal(h, out, n))).unwrap();
    assert_eq!(own, digest);

    s.decrypt_init(&cbc, key).unwrap();
    s.digest_init(&sha).unwrap();
    let (c, cn) = at(&sealed);
    let plain = two_call(|out, n| call!(C_DecryptDigestUpdate(h, c, cn, out, n))).unwrap();
    assert_eq!(plain, data);
    two_call(|out, n| call!(C_DecryptFinal(h, out, n))).unwrap();
    let own = two_call(|out, n| call!(C_DigestFinal(h, out, n))).unwrap();
    assert_eq!(own, digest);

    s.encrypt_init(&cbc, key).unwrap();
    s.sign_init(&cmac, mac).unwrap();
    let all = two_call(|out, n| call!(C_SignEncryptUpdate(h, d, dn, out, n))).unwrap();
    assert_eq!(all, sealed);
    two_call(|out, n| call!(C_EncryptFinal(h, out, n))).unwrap();
    let own = two_call(|out, n| call!(C_SignFinal(h, out, n))).unwrap();
    assert_eq!(own, signature);

    s.decrypt_init(&cbc, key).unwrap();
    s.verify_init(&cmac, mac).unwrap();
    let plain = two_call(|out, n| call!(C_DecryptVerifyUpdate(h, c, cn, out, n))).unwrap();
    assert_eq!(plain, data);
    two_call(|out, n| call!(C_DecryptFinal(h, out, n))).unwrap();
    let (sig, sn) = at(&signature);
    expect_rv!(call!(C_VerifyFinal(h, sig, sn)), CKR_OK);

    // A signer of one part is told before a byte is written; both operations end.
    let (_, ec) = s.ec_pair(der::P256, &[], &[CKA_SIGN]);
    s.encrypt_init(&cbc, key).unwrap();
    s.sign_init(&Mech::plain(CKM_ECDSA), ec).unwrap();
    let mut out = [CANARY; 96];
    n = 96;
    let rv = call!(C_SignEncryptUpdate(h, d, dn, out.as_mut_ptr(), &raw mut n));
    expect_rv!(rv, CKR_FUNCTION_NOT_SUPPORTED);
    assert_eq!(out, [CANARY; 96]);
    assert_eq!(
        call!(C_EncryptUpdate(h, d, 16, out.as_mut_ptr(), &raw mut n)),
        none
    );
    // NULL with a length ends both as well; one half is cancelled, the other goes on.
    s.encrypt_init(&cbc, key).unwrap();
    s.digest_init(&sha).unwrap();
    n = 96;
    let rv = call!(C_DigestEncryptUpdate(
        h,
        null_mut(),
        16,
        out.as_mut_ptr(),
        &raw mut n
    ));
    expect_rv!(rv, CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_DigestUpdate(h, d, 1)), none);
    s.encrypt_init(&cbc, key).unwrap();
    s.digest_init(&sha).unwrap();
    expect_rv!(call30!(C_SessionCancel(h, CKF_ENCRYPT)), CKR_OK);
    expect_rv!(call!(C_DigestUpdate(h, d, dn)), CKR_OK);
    assert_eq!(
        call!(C_DigestEncryptUpdate(
            h,
            d,
            16,
            out.as_mut_ptr(),
            &raw mut n
        )),
        none
    );
}

#[test]
fn a_digest_is_saved_and_goes_on() {
    let token = Token::fresh();
    let s = token.user();
    let h = s.handle;
    let save = |s: &Session| two_call(|out, n| call!(C_GetOperationState(s.handle, out, n)));
    expect_rv!(save(&s), CKR_OPERATION_NOT_INITIALIZED);
    for kind in [
        CKM_SHA_1,
        CKM_SHA224,
        CKM_SHA256,
        CKM_SHA384,
        CKM_SHA512,
        CKM_SHA512_224,
        CKM_SHA512_256,
        CKM_SHA3_224,
        CKM_SHA3_256,
        CKM_SHA3_384,
        CKM_SHA3_512,
    ] {
        let mech = Mech::plain(kind);
        let wanted = s.digest(&mech, &[&[1; 77][..], &[2; 99]].concat()).unwrap();
        s.digest_init(&mech).unwrap();
        let (first, second) = ([1u8; 77], [2u8; 99]);
        expect_rv!(call!(C_DigestUpdate(h, at(&first).0, 77)), CKR_OK);
        let state = save(&s).unwrap();
        assert_ne!(save(&s).unwrap(), state, "sealed anew each time");
        let (b, bn) = at(&state);
        expect_rv!(call!(C_DigestUpdate(h, at(&first).0, 5)), CKR_OK);
        // In another session of the same kind, over what it does.
        let other = token.session();
        other.digest_init(&Mech::plain(CKM_SHA_1)).unwrap();
        for session in [&s, &other] {
            let h = session.handle;
            expect_rv!(call!(C_SetOperationState(h, b, bn, 0, 0)), CKR_OK);
            expect_rv!(call!(C_DigestUpdate(h, at(&second).0, 99)), CKR_OK);
            let own = two_call(|out, n| call!(C_DigestFinal(h, out, n))).unwrap();
            assert_eq!(own, wanted);
        }
    }
    // What is no state of this kind of session.
    s.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
    let state = save(&s).unwrap();
    let (b, bn) = at(&state);
    let invalid = CKR_SAVED_STATE_INVALID;
    for place in 0..state.len() {
        let mut changed = state.clone();
        changed[place] ^= 0x10;
        assert_eq!(
            call!(C_SetOperationState(h, at(&changed).0, bn, 0, 0)),
            invalid
        );
        assert_eq!(
            call!(C_SetOperationState(h, b, place as CK_ULONG, 0, 0)),
            invalid
        );
    }
    let read_only = token.read_only();
    assert_eq!(
        call!(C_SetOperationState(read_only.handle, b, bn, 0, 0)),
        invalid
    );
    expect_rv!(
        call!(C_SetOperationState(h, null_mut(), 5, 0, 0)),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(
        call!(C_SetOperationState(h, b, bn, 7, 0)),
        CKR_KEY_NOT_NEEDED
    );
    let another = Token::fresh();
    let elsewhere = another.user();
    assert_eq!(
        call!(C_SetOperationState(elsewhere.handle, b, bn, 0, 0)),
        invalid
    );
    // What knows a key is not saved.
    let key = s.aes_key(32, &[CKA_ENCRYPT]);
    s.encrypt_init(&Mech::plain(CKM_AES_ECB), key).unwrap();
    expect_rv!(save(&s), CKR_STATE_UNSAVEABLE);
    assert_ne!(token.info().flags & CKF_RESTORE_KEY_NOT_NEEDED, 0);
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
        .ulong(CKA_TRUST_SERVER_AUTH, CKT_TRUST_ANCHOR.into());
    let object = s.create(&trusted).unwrap();
    assert_eq!(
        s.ulong(object, CKA_TRUST_SERVER_AUTH).unwrap(),
        CKT_TRUST_ANCHOR.into()
    );
    assert_eq!(
        s.ulong(object, CKA_TRUST_EMAIL_PROTECTION).unwrap(),
        CKT_TRUST_UNKNOWN.into()
    );
    assert!(!s.flag(object, CKA_PRIVATE).unwrap() && s.flag(object, CKA_MODIFIABLE).unwrap());
    let search = Template::class(CKO_TRUST).bytes(CKA_SERIAL_NUMBER, b"\x02\x01\x05");
    assert_eq!(s.find(&search).unwrap(), [object]);
    // Trust wants the certificate's hash, doubt does not.
    let doubted = named().ulong(CKA_TRUST_SERVER_AUTH, CKT_NOT_TRUSTED.into());
    let doubted = s.create(&doubted).unwrap();
    let trust = Template::new().ulong(CKA_TRUST_SERVER_AUTH, CKT_TRUSTED.into());
    expect_rv!(s.set(doubted, &trust), CKR_TEMPLATE_INCOMPLETE);
    s.set(object, &trust).unwrap();
    expect_rv!(
        s.create(&named().ulong(CKA_TRUST_CODE_SIGNING, CKT_TRUSTED.into())),
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
