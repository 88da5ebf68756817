//! Key tokens: `CKM_KEYWARD_KEY_TOKEN` under a domain key.

use crate::support::*;
use cryptoki_sys::*;

/// `CKM_KEYWARD_KEY_TOKEN`, as `include/keyward.h` says.
const KEY_TOKEN: CK_MECHANISM_TYPE = 0x804B_5701;
/// `CKA_KEYWARD_DOMAIN_KEY_STATE`.
const STATE: CK_ATTRIBUTE_TYPE = 0x804B_5702;

/// The active domain key of the token.
pub(crate) fn domain_key(s: &Session) -> CK_OBJECT_HANDLE {
    let found = s
        .find(&Template::secret(CKK_AES).ulong(STATE, 1))
        .expect("a search");
    assert_eq!(found.len(), 1, "one domain key is active");
    found[0]
}

fn token() -> Mech {
    Mech::plain(KEY_TOKEN)
}

#[test]
fn a_key_token_brings_back_exactly_the_key() {
    let t = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = t.user();
    let domain = domain_key(&s);
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .label("customer 7")
        .bytes(CKA_ID, &[7])
        .yes(&[CKA_ENCRYPT])
        .no(&[CKA_DECRYPT])
        .ulongs(CKA_ALLOWED_MECHANISMS, &[CKM_AES_ECB, CKM_AES_GCM]);
    let key = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    let sealed = s
        .wrap(&token(), domain, key)
        .expect("a never-extractable key leaves as a key token");
    assert!(sealed.len() <= 600, "{} bytes", sealed.len());
    let ecb = Mech::plain(CKM_AES_ECB);
    let expected = s.encrypt(&ecb, key, &[1; 16]).unwrap();
    s.destroy(key).unwrap();
    let back = s
        .unwrap(&token(), domain, &sealed, &Template::new())
        .unwrap();
    assert_eq!(s.encrypt(&ecb, back, &[1; 16]).unwrap(), expected);
    assert_eq!(s.attribute(back, CKA_LABEL).unwrap(), b"customer 7");
    assert_eq!(s.attribute(back, CKA_ID).unwrap(), [7]);
    for kind in [
        CKA_SENSITIVE,
        CKA_ALWAYS_SENSITIVE,
        CKA_NEVER_EXTRACTABLE,
        CKA_LOCAL,
        CKA_ENCRYPT,
    ] {
        assert!(s.flag(back, kind).unwrap(), "{kind:#x}");
    }
    assert!(!s.flag(back, CKA_EXTRACTABLE).unwrap());
    expect_rv!(s.decrypt_init(&ecb, back), CKR_KEY_FUNCTION_NOT_PERMITTED);
    expect_rv!(
        s.encrypt_init(&Mech::bytes(CKM_AES_CBC, &[0; 16]), back),
        CKR_MECHANISM_INVALID
    );
    assert_eq!(
        s.ulong(back, CKA_KEY_GEN_MECHANISM).unwrap(),
        CKM_AES_KEY_GEN
    );
}

