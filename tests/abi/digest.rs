//! C_Digest*: what the vectors do not show.

use crate::support::*;
use cryptoki_sys::*;

#[test]
fn empty_data_and_parts() {
    let token = Token::fresh();
    let s = token.session();
    let empty = s.digest(&Mech::plain(CKM_SHA256), b"").unwrap();
    assert_eq!(
        empty,
        unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    assert_eq!(
        s.digest_parts(&Mech::plain(CKM_SHA256), b"", 1).unwrap(),
        empty
    );
    // No data at all may be NULL.
    s.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
    let out = two_call(|at, n| call!(C_Digest(s.handle, std::ptr::null_mut(), 0, at, n))).unwrap();
    assert_eq!(out, empty);
}

#[test]
fn open_keys_are_digested_as_their_value() {
    let token = Token::fresh();
    let s = token.user();
    let open = s.create(&Template::aes(&[7; 32])).unwrap();
    s.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
    expect_rv!(call!(C_DigestKey(s.handle, open)), CKR_OK);
    let out = two_call(|at, n| call!(C_DigestFinal(s.handle, at, n))).unwrap();
    assert_eq!(out, s.digest(&Mech::plain(CKM_SHA256), &[7; 32]).unwrap());
    let (_, rsa) = s.rsa_pair(2048, &[], &[]);
    s.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
    expect_rv!(call!(C_DigestKey(s.handle, rsa)), CKR_KEY_INDIGESTIBLE);
}
