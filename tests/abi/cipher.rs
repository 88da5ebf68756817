//! C_Encrypt*, C_Decrypt*: what the vectors do not show.

use crate::support::*;
use cryptoki_sys::*;

#[test]
fn parts_of_any_size_give_the_same() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    let data: Vec<u8> = (0..=255).collect();
    for mech in [
        || Mech::plain(CKM_AES_ECB),
        || Mech::bytes(CKM_AES_CBC, &[1; 16]),
        || Mech::bytes(CKM_AES_CBC_PAD, &[1; 16]),
        || Mech::ctr(64, [2; 16]),
        || Mech::gcm(&[3; 12], b"aad", 96),
    ] {
        let whole = s.encrypt(&mech(), key, &data).unwrap();
        for part in [1, 3, 15, 16, 17, 31, 100, 256] {
            assert_eq!(
                s.encrypt_parts(&mech(), key, &data, part).unwrap(),
                whole,
                "{part}"
            );
            assert_eq!(
                s.decrypt_parts(&mech(), key, &whole, part).unwrap(),
                data,
                "{part}"
            );
        }
    }
}

#[test]
fn empty_data() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    let pad = Mech::bytes(CKM_AES_CBC_PAD, &[1; 16]);
    let sealed = s.encrypt(&pad, key, b"").unwrap();
    assert_eq!(sealed.len(), 16);
    assert_eq!(s.decrypt(&pad, key, &sealed).unwrap(), b"");
    let gcm = Mech::gcm(&[3; 12], b"aad", 128);
    let sealed = s.encrypt(&gcm, key, b"").unwrap();
    assert_eq!(sealed.len(), 16);
    assert_eq!(s.decrypt(&gcm, key, &sealed).unwrap(), b"");
    assert_eq!(s.encrypt_parts(&gcm, key, b"", 1).unwrap(), sealed);
}

#[test]
fn data_in_place() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    for mech in [
        Mech::plain(CKM_AES_ECB),
        Mech::bytes(CKM_AES_CBC, &[1; 16]),
        Mech::ctr(128, [2; 16]),
        Mech::gcm(&[3; 12], b"", 128),
    ] {
        let data = [0x42u8; 64];
        let expected = session.encrypt(&mech, key, &data).unwrap();
        let mut buffer = [0u8; 128];
        buffer[..64].copy_from_slice(&data);
        let mut n = 128;
        session.encrypt_init(&mech, key).unwrap();
        expect_rv!(
            call!(C_Encrypt(
                s,
                buffer.as_mut_ptr(),
                64,
                buffer.as_mut_ptr(),
                &raw mut n
            )),
            CKR_OK
        );
        assert_eq!(buffer[..n as usize], expected[..]);
        session.decrypt_init(&mech, key).unwrap();
        let length = n;
        n = 128;
        expect_rv!(
            call!(C_Decrypt(
                s,
                buffer.as_mut_ptr(),
                length,
                buffer.as_mut_ptr(),
                &raw mut n
            )),
            CKR_OK
        );
        assert_eq!(buffer[..n as usize], data);
    }
}

#[test]
fn one_operation_of_a_kind_at_a_time() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN]);
    s.encrypt_init(&Mech::plain(CKM_AES_ECB), key).unwrap();
    expect_rv!(
        s.encrypt_init(&Mech::plain(CKM_AES_ECB), key),
        CKR_OPERATION_ACTIVE
    );
    // Others may run beside it.
    s.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
    s.decrypt_init(&Mech::plain(CKM_AES_ECB), key).unwrap();
    s.sign_init(&Mech::plain(CKM_AES_CMAC), key).unwrap();
}

#[test]
fn a_single_call_after_parts_is_refused() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_ENCRYPT]);
    let mut buffer = [0u8; 64];
    let at = buffer.as_mut_ptr();
    let mut n = 64;
    session
        .encrypt_init(&Mech::plain(CKM_AES_ECB), key)
        .unwrap();
    expect_rv!(call!(C_EncryptUpdate(s, at, 16, at, &raw mut n)), CKR_OK);
    n = 64;
    let rv = call!(C_Encrypt(s, at, 16, at, &raw mut n));
    expect_rv!(
        rv,
        CKR_OPERATION_ACTIVE | CKR_OPERATION_NOT_INITIALIZED | CKR_FUNCTION_FAILED
    );
}

#[test]
fn rsa_encryption_round_trips() {
    let token = Token::fresh();
    let s = token.user();
    let (public, private) = s.rsa_pair(2048, &[CKA_ENCRYPT], &[CKA_DECRYPT]);
    let mut mechs = vec![
        Mech::plain(CKM_RSA_PKCS),
        Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b""),
    ];
    if is_keyward() {
        for (hash, mgf) in [
            (CKM_SHA224, CKG_MGF1_SHA224),
            (CKM_SHA256, CKG_MGF1_SHA256),
            (CKM_SHA384, CKG_MGF1_SHA384),
            (CKM_SHA512, CKG_MGF1_SHA512),
            (CKM_SHA3_256, CKG_MGF1_SHA3_256),
            (CKM_SHA256, CKG_MGF1_SHA1),
            (CKM_SHA_1, CKG_MGF1_SHA3_512),
        ] {
            mechs.push(Mech::oaep(hash, mgf, b"a label"));
        }
    }
    for mech in &mechs {
        let once = s.encrypt(mech, public, b"message").unwrap();
        assert_ne!(
            once,
            s.encrypt(mech, public, b"message").unwrap(),
            "encryption is random"
        );
        assert_eq!(s.decrypt(mech, private, &once).unwrap(), b"message");
    }
    expect_rv!(s.encrypt(&mechs[0], public, &[1; 246]), CKR_DATA_LEN_RANGE);
    s.encrypt(&mechs[0], public, &[1; 245]).unwrap();
    expect_rv!(s.encrypt(&mechs[1], public, &[1; 215]), CKR_DATA_LEN_RANGE);
    let raw = Mech::plain(CKM_RSA_X_509);
    let number = [&[0u8; 200][..], &[7; 56]].concat();
    let sealed = s.encrypt(&raw, public, &number).unwrap();
    assert_eq!(s.decrypt(&raw, private, &sealed).unwrap(), number);
}
