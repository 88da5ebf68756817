//! C_SignRecover*, C_VerifyRecover*, the dual-function calls, and saved states.

use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn at(bytes: &[u8]) -> (*mut u8, CK_ULONG) {
    (bytes.as_ptr().cast_mut(), bytes.len() as CK_ULONG)
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
    expect_rv!(rv, CKR_OPERATION_NOT_INITIALIZED);
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
