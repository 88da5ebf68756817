//! The interface "Vendor Keyward": one call that opens a key token, does one operation and forgets
//! the key.

use crate::key_tokens::domain_key;
use crate::support::*;
use crate::vendor_list::First;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// One use of a key token: the output by the two-call rule.
fn once(
    s: &Session,
    token: &[u8],
    operation: CK_FLAGS,
    mech: &Mech,
    data: &[u8],
) -> Outcome<Vec<u8>> {
    two_call(|at, n| raw(s, token, operation, mech, data, at, n))
}

/// One call as it is. SAFETY throughout: every pointer is of memory that lives, of the length given.
fn raw(
    s: &Session,
    token: &[u8],
    operation: CK_FLAGS,
    mech: &Mech,
    data: &[u8],
    out: *mut CK_BYTE,
    length: *mut CK_ULONG,
) -> CK_RV {
    let mut mechanism = mech.raw();
    let call = First::of_module()
        .expect("the vendor's interface")
        .use_key_token;
    // SAFETY: as above.
    unsafe {
        call(
            s.handle,
            token.as_ptr().cast_mut(),
            token.len() as CK_ULONG,
            operation,
            &raw mut mechanism,
            data.as_ptr().cast_mut(),
            data.len() as CK_ULONG,
            out,
            length,
        )
    }
}

/// A session, and the key token of an AES key with these usages and no other.
fn sealed(usages: &[CK_ATTRIBUTE_TYPE]) -> (Session, CK_OBJECT_HANDLE, Vec<u8>) {
    let s = Token::fresh().user();
    let others = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY].into_iter();
    let others: Vec<_> = others.filter(|kind| !usages.contains(kind)).collect();
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .yes(usages)
        .no(&others);
    let key = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    let token = s
        .wrap(&Mech::plain(0x804B_5701), domain_key(&s), key)
        .unwrap();
    (s, key, token)
}

#[test]
fn a_key_token_encrypts_and_decrypts_as_its_key_does() {
    module();
    if !is_keyward() {
        return;
    }
    let (s, key, token) = sealed(&[CKA_ENCRYPT, CKA_DECRYPT]);
    let gcm = Mech::gcm(&[7; 12], b"tenant", 128);
    let expected = s.encrypt(&gcm, key, b"a secret of the tenant").unwrap();
    s.destroy(key).unwrap();
    let objects = s.find(&Template::new()).unwrap().len();
    let sealed = once(&s, &token, CKF_ENCRYPT, &gcm, b"a secret of the tenant").unwrap();
    assert_eq!(sealed, expected);
    let opened = once(&s, &token, CKF_DECRYPT, &gcm, &sealed).unwrap();
    assert_eq!(opened, b"a secret of the tenant");
    assert_eq!(
        s.find(&Template::new()).unwrap().len(),
        objects,
        "the key is forgotten"
    );

    let mut forged = sealed.clone();
    forged[3] ^= 1;
    let mut out = [0x55; 64];
    let mut length = 64;
    expect_rv!(
        raw(
            &s,
            &token,
            CKF_DECRYPT,
            &gcm,
            &forged,
            out.as_mut_ptr(),
            &raw mut length
        ),
        CKR_ENCRYPTED_DATA_INVALID
    );
    assert_eq!(out, [0x55; 64], "nothing of a forgery is shown");
}

#[test]
fn a_key_token_signs_and_verifies() {
    module();
    if !is_keyward() {
        return;
    }
    let (s, key, token) = sealed(&[CKA_SIGN, CKA_VERIFY]);
    let cmac = Mech::plain(CKM_AES_CMAC);
    let mut mac = once(&s, &token, CKF_SIGN, &cmac, b"an order").unwrap();
    assert_eq!(mac, s.sign(&cmac, key, b"an order").unwrap());
    let mut length = mac.len() as CK_ULONG;
    let verify = |mac: &mut [u8], length: &mut CK_ULONG| {
        raw(
            &s,
            &token,
            CKF_VERIFY,
            &cmac,
            b"an order",
            mac.as_mut_ptr(),
            length,
        )
    };
    expect_rv!(verify(&mut mac, &mut length), CKR_OK);
    mac[0] ^= 1;
    expect_rv!(verify(&mut mac, &mut length), CKR_SIGNATURE_INVALID);
    length -= 1;
    expect_rv!(
        verify(&mut mac, &mut length),
        CKR_SIGNATURE_LEN_RANGE | CKR_SIGNATURE_INVALID
    );
    expect_rv!(
        raw(
            &s,
            &token,
            CKF_VERIFY,
            &cmac,
            b"an order",
            null_mut(),
            &raw mut length
        ),
        CKR_ARGUMENTS_BAD
    );
}

#[test]
fn what_the_key_forbids_stays_forbidden() {
    module();
    if !is_keyward() {
        return;
    }
    let (s, _, token) = sealed(&[CKA_ENCRYPT]);
    let gcm = Mech::gcm(&[7; 12], b"", 128);
    let refused = once(&s, &token, CKF_DECRYPT, &gcm, &[0; 32]);
    assert_eq!(refused, Err(Rv(CKR_KEY_FUNCTION_NOT_PERMITTED)));
    let refused = once(
        &s,
        &token,
        CKF_ENCRYPT,
        &Mech::plain(CKM_SHA256_RSA_PKCS),
        b"x",
    );
    assert_eq!(refused, Err(Rv(CKR_MECHANISM_INVALID)));
    for place in [0, 40, token.len() - 1] {
        let mut broken = token.clone();
        broken[place] ^= 0x40;
        let refused = once(&s, &broken, CKF_ENCRYPT, &gcm, b"x");
        assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_INVALID)), "byte {place}");
    }
    let refused = once(&s, &token[..token.len() / 2], CKF_ENCRYPT, &gcm, b"x");
    assert_eq!(refused, Err(Rv(CKR_WRAPPED_KEY_INVALID)));
    s.logout().unwrap();
    let refused = once(&s, &token, CKF_ENCRYPT, &gcm, b"x");
    assert_eq!(refused, Err(Rv(CKR_USER_NOT_LOGGED_IN)));
}

#[test]
fn bad_arguments_of_the_single_call() {
    module();
    if !is_keyward() {
        return;
    }
    let (s, _, token) = sealed(&[CKA_ENCRYPT]);
    let gcm = Mech::gcm(&[7; 12], b"", 128);
    let mut out = [0x55; 64];
    let mut length = 64;
    for operation in [0, CKF_WRAP, CKF_ENCRYPT | CKF_DECRYPT] {
        let code = raw(
            &s,
            &token,
            operation,
            &gcm,
            b"x",
            out.as_mut_ptr(),
            &raw mut length,
        );
        expect_rv!(code, CKR_ARGUMENTS_BAD);
    }
    let code = raw(
        &s,
        &token,
        CKF_ENCRYPT,
        &gcm,
        b"x",
        out.as_mut_ptr(),
        null_mut(),
    );
    expect_rv!(code, CKR_ARGUMENTS_BAD);
    length = 16;
    let code = raw(
        &s,
        &token,
        CKF_ENCRYPT,
        &gcm,
        b"x",
        out.as_mut_ptr(),
        &raw mut length,
    );
    expect_rv!(code, CKR_BUFFER_TOO_SMALL);
    assert_eq!((length, out), (17, [0x55; 64]));
    let nobody = Session::adopt(0, 0xDEAD);
    let code = raw(&nobody, &token, 0, &gcm, b"x", null_mut(), null_mut());
    expect_rv!(code, CKR_SESSION_HANDLE_INVALID);
    std::mem::forget(nobody);
}
