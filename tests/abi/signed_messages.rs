//! C_MessageSign*, C_SignMessage*, their counterparts, and C_VerifySignature*.

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