#[test]
fn no_template_loosens_a_key_token() {
    let t = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = t.user();
    let domain = domain_key(&s);
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .yes(&[CKA_ENCRYPT])
        .no(&[CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP]);
    let key = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    let sealed = s.wrap(&token(), domain, key).unwrap();
    for loose in [
        Template::new().yes(&[CKA_EXTRACTABLE]),
        Template::new().no(&[CKA_SENSITIVE]),
        Template::new().yes(&[CKA_DECRYPT, CKA_WRAP]),
        Template::secret(CKK_AES)
            .no(&[CKA_SENSITIVE])
            .yes(&[CKA_EXTRACTABLE, CKA_UNWRAP]),
    ] {
        match s.unwrap(&token(), domain, &sealed, &loose) {
            Ok(back) => {
                expect_rv!(s.attribute(back, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
                assert!(!s.flag(back, CKA_EXTRACTABLE).unwrap());
                assert!(!s.flag(back, CKA_DECRYPT).unwrap() && !s.flag(back, CKA_WRAP).unwrap());
            }
            Err(rv) => expect_rv!(rv.0, CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_READ_ONLY),
        }
    }
    // A key of another type than the token's.
    expect_rv!(
        s.unwrap(
            &token(),
            domain,
            &sealed,
            &Template::secret(CKK_GENERIC_SECRET)
        ),
        CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn forged_key_tokens_are_refused() {
    let t = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = t.user();
    let domain = domain_key(&s);
    let key = s.aes_key(32, &[CKA_ENCRYPT]);
    let sealed = s.wrap(&token(), domain, key).unwrap();
    for at in 0..sealed.len() {
        let mut forged = sealed.clone();
        forged[at] ^= 1;
        let rv = s.unwrap(&token(), domain, &forged, &Template::new());
        expect_rv!(
            rv,
            CKR_WRAPPED_KEY_INVALID | CKR_WRAPPED_KEY_LEN_RANGE | CKR_UNWRAPPING_KEY_HANDLE_INVALID,
            "byte {at}"
        );
    }
    for length in [0, 1, sealed.len() / 2, sealed.len() - 1] {
        expect_rv!(
            s.unwrap(&token(), domain, &sealed[..length], &Template::new()),
            CKR_WRAPPED_KEY_INVALID | CKR_WRAPPED_KEY_LEN_RANGE | CKR_ARGUMENTS_BAD,
            "{length} bytes"
        );
    }
    let longer = [&sealed[..], &[0]].concat();
    expect_rv!(
        s.unwrap(&token(), domain, &longer, &Template::new()),
        CKR_WRAPPED_KEY_INVALID | CKR_WRAPPED_KEY_LEN_RANGE
    );
    // A token of another domain.
    let other = Token::fresh();
    let theirs = other.user();
    expect_rv!(
        theirs.unwrap(&token(), domain_key(&theirs), &sealed, &Template::new()),
        CKR_WRAPPED_KEY_INVALID | CKR_UNWRAPPING_KEY_HANDLE_INVALID | CKR_WRAPPED_KEY_LEN_RANGE
    );
}

#[test]
fn key_tokens_of_every_kind_of_key() {
    let t = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = t.user();
    let domain = domain_key(&s);
    let (_, rsa) = s.rsa_pair(2048, &[], &[CKA_SIGN]);
    let (_, ec) = s.ec_pair(der::P256, &[], &[CKA_SIGN]);
    let secret = s
        .generate(
            &Mech::plain(CKM_GENERIC_SECRET_KEY_GEN),
            &Template::new().ulong(CKA_VALUE_LEN, 64).yes(&[CKA_SIGN]),
        )
        .unwrap();
    for (key, mech) in [
        (rsa, Mech::plain(CKM_SHA256_RSA_PKCS)),
        (secret, Mech::plain(CKM_SHA256_HMAC)),
    ] {
        let sealed = s.wrap(&token(), domain, key).unwrap();
        let back = s
            .unwrap(&token(), domain, &sealed, &Template::new())
            .unwrap();
        assert_eq!(
            s.sign(&mech, back, b"x").unwrap(),
            s.sign(&mech, key, b"x").unwrap()
        );
    }
    let sealed = s.wrap(&token(), domain, ec).unwrap();
    let back = s
        .unwrap(&token(), domain, &sealed, &Template::new())
        .unwrap();
    assert_eq!(s.attribute(back, CKA_EC_PARAMS).unwrap(), der::P256);
    s.sign(&Mech::plain(CKM_ECDSA), back, &[1; 32]).unwrap();
}

#[test]
fn domain_keys_wrap_by_the_standard_too_and_give_back_closed_keys() {
    let t = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = t.user();
    let domain = domain_key(&s);
    let key = s.aes_key(32, &[CKA_EXTRACTABLE, CKA_ENCRYPT]);
    let stays = s.aes_key(32, &[]);
    for kind in [CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP] {
        let mech = Mech::plain(kind);
        let wrapped = s.wrap(&mech, domain, key).unwrap();
        let loose = Template::secret(CKK_AES)
            .no(&[CKA_SENSITIVE])
            .yes(&[CKA_EXTRACTABLE, CKA_ENCRYPT]);
        let back = s
            .unwrap(&mech, domain, &wrapped, &loose)
            .expect("tightened, not refused");
        expect_rv!(s.attribute(back, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
        assert!(!s.flag(back, CKA_EXTRACTABLE).unwrap());
        let ecb = Mech::plain(CKM_AES_ECB);
        assert_eq!(
            s.encrypt(&ecb, back, &[3; 16]).unwrap(),
            s.encrypt(&ecb, key, &[3; 16]).unwrap()
        );
        expect_rv!(s.wrap(&mech, domain, stays), CKR_KEY_UNEXTRACTABLE);
    }
    expect_rv!(s.destroy(domain), CKR_ACTION_PROHIBITED);
}

#[test]
fn ordinary_keys_make_no_key_tokens() {
    let t = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = t.user();
    let ordinary = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let key = s.aes_key(32, &[]);
    expect_rv!(
        s.wrap(&token(), ordinary, key),
        CKR_WRAPPING_KEY_TYPE_INCONSISTENT
            | CKR_WRAPPING_KEY_HANDLE_INVALID
            | CKR_KEY_FUNCTION_NOT_PERMITTED
            | CKR_MECHANISM_INVALID
    );
}

#[test]
fn wrap_key_authenticated_makes_the_same_tokens() {
    let t = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = t.user();
    let domain = domain_key(&s);
    let key = s.aes_key(32, &[CKA_ENCRYPT]);
    let mut m = token().raw();
    let mut data = *b"tenant 7";
    let sealed = two_call(|at, n| {
        call32!(C_WrapKeyAuthenticated(
            s.handle,
            &raw mut m,
            domain,
            key,
            data.as_mut_ptr(),
            8,
            at,
            n
        ))
    })
    .expect("C_WrapKeyAuthenticated");
    let mut back = 0;
    let mut unwrap = |data: &mut [u8], sealed: &[u8]| {
        call32!(C_UnwrapKeyAuthenticated(
            s.handle,
            &raw mut m,
            domain,
            sealed.as_ptr().cast_mut(),
            sealed.len() as CK_ULONG,
            std::ptr::null_mut(),
            0,
            data.as_mut_ptr(),
            data.len() as CK_ULONG,
            &raw mut back
        ))
    };
    expect_rv!(unwrap(&mut data.clone(), &sealed), CKR_OK);
    expect_rv!(
        unwrap(&mut b"tenant 8".to_vec(), &sealed),
        CKR_WRAPPED_KEY_INVALID
    );
    expect_rv!(unwrap(&mut [], &sealed), CKR_WRAPPED_KEY_INVALID);
}
