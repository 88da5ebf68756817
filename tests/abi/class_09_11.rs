//! Bad input, classes 9 to 11: what ends an operation, bad signatures, wrong key types.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

#[test]
fn class_09_errors_end_the_operation() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]);
    let mut data = [0u8; 64];
    let at = data.as_mut_ptr();
    let mut n = 64;
    session
        .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
        .unwrap();
    expect_rv!(
        call!(C_Encrypt(s, at, 15, at, &raw mut n)),
        CKR_DATA_LEN_RANGE
    );
    expect_rv!(
        call!(C_Encrypt(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    for length in [15, 17] {
        session
            .decrypt_init(&Mech::bytes(CKM_AES_CBC_PAD, &[0; 16]), key)
            .unwrap();
        n = 64;
        expect_rv!(
            call!(C_Decrypt(s, at, length, at, &raw mut n)),
            CKR_ENCRYPTED_DATA_LEN_RANGE | CKR_ENCRYPTED_DATA_INVALID
        );
        expect_rv!(
            call!(C_Decrypt(s, at, 16, at, &raw mut n)),
            CKR_OPERATION_NOT_INITIALIZED
        );
    }
    session
        .encrypt_init(&Mech::bytes(CKM_AES_CBC, &[0; 16]), key)
        .unwrap();
    n = 64;
    expect_rv!(call!(C_EncryptUpdate(s, at, 10, at, &raw mut n)), CKR_OK);
    n = 64;
    expect_rv!(call!(C_EncryptFinal(s, at, &raw mut n)), CKR_DATA_LEN_RANGE);
    n = 64;
    expect_rv!(
        call!(C_EncryptFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    // The session is as good as before.
    session
        .encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16])
        .unwrap();
}

#[test]
fn class_09_verification_always_ends() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_SIGN, CKA_VERIFY]);
    let mac = Mech::plain(CKM_AES_CMAC);
    let mut tag = session.sign(&mac, key, b"data").unwrap();
    let mut data = *b"data";
    let verify = |tag: &mut [u8]| {
        call!(C_Verify(
            s,
            data.as_ptr().cast_mut(),
            4,
            tag.as_mut_ptr(),
            tag.len() as CK_ULONG
        ))
    };
    session.verify_init(&mac, key).unwrap();
    expect_rv!(verify(&mut tag), CKR_OK);
    expect_rv!(verify(&mut tag), CKR_OPERATION_NOT_INITIALIZED);
    session.verify_init(&mac, key).unwrap();
    expect_rv!(verify(&mut [0; 16]), CKR_SIGNATURE_INVALID);
    expect_rv!(verify(&mut tag), CKR_OPERATION_NOT_INITIALIZED);
    session.verify_init(&mac, key).unwrap();
    expect_rv!(verify(&mut [0; 5]), CKR_SIGNATURE_LEN_RANGE);
    expect_rv!(verify(&mut tag), CKR_OPERATION_NOT_INITIALIZED);
    session.verify_init(&mac, key).unwrap();
    expect_rv!(call!(C_VerifyUpdate(s, data.as_mut_ptr(), 4)), CKR_OK);
    expect_rv!(
        call!(C_VerifyFinal(s, [0u8; 16].as_mut_ptr(), 16)),
        CKR_SIGNATURE_INVALID
    );
    expect_rv!(
        call!(C_VerifyFinal(s, tag.as_mut_ptr(), 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
}

#[test]
fn class_09_calls_out_of_order() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let mut data = [0u8; 64];
    let at = data.as_mut_ptr();
    let mut n = 64;
    expect_rv!(
        call!(C_Encrypt(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_EncryptUpdate(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_EncryptFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Decrypt(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_DecryptUpdate(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_DecryptFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Sign(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_SignUpdate(s, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_SignFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Verify(s, at, 16, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_VerifyUpdate(s, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_VerifyFinal(s, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Digest(s, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_DigestUpdate(s, at, 16)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_DigestFinal(s, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    let mut handle = 0;
    expect_rv!(
        call!(C_FindObjects(s, &raw mut handle, 1, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(call!(C_FindObjectsFinal(s)), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn class_10_bad_signatures() {
    let token = Token::fresh();
    let s = token.user();
    let (rsa, rsa_private) = s.rsa_pair(2048, &[CKA_VERIFY], &[CKA_SIGN]);
    let (ec, ec_private) = s.ec_pair(der::P256, &[CKA_VERIFY], &[CKA_SIGN]);
    let secret = s.aes_key(32, &[CKA_SIGN, CKA_VERIFY]);
    let pss = || Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
    let cases: Vec<(Mech, u64, u64, usize)> = vec![
        (Mech::plain(CKM_SHA256_RSA_PKCS), rsa, rsa_private, 256),
        (Mech::plain(CKM_RSA_PKCS), rsa, rsa_private, 256),
        (pss(), rsa, rsa_private, 256),
        (Mech::plain(CKM_RSA_X_509), rsa, rsa_private, 256),
        (Mech::plain(CKM_ECDSA), ec, ec_private, 64),
        (Mech::plain(CKM_AES_CMAC), secret, secret, 16),
    ];
    for (mech, public, private, size) in cases {
        let kind = mech.kind();
        let good = s.sign(&mech, private, &[7; 32]).unwrap();
        s.verify(&mech, public, &[7; 32], &good).unwrap();
        for bad in [vec![0; size], vec![0xFF; size], vec![1; size]] {
            expect_rv!(
                s.verify(&mech, public, &[7; 32], &bad),
                CKR_SIGNATURE_INVALID,
                "{kind:#x} with {:#x}",
                bad[0]
            );
        }
        let mut flipped = good.clone();
        flipped[size - 1] ^= 1;
        expect_rv!(
            s.verify(&mech, public, &[7; 32], &flipped),
            CKR_SIGNATURE_INVALID,
            "{kind:#x}"
        );
        expect_rv!(
            s.verify(&mech, public, &[8; 32], &good),
            CKR_SIGNATURE_INVALID,
            "{kind:#x}"
        );
        for wrong in [0, 1, size - 1, size + 1, 2 * size, 100_000] {
            let mut bad = good.clone();
            bad.resize(wrong, 0);
            expect_rv!(
                s.verify(&mech, public, &[7; 32], &bad),
                CKR_SIGNATURE_LEN_RANGE,
                "{kind:#x} with {wrong} bytes"
            );
        }
    }
}

#[test]
fn class_11_wrong_key_types() {
    let token = Token::fresh();
    let s = token.user();
    let usages = [
        CKA_ENCRYPT,
        CKA_DECRYPT,
        CKA_SIGN,
        CKA_VERIFY,
        CKA_WRAP,
        CKA_UNWRAP,
        CKA_DERIVE,
    ];
    let aes = s.aes_key(32, &usages);
    let (rsa, rsa_private) = s.rsa_pair(
        2048,
        &[CKA_ENCRYPT, CKA_VERIFY, CKA_WRAP],
        &[CKA_DECRYPT, CKA_SIGN, CKA_UNWRAP],
    );
    let (ec, ec_private) = s.ec_pair(der::P256, &[CKA_VERIFY], &[CKA_SIGN, CKA_DERIVE]);
    let iv = || Mech::bytes(CKM_AES_CBC, &[0; 16]);
    let oaep = || Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    let pss = || Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
    for key in [rsa, rsa_private, ec, ec_private] {
        expect_rv!(s.encrypt_init(&iv(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(s.decrypt_init(&iv(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(
            s.sign_init(&Mech::plain(CKM_AES_CMAC), key),
            CKR_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(
            s.sign_init(&Mech::plain(CKM_SHA256_HMAC), key),
            CKR_KEY_TYPE_INCONSISTENT
        );
    }
    for key in [aes, ec, ec_private] {
        expect_rv!(s.encrypt_init(&oaep(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(s.decrypt_init(&oaep(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(s.sign_init(&pss(), key), CKR_KEY_TYPE_INCONSISTENT);
        expect_rv!(s.verify_init(&pss(), key), CKR_KEY_TYPE_INCONSISTENT);
    }
    for key in [aes, rsa, rsa_private] {
        expect_rv!(
            s.sign_init(&Mech::plain(CKM_ECDSA), key),
            CKR_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(
            s.verify_init(&Mech::plain(CKM_ECDSA), key),
            CKR_KEY_TYPE_INCONSISTENT
        );
        let derived = Template::secret(CKK_AES).ulong(CKA_VALUE_LEN, 32);
        let point = s.attribute(ec, CKA_EC_POINT).unwrap();
        expect_rv!(
            s.derive(&Mech::ecdh(CKD_NULL, b"", &point), key, &derived),
            CKR_KEY_TYPE_INCONSISTENT
        );
    }
    // The public half does not sign, the private half does not verify.
    expect_rv!(
        s.sign_init(&Mech::plain(CKM_ECDSA), ec),
        CKR_KEY_TYPE_INCONSISTENT | CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.verify_init(&Mech::plain(CKM_ECDSA), ec_private),
        CKR_KEY_TYPE_INCONSISTENT | CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let open = s.create(&Template::aes(&[1; 16])).unwrap();
    for key in [rsa, rsa_private, ec_private] {
        expect_rv!(
            s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), key, open),
            CKR_WRAPPING_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(
            s.unwrap(
                &Mech::plain(CKM_AES_KEY_WRAP),
                key,
                &[0; 24],
                &Template::secret(CKK_AES)
            ),
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
        );
    }
    expect_rv!(
        s.wrap(&Mech::plain(CKM_RSA_PKCS), aes, open),
        CKR_WRAPPING_KEY_TYPE_INCONSISTENT
    );
    let data = s.create(&Template::data("no key", b"x")).unwrap();
    expect_rv!(
        s.encrypt_init(&iv(), data),
        CKR_KEY_HANDLE_INVALID | CKR_KEY_TYPE_INCONSISTENT
    );
}
